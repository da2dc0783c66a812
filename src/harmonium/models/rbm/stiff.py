"""How the fit of a strongly correlated table starts: at a model summed exactly, with its chains.

Hidden units beyond the summed ones begin with weights so small that they move no chain's log
weight by more than a fraction of a nat.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from harmonium.compute import draws
from harmonium.compute.random import systematic_resampling
from harmonium.compute.threads import one_thread
from harmonium.contract.energy import Energy, Generator, Metric, Parameters
from harmonium.learning.ascent import Gaussian
from harmonium.learning.plan import Plan
from harmonium.learning.rows import Batch, RowSource, Split
from harmonium.learning.sharded import in_random_order
from harmonium.learning.watch import N_PARTICLES, Likelihood
from harmonium.models.rbm.near import NEAR
from harmonium.models.rbm.summed_start import MOST_UNITS, SummedStart, summed_start
from harmonium.models.rbm.weighted import Weighted
from harmonium.sampling.particles import Trajectory

__all__ = [
    "SummedWatching",
    "begin_summed",
    "careful_plan",
    "put",
    "rows_to_sum",
    "weighted_chains",
    "with_idle_units",
]

#: Variance of the log weights that the other hidden units' first weights may cause.
_IDLE_CHANGE = 0.1
#: Chains where the user left their number to us: fewer lose modes of a table that has many.
_N_CHAINS = 200
#: Rows that the summed start is learned from and judged by, of wide tables fewer.
_MOST_ROWS, _FEWEST_ROWS, _MOST_VALUES = 1400, 200, 2**25
#: Logits that it may work out: some ten seconds, or about a tenth of a time limit.
_MOST_WORK, _WORK_A_SECOND = 2e9, 2e7


def with_idle_units(start: SummedStart, n_hidden: int) -> Parameters:
    """The summed start's distribution as an RBM of `n_hidden` units: the others know nothing.

    Its log Z is the start's and log 2 for each of them.
    """
    n_idle = n_hidden - start.n_units
    weights, hidden_bias = start.weights, start.hidden_bias
    return {
        "weights": torch.cat([weights, weights.new_zeros((len(weights), n_idle))], 1),
        "visible_bias": start.visible_bias.clone(),
        "hidden_bias": torch.cat([hidden_bias, hidden_bias.new_zeros(n_idle)]),
    }


def put(start: SummedStart, parameters: Parameters, offsets: tuple[Tensor, Tensor]) -> None:
    """Write the summed start over the first hidden units of fresh `parameters`, and over their
    means in the `offsets` of visible and hidden units; the others' random weights shrink until
    they leave it as it is."""
    weights, q = parameters["weights"], start.n_units
    known = with_idle_units(start, weights.shape[1])
    idle = weights[:, q:]
    if idle.numel():
        # A fair unit of weights w moves log P~(h) by at most w'(p - mean) / 2 on either side.
        largest = math.sqrt(16.0 * _IDLE_CHANGE / idle.numel())
        idle.mul_(min(1.0, largest / max(float(idle.std()), 1e-30)))
    weights[:, :q] = start.weights
    parameters["visible_bias"].copy_(known["visible_bias"] - 0.5 * idle.sum(1))
    parameters["hidden_bias"].copy_(known["hidden_bias"])
    parameters["hidden_bias"][q:] = -(offsets[0] @ idle)
    offsets[1][:q] = start.hidden_mean


def weighted_chains(
    start: SummedStart, n_hidden: int, plan: Plan, generator: Generator
) -> Weighted:
    """Chains with weights that stand for the summed start, other hidden units fair."""
    hidden, log_weights, log_masses = start.draw_hidden(plan.n_chains, generator)
    fair = hidden.new_zeros((plan.n_chains, n_hidden - start.n_units))
    idle = draws.bernoulli(fair, generator) if fair.numel() else fair
    return Weighted(torch.cat([hidden, idle], 1), log_weights, log_masses, plan.n_gibbs)


def careful_plan(plan: Plan, free: bool) -> Plan:
    """With chains enough for a table of many modes, where their number was left `free`."""
    return replace(plan, n_chains=max(plan.n_chains, _N_CHAINS)) if free else plan


def rows_to_sum(
    rows: RowSource,
    split: Split,
    generator: np.random.Generator,
    base_sample: Callable[[int], Tensor],
    most: int = _MOST_ROWS,
) -> Tensor:
    """Rows for the summed start, at random and in random order, ``(n, n_visible)``, at `most` so
    many: each as often as its weight says. What is not known of them is drawn from the base,
    `base_sample`."""
    kept = split.kept
    n_visible = rows.read(kept[:1]).x.shape[1]
    n = min(len(kept), most, max(_FEWEST_ROWS, _MOST_VALUES // n_visible))
    if split.kept_weights is None:
        index = in_random_order(kept, n, generator)
    else:
        index = kept[systematic_resampling(split.kept_weights, n, generator)]
    batch = rows.read(index)
    x = batch.x
    if batch.observed is not None:
        x = torch.where(batch.observed, x, base_sample(n))
    return x[torch.from_numpy(generator.permutation(n)).to(rows.device)]


def begin_summed(
    energy: Energy,
    metric: Metric,
    rows: Tensor,
    prior: Gaussian,
    plan: Plan,
    generator: Generator,
) -> SummedStart:
    """Learn a summed start from the rows and write it into a fresh `energy` and its metric.

    Its work is bounded by the plan's time limit at a fixed speed, so that it does not depend on
    the machine's.
    """
    parameters = energy.parameters()
    bias = parameters["visible_bias"]
    decay = prior.precisions.get("weights", 0.0)
    work = math.inf if plan.time_limit is None else _WORK_A_SECOND * plan.time_limit
    with one_thread(True), torch.no_grad():
        start = summed_start(
            rows,
            bias,
            decay=float(decay),
            generator=generator,
            most_units=min(MOST_UNITS, len(parameters["hidden_bias"])),
            most_work=min(_MOST_WORK, work),
        )
        # Without centring there is no mean to write the hidden units' into.
        unused = torch.zeros_like(parameters["hidden_bias"])
        offsets = (torch.sigmoid(bias), metric.tensors.get("hidden_mean", unused))
        put(start, parameters, offsets)
    return start


@dataclass(frozen=True)
class SummedWatching:
    """Makes a :class:`~harmonium.learning.watch.Likelihood` whose particles start as exact draws
    of the summed start, at its exact log Z, instead of at the base, which may miss modes."""

    energy: Energy
    start: SummedStart
    exact: bool

    def __call__(self, held: Batch, shown: Batch, generator: np.random.Generator) -> Likelihood:
        begin = None if self.exact else self._trajectory
        return Likelihood(
            self.energy,
            held,
            shown,
            generator,
            exact=self.exact,
            begin=begin,
            near=NEAR,
        )

    def _trajectory(self, private: Energy, generator: Generator) -> Trajectory:
        parameters = with_idle_units(self.start, private.parameters()["weights"].shape[1])
        n_idle = len(parameters["hidden_bias"]) - self.start.n_units
        log_z = self.start.log_partition + n_idle * math.log(2.0)
        trajectory = Trajectory(private, N_PARTICLES, generator)
        trajectory.stand_at(parameters, self.start.draw_rows(N_PARTICLES, generator), log_z)
        return trajectory
