"""Joint states of a few places of one row, weighed by hidden units of 0 and 1: the one choice
between the twins.

Place p has the options ``starts[p]`` to ``starts[p + 1]``, int64 ``(k + 1,)``, at least one of
them; option o adds ``adds[o]``, ``(n_units,)``, to the inputs ``base``, and ``own[o]`` to the log
weight. A joint state then weighs sum over units of log(1 + exp(input)), and what is added.
All are float64.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harmonium.compute.twins import PLAIN_ONLY

__all__ = ["draw_weights", "sum_joint"]

Array = NDArray[np.float64]
Whole = NDArray[np.int64]

#: Joint states that the plain twin weighs together.
_AT_ONCE = 4096


def _check(base: Array, adds: Array, own: Array, starts: Whole) -> None:
    """The compiled loops check no bounds."""
    wanted = (int(starts[-1]), len(base))
    if adds.shape != wanted or own.shape != wanted[:1] or (np.diff(starts) < 1).any():
        raise ValueError(f"joint states: {adds.shape} and {own.shape} do not fit, wanted {wanted}")


def sum_joint(base: Array, adds: Array, own: Array, starts: Whole) -> float:
    """log of the sum of exp(log weight) over all joint states, at least one place.

    Costs a product and an eighth of a logarithm a unit and state, some 0.3 microseconds at 256
    units.
    """
    _check(base, adds, own, starts)
    if not PLAIN_ONLY:
        from harmonium.compute import cpu_joint as fast

        return float(fast.sum_joint(base, adds, own, starts))
    sizes = np.diff(starts)
    total = -np.inf
    n_joint = int(sizes.prod())
    for first in range(0, n_joint, _AT_ONCE):
        numbers = np.arange(first, min(first + _AT_ONCE, n_joint))
        states = np.stack(np.unravel_index(numbers, tuple(sizes)), axis=1)
        total = np.logaddexp(total, np.logaddexp.reduce(_plain(base, adds, own, starts, states)))
    return float(total)


def draw_weights(base: Array, adds: Array, own: Array, starts: Whole, states: Whole) -> Array:
    """The log weight of each of joint ``states (n, k)``, numbers of options from 0: ``(n,)``."""
    _check(base, adds, own, starts)
    if (
        states.shape[1:] != (len(starts) - 1,)
        or not ((states >= 0) & (states < np.diff(starts))).all()
    ):
        raise ValueError("joint states: a state is not one that its place has")
    if not PLAIN_ONLY:
        from harmonium.compute import cpu_joint as fast

        out = np.empty(len(states))
        fast.draw_weights(base, adds, own, starts, np.ascontiguousarray(states), out)
        return out
    parts = range(0, len(states), _AT_ONCE)
    each = [_plain(base, adds, own, starts, states[k : k + _AT_ONCE]) for k in parts]
    return np.concatenate(each) if each else np.empty(0)


def _plain(base: Array, adds: Array, own: Array, starts: Whole, states: Whole) -> Array:
    options = states + starts[:-1]
    inputs = base + adds[options].sum(1)
    weights: Array = np.logaddexp(0.0, inputs).sum(1) + own[options].sum(1)
    return weights
