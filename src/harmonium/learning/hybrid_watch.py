"""How a hybrid of two likelihoods does on held-out rows: the objective that it learns by."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from harmonium.contract.energy import Energy, Parameters
from harmonium.learning.checkpoint import State
from harmonium.learning.learners.hybrid import Conditional, labelled_part
from harmonium.learning.rows import Batch
from harmonium.learning.watch import Confirmation, Score, Watch, Watching

__all__ = ["HybridWatch", "HybridWatching"]


class HybridWatch(Watch):
    """(1 - d) * mean log P(x, y) + d * mean log P(y | x) of the rows held out, in nats.

    ``joint`` watches the first, and is None for d = 1: the second is always exact, so log Z is
    then never asked for. Figures are ``"validation"`` and ``"train"``, of the objective, and of
    the rows held out ``"joint"`` and ``"conditional"``, its two parts.
    """

    def __init__(
        self,
        joint: Watch | None,
        energy: Energy,
        rows: tuple[Batch, Batch],
        conditional: Conditional,
        share: float,
    ) -> None:
        self.joint, self.energy = joint, energy.to(energy.dtype)
        self.conditional, self.share = conditional, share
        self.held, self.shown = (labelled_part(part, conditional) for part in rows)

    def score(self, parameters: Parameters) -> Score:
        d = self.share
        self.energy.set_parameters(parameters)
        held, shown = self._mean(self.held), self._mean(self.shown)
        if self.joint is None:
            figures = {"validation": held, "train": shown, "conditional": held, "std_error": 0.0}
            return Score(figures)
        score = self.joint.score(parameters)
        figures = {
            **score.figures,
            "validation": (1.0 - d) * score.figures["validation"] + d * held,
            "train": (1.0 - d) * score.figures["train"] + d * shown,
            "joint": score.figures["validation"],
            "conditional": held,
            "std_error": (1.0 - d) * score.error,
        }
        return Score(figures, (1.0 - d) * score.error, score.possible)

    def begin_again(self) -> None:
        if self.joint is not None:
            self.joint.begin_again()

    def confirm(self, parameters: Parameters, n_steps: int) -> Confirmation | None:
        found = None if self.joint is None else self.joint.confirm(parameters, n_steps)
        if found is None:
            return None
        d = self.share
        self.energy.set_parameters(parameters)
        value = (1.0 - d) * found.validation + d * self._mean(self.held)
        return Confirmation(value, (1.0 - d) * found.std_error, found.status, found.near)

    def _mean(self, rows: Batch | None) -> float:
        """Mean log P(y | x); 0 where no y is known, which tells nothing either way."""
        if rows is None:
            return 0.0
        each = self.conditional.log_probability(self.energy, rows.x)
        value = float(rows.shares().to(each) @ each)
        return value if math.isfinite(value) else -math.inf

    def state(self) -> State:
        return State() if self.joint is None else self.joint.state()

    def restore(self, state: State) -> None:
        if self.joint is not None:
            self.joint.restore(state)


@dataclass(frozen=True)
class HybridWatching:
    """Makes a :class:`HybridWatch` beside what watches log P(x, y)."""

    joint: Watching
    energy: Energy
    conditional: Conditional
    share: float

    def __call__(self, held: Batch, shown: Batch, generator: np.random.Generator) -> HybridWatch:
        joint = None if self.share == 1.0 else self.joint(held, shown, generator)
        return HybridWatch(joint, self.energy, (held, shown), self.conditional, self.share)
