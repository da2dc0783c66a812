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
#: The same where missing cells are drawn, round after round.
_LEAST = 1e-3
#: Rounds in which missing cells are drawn, those that count, and multiplications of a round.
_ROUNDS, _LAST, _MOST_WORK = 30, 15, 2e9
#: Rows and columns looked at, and the share of rows that a label must have to be one.
_MOST_ROWS, _MOST_COLUMNS, _SELDOM = 20_000, 1000, 0.02


def with_finer_bins(decided: Mapping[str, T], cells: Mapping[str, Cells]) -> dict[str, T]:
    """The columns, numbers that are told closely by all others with narrower bins.

    What is left of a number is its standard deviation round the linear regression on all other
    columns, all at once from the inverse of their covariance, that of whole rows also where some
    cells are missing. Costs n p^2 for p columns and labels, thirty times that with missing cells
    (then of as many rows as 2e9 multiplications allow); above 1,000 of these nothing is looked for.
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
    missing = np.isnan(x)
    if missing.any():
        x, missing = (one[: int(_MOST_WORK / x.shape[1] ** 2)] for one in (x, missing))
    n, p = x.shape
    if n <= 2 * p:
        return {}
    covariance = _covariance(x, missing) if missing.any() else x.T @ x / n
    inverse = np.linalg.inv(covariance + _RIDGE * np.eye(p))
    # Each regression has used up p rows of as many as are as good as whole.
    whole = (n - missing.sum(0)) * (1 - missing.mean())
    used = np.where(whole > 2 * p, whole / np.maximum(whole - p, 1), np.inf)
    left = np.sqrt(np.minimum(used / np.diagonal(inverse), 1.0))
    return dict(zip(numbers, left[: len(numbers)].tolist(), strict=True))


def _covariance(x: Array, missing: NDArray[np.bool_]) -> Array:
    """Of standardised columns with missing cells: these are drawn as a normal distribution of the
    present covariance has them given the others, one column after another (stochastic EM, Celeux,
    Diebolt 1985). Cells left at the mean would tell less of one another than they know."""
    generator = np.random.default_rng(0)
    n, p = x.shape
    x = np.where(missing, 0.0, x)
    rows = [np.flatnonzero(missing[:, j]) for j in range(p)]
    total = np.zeros((p, p))
    covariance = x.T @ x / n
    for step in range(_ROUNDS):
        precision = np.linalg.inv(covariance + _LEAST * np.eye(p))
        for j, own in enumerate(rows):
            towards = precision[j] / precision[j, j]
            towards[j] = 0.0
            noise = generator.standard_normal(len(own)) / np.sqrt(precision[j, j])
            x[own, j] = noise - x[own] @ towards
        covariance = x.T @ x / n
        if step >= _ROUNDS - _LAST:
            total += covariance / _LAST
    return total


def _standardised(values: Array) -> Array:
    """What is known at mean 0 and variance 1; all 0 where nothing varies."""
    x = values / max(float(np.nanmax(np.abs(values), initial=0.0)), 1e-300)
    known = x[~np.isnan(x)]
    if not len(known):
        return np.zeros_like(x)
    x = x - known.mean()
    spread = (known - known.mean()).std()
    return x / spread if spread > 0 else x


def _labels(states: Array, n_states: int) -> list[Array]:
    """A standardised column of 0 and 1 for each label but the first that is not rare."""
    shown = (states[:, None] == np.arange(1, n_states)).astype(np.float64)
    shown[np.isnan(states)] = np.nan
    known = max(int((~np.isnan(states)).sum()), 1)
    share = np.nansum(shown, axis=0) / known
    usual = (share >= _SELDOM) & (share <= 1 - _SELDOM)
    return [_standardised(one) for one in shown[:, usual].T]
