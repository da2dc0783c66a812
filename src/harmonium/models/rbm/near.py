"""log Z by importance sampling from what stands near known rows.

q(v) = mean over rows g of P(v | h_g), h_g a draw given row g: a mixture of independent units, one
part a row, whatever the draws were. Z is the mean of P~(v) / q(v) over draws from q. It holds
every mode of the rows, those too that no chain from a base finds; modes of the model far from
all of them it misses, and annealing is there for those. Both fall short of Z where they err, so
the higher one is the nearer.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from harmonium.compute.random import generator_for, systematic_resampling
from harmonium.contract.energy import Chains, Energy, Evidence, Generator
from harmonium.contract.estimates import Bound, LogZ, Status
from harmonium.learning.rows import Batch
from harmonium.models.rbm.energy import RBMEnergy
from harmonium.sampling.annealing import MIN_EFFECTIVE_CHAINS, log_mean_exp

__all__ = ["filled", "log_partition_near"]

#: Rows that are parts of the mixture, at least and at most, and products of numbers: some tenths
#: of a second; and sweeps that fill what is not known of rows.
_FEWEST_ROWS, _MOST_ROWS, _MOST_PRODUCTS, _N_SWEEPS = 20, 1000, 2**32, 3


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
