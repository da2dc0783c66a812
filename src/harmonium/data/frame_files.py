"""Tables with names in files: CSV, TSV and Parquet to Arrow tables and back."""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from harmonium.contract.storage import write_atomically
from harmonium.contract.warning import warn_caller
from harmonium.data.arrow import parquet_table
from harmonium.data.files import UNREADABLE, write_texts
from harmonium.data.text_tables import Layout, content_of, is_text_table, layout_of

__all__ = [
    "FRAME_ENDINGS",
    "as_arrow",
    "has_names",
    "join_frames",
    "read_frame",
    "write_frame",
    "write_frames",
]

#: Endings of files that hold tables with names.
FRAME_ENDINGS = (".csv", ".tsv", ".parquet")

#: Lines that are looked at to tell a decimal comma: as many bytes from the file's beginning.
_LOOKED_AT = 2**20


def has_names(path: str, known: Collection[str] = ()) -> bool:
    """Whether a file is a table whose columns have names: Parquet, or text whose first line gives
    them (:func:`layout_of`). False for a file that is missing or of another kind."""
    if path != "-" and not Path(path).is_file():
        return False
    if is_text_table(path):
        return bool(layout_of(path, known).names)
    return Path(path).suffix.lower() == ".parquet"


def read_frame(path: str, texts: Collection[str] = (), known: Collection[str] = ()) -> Any:
    """An Arrow table of a ``.csv``, ``.tsv`` or ``.parquet`` with names; ``-`` is text on the
    standard input.

    Text is UTF-8, with or without a byte order mark, its cells parted by commas, semicolons or
    tabs and quoted or not; empty cells and ``NA``, ``NaN``, ``null`` and their like are missing.
    Beside semicolons numbers may have decimal commas. Whole numbers written with leading zeros,
    such as postal codes, and the columns `texts` stay texts. `known` are names that the first line
    may well have. Raises ``ValueError`` or
    ``FileNotFoundError`` with the path.
    """
    if path != "-" and not Path(path).is_file():
        raise FileNotFoundError(f"DATA: no file at {path!r}")
    try:
        from pyarrow import ArrowException
    except ImportError:
        raise ImportError(
            "tables with names are read with pyarrow, which is not installed: "
            "pip install 'harmonium[tables]'"
        ) from None
    try:
        if Path(path).suffix.lower() == ".parquet":
            return parquet_table(path, Path(path).stat().st_size)
        return _read_text(path, texts, layout_of(path, known))
    except (ArrowException, *UNREADABLE) as error:
        why = str(error) or type(error).__name__
        raise ValueError(f"DATA: {path!r} cannot be read: {why}") from error


def _read_text(path: str, texts: Collection[str], layout: Layout) -> Any:
    import pyarrow as pa
    from pyarrow import compute

    content = content_of(path)
    content.decode("utf-8")  # its error names the place
    if not content.strip(b"\xef\xbb\xbf \r\n\t"):
        raise ValueError("it is empty; wanted a line of names and rows")
    if layout.note:
        warn_caller(f"DATA: {path!r}: {layout.note}", UserWarning)
    delimiter, names = layout.delimiter, layout.names
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"two columns are named {twice[0]!r}; wanted each name once")
    point = _decimal_point(content[:_LOOKED_AT], delimiter)
    types = dict.fromkeys(texts, pa.string())
    table = _parsed(content, delimiter, point, types)
    whole = [field.name for field in table.schema if pa.types.is_integer(field.type)]
    if whole:
        written = _parsed(content, delimiter, point, dict.fromkeys(whole, pa.string()), whole)
        for name in whole:
            padded = compute.match_substring_regex(written[name], r"^\s*[+-]?0\d")
            if compute.any(padded).as_py():
                types[name] = pa.string()
    for field in table.schema:
        if pa.types.is_time(field.type):  # a time of day is no date, and no number
            types[field.name] = pa.string()
        if pa.types.is_binary(field.type):
            raise ValueError(f"column {field.name!r} is not text in UTF-8")
    return _parsed(content, delimiter, point, types)


def _parsed(
    content: bytes,
    delimiter: str,
    point: str,
    types: Mapping[str, Any],
    columns: Collection[str] = (),
) -> Any:
    from pyarrow import csv as arrow

    # One thread: an error in one of several ends the process in pyarrow 26.
    return arrow.read_csv(
        io.BytesIO(content),
        read_options=arrow.ReadOptions(use_threads=False),
        parse_options=arrow.ParseOptions(delimiter=delimiter, newlines_in_values=True),
        convert_options=arrow.ConvertOptions(
            strings_can_be_null=True,
            decimal_point=point,
            column_types=dict(types),
            include_columns=list(columns),
        ),
    )


def _decimal_point(beginning: bytes, delimiter: str) -> str:
    """A comma where that reads more columns as numbers; commas that part cells are none."""
    import pyarrow as pa

    if delimiter == ",":
        return "."
    # Whole lines only; one that is cut may be quoted, and is then left to the whole file.
    head = beginning[: beginning.rfind(b"\n") + 1] or beginning
    found = {}
    for point in (".", ","):
        try:
            table = _parsed(head, delimiter, point, {})
        except pa.ArrowInvalid:
            return "."
        found[point] = sum(pa.types.is_floating(field.type) for field in table.schema)
    return "," if found[","] > found["."] else "."


def as_arrow(frame: Any) -> Any:
    """A frame of any library, or a dict of columns, as an Arrow table."""
    import narwhals as nw
    import pyarrow as pa

    if isinstance(frame, Mapping):
        return pa.table(dict(frame))
    return nw.from_native(frame, eager_only=True).to_arrow()


def write_frame(path: str, frame: Any) -> None:
    """An Arrow table to ``.csv``, ``.tsv`` or ``.parquet``, whole or not at all; ``-`` is CSV on
    the standard output.

    Texts are written as they are, so that what is read again is the same. A missing cell is
    empty, a number has all the digits that tell it from others.
    """
    ending = Path(path).suffix.lower()
    if ending == ".parquet":
        from pyarrow import parquet

        write_atomically(path, lambda stream: parquet.write_table(frame, stream))
        return
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n", delimiter="\t" if ending == ".tsv" else ",")
    writer.writerow(frame.column_names)
    columns = [[_cell(value) for value in column.to_pylist()] for column in frame.columns]
    writer.writerows(zip(*columns, strict=True))
    write_texts(path, [stream.getvalue().removesuffix("\n")])


def write_frames(path: str, frames: Iterator[Any]) -> None:
    """Arrow tables as they come, one after the other, to a ``.parquet``, whole or not at all: a
    row group each, of the types of the first."""
    from pyarrow import parquet

    def write(stream: IO[bytes]) -> None:
        first = next(frames)
        with parquet.ParquetWriter(stream, first.schema) as file:
            file.write_table(first)
            for frame in frames:
                file.write_table(frame.cast(first.schema))

    write_atomically(path, write)


def join_frames(path: str, parts: Sequence[str]) -> None:
    """Files of :func:`write_frames` as one, row group after row group, at `path`; `parts` go."""
    from pyarrow import parquet

    def groups() -> Iterator[Any]:
        for part in parts:
            with parquet.ParquetFile(part) as file:
                for k in range(file.num_row_groups):
                    yield file.read_row_group(k)

    write_frames(path, groups())
    for part in parts:
        Path(part).unlink()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, dt.datetime):
        return value.isoformat(" ")
    return str(value)
