"""The way that chains are led along to draws of an RBM: from what base, over which temperatures.

The base is a mixture: mostly clusters of the rows learned from, so that each of their modes begins
with about its share; beside them clusters that short chains find, so that no other mode begins
empty, and independent units with the mean of the model's own draws, near which most of it is. Where
no rows are known these two are all of it.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from harmonium.compute.random import generator_for
from harmonium.compute.threads import threads_for
from harmonium.models.rbm.clusters import Clusters
from harmonium.models.rbm.energy import RBMEnergy
from harmonium.models.rbm.mixture import MixturePath, RBMBases
from harmonium.sampling.paths import anneal, evened

__all__ = ["measured_way"]

#: Chains that look for the way, and their steps from the clusters, then from both.
_N_SCOUTS, _N_FOUND, _N_MEASURED = 100, 200, 200
#: Weight of the model's own mean beside clusters of rows.
_OWN = 0.1
#: Variance of the log weights that steps are chosen for, and how many at least and at most.
_SPREAD, _FEWEST, _MOST = 0.1, 100, 500
#: From clusters of rows: more bring no more chains that count.
_MOST_FROM_ROWS = 200


def measured_way(
    energy: RBMEnergy, clusters: Clusters | None = None
) -> tuple[MixturePath, NDArray[np.float64]]:
    """The same for the same parameters. Costs 40,000 sweeps of a chain, and 25,500."""
    bases = RBMBases(energy, clusters=clusters)
    generator = generator_for(energy.device, np.random.Generator(np.random.SFC64(0)))
    with threads_for(_N_SCOUTS, energy):
        begun, betas = bases.clustered(generator), np.linspace(0.0, 1.0, _N_FOUND + 1)
        run = anneal(begun, betas, _N_SCOUTS, generator)
        weights = torch.softmax(torch.from_numpy(run.log_weights), 0).to(bases.device)
        own = bases.fitted(run.chains.x, weights, generator)
        weight = 0.5 if clusters is None else _OWN
        path = MixturePath.joined([(own, weight), (begun, 1.0 - weight)])
        betas = evened(betas, run.spread, _N_MEASURED)
        spread = anneal(path, betas, _N_SCOUTS, generator).spread
    # Over n steps the variance falls as 1 / n.
    wanted = _N_MEASURED * float(spread.sum()) / _SPREAD
    most = _MOST if clusters is None else _MOST_FROM_ROWS
    n_steps = int(np.clip(wanted if np.isfinite(wanted) else most, _FEWEST, most))
    return path, evened(betas, spread, n_steps)
