"""Where the data's half of a step comes from: rows counted once and for all, or hidden units
averaged over, given each of the rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import torch

from harmonium.contract.energy import Energy, Generator, Parameters
from harmonium.learning.ascent import Moments
from harmonium.learning.checkpoint import State
from harmonium.learning.learners.base import ChainLearner, Learner
from harmonium.learning.plan import Plan
from harmonium.learning.rows import Batch
from harmonium.models.boltzmann.energy import BoltzmannEnergy
from harmonium.models.boltzmann.hidden import Hidden

__all__ = ["Averaged", "Counted"]


@dataclass
class _OfChains(Learner):
    """Another learner's `chains`, which alone are state."""

    chains: ChainLearner

    @classmethod
    def start(cls, energy: Energy, plan: Plan, generator: Generator) -> Self:
        """There is none of its own: it is made of chains that have started."""
        raise TypeError(f"{cls.__name__} is made of another learner, which has started")

    def begin_again(self, energy: Energy, batch: Batch, generator: Generator) -> None:
        self.chains.begin_again(energy, batch, generator)

    def state(self) -> State:
        return self.chains.state()

    def restore(self, state: State) -> None:
        self.chains.restore(state)


@dataclass
class Counted(_OfChains):
    """Another `learner`'s chains, against moments of the data that are known: nothing of a step's
    noise is the data's. Batches are not looked at."""

    data: Parameters

    def gradient(self, energy: Energy, batch: Batch, generator: Generator) -> Moments:
        x = self.chains.advance(energy, batch, generator).x
        equal = torch.full((len(x),), 1.0 / len(x), dtype=energy.dtype, device=energy.device)
        return Moments(self.data, energy.moments(x, equal))


@dataclass
class Averaged(_OfChains):
    """Another learner's chains, with `n_hidden` hidden units that are not drawn but averaged over,
    given the rows and given the visible states of the chains (Rao-Blackwell)."""

    n_hidden: int

    def gradient(self, energy: Energy, batch: Batch, generator: Generator) -> Moments:
        assert isinstance(energy, BoltzmannEnergy)
        hidden = Hidden(energy, self.n_hidden)
        data = hidden.moments(batch.x, batch.shares())
        x = self.chains.advance(energy, batch, generator).x
        equal = torch.full((len(x),), 1.0 / len(x), dtype=energy.dtype, device=energy.device)
        return Moments(data, hidden.moments(x, equal))
