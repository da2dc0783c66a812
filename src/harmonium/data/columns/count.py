"""Whole numbers: few of them a state each, many in bins."""

from __future__ import annotations

from typing import Self

import numpy as np

from harmonium.data.columns.base import Array
from harmonium.data.columns.measured import Measured

__all__ = ["Count"]


class Count(Measured):
    """Whole numbers: a state a number while few, rare ones joined, else bins of numbers."""

    kind = "count"

    @classmethod
    def fit(cls, name: str, values: Array) -> Self:
        broken = np.flatnonzero(~np.isnan(values) & (values != np.round(values)))
        if len(broken):
            row = int(broken[0])
            raise ValueError(
                f"column {name!r}, row {row} is {values[row]}; kind 'count' wants whole numbers"
            )
        return super().fit(name, values)
