"""Swaps between neighbours on a ladder of distributions, and the ratios of their Z.

A ladder is any list of distributions over the same states, each near enough to the next: one
model at several inverse temperatures, or the models that a fit went through. What a swap needs
of them is one number a chain: what its log weight gains from moving to the other rung. The
same numbers, kept, give the ratio of the two Z (Bennett 1976).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit
from torch import Tensor

from harmonium.compute.random import uniform
from harmonium.contract.energy import Energy, Generator

__all__ = ["bennett_ratio", "gains", "lower_rungs", "swap"]

Array: TypeAlias = NDArray[np.float64]


def lower_rungs(n_rungs: int, parity: int) -> NDArray[np.intp]:
    """The lower rung of each pair of neighbours that swaps now: even or odd pairs in turn.

    Such a deterministic scan carries a state up and down faster than pairs drawn at random
    (Syed, Bouchard-Côté, Deligiannidis, Doucet 2022, section 3).
    """
    return np.arange(parity, n_rungs - 1, 2)


def gains(low: Energy, high: Energy, x_low: Tensor, x_high: Tensor) -> tuple[Array, Array]:
    """What log weights gain from trading places: chains of `low` moved up, of `high` moved down.

    Each ``(n_chains,)`` in nats: log w_high(x) - log w_low(x) at `x_low`, the reverse at `x_high`.
    """
    up = high.log_weight(x_low) - low.log_weight(x_low)
    down = low.log_weight(x_high) - high.log_weight(x_high)
    return up.cpu().numpy(), down.cpu().numpy()


def swap(
    x: Sequence[Tensor],
    lower: NDArray[np.intp],
    up: Array,
    down: Array,
    generator: Generator,
) -> tuple[list[Tensor], Array]:
    """One round of swaps between neighbours on a ladder; keeps every rung's distribution.

    Parameters
    ----------
    x : states of each rung, ``(n_chains, n_variables)`` each.
    lower : the lower rung of each pair that may swap, no rung in two pairs.
    up, down : ``(n_pairs, n_chains)``, what log weights gain, see :func:`gains`.
    generator : randomness.

    Returns the states of each rung afterwards (the argument is not changed), and the mean
    probability of accepting for each pair, ``(n_pairs,)``.
    """
    log_ratio = up + down
    accept = np.log(uniform(log_ratio.shape, generator)) < log_ratio
    moved = list(x)
    for rung, chosen in zip(lower.tolist(), accept, strict=True):
        low, high = x[rung], x[rung + 1]
        crossing = torch.from_numpy(chosen).to(low.device).unsqueeze(1)
        moved[rung] = torch.where(crossing, high, low)
        moved[rung + 1] = torch.where(crossing, low, high)
    return moved, np.exp(np.minimum(log_ratio, 0.0)).mean(axis=1)


def bennett_ratio(up: Array, down: Array) -> float:
    """log(Z_1 / Z_0) by Bennett's acceptance ratio (Bennett 1976, equation 12).

    `up` is log w_1(x) - log w_0(x) at draws from model 0, `down` is log w_0(x) - log w_1(x) at
    as many draws from model 1. Solves mean of sigmoid(up - c) = mean of sigmoid(down + c) for
    c, the best of all estimates that use both sides. nan where a number is not finite.
    """
    low = min(float(up.min()), -float(down.max())) - 1.0
    high = max(float(up.max()), -float(down.min())) + 1.0
    if not (math.isfinite(low) and math.isfinite(high)):
        return math.nan
    # Falling in c: bisection with Newton steps, quick wherever it starts.
    c = 0.5 * (low + high)
    for _ in range(200):
        one, other = expit(up - c), expit(down + c)
        gap = float(one.mean() - other.mean())
        low, high = (c, high) if gap > 0 else (low, c)
        slope = float((one * (1.0 - one)).mean() + (other * (1.0 - other)).mean())
        step = c + gap / slope if slope > 0 else math.inf
        following = step if low < step < high else 0.5 * (low + high)
        if abs(following - c) < 1e-12 * max(1.0, abs(c)):
            break
        c = following
    return c
