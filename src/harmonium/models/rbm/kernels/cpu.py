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

from harmonium.compute.cpu import draw_ones, draw_state, sigmoid, uniform

__all__ = [
    "Half",
    "Machine",
    "Means",
    "ascend",
    "draw_visible",
    "halves",
    "one_hot",
    "small_update",
    "sums",
]

_ONE = np.float32(1.0)
_ZERO = np.float32(0.0)
_TOP_BIT = np.uint64(1)
#: Numbers of a gradient gathered together: half of a first-level cache.
_GATHERED = 2**12


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
def _label(value, start, stop):  # type: ignore[no-untyped-def]
    """The place of a label of state `value` whose units are `start` to `stop`."""
    place = start + np.int64(value)
    if place < start or place >= stop:
        raise ValueError("a label's state is not one that it has")
    return place


@njit(inline="always")
def _find_ones(row, starts, places):  # type: ignore[no-untyped-def]
    """Fill `places` with the units that are 1; returns how many there are."""
    count = 0
    for i in range(starts[0]):
        places[count] = i
        count += 1 if row[i] != _ZERO else 0
    for group in range(len(starts) - 1):
        value = row[starts[0] + group]
        places[count] = _label(value, starts[group], starts[group + 1])
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
            out[row, _label(x[row, plain + group], starts[group], starts[group + 1])] = _ONE


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


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def sums(x, machine, half):  # type: ignore[no-untyped-def]
    """Find the ones of rows, and sum their weights: logits of hidden units, left in `half`."""
    weights, bias = machine.weights, machine.hidden_bias
    d = len(bias)
    logits = np.empty(d, np.float32)
    for row in range(x.shape[0]):
        places = half.places[row]
        count = _find_ones(x[row], machine.starts, places)
        half.counts[row] = count
        for j in range(d):
            logits[j] = bias[j]
        for place in places[:count]:
            for j in range(d):
                logits[j] += weights[place, j]
        for j in range(d):
            half.hidden[row, j] = logits[j]


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


@njit(inline="always")
def _gather(half, first, stop, share, cursors, gradient, change):  # type: ignore[no-untyped-def]
    """Add the outer product of a side for units `first` to `stop`, and its share of each one;
    `cursors` say how far each row's list is read, and are moved on."""
    d = gradient.shape[1]
    for row in range(len(cursors)):
        place, count = cursors[row], half.counts[row]
        while place < count and half.places[row, place] < stop:
            k = half.places[row, place] - first
            change[k] += share
            for j in range(d):
                gradient[k, j] += half.hidden[row, j]
            place += 1
        cursors[row] = place


@njit(inline="always")
def _cursors(half, start):  # type: ignore[no-untyped-def]
    """Where in each row's list the units from `start` on begin."""
    cursors = np.zeros(len(half.counts), np.int64)
    if start:
        for row in range(len(cursors)):
            while cursors[row] < half.counts[row] and half.places[row, cursors[row]] < start:
                cursors[row] += 1
    return cursors


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
    block = max(16, _GATHERED // d)
    gradient = np.empty((block, d), np.float32)
    change = np.empty(block, np.float32)
    pull = np.empty(d, np.float32)
    share_positive = _ONE / np.float32(len(positive.counts))
    share_negative = -_ONE / np.float32(len(negative.counts))
    keep = np.float32(1.0 - rate * decay)
    speed = np.float32(rate)
    positive_cursors, negative_cursors = _cursors(positive, start), _cursors(negative, start)
    correction[:] = _ZERO
    for first in range(start, stop, block):
        width = min(block, stop - first)
        gradient[:width] = _ZERO
        change[:width] = _ZERO
        _gather(positive, first, first + width, share_positive, positive_cursors, gradient, change)
        _gather(negative, first, first + width, share_negative, negative_cursors, gradient, change)
        for k in range(width):
            i = first + k
            mean, drift, towards = means.visible[i], change[k], _ZERO
            # Apart: of a sum of three the compiler chooses the order, and not always the same.
            for j in range(d):
                pull[j] = drift * means.hidden[j]
            for j in range(d):
                pull[j] += mean * means.change[j]
            for j in range(d):
                g = gradient[k, j] - pull[j]
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
        sums(visible, machine, model)
        key, step = _stream(words, place + 2)
        halves(model.hidden, -_ONE / np.float32(n), key, step, 0, hidden)
    sums(positive, machine, data)
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
