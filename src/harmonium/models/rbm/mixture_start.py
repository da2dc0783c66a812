"""Where the fit of a mixture starts: at what expectation-maximisation finds.

A machine with one hidden variable is a mixture of products, and steps up its likelihood from
parts that are all alike leave them so for long. EM (Dempster, Laird, Rubin 1977) parts them in a
few rounds, each of which sets every part to the mean of its share of the rows and of some rows of
the base. How many of these, rows held out say.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from harmonium.contract.energy import Parameters
from harmonium.models.rbm.energy import RBMEnergy

__all__ = ["MOST_ROWS", "begin_mixture", "set_parts"]

#: Rows of the base beside those of a part, each tried; rounds at most, and what a round must gain
#: of nats a row to be followed by another.
_PRIORS = (0.3, 1.0, 3.0, 10.0)
_N_ROUNDS, _LEAST_GAIN = 30, 1e-3
#: Rows that tell it enough.
MOST_ROWS = 10_000


def begin_mixture(
    energy: RBMEnergy, x: Tensor, held: Tensor, generator: np.random.Generator
) -> None:
    """Write what rows `x` ``(n, n_variables)`` teach into the parameters, unless rows `held`
    back, where there are any, are less likely for all of it than under the base.

    Costs up to 30 products of rows with the weights, there and back, for each of four priors.
    """
    judged = held if len(held) else x
    best = {name: value.clone() for name, value in energy.parameters().items()}
    most = -math.inf if not len(held) else _mean_log_likelihood(energy, judged)
    chosen = torch.from_numpy(generator.integers(0, len(x), energy.n_hidden)).to(x.device)
    for prior in _PRIORS if len(held) else _PRIORS[2:3]:
        set_parts(energy, x[chosen], torch.eye(energy.n_hidden).to(x), prior)
        before = -math.inf
        for _ in range(_N_ROUNDS):
            set_parts(energy, x, energy.hidden_mean(x), prior)
            now = _mean_log_likelihood(energy, judged)
            if now < before + _LEAST_GAIN:
                break
            before = now
        if now > most:
            most, best = now, {name: v.clone() for name, v in energy.parameters().items()}
    energy.set_parameters(best)


def _mean_log_likelihood(energy: RBMEnergy, x: Tensor) -> float:
    log_z = energy.exact_log_partition()
    assert log_z is not None
    return float(energy.log_weight(x).mean()) - log_z


def set_parts(energy: RBMEnergy, x: Tensor, shares: Tensor, prior: float) -> None:
    """Each part at the mean of rows that belong to it by ``shares (n, n_hidden)``, beside `prior`
    rows of the base."""
    counts = shares.sum(0)
    units, base = energy.units, energy.base_bias
    total = units.outer(x, shares) + prior * energy.base_mean.unsqueeze(1)
    means = (total / (counts + prior)).T
    # Smoothed by the base already: what base_inputs would add is for none.
    inputs = units.base_inputs(means.double(), 1e6)
    log_shares = torch.log((counts + 1.0) / (counts.sum() + len(counts))).double()
    known: Parameters = {
        "weights": (inputs - base.double()).T,
        "visible_bias": base,
        "hidden_bias": log_shares
        + units.log_partition(base.double().unsqueeze(0))
        - units.log_partition(inputs),
    }
    energy.set_parameters(known)
