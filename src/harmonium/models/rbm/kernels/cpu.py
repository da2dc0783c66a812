"""Compiled loops of an update with persistent chains, for float32 on the CPU.

Rows are states as :mod:`.layout` lays them out: columns of 0 and 1, then labels. What is 1 in a
row comes as a list of places, made without a branch, since each wrongly guessed one costs as
much as adding up a row of 64 weights. A label is one more place in the list, and sums over the
ones need not know of it. All run on the thread that calls them and let go of the interpreter's
lock.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from harmonium.compute.cpu import draw_ones, draw_state, place_of, sigmoid, uniform

__all__ = [
    "Half",
    "Machine",
    "Means",
    "ascend",
    "draw_visible",
    "find_ones",
    "halves",
    "one_hot",
    "small_update",
    "sums",
]

_ONE = np.float32(1.0)
_ZERO = np.float32(0.0)
_TOP_BIT = np.uint64(1)


class Machine(NamedTuple):
    """Parameters, which are changed in place, and where labels start (:mod:`.layout`)."""

    weights: NDArray[np.float32]
    visible_bias: NDArray[np.float32]
    hidden_bias: NDArray[np.float32]
    starts: NDArray[np.int64]


class Half(NamedTuple):
    """One side of a gradient, the data's or the chains', of n rows.

    ``places (n, n_variables)`` and ``counts (n,)``: which units are 1 in each row. ``hidden
    (n, n_hidden)``: hidden probabilities, scaled so that the sides' outer products add up (the
    chains' with a minus).
    """

    places: NDArray[np.int32]
    counts: NDArray[np.int64]
    hidden: NDArray[np.float32]


class Means(NamedTuple):
    """Offsets of the centred gradient, ``(n_statistics,)`` and ``(n_hidden,)``; the hidden
    units' mean under the data, and its excess over that of the chains."""

    visible: NDArray[np.float32]
    hidden: NDArray[np.float32]
    data: NDArray[np.float32]
    change: NDArray[np.float32]


@njit(inline="always")
def _find_ones(row, starts, places):  # type: ignore[no-untyped-def]
    """Fill `places` with the units that are 1; returns how many there are."""
    count = 0
    for i in range(starts[0]):
        places[count] = i
        count += 1 if row[i] != _ZERO else 0
    for group in range(len(starts) - 1):
        value = row[starts[0] + group]
        places[count] = place_of(value, starts[group], starts[group + 1])
        count += 1
    return count


@njit(cache=True, nogil=True, error_model="numpy")
def one_hot(x, starts, out):  # type: ignore[no-untyped-def]
    """Rows with each label as a one among zeros, ``(n, n_statistics)``."""
    plain = starts[0]
    for row in range(x.shape[0]):
        for i in range(plain):
            out[row, i] = x[row, i]
        for i in range(plain, out.shape[1]):
            out[row, i] = _ZERO
        for group in range(len(starts) - 1):
            out[row, place_of(x[row, plain + group], starts[group], starts[group + 1])] = _ONE


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def draw_visible(logits, starts, key, step, first_row, x):  # type: ignore[no-untyped-def]
    """Rows drawn from their logits; `x` may be `logits` where there are no labels.

    See :func:`.plain.draw_visible`; rows are number `first_row` and on.
    """
    plain, groups = starts[0], len(starts) - 1
    words = np.empty((plain + 3) // 4, np.uint64)
    probability = np.empty(plain, np.float32)
    scratch = np.empty(logits.shape[1], np.float32)
    for row in range(logits.shape[0]):
        number = first_row + row
        for i in range(plain):
            probability[i] = sigmoid(logits[row, i])
        first = number * (len(words) + groups)
        draw_ones(probability, key, step, first, number * plain, words, scratch, x[row])
        first += len(words)
        for group in range(groups):
            own = logits[row, starts[group] : starts[group + 1]]
            x[row, plain + group] = draw_state(own, uniform(key, step, first + group), scratch)


@njit(cache=True, nogil=True, error_model="numpy")
def _add(table, chosen, total):  # type: ignore[no-untyped-def]
    """Add the `chosen` rows of a table to `total`, in their order.

    Four at a time: what is summed is then read and written a quarter as often. Without the
    liberties of fastmath, which would let the compiler choose the order.
    """
    whole = len(chosen) - len(chosen) % 4
    for at in range(0, whole, 4):
        a, b, c, d = chosen[at], chosen[at + 1], chosen[at + 2], chosen[at + 3]
        for j in range(len(total)):
            pair = (total[j] + table[a, j]) + table[b, j]
            total[j] = (pair + table[c, j]) + table[d, j]
    for row in chosen[whole:]:
        for j in range(len(total)):
            total[j] += table[row, j]


@njit(cache=True, nogil=True, error_model="numpy")
def find_ones(x, starts, half):  # type: ignore[no-untyped-def]
    """Which units are 1 in each row of states, left in `half`."""
    for row in range(x.shape[0]):
        half.counts[row] = _find_ones(x[row], starts, half.places[row])


@njit(cache=True, nogil=True, error_model="numpy")
def sums(machine, half):  # type: ignore[no-untyped-def]
    """Sum the weights of the ones of rows: logits of hidden units, left in `half`."""
    logits = np.empty(len(machine.hidden_bias), np.float32)
    for row in range(len(half.counts)):
        logits[:] = machine.hidden_bias
        _add(machine.weights, half.places[row, : half.counts[row]], logits)
        half.hidden[row] = logits


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def halves(hidden, factor, key, step, first_row, draws):  # type: ignore[no-untyped-def]
    """Logits of hidden units to ``factor * sigmoid(logits)`` in place, and a draw of each in
    ``draws`` unless that is empty; rows are number `first_row` and on."""
    n, d = hidden.shape
    words = np.empty((d + 3) // 4, np.uint64)
    scratch = np.empty(d, np.float32)
    probability = np.empty(d, np.float32)
    for row in range(n):
        for j in range(d):
            probability[j] = sigmoid(hidden[row, j])
        if draws.shape[0]:
            number = first_row + row
            first = number * len(words)
            draw_ones(probability, key, step, first, number * d, words, scratch, draws[row])
        for j in range(d):
            hidden[row, j] = probability[j] * factor


@njit(cache=True, nogil=True, error_model="numpy")
def _by_unit(half, start, stop, share, change):  # type: ignore[no-untyped-def]
    """The rows in which each of the units `start` to `stop` is 1, unit after unit, and where
    each unit's begin, and the last one's end; `change` gains a share for each one."""
    firsts = np.zeros(stop - start + 1, np.int32)
    for row in range(len(half.counts)):
        for place in half.places[row, : half.counts[row]]:
            if start <= place < stop:
                firsts[place - start + 1] += 1
                change[place - start] += share
    for k in range(stop - start):
        firsts[k + 1] += firsts[k]
    rows = np.empty(firsts[-1], np.int32)
    ends = firsts.copy()
    for row in range(len(half.counts)):
        for place in half.places[row, : half.counts[row]]:
            if start <= place < stop:
                rows[ends[place - start]] = row
                ends[place - start] += 1
    return rows, firsts


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def ascend(positive, negative, machine, means, units, rates, correction):  # type: ignore[no-untyped-def]
    """Centred gradient step for visible units ``units[0]`` to ``units[1]``, by their ones.

    `positive` and `negative` are halves, `rates` are the learning rate and the decay. Changes
    weights and visible biases and leaves this range's ``means.visible @ gradient``, which the
    hidden biases' gradient must lose, in ``correction``.
    """
    start, stop = units
    rate, decay = rates
    weights, visible_bias = machine.weights, machine.visible_bias
    d = weights.shape[1]
    gradient = np.empty(d, np.float32)
    pull = np.empty(d, np.float32)
    share_positive = _ONE / np.float32(len(positive.counts))
    share_negative = -_ONE / np.float32(len(negative.counts))
    keep = np.float32(1.0 - rate * decay)
    speed = np.float32(rate)
    change = np.zeros(stop - start, np.float32)
    positive_rows, positive_firsts = _by_unit(positive, start, stop, share_positive, change)
    negative_rows, negative_firsts = _by_unit(negative, start, stop, share_negative, change)
    correction[:] = _ZERO
    for i in range(start, stop):
        seen = positive_rows[positive_firsts[i - start] : positive_firsts[i - start + 1]]
        drawn = negative_rows[negative_firsts[i - start] : negative_firsts[i - start + 1]]
        gradient[:] = _ZERO
        _add(positive.hidden, seen, gradient)
        _add(negative.hidden, drawn, gradient)
        mean, drift, towards = means.visible[i], change[i - start], _ZERO
        # Apart: of a sum of three the compiler chooses the order, and not always the same.
        for j in range(d):
            pull[j] = drift * means.hidden[j]
        for j in range(d):
            pull[j] += mean * means.change[j]
        for j in range(d):
            g = gradient[j] - pull[j]
            towards += g * means.hidden[j]
            correction[j] += mean * g
            weights[i, j] = keep * weights[i, j] + speed * g
        visible_bias[i] += speed * (drift - towards)


@njit(inline="always")
def _stream(words, place):  # type: ignore[no-untyped-def]
    """As :func:`harmonium.compute.draws.stream` of two words."""
    return np.int64(words[place] >> _TOP_BIT), np.int64((words[place + 1] >> _TOP_BIT) | _TOP_BIT)


@njit(inline="always")
def _half(n, n_variables, n_hidden):  # type: ignore[no-untyped-def]
    places = np.empty((n, n_variables), np.int32)
    return Half(places, np.empty(n, np.int64), np.empty((n, n_hidden), np.float32))


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def small_update(positive, visible, hidden, machine, means, words, rates):  # type: ignore[no-untyped-def]
    """A whole update in one call, where calls would cost most of it.

    As :class:`.PersistentUpdate` otherwise puts together from the kernels above. `means` are the
    visible and the hidden offsets, and what is filled with the hidden units' mean under the data;
    ``words (4 * n_gibbs,)`` are the random ones of the streams that the draws are from.
    """
    n, n_variables = visible.shape
    n_statistics, d = machine.weights.shape
    logits = np.empty((n, n_statistics), np.float32)
    data = _half(len(positive), n_variables, d)
    model = _half(n, n_variables, d)
    for place in range(0, len(words), 4):
        for row in range(n):
            for i in range(n_statistics):
                total = machine.visible_bias[i]
                for j in range(d):
                    total += machine.weights[i, j] * hidden[row, j]
                logits[row, i] = total
        key, step = _stream(words, place)
        draw_visible(logits, machine.starts, key, step, 0, visible)
        find_ones(visible, machine.starts, model)
        sums(machine, model)
        key, step = _stream(words, place + 2)
        halves(model.hidden, -_ONE / np.float32(n), key, step, 0, hidden)
    find_ones(positive, machine.starts, data)
    sums(machine, data)
    halves(data.hidden, _ONE / np.float32(len(positive)), key, step, 0, hidden[:0])
    means = Means(means[0], means[1], means[2], means[3])
    means.data[:] = _ZERO
    for row in range(len(positive)):
        for j in range(d):
            means.data[j] += data.hidden[row, j]
    means.change[:] = means.data
    for row in range(n):
        for j in range(d):
            means.change[j] += model.hidden[row, j]
    correction = np.empty(d, np.float32)
    ascend(data, model, machine, means, (0, n_statistics), rates, correction)
    for j in range(d):
        machine.hidden_bias[j] += np.float32(rates[0]) * (means.change[j] - correction[j])
