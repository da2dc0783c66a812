"""Pseudo-likelihood: every variable's probability given all the others (Besag 1975).

Its gradient needs no expectation under the model, only under each variable's conditional, so
there are no chains; it is consistent, and less efficient than the likelihood.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Self, TypeAlias

import torch
from torch import Tensor

from harmonium.contract.energy import Energy, Generator, Parameters
from harmonium.learning.ascent import Moments
from harmonium.learning.checkpoint import State
from harmonium.learning.learners.base import Learner
from harmonium.learning.plan import Plan
from harmonium.learning.rows import Batch

__all__ = ["Pseudo", "PseudoMoments", "conditional_moments"]

#: Weighted log pseudo-likelihood of rows, the moments that the rows show, counted once for each
#: variable, and the sum of those that the conditionals expect.
PseudoMoments: TypeAlias = "Callable[[Energy, Tensor, Tensor], tuple[float, Moments]]"


def conditional_moments(energy: Energy, x: Tensor, weights: Tensor) -> tuple[float, Moments]:
    """:data:`PseudoMoments` of any energy, from its weights and moments alone.

    d log P(x_i given the rest) / d parameter is d log_weight(x) less its mean over the states
    of x_i. Costs as many evaluations of the rows as the variables have states.
    """
    value, expected = 0.0, dict[str, Tensor]()
    share = weights.to(energy.device, torch.float64)
    for i in range(energy.n_variables):
        states = range(energy.sizes[i])
        each = [_with(x, i, state) for state in states]
        log_weight = torch.stack([energy.log_weight(part) for part in each], dim=1)
        log_p = torch.log_softmax(log_weight, 1)
        value += float(share @ log_p.gather(1, x[:, i].long().unsqueeze(1)).squeeze(1))
        for state in states:
            found = energy.moments(each[state], share * torch.exp(log_p[:, state]))
            _add(expected, found)
    shown = {name: energy.n_variables * m for name, m in energy.moments(x, share).items()}
    return value, Moments(shown, expected)


def _with(x: Tensor, variable: int, state: int) -> Tensor:
    changed = x.clone()
    changed[:, variable] = state
    return changed


def _add(total: Parameters, found: Parameters) -> None:
    for name, value in found.items():
        total[name] = total[name] + value if name in total else value


class Pseudo(Learner):
    """The gradient of the mean log pseudo-likelihood of a row; `moments` are a faster form
    of :func:`conditional_moments` where an energy has one."""

    def __init__(self, moments: PseudoMoments = conditional_moments) -> None:
        self.moments = moments

    @classmethod
    def start(cls, energy: Energy, plan: Plan, generator: Generator) -> Self:
        return cls()

    def gradient(self, energy: Energy, batch: Batch, generator: Generator) -> Moments:
        _, found = self.moments(energy, batch.x, batch.shares())
        return Moments(
            {name: value.to(energy.dtype) for name, value in found.data.items()},
            {name: value.to(energy.dtype) for name, value in found.model.items()},
        )

    def begin_again(self, energy: Energy, batch: Batch, generator: Generator) -> None:
        """There are no chains to leave."""

    def state(self) -> State:
        return State()

    def restore(self, state: State) -> None:
        """Nothing was kept."""
