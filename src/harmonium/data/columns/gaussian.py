"""Real numbers that are normal given all else."""

from __future__ import annotations

import math
from typing import Any, Self

import numpy as np
from scipy.special import ndtr

from harmonium.data.columns.base import Array
from harmonium.data.columns.binned import FINE, FINEST, Binned, known_values
from harmonium.data.columns.marginal import Marginal
from harmonium.units.levels import EDGES, LEVELS

__all__ = ["Gaussian"]

#: How far the normal density is told, in standard deviations, and at how many points.
_FAR, _N_KNOTS = 6.0, 2**13 + 1


class Gaussian(Binned):
    """Real numbers by their mean and standard deviation: a state a level of
    :class:`~harmonium.units.gaussian.Gaussian`, an eighth of a standard deviation each.

    Inside a level the density is the column's own normal one, of which a share of 1/(n + 1) is a
    Cauchy density for want of more, so that no number is impossible. Numbers are not taken to
    be rounded. Drawn ones lie within six standard deviations, or the range seen where that is
    wider.
    """

    kind = "gaussian"

    def __init__(self, name: str, mean: float, spread: float, tail: float, span: Array) -> None:
        knots = mean + spread * np.linspace(-_FAR, _FAR, _N_KNOTS)
        heights = ndtr(np.linspace(-_FAR, _FAR, _N_KNOTS))
        heights = (heights - heights[0]) / (heights[-1] - heights[0])
        none = np.zeros(0)
        marginal = Marginal(knots, heights, none, none, mean, spread, tail, -np.inf)
        step = float(EDGES[1] - EDGES[0])
        seen = {
            "low": min(span[0], knots[0]),
            "high": max(span[1], knots[-1]),
            "resolution": None,
            "width": max(FINE * step * spread, FINEST * abs(mean)),
        }
        super().__init__(name, mean + spread * EDGES, marginal, mean + spread * LEVELS, seen)

    @classmethod
    def fit(cls, name: str, values: Array) -> Self:
        """The column of `values` (NaN where missing); at least two must differ."""
        x = known_values(name, cls.kind, values)
        span = np.array([x.min(), x.max()])
        return cls(name, float(x.mean()), float(x.std()), 1 / (len(x) + 1), span)

    def facts(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "name": self.name,
            "mean": self.marginal.centre,
            "spread": self.marginal.scale,
            "tail": self.marginal.tail,
            "low": self.low,
            "high": self.high,
        }

    @classmethod
    def from_facts(cls, facts: dict[str, Any]) -> Self:
        name = facts.get("name")
        try:
            mean, spread, tail, low, high = (
                float(facts[one]) for one in ("mean", "spread", "tail", "low", "high")
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"column {name!r}: {error}") from None
        good = all(map(math.isfinite, (mean, spread, low, high))) and low < high
        if not good or not spread > 0 or not 0 < tail < 1:
            raise ValueError(f"column {name!r}: mean, spread and range are those of no column")
        return cls(str(name), mean, spread, tail, np.array([low, high]))

    def describe(self) -> str:
        mean, spread = self.marginal.centre, self.marginal.scale
        return f"mean {mean:g}, standard deviation {spread:g}, {self.n_states} levels"
