"""How a model that learns does on rows that it does not learn from."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
import torch
from torch import Tensor

from harmonium.compute.random import generator_for, generator_state, restore_generator
from harmonium.contract.energy import Energy, Evidence, Generator, Parameters
from harmonium.contract.estimates import LogZ, Status
from harmonium.learning.checkpoint import State
from harmonium.learning.rows import Batch
from harmonium.sampling.annealing import annealed_importance_sampling
from harmonium.sampling.particles import Trajectory
from harmonium.sampling.paths import raised
from harmonium.sampling.seen import countable, log_weight_seen

__all__ = [
    "N_PARTICLES",
    "Confirmation",
    "Likelihood",
    "Near",
    "Score",
    "Watch",
    "Watching",
]

#: Makes a watch of the rows held out, some of those learned from, and randomness of its own.
Watching: TypeAlias = "Callable[[Batch, Batch, np.random.Generator], Watch]"


class Near(NamedTuple):
    """Sums by so many draws near rows: log Z, and log P~ of what is known of each of some rows,
    with its error and whether draws told it, given the rows and which of their cells are free."""

    log_partition: Callable[[Energy, Batch, int], LogZ]
    log_weight_seen: Callable[
        [Energy, Tensor, Tensor, int, Generator], tuple[Tensor, Tensor, Tensor]
    ]


#: Particles that follow a model whose states cannot be summed at each look.
N_PARTICLES = 500
#: Steps from one model looked at to the next, at least, the first being the start of the fit;
#: and from the particles' own start to a model that has been learned.
_BRIDGE_STEPS, _AGAIN_STEPS = 40, 1000
#: Particles that must count: fewer, and they begin again; fewer still, and nothing is known.
_FEW_EFFECTIVE, _LEAST_EFFECTIVE = 10.0, 2.0
#: Two estimates are the same that differ by this share of the figure, at least of a nat.
_SLACK = 0.02
#: Draws near rows at a look, and at the end; and by how much they may raise log Z, in nats.
_NEAR_AT_A_LOOK, _NEAR_AT_THE_END, _LOST = 1000, 10_000, 0.5
#: Of rows of which too much is unknown to be summed exactly: how many are scored, and the
#: annealed chains of each.
_MOST_ANNEALED, _N_CHAINS = 300, 4


class _Effort(NamedTuple):
    """Draws near each such row, and temperatures of its chains where draws tell nothing."""

    n_draws: int
    n_temperatures: int


_AT_A_LOOK, _AT_THE_END = _Effort(16, 40), _Effort(128, 200)
#: Few rows have more draws, so many among them and at most so many each: each weighs more.
_DRAWS_AMONG, _MOST_DRAWS = 4800, 128
#: Of rows learned from that have unknown cells: their figure is shown, and decides nothing.
_MOST_SHOWN = 60


@dataclass(frozen=True)
class Score:
    """Figures by name; ``"validation"``, higher is better, is what the best is chosen by."""

    figures: dict[str, float]
    #: Standard error of the figures.
    error: float = 0.0
    #: Whether they can be; those that cannot are never recorded as progress.
    possible: bool = True


@dataclass(frozen=True)
class Confirmation:
    """The held-out figure once more, by an estimate that has seen nothing of the fit."""

    validation: float
    std_error: float
    #: How far to trust it, as for log Z.
    status: Status
    #: log Z of the model by draws near rows that it learned from, where that was asked.
    near: LogZ | None = None

    def agrees(self, value: float, error: float) -> bool:
        """Whether another figure is the same within both errors; what cannot be told does."""
        if self.status is not Status.OK:
            return True
        slack = 4.0 * math.hypot(self.std_error, error) + _SLACK * max(1.0, abs(value))
        return abs(self.validation - value) <= slack


class Watch(ABC):
    """Scores parameters on held-out rows; has randomness of its own, so that what is watched
    never changes what is learned."""

    @abstractmethod
    def score(self, parameters: Parameters) -> Score:
        """How these do."""

    @abstractmethod
    def begin_again(self) -> None:
        """Forget what was followed, after a look that could not be."""

    @abstractmethod
    def confirm(self, parameters: Parameters, n_steps: int) -> Confirmation | None:
        """The figure by an independent estimate of about so many sweeps of 100 chains; None
        where it was exact."""

    @abstractmethod
    def state(self) -> State:
        """What must be kept to go on exactly as if never interrupted."""

    @abstractmethod
    def restore(self, state: State) -> None:
        """The inverse of :meth:`state`."""


class Likelihood(Watch):
    """Mean log-likelihood of the rows held out, and of some learned from, in nats.

    `energy` is copied. log Z is summed at each look where `exact` says that this is affordable,
    else followed by particles (:class:`~harmonium.sampling.particles.Trajectory`), which start at
    the energy's base, or as `begin` makes them for the watch's own copy of the energy. Rows with
    unknown cells count by log P(what is known): exact where few states are free, else by draws
    near each row or annealed, for which some of the rows stand for all. `weigh` gives log weights
    of whole rows where some of the energy's variables are in none of them, and are summed out.

    `near` tells log Z by draws near rows. Where that is far above what particles found, they have
    lost modes that the rows are in, and so have chains that learn: such a look cannot be.
    """

    def __init__(
        self,
        energy: Energy,
        held: Batch,
        shown: Batch,
        generator: np.random.Generator,
        *,
        exact: bool,
        begin: Callable[[Energy, Generator], Trajectory] | None = None,
        weigh: Callable[[Energy, Tensor], Tensor] | None = None,
        near: Near | None = None,
    ) -> None:
        self.energy = energy.to(energy.dtype)
        self._near, self._seen = near, shown
        self._weigh = weigh
        self.held, self.shown = _affordable(held, energy), _thinned(shown, _MOST_SHOWN)
        self.exact = exact
        self.generator = generator_for(energy.device, generator)
        self.trajectory: Trajectory | None = None
        self._begin, self._n_steps = begin, _BRIDGE_STEPS
        whole = self.held.observed is None and self.shown.observed is None
        #: Places of the distinct among both, where all of them is known.
        self._distinct = _first_places(torch.cat([self.held.x, self.shown.x])) if whole else None
        #: What the mean log-likelihoods of the two can be at most.
        self.most = (_most_likely(self.held), _most_likely(self.shown))

    def score(self, parameters: Parameters) -> Score:
        followed = self._log_partition(parameters)
        log_z = followed if self.exact else raised(followed, self._near_rows(_NEAR_AT_A_LOOK))
        (held, held_error), of_held = self._mean_log_weight(self.held)
        (shown, shown_error), of_shown = self._mean_log_weight(self.shown)
        figures = {
            "validation": held - log_z.value,
            "train": shown - log_z.value,
            "log_partition": log_z.value,
            "std_error": log_z.std_error,
        }
        error = math.hypot(log_z.std_error, max(held_error, shown_error))
        slack = 5.0 * error + 1e-3
        possible = (
            figures["validation"] <= self.most[0] + slack
            and figures["train"] <= self.most[1] + slack
            and log_z.effective_chains >= _LEAST_EFFECTIVE
            and log_z.value <= followed.value + _LOST
            and self._seen_share(of_held, of_shown) <= log_z.value + slack
        )
        return Score(figures, error, possible)

    def begin_again(self) -> None:
        self.trajectory, self._n_steps = None, _AGAIN_STEPS

    def confirm(self, parameters: Parameters, n_steps: int) -> Confirmation | None:
        if self.exact:
            return None
        if self._begin is not None:  # particles of their own, since the base may miss modes
            log_z = self._fresh().advance(parameters, max(n_steps, _AGAIN_STEPS))
        else:
            self.energy.set_parameters(parameters)
            log_z, _, _ = annealed_importance_sampling(
                self.energy, n_chains=100, n_temperatures=n_steps, generator=self.generator
            )
        self.energy.set_parameters(parameters)
        (value, error), _ = self._mean_log_weight(self.held, _AT_THE_END)
        near = self._near_rows(_NEAR_AT_THE_END)
        log_z = raised(log_z, near)
        error = math.hypot(log_z.std_error, error)
        return Confirmation(value - log_z.value, error, Status(log_z.status), near)

    def _near_rows(self, n_draws: int) -> LogZ | None:
        if self._near is None:
            return None
        return self._near.log_partition(self.energy, self._seen, n_draws)

    def _seen_share(self, *log_weights: Tensor | None) -> float:
        """log of what all distinct rows weigh together, which Z is no less than."""
        known = [one for one in log_weights if one is not None]
        if self._distinct is None:
            return -math.inf
        return float(torch.logsumexp(torch.cat(known)[self._distinct].double(), 0))

    def _mean_log_weight(
        self, rows: Batch, effort: _Effort = _AT_A_LOOK
    ) -> tuple[tuple[float, float], Tensor | None]:
        """The mean over rows, of what is known of them, and its standard error; and the log weight
        of each where all of it is known."""
        if rows.observed is None:
            weigh = self._weigh
            log_weights = (
                self.energy.log_weight(rows.x) if weigh is None else weigh(self.energy, rows.x)
            )
            if rows.weight is None:
                return (float(log_weights.mean()), 0.0), log_weights
            return (float(rows.shares().to(log_weights) @ log_weights), 0.0), log_weights
        log_weights, errors = self._log_weights_seen(rows.x, ~rows.observed, effort)
        shares = rows.shares(torch.float64)
        return (float(shares @ log_weights), float((shares * errors).norm())), None

    def _log_weights_seen(self, x: Tensor, free: Tensor, effort: _Effort) -> tuple[Tensor, Tensor]:
        """Of what is known of each row, and standard errors."""
        left = torch.ones(len(x), dtype=torch.bool, device=x.device)
        value = torch.zeros(len(x), dtype=torch.float64, device=x.device)
        error = torch.zeros_like(value)
        if self._near is not None:
            n_draws = max(effort.n_draws, min(_DRAWS_AMONG // len(x), _MOST_DRAWS))
            value, error, told = self._near.log_weight_seen(
                self.energy, x, free, n_draws, self.generator
            )
            left = ~told
        value[left], error[left] = log_weight_seen(
            self.energy,
            x[left],
            Evidence(free[left]),
            self.generator,
            n_chains=_N_CHAINS,
            n_temperatures=effort.n_temperatures,
        )
        return value, error

    def _log_partition(self, parameters: Parameters) -> LogZ:
        if self.exact:
            self.energy.set_parameters(parameters)
            value = self.energy.exact_log_partition()
            assert value is not None
            return LogZ(value)
        if self.trajectory is not None:
            followed = self.trajectory.advance(parameters, _BRIDGE_STEPS)
            if followed.effective_chains >= _FEW_EFFECTIVE:
                return followed
            self.begin_again()  # the particles have lost the model
        self.trajectory = self._fresh()
        return self.trajectory.advance(parameters, self._n_steps)

    def _fresh(self) -> Trajectory:
        if self._begin is not None:
            return self._begin(self.energy, self.generator)
        return Trajectory(self.energy, N_PARTICLES, self.generator)

    def state(self) -> State:
        tensors = {} if self.trajectory is None else self.trajectory.tensors()
        return State(tensors, {"generator": generator_state(self.generator)})

    def restore(self, state: State) -> None:
        if state.tensors:
            self.begin_again()
            self.trajectory = self._fresh()
            self.trajectory.restore(state.tensors)
        restore_generator(self.generator, state.facts["generator"])


def _affordable(rows: Batch, energy: Energy) -> Batch:
    """The rows, or so many of them as can be scored at each look."""
    if rows.observed is None or bool(countable(~rows.observed, energy).all()):
        return rows
    return _thinned(rows, _MOST_ANNEALED)


def _thinned(rows: Batch, most: int) -> Batch:
    """At most so many of rows with unknown cells, evenly spread; all others."""
    if rows.observed is None or len(rows.x) <= most:
        return rows
    index = torch.linspace(0, len(rows.x) - 1, most, device=rows.x.device).long()
    weight = None if rows.weight is None else rows.weight[index]
    return Batch(rows.x[index], weight, rows.observed[index])


def _first_places(rows: Tensor) -> Tensor:
    """Where each distinct row stands first, int64 ``(n_distinct,)``."""
    _, place = torch.unique(rows, dim=0, return_inverse=True)
    first = torch.full((int(place.max()) + 1,), len(rows), device=rows.device)
    return first.scatter_reduce(0, place, torch.arange(len(rows), device=rows.device), "amin")


def _most_likely(rows: Batch) -> float:
    """What no model's mean log-likelihood of these rows can exceed: minus the entropy of the
    rows as they are (Gibbs' inequality), since distinct rows share a probability of one. Where
    cells are unknown, rows of which the same columns are known share one of their own."""
    share = rows.shares(torch.float64)
    if rows.observed is None:
        return _minus_entropy(rows.x, share)
    known = torch.cat([torch.where(rows.observed, rows.x, 0.0), rows.observed.to(rows.x)], 1)
    return _minus_entropy(known, share) - _minus_entropy(rows.observed, share)


def _minus_entropy(rows: Tensor, share: Tensor) -> float:
    """Of distinct rows, each with the sum of its shares, in nats."""
    _, place = torch.unique(rows, dim=0, return_inverse=True)
    each = torch.zeros(int(place.max()) + 1, dtype=torch.float64, device=share.device)
    each.index_add_(0, place, share)
    each = each[each > 0.0]
    return float((each * torch.log(each)).sum())
