"""Every state that is worth visiting, in blocks: the judge of everything that samples."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator

import torch
from torch import Tensor

from harmonium.contract.energy import Parameters

__all__ = ["WeighedBlock", "enumerate_bits", "exact_log_sum", "exact_mean"]

#: Elements of one block of states x units; keeps a block of float64 in tens of megabytes.
_BLOCK_ELEMENTS = 2**22

#: log weights of a block of states, and sums over the block given a weight for each.
WeighedBlock = tuple[Tensor, Callable[[Tensor], Parameters]]


def enumerate_bits(n_bits: int, n_columns: int) -> Iterator[Tensor]:
    """All 2**n_bits rows of bits in float64 blocks ``(block, n_bits)``.

    `n_columns` is the width of what the caller makes of a row; blocks shrink as it grows.
    """
    block = max(1, min(2**n_bits, _BLOCK_ELEMENTS // max(n_columns, 1)))
    shifts = torch.arange(n_bits)
    for start in range(0, 2**n_bits, block):
        index = torch.arange(start, min(start + block, 2**n_bits))
        yield ((index.unsqueeze(1) >> shifts) & 1).double()


def exact_log_sum(blocks: Iterable[WeighedBlock]) -> float:
    """log of the sum of all weights, float64."""
    parts = [torch.logsumexp(log_weights, 0) for log_weights, _ in blocks]
    return float(torch.logsumexp(torch.stack(parts), 0).item())


def exact_mean(blocks: Iterable[WeighedBlock]) -> Parameters:
    """Weighted means over all states, one pass: sums are rescaled when a larger weight turns
    up."""
    peak, total = -math.inf, 0.0
    sums: Parameters = {}
    for log_weights, moments in blocks:
        new_peak = max(peak, float(log_weights.max()))
        weights = torch.exp(log_weights - new_peak)
        shrink = math.exp(peak - new_peak) if peak > -math.inf else 0.0
        block = moments(weights)
        sums = {key: block[key] + (shrink * sums[key] if sums else 0.0) for key in block}
        total = total * shrink + float(weights.sum())
        peak = new_peak
    return {key: value / total for key, value in sums.items()}
