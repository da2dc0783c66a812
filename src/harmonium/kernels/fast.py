"""The compiled twins, for float32 on the CPU: one pass where torch needs several.

They run on one thread between torch's products: numba's own pool and torch's would fight for
the same cores. exp and log are short polynomials, because numba leaves the library calls
unvectorised; their error stays below 3e-7 of the value.
"""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["anneal_hidden", "bernoulli", "hidden_statistics"]

_ONE = np.float32(1.0)
_HALF = np.float32(0.5)
_ZERO = np.float32(0.0)
_LOG2E = np.float32(1.4426950408889634)
_LN2 = np.float32(0.6931471805599453)
_LIMIT = np.float32(126.0)
_GRID = np.float32(65536.0)
_TINY = 2.0**-53

# Taylor coefficients of exp on [-ln2/2, ln2/2].
_E2, _E3, _E4, _E5, _E6 = (np.float32(1 / d) for d in (2.0, 6.0, 24.0, 120.0, 720.0))

# 2 * atanh(s) = log((1+s)/(1-s)): odd Taylor coefficients for log1p on [0, 1], s in [0, 1/3].
_L3, _L5, _L7, _L9, _L11, _L13 = (np.float32(2.0 / d) for d in (3, 5, 7, 9, 11, 13))


@njit(inline="always")
def _exp(x):  # type: ignore[no-untyped-def]
    """exp for float32 in about [-87, 87]; beyond, it saturates."""
    y = min(max(x * _LOG2E, -_LIMIT), _LIMIT)
    whole = np.floor(y + _HALF)
    f = (y - whole) * _LN2
    series = _ONE + f * (_ONE + f * (_E2 + f * (_E3 + f * (_E4 + f * (_E5 + f * _E6)))))
    scale = np.int32((np.int32(whole) + np.int32(127)) << np.int32(23)).view(np.float32)
    return series * scale


@njit(inline="always")
def _sigmoid(x):  # type: ignore[no-untyped-def]
    return _ONE / (_ONE + _exp(-x))


@njit(inline="always")
def _softplus(x):  # type: ignore[no-untyped-def]
    """log(1 + exp(x)) = max(x, 0) + log1p(exp(-|x|))."""
    z = _exp(-abs(x))
    s = z / (np.float32(2.0) + z)
    q = s * s
    log1p = s * (
        np.float32(2.0) + q * (_L3 + q * (_L5 + q * (_L7 + q * (_L9 + q * (_L11 + q * _L13)))))
    )
    return max(x, _ZERO) + log1p


@njit(inline="always")
def _tie_uniform(key, index):  # type: ignore[no-untyped-def]
    z = key + np.uint64(0x9E3779B97F4A7C15) * np.uint64(index + 1)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.float64((z ^ (z >> np.uint64(31))) >> np.uint64(11)) * _TINY


@njit(inline="always")
def _draw(probability, bits, key, offset, scratch, out):  # type: ignore[no-untyped-def]
    """Draw a short row of bits; `scratch` remembers what a tie must look at again."""
    ties = 0
    for i in range(probability.shape[0]):
        excess = probability[i] * _GRID - np.float32(bits[i])
        scratch[i] = excess
        ties += 1 if (excess > _ZERO and excess < _ONE) else 0
        out[i] = _ONE if excess >= _ONE else _ZERO
    if ties:  # rare: one element in 65,536
        for i in range(probability.shape[0]):
            excess = scratch[i]
            if excess > _ZERO and excess < _ONE:
                out[i] = _ONE if _tie_uniform(key, offset + i) < np.float64(excess) else _ZERO


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def bernoulli(logits, bits, key, out):  # type: ignore[no-untyped-def]
    """See :func:`harmonium.kernels.bernoulli`; all arguments flat, `out` may be `logits`."""
    n = logits.shape[0]
    block = 2048  # probabilities and scratch stay in the first-level cache
    probability = np.empty(block, np.float32)
    scratch = np.empty(block, np.float32)
    for start in range(0, n, block):
        stop = min(start + block, n)
        for i in range(stop - start):
            probability[i] = _sigmoid(logits[start + i])
        _draw(
            probability[: stop - start],
            bits[start:stop],
            key,
            start,
            scratch,
            out[start:stop],
        )


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def hidden_statistics(logits, scale, n_positive, bits, key, probabilities, draws, sums):  # type: ignore[no-untyped-def]
    """See :func:`harmonium.kernels.hidden_statistics`; ``sums`` is ``(2, d)``."""
    n, d = logits.shape
    scratch = np.empty(d, np.float32)
    sums[:] = _ZERO
    for row in range(n):
        part = 0 if row < n_positive else 1
        for j in range(d):
            probabilities[row, j] = _sigmoid(logits[row, j])
        if part == 1:
            offset = (row - n_positive) * d
            _draw(
                probabilities[row],
                bits[offset : offset + d],
                key,
                offset,
                scratch,
                draws[row - n_positive],
            )
        factor = scale[row]
        for j in range(d):
            value = probabilities[row, j] * factor
            probabilities[row, j] = value
            sums[part, j] += value


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def anneal_hidden(logits, beta_from, beta_to, bits, key, draws, change):  # type: ignore[no-untyped-def]
    """See :func:`harmonium.kernels.anneal_hidden`."""
    n, d = logits.shape
    first, second = np.float32(beta_from), np.float32(beta_to)
    probability = np.empty(d, np.float32)
    scratch = np.empty(d, np.float32)
    for row in range(n):
        total = 0.0
        for j in range(d):
            x = logits[row, j] * second
            # One exponential serves softplus and sigmoid alike at the new temperature.
            total += np.float64(_softplus(x) - _softplus(logits[row, j] * first))
            probability[j] = _sigmoid(x)
        change[row] = total
        _draw(probability, bits[row * d : row * d + d], key, row * d, scratch, draws[row])
