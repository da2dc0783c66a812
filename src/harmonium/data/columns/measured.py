"""Columns of numbers in bins that the values themselves decide."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from harmonium.data.columns.base import Array
from harmonium.data.columns.binned import CELL, FINE, FINEST, Binned, known_values
from harmonium.data.columns.bins import cut, halved, resolution_of
from harmonium.data.columns.marginal import Marginal
from harmonium.data.columns.repeats import marginal_of

__all__ = ["Measured"]


class Measured(Binned):
    """Bins at quantiles and at values that repeat, and inside them the marginal density that does
    best on held-out values."""

    @classmethod
    def fit(cls, name: str, values: Array) -> Self:
        """The column of `values` (NaN where missing); at least two must differ."""
        x = known_values(name, cls.kind, values)
        resolution = resolution_of(x)
        cell, fine = (max(resolution or 0.0, part * float(x.std())) for part in (CELL, FINE))
        marginal = marginal_of(x, cell, fine)
        return cls._cut(name, x, cut(x), marginal, resolution)

    def finer(self, values: Array, widest: float) -> Self:
        """The same column of the `values` it was fitted to, bins wider than `widest` in pieces."""
        x = values[~np.isnan(values)]
        edges = halved(self.edges, x, widest)
        return self._cut(self.name, x, edges, self.marginal, self.resolution)

    @classmethod
    def _cut(
        cls, name: str, x: Array, edges: Array, marginal: Marginal, resolution: float | None
    ) -> Self:
        """The column of known values `x` with these bins."""
        ends = np.concatenate([[-np.inf], edges, [np.inf]])
        # Bins too narrow to have a mass in float64 are joined to the next.
        edges = edges[marginal.mass(ends[:-1], ends[1:])[:-1] > 0]
        states = np.searchsorted(edges, x, side="right")
        centres = np.bincount(states, x) / np.bincount(states)
        inner = np.diff(np.concatenate([[x.min()], edges, [x.max()]]))
        bin_width = float(np.median(inner[inner > 0]))
        seen = {
            "low": float(x.min()),
            "high": float(x.max()),
            "resolution": resolution,
            "width": max(resolution or 0.0, FINE * bin_width, FINEST * abs(marginal.centre)),
        }
        return cls(name, edges, marginal, centres, seen)

    def facts(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "name": self.name,
            "edges": self.edges.tolist(),
            "centres": self._centres.tolist(),
            "low": self.low,
            "high": self.high,
            "resolution": self.resolution,
            "width": self.width,
            "marginal": self.marginal.facts(),
        }

    @classmethod
    def from_facts(cls, facts: dict[str, Any]) -> Self:
        name = facts.get("name")
        try:
            edges, centres = (
                np.asarray(facts[one], dtype=np.float64) for one in ("edges", "centres")
            )
            numbers = [float(facts[one]) for one in ("low", "high", "width")]
            step = None if facts["resolution"] is None else float(facts["resolution"])
            marginal = Marginal.from_facts(facts["marginal"])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ValueError(f"column {name!r}: {error}") from None
        good = edges.ndim == 1 and (np.diff(edges) > 0).all() and len(centres) == len(edges) + 1
        good = good and np.isfinite([*edges, *centres, *numbers]).all() and numbers[0] < numbers[1]
        if not good or numbers[2] <= 0 or (step is not None and not step > 0):
            raise ValueError(f"column {name!r}: edges, centres and range are those of no column")
        seen = {"low": numbers[0], "high": numbers[1], "resolution": step, "width": numbers[2]}
        return cls(str(name), edges, marginal, centres, seen)

    def describe(self) -> str:
        step = f", steps of {self.resolution:g}" if self.resolution else ""
        return f"{self.low:g}..{self.high:g}{step}, {self.n_states} bins"
