"""Exact answers about small grids: log Z by the transfer matrix, and the grid as a network.

The transfer matrix goes a pixel at a time, in raster order along the longer side. What later
cliques still need is the state of the last few pixels, at most the filters' reach; the sum over
everything before is one number for each of their joint states.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

if TYPE_CHECKING:
    from harmonium.models.grid.energy import GridEnergy
    from harmonium.models.network.model import MarkovNetwork

__all__ = ["grid_network", "is_affordable", "log_partition"]

#: Joint states kept at a time, and additions in all, up to which this counts as affordable.
MAX_STATES = 2**20
MAX_WORK = 2**31
#: Entries of one factor's table.
MAX_ENTRIES = 2**20


def _reach(energy: GridEnergy) -> int:
    """How far back, in pixels along the raster, a clique of the newest pixel may reach."""
    short = min(energy.shape)
    reach = 0
    for kernel in _turned(energy):
        if kernel.shape[0] <= max(energy.shape) and kernel.shape[1] <= short:
            taps = np.argwhere(kernel) @ np.array([short, 1])
            reach = max(reach, int(taps.max() - taps.min()))
    return reach


def _turned(energy: GridEnergy) -> list[NDArray[np.int64]]:
    """The filters as the raster sees them: its rows run along the shorter side."""
    tall = energy.shape[0] >= energy.shape[1]
    return [kernel if tall else kernel.T for kernel in energy.cliques.filters]


def is_affordable(energy: GridEnergy) -> bool:
    """Whether :func:`log_partition` would answer."""
    # The joint states of the pixels kept at a time.
    states = float(energy.n_states) ** (_reach(energy) + 1)
    return states <= MAX_STATES and states * energy.n_variables <= MAX_WORK


def log_partition(energy: GridEnergy) -> Tensor | None:
    """log Z as a float64 scalar that knows its gradient; None where not affordable.

    Costs height * width * n_levels ** (reach + 1) for each clique of a pixel; reach is about
    the shorter side times the filters' extent along the longer one.
    """
    if not is_affordable(energy):
        return None
    tables, bias = energy.tables().double(), energy.bias().double()
    n_levels, reach = energy.n_states, _reach(energy)
    rows, columns = max(energy.shape), min(energy.shape)
    tall = energy.shape[0] >= energy.shape[1]
    axes = range(reach + 1)  # axis a holds the pixel that came reach - a pixels ago
    levels = [
        torch.arange(n_levels).reshape([-1 if a == axis else 1 for a in axes]) for axis in axes
    ]
    state = torch.zeros([1] * reach, dtype=torch.float64)
    for row in range(rows):
        for column in range(columns):
            pixel = row * columns + column if tall else column * rows + row
            own = bias[pixel if len(bias) > 1 else 0]
            grown = state.unsqueeze(-1) + own.reshape(levels[-1].shape)
            for index, kernel in enumerate(_turned(energy)):
                position = _closes(kernel, row, column, rows, columns)
                if position is None:
                    continue
                response = torch.tensor(
                    int(energy.cliques.offsets[index]) + energy.cliques.radii[index]
                )
                for dy, dx in np.argwhere(kernel).tolist():
                    there = (position[0] + dy) * columns + position[1] + dx
                    back = row * columns + column - there
                    response = response + int(kernel[dy, dx]) * levels[reach - back]
                grown = grown + tables[response]
            state = torch.logsumexp(grown, 0)
    return torch.logsumexp(state.reshape(-1), 0)


def _closes(
    kernel: NDArray[np.int64], row: int, column: int, rows: int, columns: int
) -> tuple[int, int] | None:
    """Top left of the clique whose last pixel, in raster order, is this one; None if it has no
    room."""
    last_y, last_x = np.argwhere(kernel)[-1].tolist()
    top, left = row - last_y, column - last_x
    fits = 0 <= top <= rows - kernel.shape[0] and 0 <= left <= columns - kernel.shape[1]
    return (top, left) if fits else None


def grid_network(energy: GridEnergy) -> MarkovNetwork:
    """One variable a pixel, named ``"row,column"``; a factor for each pixel and each clique."""
    from harmonium.models.network.factor import Factor
    from harmonium.models.network.model import MarkovNetwork

    n_levels = energy.n_states
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
