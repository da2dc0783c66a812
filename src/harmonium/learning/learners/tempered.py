"""Persistent chains with parallel tempering."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

from harmonium.contract.energy import Chains, Energy, Generator
from harmonium.learning.checkpoint import State
from harmonium.learning.learners.base import ChainLearner
from harmonium.learning.plan import Plan
from harmonium.learning.rows import Batch
from harmonium.sampling.tempering import ReplicaExchange, ReplicaState

__all__ = ["Tempered"]


@dataclass
class Tempered(ChainLearner):
    """Persistent chains that trade places with hotter replicas (Desjardins et al. 2010)."""

    replicas: ReplicaState
    n_gibbs: int = 1
    exchange: ReplicaExchange = field(default_factory=ReplicaExchange)

    @classmethod
    def start(cls, energy: Energy, plan: Plan, generator: Generator) -> Self:
        return cls(ReplicaExchange().init(energy, plan.n_chains, generator), plan.n_gibbs)

    def advance(self, energy: Energy, batch: Batch, generator: Generator) -> Chains:
        self.replicas, _ = self.exchange.step(self.replicas, energy, generator, self.n_gibbs)
        return Chains(self.replicas.cold)

    def begin_again(self, energy: Energy, batch: Batch, generator: Generator) -> None:
        self.replicas = self.exchange.init(energy, len(self.replicas.cold), generator)

    def state(self) -> State:
        return State(self.replicas.tensors)

    def restore(self, state: State) -> None:
        self.replicas = ReplicaState.restore(state.tensors)
