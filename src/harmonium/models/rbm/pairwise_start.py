"""A start for few rows: columns coupled by pairs, each coupling an own hidden unit.

Columns that exclude each other (one-hot groups, say) need hidden units of two or three large
weights each, and random small weights find them only once much else has been learned by heart.
A fully visible model of pairs finds them by pseudo-likelihood, which is concave and needs no
chains. It is written as an RBM without loss: a coupling J between two columns is what a hidden
unit of weights s and +-s leaves when summed out, with |J| = 2 log cosh(s / 2).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid, softplus, softshrink

__all__ = ["PairwiseStart", "coupling_units", "pairwise_start"]

#: Penalties of absolute couplings, tried in turn until there are couplings enough.
_PENALTIES = (0.16, 0.08, 0.04, 0.02, 0.01)
#: Share of the penalty that is left for couplings once chosen (Meinshausen 2007: relaxed lasso).
_RELAXED = 0.05
#: Couplings that are enough, as a share of the hidden units.
_ENOUGH = 0.75
_ITERATIONS = 200


@dataclass(frozen=True)
class PairwiseStart:
    """``weights (n_visible, n_units)``, ``visible_bias`` and ``hidden_bias``."""

    weights: Tensor
    visible_bias: Tensor
    hidden_bias: Tensor

    @property
    def n_units(self) -> int:
        return self.weights.shape[1]


def pairwise_start(rows: Tensor, base_bias: Tensor, most_units: int) -> PairwiseStart:
    """The strongest couplings of `rows` of 0 and 1 ``(n, n_visible)``, at most `most_units` (at
    least 1), as an RBM that has one hidden unit for each.

    `base_bias` ``(n_visible,)`` are the biases of independent columns. Costs up to 1,200 products
    of the rows with a square matrix of the columns.
    """
    mean = torch.sigmoid(base_bias)
    couplings = torch.zeros(len(mean), len(mean))
    bias, free = base_bias.clone(), 1.0 - torch.eye(len(mean))
    penalty = _PENALTIES[0]
    for penalty in _PENALTIES:
        bias, couplings = _climb(rows, mean, bias, couplings, free, penalty)
        if int(couplings.triu(1).count_nonzero()) >= _ENOUGH * most_units:
            break
    free = _strongest(couplings, most_units)
    bias, couplings = _climb(rows, mean, bias, couplings * free, free, _RELAXED * penalty)
    return coupling_units(couplings, bias - couplings @ mean)


def _strongest(couplings: Tensor, most: int) -> Tensor:
    """1 where one of the `most` largest couplings is, else 0; symmetric."""
    upper = couplings.triu(1)
    sizes = upper.abs().flatten()
    kept = sizes.topk(min(most, int(upper.count_nonzero()))).indices
    chosen = torch.zeros_like(sizes)
    chosen[kept] = 1.0
    chosen = chosen.view_as(couplings)
    return chosen + chosen.T


def _climb(
    rows: Tensor, mean: Tensor, bias: Tensor, couplings: Tensor, free: Tensor, penalty: float
) -> tuple[Tensor, Tensor]:
    """The mean log pseudo-likelihood less `penalty` times absolute couplings, climbed by FISTA
    (Beck, Teboulle 2009) with columns measured from their mean; biases are for those."""
    centred = rows - mean
    steepest = float(torch.linalg.eigvalsh(centred.T @ centred / len(rows))[-1])
    step = 1.0 / (steepest + 0.5)
    ahead_bias, ahead, pace = bias, couplings, 1.0
    for _ in range(_ITERATIONS):
        missed = rows - torch.sigmoid(ahead_bias + centred @ ahead)
        slope = centred.T @ missed / len(rows)
        moved = softshrink(ahead + step * (slope + slope.T), penalty * step) * free
        moved_bias = ahead_bias + 2.0 * step * missed.mean(0)
        faster = (1.0 + math.sqrt(1.0 + 4.0 * pace * pace)) / 2.0
        momentum = (pace - 1.0) / faster
        ahead = moved + momentum * (moved - couplings)
        ahead_bias = moved_bias + momentum * (moved_bias - bias)
        couplings, bias, pace = moved, moved_bias, faster
    return bias, couplings


def coupling_units(couplings: Tensor, bias: Tensor) -> PairwiseStart:
    """The RBM whose visible distribution is exactly that of log-weight ``b'v + v'Jv / 2``, with J
    the symmetric `couplings` ``(n_visible, n_visible)`` and b the `bias` ``(n_visible,)``."""
    first, second = couplings.triu(1).nonzero(as_tuple=True)
    value = couplings[first, second].double()
    # arccosh(exp(|J| / 2)), doubled, without the overflow.
    size = value.abs() + 2.0 * torch.log1p(torch.sqrt(-torch.expm1(-value.abs())))
    alike = value > 0.0
    unit = torch.arange(len(value))
    weights = torch.zeros(len(bias), len(value), dtype=torch.float64)
    weights[first, unit] = size
    weights[second, unit] = torch.where(alike, size, -size)
    # A summed unit also leaves a linear part in each of its columns, which the biases lose.
    rest = math.log(2.0) + logsigmoid(size)  # log 2 - softplus(-size)
    visible_bias = bias.double().clone()
    visible_bias.index_add_(0, first, -torch.where(alike, rest, softplus(size) - math.log(2.0)))
    visible_bias.index_add_(0, second, -torch.where(alike, rest, -rest))
    hidden_bias = torch.where(alike, -size, 0.0)
    kind = couplings.dtype
    return PairwiseStart(weights.to(kind), visible_bias.to(kind), hidden_bias.to(kind))
