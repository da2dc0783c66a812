"""What a learner is: where the model's expectation comes from.

The gradient of the mean log-likelihood is the expectation of d log_weight / d parameter under
the data minus the same under the model. The first is a mean over a batch; learners differ in
where the second comes from.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Self

import torch

from harmonium.contract.energy import Chains, Energy, Generator
from harmonium.learning.ascent import Moments
from harmonium.learning.checkpoint import State
from harmonium.learning.plan import Plan
from harmonium.learning.rows import Batch

__all__ = ["ChainLearner", "Learner"]


class Learner(ABC):
    """Half of an update: expectations under data and model. The other half is the step
    (:meth:`harmonium.learning.ascent.Ascent.step`), so that ranks can average in between.

    The tensors of its :meth:`state` have a chain a row, so that ranks can share them out."""

    #: Whether chains can be shared out to ranks: what each does hangs on no other chain.
    can_share = True

    @classmethod
    @abstractmethod
    def start(cls, energy: Energy, plan: Plan, generator: Generator) -> Self:
        """A learner at its first update."""

    @abstractmethod
    def gradient(self, energy: Energy, batch: Batch, generator: Generator) -> Moments:
        """Both expectations at the energy's present parameters; moves what chains there are."""

    @abstractmethod
    def begin_again(self, energy: Energy, batch: Batch, generator: Generator) -> None:
        """Leave chains that are lost; new ones may start at these rows."""

    @abstractmethod
    def state(self) -> State:
        """What must be kept to go on exactly as if never interrupted."""

    @abstractmethod
    def restore(self, state: State) -> None:
        """The inverse of :meth:`state`."""


class ChainLearner(Learner):
    """A learner whose model expectation is a mean over chains of equal weight, which it sweeps
    `n_gibbs` times an update."""

    n_gibbs: int

    @abstractmethod
    def advance(self, energy: Energy, batch: Batch, generator: Generator) -> Chains:
        """Move the chains on; returns those at the model, which the learner goes on from."""

    def gradient(self, energy: Energy, batch: Batch, generator: Generator) -> Moments:
        chains = self.advance(energy, batch, generator)
        n = len(chains.x)
        equal = torch.full((n,), 1.0 / n, dtype=energy.dtype, device=energy.device)
        return Moments(energy.moments(batch.x, batch.shares()), energy.moments(chains.x, equal))
