"""Sums by importance sampling from what stands near known rows: log Z, and log P of such rows.

q(v) = mean over rows g of P(v | h_g), h_g a draw given row g: a mixture of independent units, one
part a row, whatever the draws were. Z is the mean of P~(v) / q(v) over draws from q. It holds
every mode of the rows, those too that no chain from a base finds; modes of the model far from
all of them it misses, and annealing is there for those. Both fall short of Z where they err, so
the higher one is the nearer.

Of one row of which some cells are unknown, the same with draws of h given what is known, and with
the unknown cells alone, weighs what is known of it.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from harmonium.compute.random import generator_for, systematic_resampling
from harmonium.contract.energy import Chains, Energy, Evidence, Generator
from harmonium.contract.estimates import Bound, LogZ, Status
from harmonium.learning.rows import Batch
from harmonium.learning.watch import Near
from harmonium.models.rbm.energy import RBMEnergy
from harmonium.sampling.annealing import MIN_EFFECTIVE_CHAINS, log_mean_exp
from harmonium.sampling.completions import are_few
from harmonium.sampling.seen import log_mean_exp_of_rows, log_weight_seen

__all__ = ["NEAR", "filled", "log_partition_near", "log_weight_near"]

#: Rows that are parts of the mixture, at least and at most, and products of numbers: some tenths
#: of a second; and sweeps that fill what is not known of rows.
_FEWEST_ROWS, _MOST_ROWS, _MOST_PRODUCTS, _N_SWEEPS = 20, 1000, 2**32, 3
#: Below any probability that a draw may have.
_LEAST = 1e-35
#: Sweeps that bring draws near one row; one in so many must count; numbers of a block of rows.
_N_SWEEPS_A_ROW, _ONE_IN, _BLOCK_ELEMENTS = 5, 8, 2**22


def log_partition_near(energy: Energy, rows: Batch, n_draws: int) -> LogZ:
    """log Z from `n_draws` draws near the rows; the same draws' numbers at every call.

    Costs ``n_draws * n_rows`` products of as many numbers as visible units have statistics, of at
    most 1,000 rows, of wide ones fewer.
    """
    assert isinstance(energy, RBMEnergy)
    numbers = np.random.Generator(np.random.SFC64(0))
    generator = generator_for(energy.device, numbers)
    n_rows = _MOST_PRODUCTS // (n_draws * energy.units.n_statistics)
    n_rows = min(max(n_rows, _FEWEST_ROWS), _MOST_ROWS)
    observed = None if rows.observed is None else rows.observed[:n_rows]
    x = filled(energy, Batch(rows.x[:n_rows], observed=observed), generator)
    inputs = energy.visible_logits(energy.draw_hidden(x, generator))
    norms = _log_partitions(energy, inputs)
    part = systematic_resampling(np.full(len(x), 1.0 / len(x)), n_draws, generator)
    v = energy.units.sample(inputs[torch.from_numpy(part).to(inputs.device)], generator)
    score = energy.units.statistics(v) @ inputs.T
    log_q = torch.logsumexp(score.double() - norms, 1) - np.log(len(x))
    weights = energy.log_weight(v) - energy.units.log_weight(v) - log_q
    value, error, effective = log_mean_exp(weights.cpu().numpy())
    few = effective < MIN_EFFECTIVE_CHAINS
    status = Status.FEW_EFFECTIVE_CHAINS if few else Status.OK
    return LogZ(value, error, "near_rows", Bound.LOWER, status, effective, n_draws, 1)


def log_weight_near(
    energy: Energy, x: Tensor, free: Tensor, n_draws: int, generator: Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """log of the sum over each row's `free` cells, bool ``(n, n_variables)``, of
    exp(log_weight(x)), its standard error, both float64 ``(n,)``, and whether draws told it.

    Rows with at most `n_draws` joint states of what is free are summed exactly. Where fewer than
    one in eight of the draws count, as where hundreds of cells are free, they tell nothing.
    Costs six sweeps a draw and ``n_draws**2`` products of as many numbers as cells have states.
    """
    assert isinstance(energy, RBMEnergy)
    value = torch.zeros(len(x), dtype=torch.float64, device=x.device)
    error, told = torch.zeros_like(value), torch.ones_like(value, dtype=torch.bool)
    few = are_few(free, energy.sizes, n_draws)
    index = few.nonzero().reshape(-1)
    if len(index):
        value[index], _ = log_weight_seen(energy, x[index], Evidence(free[index]), generator)
    wide = energy.n_variables * max(energy.sizes)
    step = max(1, _BLOCK_ELEMENTS // (n_draws * max(wide, n_draws)))
    left = (~few).nonzero().reshape(-1)
    for rows in torch.split(left, step) if len(left) else ():
        log_weights = _near_one(energy, x[rows], free[rows], n_draws, generator)
        value[rows], error[rows] = log_mean_exp_of_rows(log_weights)
        share = torch.softmax(log_weights, 1)
        told[rows] = share.square().sum(1) * n_draws <= _ONE_IN
    return value, error, told


def _near_one(
    energy: RBMEnergy, x: Tensor, free: Tensor, n_draws: int, generator: Generator
) -> Tensor:
    """Log weights ``(n, n_draws)`` of draws of what is free, each from the mean over all of a
    row's draws of P(v | h)."""
    n, most = len(x), max(energy.sizes)
    many = torch.arange(n, device=x.device).repeat_interleave(n_draws)
    x, free = x[many], free[many]
    evidence = Evidence(free)
    chains = Chains(energy.base_given(x, evidence, generator)[0])
    for _ in range(_N_SWEEPS_A_ROW):
        chains = energy.sweep(chains, generator, evidence=evidence)
    inputs = energy.visible_logits(energy.draw_hidden(chains.x, generator))
    log_p = torch.log(energy.units.probabilities(inputs, most).clamp(min=_LEAST))
    log_p = torch.where(free.unsqueeze(2), log_p, 0.0)
    v = torch.where(free, energy.units.sample(inputs, generator), x)  # which may overwrite inputs
    state = torch.nn.functional.one_hot(v.long(), most).to(log_p)
    each = torch.bmm(state.reshape(n, n_draws, -1), log_p.reshape(n, n_draws, -1).mT)
    log_q = torch.logsumexp(each.double(), 2) - np.log(n_draws)
    return energy.log_weight(v).reshape(n, n_draws) - log_q


#: What a watch takes of draws near rows.
NEAR = Near(log_partition_near, log_weight_near)


def filled(energy: RBMEnergy, rows: Batch, generator: Generator) -> Tensor:
    """The rows, what is not known of them drawn by three sweeps; ``(n, n_variables)``."""
    if rows.observed is None:
        return rows.x
    evidence = Evidence(~rows.observed)
    chains = Chains(energy.base_given(rows.x, evidence, generator)[0])
    for _ in range(_N_SWEEPS):
        chains = energy.sweep(chains, generator, evidence=evidence)
    return chains.x


def _log_partitions(energy: RBMEnergy, inputs: Tensor) -> Tensor:
    """Of each part's independent units, float64."""
    return energy.units.log_partition(inputs.double())
