"""How a model that learns by pseudo-likelihood does on rows that it does not learn from."""

from __future__ import annotations

from harmonium.contract.energy import Energy, Parameters
from harmonium.learning.checkpoint import State
from harmonium.learning.learners.pseudo import PseudoMoments
from harmonium.learning.rows import Batch
from harmonium.learning.watch import Confirmation, Score, Watch

__all__ = ["PseudoLikelihood"]


class PseudoLikelihood(Watch):
    """Mean log P(variable given all others) of the rows held out, and of some learned from."""

    def __init__(self, energy: Energy, held: Batch, shown: Batch, moments: PseudoMoments) -> None:
        self.energy = energy.to(energy.dtype)
        self.held, self.shown, self.moments = held, shown, moments

    def score(self, parameters: Parameters) -> Score:
        self.energy.set_parameters(parameters)
        return Score({"validation": self._mean(self.held), "train": self._mean(self.shown)})

    def begin_again(self) -> None:
        """Nothing is followed."""

    def confirm(self, parameters: Parameters, n_steps: int) -> Confirmation | None:
        return None

    def _mean(self, rows: Batch) -> float:
        return self.moments(self.energy, rows.x, rows.shares())[0] / self.energy.n_variables

    def state(self) -> State:
        return State()

    def restore(self, state: State) -> None:
        """Nothing was kept."""
