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

__all__ = ["anneal_hidden", "ascend", "bernoulli", "hidden_rows", "small_update"]

_ONE = np.float32(1.0)
_HALF = np.float32(0.5)
_ZERO = np.float32(0.0)
_LOG2E = np.float32(1.4426950408889634)
_LN2 = np.float32(0.6931471805599453)
_LIMIT = np.float32(126.0)
_GRID = np.float32(65536.0)

_mix, _unit = njit(inline="always")(mix), njit(inline="always")(unit)

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
def _fill(words, key, step, first):  # type: ignore[no-untyped-def]
    """Random words number `first` and on of the stream (key, step)."""
    for i in range(words.shape[0]):
        words[i] = _mix(np.uint64(key) + np.uint64(step) * np.uint64(first + i))


@njit(inline="always")
def _draw(probability, bits, key, step, offset, scratch, out):  # type: ignore[no-untyped-def]
    """Draw a row of 0 and 1; `scratch` remembers what a tie must look at again."""
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
                word = _mix(~np.uint64(key) + np.uint64(step) * np.uint64(offset + i))
                out[i] = _ONE if _unit(word) < np.float64(excess) else _ZERO


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def bernoulli(logits, key, step, first_row, out):  # type: ignore[no-untyped-def]
    """See :func:`harmonium.compute.draws.bernoulli`; ``(n, d)``, `out` may be `logits`."""
    n, d = logits.shape
    n_words = (d + 3) // 4
    words = np.empty(n_words, np.uint64)
    bits = words.view(np.uint16)
    probability = np.empty(d, np.float32)
    scratch = np.empty(d, np.float32)
    for row in range(n):
        number = first_row + row
        _fill(words, key, step, number * n_words)
        for i in range(d):
            probability[i] = _sigmoid(logits[row, i])
        _draw(probability, bits, key, step, number * d, scratch, out[row])


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def anneal_hidden(logits, beta_from, beta_to, key, step, draws, change):  # type: ignore[no-untyped-def]
    """See :func:`harmonium.compute.draws.anneal_hidden`."""
    n, d = logits.shape
    first, second = np.float32(beta_from), np.float32(beta_to)
    n_words = (d + 3) // 4
    words = np.empty(n_words, np.uint64)
    bits = words.view(np.uint16)
    probability = np.empty(d, np.float32)
    scratch = np.empty(d, np.float32)
    for row in range(n):
        _fill(words, key, step, row * n_words)
        total = 0.0
        for j in range(d):
            x = logits[row, j] * second
            total += np.float64(_softplus(x) - _softplus(logits[row, j] * first))
            probability[j] = _sigmoid(x)
        change[row] = total
        _draw(probability, bits, key, step, row * d, scratch, draws[row])


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def hidden_rows(x, weights, bias, sparse, factor, key, step, first_row, probabilities, draws):  # type: ignore[no-untyped-def]
    """Hidden halves of a gradient step, for rows of 0 and 1.

    ``probabilities = factor * sigmoid(bias + x @ weights)``, and a draw of each hidden unit in
    ``draws`` unless that is empty. With `sparse`, logits are sums of the weights' rows where x
    is 1, so the cost follows the ones; else `probabilities` already holds the logits.
    """
    n, n_visible = x.shape
    d = probabilities.shape[1]
    n_words = (d + 3) // 4
    words = np.empty(n_words, np.uint64)
    bits = words.view(np.uint16)
    scratch = np.empty(d, np.float32)
    logits = np.empty(d, np.float32)
    for row in range(n):
        if sparse:
            for j in range(d):
                logits[j] = bias[j]
            for i in range(n_visible):
                if x[row, i] != _ZERO:
                    for j in range(d):
                        logits[j] += weights[i, j]
        else:
            for j in range(d):
                logits[j] = probabilities[row, j]
        for j in range(d):
            logits[j] = _sigmoid(logits[j])
        if draws.shape[0]:
            number = first_row + row
            _fill(words, key, step, number * n_words)
            _draw(logits, bits, key, step, number * d, scratch, draws[row])
        for j in range(d):
            probabilities[row, j] = logits[j] * factor


_BLOCK = 16  # visible units whose gradients are gathered together: one cache line of x


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def ascend(  # type: ignore[no-untyped-def]
    positive,
    negative,
    hidden_positive,
    hidden_negative,
    start,
    stop,
    visible_mean,
    hidden_mean,
    change_hidden,
    rate,
    decay,
    weights,
    visible_bias,
    hidden_correction,
):
    """Centred gradient step for visible units `start` to `stop`, rows of 0 and 1.

    ``hidden_*`` are scaled so that the outer products simply add up (the negative ones with a
    minus); ``change_hidden`` is their sum over rows. Adds to ``weights`` and ``visible_bias`` in
    place and leaves this range's ``visible_mean @ gradient`` in ``hidden_correction``.
    """
    d = weights.shape[1]
    gradient = np.empty((_BLOCK, d), np.float32)
    change = np.empty(_BLOCK, np.float32)
    share_positive = _ONE / np.float32(positive.shape[0])
    share_negative = -_ONE / np.float32(negative.shape[0])
    keep = np.float32(1.0 - rate * decay)
    speed = np.float32(rate)
    hidden_correction[:] = _ZERO
    for first in range(start, stop, _BLOCK):
        width = min(_BLOCK, stop - first)
        gradient[:width] = _ZERO
        change[:width] = _ZERO
        for row in range(positive.shape[0]):
            for k in range(width):
                if positive[row, first + k] != _ZERO:
                    change[k] += share_positive
                    for j in range(d):
                        gradient[k, j] += hidden_positive[row, j]
        for row in range(negative.shape[0]):
            for k in range(width):
                if negative[row, first + k] != _ZERO:
                    change[k] += share_negative
                    for j in range(d):
                        gradient[k, j] += hidden_negative[row, j]
        for k in range(width):
            i = first + k
            mean, drift, correction = visible_mean[i], change[k], _ZERO
            for j in range(d):
                g = gradient[k, j] - mean * change_hidden[j] - drift * hidden_mean[j]
                correction += g * hidden_mean[j]
                hidden_correction[j] += mean * g
                weights[i, j] = keep * weights[i, j] + speed * g
            visible_bias[i] += speed * (drift - correction)


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def small_update(  # type: ignore[no-untyped-def]
    positive,
    visible,
    hidden,
    n_gibbs,
    weights,
    visible_bias,
    hidden_bias,
    visible_mean,
    hidden_mean,
    streams,
    rate,
    decay,
    hidden_positive,
    hidden_negative,
    scratch,
    mean,
):
    """A whole update with persistent chains in one call, where calls would cost most of it.

    As `PersistentUpdate` otherwise puts together from the kernels above; ``streams`` ``(2 *
    n_gibbs, 2)`` are the keys and steps of its draws, ``scratch`` is like ``visible``, and
    ``mean`` gets the hidden units' mean under the data.
    """
    n_chains, n_visible = visible.shape
    d = hidden_bias.shape[0]
    for sweep in range(n_gibbs):
        for row in range(n_chains):
            for i in range(n_visible):
                total = visible_bias[i]
                for j in range(d):
                    total += weights[i, j] * hidden[row, j]
                scratch[row, i] = total
        bernoulli(scratch, streams[2 * sweep, 0], streams[2 * sweep, 1], 0, visible)
        hidden_rows(
            visible,
            weights,
            hidden_bias,
            True,
            -_ONE / np.float32(n_chains),
            streams[2 * sweep + 1, 0],
            streams[2 * sweep + 1, 1],
            0,
            hidden_negative,
            hidden,
        )
    hidden_rows(
        positive,
        weights,
        hidden_bias,
        True,
        _ONE / np.float32(positive.shape[0]),
        streams[0, 0],
        streams[0, 1],
        0,
        hidden_positive,
        hidden[:0],
    )
    change = np.zeros(d, np.float32)
    mean[:] = _ZERO
    for row in range(positive.shape[0]):
        for j in range(d):
            mean[j] += hidden_positive[row, j]
    for j in range(d):
        change[j] = mean[j]
    for row in range(n_chains):
        for j in range(d):
            change[j] += hidden_negative[row, j]
    correction = np.empty(d, np.float32)
    ascend(
        positive,
        visible,
        hidden_positive,
        hidden_negative,
        0,
        n_visible,
        visible_mean,
        hidden_mean,
        change,
        rate,
        decay,
        weights,
        visible_bias,
        correction,
    )
    for j in range(d):
        hidden_bias[j] += np.float32(rate) * (change[j] - correction[j])
