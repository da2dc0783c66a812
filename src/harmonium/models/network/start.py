"""Learning the tables of a network: L-BFGS on the exact likelihood, or persistent chains."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

from harmonium.compute.random import generator_for, random_generator
from harmonium.contract.stopping import StopReason
from harmonium.contract.warning import warn_caller
from harmonium.learning.ascent import Ascent, Gaussian
from harmonium.learning.checkpoint import Checkpoint, opened
from harmonium.learning.climb import Climb, ClimbPlan, ExactLikelihood
from harmonium.learning.fit import RunningFit, climbed, fit, watch_of
from harmonium.learning.learners import LEARNERS
from harmonium.learning.plan import Plan, Streams, Wanted, n_held_of
from harmonium.learning.record import FitResult, Record
from harmonium.learning.rows import Split, n_rows_of
from harmonium.learning.sources import Memory
from harmonium.learning.watch import Likelihood
from harmonium.models.network.energy import FactorEnergy
from harmonium.models.network.exact.engine import States
from harmonium.models.network.factor import Factor
from harmonium.models.network.metric import Masked
from harmonium.models.network.pairs.counts import OneHot
from harmonium.models.network.pairs.learn import sparse_factors, tree_factors
from harmonium.models.network.structure import Structure

__all__ = ["FittedTables", "TableParameters", "fit_tables", "go_on"]

_N_CHAINS = 256
_BATCH = 256
UPDATES_AN_ITERATION = 100
#: Start of the learning rate of sampled learning, for one variable; see :func:`_plan`.
_RATE = 0.5
#: Rows that tell well enough which parameters are best.
_MOST_HELD = 2000


@dataclass(frozen=True)
class TableParameters(Wanted):
    """What the fit of tables reads of the model's parameters, checked; named as they are."""

    learner: str
    weight_decay: float
    max_iter: int
    tol: float


@dataclass(frozen=True)
class FittedTables:
    """Learned factors, the iterations that they took, and what was seen on the way."""

    factors: list[Factor]
    n_iter: int
    result: FitResult


def fit_tables(
    wanted: TableParameters,
    network: Structure,
    states: States,
    weights: NDArray[np.float64] | None,
    device: torch.device,
) -> FittedTables:
    """Maximum likelihood for rows of states, as `wanted`."""
    checkpoint, streams = opened(wanted.checkpoint, wanted.random_state)
    rows = _rows(network, states, weights, device)
    if checkpoint is not None:
        settings = {**vars(wanted), "tables": [t.tobytes() for t in network.exact.log_tables]}
        checkpoint.tie(settings, rows, streams.seeds)
    plan = _plan(wanted, network, n_rows_of(rows))
    split = Split.drawn(rows, plan.n_held, streams.split)
    learn = _sampled if _is_sampled(wanted, network) else _exact
    found = learn(wanted, network, rows, split, plan, streams, checkpoint)
    found.result.held = split.unseen
    return found


def fit_pairs(
    tree: bool,
    wanted: TableParameters,
    network: Structure,
    states: States,
    weights: NDArray[np.float64] | None,
    device: torch.device,
) -> FittedTables:
    """Tables of pairs that are learned too, of the variables of `network`: of a `tree`, whose
    tables are known without a climb unless `wanted` has a weight decay, or of few pairs."""
    rows = OneHot.of(states, weights, network.exact.sizes)
    n_rows = float(len(states) if weights is None else weights.sum())
    learn = tree_factors if tree else sparse_factors
    factors = [
        Factor(
            factor.variables,
            factor.log_table,
            log=True,
            states=network.called(factor.variables),
        )
        for factor in learn(network.names, rows, n_rows)
    ]
    if tree and not wanted.weight_decay:
        return FittedTables(factors, 0, FitResult({}, 0, StopReason.DONE, {}))
    if not wanted.weight_decay:
        wanted = replace(wanted, weight_decay=1.0 / n_rows)
    found = Structure(factors, network.exact.max_memory)
    return fit_tables(wanted, found, states, weights, device)


def _is_sampled(wanted: TableParameters, network: Structure) -> bool:
    return wanted.learner == "pcd" or (wanted.learner == "auto" and not network.fits())


def _rows(
    network: Structure, states: States, weights: NDArray[np.float64] | None, device: torch.device
) -> Memory:
    if not len(states):
        raise ValueError("X has no rows; wanted at least one")
    forbidden = np.isneginf(network.log_weight(states))
    if weights is not None:
        forbidden &= weights > 0.0
    if forbidden.any():
        row = int(np.argmax(forbidden))
        raise ValueError(
            f"X[{row}] is a state that a zero in a factor's table forbids; fit keeps zeros"
        )
    return Memory(states, device, weights)


def _plan(wanted: TableParameters, network: Structure, n_rows: int) -> Plan:
    """Tables over the same variable move it together, so the rate is divided by the square root
    of the largest number of them that one variable is in."""
    degree = np.zeros(len(network.names))
    for scope in network.exact.scopes:
        degree[list(scope)] += 1
    n_held = n_held_of(wanted.validation_fraction, n_rows, _MOST_HELD)
    return Plan(
        n_updates=wanted.max_iter * UPDATES_AN_ITERATION,
        batch_size=min(_BATCH, n_rows - n_held),
        rate=_RATE * math.sqrt(1.0 / max(degree.max(), 1.0)),
        n_chains=_N_CHAINS,
        n_held=n_held,
        time_limit=wanted.time_limit,
    )


def _prior(wanted: TableParameters, energy: FactorEnergy) -> Gaussian:
    if not wanted.weight_decay:
        return Gaussian()
    return Gaussian({"tables": (~energy.forbidden).to(energy.dtype) * wanted.weight_decay})


def _factors(network: Structure, energy: FactorEnergy) -> list[Factor]:
    """Learned tables as factors, each shifted to a largest entry of 1."""
    return [
        Factor(factor.variables, table - table.max(), log=True, states=factor.states)
        for factor, table in zip(network.factors, energy.log_tables(), strict=True)
    ]


def _exact(
    wanted: TableParameters,
    network: Structure,
    rows: Memory,
    split: Split,
    plan: Plan,
    streams: Streams,
    checkpoint: Checkpoint | None,
) -> FittedTables:
    """L-BFGS on the mean log-likelihood: concave in the log tables, with exact gradient.

    d log-likelihood / d log table entry = its share of the rows - its probability.
    """
    energy = FactorEnergy(network.exact, torch.float64, rows.device)
    kept = rows.pick(split.kept, split.kept_weights)
    moments = energy.moments(kept.x, kept.shares(torch.float64))
    scales = {"tables": torch.where(energy.forbidden, 0.0, 1.0).double()}
    watch = watch_of(rows, split, plan, partial(Likelihood, energy, exact=True), streams)
    record = Record(energy.parameters(), watch)
    climb = Climb(
        energy,
        ExactLikelihood(moments),
        _prior(wanted, energy),
        scales,
        ClimbPlan(wanted.max_iter, wanted.tol, time_limit=wanted.time_limit),
        record,
    )
    result = climbed(climb, "climb", checkpoint=checkpoint, verbose=wanted.verbose)
    with torch.no_grad():
        slack = climb.slack()
    if watch is None and result.reason is StopReason.MAX_ITER and slack <= wanted.tol:
        result = replace(result, reason=StopReason.DONE)
    if result.reason is StopReason.MAX_ITER:
        warn_caller(
            f"fit stopped with expected counts off by {slack:.2g} a row, tol={wanted.tol:g}, "
            f"after {result.n_updates} iterations; combinations that no row shows have no finite "
            "best entry, weight_decay gives them one",
            ConvergenceWarning,
        )
    return FittedTables(_factors(network, energy), result.n_updates, result)


def _sampled(
    wanted: TableParameters,
    network: Structure,
    rows: Memory,
    split: Split,
    plan: Plan,
    streams: Streams,
    checkpoint: Checkpoint | None,
) -> FittedTables:
    """Stochastic gradient ascent with persistent chains (Younes 1999)."""
    energy = FactorEnergy(network.exact, torch.float32, rows.device)
    generator = generator_for(energy.device, streams.noise)
    result = fit(
        Ascent(energy, _prior(wanted, energy), Masked(energy.forbidden)),
        LEARNERS["pcd"].start(energy, plan, generator),
        rows,
        split,
        plan,
        streams=streams,
        generator=generator,
        watching=partial(Likelihood, energy, exact=network.fits()),
        checkpoint=checkpoint,
        verbose=wanted.verbose,
    )
    energy.set_parameters(result.parameters)
    return FittedTables(_factors(network, energy), result.n_updates // UPDATES_AN_ITERATION, result)


def go_on(
    wanted: TableParameters,
    network: Structure,
    states: States,
    weights: NDArray[np.float64] | None,
    running: RunningFit | None,
    device: torch.device,
) -> tuple[list[Factor], RunningFit, int]:
    """A pass over rows from the tables of `network`: factors, what to go on from, updates."""
    rows = _rows(network, states, weights, device)
    wanted = replace(wanted, validation_fraction=0.0)
    plan = _plan(wanted, network, n_rows_of(rows))
    learner = "pcd" if _is_sampled(wanted, network) else "exact"
    energy = FactorEnergy(network.exact, torch.float32, device)
    if running is None or not running.is_of(learner):
        source = random_generator(wanted.random_state)
        generator = generator_for(device, source)
        running = RunningFit(
            energy,
            Masked(energy.forbidden),
            LEARNERS[learner].start(energy, plan, generator),
            source,
            generator,
        )
    else:
        running.energy.set_parameters(energy.parameters())
    n_updates = running.learn(rows, plan, _prior(wanted, energy))
    energy.set_parameters(running.energy.parameters())
    return _factors(network, energy), running, n_updates
