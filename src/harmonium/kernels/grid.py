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

from harmonium.kernels.fast import _exp

__all__ = ["Field", "conditional_moments", "conditionals", "sweep"]

_GROUP = 16


class Field(NamedTuple):
    """What acts on single pixels. B and C are 1 (the same everywhere) or H * W.

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
def _add_cliques(image, y, x, layout, tables, logits):  # type: ignore[no-untyped-def]
    """logits[k] += the potentials of all cliques of pixel (y, x) if it were k."""
    height, width = image.shape
    taps = layout.taps
    n_levels = logits.shape[0]
    for f in range(layout.sizes.shape[0]):
        first, last = layout.starts[f], layout.starts[f + 1]
        for t in range(first, last):
            top, left = y - taps[t, 0], x - taps[t, 1]
            if top < 0 or left < 0:
                continue
            if top + layout.sizes[f, 0] > height or left + layout.sizes[f, 1] > width:
                continue
            start = _stretch(image, top, left, taps, first, last, t)
            for k in range(n_levels):
                logits[k] += tables[start + k]


@njit(inline="always")
def _stretch(image, top, left, taps, first, last, t):  # type: ignore[no-untyped-def]
    """Where the arranged table of tap t starts, given the clique's other pixels."""
    rest = 0
    for s in range(first, last):
        rest += taps[s, 2] * image[top + taps[s, 0], left + taps[s, 1]]
    weight = taps[t, 2]
    rest -= weight * image[top + taps[t, 0], left + taps[t, 1]]
    if weight < 0:
        rest, weight = -rest, -weight
    entry = rest + taps[t, 5]
    return taps[t, 3] + (entry % weight) * taps[t, 4] + entry // weight


@njit(inline="always")
def _weigh(image, y, x, i, layout, tables, field, weights):  # type: ignore[no-untyped-def]
    """weights[k] = P(pixel = k given the rest) times their sum, which is returned."""
    n_levels = weights.shape[0]
    pixel = y * image.shape[1] + x
    weights[:] = np.float32(0.0)
    _add_cliques(image, y, x, layout, tables, weights)
    beta = field.beta[i]
    bias = field.bias[pixel if field.bias.shape[0] > 1 else 0]
    base = field.base[pixel if field.base.shape[0] > 1 else 0]
    reading = field.readings[field.rows[i, pixel]]
    slope = field.slopes[i, pixel]
    rest = np.float32(1.0) - beta
    peak = np.float32(-np.inf)
    for k in range(n_levels):
        value = beta * (weights[k] + bias[k]) + rest * base[k] + reading[k]
        value += slope * np.float32(k)
        weights[k] = value
        peak = max(peak, value)
    total = np.float32(0.0)
    for k in range(n_levels):
        value = _exp(weights[k] - peak)
        weights[k] = value
        total += value
    return total


@njit(inline="always")
def _choose(weights, target):  # type: ignore[no-untyped-def]
    """The first level whose cumulated weight exceeds `target`; whole groups are skipped."""
    n_levels = weights.shape[0]
    reached = np.float32(0.0)
    start = 0
    while start + _GROUP < n_levels:
        group = np.float32(0.0)
        for k in range(start, start + _GROUP):
            group += weights[k]
        if reached + group > target:
            break
        reached += group
        start += _GROUP
    k = start
    while k < n_levels - 1:
        reached += weights[k]
        if reached > target:
            break
        k += 1
    while weights[k] == np.float32(0.0) and k > 0:  # rounding must not choose the impossible
        k -= 1
    return k


@njit(cache=True, nogil=True, fastmath={"contract", "reassoc", "nsz", "arcp"}, error_model="numpy")
def sweep(images, layout, tables, field, uniforms, means):  # type: ignore[no-untyped-def]
    """One Gibbs sweep, colour after colour, in place; keeps P_beta(x given readings).

    ``images`` int32 ``(n, H, W)``; ``tables``: arranged; ``uniforms`` float32 ``(n, H * W)`` in
    [0, 1). ``means``: None, or float32 ``(n, H * W)`` for each pixel's mean given its
    neighbours, as its draw saw them.
    """
    n, height, width = images.shape
    a, b, m = layout.colour
    weights = np.empty(field.bias.shape[1], np.float32)
    for i in range(n):
        image = images[i]
        for colour in range(m):
            for y in range(height):
                for x in range(width):
                    pixel = y * width + x
                    if (a * y + b * x) % m != colour or not field.free[i, pixel]:
                        continue
                    total = _weigh(image, y, x, i, layout, tables, field, weights)
                    if means is not None:
                        moment = np.float32(0.0)
                        for k in range(weights.shape[0]):
                            moment += np.float32(k) * weights[k]
                        means[i, pixel] = moment / total
                    image[y, x] = _choose(weights, uniforms[i, pixel] * total)


@njit(cache=True, nogil=True, fastmath={"contract", "reassoc", "nsz", "arcp"}, error_model="numpy")
def conditionals(images, layout, tables, field, out):  # type: ignore[no-untyped-def]
    """out[i, pixel] = P(pixel = k given the others) for all k: ``(n, H * W, L)``."""
    n, height, width = images.shape
    for i in range(n):
        for y in range(height):
            for x in range(width):
                weights = out[i, y * width + x]
                total = _weigh(images[i], y, x, i, layout, tables, field, weights)
                for k in range(weights.shape[0]):
                    weights[k] /= total


@njit(cache=True, nogil=True, fastmath={"contract", "reassoc", "nsz", "arcp"}, error_model="numpy")
def conditional_moments(images, layout, tables, field, scale, expected, levels):  # type: ignore[no-untyped-def]
    """Pseudo-likelihood of the images, and what their conditionals expect of the tables.

    Adds, for every pixel, its conditional (times ``scale[i]``) onto the arranged table entries
    it would meet at each level, ``expected``, and onto ``levels (B, L)``. Returns the weighted
    sum of log P(pixel given the others).
    """
    n, height, width = images.shape
    weights = np.empty(field.bias.shape[1], np.float32)
    value = 0.0
    taps = layout.taps
    for i in range(n):
        image = images[i]
        for y in range(height):
            for x in range(width):
                total = _weigh(image, y, x, i, layout, tables, field, weights)
                share = weights[image[y, x]] / total
                value += scale[i] * np.log(max(np.float64(share), 1e-300))
                factor = scale[i] / total
                row = levels[y * width + x if levels.shape[0] > 1 else 0]
                for k in range(weights.shape[0]):
                    weights[k] *= factor
                    row[k] += weights[k]
                for f in range(layout.sizes.shape[0]):
                    first, last = layout.starts[f], layout.starts[f + 1]
                    for t in range(first, last):
                        top, left = y - taps[t, 0], x - taps[t, 1]
                        if top < 0 or left < 0:
                            continue
                        if top + layout.sizes[f, 0] > height or left + layout.sizes[f, 1] > width:
                            continue
                        start = _stretch(image, top, left, taps, first, last, t)
                        for k in range(weights.shape[0]):
                            expected[start + k] += weights[k]
    return value
