"""The compiled twins for softmax groups side by side, for float32 on the CPU.

Group g has the columns ``starts[g]`` to ``starts[g + 1]``. All groups of a row in one pass:
group by group, torch spends more on its calls than on the numbers.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from harmonium.compute.cpu import exp, place_of, uniform

__all__ = ["add_outer", "draw", "log_partition", "softmax", "sum_rows"]

_LEAST = np.float32(-80.0)
_ZERO = np.float32(0.0)
#: fastmath, except that there are infinities.
_MATH = {"contract", "reassoc", "nsz", "arcp"}


@njit(inline="always")
def _weigh(logits, starts, most, weights):  # type: ignore[no-untyped-def]
    """Fill `weights` with exp(logits - most of its group), and `most` with those.

    The exponentials run over the whole row, since most groups are shorter than vectors want.
    """
    for group in range(len(starts) - 1):
        top = logits[starts[group]]
        for k in range(starts[group] + 1, starts[group + 1]):
            top = max(top, logits[k])
        most[group] = top
        for k in range(starts[group], starts[group + 1]):
            weights[k] = logits[k] - top
    for k in range(weights.shape[0]):
        weights[k] = exp(weights[k]) if weights[k] > _LEAST else _ZERO


@njit(inline="always")
def _total(weights, first, stop):  # type: ignore[no-untyped-def]
    total = 0.0
    for k in range(first, stop):
        total += np.float64(weights[k])
    return total


@njit(cache=True, nogil=True, fastmath=_MATH, error_model="numpy")
def draw(inputs, starts, key, step, out):  # type: ignore[no-untyped-def]
    """A state of each group; group g of row r takes word ``r * n_groups + g`` of the stream.

    States below 1e-35 of the most probable are never drawn.
    """
    n_groups = len(starts) - 1
    most, weights = np.empty(n_groups, np.float32), np.empty(inputs.shape[1], np.float32)
    for row in range(inputs.shape[0]):
        _weigh(inputs[row], starts, most, weights)
        for group in range(n_groups):
            first, stop = starts[group], starts[group + 1]
            level = uniform(key, step, row * n_groups + group)
            left = level * _total(weights, first, stop)
            state = first
            for k in range(first, stop):
                if weights[k] > _ZERO:
                    state = k  # also where rounding leaves something of `left` at the end
                    left -= np.float64(weights[k])
                    if left < 0.0:
                        break
            out[row, group] = state - first


@njit(cache=True, nogil=True, fastmath=_MATH, error_model="numpy")
def softmax(inputs, starts, out):  # type: ignore[no-untyped-def]
    most = np.empty(len(starts) - 1, np.float32)
    for row in range(inputs.shape[0]):
        _weigh(inputs[row], starts, most, out[row])
        for group in range(len(starts) - 1):
            first, stop = starts[group], starts[group + 1]
            scale = np.float32(1.0 / _total(out[row], first, stop))
            for k in range(first, stop):
                out[row, k] *= scale


@njit(cache=True, nogil=True, fastmath=_MATH, error_model="numpy")
def log_partition(inputs, starts, out):  # type: ignore[no-untyped-def]
    most, weights = np.empty(len(starts) - 1, np.float32), np.empty(inputs.shape[1], np.float32)
    for row in range(inputs.shape[0]):
        _weigh(inputs[row], starts, most, weights)
        found = 0.0
        for group in range(len(starts) - 1):
            total = _total(weights, starts[group], starts[group + 1])
            found += np.float64(most[group]) + np.log(total)
        out[row] = found


@njit(cache=True, nogil=True, fastmath=_MATH, error_model="numpy")
def sum_rows(x, starts, weights, out):  # type: ignore[no-untyped-def]
    """Add the row of `weights` of each group's state to each row of `out`."""
    for row in range(x.shape[0]):
        for group in range(len(starts) - 1):
            place = place_of(x[row, group], starts[group], starts[group + 1])
            for j in range(out.shape[1]):
                out[row, j] += weights[place, j]


@njit(cache=True, nogil=True, fastmath=_MATH, error_model="numpy")
def add_outer(x, starts, other, out):  # type: ignore[no-untyped-def]
    """Add each row of `other` to the row of `out` of each group's state."""
    for row in range(x.shape[0]):
        for group in range(len(starts) - 1):
            place = place_of(x[row, group], starts[group], starts[group + 1])
            for j in range(out.shape[1]):
                out[place, j] += other[row, j]
