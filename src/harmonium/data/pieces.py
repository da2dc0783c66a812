"""Parts of files that are read by themselves: row groups, record batches, parts of arrays."""

from __future__ import annotations

import os
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from weakref import finalize

import numpy as np
from numpy.typing import NDArray

from harmonium.data.arrow import (
    STORED,
    arrow,
    batches_of,
    parts_of,
    schema_of,
    without_index,
)
from harmonium.data.files import UNREADABLE, array_header

__all__ = [
    "ENDINGS",
    "Piece",
    "Selected",
    "pieces_of_dataset",
    "pieces_of_file",
    "rows_of",
    "spilled",
]

#: Endings of files of rows; of one table all end alike.
ENDINGS = (*STORED, ".npy")
#: Bytes of an array that are read together, so that a window of many mixes rows from everywhere.
_ARRAY_PIECE = 2**20
#: Rows of a row group of what a LazyFrame gives, so that its pieces are the same each time.
_GROUP_ROWS = 2**16
#: Bytes that are hashed at once.
_HASHED_AT_ONCE = 2**22


class Piece(ABC):
    """Consecutive rows of a table that are read by themselves."""

    n_rows: int
    names: tuple[str, ...]
    width: int
    where: str  #: the place, for people

    @abstractmethod
    def blocks(self, most: int) -> Iterator[Any]:
        """The rows in order, at `most` so many at once: an Arrow table or an array each."""

    @abstractmethod
    def digest(self, into: Any, fed: set[str]) -> None:
        """Feed what is stored to a hash, but for files that have been `fed` to it."""


class _Stored(Piece):
    """A row group of a Parquet file, or a record batch of an Arrow file."""

    def __init__(self, path: str, k: int, n_rows: int, names: tuple[str, ...]) -> None:
        self._path, self._k = path, k
        self.n_rows, self.names, self.width = n_rows, names, len(names)
        kind = "row group" if Path(path).suffix.lower() == ".parquet" else "record batch"
        self.where = f"{path!r}, {kind} {k}"

    def blocks(self, most: int) -> Iterator[Any]:
        pa = arrow()
        with _reading(self._path):
            for batch in batches_of(self._path, most, part=self._k):
                yield without_index(pa.Table.from_batches([batch]))

    def digest(self, into: Any, fed: set[str]) -> None:
        _feed(self._path, into, fed)


class _ArrayPart(Piece):
    """Consecutive rows of an array."""

    names = ()

    def __init__(
        self, path: str, first: int, n_rows: int, width: int, dtype: np.dtype[Any], offset: int
    ) -> None:
        self._path, self._dtype, self._offset = path, dtype, offset
        self.n_rows, self.width = n_rows, width
        self.where = f"{path!r}, part from row {first}"

    def blocks(self, most: int) -> Iterator[NDArray[Any]]:
        row = self.width * self._dtype.itemsize
        for start in range(0, self.n_rows, most):
            n = min(most, self.n_rows - start)
            # Read, not mapped: pages of a mapped file count as the process's memory.
            values = np.fromfile(
                self._path, self._dtype, n * self.width, offset=self._offset + start * row
            )
            yield values.reshape(n, self.width)

    def digest(self, into: Any, fed: set[str]) -> None:
        _feed(self._path, into, fed)


class _Fragment(Piece):
    """A fragment of a dataset of Arrow's, of Parquet a row group."""

    def __init__(self, fragment: Any, schema: Any, k: int) -> None:
        self._fragment, self._schema = fragment, schema
        groups = getattr(fragment, "row_groups", None)  # whose file is what count_rows counts
        counts = [group.num_rows for group in groups or []]
        self.n_rows = sum(counts) if counts else fragment.count_rows()
        self.names = tuple(without_index(schema.empty_table()).column_names)
        self.width = len(self.names)
        path = getattr(fragment, "path", "a dataset")
        self.where = f"{path!r}, fragment {k}"

    def blocks(self, most: int) -> Iterator[Any]:
        import pyarrow as pa

        batches = self._fragment.to_batches(
            schema=self._schema,
            batch_size=most,
            batch_readahead=0,
            fragment_readahead=0,
            use_threads=False,
        )
        for batch in batches:
            if batch.num_rows:
                yield without_index(pa.Table.from_batches([batch]))

    def digest(self, into: Any, fed: set[str]) -> None:
        import pyarrow as pa

        for table in self.blocks(_GROUP_ROWS):
            sink = pa.BufferOutputStream()
            with pa.ipc.new_stream(sink, table.schema) as stream:
                stream.write_table(table)
            into.update(sink.getvalue())


class Selected(Piece):
    """Some rows of a piece, by their numbers in it, which rise."""

    def __init__(self, piece: Piece, rows: NDArray[np.int64]) -> None:
        self._piece, self._rows = piece, rows
        self.n_rows, self.names, self.width = len(rows), piece.names, piece.width
        self.where = f"the rows chosen of {piece.where}"

    def blocks(self, most: int) -> Iterator[Any]:
        start, low = 0, 0
        for block in self._piece.blocks(most):
            high = int(np.searchsorted(self._rows, start + len(block)))
            if low < high:
                yield rows_of(block, self._rows[low:high] - start)
            start, low = start + len(block), high
            if low == self.n_rows:
                return

    def digest(self, into: Any, fed: set[str]) -> None:
        self._piece.digest(into, fed)
        into.update(self._rows.astype(np.int64).tobytes())


def rows_of(block: Any, index: NDArray[np.int64]) -> Any:
    """These rows of a block, an array or an Arrow table."""
    return block[index] if isinstance(block, np.ndarray) else block.take(index)


class _reading:
    """Says which file cannot be read."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __enter__(self) -> None: ...

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, UNREADABLE):
            why = str(error) or type(error).__name__
            raise ValueError(f"X: {self._path!r} cannot be read: {why}") from error


def pieces_of_file(path: str) -> list[Piece]:
    """The pieces of a file, by its ending."""
    ending = Path(path).suffix.lower()
    with _reading(path):
        if ending == ".npy":
            return _of_array(path)
        return _of_table(path)


def _of_table(path: str) -> list[Piece]:
    names = tuple(without_index(schema_of(path).empty_table()).column_names)
    pieces: list[Piece] = [_Stored(path, k, n, names) for k, n in enumerate(parts_of(path)) if n]
    return pieces or [_Stored(path, 0, 0, names)]


def _of_array(path: str) -> list[Piece]:
    with open(path, "rb") as stream:
        shape, by_columns, dtype = array_header(stream, os.path.getsize(path))
        offset = stream.tell()
    if len(shape) != 2 or dtype.kind not in "biuf":
        raise ValueError(f"its array is {dtype} of shape {shape}, wanted numbers, a row a sample")
    if by_columns and min(shape) > 1:
        raise ValueError("its array is stored by columns; save np.ascontiguousarray of it")
    n, width = shape
    step = max(1, _ARRAY_PIECE // max(width * dtype.itemsize, 1))
    row = width * dtype.itemsize
    return [
        _ArrayPart(path, first, min(step, n - first), width, dtype, offset + first * row)
        for first in range(0, max(n, 1), step)
    ]


def pieces_of_dataset(dataset: Any) -> list[Piece]:
    """The fragments of a ``pyarrow.dataset.Dataset``, of Parquet its row groups."""
    fragments: list[Any] = []
    for fragment in dataset.get_fragments():
        split = getattr(fragment, "split_by_row_group", None)
        fragments += [fragment] if split is None else split()
    if not fragments:
        raise ValueError("X: the dataset has no files")
    pieces: list[Piece] = [_Fragment(one, dataset.schema, k) for k, one in enumerate(fragments)]
    return [one for one in pieces if one.n_rows] or pieces[:1]


def spilled(frame: Any) -> list[Piece]:
    """What a Polars ``LazyFrame`` gives, run once into a temporary Parquet file that goes when it
    is not read any more."""
    handle, path = tempfile.mkstemp(suffix=".parquet", prefix="harmonium-")
    os.close(handle)
    try:
        frame.sink_parquet(path, row_group_size=_GROUP_ROWS, maintain_order=True)
        pieces = _of_table(path)
    except BaseException:
        os.unlink(path)
        raise
    keeper = _Keeper()
    finalize(keeper, _forget, path)
    for piece in pieces:
        piece.keeper = keeper  # type: ignore[attr-defined]
        piece.where = piece.where.replace(repr(path), "the LazyFrame")
    return pieces


class _Keeper:
    """What a temporary file lives as long as."""


def _forget(path: str) -> None:
    Path(path).unlink(missing_ok=True)


def _feed(path: str, into: Any, fed: set[str]) -> None:
    if path in fed:
        return
    fed.add(path)
    with open(path, "rb") as stream:
        while part := stream.read(_HASHED_AT_ONCE):
            into.update(part)
