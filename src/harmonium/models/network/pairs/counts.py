"""Rows of states counted: one-hot columns, and tables of pairs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

__all__ = ["OneHot"]

Array = NDArray[np.float64]

#: Rows turned into one-hot columns at once; bounds memory.
_ROWS_AT_ONCE = 4096


@dataclass(frozen=True)
class OneHot:
    """Rows of states, a column of 0 and 1 for each state of each variable when asked for.

    Attributes
    ----------
    states : ``(n_rows, n_variables)``.
    shares : ``(n_rows,)`` weights that sum to one.
    sizes : states of each variable.
    """

    states: NDArray[np.intp]
    shares: Array
    sizes: tuple[int, ...]

    @classmethod
    def of(
        cls, states: NDArray[np.intp], weights: NDArray[np.float64] | None, sizes: Sequence[int]
    ) -> OneHot:
        """Equal rows made one; `weights` as those of ``fit``."""
        unique, place = np.unique(states, axis=0, return_inverse=True)
        counts = np.bincount(place.reshape(-1), weights=weights, minlength=len(unique))
        kept = counts > 0.0
        return cls(unique[kept], counts[kept] / counts.sum(), tuple(sizes))

    @property
    def starts(self) -> NDArray[np.intp]:
        """The first column of each variable, and the number of columns."""
        return np.concatenate([[0], np.cumsum(self.sizes)]).astype(np.intp)

    def blocks(self) -> Iterator[tuple[Array, Array]]:
        """One-hot columns of some rows after others, and the rows' shares."""
        starts = self.starts
        for low in range(0, len(self.states), _ROWS_AT_ONCE):
            rows = self.states[low : low + _ROWS_AT_ONCE]
            hot = np.zeros((len(rows), starts[-1]))
            np.put_along_axis(hot, rows + starts[:-1], 1.0, axis=1)
            yield hot, self.shares[low : low + _ROWS_AT_ONCE]

    def pairs(self, extra: float) -> Array:
        """P(state, state) of every pair of columns, where `extra` of all is as if every state of
        every variable were met equally often, each for itself."""
        starts, total = self.starts, np.zeros((self.starts[-1],) * 2)
        for hot, shares in self.blocks():
            total += hot.T @ (hot * shares[:, None])
        flat = np.repeat(1.0 / np.array(self.sizes), self.sizes)
        even = np.outer(flat, flat)
        for low, high in pairwise(starts):
            even[low:high, low:high] = np.diag(flat[low:high])
        return np.asarray((1.0 - extra) * total + extra * even)
