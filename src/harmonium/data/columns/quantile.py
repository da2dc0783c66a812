"""Real numbers as they are: heavy tails, zeros, limits, rounding."""

from __future__ import annotations

from harmonium.data.columns.binned import Binned

__all__ = ["Quantile"]


class Quantile(Binned):
    """Real numbers in at most 24 bins at quantiles and at values that repeat."""

    kind = "quantile"
