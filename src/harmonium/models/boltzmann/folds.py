"""How strongly couplings are pulled to zero where rows are few: each part of them in turn is told
by what the other parts teach.

Rows held out are too few to say, and a prior that is a guess decides what is learned. Of few joint
states the likelihood is summed and climbed; else some variables are told from all others.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator

import numpy as np
import torch

from harmonium.contract.stopping import StopReason
from harmonium.learning.climb import Climb, ClimbPlan, ExactLikelihood, Objective
from harmonium.learning.record import Record
from harmonium.learning.rows import Split
from harmonium.models.boltzmann.energy import BoltzmannEnergy
from harmonium.models.boltzmann.ground import FLOOR, Ground, Start, awakened, counted, is_summed
from harmonium.models.boltzmann.hidden import Hidden, HiddenLikelihood
from harmonium.models.boltzmann.metric import step_sizes
from harmonium.models.boltzmann.pseudo import held_out_score

__all__ = ["climb_on", "cross_validated"]

#: Parts of the rows, and rows held out below which these are asked.
_N_FOLDS, _FEWEST_HELD = 4, 20
#: Precisions of the prior on couplings that are tried, in rows, the strongest first.
#: Of hidden units fewer: each is learned anew.
_PRECISIONS = (64.0, 16.0, 4.0, 1.0, 0.25, 0.0625)
_PRECISIONS_OF_HIDDEN = (8.0, 1.0, 0.125)
#: Iterations of a climb, and how flat it must be.
_N_ITERATIONS, _TOL = 200, 1e-5
#: Of a time limit.
_SHARE_OF_TIME = 0.1


def cross_validated(ground: Ground, start: Start) -> None:
    """Set the ground's precision to that under which rows left out are most likely, where none is
    given, and rows are few or ``"exact"`` has no chains to try it with."""
    n, n_held = len(ground.split.kept), ground.plan.n_held
    if not isinstance(ground.wanted.weight_decay, str) or not start.whole:
        return
    few = n_held < _FEWEST_HELD and 2 * _N_FOLDS <= n < 10 * _FEWEST_HELD
    exact = ground.wanted.learner == "exact" and n_held >= _FEWEST_HELD
    blank = ground.blank(start)
    summed = is_summed(blank)
    if not (few or (exact and summed)) or (start.n_hidden and not summed):
        return
    folds = list(_folds(ground)) if few else [ground.split]
    energies = [ground.blank(start, torch.float64) for _ in folds]
    began, limit = time.perf_counter(), ground.plan.time_limit
    best, best_score = ground.precision, -math.inf
    for precision in _PRECISIONS_OF_HIDDEN if start.n_hidden else _PRECISIONS:
        score = 0.0
        for fold, energy in zip(folds, energies, strict=True):
            decay = precision / (ground.n_kept * len(fold.kept) / n)
            if summed:
                score += _likelihood(ground, start, energy, fold, decay)
            else:
                score += held_out_score(ground, blank, fold, decay)
            if limit is not None and time.perf_counter() - began > _SHARE_OF_TIME * limit:
                ground.precision = best
                return
        if score <= best_score and not start.n_hidden:
            break
        if score > best_score:
            best, best_score = precision, score
    ground.precision = best


def _folds(ground: Ground) -> Iterator[Split]:
    """Rows learned from, in parts of which each is held out in turn."""
    kept, weights = ground.split.kept[:], ground.split.kept_weights
    source = np.random.Generator(np.random.SFC64(ground.streams.seeds[3] + 2))
    part = source.permutation(len(kept)) % _N_FOLDS
    for k in range(_N_FOLDS):
        held = part == k
        own = (None, None) if weights is None else (weights[~held], weights[held])
        yield Split(kept[~held], kept[held], *own)


def _likelihood(
    ground: Ground, start: Start, energy: BoltzmannEnergy, fold: Split, decay: float
) -> float:
    """Mean log P of the rows that the fold holds out, by the best model of the others; the energy
    is left there, for a weaker pull to go on from."""
    result = climb_on(ground, start, energy, fold, decay, ClimbPlan(_N_ITERATIONS, _TOL)).run()
    if result.reason is StopReason.INTERRUPTED:
        raise KeyboardInterrupt
    held = ground.rows.pick(fold.held, fold.held_weights)
    x, log_z = held.x.double(), energy.exact_log_partition()
    assert log_z is not None
    weights = Hidden(energy, start.n_hidden).log_sum(x) if start.n_hidden else energy.log_weight(x)
    return float(held.shares(torch.float64) @ weights) - log_z


def climb_on(
    ground: Ground,
    start: Start,
    energy: BoltzmannEnergy,
    split: Split,
    decay: float,
    plan: ClimbPlan,
    record: Record | None = None,
) -> Climb:
    """L-BFGS on the mean log-likelihood of the rows that `split` keeps, summed over every state;
    with hidden units from a start of their own, since a strong pull puts them to sleep."""
    objective: Objective
    if start.n_hidden:
        energy.set_parameters(ground.blank(start, torch.float64).parameters())
        awakened(energy, start.n_hidden, np.random.default_rng(ground.streams.seeds[3]))
        kept = ground.rows.pick(split.kept, split.kept_weights)
        objective = HiddenLikelihood(kept.x, kept.shares(torch.float64), start.n_hidden)
    else:
        objective = ExactLikelihood(counted(energy, ground.rows, split))
    sizes = step_sizes(energy.base_mean, energy.mask, max(decay, FLOOR))
    return Climb(
        energy,
        objective,
        ground.ascent(energy, decay).prior,
        {"couplings": sizes.sqrt(), "fields": torch.ones_like(energy.fields)},
        plan,
        Record(energy.parameters(), None) if record is None else record,
    )
