"""How strong the prior on the weights of a table is best, and how fast labels alone are learned,
by rows that are held out.

Few rows know little of many levels and labels, and how little differs from table to table: a
short run for each of some strengths says which. Runs differ in nothing else, their random numbers
included.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple, TypeAlias

import numpy as np

from harmonium.compute.random import generator_for
from harmonium.contract.stopping import StopReason
from harmonium.learning.fit import fit
from harmonium.learning.learners import LEARNERS
from harmonium.learning.plan import Plan, Streams
from harmonium.learning.rows import RowSource, Split, n_rows_of
from harmonium.learning.watch import Likelihood
from harmonium.models.rbm.energy import RBMEnergy
from harmonium.models.rbm.near import NEAR
from harmonium.models.rbm.plan import FEW_ROWS, RBMParameters, ascent_of, is_grouped, prior_for
from harmonium.units.base import Units
from harmonium.units.hidden import HIDDEN
from harmonium.units.space import LIMITS

__all__ = ["Ground", "Trial", "Way", "is_summed", "tried"]

#: What a fit is to be made with.
Way: TypeAlias = tuple[RBMParameters, Plan]

#: Precisions for all rows together: of the weights, and of second differences along levels.
_DECAYS = (0.2, 2.0)
_SMOOTHINGS = (3.0, 10.0, 30.0, 100.0)
#: How many times the rate that chains surely follow is tried of labels, and the fastest.
_FASTER, _FASTEST = 4.0, 1.5
#: Updates of a run, as a share of the fit's, at most, and so few that nothing is told by them.
_SHARE, _MOST, _FEWEST = 1 / 5, 3000, 300
#: At most where rows are few: what a strong prior is good for shows late.
_MOST_OF_FEW = 6000
#: Nats by which a stronger prior may be behind in a run that still learned when it ended.
_NEAR = 0.05
#: Looks of a run at itself, which cost as much as many updates.
_N_LOOKS = 8
#: Held-out rows below which their figure is chance.
_FEWEST_HELD = 10
#: Updates of a fit that begins anew with weights held smaller, to those of the first.
_LONGER = 1.5
#: Of a time limit.
_SHARE_OF_TIME = 1 / 30


@dataclass(frozen=True)
class Ground:
    """What every run learns from: rows, how they are split, the whole fit's plan, what makes an
    energy that knows nothing, and the seeds of the fit's random numbers."""

    rows: RowSource
    split: Split
    plan: Plan
    blank: Callable[[np.random.Generator], RBMEnergy]
    seeds: tuple[int, int, int, int]
    #: The rate that chains follow, where it was looked for.
    followed: float | None = None

    @property
    def n_kept(self) -> int:
        """Rows learned from, as often as their weights say."""
        return n_rows_of(self.rows) - self.plan.n_held


def _is_tried(wanted: RBMParameters, plan: Plan, units: Units) -> bool:
    """Whether runs say how strong the prior is, or how fast labels are learned: where that was left
    to us, of tables of labels and bins, in a fit that is long beside them."""
    free = wanted.weight_decay == "auto" or (wanted.smoothing == "auto" and bool(units.runs))
    free = free or _is_paced(wanted, units)
    long = _SHARE * plan.n_updates >= _FEWEST and plan.n_held >= _FEWEST_HELD
    return free and long and is_grouped(units) and wanted.learner in ("pcd", "pt")


def _is_paced(wanted: RBMParameters, units: Units) -> bool:
    """Whether runs say how fast to learn: left to us, of labels alone, as sequences are, before
    hidden units of 0 and 1; others have run away at such rates."""
    told_apart = all(
        size - width < 2 for size, width in zip(units.sizes, units.widths, strict=True)
    )
    labels = told_apart and not units.runs  # normal numbers are told by two statistics
    return wanted.learning_rate == "auto" and labels and HIDDEN[wanted.hidden].binary


def is_summed(energy: RBMEnergy) -> bool:
    """Whether the watch of a fit sums every state at each look."""
    return energy.log2_states() <= math.log2(LIMITS["watch"])


def tried(wanted: RBMParameters, ground: Ground) -> list[Way]:
    """What is wanted, with the strengths that did best, and the plan for the time that is left, at
    the rate that did best; and what is to be done instead if chains lose the model on that way.

    Takes three to six runs of up to 6,000 updates each.
    Ctrl-C ends the fit (``KeyboardInterrupt``): nothing has been learned yet that could be kept.
    """
    units = ground.blank(np.random.default_rng(0)).units
    if not _is_tried(wanted, ground.plan, units):
        return [(wanted, ground.plan)]
    began = time.perf_counter()
    found: dict[tuple[float | str, float | str, float], Trial] = {}

    def trial(decay: float, smoothing: float) -> Trial:
        one = _with(wanted, decay, smoothing, ground.n_kept)
        key = (one.weight_decay, one.smoothing, ground.plan.rate)
        if key not in found:
            found[key] = _trial(one, ground)
        return found[key]

    best, smoothing = _DECAYS[0], _SMOOTHINGS[0]
    if _is_paced(wanted, units):
        slower, slow = ground, trial(best, smoothing).score
        ground = replace(ground, plan=replace(ground.plan, rate=_faster(ground.plan.rate)))
        if not trial(best, smoothing).score > slow:
            ground = slower
    if wanted.smoothing == "auto" and units.runs:
        smoothing = _climbed(lambda one: trial(best, one))
    if wanted.weight_decay == "auto":
        best = max(_DECAYS, key=lambda decay: trial(decay, smoothing).score)
    plan = ground.plan.after(time.perf_counter() - began)
    chosen = _with(wanted, best, smoothing, ground.n_kept)
    if wanted.weight_decay != "auto" or best == max(_DECAYS) or ground.n_kept >= FEW_ROWS:
        return [(chosen, plan)]
    # A short run does not see how far chains follow weights that grow on. Those that are held
    # smaller are followed at the whole rate.
    free = wanted.learning_rate == "auto" and ground.followed is not None
    rate = max(plan.rate, ground.followed or 0.0) if free else plan.rate
    firmer = _with(wanted, max(_DECAYS), smoothing, ground.n_kept)
    n_updates = int((_LONGER if wanted.n_updates == "auto" else 1.0) * plan.n_updates)
    after = replace(plan, rate=rate, n_updates=n_updates)
    return [(chosen, replace(plan, n_setbacks=0)), (firmer, after)]


def _faster(rate: float) -> float:
    return max(rate, min(_FASTER * rate, _FASTEST))


def _climbed(trial: Callable[[float], Trial]) -> float:
    """The strength from which the next one is no better. It need only come near where it still
    learned, since the whole fit learns on."""
    best, (most, _) = _SMOOTHINGS[0], trial(_SMOOTHINGS[0])
    for smoothing in _SMOOTHINGS[1:]:
        stronger = trial(smoothing)
        if stronger.score <= most - stronger.slack:
            break
        best, most = smoothing, max(most, stronger.score)
    return best


def _with(wanted: RBMParameters, decay: float, smoothing: float, n_rows: int) -> RBMParameters:
    """These strengths, a row, where they were left to us."""
    if wanted.weight_decay == "auto":
        wanted = replace(wanted, weight_decay=decay / n_rows)
    if wanted.smoothing == "auto":
        wanted = replace(wanted, smoothing=smoothing / n_rows)
    return wanted


def _n_updates(ground: Ground) -> int:
    most = _MOST_OF_FEW if ground.n_kept < FEW_ROWS else _MOST
    return min(int(_SHARE * ground.plan.n_updates), most)


class Trial(NamedTuple):
    """The held-out figure of a short run, in nats, and by how much a longer one may change it."""

    score: float
    slack: float


def _trial(wanted: RBMParameters, ground: Ground) -> Trial:
    """A short run."""
    streams = Streams.of(ground.seeds)
    limit = ground.plan.time_limit
    n_updates = _n_updates(ground)
    plan = replace(
        ground.plan,
        n_updates=n_updates,
        first_look=n_updates // _N_LOOKS,
        least_gap=n_updates // _N_LOOKS,
        time_limit=None if limit is None else _SHARE_OF_TIME * limit,
    )
    energy = ground.blank(streams.noise)
    generator = generator_for(energy.device, streams.noise)
    n_kept = ground.n_kept
    result = fit(
        ascent_of(wanted, energy, prior_for(wanted, energy, n_kept), n_kept),
        LEARNERS[wanted.learner].start(energy, plan, generator),
        ground.rows,
        ground.split,
        plan,
        streams=streams,
        generator=generator,
        watching=partial(Likelihood, energy, exact=is_summed(energy), near=NEAR),
    )
    if result.reason is StopReason.INTERRUPTED:
        raise KeyboardInterrupt
    failed = result.reason in (StopReason.LOST, StopReason.DIVERGED)
    slack = 0.0 if result.reason is StopReason.OVERFITTING else _NEAR
    return Trial(-math.inf if failed else result.followed[0], slack)
