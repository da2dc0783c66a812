"""Where the fit of a Boltzmann machine starts, and what it is made of."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from harmonium.compute.random import generator_for, random_generator
from harmonium.compute.ranks import Ranks
from harmonium.data.states import States
from harmonium.data.tables import Table
from harmonium.learning.checkpoint import Checkpoint, opened
from harmonium.learning.climb import ClimbPlan
from harmonium.learning.fit import RunningFit, climbed, watch_of
from harmonium.learning.learners import LEARNERS
from harmonium.learning.learners.base import ChainLearner
from harmonium.learning.plan import Streams
from harmonium.learning.record import FitResult, Observer, Record
from harmonium.learning.rows import Split, n_rows_of
from harmonium.learning.sharded import Sharded
from harmonium.models.boltzmann.energy import BoltzmannEnergy
from harmonium.models.boltzmann.folds import climb_on, cross_validated
from harmonium.models.boltzmann.ground import (
    Ground,
    Start,
    are_summed,
    awakened,
    counted,
    ground_of,
)
from harmonium.models.boltzmann.plan import BoltzmannParameters, plan_for
from harmonium.models.boltzmann.pseudo import fit_pseudo
from harmonium.models.boltzmann.sparse import grown
from harmonium.models.boltzmann.trials import tried

__all__ = ["begin_running", "fit_energy"]

#: Iterations of a climb, and how flat it must be.
_N_ITERATIONS, _TOL = 1000, 1e-6


def fit_energy(
    wanted: BoltzmannParameters,
    table: Table | States,
    weights: NDArray[np.float64] | None,
    start: Start,
    observers: Sequence[Observer] = (),
) -> tuple[FitResult, BoltzmannEnergy]:
    """Learn from a checked table; the result's parameters are the best seen, and the energy's."""
    checkpoint, streams = opened(wanted.checkpoint, wanted.random_state)
    rows = start.source(table, weights)
    if checkpoint is not None:
        edges = b"" if start.edges is None else start.edges.tobytes()
        checkpoint.tie({**vars(wanted), "edges": edges}, rows, streams.seeds)
    n_rows = n_rows_of(rows)
    if n_rows < 1:
        raise ValueError("X has no rows; wanted at least one")
    is_counted = start.whole and not start.n_hidden
    plan = plan_for(wanted, n_rows, start.units.n_variables, is_counted)
    base = start.base(table, weights, n_rows)
    ground = ground_of(wanted, rows, plan, base, streams)
    ground.averaged = start.whole and start.n_hidden > 0 and are_summed(start)
    began = time.perf_counter()
    with torch.no_grad():
        cross_validated(ground, start)
    ground.precision = Ranks.here().same(ground.precision)
    held = ground.split.unseen
    if wanted.learner == "pseudo":
        result, energy = _pseudo(ground, start, checkpoint, observers)
    elif wanted.learner == "exact":
        result, energy = _exact(ground, start, checkpoint, observers)
    else:
        result, energy = _by_chains(ground, start, is_counted, began, checkpoint, observers)
    result.held = held
    return result, energy


def _by_chains(
    ground: Ground,
    start: Start,
    is_counted: bool,
    began: float,
    checkpoint: Checkpoint | None,
    observers: Sequence[Observer],
) -> tuple[FitResult, BoltzmannEnergy]:
    """Stochastic gradient ascent; `is_counted`: by moments of the rows that are counted once."""
    wanted, plan, streams = ground.wanted, ground.plan, ground.streams
    energy = ground.blank(start)
    generator = generator_for(energy.device, streams.noise)
    awakened(energy, start.n_hidden, np.random.default_rng(streams.seeds[3]))
    if is_counted:
        ground.data = counted(energy, ground.rows, ground.split)
        if isinstance(ground.rows, Sharded):
            ground.let_go()
    chains = LEARNERS[wanted.learner].start(energy, plan, generator)
    assert isinstance(chains, ChainLearner)
    watch = watch_of(ground.rows, ground.split, plan, ground.watching(energy), streams)
    if isinstance(wanted.graph, str) and wanted.graph == "sparse":
        assert watch is not None
        energy = grown(ground, energy, chains, watch, ground.noise(energy.device))
    found = tried(ground, energy, chains, watch)
    energy, decay = found.energy, found.decay
    plan = plan.after(time.perf_counter() - began)
    result = ground.run(
        energy,
        decay,
        chains,
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


def _pseudo(
    ground: Ground, start: Start, checkpoint: Checkpoint | None, observers: Sequence[Observer]
) -> tuple[FitResult, BoltzmannEnergy]:
    """Every variable's regression, on the first of several ranks alone."""

    def work() -> FitResult:
        return fit_pseudo(ground, start, checkpoint, observers)[0]

    result = Ranks.here().first(work)
    energy = ground.blank(start)
    energy.set_parameters(result.parameters)
    return result, energy


def _exact(
    ground: Ground, start: Start, checkpoint: Checkpoint | None, observers: Sequence[Observer]
) -> tuple[FitResult, BoltzmannEnergy]:
    """L-BFGS on the mean log-likelihood, summed over every state."""
    wanted, plan = ground.wanted, ground.plan
    energy = ground.blank(start, torch.float64)
    decay = ground.decay(ground.n_kept)
    watch = watch_of(ground.rows, ground.split, plan, ground.watching(energy, True), ground.streams)
    n_iterations = _N_ITERATIONS if wanted.n_updates == "auto" else plan.n_updates
    steps = ClimbPlan(n_iterations, _TOL, time_limit=plan.time_limit)
    record = Record(energy.parameters(), watch)
    climb = climb_on(ground, start, energy, ground.split, decay, steps, record)
    result = climbed(
        climb, "climb", observers=observers, checkpoint=checkpoint, verbose=wanted.verbose
    )
    return result, energy


def begin_running(
    wanted: BoltzmannParameters,
    table: Table | States,
    start: Start,
    energy: BoltzmannEnergy | None,
) -> tuple[RunningFit, Ground]:
    """A running fit of fresh chains, from `energy` or, for None, from independent columns."""
    source = random_generator(wanted.random_state)
    if not are_summed(start):
        raise ValueError("partial_fit cannot learn so many coupled hidden units (n_components)")
    rows = start.source(table)
    wanted = replace(wanted, validation_fraction=0.0)
    plan = plan_for(wanted, table.shape[0], start.units.n_variables, False)
    base = start.base(table, None, table.shape[0])
    if energy is not None:
        base = energy.base_fields.double()
    streams = Streams.drawn(0)
    none = Split(np.arange(0), np.arange(0))
    ground = Ground(wanted, rows, none, plan, base, None, streams, table.shape[0])
    ground.averaged = start.n_hidden > 0
    if energy is None:
        energy = ground.blank(start)
        awakened(energy, start.n_hidden, source)
    generator = generator_for(energy.device, source)
    metric = ground.ascent(energy, ground.decay(table.shape[0])).metric
    chains = LEARNERS[wanted.learner].start(energy, plan, generator)
    learner = ground.learner(chains) if isinstance(chains, ChainLearner) else chains
    return RunningFit(energy, metric, learner, source, generator), ground
