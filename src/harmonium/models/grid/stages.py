"""The two stages of a grid's fit: pseudo-likelihood, then likelihood, exact or sampled."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harmonium.compute.random import generator_for, random_generator
from harmonium.contract.energy import Chains
from harmonium.contract.stopping import StopReason
from harmonium.learning.ascent import Ascent, Gaussian
from harmonium.learning.checkpoint import Checkpoint, State, opened
from harmonium.learning.climb import Climb, ClimbPlan, ExactLikelihood, Objective, PseudoLikelihood
from harmonium.learning.fit import RunningFit, climbed, fit, watch_of
from harmonium.learning.learners.base import Learner
from harmonium.learning.learners.exact import Exact
from harmonium.learning.learners.persistent import Persistent
from harmonium.learning.learners.pseudo import Pseudo
from harmonium.learning.plan import Plan, Streams
from harmonium.learning.pseudo_watch import PseudoLikelihood as PseudoWatch
from harmonium.learning.record import FitResult, Record
from harmonium.learning.rows import Batch, Split, n_rows_of
from harmonium.learning.sources import Memory
from harmonium.learning.watch import Likelihood, Watching
from harmonium.models.grid.cliques import Cliques
from harmonium.models.grid.energy import GridEnergy
from harmonium.models.grid.inside import coarse_of
from harmonium.models.grid.metric import Counts
from harmonium.models.grid.prior import Smooth
from harmonium.models.grid.pseudo import met, pseudo_moments
from harmonium.models.grid.start import (
    GridParameters,
    base_table,
    gather_images,
    initial_energy,
    plan_for,
)
from harmonium.models.grid.transfer_matrix import is_affordable

__all__ = ["GridFit", "go_on", "learn"]

_PSEUDO_STEPS = 40
#: Pixels times levels that the start of a longer fit is learned from, at most.
_PSEUDO_WORK = 2**26


@dataclass(frozen=True)
class GridFit:
    """A fitted energy, and what happened on the way to it."""

    energy: GridEnergy
    #: Mean log P(pixel given the others) after the first stage, in nats.
    pseudo_log_likelihood: float
    result: FitResult


def learn(
    wanted: GridParameters,
    X: Any,
    weights: NDArray[np.float64] | None,
    cliques: Cliques,
    device: torch.device,
) -> GridFit:
    """Pseudo-likelihood first, then, unless that was all that was asked for, likelihood."""
    checkpoint, streams = opened(wanted.checkpoint, wanted.random_state)
    rows, shape = _rows(wanted, X, weights, device, streams.split, cliques.n_levels)
    if checkpoint is not None:
        checkpoint.tie(vars(wanted), rows, streams.seeds)
    plan = plan_for(wanted, n_rows_of(rows), shape[0] * shape[1])
    split = Split.drawn(rows, plan.n_held, streams.split)
    kept = rows.pick(split.kept, split.kept_weights)
    energy = _first_energy(wanted, kept, cliques, shape)
    return _Stages(wanted, rows, split, plan, streams, checkpoint).run(energy, kept)


def go_on(
    wanted: GridParameters,
    X: Any,
    weights: NDArray[np.float64] | None,
    energy: GridEnergy,
    running: RunningFit | None,
) -> tuple[RunningFit, int]:
    """A pass over images from where `energy` stands: what to go on from next, and its updates."""
    source = random_generator(wanted.random_state) if running is None else running.source
    rows, shape = _rows(wanted, X, weights, energy.device, source, energy.n_states)
    if shape != energy.shape:
        raise ValueError(
            f"X must give images or patches of shape {energy.shape}, as before, got {shape}"
        )
    plan = plan_for(wanted, n_rows_of(rows), energy.n_variables)
    if running is None or not running.is_of(wanted.learner):
        running = _begin_running(wanted, rows, plan, energy, source)
    else:
        running.energy.set_parameters(energy.parameters())
    return running, running.learn(rows, plan, Gaussian())


def _rows(
    wanted: GridParameters,
    X: Any,
    weights: NDArray[np.float64] | None,
    device: torch.device,
    generator: np.random.Generator,
    n_states: int,
) -> tuple[Memory, tuple[int, int]]:
    """The images or patches to learn from as rows of states, coarse where these are fewer than
    levels, and their shape."""
    images = gather_images(wanted, X, generator)
    if weights is not None and images.source is not None:
        weights = weights[images.source]
    n, height, width = images.pixels.shape
    levels = images.pixels.reshape(n, -1).astype(np.int64)
    table = coarse_of(wanted.n_levels, n_states)[levels].astype(np.uint8)
    return Memory(table, device, weights), (height, width)


def _first_energy(
    wanted: GridParameters, kept: Batch, cliques: Cliques, shape: tuple[int, int]
) -> GridEnergy:
    share = kept.shares(torch.float64).cpu().numpy() * len(kept.x)
    base = base_table(kept.x.long().cpu().numpy(), share, cliques.n_levels, wanted.places)
    start = initial_energy(cliques, shape, base, wanted.places)
    return start.to(torch.float32, kept.x.device)


@dataclass
class _First:
    """What is known of the first stage when the second is gone on with."""

    pseudo: float = 0.0
    seconds: float = 0.0

    def state(self) -> State:
        return State({}, {"pseudo": self.pseudo, "seconds": self.seconds})

    def restore(self, state: State) -> None:
        self.pseudo, self.seconds = state.facts["pseudo"], state.facts["seconds"]


@dataclass
class _Stages:
    """The way from a first energy to a fitted one, for images that are gathered and split."""

    wanted: GridParameters
    rows: Memory
    split: Split
    plan: Plan
    streams: Streams
    checkpoint: Checkpoint | None

    def run(self, energy: GridEnergy, kept: Batch) -> GridFit:
        first = _First()
        goes_on = self.wanted.learner != "pseudo" and len(energy.knots) > 0
        if self.checkpoint is None or self.checkpoint.stage not in {"learning", "exact"}:
            x, share = self._shown_first(energy, kept, goes_on)
            result = self._pseudo(energy, x, share)
            first.seconds = (result.history.get("seconds") or [0.0])[-1]
            value = pseudo_moments(energy, x, share)[0]
            first.pseudo = value / (float(share.sum()) * energy.n_variables)
            if result.reason in {StopReason.MAX_ITER, StopReason.DONE}:
                result.reason = StopReason.PSEUDO
            if not goes_on or result.reason is not StopReason.PSEUDO:
                return GridFit(energy, first.pseudo, result)
        second = self._exact if self.wanted.learner == "exact" else self._sampled
        result = second(energy, kept, first)
        energy.set_parameters(result.parameters)
        return GridFit(energy, first.pseudo, result)

    def _shown_first(self, energy: GridEnergy, kept: Batch, goes_on: bool) -> tuple[Tensor, Tensor]:
        """Images for the first stage with what each counts for; some where it is only that."""
        share = kept.shares(torch.float64) * len(kept.x)
        if not goes_on:
            return kept.x, share
        most = _PSEUDO_WORK // (energy.n_variables * energy.n_states)
        some = torch.from_numpy(_some(share.cpu().numpy(), most, self.streams.noise))
        return kept.x[some], share[some]

    def _pseudo(self, energy: GridEnergy, x: Tensor, share: Tensor) -> FitResult:
        """Maximum pseudo-likelihood."""
        watching = partial(_pseudo_watch, energy)
        plan = ClimbPlan(_PSEUDO_STEPS, tol=1e-9, least_gain=1e-7)
        objective = PseudoLikelihood(x, share, pseudo_moments)
        n_pixels = float(share.sum()) * energy.n_variables
        return self._climb(
            "pseudo", energy, objective, met(energy, x, share), n_pixels, plan, watching
        )

    def _exact(self, energy: GridEnergy, kept: Batch, first: _First) -> FitResult:
        """Maximum likelihood, log Z summed by the transfer matrix."""
        if not is_affordable(energy.cliques, energy.shape):
            raise ValueError("learner='exact': the model has too many states to sum over")
        moments = energy.to(torch.float64).moments(kept.x, kept.shares(torch.float64))
        counts = {name: value * len(kept.x) for name, value in moments.items()}
        plan = ClimbPlan(self.plan.n_updates, tol=1e-6, least_gain=1e-10)
        watching = partial(_watch, energy, exact=True)
        objective = ExactLikelihood(moments)
        return self._climb(
            "exact", energy, objective, counts, float(len(kept.x)), plan, watching, first
        )

    def _climb(
        self,
        stage: str,
        energy: GridEnergy,
        objective: Objective,
        counts: dict[str, Tensor],
        n_observations: float,
        plan: ClimbPlan,
        watching: Watching,
        first: _First | None = None,
    ) -> FitResult:
        """L-BFGS on parameters scaled by the square root of their counts, with a pull as strong
        as one observation."""
        limit = _left(self.wanted.time_limit, first)
        record = Record(
            energy.parameters(),
            watch_of(self.rows, self.split, self.plan, watching, self.streams),
        )
        scales = {name: 1.0 / torch.sqrt(value.double() + 1.0) for name, value in counts.items()}
        prior = Smooth(energy.cliques, 1.0 / n_observations)
        climb = Climb(energy, objective, prior, scales, replace(plan, time_limit=limit), record)
        return climbed(
            climb,
            stage,
            checkpoint=self.checkpoint,
            beside=None if first is None else {"first": first},
            verbose=self.wanted.verbose,
        )

    def _sampled(self, energy: GridEnergy, kept: Batch, first: _First) -> FitResult:
        """Persistent chains, started at images, through the shared loop."""
        metric = _metric(energy)
        metric.observe(energy.moments(kept.x, kept.shares()))
        plan = replace(self.plan, time_limit=_left(self.wanted.time_limit, first))
        return fit(
            Ascent(energy, Gaussian(), metric),
            _chains_at(kept.x, plan, self.streams.noise),
            self.rows,
            self.split,
            plan,
            streams=self.streams,
            generator=generator_for(energy.device, self.streams.noise),
            watching=partial(_watch, energy, exact=is_affordable(energy.cliques, energy.shape)),
            checkpoint=self.checkpoint,
            beside={"first": first},
            verbose=self.wanted.verbose,
        )


def _left(limit: float | None, first: _First | None) -> float | None:
    """What is left of a time limit; not nothing, so that a second stage says why it ended."""
    return limit if limit is None or first is None else max(limit - first.seconds, 1e-9)


def _watch(
    energy: GridEnergy, held: Batch, seen: Batch, generator: np.random.Generator, *, exact: bool
) -> Likelihood:
    return Likelihood(energy, held, seen, generator, exact=exact)


def _pseudo_watch(
    energy: GridEnergy, held: Batch, seen: Batch, generator: np.random.Generator
) -> PseudoWatch:
    return PseudoWatch(energy, held, seen, pseudo_moments)


def _metric(energy: GridEnergy) -> Counts:
    floor = 1e-3 * energy.n_variables
    n_potentials = len(energy.cliques.filters) + len(energy.parameters())
    return Counts(n_potentials, {"knots": floor, "level": floor, "place": 0.05})


def _chains_at(x: Tensor, plan: Plan, generator: np.random.Generator) -> Persistent:
    first = generator.choice(len(x), plan.n_chains, replace=plan.n_chains > len(x))
    return Persistent(Chains(x[torch.from_numpy(first)].clone()), plan.n_gibbs)


def _some(
    share: NDArray[np.float64], most: int, generator: np.random.Generator
) -> NDArray[np.int64]:
    """The rows with weight; a random part of them, if they are more than `most`."""
    rows = np.flatnonzero(share)
    most = max(1, most)
    return generator.choice(rows, most, replace=False) if len(rows) > most else rows


def _begin_running(
    wanted: GridParameters,
    rows: Memory,
    plan: Plan,
    energy: GridEnergy,
    source: np.random.Generator,
) -> RunningFit:
    """A running fit of fresh chains at the images given, from `energy`."""
    kept = rows.pick(rows.usable(), rows.usable_weights())
    metric = _metric(energy)
    metric.observe(energy.moments(kept.x, kept.shares()))
    learner: Learner = Pseudo(pseudo_moments)
    if wanted.learner == "exact":
        learner = Exact()
    elif wanted.learner == "pcd":
        learner = _chains_at(kept.x, plan, source)
    return RunningFit(energy, metric, learner, source, generator_for(energy.device, source))
