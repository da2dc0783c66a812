"""log Z by annealing, from the base to the model or back, with a bar and a status."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from harmonium.compute.progress import stage_bar
from harmonium.compute.random import generator_for
from harmonium.contract.energy import Energy
from harmonium.contract.estimates import LogZ
from harmonium.sampling.annealing import (
    annealed_importance_sampling,
    reverse_annealing,
    reverse_summary,
)

__all__ = ["annealed", "annealed_back"]


def annealed(
    energy: Energy,
    n_chains: int,
    n_temperatures: int,
    generator: np.random.Generator,
    verbose: int,
) -> LogZ:
    """Annealed importance sampling from the energy's base."""
    with stage_bar(verbose, "log Z", n_temperatures) as show:
        return annealed_importance_sampling(
            energy,
            n_chains=n_chains,
            n_temperatures=n_temperatures,
            generator=generator_for(energy.device, generator),
            progress=None if show is None else (lambda done, _: show(done, float("nan"))),
        )[0]


def annealed_back(
    energy: Energy,
    rows: NDArray[np.float64],
    n_temperatures: int,
    generator: np.random.Generator,
    verbose: int,
) -> LogZ:
    """Its reverse, from the states `rows` ``(n, n_variables)`` to the base."""
    states = torch.from_numpy(rows).to(energy.device, energy.dtype)
    with stage_bar(verbose, "log Z", n_temperatures) as show:
        bounds = reverse_annealing(
            energy,
            states,
            n_chains=1,
            n_temperatures=n_temperatures,
            generator=generator_for(energy.device, generator),
            progress=None if show is None else (lambda done, _: show(done, float("nan"))),
        )
    each = energy.log_weight(states).cpu().numpy() - bounds
    return reverse_summary(each, n_temperatures)
