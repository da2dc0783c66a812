"""Real numbers as they are: heavy tails, zeros, limits, rounding."""

from __future__ import annotations

from harmonium.data.columns.measured import Measured

__all__ = ["Quantile"]


class Quantile(Measured):
    """Real numbers in at most 24 bins at quantiles and at values that repeat."""

    kind = "quantile"
