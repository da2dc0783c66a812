"""How pairs of columns hang together in real and in new rows, as SDV's quality report scores it.

The scores are those of sdmetrics 0.32 (``QualityReport``, "Column Pair Trends"), to be compared
with what that prints; ours, without its bins, are in :mod:`harmonium.questions.quality`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harmonium.questions.coding import Array, Coded, coded_frames

__all__ = ["pair_trends"]

#: What real rows must show of a pair, or it is not scored: Pearson's correlation, Cramer's V.
_LEAST_CORRELATION, _LEAST_ASSOCIATION = 0.5, 0.3
_N_BINS = 10

Whole = NDArray[np.int64]


def pair_trends(
    real: Any, new: Any, columns: Sequence[str] | None = None
) -> dict[tuple[str, str], tuple[str, float]]:
    """The score of each pair of columns: ``{(a, b): (measure, value)}``, 1 is alike.

    Two columns of numbers: ``"CorrelationSimilarity"``, 1 - half the difference of Pearson's
    correlations, of rows that have both. Others: ``"ContingencySimilarity"``, 1 - half the summed
    distances of the shares of pairs of values, a missing label being a value of its own, and
    numbers cut into ten equal parts of their range, which real and new rows have each their own.
    NaN where real rows show little of the pair (a correlation of at most 0.5, Cramer's V of at
    most 0.3, one value alone): SDV averages the others. It draws 50,000 of more rows; here all
    are counted.
    """
    coded = coded_frames([real, new], columns)
    values = [[_values(coded, j, side) for j in range(len(coded.names))] for side in (0, 1)]
    found: dict[tuple[str, str], tuple[str, float]] = {}
    for i, j in combinations(range(len(coded.names)), 2):
        if not coded.is_label[i] and not coded.is_label[j]:
            one = ("CorrelationSimilarity", _correlations_alike(coded, i, j))
        else:
            both = [_together(own[i], own[j]) for own in values]
            one = ("ContingencySimilarity", _shares_alike(*both))
        found[coded.names[i], coded.names[j]] = one
    return found


def _correlations_alike(coded: Coded, i: int, j: int) -> float:
    before, after = (_correlation(table[:, i], table[:, j]) for table in coded.tables)
    return 1.0 - abs(before - after) / 2 if abs(before) > _LEAST_CORRELATION else np.nan


def _correlation(a: Array, b: Array) -> float:
    """Pearson's; NaN where a column has one value alone."""
    if any(np.nanmin(own, initial=np.inf) >= np.nanmax(own, initial=-np.inf) for own in (a, b)):
        return float("nan")
    known = ~np.isnan(a) & ~np.isnan(b)
    if known.sum() < 2:
        return float("nan")
    parts = [own[known] / np.nanmax(np.abs(own)) for own in (a, b)]
    parts = [own - own.mean() for own in parts]
    scale = float(np.prod([np.sqrt((own**2).sum()) for own in parts]))
    return float(parts[0] @ parts[1]) / scale if scale > 0.0 else float("nan")


def _values(coded: Coded, j: int, side: int) -> Whole | None:
    """The column as whole numbers from 0. Missing numbers share the last with the largest. None
    where float64 does not hold ten parts of the range."""
    own = coded.tables[side][:, j]
    if coded.is_label[j]:
        return np.where(np.isnan(own), coded.n_labels[j], own).astype(np.int64)
    try:
        with np.errstate(all="ignore"):
            edges = np.histogram_bin_edges(own[~np.isnan(own)], bins=_N_BINS)
    except ValueError:
        return None
    return np.digitize(own, edges).astype(np.int64)


def _together(one: Whole | None, other: Whole | None) -> Whole | None:
    """A number for a pair of values: the first above its 32nd bit, the other below."""
    return None if one is None or other is None else one << 32 | other


def _shares_alike(real: Whole | None, new: Whole | None) -> float:
    if real is None or new is None or not _association(real) > _LEAST_ASSOCIATION:
        return float("nan")
    # Only pairs that occur are counted: of labels there may be thousands.
    which = np.unique(np.concatenate([real, new]), return_inverse=True)[1]
    size = int(which.max()) + 1
    sides = which[: len(real)], which[len(real) :]
    shares = [np.bincount(own, minlength=size) / len(own) for own in sides]
    return max(0.0, 1.0 - float(np.abs(shares[0] - shares[1]).sum()) / 2)


def _association(both: Whole) -> float:
    """Cramer's V of pairs of values; NaN where one of the two is always the same."""
    pairs, n_pairs = np.unique(both, return_counts=True)
    sides = [np.unique(own, return_inverse=True)[1] for own in (pairs >> 32, pairs & 0xFFFFFFFF)]
    least = min(int(own.max()) + 1 for own in sides)
    if least < 2:
        return float("nan")
    totals = [np.bincount(own, n_pairs)[own] for own in sides]
    phi2 = float((n_pairs**2 / (totals[0] * totals[1])).sum()) - 1.0
    return float(np.sqrt(max(phi2, 0.0) / (least - 1)))
