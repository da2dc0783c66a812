"""Chains that persist from update to update."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from harmonium.contract.energy import Chains, Energy, Generator
from harmonium.learning.checkpoint import State
from harmonium.learning.learners.base import ChainLearner
from harmonium.learning.plan import Plan
from harmonium.learning.rows import Batch

__all__ = ["Persistent"]


@dataclass
class Persistent(ChainLearner):
    """Chains that are never restarted (Younes 1999; Tieleman 2008)."""

    chains: Chains
    n_gibbs: int = 1

    @classmethod
    def start(cls, energy: Energy, plan: Plan, generator: Generator) -> Self:
        return cls(Chains(energy.base_sample(plan.n_chains, generator)), plan.n_gibbs)

    def advance(self, energy: Energy, batch: Batch, generator: Generator) -> Chains:
        for _ in range(self.n_gibbs):
            self.chains = energy.sweep(self.chains, generator)
        return self.chains

    def begin_again(self, energy: Energy, batch: Batch, generator: Generator) -> None:
        n = len(self.chains.x)
        self.chains = Chains(batch.x.repeat(-(-n // len(batch.x)), 1)[:n].clone())

    def state(self) -> State:
        kept = {"chains": _kept(self.chains.x)}
        if self.chains.hidden is not None:
            kept["hidden"] = _kept(self.chains.hidden)
        return State(kept)

    def restore(self, state: State) -> None:
        self.chains = Chains(state.tensors["chains"], state.tensors.get("hidden"))


def _kept(states: Tensor) -> Tensor:
    """In a type that files know: on a device chains may be of 16 bits."""
    return states.float() if states.dtype == torch.bfloat16 else states
