"""The model's expectation by summing over its states."""

from __future__ import annotations

from typing import Self

from harmonium.contract.energy import Energy, Generator
from harmonium.learning.ascent import Moments
from harmonium.learning.checkpoint import State
from harmonium.learning.learners.base import Learner
from harmonium.learning.plan import Plan
from harmonium.learning.rows import Batch

__all__ = ["Exact"]


class Exact(Learner):
    """Exact expectations, where the energy has them."""

    @classmethod
    def start(cls, energy: Energy, plan: Plan, generator: Generator) -> Self:
        return cls()

    def gradient(self, energy: Energy, batch: Batch, generator: Generator) -> Moments:
        moments = energy.exact_moments()
        if moments is None:
            raise ValueError("learner='exact': the model has too many states to enumerate")
        return Moments(energy.moments(batch.x, batch.shares()), moments)

    def begin_again(self, energy: Energy, batch: Batch, generator: Generator) -> None:
        """There are no chains to leave."""

    def state(self) -> State:
        return State()

    def restore(self, state: State) -> None:
        """Nothing was kept."""
