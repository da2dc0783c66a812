"""What columns of numbers share: bins as states, and the marginal density inside a bin."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harmonium.data.columns.base import Array, Column
from harmonium.data.columns.marginal import Marginal
from harmonium.data.frames import as_number

__all__ = ["CELL", "FINE", "FINEST", "Binned", "known_values"]

#: The finest cell that a density is told over, as a share of the median bin.
FINE = 1e-3
#: And as a share of the value: a finer one is lost in float64 far out.
FINEST = 1e-12
#: Beyond, squares overflow.
_LARGEST = 1e150
#: And below, they vanish; differences of less than this share of the largest are rounding.
_SMALLEST, _ROUNDING = 1e-150, 1e-14
#: A cell that tells numbers of a column apart, in standard deviations.
CELL = 0.02


class Binned(Column):
    """A state a bin, of which the first and the last have no end. Inside, values are as the
    column's marginal has them: p(x | state) = m(x) / m(state).

    A value that repeats is a mass. :meth:`log_density` is therefore the mass of the cell of
    ``width`` round the value, divided by that width: the step of which all values are multiples
    (``resolution``), or 1e-3 of the median bin where there is none or a finer one; a narrower
    bin is a cell by itself. Numbers beyond the range seen belong to the outer bins, whose
    densities have tails (none below 0 where no value was); drawn values stay inside the range.
    """

    ordered = True
    is_number = True

    def __init__(
        self, name: str, edges: Array, marginal: Marginal, centres: Array, seen: dict[str, Any]
    ) -> None:
        super().__init__(name)
        self.edges = edges
        self.marginal = marginal
        self._centres = centres
        self.low, self.high = float(seen["low"]), float(seen["high"])
        self.resolution: float | None = seen["resolution"]
        self.width = float(seen["width"])
        ends = np.concatenate([[-np.inf], edges, [np.inf]])
        #: All edges with the infinite ones, ``(n_states + 1,)``.
        self.ends = ends
        self._mass = marginal.mass(ends[:-1], ends[1:])
        # A rounded value stands for its cell, so that half a cell lies beyond each end.
        half = (self.resolution or 0.0) / 2
        self._span = (self.low - half, self.high + half)
        self._points, self._steps = marginal.steps(*self._span)

    @property
    def n_states(self) -> int:
        return len(self.edges) + 1

    def states(self, values: NDArray[Any], handle_unknown: str = "error") -> Array:
        x = np.asarray(values, dtype=np.float64)
        states = np.searchsorted(self.edges, x, side="right").astype(np.float64)
        states[np.isnan(x)] = np.nan
        return states

    def centres(self) -> Array:
        return self._centres

    def quantile(self, states: Array, u: Array) -> Array:
        k = np.asarray(states, dtype=np.int64)
        low, high = self._levels(self.ends[:-1], self.ends[1:])
        found = np.interp(low[k] + u * (high - low)[k], self._steps, self._points)
        return np.clip(found, self.low, self.high)

    def _levels(self, low: Array, high: Array) -> tuple[Array, Array]:
        """Masses below both ends of intervals, of what is within the range seen."""
        low, high = np.clip(low, *self._span), np.clip(high, *self._span)
        base = np.full_like(low, self._span[0])
        above = self.marginal.mass(base, high)
        return np.maximum(above - self.marginal.mass(low, high), 0.0), above

    def log_density(self, values: NDArray[Any], states: Array) -> Array:
        x = np.asarray(values, dtype=np.float64)
        gone = np.isnan(x) | np.isnan(states)
        k = np.where(gone, 0, states).astype(np.int64)
        width = np.maximum(self.width, FINEST * np.abs(x))
        low, high = x - width / 2, x + width / 2
        # At an end of a bin the cell is moved inside: cut in two, it would have half the mass.
        below, above = np.maximum(self.ends[k] - low, 0.0), np.maximum(high - self.ends[k + 1], 0.0)
        low = np.maximum(low - above, self.ends[k])
        high = np.minimum(high + below, self.ends[k + 1])
        # A bin narrower than the cell is the cell.
        width = np.minimum(width, self.ends[k + 1] - self.ends[k])
        with np.errstate(divide="ignore", invalid="ignore"):
            log = np.log(self.marginal.mass(low, high) / self._mass[k] / width)
        return np.where(gone, 0.0, log)

    def log_alone(self, values: NDArray[Any]) -> Array:
        """Log density of each number by the column alone, per unit ``(n,)``; 0 where missing."""
        states = self.states(values)
        known = ~np.isnan(states)
        found = self.log_density(values, states)
        with np.errstate(divide="ignore"):
            found[known] += np.log(self._mass)[states[known].astype(np.int64)]
        return found

    def log_tails(self, values: NDArray[Any]) -> Array:
        """How far out each number lies in the column alone: log of twice the smaller of P(up to x)
        and P(from x on), its own cell in both, at most 0; ``(n,)``, 0 where missing.

        Also beyond the range seen, where bins do not tell numbers apart any more.
        """
        x = np.asarray(values, dtype=np.float64)
        half, far = self.width / 2, np.full(len(x), np.inf)
        with np.errstate(invalid="ignore", divide="ignore"):
            smaller = np.minimum(
                self.marginal.mass(-far, x + half), self.marginal.mass(x - half, far)
            )
            found = np.minimum(np.log(2 * smaller), 0.0)
        return np.where(np.isnan(x), 0.0, found)

    def cell_weights(self, values: NDArray[Any], width: float | None = None) -> Array:
        x = np.asarray(values, dtype=np.float64)[:, None]
        half = (self.width if width is None else width) / 2
        if not half > 0:
            raise ValueError(f"width of column {self.name!r} must be above 0, got {width!r}")
        low, high = np.maximum(x - half, self.ends[:-1]), np.minimum(x + half, self.ends[1:])
        with np.errstate(divide="ignore", invalid="ignore"):
            weights = np.log(np.minimum(self.marginal.mass(low, high) / self._mass, 1.0))
        weights[np.isnan(x[:, 0])] = 0.0
        return weights

    @property
    def grain(self) -> float:
        """2% of the standard deviation: a cell this wide tells numbers of a column apart."""
        mean = self._mass @ self._centres / self._mass.sum()
        return CELL * math.sqrt(self._mass @ (self._centres - mean) ** 2 / self._mass.sum())

    def peaks(self) -> Array:
        """Of cells of 2% of the column's spread, or of its steps where these are wider."""
        typical = self.values(np.arange(float(self.n_states)))
        return np.diagonal(self.cell_weights(typical, max(self.width, self.grain))).copy()

    def allowed(self, condition: Any) -> tuple[Array, Any]:
        pieces = self._pieces(condition)
        shares = np.zeros(self.n_states)
        for low, high, _ in pieces:
            a, b = np.maximum(low, self.ends[:-1]), np.minimum(high, self.ends[1:])
            shares += self.marginal.mass(a, b)
        shares = np.minimum(shares / self._mass, 1.0)
        if not shares.any():
            raise ValueError(f"condition: column {self.name!r} allows nothing, got {condition!r}")
        with np.errstate(divide="ignore"):
            return np.log(shares), pieces

    def _pieces(self, condition: Any) -> list[tuple[float, float, float]]:
        """Intervals that a condition allows, and the one value that each stands for, or NaN."""
        if isinstance(condition, list) and all(isinstance(one, tuple) for one in condition):
            pieces = [one for one in condition if len(one) == 3]
            if condition and len(pieces) == len(condition):
                return pieces  # as :meth:`allowed` gave them
        many = isinstance(condition, Iterable) and not isinstance(condition, str)
        try:
            wanted = [as_number(one) for one in (condition if many else [condition])]
        except (TypeError, ValueError):
            raise ValueError(
                f"condition: column {self.name!r} wants numbers, got {condition!r}"
            ) from None
        if any(map(math.isnan, wanted)):
            raise ValueError(f"condition: column {self.name!r} is NaN, got {condition!r}")
        half = self.width / 2
        if isinstance(condition, tuple) and len(wanted) == 2:
            low, high = wanted
            if not low <= high:
                raise ValueError(
                    f"condition: the range of column {self.name!r} must rise, got {condition!r}"
                )
            pad = (self.resolution or 0.0) / 2
            return [(low - pad, high + pad, math.nan)]
        if any(map(math.isinf, wanted)):
            raise ValueError(f"condition: column {self.name!r} must be finite, got {condition!r}")
        return [(one - half, one + half, one) for one in sorted(set(wanted))]

    def values(
        self, states: Array, generator: np.random.Generator | None = None, within: Any = None
    ) -> Array:
        pieces = [(-np.inf, np.inf, math.nan)] if within is None else self._pieces(within)
        out = np.full(len(states), np.nan)
        for k in np.unique(states[~np.isnan(states)]).astype(np.int64):
            rows = np.flatnonzero(states == k)
            out[rows] = self._inside(int(k), pieces, len(rows), generator)
        return out

    def _inside(
        self,
        k: int,
        pieces: list[tuple[float, float, float]],
        n: int,
        generator: np.random.Generator | None,
    ) -> Array:
        ends = np.array([piece[:2] for piece in pieces])
        low, high = np.maximum(ends[:, 0], self.ends[k]), np.minimum(ends[:, 1], self.ends[k + 1])
        masses = self.marginal.mass(low, high)
        if not masses.any():
            raise ValueError(f"condition: column {self.name!r} has nothing in state {k}")
        edges = np.cumsum(masses) / masses.sum()
        u, v = np.full((2, n), 0.5) if generator is None else generator.random((2, n))
        which = np.minimum(np.searchsorted(edges, u, side="right"), len(pieces) - 1)
        below, above = self._levels(low, high)
        drawn = np.interp(below[which] + v * (above - below)[which], self._steps, self._points)
        drawn = np.clip(self._rounded(drawn, k), low[which], high[which])
        exact = np.array([piece[2] for piece in pieces])[which]
        return np.where(np.isnan(exact), drawn, exact)

    def _rounded(self, x: Array, k: int) -> Array:
        """To the column's steps, and still in bin `k` and the range seen."""
        if self.resolution is None:
            return np.clip(x, self.low, self.high)
        step = np.round(x / self.resolution)
        step -= step * self.resolution >= self.ends[k + 1]
        step += step * self.resolution < self.ends[k]
        found = step * self.resolution
        digits = max(0, -math.floor(math.log10(self.resolution)))
        if round(self.resolution, digits) == self.resolution:
            found = np.round(found, digits)
        return np.clip(self._as_seen(found), self.low, self.high)

    def _as_seen(self, x: Array) -> Array:
        """Multiples of the step as values that repeat had them, to the last digit."""
        atoms = np.append(self.marginal.atoms, np.inf)
        above = np.searchsorted(self.marginal.atoms, x)
        for near in (atoms[above], atoms[above - 1]):
            x = np.where(np.abs(near - x) <= 0.01 * (self.resolution or 0.0), near, x)
        return x


def known_values(name: str, kind: str, values: Array) -> Array:
    """Those of `values` that are not NaN; ``ValueError`` unless a density can be fitted to them."""
    x = values[~np.isnan(values)]
    if len(x) == 0 or x.min() == x.max():
        raise ValueError(f"column {name!r}: kind {kind!r} wants at least two different values")
    if np.abs(x).max() > _LARGEST:
        row = int(np.nanargmax(np.abs(values)))
        raise ValueError(
            f"column {name!r}, row {row} is {values[row]}; wanted numbers up to {_LARGEST:g}"
        )
    least = max(_SMALLEST, _ROUNDING * float(np.abs(x).max()))
    if not float(x.std()) >= least:
        raise ValueError(
            f"column {name!r}: the standard deviation of its numbers, {float(x.std()):.3g}, cannot "
            f"be told from rounding; wanted at least {least:.3g}"
        )
    return x
