"""Contrastive divergence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from harmonium.contract.energy import Chains, Energy, Generator
from harmonium.learning.checkpoint import State
from harmonium.learning.learners.base import ChainLearner
from harmonium.learning.plan import Plan
from harmonium.learning.rows import Batch

__all__ = ["Contrastive"]


@dataclass
class Contrastive(ChainLearner):
    """A few sweeps from the data (Hinton 2002). Biased: it follows no likelihood."""

    n_gibbs: int = 1

    @classmethod
    def start(cls, energy: Energy, plan: Plan, generator: Generator) -> Self:
        return cls(plan.n_gibbs)

    def advance(self, energy: Energy, batch: Batch, generator: Generator) -> Chains:
        chains = Chains(batch.x)
        for _ in range(self.n_gibbs):
            chains = energy.sweep(chains, generator)
        return chains

    def begin_again(self, energy: Energy, batch: Batch, generator: Generator) -> None:
        """There are no chains to leave."""

    def state(self) -> State:
        return State()

    def restore(self, state: State) -> None:
        """Nothing was kept."""
