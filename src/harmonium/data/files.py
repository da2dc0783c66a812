"""DATA on the command line: files of rows in and out."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from harmonium.contract.storage import write_atomically

__all__ = ["read_attributes", "read_data", "read_labels", "read_rows", "write_rows", "write_texts"]

_TEXT_ENDINGS = (".txt", ".gz", ".text")


def read_data(kind: str, path: str, key: str | None = None, n_levels: int | None = None) -> Any:
    """DATA as a model of `kind` takes it: ``"ngram"``, ``"grid"`` or ``"rbm"``.

    Texts: a file with a text a line, plain or gzip, ``-`` for the standard input. Images: a
    folder, a picture, or an array ``(n, height, width)``; gray values are brought to `n_levels`
    levels. Rows: as :func:`read_rows`, or pictures in black and white, a row each.
    """
    if kind == "ngram":
        from harmonium.data.texts import TextFile

        if path != "-" and Path(path).suffix.lower() not in _TEXT_ENDINGS:
            raise ValueError(f"DATA: texts come from .txt, .txt.gz or -, got {path!r}")
        return TextFile(path)
    pictures = Path(path).is_dir() or Path(path).suffix.lower() in _picture_endings()
    if kind == "grid":
        levels = 256 if n_levels is None else n_levels
        if pictures:
            from harmonium.data.images import read_images

            return read_images(path, levels)
        images = np.asarray(read_rows(path, key))
        finite = images[np.isfinite(images)] if images.dtype.kind == "f" else images
        if finite.size and finite.max() >= levels and images.dtype.kind in "ui":
            from harmonium.data.images import quantise

            return quantise(images, levels)
        return images
    if pictures:
        from harmonium.data.images import read_images

        images = read_images(path, 2)
        if isinstance(images, list):
            raise ValueError(f"DATA: the pictures of {path!r} differ in size; an RBM wants one")
        return images.reshape(len(images), -1)
    return read_rows(path, key)


def _picture_endings() -> tuple[str, ...]:
    from harmonium.data.images import IMAGE_ENDINGS

    return IMAGE_ENDINGS


def read_labels(path: str, key: str | None = None, option: str = "--labels") -> NDArray[Any]:
    """Labels, one a row of DATA: a line each in ``.txt`` or ``.csv``, or an array of one axis."""
    if Path(path).suffix.lower() in (".txt", ".csv"):
        if not Path(path).is_file():
            raise FileNotFoundError(f"{option}: no file at {path!r}")
        lines = Path(path).read_text(encoding="utf-8").splitlines()
        return np.array([line.strip() for line in lines])
    labels = np.asarray(read_rows(path, key))
    if labels.ndim != 1:
        raise ValueError(f"{option}: wanted one label a row, {path!r} has shape {labels.shape}")
    return labels


def read_attributes(path: str, key: str | None = None) -> Any:
    """Yes/no attributes, from a ``.csv`` whose first line names them; else a label a row."""
    if Path(path).suffix.lower() == ".csv" and Path(path).is_file():
        names = _column_names(Path(path).read_text(encoding="utf-8"))
        if len(names) > 1:
            return dict(zip(names, np.asarray(read_rows(path)).T, strict=True))
    return read_labels(path, key, "--attributes")


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
    skip = int(len(_column_names(text)) > 0)
    try:
        # Fast, and strict: a cell that is not a number is an error that names its place.
        return np.loadtxt(io.StringIO(text), delimiter=",", skiprows=skip, ndmin=2, comments=None)
    except ValueError:
        return _read_cells(text, skip)


def _column_names(text: str) -> list[str]:
    """The first line's cells where they are names, that is not all numbers or blanks."""
    cells = next(csv.reader(io.StringIO(text)), [])
    try:
        [float(cell) for cell in cells if cell.strip()]
    except ValueError:
        return [cell.strip() for cell in cells]
    return []


def _read_cells(text: str, skip: int) -> NDArray[np.float64]:
    """Cell by cell: blanks are NaN, and what is no number is named with its place."""
    rows: list[list[float]] = []
    for line, cells in enumerate(csv.reader(io.StringIO(text)), start=1):
        if line <= skip or not cells:
            continue
        if rows and len(cells) != len(rows[0]):
            raise ValueError(f"line {line} has {len(cells)} cells, those before {len(rows[0])}")
        row = []
        for column, cell in enumerate(cells, start=1):
            try:
                row.append(float(cell) if cell.strip() else np.nan)
            except ValueError:
                raise ValueError(
                    f"line {line}, column {column}: wanted a number or nothing, got {cell!r}"
                ) from None
        rows.append(row)
    return np.array(rows, ndmin=2)


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
