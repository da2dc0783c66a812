"""The compiled twins of :mod:`harmonium.compute.joint`, for float64 on the CPU.

No exponential a state: exp(inputs) is carried from state to state by one product, and the
logarithm of 1 + exp(inputs) is taken of eight units at a time.
"""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["draw_weights", "sum_joint"]

#: Inputs whose exponentials, eight of them multiplied, are still numbers.
_MOST = 80.0
#: Units whose logarithm is taken at once.
_AT_ONCE = 8
#: fastmath, except that there are infinities.
_MATH = {"contract", "reassoc", "nsz", "arcp"}


@njit(cache=True)
def _largest(base, adds, starts):  # type: ignore[no-untyped-def]
    """How far from 0 the input of any unit may come."""
    most = 0.0
    for unit in range(base.shape[0]):
        far = abs(base[unit])
        for place in range(len(starts) - 1):
            own = 0.0
            for k in range(starts[place], starts[place + 1]):
                own = max(own, abs(adds[k, unit]))
            far += own
        most = max(most, far)
    return most


@njit(cache=True)
def _odds(values, length):  # type: ignore[no-untyped-def]
    """exp of rows, in rows of `length`: 0 beyond those that there are."""
    found = np.zeros((values.shape[0], length))
    for row in range(values.shape[0]):
        for unit in range(values.shape[1]):
            found[row, unit] = np.exp(values[row, unit])
    return found


@njit(inline="always")
def _log_of_products(odds, factors, lanes):  # type: ignore[no-untyped-def]
    """Sum of log(1 + odds * factors) over units."""
    n = lanes.shape[0]
    lanes[:] = 1.0
    for part in range(_AT_ONCE):
        first = part * n
        for lane in range(n):
            lanes[lane] *= 1.0 + odds[first + lane] * factors[first + lane]
    total = 0.0
    for lane in range(n):
        total += np.log(lanes[lane])
    return total


@njit(inline="always")
def _log_of_sums(inputs, adds):  # type: ignore[no-untyped-def]
    """The same from inputs themselves, however large."""
    total, product = 0.0, 1.0
    for unit in range(inputs.shape[0]):
        x = inputs[unit] + adds[unit]
        total += max(x, 0.0)
        product *= 1.0 + np.exp(-abs(x))
        if product > 1e200:
            total += np.log(product)
            product = 1.0
    return total + np.log(product)


@njit(cache=True, nogil=True, fastmath=_MATH, error_model="numpy")
def sum_joint(base, adds, own, starts):  # type: ignore[no-untyped-def]
    k, n_units = len(starts) - 1, base.shape[0]
    near = _largest(base, adds, starts) <= _MOST
    length = -(-n_units // _AT_ONCE) * _AT_ONCE if near else n_units
    levels, beside = np.empty((k, length)), np.zeros(k)
    if near:
        steps, levels[0] = _odds(adds, length), _odds(base.reshape(1, -1), length)[0]
    else:
        steps, levels[0] = adds, base
    lanes, at = np.empty(length // _AT_ONCE), np.zeros(k, np.int64)
    last, changed, most, total = k - 1, 0, -np.inf, 0.0
    while True:
        for level in range(changed, last):  # what the places before the last add
            row = starts[level] + at[level]
            beside[level + 1] = beside[level] + own[row]
            for unit in range(length):
                if near:
                    levels[level + 1, unit] = levels[level, unit] * steps[row, unit]
                else:
                    levels[level + 1, unit] = levels[level, unit] + steps[row, unit]
        for row in range(starts[last], starts[k]):
            if near:
                weight = _log_of_products(levels[last], steps[row], lanes)
            else:
                weight = _log_of_sums(levels[last], steps[row])
            weight += beside[last] + own[row]
            if weight > most:
                total = total * np.exp(most - weight) + 1.0
                most = weight
            elif weight > -np.inf:
                total += np.exp(weight - most)
        changed = last - 1
        while changed >= 0:
            at[changed] += 1
            if at[changed] < starts[changed + 1] - starts[changed]:
                break
            at[changed] = 0
            changed -= 1
        if changed < 0:
            return most + np.log(total) if total > 0.0 else -np.inf


@njit(cache=True, nogil=True, fastmath=_MATH, error_model="numpy")
def draw_weights(base, adds, own, starts, states, out):  # type: ignore[no-untyped-def]
    k, n_units = len(starts) - 1, base.shape[0]
    near = _largest(base, adds, starts) <= _MOST
    length = -(-n_units // _AT_ONCE) * _AT_ONCE if near else n_units
    if near:
        steps, first = _odds(adds, length), _odds(base.reshape(1, -1), length)[0]
    else:
        steps, first = adds, base
    lanes, level = np.empty(length // _AT_ONCE), np.empty(length)
    for draw in range(states.shape[0]):
        level[:] = first
        weight = 0.0
        for place in range(k - 1):
            row = starts[place] + states[draw, place]
            weight += own[row]
            for unit in range(length):
                if near:
                    level[unit] *= steps[row, unit]
                else:
                    level[unit] += steps[row, unit]
        row = starts[k - 1] + states[draw, k - 1]
        if near:
            weight += own[row] + _log_of_products(level, steps[row], lanes)
        else:
            weight += own[row] + _log_of_sums(level, steps[row])
        out[draw] = weight
