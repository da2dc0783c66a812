"""Exact sums by enumeration: the judge of everything that samples.

A sum is over blocks of states; whose states they are is the caller's affair (a model may list
fewer of them by summing the rest in closed form).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TypeAlias

import torch
from torch import Tensor

from harmonium.contract.energy import Energy, Parameters
from harmonium.units.space import all_states

__all__ = ["Block", "energy_blocks", "log_sum", "mean_moments"]

#: log weights of a block of states, ``(n,)``, and its moments summed with given weights.
Block: TypeAlias = tuple[Tensor, Callable[[Tensor], Parameters]]


def energy_blocks(energy: Energy, limit: str = "log_partition") -> Iterator[Block]:
    """Every state of an energy, at most ``units.space.LIMITS[limit]`` of them."""
    for x in all_states(energy, limit):
        yield energy.log_weight(x), partial(energy.moments, x)


def log_sum(blocks: Iterable[Block]) -> float:
    """log of the sum of all weights, float64: log Z."""
    parts = [torch.logsumexp(log_weights.double(), 0) for log_weights, _ in blocks]
    return float(torch.logsumexp(torch.stack(parts), 0).item())


def mean_moments(blocks: Iterable[Block]) -> Parameters:
    """Expected moments, one pass: sums are rescaled when a larger weight turns up."""
    peak, total = -math.inf, 0.0
    sums: Parameters = {}
    for log_weights, moments in blocks:
        new_peak = max(peak, float(log_weights.max()))
        if new_peak == -math.inf:
            continue
        weights = torch.exp(log_weights - new_peak)
        shrink = math.exp(peak - new_peak) if peak > -math.inf else 0.0
        block = moments(weights)
        sums = {key: block[key] + (shrink * sums[key] if sums else 0.0) for key in block}
        total = total * shrink + float(weights.sum())
        peak = new_peak
    return {key: value / total for key, value in sums.items()}
