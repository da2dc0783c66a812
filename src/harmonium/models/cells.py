"""P of single cells of a table, given what is known of their rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harmonium.data.columns import Column
from harmonium.data.columns.binned import Binned

__all__ = ["CellMarginal"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class CellMarginal:
    """P(cell = state) for the cells of one column.

    ``shares (n, n_states)`` rows of probabilities, NaN where a cell was not asked about;
    ``values (n,)`` what the cells hold, as the column takes it: NaN or None where missing.
    """

    column: Column
    values: NDArray[Any]
    shares: Array

    @property
    def asked(self) -> NDArray[np.bool_]:
        """Which cells were asked about ``(n,)``."""
        return ~np.isnan(self.shares[:, 0])

    @property
    def width(self) -> float | None:
        """Of the cell round a number whose mass is told: the column's resolution or 2% of its
        standard deviation, the larger; None for labels."""
        if not isinstance(self.column, Binned):
            return None
        return max(self.column.resolution or 0.0, self.column.grain)

    def log_mass(self) -> Array:
        """log P of what the cells hold, in nats ``(n,)``: of labels the label's, of numbers that
        of the cell of :attr:`width` round them; NaN where not asked."""
        weights = self.column.cell_weights(self.values, self.width)
        with np.errstate(divide="ignore", invalid="ignore"):
            found: Array = np.logaddexp.reduce(np.log(self.shares) + weights, axis=1)
        return np.where(self.asked, np.minimum(found, 0.0), np.nan)

    def expected(self) -> NDArray[Any]:
        """Of numbers the mean, of labels the most probable ``(n,)``; missing where not asked."""
        if self.column.is_number:
            return self.shares @ self.column.centres() / self.shares.sum(1)
        best = np.where(self.asked, self.shares.argmax(1), np.nan)
        return self.column.values(best)

    def alternative(self, rank: int) -> tuple[Array, Array]:
        """The `rank`-th most probable state other than the cell's own, by :meth:`log_mass` of its
        typical value, and that log mass: NaN where there is none, ``(n,)`` each."""
        n_states = self.column.n_states
        if rank >= n_states:
            nothing = np.full(len(self.shares), np.nan)
            return nothing, nothing
        typical = self.column.values(np.arange(float(n_states)))
        within = np.exp(self.column.cell_weights(typical, self.width))
        rows = np.flatnonzero(self.asked)
        masses = self.shares[rows] @ within.T
        own = self.column.states(self.values)[rows]
        known = np.flatnonzero(~np.isnan(own))
        masses[known, own[known].astype(np.int64)] = -1.0  # last of all
        states = np.argsort(-masses, axis=1, kind="stable")[:, rank - 1]
        found = np.full((2, len(self.shares)), np.nan)
        with np.errstate(divide="ignore"):
            log = np.log(np.clip(masses[np.arange(len(rows)), states], 0.0, 1.0))
        found[:, rows] = states, log
        return found[0], found[1]

    def levels(self, values: Array) -> tuple[Array, Array]:
        """P(number < x) and P(number <= x) for x ``(n,)`` in the column's units, a value counted as
        the cell of the column's step round it, ``(n,)`` each; NaN where not asked or x is missing.

        Of the true values of cells that were missing, a uniform number between the two is uniform
        in (0, 1) if the model is right (randomised probability integral transform).
        """
        values = np.asarray(values, dtype=np.float64)
        assert isinstance(self.column, Binned)
        found = np.full((2, len(self.shares)), np.nan)
        rows = np.flatnonzero(self.asked & ~np.isnan(values))
        shares = self.shares[rows] / self.shares[rows].sum(1, keepdims=True)
        found[:, rows] = _levels(self.column, shares, values[rows])
        return found[0], found[1]

    def ranks(self, generator: np.random.Generator) -> Array:
        """Where what the cells hold lies in its distribution, in [0, 1] ``(n,)``: P(less), of
        labels P(more probable ones), and a uniform share of P of what the cell holds. Uniform if
        the model is right; NaN where not asked, or missing."""
        below, upto = self.levels(self.values) if self.column.is_number else self._before()
        return below + generator.random(len(below)) * (upto - below)

    def _before(self) -> tuple[Array, Array]:
        """P of the labels before the cell's own as :meth:`sets` takes them in, and with it."""
        states = self.column.states(self.values, "missing")
        found = np.full((2, len(states)), np.nan)
        rows = np.flatnonzero(self.asked & ~np.isnan(states))
        own, shares = states[rows, None].astype(np.int64), self.shares[rows]
        share = np.take_along_axis(shares, own, 1)
        tied = (shares == share) & (np.arange(shares.shape[1]) < own)
        before = (shares * ((shares > share) | tied)).sum(1)
        found[:, rows] = np.stack([before, before + share[:, 0]]) / shares.sum(1)
        return found[0], found[1]

    def interval(self, level: float) -> tuple[Array, Array]:
        """Ends of the central interval of numbers that holds `level`: :meth:`between` of these."""
        return self.between((1 - level) / 2, (1 + level) / 2)

    def between(self, low: float, high: float) -> tuple[Array, Array]:
        """The numbers at `low` and at `high`, levels in [0, 1], of their distribution, ``(n,)``
        each, on the column's steps and within the range seen; NaN where not asked.

        A value that is a mass of its own, as rounded ones are, is inside where the middle of its
        mass is: intervals then hold what they say on average, neither always more nor always
        less.
        """
        assert isinstance(self.column, Binned)
        ends = np.full((2, len(self.shares)), np.nan)
        rows = np.flatnonzero(self.asked)
        shares = self.shares[rows] / self.shares[rows].sum(1, keepdims=True)
        middle = _quantile(self.column, shares, np.full(len(rows), (low + high) / 2))
        for end, u in enumerate((low, high)):
            found = _quantile(self.column, shares, np.full(len(rows), u))
            below, upto = _levels(self.column, shares, found)
            own_middle = (below + upto) / 2
            step = self.column.resolution or 0.0
            if end == 0:
                inner = np.maximum(_quantile(self.column, shares, upto + 1e-9), found + step)
                ends[end, rows] = np.where(own_middle < u, inner, found)
            else:
                inner = np.minimum(_quantile(self.column, shares, below - 1e-9), found - step)
                ends[end, rows] = np.where(own_middle > u, inner, found)
        crossed = ends[0, rows] > ends[1, rows]
        ends[:, rows[crossed]] = middle[crossed]
        return ends[0], ends[1]

    def sets(self, level: float) -> list[list[Any] | None]:
        """The fewest labels that hold a share `level`, the most probable first; None where not
        asked."""
        labels = self.column.values(np.arange(float(self.column.n_states)))
        order = np.argsort(-self.shares, axis=1, kind="stable")
        held = np.cumsum(np.take_along_axis(self.shares, order, 1), axis=1)
        slack = 1e-12 * (1 - level)  # of sums; far out masses themselves are as small
        counts = (held < level - slack).sum(1) + 1
        return [
            labels[states[:count]].tolist() if asked else None
            for states, count, asked in zip(order, counts, self.asked, strict=True)
        ]


def _quantile(column: Binned, shares: Array, u: Array) -> Array:
    """The number below which a share `u (n,)` lies, on the column's steps."""
    below = np.cumsum(shares, axis=1)
    u = np.clip(u, 0.0, 1.0)
    states = np.minimum((below < u[:, None]).sum(1), shares.shape[1] - 1)
    at = np.arange(len(shares))
    share = shares[at, states]
    inside = np.clip((u - below[at, states] + share) / np.maximum(share, 1e-300), 0.0, 1.0)
    values = column.quantile(states.astype(np.float64), inside)
    if column.resolution is None:
        return values
    return np.round(np.round(values / column.resolution) * column.resolution, 12)


def _levels(column: Binned, shares: Array, x: Array) -> tuple[Array, Array]:
    """P(number < x) and P(number <= x) for each of ``x (n,)``, its cell being as wide as a step."""
    half = (column.resolution or column.width) / 2
    return _share_below(column, shares, x - half), _share_below(column, shares, x + half)


def _share_below(column: Binned, shares: Array, x: Array) -> Array:
    """P(number < x) for each of ``x (n,)``."""
    low, high = column.ends[:-1], column.ends[1:]
    part = column.marginal.mass(low, np.clip(x[:, None], low, high))
    whole = column.marginal.mass(low, high)
    found: Array = (shares * np.clip(part / whole, 0.0, 1.0)).sum(1)
    return found
