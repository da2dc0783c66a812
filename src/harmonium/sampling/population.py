"""Draws by chains that are weighed on their way from a base to the model: a population.

Chains led in from a base end in each mode as often as they fell into it on the way, which where
they do not mix is not as often as it weighs. The weights of annealed importance sampling (Neal
2001) know how far off that is, and by them chains are copied and dropped (Del Moral, Doucet,
Jasra 2006): each mode that chains came to has its own share, however slowly they mix.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harmonium.compute.random import systematic_resampling, uniform
from harmonium.contract.energy import Energy, Generator
from harmonium.contract.estimates import LogZ
from harmonium.sampling.gibbs import run_chains
from harmonium.sampling.paths import Path, anneal, estimated

__all__ = ["Way", "drawn_along"]

#: A path, and the betas from 0 to 1 that chains are led over.
Way = tuple[Path, NDArray[np.float64]]

#: Chains below which a population has no shares of modes to speak of.
_FEWEST = 100
#: Sweeps at the model afterwards, by which copies part.
_N_APART = 20


def drawn_along(energy: Energy, way: Way, n: int, generator: Generator) -> tuple[Tensor, LogZ]:
    """`n` draws from `energy`, states ``(n, n_variables)``, by as many chains led along a way to
    it; and log Z by these chains, whose status tells where few of them count."""
    path, betas = way
    run = anneal(path, betas, max(n, _FEWEST), generator)
    found = estimated(run, len(betas) - 1)
    weights = torch.softmax(torch.from_numpy(run.log_weights), 0).numpy()
    if not np.isfinite(weights).all():
        weights = np.full(len(weights), 1.0 / len(weights))
    chosen = systematic_resampling(weights, n, generator)
    chosen = chosen[np.argsort(uniform((n,), generator))]  # copies stand side by side
    chains = run.chains.select(torch.from_numpy(chosen).to(run.chains.x.device))
    return run_chains(energy, chains, _N_APART, generator).x, found
