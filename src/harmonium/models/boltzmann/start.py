"""Where the fit of a Boltzmann machine starts, and what it is made of."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from harmonium.compute.random import generator_for, random_generator
from harmonium.data.tables import Table
from harmonium.learning.checkpoint import Checkpoint, opened
from harmonium.learning.climb import Climb, ClimbPlan, ExactLikelihood
from harmonium.learning.fit import RunningFit, climbed, fit, watch_of
from harmonium.learning.learners import LEARNERS
from harmonium.learning.learners.base import ChainLearner
from harmonium.learning.plan import Streams
from harmonium.learning.record import FitResult, Observer, Record
from harmonium.learning.rows import Split, n_rows_of, row_source
from harmonium.learning.watch import Likelihood
from harmonium.models.boltzmann.energy import BoltzmannEnergy
from harmonium.models.boltzmann.ground import FLOOR, Ground, Start, counted, ground_of
from harmonium.models.boltzmann.metric import step_sizes
from harmonium.models.boltzmann.plan import BoltzmannParameters, plan_for
from harmonium.models.boltzmann.pseudo import fit_pseudo
from harmonium.models.boltzmann.sparse import grown
from harmonium.models.boltzmann.trials import tried
from harmonium.models.rates import initial_bias

__all__ = ["begin_running", "fit_energy"]

#: Iterations of a climb, and how flat it must be.
_N_ITERATIONS, _TOL = 1000, 1e-6


def fit_energy(
    wanted: BoltzmannParameters,
    table: Table,
    weights: NDArray[np.float64] | None,
    start: Start,
    observers: Sequence[Observer] = (),
) -> tuple[FitResult, BoltzmannEnergy]:
    """Learn from a checked table; the result's parameters are the best seen, and the energy's."""
    checkpoint, streams = opened(wanted.checkpoint, wanted.random_state)
    rows = row_source(table, start.device, weights, start.observed)
    if checkpoint is not None:
        edges = b"" if start.edges is None else start.edges.tobytes()
        checkpoint.tie({**vars(wanted), "edges": edges}, rows, streams.seeds)
    n_rows = n_rows_of(rows)
    if n_rows < 1:
        raise ValueError("X has no rows; wanted at least one")
    plan = plan_for(wanted, n_rows, start.observed is None)
    base = initial_bias(table, weights, n_rows, start.units, start.observed)
    ground = ground_of(wanted, rows, plan, base, streams)
    if wanted.learner == "pseudo":
        return fit_pseudo(ground, start, checkpoint, observers)
    if wanted.learner == "exact":
        return _exact(ground, start, checkpoint, observers)
    energy = ground.blank(start)
    generator = generator_for(energy.device, streams.noise)
    if start.observed is None:
        ground.data = counted(energy, rows, ground.split)
    began = time.perf_counter()
    chains = LEARNERS[wanted.learner].start(energy, plan, generator)
    assert isinstance(chains, ChainLearner)
    watch = watch_of(rows, ground.split, plan, ground.watching(energy), streams)
    if isinstance(wanted.graph, str) and wanted.graph == "sparse":
        assert watch is not None
        energy = grown(ground, energy, chains, watch, ground.noise(energy.device))
    found = tried(ground, energy, chains, watch)
    energy, decay = found.energy, found.decay
    plan = plan.after(time.perf_counter() - began)
    result = fit(
        ground.ascent(energy, decay),
        ground.learner(chains),
        rows,
        ground.split,
        plan,
        streams=streams,
        generator=generator,
        watching=None if watch is None else lambda *_: watch,
        observers=observers,
        checkpoint=checkpoint,
        verbose=wanted.verbose,
    )
    energy.set_parameters(result.parameters)
    return result, energy


def _exact(
    ground: Ground, start: Start, checkpoint: Checkpoint | None, observers: Sequence[Observer]
) -> tuple[FitResult, BoltzmannEnergy]:
    """L-BFGS on the mean log-likelihood, summed over every state."""
    wanted, plan = ground.wanted, ground.plan
    energy = ground.blank(start, torch.float64)
    moments = counted(energy, ground.rows, ground.split)
    decay = ground.decay(ground.n_kept)
    ascent = ground.ascent(energy, decay)
    sizes = step_sizes(energy.base_mean, energy.mask, max(decay, FLOOR))
    watching = partial(Likelihood, energy, exact=True)
    watch = watch_of(ground.rows, ground.split, plan, watching, ground.streams)
    n_iterations = _N_ITERATIONS if wanted.n_updates == "auto" else plan.n_updates
    climb = Climb(
        energy,
        ExactLikelihood(moments),
        ascent.prior,
        {"couplings": sizes.sqrt(), "fields": torch.ones_like(energy.fields)},
        ClimbPlan(n_iterations, _TOL, time_limit=plan.time_limit),
        Record(energy.parameters(), watch),
    )
    result = climbed(
        climb, "climb", observers=observers, checkpoint=checkpoint, verbose=wanted.verbose
    )
    return result, energy


def begin_running(
    wanted: BoltzmannParameters,
    table: Table,
    start: Start,
    energy: BoltzmannEnergy | None,
) -> tuple[RunningFit, Ground]:
    """A running fit of fresh chains, from `energy` or, for None, from independent columns."""
    source = random_generator(wanted.random_state)
    rows = row_source(table, start.device, None, start.observed)
    wanted = replace(wanted, validation_fraction=0.0)
    plan = plan_for(wanted, table.shape[0], False)
    base = initial_bias(table, None, table.shape[0], start.units, start.observed)
    if energy is not None:
        base = energy.base_fields.double()
    streams = Streams.drawn(0)
    ground = Ground(wanted, rows, Split(np.arange(0), np.arange(0)), plan, base, None, streams)
    if energy is None:
        energy = ground.blank(start)
    generator = generator_for(energy.device, source)
    metric = ground.ascent(energy, ground.decay(table.shape[0])).metric
    learner = LEARNERS[wanted.learner].start(energy, plan, generator)
    return RunningFit(energy, metric, learner, source, generator), ground
