"""Whether new rows of a table are copies of rows that a model learned from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harmonium.questions.coding import Array, Coded, coded_frames

__all__ = ["CopyCheck", "check_copies", "nearest_rows"]

#: Held-out rows nearer to a training row than all but this share are what "near" means.
_NEAR = 0.05
_ROWS_AT_ONCE = 256


@dataclass(frozen=True)
class CopyCheck:
    """Whether new rows are copies of rows that were learned from.

    ``near`` is the share of new rows that lie nearer to a training row than 95% of the held-out
    real rows do: about ``expected`` where nothing is copied. ``copies`` and
    ``held_out_copies`` are the shares of either that are equal to a training row in all columns
    (SDV's ``NewRowSynthesis`` calls numbers within 1% equal, too); ``distance`` and
    ``held_out_distance`` the median distances to the nearest training row. ``p_value`` is that of
    as many near rows by chance.
    """

    near: float
    expected: float
    copies: float
    held_out_copies: float
    distance: float
    held_out_distance: float
    p_value: float


def check_copies(
    real: Any, new: Any, train: Any, columns: Sequence[str] | None = None
) -> CopyCheck:
    """The distance of new rows to the nearest row that was learned from, held against that of
    real rows which were not.

    The distance of two rows is the mean over columns of: labels 0 or 1, numbers the difference
    of their ranks among the training rows, in [0, 1], a missing cell 1 from a known one (Gower
    1971, by ranks). Cost: new + real rows times training rows times columns.
    """
    from scipy.stats import fisher_exact

    coded = coded_frames([real, new, train], columns)
    scaled = [_ranked(table, coded) for table in coded.tables]
    held_out, own = (_nearest(one, scaled[2], coded.is_label)[1] for one in scaled[:2])
    limit = float(np.quantile(held_out, _NEAR, method="lower"))
    near, base = own <= limit, held_out <= limit
    table = [[near.sum(), (~near).sum()], [base.sum(), (~base).sum()]]
    return CopyCheck(
        near=float(near.mean()),
        expected=float(base.mean()),
        copies=_equal(coded.tables[1], coded.tables[2]),
        held_out_copies=_equal(coded.tables[0], coded.tables[2]),
        distance=float(np.median(own)),
        held_out_distance=float(np.median(held_out)),
        p_value=float(fisher_exact(table, alternative="greater").pvalue),
    )


def _equal(rows: Array, train: Array) -> float:
    """The share of rows that are equal to a training row in every cell."""
    met = set(map(tuple, np.nan_to_num(train, nan=np.inf).tolist()))
    return float(np.mean([tuple(row) in met for row in np.nan_to_num(rows, nan=np.inf).tolist()]))


def _ranked(table: Array, coded: Coded) -> Array:
    """Numbers as their ranks among the training rows, the last table, in [0, 1]; missing is -1."""
    found = np.full_like(table, -1.0)
    for j in range(table.shape[1]):
        known = ~np.isnan(table[:, j])
        if coded.is_label[j]:
            found[known, j] = table[known, j]
            continue
        train = coded.tables[-1][:, j]
        values, counts = np.unique(train[~np.isnan(train)], return_counts=True)
        if len(values):
            middle = (np.cumsum(counts) - counts / 2) / counts.sum()
            found[known, j] = np.interp(table[known, j], values, middle)
    return found


def nearest_rows(
    rows: Any, others: Any, columns: Sequence[str] | None = None
) -> tuple[NDArray[np.int64], Array]:
    """The number of the nearest of the `others` to each of the `rows`, and its distance, as
    :func:`check_copies` has it."""
    coded = coded_frames([rows, others], columns)
    own, theirs = (_ranked(table, coded) for table in coded.tables)
    return _nearest(own, theirs, coded.is_label)


def _nearest(
    rows: Array, train: Array, is_label: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], Array]:
    """The nearest training row to each row, and the distance to it, ``(n,)``."""
    found = np.empty(len(rows))
    which = np.empty(len(rows), dtype=np.int64)
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        part = rows[start : start + _ROWS_AT_ONCE]
        total = np.zeros((len(part), len(train)))
        for j in range(rows.shape[1]):
            a, b = part[:, j, None], train[None, :, j]
            if is_label[j]:
                total += a != b
            else:
                total += np.where((a < 0) == (b < 0), np.abs(a - b), 1.0)
        found[start : start + len(part)] = total.min(1) / rows.shape[1]
        which[start : start + len(part)] = total.argmin(1)
    return which, found
