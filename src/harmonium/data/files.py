"""DATA on the command line: files of rows in and out."""

from __future__ import annotations

import csv
import io
import math
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from harmonium.contract.storage import write_atomically, write_bytes
from harmonium.contract.warning import warn_caller
from harmonium.data.arrow import parquet_table
from harmonium.data.packed import check_unpacked
from harmonium.data.text_tables import (
    MISSING,
    TRUTH,
    Layout,
    content_of,
    is_text_table,
    layout_of,
)

__all__ = [
    "UNREADABLE",
    "array_header",
    "beside",
    "read_attributes",
    "read_labels",
    "read_named_rows",
    "read_rows",
    "write_rows",
    "write_table",
    "write_texts",
]

#: What numpy, zipfile, the csv module and Pillow raise for files cut short or made up.
UNREADABLE = (
    OSError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    EOFError,
    MemoryError,
    NotImplementedError,
    RuntimeError,  # an encrypted member of an archive; recursion that goes too deep
    SyntaxError,
    csv.Error,
    struct.error,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)


def read_labels(path: str, key: str | None = None, option: str = "--labels") -> NDArray[Any]:
    """Labels, one a row of DATA: a line each in ``.txt`` or ``.csv``, or an array of one axis."""
    if Path(path).suffix.lower() in (".txt", ".csv"):
        if not Path(path).is_file():
            raise FileNotFoundError(f"{option}: no file at {path!r}")
        try:
            lines = Path(path).read_text(encoding="utf-8-sig").splitlines()
        except UnicodeDecodeError as error:
            raise ValueError(f"{option}: {path!r} is not text in UTF-8: {error}") from error
        return np.array([line.strip() for line in lines])
    labels = np.asarray(read_rows(path, key))
    if labels.ndim != 1:
        raise ValueError(f"{option}: wanted one label a row, {path!r} has shape {labels.shape}")
    return labels


def read_attributes(path: str, key: str | None = None) -> Any:
    """Yes/no attributes, from a table whose first line names them; else a label a row."""
    if is_text_table(path) and Path(path).is_file() and len(layout_of(path).names) > 1:
        rows, names = read_named_rows(path)
        return dict(zip(names, rows.T, strict=True))
    return read_labels(path, key, "--attributes")


def write_texts(path: str, texts: Any) -> None:
    """Texts, one a line; ``-`` is the standard output. Files are written atomically."""
    import sys

    lines = "".join(f"{text}\n" for text in texts)
    if path == "-":
        sys.stdout.write(lines)
        return

    write_bytes(path, lines.encode("utf-8"))


def read_rows(path: str, key: str | None = None) -> Any:
    """Rows as :func:`read_named_rows`, without the names."""
    return read_named_rows(path, key)[0]


def read_named_rows(path: str, key: str | None = None) -> tuple[Any, list[str]]:
    """Rows from ``.npy`` (memory-mapped), ``.npz`` (also scipy.sparse), ``.csv``, ``.tsv`` or
    ``.parquet``, and the columns' names where a text gives them; ``-`` is text on the standard
    input.

    Text as :func:`layout_of` finds it; an empty cell or ``NA`` is a blank (NaN), ``True`` and
    ``yes`` are 1. A first column without a name, pandas' index, is left out. `key` names the array
    of an ``.npz`` with several. Raises ``ValueError`` or ``FileNotFoundError`` with the path.
    """
    source = Path(path)
    if path != "-" and not source.is_file():
        raise FileNotFoundError(f"DATA: no file at {path!r}")
    ending = source.suffix.lower()
    try:
        if is_text_table(path):
            layout = layout_of(path)
            if layout.note:
                warn_caller(f"DATA: {path!r}: {layout.note}", UserWarning)
            rows = _read_text(content_of(path), layout)
            if layout.has_index:
                return rows[:, 1:], list(layout.names[1:])
            return rows, list(layout.names)
        if ending == ".npy":
            with source.open("rb") as stream:
                array_header(stream, source.stat().st_size)
            return np.load(source, mmap_mode="r", allow_pickle=False), []
        if ending == ".npz":
            return _read_npz(source, key), []
        if ending == ".parquet":
            return _read_parquet(source), []
    except UNREADABLE as error:
        why = str(error) or type(error).__name__
        raise ValueError(f"DATA: {path!r} cannot be read: {why}") from error
    raise ValueError(
        f"DATA: {path!r} must end in .npy, .npz, .csv, .tsv or .parquet, or be pictures (.png, a "
        "folder)"
    )


def array_header(stream: IO[bytes], n_bytes: int) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, whether stored by columns, and type of the array that `stream` starts with;
    ``ValueError`` unless it is of numbers or texts and fits in its `n_bytes`."""
    version = np.lib.format.read_magic(stream)
    readers = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    if version not in readers:
        raise ValueError(f"its arrays are of version {version}, wanted 1.0 or 2.0")
    shape, by_columns, kind = readers[version](stream)
    if kind.hasobject:
        raise ValueError("its arrays hold Python objects, wanted numbers")
    if min(shape, default=0) < 0 or math.prod(shape) * kind.itemsize > n_bytes:
        raise ValueError(f"it is cut short: an array of {shape} does not fit in {n_bytes} bytes")
    return shape, by_columns, kind


def _check_packed(source: Path) -> dict[str, np.dtype[Any]]:
    """The types of an archive's arrays; ``ValueError`` for a damaged one, or one that fills
    memory from a small file."""
    types = {}
    with zipfile.ZipFile(source) as archive:
        for member in archive.infolist():
            check_unpacked(repr(member.filename), member.file_size, member.compress_size)
            if member.filename.endswith(".npy"):
                with archive.open(member) as stream:
                    name = member.filename.removesuffix(".npy")
                    types[name] = array_header(stream, member.file_size)[2]
    return types


#: Arrays of sparse rows that say where their values stand.
_PLACES = ("indices", "indptr", "row", "col", "coords", "offsets")


def _read_sparse(source: Path, types: dict[str, np.dtype[Any]]) -> Any:
    """Sparse rows, whose places scipy itself believes: compiled loops go where they point."""
    for name in _PLACES:
        if name in types and types[name].kind != "i":
            raise ValueError(f"its {name} are {types[name]}, wanted whole numbers with a sign")
    rows = sparse.load_npz(source)
    if rows.ndim != 2:
        raise ValueError(f"its sparse array has {rows.ndim} axes, wanted rows and columns")
    if rows.format in ("csr", "csc", "bsr"):
        if (np.diff(rows.indptr) < 0).any():
            raise ValueError("its indptr goes back; each row must start where the last one ends")
        across = 0 if rows.format == "csc" else 1
        width = rows.shape[across] // (rows.blocksize[1] if rows.format == "bsr" else 1)
        outside = (rows.indices < 0) | (rows.indices >= width)
        if outside.any():
            first = int(rows.indices[outside][0])
            raise ValueError(f"its indices hold {first}; wanted 0 to {width - 1}")
    return rows


def _read_npz(source: Path, key: str | None) -> Any:
    types = _check_packed(source)
    with np.load(source, allow_pickle=False) as archive:
        names = list(archive)
        if {"format", "shape", "data"} <= set(names):
            return _read_sparse(source, types)
        if key is None and len(names) > 1:
            raise ValueError(f"it holds {', '.join(names)}; choose one with --key")
        chosen = key or names[0]
        if chosen not in names:
            raise ValueError(f"--key {chosen!r} is not among {', '.join(names)}")
        return archive[chosen]


def _read_text(content: bytes, layout: Layout) -> NDArray[np.float64]:
    text = content.decode("utf-8-sig")
    if not text.strip():
        raise ValueError("it is empty; wanted rows of numbers")
    delimiter = None if layout.delimiter == " " else layout.delimiter
    skip = int(len(layout.names) > 0)
    try:
        # Fast, and strict: a cell that is not a number is an error that names its place.
        return np.loadtxt(
            io.StringIO(text), delimiter=delimiter, skiprows=skip, ndmin=2, comments=None
        )
    except ValueError:
        return _read_cells(text, layout)


def _read_cells(text: str, layout: Layout) -> NDArray[np.float64]:
    """Cell by cell: blanks are NaN, and what is no number is named with its place."""
    rows: list[list[float]] = []
    for line, cells in enumerate(layout.cells(io.StringIO(text)), start=1):
        if (line == 1 and layout.names) or not cells:
            continue
        if rows and len(cells) != len(rows[0]):
            raise ValueError(f"line {line} has {len(cells)} cells, those before {len(rows[0])}")
        row = []
        for column, cell in enumerate(cells, start=1):
            value = _value(cell.strip(), layout.delimiter)
            if value is None:
                name = f" ({layout.names[column - 1]!r})" if column <= len(layout.names) else ""
                raise ValueError(
                    f"line {line}, column {column}{name}: wanted a number, yes or no, or nothing, "
                    f"got {cell!r}"
                )
            row.append(value)
        rows.append(row)
    return np.array(rows, ndmin=2)


def _value(cell: str, delimiter: str) -> float | None:
    """A cell as a number; None for what is none."""
    if cell in MISSING:
        return np.nan
    if cell.lower() in TRUTH:
        return TRUTH[cell.lower()]
    try:
        return float(cell if delimiter == "," else cell.replace(",", "."))
    except ValueError:
        return None


def _read_parquet(source: Path) -> NDArray[Any]:
    # Arrow's own reader: that of polars 2.1 ends the whole process over a page's wrong header.
    return beside(parquet_table(source, source.stat().st_size))


#: Types of columns whose nulls Arrow would not make NaN.
_NO_BLANKS = ("bool", "null")


def beside(table: Any) -> NDArray[Any]:
    """The columns of an Arrow table side by side, in a type that holds them all; NaN for null."""
    if not table.num_columns:
        raise ValueError("it has no columns; wanted some of numbers")
    columns = (
        column.cast("int8") if column.null_count and str(column.type) in _NO_BLANKS else column
        for column in table.columns
    )
    return np.column_stack([column.to_numpy() for column in columns])


#: What a spreadsheet takes for the start of a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def write_table(path: str, header: Iterable[Any], rows: Iterable[Iterable[Any]]) -> None:
    """A table with a line of names as CSV (RFC 4180); ``-`` is the standard output.

    Texts that a spreadsheet would run as a formula get an apostrophe before them; numbers stay
    as they are.
    """
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([_cell(name) for name in header])
    writer.writerows([_cell(value) for value in row] for row in rows)
    write_texts(path, [stream.getvalue().removesuffix("\n")])


def _cell(value: Any) -> str:
    if isinstance(value, str):
        return f"'{value}" if value.startswith(_FORMULA) else value
    return f"{value:.6g}" if isinstance(value, float | np.floating) else str(value)


def write_rows(path: str, rows: NDArray[Any], names: Sequence[str] = ()) -> None:
    """Rows to ``.npy``, ``.npz`` or ``.csv`` by the path's ending, atomically.

    A ``.csv`` begins with the columns' `names` where they are given.
    """
    ending = Path(path).suffix.lower()
    if names and ending == ".csv":
        write_table(path, names, np.atleast_2d(rows).tolist())
        return

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
