"""Every number of a fit, decided; and its streams of random numbers, apart from each other."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Self, TypeVar

import numpy as np

from harmonium.compute.random import random_generator
from harmonium.learning.leg import Leg

__all__ = ["Plan", "Streams", "Wanted", "asked", "n_held_of"]

T = TypeVar("T")


@dataclass(frozen=True)
class Wanted:
    """What every fit reads of a model's parameters, checked; named as they are."""

    validation_fraction: float | str
    checkpoint: str | os.PathLike[str] | None
    time_limit: float | None
    random_state: Any
    verbose: int


def asked(kind: type[T], parameters: Mapping[str, Any]) -> T:
    """The dataclass `kind` filled from constructor `parameters` of the same names."""
    return kind(**{one.name: parameters[one.name] for one in fields(kind)})  # type: ignore[arg-type]


def n_held_of(fraction: float | str, n_rows: int, most: int) -> int:
    """How many rows are watched in place of being learned from; ``"auto"``: a tenth, at
    `most` so many."""
    if isinstance(fraction, str):
        return min(n_rows // 10, most)
    return int(fraction * n_rows)


@dataclass(frozen=True)
class Plan:
    """How long, how fast and how strictly to learn; no number is left open."""

    n_updates: int
    batch_size: int
    rate: float
    n_chains: int = 100
    n_gibbs: int = 1
    #: Rows that are watched in place of being learned from, and of the others that are shown.
    n_held: int = 0
    n_shown: int = 2000
    time_limit: float | None = None
    #: The mean of parameters weighs step t by about t**averaging: the last tenth of the run.
    averaging: float = 9.0
    average_every: int = 10
    #: The first look, and then one when the run has grown by this factor ...
    first_look: int = 100
    look_growth: float = 1.2
    #: ... but not before so many more updates, and at least this often over the whole run.
    least_gap: int = 50
    n_looks: int = 20
    #: Go back to the best at half the rate after a look that cannot be; so often, then stop.
    n_setbacks: int = 6
    #: Stop once the best look lies this factor (in updates) behind, and the last one did worse by
    #: so many of their errors or more, ...
    patience: float = 2.5
    least_behind: float = 0.0
    #: ... but not in the first updates, where small models stand on a plateau.
    n_patient: int = 2000

    @property
    def averaged_every(self) -> int:
        """Updates between two that the mean of parameters takes in; short runs miss none."""
        return max(1, min(self.average_every, self.n_updates // 20))

    def after(self, seconds: float) -> Self:
        """With what is left of the time once a start has taken these `seconds`."""
        if self.time_limit is None:
            return self
        return replace(self, time_limit=max(self.time_limit - seconds, 0.1 * self.time_limit))

    def whole(self) -> Leg:
        """The run as it is meant: one fall of the rate."""
        return Leg(0, self.n_updates, self.rate)

    def last_leg(self, best_update: int, leg: Leg, update: int, seconds: float) -> Leg | None:
        """From the best parameters of a `leg` that over-learned to a rate of zero, in as many
        updates as they had taken; None where few updates are left for it."""
        last = min(update + best_update, self.n_updates)
        if last - update < self.first_look:
            return None
        return Leg(update, last, leg.rate_at(best_update), seconds)

    def next_look(self, update: int, leg: Leg) -> int:
        """The update of the look that follows one at `update`; at its start: of the first."""
        if not update:
            return min(self.first_look, leg.last)
        gap = min(update * (self.look_growth - 1.0), (leg.last - leg.first) / self.n_looks)
        return min(update + int(max(gap, self.least_gap)), leg.last)

    def is_overfitting(self, update: int, best_update: int) -> bool:
        """Whether the best look lies too far behind."""
        least = max(self.patience * best_update, self.n_updates / 20, self.n_patient)
        return update > least


@dataclass(frozen=True)
class Streams:
    """Random numbers of one fit, a stream for each use, so that what is watched, say, never
    changes what is learned.

    ``order`` of batches, ``split`` into rows learned from and held out, ``watching``, and
    ``noise`` for the start and the chains. ``seeds`` make them again.
    """

    seeds: tuple[int, int, int, int]
    order: np.random.Generator
    split: np.random.Generator
    watching: np.random.Generator
    noise: np.random.Generator

    @classmethod
    def of(cls, seeds: tuple[int, int, int, int]) -> Streams:
        """The streams with these seeds."""
        return cls(seeds, *(np.random.Generator(np.random.SFC64(seed)) for seed in seeds))

    @classmethod
    def drawn(cls, random_state: Any) -> Streams:
        """Streams whose seeds are drawn by what ``random_state`` means to an estimator."""
        order, split, watching, noise = random_generator(random_state).integers(0, 2**63, size=4)
        return cls.of((int(order), int(split), int(watching), int(noise)))
