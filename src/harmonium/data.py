"""DATA on the command line: files of rows in and out."""

from __future__ import annotations

import io
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from harmonium.storage import write_atomically

__all__ = ["read_rows", "write_rows"]


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
    raise ValueError(f"DATA: {path!r} must end in .npy, .npz, .csv or .parquet")


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
        else:
            np.savetxt(stream, np.atleast_2d(rows), delimiter=",", fmt="%.10g")

    write_atomically(path, write)
