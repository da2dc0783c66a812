"""Questions about hidden units, and about visible ones given them.

Rows come as blocks of states; attributes beside the pixels, where there are any, are summed out.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import logsigmoid

from harmonium.compute import draws
from harmonium.contract.energy import Generator
from harmonium.models.rbm.attributes import SummedOut
from harmonium.models.rbm.energy import RBMEnergy
from harmonium.units.hidden.base import HiddenUnits

__all__ = ["check_hidden", "draw_hidden", "mean_hidden", "pseudo_log_likelihood"]

#: Numbers in one block of rows x attribute states x hidden units.
_BLOCK_ELEMENTS = 2**20


def check_hidden(H: Any, units: HiddenUnits) -> NDArray[np.float64]:
    """Hidden values or means as float64 ``(n, n_hidden)``."""
    n_hidden = units.n_units
    hidden = np.asarray(H)
    if hidden.dtype.kind not in "buif" or hidden.ndim != 2:
        raise ValueError(
            f"H must be a table of numbers (n_samples, {n_hidden}), "
            f"got {type(H).__name__} of shape {hidden.shape}"
        )
    hidden = hidden.astype(np.float64)
    if hidden.shape[1] != n_hidden:
        raise ValueError(f"H must have {n_hidden} columns, got {hidden.shape[1]}")
    if (wanted := units.check(hidden)) is not None:
        raise ValueError(f"H must hold {wanted}")
    return hidden


def mean_hidden(energy: RBMEnergy, beside: SummedOut | None, x: Tensor) -> Tensor:
    """E[h given x], ``(n, n_hidden)``."""
    return energy.hidden_mean(x) if beside is None else beside.mean_hidden(x)


def draw_hidden(
    energy: RBMEnergy, beside: SummedOut | None, x: Tensor, generator: Generator
) -> Tensor:
    """A draw of h given each row of x, ``(n, n_hidden)``."""
    if beside is None:
        return energy.draw_hidden(x, generator)
    # The attributes given x first, then h given both.
    chosen = beside.states[draws.categorical(beside.joint_log_weights(x), generator)]
    bias = (
        energy.hidden_bias + torch.cat([beside.own.statistics(x), chosen], dim=1) @ energy.weights
    )
    return energy.hidden.sample(bias, generator)


def pseudo_log_likelihood(energy: RBMEnergy, beside: SummedOut | None, x: Tensor) -> Tensor:
    """sum over i of log P(x_i given the other units), float64 ``(n,)``.

    One product gives the hidden units' inputs; turning a unit over adds or takes its row of the
    weights. Costs rows x units x hidden units (x attribute states) numbers.
    """
    if not (energy.units if beside is None else beside.own).plain:
        return _pseudo_of_states(energy, beside, x)
    n_states = 1 if beside is None else len(beside.states)
    step = max(1, _BLOCK_ELEMENTS // (n_states * energy.n_hidden))
    return torch.cat([_pseudo_block(energy, beside, part) for part in torch.split(x, step)])


def _pseudo_of_states(energy: RBMEnergy, beside: SummedOut | None, x: Tensor) -> Tensor:
    """The same of variables of several states, every state of each put in turn."""
    if beside is not None:
        raise ValueError("pseudo_log_likelihood of a frame wants a model fitted without y")
    total = x.new_zeros(len(x))
    if not len(x):
        return total
    for i, size in enumerate(energy.sizes):
        states = torch.arange(size, dtype=x.dtype, device=x.device).unsqueeze(1)
        place = torch.tensor([i], device=x.device)
        weights = energy.completion_log_weights(x, place, states)
        total += torch.log_softmax(weights, 1).gather(1, x[:, i : i + 1].long()).squeeze(1)
    return total


def _pseudo_block(energy: RBMEnergy, beside: SummedOut | None, x: Tensor) -> Tensor:
    n_own = x.shape[1]
    if beside is None:
        logits, extra = energy.hidden_logits(x).unsqueeze(1), x.new_zeros((1, 1))
    else:
        logits, extra = beside.logits(x), beside.bias.unsqueeze(0)
    here = torch.logsumexp(extra + energy.hidden.log_partition(logits), 1)
    total = torch.zeros_like(here)
    for i in range(n_own):
        sign = (1.0 - 2.0 * x[:, i]).reshape(-1, 1, 1)
        turned = torch.addcmul(logits, sign, energy.weights[i])
        there = torch.logsumexp(extra + energy.hidden.log_partition(turned), 1)
        there += sign.reshape(-1) * energy.visible_bias[i]
        total += logsigmoid(here - there)
    return total
