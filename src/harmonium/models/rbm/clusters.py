"""Clusters of the rows that a machine learned from: where chains begin that are led to draws.

Chains that look for modes by themselves find some of many, and hardly how much each weighs. Rows
know: a mixture of products fitted to them holds every mode they are in, with about the share that
a model of them gives it. What the model itself weighs differently, weights of the chains mend.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harmonium.compute.random import generator_for, systematic_resampling
from harmonium.contract.checks import check_arrays
from harmonium.contract.energy import Parameters
from harmonium.learning.rows import RowSource, Split
from harmonium.models.rbm.energy import RBMEnergy
from harmonium.models.rbm.mixture_start import set_parts
from harmonium.models.rbm.near import filled
from harmonium.units.hidden import HIDDEN

__all__ = ["Clusters", "clusters_of"]

#: At most so many clusters, of at least so many rows on average.
_MOST, _ROWS_EACH = 50, 20
#: Rows that tell where they are, and their numbers; rounds of expectation-maximisation, each part
#: beside so many rows of the base.
_MOST_ROWS, _MOST_NUMBERS, _N_ROUNDS, _PRIOR = 5000, 2**24, 15, 1.0
#: Part of the shares that goes to all clusters alike.
_EVEN = 0.2


@dataclass(frozen=True)
class Clusters:
    """Independent units each: ``inputs (n_clusters, n_statistics)``, ``shares (n_clusters,)`` that
    sum to one."""

    inputs: Tensor
    shares: Tensor

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What makes them again."""
        return {
            "cluster_inputs": self.inputs.cpu().numpy(),
            "cluster_shares": self.shares.cpu().numpy(),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], n_statistics: int) -> Self | None:
        """The inverse of :meth:`arrays`; None where there are none, ``ValueError`` for arrays that
        are no clusters."""
        if "cluster_inputs" not in arrays:
            return None
        check_arrays(arrays, {"cluster_inputs": ("float", (None, n_statistics))})
        inputs = arrays["cluster_inputs"]
        check_arrays(arrays, {"cluster_shares": ("float", (len(inputs),))})
        shares = arrays["cluster_shares"]
        sound = len(inputs) and np.isfinite(inputs).all() and (shares > 0).all()
        if not sound or not abs(float(shares.sum()) - 1.0) < 1e-6:
            raise ValueError("cluster_inputs and cluster_shares are no distribution")
        return cls(torch.from_numpy(inputs), torch.from_numpy(shares))


def clusters_of(
    energy: RBMEnergy, parameters: Parameters, rows: RowSource, split: Split
) -> Clusters | None:
    """Of the rows learned from, by expectation-maximisation; what is not known of a row is drawn
    by the energy, which is left at these `parameters`. None for fewer than 40 rows.

    Costs thirty products of at most 5,000 rows with fifty clusters. The same at every call.
    """
    energy.set_parameters(parameters)
    n_rows = min(_MOST_ROWS, _MOST_NUMBERS // energy.units.n_statistics, len(split.kept))
    n_clusters = min(_MOST, n_rows // _ROWS_EACH)
    if n_clusters < 2:
        return None
    numbers = np.random.Generator(np.random.SFC64(0))
    generator = generator_for(energy.device, numbers)
    chosen = np.linspace(0, len(split.kept) - 1, n_rows).astype(np.int64)
    weights = None if split.kept_weights is None else split.kept_weights[chosen]
    batch = rows.pick(split.kept[chosen], weights)
    x = filled(energy, batch, generator)
    if batch.weight is not None:
        counts = batch.shares(torch.float64).cpu().numpy()
        x = x[torch.from_numpy(systematic_resampling(counts, n_rows, generator)).to(x.device)]
    mixture = _blank_mixture(energy, n_clusters)
    first = torch.from_numpy(numbers.choice(n_rows, n_clusters, replace=False)).to(x.device)
    set_parts(mixture, x[first], torch.eye(n_clusters).to(x), _PRIOR)
    for _ in range(_N_ROUNDS):
        set_parts(mixture, x, mixture.hidden_mean(x), _PRIOR)
    inputs = (mixture.weights + mixture.visible_bias.unsqueeze(1)).T.contiguous()
    masses = mixture.hidden_bias.double() + energy.units.log_partition(inputs.double())
    shares = torch.softmax(masses, 0)
    return Clusters(inputs, (1.0 - _EVEN) * shares + _EVEN / n_clusters)


def _blank_mixture(energy: RBMEnergy, n_parts: int) -> RBMEnergy:
    base = energy.base_bias
    hidden = HIDDEN["categorical"](n_parts).to(energy.dtype, energy.device)
    weights, bias = base.new_zeros((len(base), n_parts)), base.new_zeros(n_parts)
    return RBMEnergy(weights, base.clone(), bias, base.clone(), energy.units, hidden)
