"""The implicit step: as far along each direction as the model stays where the chains are.

A step of gradient ascent with a large rate overshoots along the directions in which the model's
statistics T vary much. Taken at the point where it ends, to first order, it is
``(I + rate Cov(T))^-1 gradient``; with the covariance of few chains that needs no more than the
products of the chains' statistics with each other (Toulis, Airoldi 2017, on implicit steps).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import softplus

from harmonium.contract.energy import Parameters

__all__ = ["Ensemble", "Step", "implicit_step", "safe_rate"]

#: Tries to bring the spread of the log weights down to what is allowed, and by how much it may
#: stay above.
_TRIES, _SLACK = 12, 1.1


@dataclass(frozen=True)
class Ensemble:
    """States of the model with their `shares` ``(m,)``, which sum to one: `visible` ``(m,
    n_visible)`` and `hidden` ``(m, n_hidden)`` states or means, less the offsets."""

    visible: Tensor
    hidden: Tensor
    shares: Tensor


@dataclass(frozen=True)
class Step:
    """A direction of ascent: what weights and biases gain at rate one."""

    weights: Tensor
    visible_bias: Tensor
    hidden_bias: Tensor

    def take(self, parameters: Parameters, rate: float) -> None:
        """Move the parameters, in place."""
        parameters["weights"].add_(self.weights, alpha=rate)
        parameters["visible_bias"].add_(self.visible_bias, alpha=rate)
        parameters["hidden_bias"].add_(self.hidden_bias, alpha=rate)


def implicit_step(
    rows: tuple[Tensor, Tensor],
    ensemble: Ensemble,
    offsets: tuple[Tensor, Tensor],
    pull: Tensor,
    rate: float,
) -> Step:
    """The centred direction ``(I + rate Cov)^-1 (E_data T - E_model T + pull)``, exactly.

    T = (v h', v, h) with the `offsets` of visible and hidden units taken off; `rows` are the
    data's visible states and hidden means, less the offsets too, and Cov is that of T in the
    `ensemble`. `pull` is a prior's gradient by the weights: outside, it would count for more the
    shorter the gradient is made, along the stiffest directions most. Costs two products more
    than the gradient, and a Cholesky of ``(m, m)``.
    """
    visible, hidden = rows
    v, h, shares = ensemble.visible, ensemble.hidden, ensemble.shares
    weights = torch.addmm(pull, visible.T, hidden, alpha=1.0 / len(visible))
    visible_bias, hidden_bias = visible.mean(0), hidden.mean(0)
    # Products of the m states' statistics with each other, and with the data's mean.
    gram = (v @ v.T + 1.0) * (h @ h.T + 1.0) - 1.0
    mean = gram @ shares
    slope = ((v @ weights) * h).sum(1) + v @ visible_bias + h @ hidden_bias - mean
    slope = slope - shares @ slope
    centred = gram - mean.unsqueeze(1) - mean.unsqueeze(0) + shares @ mean
    root = torch.sqrt(shares)
    system = rate * (root.unsqueeze(1) * centred * root.unsqueeze(0)).double()
    system.diagonal().add_(1.0)
    factor, failed = torch.linalg.cholesky_ex(system)
    extra = torch.zeros_like(root)
    if not int(failed):  # else numbers have run away, and the plain direction will show it
        solved = torch.cholesky_solve((root * slope).double().unsqueeze(1), factor)
        extra = (rate * root.double() * solved.squeeze(1)).to(root)
    implied = shares + extra - shares * extra.sum()
    weighed = implied.unsqueeze(1) * h
    weights = weights - v.T @ weighed
    return Step(
        weights,
        visible_bias - implied @ v - weights @ offsets[1],
        hidden_bias - weighed.sum(0) - offsets[0] @ weights,
    )


def safe_rate(
    step: Step, hidden: Tensor, shares: Tensor, logits: Tensor, rate: float, most: float
) -> float:
    """The largest rate, at most `rate`, at which log P~(h) of the `hidden` states changes with a
    variance of at most `most`, to within a tenth.

    The visible units are summed out, so the change is exact; `logits` ``(m, n_visible)`` are
    theirs given `hidden`. Costs one product.
    """
    moved = torch.addmm(step.visible_bias, hidden, step.weights.T)
    before, linear = softplus(logits).sum(1), hidden @ step.hidden_bias
    for _ in range(_TRIES):
        change = softplus(logits + rate * moved).sum(1) - before + rate * linear
        change = change - shares @ change
        variance = float(shares @ (change * change))
        if variance <= _SLACK * most:
            break
        rate *= math.sqrt(most / variance) if math.isfinite(variance) else 0.1
    return rate
