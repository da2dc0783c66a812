"""The compiled twins for counts of letters that differ; see :mod:`harmonium.compute.identity`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, types
from numba.extending import intrinsic

__all__ = ["components", "count", "nearest"]

#: Sequences that are compared with one together: their planes stay in the nearest cache.
_BLOCK = 512


@intrinsic
def _bits(context: Any, word: Any) -> Any:
    """How many bits of a word are set: one instruction, which numba has no name for."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return types.uint64(types.uint64), build


@njit(inline="always")
def _compare(planes, row, first, stop, unlike, found):  # type: ignore[no-untyped-def]
    """In how many columns the sequences `first` to `stop` differ from that at `row`."""
    n = stop - first
    for j in range(n):
        found[j] = np.uint64(0)
    for word in range(planes.shape[0]):
        for plane in range(planes.shape[1]):
            # A slice: of an index that is a sum the compiler asks whether it is negative.
            own, part = planes[word, plane, row], planes[word, plane, first:stop]
            if plane == 0:
                for j in range(n):
                    unlike[j] = part[j] ^ own
            else:
                for j in range(n):
                    unlike[j] |= part[j] ^ own
        for j in range(n):
            found[j] += _bits(unlike[j])


@njit(cache=True, nogil=True, error_model="numpy")
def count(planes, most, low, high, counts):  # type: ignore[no-untyped-def]
    """Fill ``counts[low:high]``."""
    n, limit = planes.shape[2], np.uint64(most)
    unlike, found = np.empty(_BLOCK, np.uint64), np.empty(_BLOCK, np.uint64)
    for first in range(0, n, _BLOCK):
        stop = min(first + _BLOCK, n)
        for row in range(low, high):
            _compare(planes, row, first, stop, unlike, found)
            near = np.int64(0)
            for j in range(stop - first):
                near += np.int64(found[j] <= limit)
            counts[row] += near


@njit(cache=True, nogil=True, error_model="numpy")
def nearest(planes, n_rows, low, high, least, where):  # type: ignore[no-untyped-def]
    """Fill ``least[low:high]`` and ``where[low:high]``; the others follow the `n_rows` first."""
    n = planes.shape[2]
    unlike, found = np.empty(_BLOCK, np.uint64), np.empty(_BLOCK, np.uint64)
    for row in range(low, high):
        least[row] = np.int64(64 * planes.shape[0] + 1)
    for first in range(n_rows, n, _BLOCK):
        stop = min(first + _BLOCK, n)
        for row in range(low, high):
            _compare(planes, row, first, stop, unlike, found)
            for j in range(stop - first):
                if np.int64(found[j]) < least[row]:
                    least[row] = np.int64(found[j])
                    where[row] = first + j - n_rows


@njit(cache=True, nogil=True, error_model="numpy")
def components(planes, most, labels):  # type: ignore[no-untyped-def]
    """Fill `labels`, which are -1: breadth first from each sequence that has none yet."""
    n, limit = planes.shape[2], np.uint64(most)
    unlike, found = np.empty(_BLOCK, np.uint64), np.empty(_BLOCK, np.uint64)
    waiting = np.empty(n, np.int64)
    label = 0
    for start in range(n):
        if labels[start] >= 0:
            continue
        labels[start] = label
        waiting[0], n_waiting = start, 1
        while n_waiting:
            n_waiting -= 1
            row = waiting[n_waiting]
            for first in range(0, n, _BLOCK):
                stop = min(first + _BLOCK, n)
                _compare(planes, row, first, stop, unlike, found)
                for j in range(stop - first):
                    if found[j] <= limit and labels[first + j] < 0:
                        labels[first + j] = label
                        waiting[n_waiting] = first + j
                        n_waiting += 1
        label += 1
