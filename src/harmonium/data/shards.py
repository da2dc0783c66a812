"""Rows out of core: tables in many files, read a block at a time and never whole."""

from __future__ import annotations

import glob
import os
import sys
from collections.abc import Iterator, Sequence
from copy import copy
from os import PathLike
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from harmonium.data.arrow import together
from harmonium.data.pieces import (
    ENDINGS,
    Piece,
    Selected,
    pieces_of_dataset,
    pieces_of_file,
    rows_of,
    spilled,
)

__all__ = ["Shards", "check_in_memory", "is_shards", "looks_like_shards"]

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
            f"X: wanted {wanted} in memory, got {type(X).__name__}; hm.RBM and hm.BoltzmannMachine "
            "learn from rows out of core, energy models score, transform, complete and correct them"
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
        self.names: tuple[str, ...] = first.names
        self._dropped: tuple[str, ...] = ()
        for piece in self._pieces:
            if (sorted(piece.names), piece.width) != (sorted(first.names), first.width):
                raise ValueError(
                    f"X: {piece.where} has {_told(piece)}; {first.where} has {_told(first)}"
                )
        self._starts = np.cumsum([0, *(piece.n_rows for piece in self._pieces)])
        self.shape: tuple[int, int] = (int(self._starts[-1]), first.width)
        if not self.shape[0]:
            raise ValueError(f"X: {first.where} and those after it hold no rows")

    @classmethod
    def of(cls, X: Any) -> Self:
        """`X` itself, or what reads it."""
        return X if isinstance(X, cls) else cls(X)

    def share(self, rank: int, world: int) -> Self:
        """The pieces of rank number `rank` of `world`: consecutive ones, about as many rows each.
        They may be none, and their rows are numbered from 0."""
        own = self._starts[:-1] * world // max(self.shape[0], 1) == rank
        return self._of([piece for piece, mine in zip(self._pieces, own, strict=True) if mine])

    def picked(self, rows: NDArray[np.int64]) -> Self:
        """The rows with these numbers alone, which must rise: eight bytes each of memory. They are
        read out of their pieces each time."""
        if len(rows) and ((np.diff(rows) <= 0).any() or rows[0] < 0 or rows[-1] >= len(self)):
            raise ValueError(f"rows must be numbers in [0, {len(self) - 1}] that rise")
        return self._of(
            [Selected(self._pieces[k], rows[i:j] - start) for k, i, j, start in self.places(rows)]
        )

    def taken(self, rows: NDArray[np.int64]) -> Any:
        """The rows with these numbers, in their order, in memory: a table, or an array."""
        rising = np.unique(rows)
        return rows_of(_stacked(list(self.picked(rising).blocks())), np.searchsorted(rising, rows))

    def _of(self, pieces: list[Piece]) -> Self:
        """The same columns of other pieces."""
        found = copy(self)
        found._pieces = pieces
        found._starts = np.cumsum([0, *(piece.n_rows for piece in pieces)])
        found.shape = (int(found._starts[-1]), self.shape[1])
        return found

    def without(self, names: Sequence[str]) -> Self:
        """The same rows without these columns. ``ValueError`` for one that they lack, and where
        none would be left."""
        for name in names:
            if name not in self.names:
                raise ValueError(f"X has no column {name!r}; it has {self._told_names()}")
        if not set(self.names) - set(names):
            raise ValueError(f"X: no column is left beside {', '.join(map(repr, names))}")
        found = copy(self)
        found._dropped = (*self._dropped, *names)
        found.names = tuple(name for name in self.names if name not in names)
        found.shape = (self.shape[0], len(found.names))
        return found

    def columns(self, names: Sequence[str]) -> list[NDArray[Any]]:
        """The values of these columns, None or NaN where missing: one pass, and all in memory."""
        others = [name for name in self.names if name not in names]
        shards = self.without(others) if others else self
        parts = [[_values(block.column(name)) for name in names] for block in shards.blocks()]
        return [np.concatenate(column) for column in zip(*parts, strict=True)]

    def _told_names(self) -> str:
        return ", ".join(map(repr, self.names)) or "no names, its files are arrays"

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
                if self._dropped:
                    block = block.drop_columns(list(self._dropped))
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
                parts.append(rows_of(block, np.union1d(picked, met.new_rows(block, picked))))
        return _stacked(parts)

    def holes(self) -> NDArray[np.int64]:
        """Columns of arrays in which a cell is NaN: one pass, none over whole numbers."""
        if self.names or self.head().dtype.kind != "f":
            return np.arange(0)
        return np.flatnonzero(np.any([np.isnan(block).any(0) for block in self.blocks()], axis=0))

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


class _Met:
    """What was met of each column so far."""

    def __init__(self) -> None:
        self._values: dict[str, set[Any]] = {}
        self._holed: set[str] = set()
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
        if name not in self._holed:  # NaN too, in columns of however many values
            hole = int(compute.index(compute.is_null(column, nan_is_null=True), True).as_py())
            if hole >= 0:
                self._holed.add(name)
                found.append(hole)
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


def _values(column: Any) -> NDArray[Any]:
    if str(column.type).startswith("dictionary"):  # whose missing cells become its last label
        column = column.cast(column.type.value_type)
    values: NDArray[Any] = column.to_numpy()
    return values


def _stacked(parts: list[Any]) -> Any:
    if isinstance(parts[0], np.ndarray):
        return np.concatenate(parts)
    return together(parts).combine_chunks()
