"""Numbers cut into bins: at quantiles, values that repeat often each in a bin of their own, and
wide ones in pieces."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["MOST_BINS", "cut", "halved", "resolution_of"]

Array = NDArray[np.float64]

MOST_BINS = 24
#: With the pieces of wide ones.
_MOST_PIECES = 48
#: A value with this share of the rows is a bin.
_OFTEN = 0.02
#: Fewer rows than this in a bin tell nothing of its odds.
_FEWEST = 5
_ROWS_A_BIN = 10


def cut(values: Array) -> Array:
    """Inner edges of the bins, rising, halfway between neighbouring values ``(n_bins - 1,)``.

    `values` are finite. At most 24 bins; fewer where that leaves less than about ten rows each.
    """
    x, counts = np.unique(values, return_counts=True)
    n = len(values)
    most = int(np.clip(n // _ROWS_A_BIN, 2, MOST_BINS))
    if len(x) <= most:
        groups = np.arange(len(x))
    else:
        often = counts >= max(_OFTEN * n, _FEWEST)
        if often.sum() > most - 1:  # the most frequent ones, leaving room for what is between
            often[:] = False
            often[np.argsort(-counts, kind="stable")[: most - 1]] = True
        room = max(most - int(often.sum()), 1)
        rest = max(float(counts[~often].sum()), 1.0)
        # Middle of each value's rows among the rows of no bin of their own, in bins of equal rows.
        free = np.where(often, 0, counts)
        part = np.floor((np.cumsum(free) - free / 2) / rest * room)
        part = np.clip(part, 0, room - 1)
        new = np.concatenate([[True], (np.diff(part) > 0) | often[1:] | often[:-1]])
        groups = np.cumsum(new) - 1
    groups = _merged(groups, counts, most)
    last = np.flatnonzero(np.diff(groups))
    return (x[last] + x[last + 1]) / 2


def halved(edges: Array, values: Array, width: float) -> Array:
    """Inner edges with bins wider than `width` cut at the middle of their rows, the widest first.

    No piece has less than ten rows, and there are at most 48 bins in all. A bin of one value has
    no width.
    """
    x, counts = np.unique(values, return_counts=True)
    bins = np.split(np.arange(len(x)), np.searchsorted(x, edges))
    whole = 0
    while bins and len(bins) + whole < _MOST_PIECES:
        widest = max(range(len(bins)), key=lambda k: x[bins[k][-1]] - x[bins[k][0]])
        own = bins.pop(widest)
        if x[own[-1]] - x[own[0]] <= width:
            break
        below, n = np.cumsum(counts[own])[:-1], int(counts[own].sum())
        half = int(np.argmin(np.abs(below - n / 2)))
        if min(below[half], n - below[half]) >= _ROWS_A_BIN:
            bins += [own[: half + 1], own[half + 1 :]]
            cut_at = (x[own[half]] + x[own[half + 1]]) / 2
            edges = np.insert(edges, np.searchsorted(edges, cut_at), cut_at)
        else:
            whole += 1
    return edges


def _merged(groups: NDArray[np.int64], counts: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """Bins of few rows joined to their smaller neighbour, and until at most `most` are left."""
    rows = np.bincount(groups, counts).tolist()
    names = [[k] for k in range(len(rows))]
    while len(rows) > 1:
        k = int(np.argmin(rows))
        if rows[k] >= _FEWEST and len(rows) <= most:
            break
        if k == 0 or (k + 1 < len(rows) and rows[k + 1] < rows[k - 1]):
            k += 1
        rows[k - 1 : k + 1] = [rows[k - 1] + rows[k]]
        names[k - 1 : k + 1] = [names[k - 1] + names[k]]
    table = np.empty(int(groups[-1]) + 1, dtype=np.int64)
    for new, olds in enumerate(names):
        table[olds] = new
    return table[groups]


#: 5, 2, 1 times a power of ten; hours, minutes and seconds of columns of days.
_STEPS = sorted(
    [digit * 10.0**power for power in range(-8, 7) for digit in (1, 2, 5)]
    + [1 / 24, 1 / 1_440, 1 / 86_400],
    reverse=True,
)


def resolution_of(values: Array) -> float | None:
    """The coarsest step of which all values are multiples, from 1e-8 to 5e6; None if there is none.

    Few distinct values say little: steps above 1 want thirty.
    """
    x = np.unique(values)
    for step in _STEPS:
        if step > 1 and len(x) < 30:
            continue
        ratio = x / step
        slack = np.maximum(1e-9, 4e-15 * np.abs(ratio))
        if slack.max() > 0.01:
            return None  # finer than float64 tells apart
        whole = np.round(ratio)
        # Far below a step numbers are near 0, all the same multiple of it.
        told_apart = 2 * np.count_nonzero(np.diff(whole)) >= len(x) - 1
        if told_apart and (np.abs(ratio - whole) <= slack).all():
            return step
    return None
