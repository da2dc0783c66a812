"""Compiled twins of :mod:`.rectified` and :mod:`.two_sided`, on the CPU.

The moments are float32 without a branch, so that they are worked out many at a time; their
error function is good to 1.2e-7 of its value (Press et al. 1992, section 6.2). The quantile of
the normal distribution is Wichura's (1988, AS 241), in float64.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from harmonium.compute.cpu import exp, sigmoid, uniform

__all__ = [
    "log_mass",
    "moments",
    "sample",
    "two_sided_log_partition",
    "two_sided_moments",
    "two_sided_sample",
]

_ZERO, _HALF, _ONE, _TWO = (np.float32(x) for x in (0.0, 0.5, 1.0, 2.0))
_WIDE, _NARROW = np.float32(math.sqrt(2.0 * math.pi)), np.float32(math.sqrt(0.5 * math.pi))
_SCALE = np.float32(0.5 / math.sqrt(2.0))
_LN2 = np.float32(math.log(2.0))
_ROOT_HALF = np.float32(math.sqrt(0.5))
#: Below, moments are their asymptotic series.
_FAR = np.float32(-9.0)
_ERFC = tuple(
    np.float32(x)
    for x in (
        *(-1.26551223, 1.00002368, 0.37409196, 0.09678418, -0.18628806),
        *(0.27886807, -1.13520398, 1.48851587, -0.82215223, 0.17087277),
    )
)
_C0, _C1, _C2, _C3, _C4, _C5, _C6, _C7, _C8, _C9 = _ERFC
_S1, _S2, _S3, _S4 = (np.float32(x) for x in (-2.0, 10.0, -74.0, 706.0))
_L3, _L5, _L7, _L9 = (np.float32(2.0 / d) for d in (3, 5, 7, 9))


@njit(inline="always")
def _log(x):  # type: ignore[no-untyped-def]
    """log of a float32 above zero that is not subnormal."""
    bits = np.float32(x).view(np.int32)
    power = (bits >> np.int32(23)) - np.int32(126)
    share = np.int32((bits & np.int32(0x7FFFFF)) | np.int32(126 << 23)).view(np.float32)
    small = share < _ROOT_HALF
    share = share + share if small else share
    whole = np.float32(power) - (_ONE if small else _ZERO)
    s = (share - _ONE) / (share + _ONE)
    q = s * s
    return whole * _LN2 + s * (_TWO + q * (_L3 + q * (_L5 + q * (_L7 + q * _L9))))


@njit(inline="always")
def _erfcx(x):  # type: ignore[no-untyped-def]
    """exp(x^2 / 2) erfc(x / sqrt(2)) for x >= 0."""
    t = _ONE / (_ONE + _SCALE * x)
    p = _C4 + t * (_C5 + t * (_C6 + t * (_C7 + t * (_C8 + t * _C9))))
    return t * exp(_C0 + t * (_C1 + t * (_C2 + t * (_C3 + t * p))))


@njit(inline="always")
def _moments(z):  # type: ignore[no-untyped-def]
    x = abs(z)
    scaled, density = _erfcx(x), exp(-_HALF * x * x)
    above = z > _ZERO
    # Of the mass what the exponential of z^2 / 2, where that is large, leaves.
    rest = _WIDE * (_ONE - _HALF * scaled * density) if above else _NARROW * scaled
    mass = _log(rest) + (_HALF * x * x if above else _ZERO)
    near = z + (density if above else _ONE) / rest
    r = _ONE / (max(x, _ONE) * max(x, _ONE))
    fall = r * (_S1 + r * (_S2 + r * (_S3 + r * _S4)))
    far = z < _FAR
    mean = (_ONE + fall) / max(x, _ONE) if far else near
    return mass, mean, -fall if far else max(_ONE + z * near, _ZERO)


@njit(cache=True, nogil=True, fastmath={"contract", "reassoc", "nsz", "arcp"}, error_model="numpy")
def moments(z, mass, mean, square):  # type: ignore[no-untyped-def]
    """See :func:`harmonium.compute.rectified.moments`; all float32 of one dimension."""
    for i in range(z.shape[0]):
        mass[i], mean[i], square[i] = _moments(z[i])


@njit(cache=True, nogil=True, fastmath={"contract", "reassoc", "nsz", "arcp"}, error_model="numpy")
def two_sided_moments(inputs, gap, width, mean, size, lean, square):  # type: ignore[no-untyped-def]
    """See :func:`harmonium.compute.two_sided.moments`; float32."""
    for row in range(inputs.shape[0]):
        for j in range(inputs.shape[1]):
            w = width[j]
            mass, up, wide = _moments((inputs[row, j] - gap[j]) * w)
            mass_below, down, narrow = _moments((-inputs[row, j] - gap[j]) / w)
            odds = mass - mass_below + _TWO * _log(w)
            share, other = sigmoid(odds), sigmoid(-odds)
            up, down = share * up * w, other * down / w
            wide, narrow = share * wide, other * narrow
            mean[row, j], size[row, j] = up - down, up + down
            lean[row, j] = _HALF * (wide - narrow)
            square[row, j] = wide * w * w + narrow / (w * w)


@njit(inline="always")
def _log_mass(z):  # type: ignore[no-untyped-def]
    if z > -37.0:
        return 0.5 * z * z + math.log(1.2533141373155003 * math.erfc(-z * 0.7071067811865476))
    r = 1.0 / (z * z)
    return math.log1p(-r * (1.0 - 3.0 * r * (1.0 - 5.0 * r * (1.0 - 7.0 * r)))) - math.log(-z)


@njit(cache=True, nogil=True, error_model="numpy")
def log_mass(z, out):  # type: ignore[no-untyped-def]
    """See :func:`harmonium.compute.rectified.log_mass`; float64 of one dimension."""
    for i in range(z.shape[0]):
        out[i] = _log_mass(z[i])


@njit(inline="always")
def _quantile(p):  # type: ignore[no-untyped-def]
    """z at which the normal distribution function is `p`."""
    q = p - 0.5
    if abs(q) <= 0.425:
        r = 0.180625 - q * q
        n = r * 2509.0809287301226727 + 33430.575583588128105
        n = n * r + 67265.770927008700853
        n = n * r + 45921.953931549871457
        n = n * r + 13731.693765509461125
        n = n * r + 1971.5909503065514427
        n = n * r + 133.14166789178437745
        n = n * r + 3.387132872796366608
        d = r * 5226.495278852545925 + 28729.085735721942674
        d = d * r + 39307.89580009271061
        d = d * r + 21213.794301586595867
        d = d * r + 5394.1960214247511077
        d = d * r + 687.1870074920579083
        d = d * r + 42.313330701600911252
        return q * n / (d * r + 1.0)
    r = math.sqrt(-math.log(p if q < 0.0 else 1.0 - p))
    if r <= 5.0:
        r -= 1.6
        n = r * 7.7454501427834140764e-4 + 0.0227238449892691845833
        n = n * r + 0.24178072517745061177
        n = n * r + 1.27045825245236838258
        n = n * r + 3.64784832476320460504
        n = n * r + 5.7694972214606914055
        n = n * r + 4.6303378461565452959
        n = n * r + 1.42343711074968357734
        d = r * 1.05075007164441684324e-9 + 5.475938084995344946e-4
        d = d * r + 0.0151986665636164571966
        d = d * r + 0.14810397642748007459
        d = d * r + 0.68976733498510000455
        d = d * r + 1.6763848301838038494
        d = d * r + 2.05319162663775882187
    else:
        r -= 5.0
        n = r * 2.01033439929228813265e-7 + 2.71155556874348757815e-5
        n = n * r + 0.0012426609473880784386
        n = n * r + 0.026532189526576123093
        n = n * r + 0.29656057182850489123
        n = n * r + 1.7848265399172913358
        n = n * r + 5.4637849111641143699
        n = n * r + 6.6579046435011037772
        d = r * 2.04426310338993978564e-15 + 1.4215117583164458887e-7
        d = d * r + 1.8463183175100546818e-5
        d = d * r + 7.868691311456132591e-4
        d = d * r + 0.0148753612908506148525
        d = d * r + 0.13692988092273580531
        d = d * r + 0.59983220655588793769
    found = n / (d * r + 1.0)
    return -found if q < 0.0 else found


@njit(inline="always")
def _draw(z, level, low, n_steps):  # type: ignore[no-untyped-def]
    level = max(level, 5.551115123125783e-17)
    if z >= low:
        return max(z - _quantile(0.5 * math.erfc(-z * 0.7071067811865476) * level), 0.0)
    mass, found = _log_mass(z), 0.0
    for _ in range(n_steps):
        there = _log_mass(z - found)
        tail = there - mass + found * (z - 0.5 * found)
        found += (tail - math.log(level)) * math.exp(there)
    return max(found, 0.0)


@njit(cache=True, nogil=True, error_model="numpy")
def sample(z, key, step, low, n_steps, out):  # type: ignore[no-untyped-def]
    """See :func:`harmonium.compute.rectified.sample`; float32 of one dimension, `out` may be `z`.
    Below `low` by so many of Newton's steps."""
    for i in range(z.shape[0]):
        out[i] = _draw(np.float64(z[i]), uniform(key, step, i), low, n_steps)


@njit(cache=True, nogil=True, fastmath={"contract", "reassoc", "nsz", "arcp"}, error_model="numpy")
def _shares(inputs, gap, width, out):  # type: ignore[no-untyped-def]
    """P(h > 0) of one row."""
    for j in range(inputs.shape[0]):
        above = _moments((inputs[j] - gap[j]) * width[j])[0]
        below = _moments((-inputs[j] - gap[j]) / width[j])[0]
        out[j] = sigmoid(above - below + _TWO * _log(width[j]))


@njit(cache=True, nogil=True, error_model="numpy")
def two_sided_sample(inputs, gap, width, key, step, low, n_steps, out):  # type: ignore[no-untyped-def]
    """See :func:`harmonium.compute.two_sided.sample`; float32."""
    shares = np.empty(inputs.shape[1], np.float32)
    number = 0
    for row in range(inputs.shape[0]):
        _shares(inputs[row], gap, width, shares)
        for j in range(inputs.shape[1]):
            w, x, g = np.float64(width[j]), np.float64(inputs[row, j]), np.float64(gap[j])
            up = uniform(key, step, number) < shares[j]
            z = (x - g) * w if up else (-x - g) / w
            drawn = _draw(z, uniform(key, step, number + 1), low, n_steps)
            out[row, j] = drawn * w if up else -drawn / w
            number += 2


@njit(cache=True, nogil=True, error_model="numpy")
def two_sided_log_partition(inputs, gap, width, out):  # type: ignore[no-untyped-def]
    """See :func:`harmonium.compute.two_sided.log_partition`; float64."""
    for row in range(inputs.shape[0]):
        total = 0.0
        for j in range(inputs.shape[1]):
            w, x, own = width[j], inputs[row, j], math.log(width[j])
            above = _log_mass((x - gap[j]) * w) + own
            below = _log_mass((-x - gap[j]) / w) - own
            total += max(above, below) + math.log1p(math.exp(-abs(above - below)))
        out[row] = total
