"""What a run has seen of itself: its history, and the best parameters so far."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

from harmonium.contract.energy import Parameters
from harmonium.contract.estimates import Status
from harmonium.contract.stopping import StopReason, tell
from harmonium.contract.warning import warn_caller
from harmonium.learning.ascent import are_finite, copied
from harmonium.learning.checkpoint import State
from harmonium.learning.watch import Confirmation, Watch

__all__ = ["Candidate", "FitResult", "Look", "Observer", "Record"]


@dataclass(frozen=True)
class Look:
    """What an observer is shown: the run at one of its looks at itself."""

    update: int
    #: The parameters looked at; live ones, to be copied by who keeps them.
    parameters: Parameters
    best_update: int
    #: The newest figures of the history.
    facts: dict[str, float]


#: Told of every look: a progress bar, a file that is written, a path that is kept.
Observer: TypeAlias = "Callable[[Look], None]"


@dataclass
class FitResult:
    """What a run ends with."""

    parameters: Parameters
    n_updates: int
    reason: StopReason
    history: dict[str, list[float]]
    #: The held-out figure of the parameters, with its error, and the same by another estimate.
    followed: tuple[float, float] = (math.nan, 0.0)
    confirmed: Confirmation | None = None
    #: Numbers of the rows held out, of which nothing was learned; they rise. None: not told.
    held: NDArray[np.int64] | None = None

    def tell(self) -> None:
        """Warn of an end that was not as asked, and of a held-out figure that another estimate
        denies."""
        tell(self.reason)
        if self.confirmed is not None and not self.confirmed.agrees(*self.followed):
            warn_caller(
                f"held-out rows were followed to {self.followed[0]:.4g} nats along the fit, an "
                f"independent estimate says {self.confirmed.validation:.4g} +- "
                f"{self.confirmed.std_error:.2g}: judge the model by log_partition with more "
                "temperatures before its scores are used",
                ConvergenceWarning,
            )


@dataclass(frozen=True)
class Candidate:
    """Parameters that a run may end with: what they scored, and after how many updates."""

    parameters: Parameters
    update: int = 0
    score: float = -math.inf
    error: float = 0.0
    #: The same of rows learned from.
    train: float = -math.inf

    def facts(self) -> dict[str, float]:
        return {name: getattr(self, name) for name in ("update", "score", "error", "train")}


#: How far a model may fall on rows that it learns from, in nats and as a share of what had been
#: learned, before that counts as losing it.
_FALL, _SHARE = 1.0, 0.05
#: Scores that differ by fewer errors than this are not told apart by them.
_APART = 4.0


class Record:
    """History by name, and the parameters that scored best; without a watch the latest are.

    The start is a candidate like any other: independent columns, as a rule. So is the last look
    of a run: rates have fallen to zero by then, and what only seemed better before may have been
    an error of its score.
    """

    def __init__(self, parameters: Parameters, watch: Watch | None) -> None:
        self.watch = watch
        self.history: dict[str, list[float]] = {}
        self.start = self.best = self.last = Candidate(copied(parameters))

    def begin(self) -> None:
        """Judge the start."""
        if self.watch is not None:
            score = self.watch.score(self.start.parameters)
            value = score.figures["validation"]
            if math.isfinite(value) and score.possible:
                train = score.figures["train"]
                self.start = replace(self.start, score=value, error=score.error, train=train)
                self.best = self.start

    def look(self, update: int, parameters: Parameters, facts: dict[str, float]) -> Look | None:
        """Judge these parameters, with `facts` to be told beside; None if that cannot be: they
        are not finite, the score is impossible, or what they learn from has itself become well
        less likely than at the best look (held-out rows alone do where a fit over-learns)."""
        if not are_finite(parameters):
            return None
        value, error, train = float(update), 0.0, -math.inf
        if self.watch is not None:
            score = self.watch.score(parameters)
            value, error = score.figures["validation"], score.error
            train = score.figures["train"]
            if not math.isfinite(value) or not score.possible or self._is_lost(train, error):
                return None
            facts = {**facts, **score.figures}
        for name, figure in facts.items():
            self.history.setdefault(name, []).append(figure)
        self.last = Candidate(copied(parameters), update, value, error, train)
        if value >= self.best.score:
            self.best = self.last
        return Look(update, parameters, self.best.update, facts)

    def _is_lost(self, train: float, error: float) -> bool:
        """Whether rows learned from have become well less likely than they were."""
        best = self.best
        learned = best.train - self.start.train  # nan of nothing
        slack = max(_FALL, _SHARE * learned) + 5.0 * math.hypot(error, best.error)
        return train < best.train - slack

    def is_behind(self, n_errors: float) -> bool:
        """Whether the last look did worse than the best by so many of their errors, or more."""
        best, last = self.best, self.last
        return best.score - last.score >= n_errors * math.hypot(best.error, last.error)

    def has_forgotten(self) -> bool:
        """Whether rows learned from, too, are less likely than at the best look, by more than the
        two may err: this is no over-learning."""
        best, last = self.best, self.last
        return last.train < best.train - _APART * math.hypot(best.error, last.error)

    def result(self, update: int, reason: StopReason, n_steps: int) -> FitResult:
        """The best parameters, with their held-out figure confirmed by about `n_steps` sweeps;
        those of the start where they turn out worse."""
        if self.watch is None or reason is StopReason.INTERRUPTED:
            return FitResult(self.best.parameters, update, reason, self.history)
        best, found = self._confirmed(self.watch, n_steps)
        parameters = best.parameters
        if found is not None and found.status is Status.OK:
            lost = found.validation < self.start.score - _FALL - 5.0 * found.std_error
            if lost:
                parameters, reason = self.start.parameters, StopReason.LOST
        followed = (best.score, best.error)
        return FitResult(parameters, update, reason, self.history, followed, found)

    def _confirmed(self, watch: Watch, n_steps: int) -> tuple[Candidate, Confirmation | None]:
        """The best, or the last where scores do not tell them apart and a second estimate of
        each prefers it."""
        best, last = self.best, self.last
        found = watch.confirm(best.parameters, n_steps)
        near = last.score >= best.score - _APART * math.hypot(best.error, last.error)
        if found is None or last.update == best.update or not near:
            return best, found
        other = watch.confirm(last.parameters, n_steps)
        better = other is not None and other.validation > found.validation
        if other is None or other.status is not Status.OK or not better:
            return best, found
        return last, other

    def state(self) -> State:
        candidates = {"best": self.best, "start": self.start, "last": self.last}
        tensors = {
            f"{name}.{k}": value
            for name, one in candidates.items()
            for k, value in one.parameters.items()
        }
        facts = {name: one.facts() for name, one in candidates.items()}
        return State(tensors, {**facts, "history": self.history})

    def restore(self, state: State) -> None:
        self.best, self.start, self.last = (
            Candidate(state.group(name), **state.facts[name]) for name in ("best", "start", "last")
        )
        self.history = state.facts["history"]
