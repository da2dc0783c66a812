"""Rows out of core as states of variables."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import copy
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from harmonium.data.pieces import rows_of
from harmonium.data.shards import Shards

__all__ = ["States"]


class States:
    """Rows of shards as states, read when they are asked for by a slice or by numbers.

    `encode` makes float64 or whole states ``(n, width)`` of a block that begins at a given row,
    NaN where a cell is unknown, and says what is wrong with it. `n_states` is the most of a
    column. Cells may be unknown in the columns `holes`, whose numbers rise; they come as `blank`,
    which is no state.

    Attributes
    ----------
    shape : rows and variables.
    blank : what stands for an unknown cell; None where there are none.
    """

    def __init__(
        self,
        shards: Shards,
        encode: Callable[[Any, int], NDArray[Any]],
        width: int,
        n_states: int,
        holes: NDArray[np.int64] | None = None,
    ) -> None:
        self.shards, self._encode = shards, encode
        self.shape = (shards.shape[0], width)
        self.holes = np.arange(0) if holes is None else holes
        self._beside: NDArray[Any] | None = None
        self._take(n_states)

    def _take(self, n_states: int) -> None:
        """The numbers that hold so many states, and one for what is unknown."""
        self.n_states = n_states
        most = n_states + (len(self.holes) > 0)
        kind: Any
        kind, top = (np.uint8, 2**8 - 1) if most <= 2**8 else (np.int32, 2**31 - 1)
        self.dtype = np.dtype(kind)
        self.blank = top if len(self.holes) else None

    def with_beside(self, states: NDArray[Any], known: NDArray[np.bool_], n_states: int) -> Self:
        """The same with more variables, whose ``states (n_rows, k)`` are in memory and `known`
        where they are, of at most `n_states`."""
        found = copy(self)
        more = self.shape[1] + np.flatnonzero(~known.all(0))
        found.shape = (self.shape[0], self.shape[1] + states.shape[1])
        found.holes = np.concatenate([self.holes, more])
        found._take(max(self.n_states, n_states))
        beside = states.astype(found.dtype)
        if found.blank is not None:
            beside[~known] = found.blank
        found._beside = beside
        return found

    def __len__(self) -> int:
        return self.shape[0]

    def known(self, states: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
        """Rows of these with 0 where a cell is unknown, and which are known; None: all."""
        if self.blank is None:
            return states, None
        observed = states != self.blank
        return np.where(observed, states, np.zeros(1, states.dtype)), observed

    def digest(self, into: Any) -> None:
        """Feed all of the rows, by what is stored and in which pieces, to a hash."""
        self.shards.digest(into)
        if self._beside is not None:
            into.update(np.ascontiguousarray(self._beside))

    def piece(self, k: int, first: int = 0) -> Iterator[tuple[int, NDArray[Any]]]:
        """As :meth:`Shards.piece`."""
        for start, block in self.shards.piece(k, first):
            yield start, self._encoded(block, start)

    def _encoded(self, block: Any, start: int) -> NDArray[Any]:
        try:
            return self._numbers(self._encode(block, start), np.arange(start, start + len(block)))
        except ValueError as error:
            where = f"in {len(block)} rows from {self.shards.where(start)}"
            raise ValueError(f"{error} ({where})") from None

    def _some(self, block: Any, start: int, index: NDArray[np.int64]) -> NDArray[Any]:
        """Rows of a block alone, which is quicker; what is wrong with one is said by its number
        in the whole block."""
        try:
            return self._numbers(self._encode(rows_of(block, index), start), start + index)
        except ValueError:
            return self._encoded(block, start)[index]

    def _numbers(self, states: NDArray[Any], rows: NDArray[np.int64]) -> NDArray[Any]:
        """The states of these `rows`, what is unknown as it is told, with those beside."""
        if self.blank is not None and states.dtype.kind == "f":
            states = np.nan_to_num(states, nan=self.blank)
        found = states.astype(self.dtype)
        return found if self._beside is None else np.hstack([found, self._beside[rows]])

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
