"""A grid as factor tables: one for each pixel and one for each clique."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harmonium.models.grid.energy import GridEnergy
from harmonium.models.grid.inside import coarse_of

__all__ = ["factor_tables"]

#: Entries of one factor's table.
MAX_ENTRIES = 2**20


def factor_tables(
    energy: GridEnergy, inside: NDArray[np.float64] | None = None
) -> list[tuple[list[str], NDArray[np.float64]]]:
    """The grid as factors: for each pixel and each clique the names of its variables,
    ``"row,column"``, and their table; with log shares ``inside (L,)``, of levels inside those of
    `energy`."""
    n_levels = energy.n_states if inside is None else len(inside)
    of = coarse_of(n_levels, energy.n_states)
    own = np.zeros(n_levels) if inside is None else inside
    largest = max((np.count_nonzero(k) for k in energy.cliques.filters), default=1)
    if float(n_levels) ** largest > MAX_ENTRIES:
        raise ValueError(
            f"n_levels={n_levels}: a clique of {largest} pixels would need a table of "
            f"{n_levels}**{largest} entries, wanted at most {MAX_ENTRIES}"
        )
    height, width = energy.shape
    bias = energy.bias().double().expand(energy.n_variables, -1).numpy()
    tables = energy.tables().double().numpy()
    factors = [
        ([f"{y},{x}"], np.exp(bias[y * width + x][of] + own))
        for y in range(height)
        for x in range(width)
    ]
    for index, kernel in enumerate(energy.cliques.filters):
        taps = np.argwhere(kernel)
        zero = int(energy.cliques.offsets[index]) + energy.cliques.radii[index]
        levels = np.meshgrid(*[of] * len(taps), indexing="ij")
        weights = [int(kernel[dy, dx]) for dy, dx in taps]
        response = np.sum([w * k for w, k in zip(weights, levels, strict=True)], axis=0)
        table = np.exp(tables[zero + response])
        for top in range(height - kernel.shape[0] + 1):
            for left in range(width - kernel.shape[1] + 1):
                factors.append(([f"{top + dy},{left + dx}" for dy, dx in taps], table))
    return factors
