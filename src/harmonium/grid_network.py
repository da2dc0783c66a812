"""A grid model as a Markov network: each potential written out as a factor's table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harmonium.grid_energy import GridEnergy

if TYPE_CHECKING:
    from harmonium.network import MarkovNetwork

__all__ = ["grid_network"]

#: Entries of one factor's table.
_MAX_ENTRIES = 2**20


def grid_network(energy: GridEnergy) -> MarkovNetwork:
    """One variable a pixel, named ``"row,column"``; a factor for each pixel and each clique."""
    from harmonium.network import Factor, MarkovNetwork

    n_levels = energy.n_states
    largest = max((np.count_nonzero(k) for k in energy.cliques.filters), default=1)
    if float(n_levels) ** largest > _MAX_ENTRIES:
        raise ValueError(
            f"n_levels={n_levels}: a clique of {largest} pixels would need a table of "
            f"{n_levels}**{largest} entries, wanted at most {_MAX_ENTRIES}"
        )
    height, width = energy.shape
    bias = energy.bias().double().expand(energy.n_variables, -1).numpy()
    tables = energy.tables().double().numpy()
    factors = [
        Factor([f"{y},{x}"], np.exp(bias[y * width + x]))
        for y in range(height)
        for x in range(width)
    ]
    for index, kernel in enumerate(energy.cliques.filters):
        taps = np.argwhere(kernel)
        zero = int(energy.cliques.offsets[index]) + energy.cliques.radii[index]
        levels = np.meshgrid(*[np.arange(n_levels)] * len(taps), indexing="ij")
        weights = [int(kernel[dy, dx]) for dy, dx in taps]
        response = np.sum([w * k for w, k in zip(weights, levels, strict=True)], axis=0)
        table = np.exp(tables[zero + response])
        for top in range(height - kernel.shape[0] + 1):
            for left in range(width - kernel.shape[1] + 1):
                factors.append(Factor([f"{top + dy},{left + dx}" for dy, dx in taps], table))
    return MarkovNetwork(factors)
