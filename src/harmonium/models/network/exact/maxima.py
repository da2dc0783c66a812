"""Maxima of sums of two tables: a matrix product with max for plus, and plus for times."""

from __future__ import annotations

import numpy as np
from numba import njit

from harmonium.compute.twins import PLAIN_ONLY
from harmonium.models.network.exact.domains import Array

__all__ = ["best_sums", "best_sums_plain"]


@njit(nogil=True, cache=True)
def _best_sums(left, right, out):  # type: ignore[no-untyped-def]
    n_states, n_both, n_left = left.shape
    n_right = right.shape[2]
    for s in range(n_both):
        for i in range(n_left):
            row = out[s, i]
            own, beside = left[0, s, i], right[0, s]
            for j in range(n_right):
                row[j] = own + beside[j]
            for x in range(1, n_states):
                own, beside = left[x, s, i], right[x, s]
                for j in range(n_right):
                    value = own + beside[j]
                    row[j] = value if value > row[j] else row[j]


def best_sums_plain(left: Array, right: Array) -> Array:
    """The plain twin of :func:`best_sums`."""
    return np.asarray((left[:, :, :, None] + right[:, :, None, :]).max(axis=0))


def best_sums(left: Array, right: Array) -> Array:
    """``max_x left[x, s, i] + right[x, s, j]``, ``(s, i, j)``, of finite logarithms or -inf."""
    if PLAIN_ONLY:
        return best_sums_plain(left, right)
    out = np.empty((left.shape[1], left.shape[2], right.shape[2]))
    _best_sums(np.ascontiguousarray(left), np.ascontiguousarray(right), out)
    return out
