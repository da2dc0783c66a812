"""Exact sums by enumeration: the judge of everything that samples."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial

import torch
from torch import Tensor
from torch.nn.functional import softplus

from harmonium.contract.energy import Parameters
from harmonium.models.rbm.energy import RBMEnergy

__all__ = ["enumerate_bits", "rbm_exact_log_partition", "rbm_exact_moments"]

#: Elements of one block of states x units; keeps a block of float64 in tens of megabytes.
_BLOCK_ELEMENTS = 2**22


def enumerate_bits(n_bits: int, n_columns: int) -> Iterator[Tensor]:
    """All 2**n_bits rows of bits in float64 blocks ``(block, n_bits)``.

    `n_columns` is the width of what the caller makes of a row; blocks shrink as it grows.
    """
    block = max(1, min(2**n_bits, _BLOCK_ELEMENTS // max(n_columns, 1)))
    shifts = torch.arange(n_bits)
    for start in range(0, 2**n_bits, block):
        index = torch.arange(start, min(start + block, 2**n_bits))
        yield ((index.unsqueeze(1) >> shifts) & 1).double()


def _visible_states(energy: RBMEnergy) -> Iterator[Tensor]:
    """Every visible state: free bits, and each choice of the softmax group if there is one."""
    n_bits = energy.n_variables - energy.n_classes
    for bits in enumerate_bits(n_bits, energy.n_hidden):
        if not energy.n_classes:
            yield bits
            continue
        for label in torch.eye(energy.n_classes, dtype=torch.float64):
            yield torch.cat([bits, label.expand(len(bits), -1)], dim=1)


def _blocks(energy: RBMEnergy) -> Iterator[tuple[Tensor, Callable[[Tensor], Parameters]]]:
    """log weights of each block of states of the smaller side, and its moments given weights.

    The other side is summed out in closed form, so the cost is 2**(smaller side) rows.
    """
    wide = energy.to(torch.float64)
    if n_smaller(energy) == energy.n_hidden:
        first = wide.n_variables - wide.n_classes
        for h in enumerate_bits(wide.n_hidden, wide.n_variables):
            h = h.to(wide.device)
            logits = wide.visible_logits(h)
            log_weights = h @ wide.hidden_bias + softplus(logits[:, :first]).sum(1)
            if wide.n_classes:
                log_weights += torch.logsumexp(logits[:, first:], dim=1)

            def moments(weights: Tensor, h: Tensor = h, logits: Tensor = logits) -> Parameters:
                visible = wide._visible_probability(logits) * weights.unsqueeze(1)
                return {
                    "weights": visible.T @ h,
                    "visible_bias": visible.sum(0),
                    "hidden_bias": weights @ h,
                }

            yield log_weights, moments
    else:
        for v in _visible_states(wide):
            v = v.to(wide.device)
            yield wide.log_weight(v), partial(wide.moments, v)


def n_smaller(energy: RBMEnergy) -> int:
    """log2 of the number of states that enumeration visits: the smaller side's units."""
    return min(energy.n_variables, energy.n_hidden)


def rbm_exact_log_partition(energy: RBMEnergy) -> float:
    """log Z, float64, by enumerating the smaller side: O(2**n_smaller * n_larger)."""
    parts = [torch.logsumexp(log_weights, 0) for log_weights, _ in _blocks(energy)]
    return float(torch.logsumexp(torch.stack(parts), 0).item())


def rbm_exact_moments(energy: RBMEnergy) -> Parameters:
    """The model's expected moments, one pass: sums are rescaled when a larger weight turns up."""
    peak, total = -math.inf, 0.0
    sums: Parameters = {}
    for log_weights, moments in _blocks(energy):
        new_peak = max(peak, float(log_weights.max()))
        weights = torch.exp(log_weights - new_peak)
        shrink = math.exp(peak - new_peak) if peak > -math.inf else 0.0
        block = moments(weights)
        sums = {key: block[key] + (shrink * sums[key] if sums else 0.0) for key in block}
        total = total * shrink + float(weights.sum())
        peak = new_peak
    return {key: (value / total).to(energy.dtype) for key, value in sums.items()}
