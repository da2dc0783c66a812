"""The energy that a fit begins with: independent columns, and units that know nothing yet."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from harmonium.models.rates import initial_bias
from harmonium.models.rbm.energy import RBMEnergy
from harmonium.units.base import Units
from harmonium.units.gaussian import NARROW, Gaussian
from harmonium.units.hidden.base import HiddenUnits
from harmonium.units.mixed import Mixed

__all__ = ["blank_energy", "initial_bias"]

#: Standard deviation of the first weights: small enough for a known log Z, enough to part units.
_INITIAL_SCALE = 0.01


def blank_energy(
    hidden: HiddenUnits,
    units: Units,
    base_bias: Tensor,
    device: torch.device,
    generator: np.random.Generator,
    precision: torch.dtype = torch.float32,
) -> RBMEnergy:
    """Independent columns with these biases, and `hidden` units of small random weights, whose
    updates on a device have products of this `precision`.

    Of normal columns, units of 0 and 1 make three quarters of the variance from the start, at
    random: where each column has all of its variance to itself, mixtures of two modes gain by
    nothing that one parameter does alone, and learning stays there.
    """
    shape = (len(base_bias), hidden.n_units)
    weights = torch.from_numpy(generator.normal(0.0, _INITIAL_SCALE, shape).astype(np.float32))
    base = base_bias.to(torch.float32)
    bias = base.clone()
    if hidden.binary:
        _narrow(units, weights, bias, generator)
    energy = RBMEnergy(
        weights.to(device),
        bias.to(device),
        torch.zeros(hidden.n_units, device=device),
        base.clone().to(device),
        units,
        hidden.to(torch.float32, device),
    )
    energy.updates.precision = precision
    return energy


def _narrow(units: Units, weights: Tensor, bias: Tensor, generator: np.random.Generator) -> None:
    """Normal columns of a share of their variance, the rest of which hidden units make, as far as
    these do not couple one another to an order of their own."""
    start, n_hidden = 0, weights.shape[1]
    for part in units.parts if isinstance(units, Mixed) else (units,):
        stop = start + part.n_statistics
        if isinstance(part, Gaussian) and n_hidden:
            width = part.widths[0]
            means, squares = slice(start, stop, width), slice(start + 1, stop, width)
            scale = 4 / NARROW * math.sqrt((1 - NARROW) / max(n_hidden, 4 * part.n_variables))
            drawn = generator.normal(0.0, scale, (part.n_variables, n_hidden))
            weights[means] = torch.from_numpy(drawn.astype(np.float32))
            bias[means] -= 0.5 * weights[means].sum(1)
            bias[squares] += math.sqrt(2.0) * (1.0 - 1.0 / NARROW)
        start = stop
