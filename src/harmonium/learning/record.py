"""What a run has seen of itself: its history, and the best parameters so far."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from sklearn.exceptions import ConvergenceWarning

from harmonium.contract.energy import Parameters
from harmonium.contract.estimates import Status
from harmonium.contract.stopping import StopReason, tell
from harmonium.contract.warning import warn_caller
from harmonium.learning.ascent import are_finite, copied
from harmonium.learning.checkpoint import State
from harmonium.learning.watch import Confirmation, Watch

__all__ = ["FitResult", "Look", "Observer", "Record"]


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


#: How far below its start a model may fall on rows that it learns from, in nats, before that
#: counts as losing it.
_FALL = 1.0


class Record:
    """History by name, and the parameters that scored best; without a watch the latest are.

    The start is a candidate like any other: independent columns, as a rule.
    """

    def __init__(self, parameters: Parameters, watch: Watch | None) -> None:
        self.watch = watch
        self.history: dict[str, list[float]] = {}
        self.start = copied(parameters)
        self.best = copied(parameters)
        self.best_update = 0
        self.start_score = self.start_train = self.best_score = -math.inf
        self.best_error = 0.0

    def begin(self) -> None:
        """Judge the start."""
        if self.watch is not None:
            score = self.watch.score(self.start)
            value = score.figures["validation"]
            if math.isfinite(value) and score.possible:
                self.start_score = self.best_score = value
                self.start_train, self.best_error = score.figures["train"], score.error

    def look(self, update: int, parameters: Parameters, facts: dict[str, float]) -> Look | None:
        """Judge these parameters, with `facts` to be told beside; None if that cannot be: they
        are not finite, the score is impossible, or what they learn from has itself become well
        less likely than at the start (held-out rows alone do where a fit over-learns)."""
        if not are_finite(parameters):
            return None
        value, error = float(update), 0.0
        if self.watch is not None:
            score = self.watch.score(parameters)
            value, error = score.figures["validation"], score.error
            fallen = score.figures["train"] < self.start_train - _FALL - 5.0 * error
            if not math.isfinite(value) or not score.possible or fallen:
                return None
            facts = {**facts, **score.figures}
        for name, figure in facts.items():
            self.history.setdefault(name, []).append(figure)
        if value >= self.best_score:
            self.best_score, self.best_update, self.best_error = value, update, error
            self.best = copied(parameters)
        return Look(update, parameters, self.best_update, facts)

    def result(self, update: int, reason: StopReason, n_steps: int) -> FitResult:
        """The best parameters, with their held-out figure confirmed by about `n_steps` sweeps;
        those of the start where they turn out worse."""
        if self.watch is None or reason is StopReason.INTERRUPTED:
            return FitResult(self.best, update, reason, self.history)
        found, best = self.watch.confirm(self.best, n_steps), self.best
        if found is not None and found.status is Status.OK:
            lost = found.validation < self.start_score - _FALL - 5.0 * found.std_error
            best, reason = (self.start, StopReason.LOST) if lost else (best, reason)
        followed = (self.best_score, self.best_error)
        return FitResult(best, update, reason, self.history, followed, found)

    def state(self) -> State:
        facts = {
            "history": self.history,
            "best_update": self.best_update,
            "best_score": self.best_score,
            "best_error": self.best_error,
            "start_score": self.start_score,
            "start_train": self.start_train,
        }
        tensors = {f"best.{name}": value for name, value in self.best.items()}
        return State(tensors | {f"start.{k}": v for k, v in self.start.items()}, facts)

    def restore(self, state: State) -> None:
        self.best, self.start = state.group("best"), state.group("start")
        self.history = state.facts["history"]
        self.best_update = state.facts["best_update"]
        self.best_score = state.facts["best_score"]
        self.best_error = state.facts["best_error"]
        self.start_score = state.facts["start_score"]
        self.start_train = state.facts["start_train"]
