"""The compiled twins, for float32 on the CPU: one pass where torch needs several.

Each runs on the thread that calls it and lets go of the interpreter's lock: numba's own pool
and torch's would fight for the same cores. exp and log are short polynomials, because numba
leaves the library calls unvectorised; their error stays below 3e-7 of the value. Random bits
are SplitMix64 of a counter (Steele, Lea, Flood 2014), so that a draw depends on its place alone
and not on how rows are shared out.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from harmonium.compute.splitmix import mix, unit

__all__ = [
    "anneal_hidden",
    "bernoulli",
    "categorical",
    "draw_ones",
    "draw_state",
    "exp",
    "place_of",
    "sigmoid",
    "softplus",
    "uniform",
]

_ONE = np.float32(1.0)
_HALF = np.float32(0.5)
_ZERO = np.float32(0.0)
_LOG2E = np.float32(1.4426950408889634)
_LN2 = np.float32(0.6931471805599453)
_LIMIT = np.float32(126.0)
_LEAST = np.float32(-80.0)
_GRID = np.float32(65536.0)

_mix, _unit = njit(inline="always")(mix), njit(inline="always")(unit)

# Taylor coefficients of exp on [-ln2/2, ln2/2].
_E2, _E3, _E4, _E5, _E6 = (np.float32(1 / d) for d in (2.0, 6.0, 24.0, 120.0, 720.0))

# 2 * atanh(s) = log((1+s)/(1-s)): odd Taylor coefficients for log1p on [0, 1], s in [0, 1/3].
_L3, _L5, _L7, _L9, _L11, _L13 = (np.float32(2.0 / d) for d in (3, 5, 7, 9, 11, 13))


@njit(inline="always")
def place_of(value, start, stop):  # type: ignore[no-untyped-def]
    """The place of a label of state `value` whose units are `start` to `stop`."""
    place = start + np.int64(value)
    if place < start or place >= stop:
        raise ValueError("a label's state is not one that it has")
    return place


@njit(inline="always")
def exp(x):  # type: ignore[no-untyped-def]
    """exp for float32 in about [-87, 87]; beyond, it saturates."""
    y = min(max(x * _LOG2E, -_LIMIT), _LIMIT)
    whole = np.floor(y + _HALF)
    f = (y - whole) * _LN2
    series = _ONE + f * (_ONE + f * (_E2 + f * (_E3 + f * (_E4 + f * (_E5 + f * _E6)))))
    scale = np.int32((np.int32(whole) + np.int32(127)) << np.int32(23)).view(np.float32)
    return series * scale


@njit(inline="always")
def sigmoid(x):  # type: ignore[no-untyped-def]
    return _ONE / (_ONE + exp(-x))


@njit(inline="always")
def softplus(x):  # type: ignore[no-untyped-def]
    """log(1 + exp(x)) = max(x, 0) + log1p(exp(-|x|))."""
    z = exp(-abs(x))
    s = z / (np.float32(2.0) + z)
    q = s * s
    log1p = s * (
        np.float32(2.0) + q * (_L3 + q * (_L5 + q * (_L7 + q * (_L9 + q * (_L11 + q * _L13)))))
    )
    return max(x, _ZERO) + log1p


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _softplus_row(logits, beta, out):  # type: ignore[no-untyped-def]
    for j in range(len(logits)):
        out[j] = softplus(logits[j] * beta)


@njit(inline="always")
def uniform(key, step, number):  # type: ignore[no-untyped-def]
    """In [0, 1), 53 bits: word `number` of the stream (key, step)."""
    return _unit(_mix(np.uint64(key) + np.uint64(step) * np.uint64(number)))


@njit(inline="always")
def draw_ones(probability, key, step, first_word, offset, words, scratch, out):  # type: ignore[no-untyped-def]
    """Draw a row of 0 and 1 from the words `first_word` and on of the stream (key, step).

    `words` has one for each four places, `scratch` remembers what a tie must look at again:
    place i then takes word ``offset + i`` of the stream (~key, step).
    """
    for i in range(words.shape[0]):
        words[i] = _mix(np.uint64(key) + np.uint64(step) * np.uint64(first_word + i))
    bits = words.view(np.uint16)
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
                settled = uniform(~np.uint64(key), step, offset + i) < np.float64(excess)
                out[i] = _ONE if settled else _ZERO


@njit(inline="always")
def draw_state(logits, level, weights):  # type: ignore[no-untyped-def]
    """The state at which the cumulative sum of exp(logits) passes the share `level` of it.

    `weights` is scratch. States below 1e-35 of the most probable are never drawn, which keeps
    out those that are impossible.
    """
    most = logits[0]
    for k in range(1, logits.shape[0]):
        most = max(most, logits[k])
    total = 0.0
    for k in range(logits.shape[0]):
        weights[k] = exp(logits[k] - most) if logits[k] - most > _LEAST else _ZERO
        total += np.float64(weights[k])
    left = level * total
    state = 0
    for k in range(logits.shape[0]):
        if weights[k] > _ZERO:
            state = k  # also where rounding leaves something of `left` at the end
            left -= np.float64(weights[k])
            if left < 0.0:
                break
    return state


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def bernoulli(logits, key, step, first_row, out):  # type: ignore[no-untyped-def]
    """See :func:`harmonium.compute.draws.bernoulli`; ``(n, d)``, `out` may be `logits`."""
    n, d = logits.shape
    words = np.empty((d + 3) // 4, np.uint64)
    probability = np.empty(d, np.float32)
    scratch = np.empty(d, np.float32)
    for row in range(n):
        number = first_row + row
        for i in range(d):
            probability[i] = sigmoid(logits[row, i])
        first = number * len(words)
        draw_ones(probability, key, step, first, number * d, words, scratch, out[row])


@njit(cache=True, nogil=True, fastmath={"contract", "reassoc", "nsz", "arcp"}, error_model="numpy")
def categorical(logits, key, step, out):  # type: ignore[no-untyped-def]
    """See :func:`harmonium.compute.draws.categorical`; ``(n, k)``, `out` ``(n,)``."""
    weights = np.empty(logits.shape[1], np.float32)
    for row in range(logits.shape[0]):
        out[row] = draw_state(logits[row], uniform(key, step, row), weights)


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def anneal_hidden(logits, beta_from, beta_to, key, step, draws, change):  # type: ignore[no-untyped-def]
    """See :func:`harmonium.compute.draws.anneal_hidden`."""
    n, d = logits.shape
    first, second = np.float32(beta_from), np.float32(beta_to)
    words = np.empty((d + 3) // 4, np.uint64)
    probability = np.empty(d, np.float32)
    scratch = np.empty(d, np.float32)
    before = np.empty(d, np.float32)
    after = np.empty(d, np.float32)
    for row in range(n):
        # Both are rounded alike, by the same loop: a difference taken in one expression is fused,
        # its two halves are rounded each in its own way, and over thousands of steps that adds up.
        _softplus_row(logits[row], first, before)
        _softplus_row(logits[row], second, after)
        total = 0.0
        for j in range(d):
            total += np.float64(after[j]) - np.float64(before[j])
            probability[j] = sigmoid(logits[row, j] * second)
        change[row] = total
        first_word = row * len(words)
        draw_ones(probability, key, step, first_word, row * d, words, scratch, draws[row])
