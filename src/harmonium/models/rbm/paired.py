"""When a fit of few rows starts at columns coupled by pairs.

Whether the start pays is judged on rows that it has not seen: by how much more likely they are
than under independent columns, with log Z by annealing whose chains must all but all count. Where
they do not (columns that nearly copy each other), training chains would not mix either.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from harmonium.compute.random import generator_for
from harmonium.contract.energy import Energy
from harmonium.models.rbm.pairwise_start import pairwise_start
from harmonium.sampling.annealing import annealed_importance_sampling

__all__ = ["begin_paired", "may_pair"]

#: Rows, columns and held-out rows between which the start was measured.
_MOST_ROWS, _LEAST_COLUMNS, _LEAST_HELD = 5000, 32, 20
#: Rows times the square of the columns: some ten seconds, or about a tenth of a time limit.
_MOST_WORK, _WORK_A_SECOND = 1e8, 1e6
#: Share of the nats of independent columns that the start must save on rows held out; dna saves
#: 0.19, nips 0.04, where random small weights do better.
_LEAST_SAVED = 0.1
#: Annealing that judges it, and the share of its chains that must count: dna 0.87, mushrooms 0.13.
_N_CHAINS, _N_TEMPERATURES, _COUNTED = 100, 1000, 0.5


def may_pair(n_rows: int, n_held: int, sides: tuple[int, int], time_limit: float | None) -> bool:
    """Whether the start is tried for so many rows learned from and held out, so many visible and
    hidden units, and seconds.

    Each coupling takes a hidden unit, so there must be one for every column at least: on digits of
    64 columns the start was worth 0.15 nats with 128 hidden units, and cost 1.2 with 32.
    """
    n_visible, n_hidden = sides
    few = _LEAST_HELD <= n_held and n_rows < _MOST_ROWS and n_visible >= _LEAST_COLUMNS
    most = _MOST_WORK if time_limit is None else min(_MOST_WORK, _WORK_A_SECOND * time_limit)
    return few and n_hidden >= n_visible and n_rows * n_visible**2 <= most


def begin_paired(energy: Energy, kept: Tensor, held: Tensor, seed: int) -> bool:
    """Write the start learned from rows `kept` into a fresh RBM `energy`, if rows `held` say that
    it pays; whether they did. Else the energy is as it was. All randomness is from `seed`."""
    parameters = energy.parameters()
    before = {name: value.clone() for name, value in parameters.items()}
    with torch.no_grad():
        independent = _mean_score(energy, held, energy.base_log_partition(), beta=0.0)
        mean = torch.sigmoid(parameters["visible_bias"])
        _write(parameters, kept, mean)
        log_z, _, _ = annealed_importance_sampling(
            energy,
            n_chains=_N_CHAINS,
            n_temperatures=_N_TEMPERATURES,
            generator=generator_for(energy.device, np.random.default_rng(seed)),
        )
        saved = _mean_score(energy, held, log_z.value) - independent
        counted = log_z.effective_chains >= _COUNTED * _N_CHAINS
        pays = bool(counted and saved >= -_LEAST_SAVED * independent)
        if not pays:
            energy.set_parameters(before)
    return pays


def _mean_score(energy: Energy, rows: Tensor, log_z: float, beta: float = 1.0) -> float:
    return float(energy.log_weight(rows, beta).mean()) - log_z


def _write(parameters: dict[str, Tensor], rows: Tensor, mean: Tensor) -> None:
    """The start over the first hidden units; the others keep their small random weights and
    leave it all but as it is."""
    weights = parameters["weights"]
    start = pairwise_start(rows, parameters["visible_bias"].clone(), weights.shape[1])
    idle = weights[:, start.n_units :]
    weights[:, : start.n_units] = start.weights
    parameters["visible_bias"].copy_(start.visible_bias - 0.5 * idle.sum(1))
    parameters["hidden_bias"][: start.n_units] = start.hidden_bias
    parameters["hidden_bias"][start.n_units :] = -(mean @ idle)
