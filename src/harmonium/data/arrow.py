"""PyArrow, which is there where it was asked for, and tables in its files, read in parts."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from harmonium.data.packed import check_unpacked

__all__ = [
    "STORED",
    "arrow",
    "batches_of",
    "parquet_table",
    "parts_of",
    "schema_of",
    "together",
    "without_index",
]

#: Endings of files that hold tables.
STORED = (".parquet", ".arrow", ".feather")

_INDEX = re.compile(r"__index_level_\d+__")


def arrow(module: str = "pyarrow") -> Any:
    """PyArrow, or a `module` of it; ``ImportError`` that says what to install."""
    try:
        return import_module(module)
    except ImportError:
        raise ImportError(
            ".parquet, .arrow, .feather and .zst are read with pyarrow, which is not installed: "
            "pip install 'harmonium[tables]'"
        ) from None


def without_index(table: Any) -> Any:
    """An Arrow table without what pandas writes of an index without a name: columns that nobody
    named."""
    return table.drop_columns([one for one in table.column_names if _INDEX.fullmatch(one)])


def together(tables: Sequence[Any]) -> Any:
    """Tables of the same columns as one: numbers of several widths as the widest, labels that are
    numbered in some as labels, nulls as what the others hold. ``ValueError`` that names a column
    which holds things of two kinds."""
    pa = arrow()
    try:
        return pa.concat_tables(tables, promote_options="permissive")
    except pa.ArrowException:
        tables = [_unnumbered(table) for table in tables]
    for name in tables[0].column_names:
        parts = [table.select([name]) for table in tables]
        try:
            pa.concat_tables(parts, promote_options="permissive")
        except pa.ArrowException:
            kinds = sorted({str(part.schema.field(0).type) for part in parts})
            raise ValueError(
                f"X: column {name!r} is of type {' in some rows and '.join(kinds)} in others; "
                "wanted one kind in all files"
            ) from None
    return pa.concat_tables(tables, promote_options="permissive")


def _unnumbered(table: Any) -> Any:
    """Dictionaries of labels as the labels."""
    for j, field in enumerate(table.schema):
        if str(field.type).startswith("dictionary"):
            table = table.set_column(j, field.name, table.column(j).cast(field.type.value_type))
    return table


def parquet_table(source: Any, n_packed: int) -> Any:
    """The Arrow table of a Parquet file of `n_packed` bytes, a path or a stream; ``ValueError``
    where it would fill memory."""
    with arrow("pyarrow.parquet").ParquetFile(source) as file:
        about = file.metadata
        n_bytes = sum(about.row_group(k).total_byte_size for k in range(about.num_row_groups))
        n_bytes = max(n_bytes, 8 * about.num_rows * about.num_columns)
        check_unpacked("it", n_bytes, n_packed)
        table = file.read()
    return without_index(table)


def schema_of(path: str) -> Any:
    """The schema of a file of a table; PyArrow's errors for what is none."""
    if _is_parquet(path):
        return arrow("pyarrow.parquet").read_schema(path)
    with _stored(path, None) as (schema, _):
        return schema


def parts_of(path: str) -> list[int]:
    """Rows of each row group of a Parquet file, or record batch of an Arrow file, which must not be
    a stream."""
    if _is_parquet(path):
        about = arrow("pyarrow.parquet").read_metadata(path)
        return [about.row_group(k).num_rows for k in range(about.num_row_groups)]
    pa = arrow()
    with pa.OSFile(path) as source:
        file = pa.ipc.open_file(source)
        return [file.get_batch(k).num_rows for k in range(file.num_record_batches)]


def batches_of(
    path: str,
    most: int,
    *,
    part: int | None = None,
    columns: Sequence[str] | None = None,
    most_bytes: int | None = None,
) -> Iterator[Any]:
    """The rows of a file of a table in order, as record batches of at most `most` rows: of one
    `part` alone, or of all; of all `columns`, or of these. Of Parquet, whose footer tells how long
    rows are, no more of them than `most_bytes` hold."""
    if _is_parquet(path):
        with arrow("pyarrow.parquet").ParquetFile(path) as file:
            for k in range(file.num_row_groups) if part is None else [part]:
                about, n = file.metadata.row_group(k), most
                if most_bytes is not None:
                    size = about.total_byte_size // max(about.num_rows, 1)
                    n = min(max(most_bytes // max(size, 1), 1), most)
                yield from file.iter_batches(n, row_groups=[k], columns=columns, use_threads=False)
        return
    with _stored(path, part) as (_, batches):
        for batch in batches:
            own = batch if columns is None else batch.select(columns)
            for start in range(0, len(own), most):
                yield own[start : start + most]


@contextmanager
def _stored(path: str, part: int | None) -> Iterator[tuple[Any, Iterator[Any]]]:
    """The schema and the record batches of a file of Arrow's: one with an index, or a stream, of
    which no `part` can be had."""
    pa = arrow()
    with pa.OSFile(path) as source:
        try:
            file = pa.ipc.open_file(source)
        except pa.ArrowInvalid:
            if part is not None:
                raise
            source.seek(0)
            file = pa.ipc.open_stream(source)
            yield file.schema, iter(file)
        else:
            numbers = range(file.num_record_batches) if part is None else [part]
            yield file.schema, map(file.get_batch, numbers)


def _is_parquet(path: str) -> bool:
    return os.path.splitext(path)[1].lower() == ".parquet"
