"""Likelihood of rows with their labels, and of labels given their rows, learned together.

Of a share d in [0, 1] the objective is (1 - d) * mean log P(x, y) + d * mean log P(y | x)
(Larochelle, Bengio 2008, section 4; their alpha is (1 - d) / d). The gradient of log P(y | x) is
d log_weight(x, y) less its expectation over P(y' | x), which needs no chains.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, Self

from torch import Tensor

from harmonium.contract.energy import Energy, Generator, Parameters
from harmonium.learning.ascent import Moments
from harmonium.learning.checkpoint import State
from harmonium.learning.learners.base import Learner
from harmonium.learning.plan import Plan
from harmonium.learning.rows import Batch

__all__ = ["Conditional", "Hybrid", "labelled_part"]


class Conditional(Protocol):
    """P(y | x) of an energy over rows (x, y), summed over y."""

    def log_probability(self, energy: Energy, rows: Tensor) -> Tensor:
        """log P(y | x) in nats, float64 ``(n,)``."""

    def moments(self, energy: Energy, rows: Tensor, weights: Tensor) -> Parameters:
        """Weighted sum over rows of the expectation over P(y' | x) of :meth:`Energy.moments`."""

    def labelled(self, observed: Tensor) -> Tensor:
        """Which rows have a y that is known, bool ``(n,)``, given which cells are."""


def labelled_part(batch: Batch, conditional: Conditional) -> Batch | None:
    """The rows whose y is known; None where there are none."""
    if batch.observed is None:
        return batch
    known = conditional.labelled(batch.observed)
    if not bool(known.any()):
        return None
    return Batch(batch.x[known], None if batch.weight is None else batch.weight[known])


@dataclass
class Hybrid(Learner):
    """Another `learner` of log P(x, y), and with a `share` log P(y | x).

    Rows whose y is not known are the other learner's alone. With a share of 1 that one is never
    asked, and no chain moves.
    """

    learner: Learner
    conditional: Conditional
    share: float

    def __post_init__(self) -> None:
        self.can_share = self.learner.can_share

    @classmethod
    def start(cls, energy: Energy, plan: Plan, generator: Generator) -> Self:
        """There is no hybrid of nothing: it is made of a learner that has started."""
        raise TypeError("Hybrid is made of another learner, a Conditional and a share")

    def gradient(self, energy: Energy, batch: Batch, generator: Generator) -> Moments:
        d, part = self.share, labelled_part(batch, self.conditional)
        if part is None:
            found = self.learner.gradient(energy, batch, generator)
            return Moments(_scaled(found.data, 1.0 - d), _scaled(found.model, 1.0 - d))
        given = self.conditional.moments(energy, part.x, part.shares())
        if d == 1.0:
            return Moments(energy.moments(part.x, part.shares()), given)
        joint = self.learner.gradient(energy, batch, generator)
        data = joint.data
        if part is not batch:
            data = _mixed(data, energy.moments(part.x, part.shares()), d)
        return Moments(data, _mixed(joint.model, given, d))

    def begin_again(self, energy: Energy, batch: Batch, generator: Generator) -> None:
        self.learner.begin_again(energy, batch, generator)

    def state(self) -> State:
        return self.learner.state()

    def restore(self, state: State) -> None:
        self.learner.restore(state)


def _scaled(moments: Parameters, factor: float) -> Parameters:
    return {name: factor * value for name, value in moments.items()}


def _mixed(first: Parameters, second: Parameters, share: float) -> Parameters:
    return {name: (1.0 - share) * value + share * second[name] for name, value in first.items()}
