"""The energy that a fit begins with: independent columns, and units that know nothing yet."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from harmonium.models.rates import initial_bias
from harmonium.models.rbm.energy import RBMEnergy
from harmonium.units.base import Units
from harmonium.units.hidden.base import HiddenUnits

__all__ = ["blank_energy", "initial_bias"]

#: Standard deviation of the first weights: small enough for a known log Z, enough to part units.
_INITIAL_SCALE = 0.01


def blank_energy(
    hidden: HiddenUnits,
    units: Units,
    base_bias: Tensor,
    device: torch.device,
    generator: np.random.Generator,
) -> RBMEnergy:
    """Independent columns with these biases, and `hidden` units of small random weights."""
    shape = (len(base_bias), hidden.n_units)
    weights = torch.from_numpy(generator.normal(0.0, _INITIAL_SCALE, shape).astype(np.float32))
    bias = base_bias.to(device, torch.float32)
    return RBMEnergy(
        weights.to(device),
        bias.clone(),
        torch.zeros(hidden.n_units, device=device),
        bias.clone(),
        units,
        hidden.to(torch.float32, device),
    )
