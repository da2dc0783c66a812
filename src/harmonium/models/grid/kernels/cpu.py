"""Compiled sweeps of grid models, for float32 on the CPU; :mod:`.grid_plain` is the plain twin.

A pixel's conditional is built from one contiguous stretch of table for each clique that it is
in, so its cost is a few vector additions a level. The kernels hold no lock and no threads of
their own: the caller may run one on each part of a batch of images.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from harmonium.compute.cpu import exp

__all__ = ["Field", "conditional_moments", "conditionals", "potentials", "sweep"]

_GROUP = 16
_MATH = {"contract", "reassoc", "nsz", "arcp"}  # everything but pretending there is no infinity


class Field(NamedTuple):
    """What acts on single pixels. B and C are 1 (the same everywhere) or V = H * W.

    ``bias (B, L)`` and ``base (C, L)``: log-weights of levels at beta = 1 and 0. ``beta (n,)``.
    ``free (n, V)``. ``rows (n, V)``: which row of ``readings (R, L)`` is the log-likelihood of
    the pixel's reading, to which ``slopes (n, V)`` times the level is added.
    """

    bias: NDArray[np.float32]
    base: NDArray[np.float32]
    beta: NDArray[np.float32]
    free: NDArray[np.bool_]
    rows: NDArray[np.int32]
    readings: NDArray[np.float32]
    slopes: NDArray[np.float32]


@njit(inline="always")
def _respond(image, layout, responses):  # type: ignore[no-untyped-def]
    """responses[f, y, x] of the filter whose top left corner is at (y, x), where it fits."""
    height, width = image.shape
    for f in range(layout.sizes.shape[0]):
        for y in range(height - layout.sizes[f, 0] + 1):
            for x in range(width - layout.sizes[f, 1] + 1):
                responses[f, y, x] = 0
        for t in range(layout.starts[f], layout.starts[f + 1]):
            dy, dx, weight = layout.taps[t, 0], layout.taps[t, 1], layout.taps[t, 2]
            for y in range(height - layout.sizes[f, 0] + 1):
                for x in range(width - layout.sizes[f, 1] + 1):
                    responses[f, y, x] += weight * image[y + dy, x + dx]


@njit(inline="always")
def _stretches(responses, y, x, value, layout, found):  # type: ignore[no-untyped-def]
    """found[:count]: where the pixel's level 0 lies in the arranged table of each of its cliques.

    Returns the count. The clique's response without the pixel picks the place.
    """
    height, width = responses.shape[1], responses.shape[2]
    taps = layout.taps
    count = 0
    for f in range(layout.sizes.shape[0]):
        bottom, right = height - layout.sizes[f, 0], width - layout.sizes[f, 1]
        for t in range(layout.starts[f], layout.starts[f + 1]):
            top, left = y - taps[t, 0], x - taps[t, 1]
            if top < 0 or left < 0 or top > bottom or left > right:
                continue
            weight = taps[t, 2]
            rest = responses[f, top, left] - weight * value
            if weight < 0:  # tables are even
                rest, weight = -rest, -weight
            entry = rest + taps[t, 5]
            if weight == 1:
                found[count] = taps[t, 3] + entry
            else:
                found[count] = taps[t, 3] + (entry % weight) * taps[t, 4] + entry // weight
            count += 1
    return count


@njit(inline="always")
def _renew(responses, y, x, change, layout):  # type: ignore[no-untyped-def]
    """The responses after pixel (y, x) grew by `change`."""
    taps = layout.taps
    for f in range(layout.sizes.shape[0]):
        bottom = responses.shape[1] - layout.sizes[f, 0]
        right = responses.shape[2] - layout.sizes[f, 1]
        for t in range(layout.starts[f], layout.starts[f + 1]):
            top, left = y - taps[t, 0], x - taps[t, 1]
            if top >= 0 and left >= 0 and top <= bottom and left <= right:
                responses[f, top, left] += taps[t, 2] * change


@njit(inline="always")
def _weigh(i, pixel, low, high, stretches, tables, field, weights):  # type: ignore[no-untyped-def]
    """weights[k - low] = P(pixel = k given the rest), times a factor, for levels low..high-1.

    Returns their sum.
    """
    n = high - low
    weights[:n] = np.float32(0.0)
    whole = stretches.shape[0] // 4 * 4
    for s in range(0, whole, 4):  # four at a time: fewer loads and stores of weights
        first, second = stretches[s] + low, stretches[s + 1] + low
        third, fourth = stretches[s + 2] + low, stretches[s + 3] + low
        for k in range(n):
            weights[k] += (tables[first + k] + tables[second + k]) + (
                tables[third + k] + tables[fourth + k]
            )
    for s in range(whole, stretches.shape[0]):
        for k in range(n):
            weights[k] += tables[stretches[s] + low + k]
    beta = field.beta[i]
    rest = np.float32(1.0) - beta
    bias = field.bias[pixel if field.bias.shape[0] > 1 else 0]
    base = field.base[pixel if field.base.shape[0] > 1 else 0]
    reading = field.readings[field.rows[i, pixel]]
    slope = field.slopes[i, pixel]
    peak = np.float32(-np.inf)
    for k in range(n):
        value = beta * (weights[k] + bias[low + k]) + rest * base[low + k] + reading[low + k]
        value += slope * np.float32(low + k)
        weights[k] = value
        peak = max(peak, value)
    total = np.float32(0.0)
    for k in range(n):
        value = exp(weights[k] - peak)
        weights[k] = value
        total += value
    return total


@njit(inline="always")
def _choose(weights, n, target):  # type: ignore[no-untyped-def]
    """The first of n places whose cumulated weight exceeds `target`; whole groups are skipped."""
    reached = np.float32(0.0)
    start = 0
    while start + _GROUP < n:
        group = np.float32(0.0)
        for k in range(start, start + _GROUP):
            group += weights[k]
        if reached + group > target:
            break
        reached += group
        start += _GROUP
    k = start
    while k < n - 1:
        reached += weights[k]
        if reached > target:
            break
        k += 1
    return k


@njit(cache=True, nogil=True, fastmath=_MATH, error_model="numpy")
def sweep(images, layout, tables, field, uniforms, shifts, window, means):  # type: ignore[no-untyped-def]
    """One Gibbs sweep, colour after colour, in place; keeps P_beta(x given readings).

    ``images`` int32 ``(n, H, W)``; ``tables``: arranged; ``uniforms`` float32 ``(n, V)`` in
    [0, 1); a negative one asks for the most probable level (the present one, where it ties).
    A pixel now at level k is drawn among the `window` levels from
    ``k - shifts[i, pixel]`` on; uniform shifts in [0, window) leave the same distribution
    invariant, because either of two levels proposes the same windows with both as often.
    ``means``: float32 ``(n, V)`` takes each pixel's mean given its neighbours and the window,
    as its draw saw them; or ``(0, 0)``.
    """
    n, height, width = images.shape
    a, b, m = layout.colour
    n_levels = field.bias.shape[1]
    weights = np.empty(min(window, n_levels), np.float32)
    stretches = np.empty(layout.taps.shape[0], np.int64)
    responses = np.empty((layout.sizes.shape[0], height, width), np.int32)
    for i in range(n):
        image = images[i]
        _respond(image, layout, responses)
        for colour in range(m):
            for y in range(height):
                for x in range(width):
                    pixel = y * width + x
                    if (a * y + b * x) % m != colour or not field.free[i, pixel]:
                        continue
                    value = image[y, x]
                    low, high = 0, n_levels
                    if window < n_levels:
                        low = max(value - shifts[i, pixel], 0)
                        high = min(value - shifts[i, pixel] + window, n_levels)
                    count = _stretches(responses, y, x, value, layout, stretches)
                    total = _weigh(i, pixel, low, high, stretches[:count], tables, field, weights)
                    if means.shape[0] > 0:
                        moment = np.float32(0.0)
                        for k in range(high - low):
                            moment += np.float32(k) * weights[k]
                        means[i, pixel] = np.float32(low) + moment / total
                    if uniforms[i, pixel] < np.float32(0.0):
                        chosen = value
                        for k in range(high - low):
                            if weights[k] > weights[chosen - low]:
                                chosen = low + k
                    else:
                        chosen = low + _choose(weights, high - low, uniforms[i, pixel] * total)
                    if chosen != value:
                        image[y, x] = chosen
                        _renew(responses, y, x, chosen - value, layout)


@njit(cache=True, nogil=True, error_model="numpy")
def potentials(images, layout, zeros, tables, bias, base, out):  # type: ignore[no-untyped-def]
    """out[i] = (sum of all potentials, log-weight in the base) of each image, float64 (n, 2).

    ``tables`` float64, not arranged; ``zeros (F,)``: where in it each filter's response 0 lies.
    """
    n, height, width = images.shape
    responses = np.empty((layout.sizes.shape[0], height, width), np.int32)
    for i in range(n):
        _respond(images[i], layout, responses)
        total, easy = 0.0, 0.0
        for f in range(layout.sizes.shape[0]):
            for y in range(height - layout.sizes[f, 0] + 1):
                for x in range(width - layout.sizes[f, 1] + 1):
                    total += tables[zeros[f] + responses[f, y, x]]
        for y in range(height):
            for x in range(width):
                pixel, level = y * width + x, images[i, y, x]
                total += bias[pixel if bias.shape[0] > 1 else 0, level]
                easy += base[pixel if base.shape[0] > 1 else 0, level]
        out[i, 0], out[i, 1] = total, easy


@njit(cache=True, nogil=True, fastmath=_MATH, error_model="numpy")
def conditionals(images, layout, tables, field, out):  # type: ignore[no-untyped-def]
    """out[i, pixel] = P(pixel = k given the others) for all k: ``(n, V, L)``."""
    n, height, width = images.shape
    stretches = np.empty(layout.taps.shape[0], np.int64)
    responses = np.empty((layout.sizes.shape[0], height, width), np.int32)
    n_levels = field.bias.shape[1]
    for i in range(n):
        _respond(images[i], layout, responses)
        for pixel in range(height * width):
            y, x = pixel // width, pixel % width
            count = _stretches(responses, y, x, images[i, y, x], layout, stretches)
            weights = out[i, pixel]
            total = _weigh(i, pixel, 0, n_levels, stretches[:count], tables, field, weights)
            for k in range(n_levels):
                weights[k] /= total


@njit(cache=True, nogil=True, fastmath=_MATH, error_model="numpy")
def conditional_moments(images, layout, tables, field, scale, expected, levels):  # type: ignore[no-untyped-def]
    """Pseudo-likelihood of the images, and what their conditionals expect of the parameters.

    Adds, for every pixel, its conditional (times ``scale[i]``) onto the arranged table entries
    it would meet at each level, ``expected``, and onto ``levels (B, L)``. Returns the weighted
    sum of log P(pixel given the others).
    """
    n, height, width = images.shape
    n_levels = field.bias.shape[1]
    weights = np.empty(n_levels, np.float32)
    stretches = np.empty(layout.taps.shape[0], np.int64)
    responses = np.empty((layout.sizes.shape[0], height, width), np.int32)
    value = 0.0
    for i in range(n):
        _respond(images[i], layout, responses)
        for pixel in range(height * width):
            y, x = pixel // width, pixel % width
            level = images[i, y, x]
            count = _stretches(responses, y, x, level, layout, stretches)
            total = _weigh(i, pixel, 0, n_levels, stretches[:count], tables, field, weights)
            value += scale[i] * np.log(np.float64(weights[level]) / np.float64(total))
            factor = scale[i] / total
            row = levels[pixel if levels.shape[0] > 1 else 0]
            for k in range(n_levels):
                weights[k] *= factor
                row[k] += weights[k]
            for start in stretches[:count]:
                for k in range(n_levels):
                    expected[start + k] += weights[k]
    return value
