"""Where the fit of an RBM starts, and what it is made of."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from harmonium.compute.random import generator_for, random_generator
from harmonium.contract.energy import Chains, Generator
from harmonium.contract.stopping import StopReason
from harmonium.data.states import States
from harmonium.data.tables import Table
from harmonium.learning.checkpoint import opened
from harmonium.learning.fit import RunningFit, fit
from harmonium.learning.hybrid_watch import HybridWatching
from harmonium.learning.learners import LEARNERS
from harmonium.learning.learners.base import Learner
from harmonium.learning.learners.hybrid import Conditional, Hybrid
from harmonium.learning.plan import Plan, Streams
from harmonium.learning.record import FitResult, Observer
from harmonium.learning.rows import RowSource, Split, n_rows_of
from harmonium.learning.sharded import source_of, split_of
from harmonium.learning.watch import Likelihood, Watching
from harmonium.models.rbm.blank import blank_energy, initial_bias
from harmonium.models.rbm.clusters import Clusters, clusters_of
from harmonium.models.rbm.curvature import MOST_STIFFNESS, followed_rate, stiffness
from harmonium.models.rbm.energy import MAX_EXACT_LEARNING_UNITS, RBMEnergy
from harmonium.models.rbm.kernels.device import PRECISIONS
from harmonium.models.rbm.mixture_start import MOST_ROWS, begin_mixture
from harmonium.models.rbm.near import NEAR
from harmonium.models.rbm.paired import begin_paired, may_pair
from harmonium.models.rbm.plan import (
    RBMParameters,
    ascent_of,
    is_grouped,
    metric_for,
    plan_for,
    prior_for,
)
from harmonium.models.rbm.stiff import (
    SummedWatching,
    begin_summed,
    careful_plan,
    rows_to_sum,
    weighted_chains,
)
from harmonium.models.rbm.trials import Ground, Way, is_summed, tried
from harmonium.sampling.gibbs import mean_marginals
from harmonium.units.base import Units
from harmonium.units.bernoulli import Bernoulli
from harmonium.units.hidden import HIDDEN
from harmonium.units.hidden.base import HiddenUnits
from harmonium.units.space import log2_states

__all__ = [
    "Start",
    "base_bias_of",
    "begin_running",
    "check_learner",
    "fit_energy",
]

#: Of a fit, as its checkpoint tells them: the second where chains lost the model in the first.
_STAGES = ("learning", "firmer")
#: How much faster at most hidden units that are not of 0 and 1 learn.
_FASTER = 4.0


@dataclass(frozen=True)
class Start:
    """Where a fit runs, what its visible units are, which cells of its rows are known, and
    P(y | x) where that is learned too. ``observed`` is bool ``(n, n_variables)``, None: all."""

    device: torch.device
    units: Units
    observed: NDArray[np.bool_] | None = None
    given: Conditional | None = None


def fit_energy(
    wanted: RBMParameters,
    table: Table | States,
    weights: NDArray[np.float64] | None,
    start: Start,
    observers: Sequence[Observer] = (),
) -> tuple[FitResult, RBMEnergy, Clusters | None]:
    """Learn from a checked table; the result's parameters are the best seen. Of rows with
    unknown cells the likelihood of what is known counts. Beside it clusters of these rows."""
    checkpoint, streams = opened(wanted.checkpoint, wanted.random_state)
    rows = source_of(table, start.device, weights, start.observed)
    if checkpoint is not None:
        checkpoint.tie(vars(wanted), rows, streams.seeds)
    n_rows = n_rows_of(rows)
    followed = _followed(wanted, table, weights, start)
    plan = plan_for(wanted, n_rows, followed, holes=rows.holes is not None)
    plan = _paced(wanted, plan, table, weights, start)
    base = initial_bias(table, weights, n_rows, start.units, start.observed)
    hidden = HIDDEN[wanted.hidden](wanted.n_components)
    precision = PRECISIONS[wanted.precision]
    blank = partial(blank_energy, hidden, start.units, base, start.device, precision=precision)
    split = split_of(rows, plan.n_held, streams.split)
    ground = Ground(rows, split, plan, blank, streams.seeds, followed)
    ways: list[Way] = [(wanted, plan)]
    if start.given is None and hidden.separate:
        ways = tried(wanted, ground)
    began = time.perf_counter()
    for stage, (wanted, plan) in _left(ways, "" if checkpoint is None else checkpoint.stage):
        rate = plan.rate * (1.0 - wanted.discriminative)  # of what chains must follow
        may_sum = wanted.learner == "pcd" and hidden.binary
        stiff = may_sum and _is_stiff(table, weights, start, rate)
        plan = plan.after(time.perf_counter() - began)
        run = partial(
            fit,
            observers=observers,
            checkpoint=checkpoint,
            stage=stage,
            verbose=wanted.verbose,
        )
        result, energy = _learned(wanted, replace(ground, plan=plan), start.given, stiff, run)
        if result.reason not in (StopReason.LOST, StopReason.DIVERGED):
            break
    return result, energy, clusters_of(energy, result.parameters, rows, split)


def _left(ways: Sequence[Way], reached: str) -> list[tuple[str, Way]]:
    """Stages of a fit that are still to be done, and how; `reached` is the one that a checkpoint
    was written in, empty for none. Short runs that end with their time may choose otherwise when
    they are made again: a second stage is gone on with all the same."""
    n_done = _STAGES.index(reached) if reached else 0
    return list(zip(_STAGES, ways, strict=False))[n_done:] or [(reached, ways[-1])]


def _learned(
    wanted: RBMParameters,
    ground: Ground,
    given: Conditional | None,
    stiff: bool,
    run: Callable[..., FitResult],
) -> tuple[FitResult, RBMEnergy]:
    """One fit from its start to its end, by `run`."""
    rows, split, plan = ground.rows, ground.split, ground.plan
    streams = Streams.of(ground.seeds)
    energy = ground.blank(streams.noise)
    generator = generator_for(energy.device, streams.noise)
    n_kept = ground.n_kept
    prior = prior_for(wanted, energy, n_kept)
    ascent = ascent_of(wanted, energy, prior, n_kept)
    exact = is_summed(energy)
    watching: Watching = partial(Likelihood, energy, exact=exact, near=NEAR)
    learner: Learner
    if stiff:
        plan = careful_plan(plan, wanted.n_chains == "auto")
        shown = rows_to_sum(rows, split, streams.noise, lambda n: energy.base_sample(n, generator))
        began = time.perf_counter()
        summed = begin_summed(energy, ascent.metric, shown, prior, plan, generator)
        plan = plan.after(time.perf_counter() - began)
        learner = weighted_chains(summed, energy.n_hidden, plan, generator)
        watching = SummedWatching(energy, summed, exact)
    else:
        learner, plan = _begun(wanted, energy, (rows, split, plan), streams, generator)
    if given is not None:
        learner = Hybrid(learner, given, wanted.discriminative)
        watching = HybridWatching(watching, energy, given, wanted.discriminative)
    parts = (ascent, learner, rows, split, plan)
    result = run(
        *parts,
        streams=streams,
        generator=generator,
        watching=watching,
        beside={"updates": energy.updates},
    )
    result.held = split.unseen
    return result, energy


def _begun(
    wanted: RBMParameters,
    energy: RBMEnergy,
    parts: tuple[RowSource, Split, Plan],
    streams: Streams,
    generator: Generator,
) -> tuple[Learner, Plan]:
    """The learner, the energy having moved to a start that suits it, and the plan for the time
    that is left."""
    rows, split, plan = parts
    began = time.perf_counter()
    if not energy.hidden.separate and is_summed(energy):
        x = rows_to_sum(
            rows, split, streams.noise, lambda n: energy.base_sample(n, generator), MOST_ROWS
        )
        n_judges = min(len(split.held), len(x) // 2)
        begin_mixture(energy, x[n_judges:], x[:n_judges], streams.noise)
        # The model's expectation is a sum of no more terms than there would be chains.
        learner = LEARNERS["exact"].start(energy, plan, generator)
    else:
        learner = LEARNERS[wanted.learner].start(energy, plan, generator)
        if _paired(wanted, energy, rows, split, streams.seeds[3]):
            learner.begin_again(energy, rows.read(split.kept[: plan.n_chains]), generator)
    return learner, plan.after(time.perf_counter() - began)


def _followed(
    wanted: RBMParameters, table: Table | States, weights: NDArray[np.float64] | None, start: Start
) -> float | None:
    """The rate that chains follow, of tables of labels and bins; None where none is looked for."""
    if wanted.learning_rate != "auto" or not is_grouped(start.units):
        return None
    return followed_rate(table, weights, start.units, start.observed)


def _paced(
    wanted: RBMParameters,
    plan: Plan,
    table: Table | States,
    weights: NDArray[np.float64] | None,
    start: Start,
) -> Plan:
    """Hidden units that are not of 0 and 1 learn as fast as chains follow on rows of 0 and 1: these
    have no other start for tables on which they cannot, and gain by it on those on which they can.
    """
    free = wanted.learning_rate == "auto" and isinstance(start.units, Bernoulli)
    if HIDDEN[wanted.hidden].binary or not free:
        return plan
    curvature = stiffness(table, weights, plan.rate, start.observed)
    return replace(plan, rate=plan.rate * min(_FASTER, MOST_STIFFNESS / max(curvature, 1e-9)))


def _paired(
    wanted: RBMParameters, energy: RBMEnergy, rows: RowSource, split: Split, seed: int
) -> bool:
    """Whether the energy now stands at columns coupled by pairs, which few rows may ask for."""
    free = wanted.learner == "pcd" and wanted.weight_decay == "auto" and not wanted.discriminative
    whole = rows.weights is None and rows.holes is None
    n_kept, n_held = len(split.kept), len(split.held)
    if not (free and whole and isinstance(energy.units, Bernoulli) and energy.hidden.binary):
        return False
    sides = (energy.n_variables, energy.n_hidden)
    if not may_pair(n_kept, n_held, sides, wanted.time_limit):
        return False
    return begin_paired(energy, rows.read(split.kept[:]).x, rows.read(split.held).x, seed)


def _is_stiff(
    table: Table | States, weights: NDArray[np.float64] | None, start: Start, rate: float
) -> bool:
    """Whether plain chains could not follow steps of this rate."""
    if not isinstance(start.units, Bernoulli):
        return False
    return stiffness(table, weights, rate, start.observed) > MOST_STIFFNESS


def begin_running(
    wanted: RBMParameters, table: Table | States, start: Start, energy: RBMEnergy | None
) -> RunningFit:
    """A running fit of fresh chains, from `energy` or, for None, from nothing learned."""
    source = random_generator(wanted.random_state)
    if energy is None:
        base = initial_bias(table, None, table.shape[0], start.units)
        hidden = HIDDEN[wanted.hidden](wanted.n_components)
        energy = blank_energy(hidden, start.units, base, start.device, source)
    energy.updates.precision = PRECISIONS[wanted.precision]
    generator = generator_for(start.device, source)
    learner = LEARNERS[wanted.learner].start(energy, plan_for(wanted, table.shape[0]), generator)
    return RunningFit(energy, metric_for(wanted, energy), learner, source, generator)


# -- the first energy -------------------------------------------------------------------------


def check_learner(learner: str, sizes: Sequence[int], hidden: HiddenUnits) -> None:
    """Refuse sums over more states than can be visited at each update. `sizes` are states of each
    visible variable; one of k states is as many units of two as make k."""
    n_visible, n_hidden = log2_states(sizes), log2_states(hidden.sizes)
    if learner == "exact" and min(n_visible, n_hidden) > MAX_EXACT_LEARNING_UNITS:
        raise ValueError(
            f"learner='exact' wants a side of at most {MAX_EXACT_LEARNING_UNITS} units of two "
            f"states, got {n_visible:g} visible and {n_hidden:g} hidden; use learner='pcd'"
        )


def base_bias_of(energy: RBMEnergy) -> NDArray[np.float64]:
    """Where annealing of a model given by its parameters starts: visible biases matched to its
    own mean, from a short run of its chains."""
    generator = random_generator(0)
    source = generator_for(energy.device, generator)
    x = energy.base_sample(100, source)
    # Half of them uniform: biases alone may know one mode of several, and a base that
    # misses a mode is a bad start for annealing and tempering.
    x[::2] = torch.from_numpy(generator.integers(0, 2, x[::2].shape)).to(x)
    mean, _ = mean_marginals(energy, Chains(x), 50, source)
    return torch.logit(mean.mean(0), eps=1e-4).cpu().numpy()
