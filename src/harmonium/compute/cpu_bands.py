"""The compiled twin for levels in order, for float32 on the CPU."""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["smooth"]


@njit(cache=True, nogil=True, error_model="numpy")
def _factor(n, strength, near, far, pivots):  # type: ignore[no-untyped-def]
    """L D L' of the band ``I + strength * D'D``: `near` and `far` are L's two subdiagonals."""
    for i in range(n):
        # Of D'D: what the differences that begin at i, i - 1 and i - 2 give.
        begins, middle, ends = i <= n - 3, 1 <= i <= n - 2, i >= 2
        own = 1.0 + strength * (1.0 * begins + 4.0 * middle + 1.0 * ends)
        one = -2.0 * strength * (1.0 * (1 <= i <= n - 2) + 1.0 * (i >= 2))
        two = strength * ends
        far[i] = two / pivots[i - 2] if i >= 2 else 0.0
        if i >= 1:
            shared = far[i] * pivots[i - 2] * near[i - 1] if i >= 2 else 0.0
            near[i] = (one - shared) / pivots[i - 1]
            own -= near[i] * near[i] * pivots[i - 1]
        else:
            near[i] = 0.0
        if i >= 2:
            own -= far[i] * far[i] * pivots[i - 2]
        pivots[i] = own


@njit(cache=True, nogil=True, error_model="numpy")
def smooth(weights, runs, strength):  # type: ignore[no-untyped-def]
    width = weights.shape[1]
    for run in range(runs.shape[0]):
        first, n = runs[run, 0], runs[run, 1] - runs[run, 0]
        if n < 3:
            continue
        near, far, pivots = np.empty(n), np.empty(n), np.empty(n)
        _factor(n, strength, near, far, pivots)
        for i in range(1, n):
            a, b = np.float32(near[i]), np.float32(far[i])
            row = first + i
            if i == 1:
                for k in range(width):
                    weights[row, k] -= a * weights[row - 1, k]
            else:
                for k in range(width):
                    weights[row, k] -= a * weights[row - 1, k] + b * weights[row - 2, k]
        for i in range(n - 1, -1, -1):
            row, scale = first + i, np.float32(1.0 / pivots[i])
            a = np.float32(near[i + 1]) if i + 1 < n else np.float32(0.0)
            b = np.float32(far[i + 2]) if i + 2 < n else np.float32(0.0)
            after, later = min(row + 1, first + n - 1), min(row + 2, first + n - 1)
            for k in range(width):
                weights[row, k] = (
                    scale * weights[row, k] - a * weights[after, k] - b * weights[later, k]
                )
