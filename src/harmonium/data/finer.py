"""How narrow the bins of a number must be: as narrow as what the other columns tell of it.

Bins at quantiles are widest in the tails. Where the rest of a row tells a number closely, what is
lost inside a wide bin is more than what the number varies by.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from harmonium.data.columns.base import Array, Column
from harmonium.data.columns.binned import Binned
from harmonium.data.columns.measured import Measured
from harmonium.data.frames import Cells

__all__ = ["with_finer_bins"]

T = TypeVar("T")

#: Numbers of which the others leave this share of the standard deviation, at most, are cut finer;
#: their bins are at most that wide, and need not be narrower than the second.
_TOLD, _NARROWEST = 0.4, 0.1
#: Added to the variance of each column, so that copies of others are left something.
_RIDGE = 0.01
#: Rows and columns looked at, and the share of rows that a label must have to be one.
_MOST_ROWS, _MOST_COLUMNS, _SELDOM = 20_000, 1000, 0.02


def with_finer_bins(decided: Mapping[str, T], cells: Mapping[str, Cells]) -> dict[str, T]:
    """The columns, numbers that are told closely by all others with narrower bins.

    What is left of a number is its standard deviation round the linear regression on all other
    columns, all at once from the inverse of their covariance. Costs n p^2 for p columns and
    labels; above 1,000 of these nothing is looked for.
    """
    found = dict(decided)
    left = _left_over(decided, cells)
    for name, share in left.items():
        column = found[name]
        if share <= _TOLD and isinstance(column, Measured):
            values = cells[name].values
            widest = max(share, _NARROWEST) * float(np.nanstd(values))
            found[name] = column.finer(values, widest)  # type: ignore[assignment]
    return found


def _left_over(decided: Mapping[str, T], cells: Mapping[str, Cells]) -> dict[str, float]:
    """Of each column of numbers the share of its standard deviation that the others leave."""
    numbers = [name for name, one in decided.items() if isinstance(one, Binned)]
    table = [_standardised(cells[name].values[:_MOST_ROWS]) for name in numbers]
    for name, one in decided.items():
        if isinstance(one, Column) and not isinstance(one, Binned):
            table += _labels(one.states(cells[name].values[:_MOST_ROWS], "missing"), one.n_states)
    if not numbers or len(table) > _MOST_COLUMNS:
        return {}
    x = np.column_stack(table)
    n, p = x.shape
    if n <= 2 * p:
        return {}
    inverse = np.linalg.inv(x.T @ x / n + _RIDGE * np.eye(p))
    # Each regression has used up p of the n rows.
    left = np.sqrt(np.minimum(n / (n - p) / np.diagonal(inverse), 1.0))
    return dict(zip(numbers, left[: len(numbers)].tolist(), strict=True))


def _standardised(values: Array) -> Array:
    """Mean 0 and variance 1, missing ones at the mean; all 0 where nothing varies."""
    x = values / max(float(np.nanmax(np.abs(values), initial=0.0)), 1e-300)
    x = np.where(np.isnan(x), np.nanmean(x) if not np.isnan(x).all() else 0.0, x)
    x = x - x.mean()
    spread = x.std()
    return x / spread if spread > 0 else x


def _labels(states: Array, n_states: int) -> list[Array]:
    """A standardised column of 0 and 1 for each label but the first that is not rare."""
    shown: NDArray[np.bool_] = states[:, None] == np.arange(1, n_states)
    share = shown.mean(0)
    usual = (share >= _SELDOM) & (share <= 1 - _SELDOM)
    return [_standardised(one.astype(np.float64)) for one in shown[:, usual].T]
