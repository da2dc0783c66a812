"""Rows out of core: tables in many files, read a block at a time and never whole."""

from __future__ import annotations

import glob
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from harmonium.data.pieces import ENDINGS, Piece, pieces_of_dataset, pieces_of_file, spilled

__all__ = ["Shards", "States", "check_in_memory", "is_shards", "looks_like_shards"]

#: Cells of one block; bounds memory, however many rows there are.
_BLOCK_CELLS, _MOST_ROWS = 2**21, 2**16
#: Rows that say what the columns are, spread over all of them.
_SHOWN = 100_000
#: Values of a column that are kept apart while rows are looked through.
_MOST_VALUES = 1000


def is_shards(X: Any) -> bool:
    """Whether `X` is read out of core: a path or a glob, a ``pyarrow.dataset.Dataset``, a Polars
    ``LazyFrame``, or :class:`Shards`."""
    if isinstance(X, str | PathLike | Shards):
        return True
    return _is_of(X, "pyarrow.dataset", "Dataset") or _is_of(X, "polars", "LazyFrame")


def check_in_memory(X: Any, wanted: str) -> None:
    """``ValueError`` for rows out of core, where only what is `wanted` in memory is learned."""
    if is_shards(X):
        raise ValueError(
            f"X: wanted {wanted} in memory, got {type(X).__name__}; hm.RBM learns from rows out of "
            "core, energy models score, transform, complete and correct them"
        )


def _is_of(X: Any, module: str, name: str) -> bool:
    """Whether `X` is an instance of a library's class, which it is not if nobody loaded it."""
    loaded = sys.modules.get(module)
    return loaded is not None and isinstance(X, getattr(loaded, name))


def looks_like_shards(path: str) -> bool:
    """Whether a path means rows out of core rather than one file: a glob, a folder of shards, or
    a file of Arrow's."""
    if glob.has_magic(path) and not Path(path).exists():
        return True
    if Path(path).is_dir():
        return any(one.suffix.lower() in ENDINGS for one in Path(path).iterdir())
    return Path(path).suffix.lower() in (".arrow", ".feather")


class Shards:
    """Rows of a table in files, or behind a dataset, out of core.

    Parameters
    ----------
    X : a path, a glob (``"rows/*.parquet"``) or a folder of ``.parquet``, ``.arrow``,
        ``.feather`` or ``.npy`` files, in the order of their names; a
        ``pyarrow.dataset.Dataset``; a Polars ``LazyFrame``, which is run once into a temporary
        Parquet file. Tables have names and are read as frames are, ``.npy`` files as arrays.

    Attributes
    ----------
    shape : rows and columns.
    names : of the columns; empty for ``.npy``.

    Raises ``FileNotFoundError`` or ``ValueError`` naming the file: one that cannot be read, or
    whose columns are not those of the first. Costs a look at each file's footer.
    """

    def __init__(self, X: Any) -> None:
        self._pieces: list[Piece] = _pieces(X)
        first = self._pieces[0]
        self.names = first.names
        for piece in self._pieces:
            if (sorted(piece.names), piece.width) != (sorted(first.names), first.width):
                raise ValueError(
                    f"X: {piece.where} has {_told(piece)}; {first.where} has {_told(first)}"
                )
        self._starts = np.cumsum([0, *(piece.n_rows for piece in self._pieces)])
        self.shape = (int(self._starts[-1]), first.width)
        if not self.shape[0]:
            raise ValueError(f"X: {first.where} and those after it hold no rows")

    @classmethod
    def of(cls, X: Any) -> Self:
        """`X` itself, or what reads it."""
        return X if isinstance(X, cls) else cls(X)

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def n_pieces(self) -> int:
        """Row groups, record batches, or parts of arrays: what is read by itself."""
        return len(self._pieces)

    def piece_rows(self, k: int) -> int:
        """Rows of piece `k`."""
        return self._pieces[k].n_rows

    @property
    def block_rows(self) -> int:
        """Rows of one block."""
        return int(np.clip(_BLOCK_CELLS // max(self.shape[1], 1), 1, _MOST_ROWS))

    def blocks(self) -> Iterator[Any]:
        """All rows in order, a block at a time: an Arrow table, or an array, each."""
        for k in range(self.n_pieces):
            yield from (block for _, block in self.piece(k))

    def piece(self, k: int, first: int = 0) -> Iterator[tuple[int, Any]]:
        """The rows of piece `k` from its row `first` on, a block at a time, each with the number
        of its first row."""
        if not 0 <= k < self.n_pieces:
            raise ValueError(f"k must be in [0, {self.n_pieces - 1}], got {k}")
        start, stop = self._starts[k : k + 2].tolist()
        for block in self._pieces[k].blocks(self.block_rows):
            n = len(block)
            if first < n:
                yield start + first, block[first:]
            first = max(first - n, 0)
            start += n
        if start != stop:
            raise ValueError(f"X: {self._pieces[k].where} has other rows than when it was opened")

    def where(self, row: int) -> str:
        """The file, and the part of it, that a row stands in."""
        k = int(np.searchsorted(self._starts, row, side="right")) - 1
        return f"row {row - int(self._starts[k])} of {self._pieces[k].where}"

    def head(self) -> Any:
        """The first row: a table, or an array."""
        return next(self.blocks())[:1]

    def shown(self, n_rows: int = _SHOWN) -> Any:
        """A table, or an array, that says what the columns are: `n_rows` at random, always the
        same ones, and each row that brings a column a value, or an extreme, that they lack.

        One pass over all rows; of a column of more than 1,000 values the extremes count alone.
        """
        n = self.shape[0]
        chosen = np.arange(n)
        if n > n_rows:
            chosen = np.sort(np.random.default_rng(0).choice(n, n_rows, replace=False))
        parts, met = [], _Met()
        for k in range(self.n_pieces):
            for start, block in self.piece(k):
                low, high = np.searchsorted(chosen, [start, start + len(block)])
                picked = chosen[low:high] - start
                parts.append(_rows(block, np.union1d(picked, met.new_rows(block, picked))))
        return _stacked(parts)

    def places(self, rising: NDArray[np.int64]) -> Iterator[tuple[int, int, int, int]]:
        """Of numbers of rows that are `rising`: which are in which piece, and the first row of
        that, as ``(piece, low, high, start)``."""
        for k in np.unique(np.searchsorted(self._starts, rising, side="right") - 1):
            low, high = np.searchsorted(rising, self._starts[k : k + 2])
            yield int(k), int(low), int(high), int(self._starts[k])

    def digest(self, into: Any) -> None:
        """Feed all of the rows, as they are stored, to a hash."""
        into.update(f"shards {self.shape} {self.names}".encode())
        into.update(self._starts.astype(np.int64).tobytes())
        fed: set[str] = set()
        for piece in self._pieces:
            piece.digest(into, fed)


class States:
    """Rows of shards as states, read when they are asked for by a slice or by numbers that rise.

    `encode` makes float64 or whole states ``(n, width)`` of a block that begins at a given row,
    and says what is wrong with it. `n_states` is the most of a column.
    """

    def __init__(
        self, shards: Shards, encode: Callable[[Any, int], NDArray[Any]], width: int, n_states: int
    ) -> None:
        self.shards, self._encode = shards, encode
        self.shape = (shards.shape[0], width)
        self.dtype = np.dtype(np.uint8 if n_states <= 256 else np.int32)

    def __len__(self) -> int:
        return self.shape[0]

    def piece(self, k: int, first: int = 0) -> Iterator[tuple[int, NDArray[Any]]]:
        """As :meth:`Shards.piece`."""
        for start, block in self.shards.piece(k, first):
            yield start, self._encoded(block, start)

    def _encoded(self, block: Any, start: int) -> NDArray[Any]:
        try:
            return self._encode(block, start).astype(self.dtype)
        except ValueError as error:
            where = f"in {len(block)} rows from {self.shards.where(start)}"
            raise ValueError(f"{error} ({where})") from None

    def _some(self, block: Any, start: int, index: NDArray[np.int64]) -> NDArray[Any]:
        """Rows of a block alone, which is quicker; what is wrong with one is said by its number
        in the whole block."""
        try:
            return self._encode(_rows(block, index), start).astype(self.dtype)
        except ValueError:
            return self._encoded(block, start)[index]

    def blocks(self) -> Iterator[NDArray[Any]]:
        """All rows in order."""
        for k in range(self.shards.n_pieces):
            yield from (states for _, states in self.piece(k))

    def __getitem__(self, chosen: slice | NDArray[np.int64]) -> NDArray[Any]:
        numbers = np.arange(len(self))[chosen] if isinstance(chosen, slice) else np.asarray(chosen)
        order = np.argsort(numbers, kind="stable")
        found = np.empty((len(numbers), self.shape[1]), self.dtype)
        rising = numbers[order]
        for k, low, high, begin in self.shards.places(rising):
            for start, block in self.shards.piece(k, int(rising[low]) - begin):
                stop = low + int(np.searchsorted(rising[low:high], start + len(block)))
                if low < stop:
                    found[order[low:stop]] = self._some(block, start, rising[low:stop] - start)
                low = stop
                if low == high:
                    break
        return found


class _Met:
    """What was met of each column so far."""

    def __init__(self) -> None:
        self._values: dict[str, set[Any]] = {}
        self._range: dict[str, tuple[Any, Any]] = {}

    def new_rows(self, block: Any, picked: NDArray[np.int64]) -> NDArray[np.int64]:
        """Rows of a block that bring what was not met before, those `picked` coming first."""
        if isinstance(block, np.ndarray):
            return np.arange(0)  # what may stand in arrays is told by the model
        found: list[int] = []
        for name in block.column_names:
            found += self._of_column(name, block.column(name), picked)
        return np.unique(np.array(found, dtype=np.int64))

    def _of_column(self, name: str, column: Any, picked: NDArray[np.int64]) -> list[int]:
        from pyarrow import compute

        values = self._values.setdefault(name, set())
        found: list[int] = []
        if len(values) <= _MOST_VALUES:
            unique = compute.unique(column.combine_chunks())
            new = [one for one in unique.to_pylist() if one not in values]
            values.update(new)
            for one in new[: _MOST_VALUES + 1]:
                at = compute.is_null(column) if one is None else compute.equal(column, one)
                found.append(int(compute.index(at, True).as_py()))
        if str(column.type) in ("string", "large_string", "bool", "null"):
            return [one for one in found if one >= 0]
        if str(column.type).startswith("dictionary"):
            return [one for one in found if one >= 0]
        low, high = (compute.min_max(column)[side].as_py() for side in ("min", "max"))
        was = self._range.get(name, (None, None))
        for side, one in enumerate((low, high)):
            beyond = one is not None and (
                was[side] is None or (one < was[side] if side == 0 else one > was[side])
            )
            if beyond:
                found.append(int(compute.index(column, one).as_py()))
                was = (one, was[1]) if side == 0 else (was[0], one)
        self._range[name] = was
        return [one for one in found if one >= 0]


def _pieces(X: Any) -> list[Piece]:
    if isinstance(X, str | PathLike):
        files = _files(os.fspath(X))
        return [piece for path in files for piece in pieces_of_file(path)]
    if _is_of(X, "pyarrow.dataset", "Dataset"):
        return pieces_of_dataset(X)
    if _is_of(X, "polars", "LazyFrame"):
        return spilled(X)
    raise TypeError(
        "X must be a path or a glob, a pyarrow.dataset.Dataset or a Polars LazyFrame, got "
        f"{type(X).__name__}"
    )


def _files(path: str) -> Sequence[str]:
    if Path(path).is_dir():
        found = sorted(str(one) for one in Path(path).iterdir() if one.suffix.lower() in ENDINGS)
    elif Path(path).is_file():
        found = [path]
    else:
        found = sorted(one for one in glob.glob(path, recursive=True) if Path(one).is_file())
    if not found:
        raise FileNotFoundError(f"X: no file at {path!r}")
    endings = {Path(one).suffix.lower() for one in found}
    if len(endings) > 1 or not endings <= set(ENDINGS):
        raise ValueError(
            f"X: files at {path!r} end in {', '.join(sorted(endings))}; wanted one of "
            f"{', '.join(ENDINGS)}"
        )
    return found


def _told(piece: Piece) -> str:
    return f"columns {', '.join(piece.names)}" if piece.names else f"{piece.width} columns"


def _rows(block: Any, index: NDArray[np.int64]) -> Any:
    return block[index] if isinstance(block, np.ndarray) else block.take(index)


def _stacked(parts: list[Any]) -> Any:
    if isinstance(parts[0], np.ndarray):
        return np.concatenate(parts)
    import pyarrow as pa

    return pa.concat_tables(parts, promote_options="permissive").combine_chunks()
