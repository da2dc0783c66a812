"""What a run has seen of itself: its history, and the best parameters so far."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from harmonium.contract.energy import Parameters
from harmonium.contract.stopping import StopReason
from harmonium.learning.ascent import are_finite, copied
from harmonium.learning.checkpoint import State
from harmonium.learning.watch import Watch

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


class Record:
    """History by name, and the parameters that scored best; without a watch the latest are."""

    def __init__(self, parameters: Parameters, watch: Watch | None) -> None:
        self.watch = watch
        self.history: dict[str, list[float]] = {}
        self.best = copied(parameters)
        self.best_update = 0
        self.best_score = -math.inf

    def look(self, update: int, parameters: Parameters, facts: dict[str, float]) -> Look | None:
        """Judge these parameters, with `facts` to be told beside; None if they are not finite."""
        if not are_finite(parameters):
            return None
        score = float(update)
        if self.watch is not None:
            seen = self.watch.score(parameters)
            score = seen["validation"]
            if not math.isfinite(score):
                return None
            facts = {**facts, **seen}
        for name, value in facts.items():
            self.history.setdefault(name, []).append(value)
        if score >= self.best_score:
            self.best_score, self.best_update = score, update
            self.best = copied(parameters)
        return Look(update, parameters, self.best_update, facts)

    def state(self) -> State:
        facts = {
            "history": self.history,
            "best_update": self.best_update,
            "best_score": self.best_score,
        }
        return State(dict(self.best), facts)

    def restore(self, state: State) -> None:
        self.best = dict(state.tensors)
        self.history = state.facts["history"]
        self.best_update = state.facts["best_update"]
        self.best_score = state.facts["best_score"]
