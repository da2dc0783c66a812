"""Compiled sweeps of Boltzmann machines, for float32 on the CPU; :mod:`.plain` is the twin.

Variable after variable, each for all chains: the table of what others add to one variable's
states stays in the nearest cache. The kernels hold no lock and no threads of their own.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from harmonium.compute.cpu import exp, uniform

__all__ = ["Field", "conditionals", "count_pairs", "regress", "sweep", "weigh"]

_MATH = {"contract", "reassoc", "nsz", "arcp"}
_ZERO, _ONE = np.float32(0.0), np.float32(1.0)
_LEAST = np.float32(-80.0)
#: A graph with this many times fewer neighbours than variables is walked along its edges.
_SPARSE = 8


class Field(NamedTuple):
    """What acts on single variables. ``fields`` and ``base`` ``(n_variables, width)`` are
    log-weights of states at beta = 1 and 0; ``beta (n,)``; ``free (n, n_variables)``; variable i
    of row r was read with log-likelihood ``readings[rows[r, i]] + slopes[r, i] * state``."""

    fields: NDArray[np.float32]
    base: NDArray[np.float32]
    beta: NDArray[np.float32]
    free: NDArray[np.bool_]
    rows: NDArray[np.int32]
    readings: NDArray[np.float32]
    slopes: NDArray[np.float32]


@njit(inline="always")
def _gather(rows, near, table, inputs, width):  # type: ignore[no-untyped-def]
    """What the neighbours `near` in their states add to the states of a variable; `table` is flat,
    a stretch of `width` for each statistic. Where all are near, so is the variable itself, with
    zeros."""
    w = np.uint64(width)
    inputs[:] = _ZERO
    every = near.shape[0] + 1 == rows.shape[0]
    n = rows.shape[0] if every else near.shape[0]
    whole = n // 4 * 4
    for s in range(0, whole, 4):  # four at a time: fewer loads and stores of inputs
        if every:
            a, b, c, d = rows[s], rows[s + 1], rows[s + 2], rows[s + 3]
        else:
            a, b, c, d = rows[near[s]], rows[near[s + 1]], rows[near[s + 2]], rows[near[s + 3]]
        a, b, c, d = np.uint64(a) * w, np.uint64(b) * w, np.uint64(c) * w, np.uint64(d) * w
        for k in range(width):
            q = np.uint64(k)
            inputs[k] += (table[a + q] + table[b + q]) + (table[c + q] + table[d + q])
    for s in range(whole, n):
        a = np.uint64(rows[s] if every else rows[near[s]]) * w
        p = table[a : a + w]
        for k in range(width):
            inputs[k] += p[k]


@njit(inline="always")
def _dot(x, near, couplings):  # type: ignore[no-untyped-def]
    """What others add to the log-odds of a variable, all being 0 or 1."""
    total = _ZERO
    if near.shape[0] * _SPARSE < x.shape[0]:
        for s in range(near.shape[0]):
            total += x[near[s]] * couplings[near[s]]
    else:
        for j in range(x.shape[0]):
            total += x[j] * couplings[j]
    return total


@njit(inline="always")
def _inputs(x, rows, near, tables, i, inputs):  # type: ignore[no-untyped-def]
    """What the others add to the states of variable i; `tables` ``(n_variables, n)``: of bits the
    couplings, else a flat table each."""
    if tables.shape[1] == x.shape[0]:
        inputs[0], inputs[1] = _ZERO, _dot(x, near, tables[i])
    elif inputs.shape[0] == 8:  # a width known to the compiler is the faster one of few states
        _gather(rows, near, tables[i], inputs, 8)
    else:
        _gather(rows, near, tables[i], inputs, inputs.shape[0])


@njit(inline="always")
def _logits(r, i, size, field, inputs):  # type: ignore[no-untyped-def]
    """Inputs made log-weights of the variable's states at the row's temperature."""
    beta = field.beta[r]
    rest = _ONE - beta
    for k in range(size):
        inputs[k] = beta * (inputs[k] + field.fields[i, k]) + rest * field.base[i, k]
    if field.rows.shape[0] > 0:
        reading, slope = field.readings[field.rows[r, i]], field.slopes[r, i]
        for k in range(size):
            inputs[k] += reading[k] + slope * np.float32(k)


@njit(inline="always")
def _weights(logits, weights):  # type: ignore[no-untyped-def]
    """Fill `weights` with exp(logits) over the largest; returns their sum."""
    size = logits.shape[0]
    most = logits[0]
    for k in range(1, size):
        most = max(most, logits[k])
    for k in range(size):
        weights[k] = logits[k] - most
    for k in range(size):
        weights[k] = exp(weights[k]) if weights[k] > _LEAST else _ZERO
    total = _ZERO
    for k in range(size):
        total += weights[k]
    return total


@njit(inline="always")
def _draw(logits, level, weights):  # type: ignore[no-untyped-def]
    """The state at which the cumulated weights pass the share `level`; none below 1e-35 of the
    most probable."""
    left = np.float32(level) * _weights(logits, weights)
    reached, state = _ZERO, 0
    for k in range(logits.shape[0]):
        if weights[k] > _ZERO:
            state = k  # also where rounding leaves something at the end
            reached += weights[k]
            if reached > left:
                break
    return state


@njit(inline="always")
def _softmax(logits, weights):  # type: ignore[no-untyped-def]
    total = _weights(logits, weights)
    for k in range(logits.shape[0]):
        weights[k] /= total


@njit(inline="always")
def _best(logits, state):  # type: ignore[no-untyped-def]
    for k in range(logits.shape[0]):
        if logits[k] > logits[state]:
            state = k
    return state


@njit(cache=True, nogil=True, fastmath=_MATH, error_model="numpy")
def sweep(x, rows, of_state, sizes, first, neighbours, tables, field, key, step, start, means, up):  # type: ignore[no-untyped-def]
    """One heat-bath sweep in place: variable i of row r takes word ``(start + r) * n_variables +
    i`` of the stream; where `up`, the most probable state in place of a draw, and of two alike
    the one that it is in.

    ``x`` float32 and ``rows`` int32 ``(n, n_variables)`` are the states and the statistics that
    they pick. ``means (n, n_variables)`` takes each variable's mean as its draw saw it; (0, 0):
    none. Clamped variables keep their state, which is their mean.
    """
    n, n_variables = x.shape
    inputs = np.empty(of_state.shape[1], np.float32)
    weights = np.empty(of_state.shape[1], np.float32)
    for i in range(n_variables):
        near, size = neighbours[first[i] : first[i + 1]], sizes[i]
        for r in range(n):
            if field.free.shape[0] > 0 and not field.free[r, i]:
                if means.shape[0] > 0:
                    means[r, i] = x[r, i]
                continue
            _inputs(x[r], rows[r], near, tables, i, inputs)
            _logits(r, i, size, field, inputs)
            if up:
                state = _best(inputs[:size], np.int64(x[r, i]))
            else:
                level = uniform(key, step, (start + r) * n_variables + i)
                state = _draw(inputs[:size], level, weights)
            x[r, i] = np.float32(state)
            rows[r, i] = of_state[i, state]
            if means.shape[0] > 0:
                _softmax(inputs[:size], weights)
                mean = _ZERO
                for k in range(size):
                    mean += weights[k] * np.float32(k)
                means[r, i] = mean


@njit(cache=True, nogil=True, fastmath=_MATH, error_model="numpy")
def conditionals(x, rows, of_state, sizes, first, neighbours, tables, field, out):  # type: ignore[no-untyped-def]
    """``out (n, n_variables, states)``: P of each state given all other variables as they are."""
    inputs = np.empty(of_state.shape[1], np.float32)
    for i in range(rows.shape[1]):
        near, size = neighbours[first[i] : first[i + 1]], sizes[i]
        for r in range(rows.shape[0]):
            _inputs(x[r], rows[r], near, tables, i, inputs)
            _logits(r, i, size, field, inputs)
            _softmax(inputs[:size], out[r, i])


@njit(cache=True, nogil=True, error_model="numpy")
def weigh(rows, first, neighbours, couplings, out):  # type: ignore[no-untyped-def]
    """``out (n,)`` float64: the sum over pairs of the couplings ``(n_statistics + 1,) * 2`` that
    their states pick."""
    for r in range(rows.shape[0]):
        total = 0.0
        for i in range(rows.shape[1]):
            own = couplings[rows[r, i]]
            for s in range(first[i], first[i + 1]):
                j = neighbours[s]
                if j > i:
                    break
                total += np.float64(own[rows[r, j]])
        out[r] = total


@njit(cache=True, nogil=True, error_model="numpy")
def count_pairs(states, shares, of_state, first, neighbours, low, high, out):  # type: ignore[no-untyped-def]
    """Add to ``out (n_statistics + 1,) * 2`` the shares of rows in each pair of states of variables
    i in `low` to `high` and their neighbours before them, on both sides of the diagonal; and of
    single states on it. ``states`` int32 ``(n_variables, n)``."""
    width = of_state.shape[1]
    block = np.empty((width, width), np.float64)
    single = np.empty(width, np.float64)
    for i in range(low, high):
        single[:] = 0.0
        for r in range(states.shape[1]):
            single[states[i, r]] += shares[r]
        for a in range(width):
            out[of_state[i, a], of_state[i, a]] += single[a]
        for s in range(first[i], first[i + 1]):
            j = neighbours[s]
            if j > i:
                break
            block[:] = 0.0
            for r in range(states.shape[1]):
                block[states[i, r], states[j, r]] += shares[r]
            for a in range(width):
                for b in range(width):
                    if block[a, b] != 0.0:
                        out[of_state[i, a], of_state[j, b]] += block[a, b]
                        out[of_state[j, b], of_state[i, a]] += block[a, b]


@njit(cache=True, nogil=True, fastmath=_MATH, error_model="numpy")
def regress(states, rows, shares, size, near, table, fields, slopes, field_slopes):  # type: ignore[no-untyped-def]
    """The sum of shares times log P of a variable's ``states (n,)`` given all others, by a `table`
    laid out for it as :func:`sweep`'s are; adds to its slopes by the table and by the fields."""
    width = fields.shape[0]
    inputs, weights = np.zeros(width, np.float32), np.zeros(width, np.float32)
    w = np.uint64(width)
    value = 0.0
    for r in range(rows.shape[0]):
        _gather(rows[r], near, table, inputs, width)
        for k in range(size):
            inputs[k] += fields[k]
        _softmax(inputs[:size], weights)
        share, own = shares[r], states[r]
        value += share * np.log(max(np.float64(weights[own]), 1e-37))
        for k in range(size):
            weights[k] *= -np.float32(share)
        weights[own] += np.float32(share)
        for k in range(size):
            field_slopes[k] += weights[k]
        for s in range(near.shape[0]):
            a = np.uint64(rows[r, near[s]]) * w
            slope = slopes[a : a + w]
            for k in range(width):
                slope[k] += weights[k]
    return value
