"""The compiled twins for softmax groups side by side, for float32 on the CPU.

Group g has the columns ``starts[g]`` to ``starts[g + 1]``. All groups of a row in one pass:
group by group, torch spends more on its calls than on the numbers.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from harmonium.compute.cpu import draw_state, exp, uniform

__all__ = ["add_outer", "draw", "log_partition", "softmax", "sum_rows"]

_LEAST = np.float32(-80.0)
_ZERO = np.float32(0.0)
#: fastmath, except that there are infinities.
_MATH = {"contract", "reassoc", "nsz", "arcp"}


@njit(inline="always")
def _place(value, start, stop):  # type: ignore[no-untyped-def]
    place = start + np.int64(value)
    if place < start or place >= stop:
        raise ValueError("a group's state is not one that it has")
    return place


@njit(inline="always")
def _weigh(logits, weights):  # type: ignore[no-untyped-def]
    """Fill `weights` with exp(logits - most); returns their sum, float64, and the most."""
    most = logits[0]
    for k in range(1, logits.shape[0]):
        most = max(most, logits[k])
    total = 0.0
    for k in range(logits.shape[0]):
        weights[k] = exp(logits[k] - most) if logits[k] - most > _LEAST else _ZERO
        total += np.float64(weights[k])
    return total, most


@njit(cache=True, nogil=True, fastmath=_MATH, error_model="numpy")
def draw(inputs, starts, key, step, scratch, out):  # type: ignore[no-untyped-def]
    """A state of each group; group g of row r takes word ``r * n_groups + g`` of the stream."""
    n_groups = len(starts) - 1
    for row in range(inputs.shape[0]):
        for group in range(n_groups):
            own = inputs[row, starts[group] : starts[group + 1]]
            out[row, group] = draw_state(own, uniform(key, step, row * n_groups + group), scratch)


@njit(cache=True, nogil=True, fastmath=_MATH, error_model="numpy")
def softmax(inputs, starts, out):  # type: ignore[no-untyped-def]
    for row in range(inputs.shape[0]):
        for group in range(len(starts) - 1):
            first, stop = starts[group], starts[group + 1]
            total, _ = _weigh(inputs[row, first:stop], out[row, first:stop])
            scale = np.float32(1.0 / total)
            for k in range(first, stop):
                out[row, k] *= scale


@njit(cache=True, nogil=True, fastmath=_MATH, error_model="numpy")
def log_partition(inputs, starts, scratch, out):  # type: ignore[no-untyped-def]
    for row in range(inputs.shape[0]):
        found = 0.0
        for group in range(len(starts) - 1):
            total, most = _weigh(inputs[row, starts[group] : starts[group + 1]], scratch)
            found += np.float64(most) + np.log(total)
        out[row] = found


@njit(cache=True, nogil=True, fastmath=_MATH, error_model="numpy")
def sum_rows(x, starts, weights, out):  # type: ignore[no-untyped-def]
    """Add the row of `weights` of each group's state to each row of `out`."""
    for row in range(x.shape[0]):
        for group in range(len(starts) - 1):
            place = _place(x[row, group], starts[group], starts[group + 1])
            for j in range(out.shape[1]):
                out[row, j] += weights[place, j]


@njit(cache=True, nogil=True, fastmath=_MATH, error_model="numpy")
def add_outer(x, starts, other, out):  # type: ignore[no-untyped-def]
    """Add each row of `other` to the row of `out` of each group's state."""
    for row in range(x.shape[0]):
        for group in range(len(starts) - 1):
            place = _place(x[row, group], starts[group], starts[group + 1])
            for j in range(out.shape[1]):
                out[place, j] += other[row, j]
