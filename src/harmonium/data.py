"""DATA on the command line: files of rows in and out."""

from __future__ import annotations

import io
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from harmonium.storage import write_atomically

__all__ = ["read_data", "read_labels", "read_rows", "write_rows", "write_texts"]

_TEXT_ENDINGS = (".txt", ".gz", ".text")


def read_data(kind: str, path: str, key: str | None = None, n_levels: int | None = None) -> Any:
    """DATA as a model of `kind` takes it: ``"ngram"``, ``"grid"`` or ``"rbm"``.

    Texts: a file with a text a line, plain or gzip, ``-`` for the standard input. Images: a
    folder, a picture, or an array ``(n, height, width)``; gray values are brought to `n_levels`
    levels. Rows: as :func:`read_rows`, or pictures in black and white, a row each.
    """
    if kind == "ngram":
        from harmonium.ngrams.texts import TextFile

        if path != "-" and Path(path).suffix.lower() not in _TEXT_ENDINGS:
            raise ValueError(f"DATA: texts come from .txt, .txt.gz or -, got {path!r}")
        return TextFile(path)
    pictures = Path(path).is_dir() or Path(path).suffix.lower() in _picture_endings()
    if kind == "grid":
        levels = 256 if n_levels is None else n_levels
        if pictures:
            from harmonium.images import read_images

            return read_images(path, levels)
        images = np.asarray(read_rows(path, key))
        finite = images[np.isfinite(images)] if images.dtype.kind == "f" else images
        if finite.size and finite.max() >= levels and images.dtype.kind in "ui":
            from harmonium.images import quantise

            return quantise(images, levels)
        return images
    if pictures:
        from harmonium.images import read_images

        images = read_images(path, 2)
        if isinstance(images, list):
            raise ValueError(f"DATA: the pictures of {path!r} differ in size; an RBM wants one")
        return images.reshape(len(images), -1)
    return read_rows(path, key)


def _picture_endings() -> tuple[str, ...]:
    from harmonium.images import IMAGE_ENDINGS

    return IMAGE_ENDINGS


def read_labels(path: str, key: str | None = None) -> NDArray[Any]:
    """Labels, one a row of DATA: a line each in ``.txt`` or ``.csv``, or an array of one axis."""
    if Path(path).suffix.lower() in (".txt", ".csv"):
        if not Path(path).is_file():
            raise FileNotFoundError(f"--labels: no file at {path!r}")
        lines = Path(path).read_text(encoding="utf-8").splitlines()
        return np.array([line.strip() for line in lines])
    labels = np.asarray(read_rows(path, key))
    if labels.ndim != 1:
        raise ValueError(f"--labels: wanted one label a row, {path!r} has shape {labels.shape}")
    return labels


def write_texts(path: str, texts: Any) -> None:
    """Texts, one a line; ``-`` is the standard output. Files are written atomically."""
    import sys

    lines = "".join(f"{text}\n" for text in texts)
    if path == "-":
        sys.stdout.write(lines)
        return

    def write(stream: IO[bytes]) -> None:
        stream.write(lines.encode("utf-8"))

    write_atomically(path, write)


def read_rows(path: str, key: str | None = None) -> Any:
    """Rows from ``.npy`` (memory-mapped), ``.npz`` (also scipy.sparse), ``.csv`` or ``.parquet``.

    An empty cell of a CSV file is a blank (NaN). `key` names the array of an ``.npz`` with
    several. Raises ``ValueError`` or ``FileNotFoundError`` with the path.
    """
    source = Path(path)
    if not source.is_file():
        raise FileNotFoundError(f"DATA: no file at {path!r}")
    ending = source.suffix.lower()
    try:
        if ending == ".npy":
            return np.load(source, mmap_mode="r", allow_pickle=False)
        if ending == ".npz":
            return _read_npz(source, key)
        if ending == ".csv":
            return _read_csv(source)
        if ending == ".parquet":
            return _read_parquet(source)
    except (OSError, ValueError, KeyError) as error:
        raise ValueError(f"DATA: {path!r} cannot be read: {error}") from error
    raise ValueError(
        f"DATA: {path!r} must end in .npy, .npz, .csv or .parquet, or be pictures (.png, a folder)"
    )


def _read_npz(source: Path, key: str | None) -> Any:
    with np.load(source, allow_pickle=False) as archive:
        names = list(archive)
        if {"format", "shape", "data"} <= set(names):
            from scipy import sparse

            return sparse.load_npz(source)
        if key is None and len(names) > 1:
            raise ValueError(f"it holds {', '.join(names)}; choose one with --key")
        chosen = key or names[0]
        if chosen not in names:
            raise ValueError(f"--key {chosen!r} is not among {', '.join(names)}")
        return archive[chosen]


def _read_csv(source: Path) -> NDArray[np.float64]:
    text = source.read_text(encoding="utf-8")
    first = text.split("\n", 1)[0]
    try:
        [float(cell) for cell in first.split(",") if cell.strip()]
        skip = 0
    except ValueError:
        skip = 1  # a line of column names
    return np.atleast_2d(np.genfromtxt(io.StringIO(text), delimiter=",", skip_header=skip))


def _read_parquet(source: Path) -> Any:
    try:
        import polars
    except ImportError:
        raise ValueError("reading .parquet wants polars: pip install 'harmonium[tables]'") from None
    return polars.read_parquet(source).to_numpy()


def write_rows(path: str, rows: NDArray[Any]) -> None:
    """Rows to ``.npy``, ``.npz`` or ``.csv`` by the path's ending, atomically."""
    ending = Path(path).suffix.lower()

    def write(stream: IO[bytes]) -> None:
        if ending == ".npy":
            np.save(stream, rows)
        elif ending == ".npz":
            np.savez_compressed(stream, rows=rows)
        elif rows.dtype.kind in "fiub":
            np.savetxt(stream, np.atleast_2d(rows), delimiter=",", fmt="%.10g")
        else:
            stream.write("".join(f"{value}\n" for value in rows.ravel()).encode("utf-8"))

    write_atomically(path, write)
