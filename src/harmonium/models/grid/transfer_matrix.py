"""Exact log Z of small grids by the transfer matrix.

The transfer matrix goes a pixel at a time, in raster order along the longer side. What later
cliques still need is the state of the last few pixels, at most the filters' reach; the sum over
everything before is one number for each of their joint states.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harmonium.models.grid.cliques import Cliques

__all__ = ["is_affordable", "log_partition"]

#: Joint states kept at a time, and additions in all, up to which this counts as affordable.
MAX_STATES = 2**20
MAX_WORK = 2**31


def _reach(cliques: Cliques, shape: tuple[int, int]) -> int:
    """How far back, in pixels along the raster, a clique of the newest pixel may reach."""
    short = min(shape)
    reach = 0
    for kernel in _turned(cliques, shape):
        if kernel.shape[0] <= max(shape) and kernel.shape[1] <= short:
            taps = np.argwhere(kernel) @ np.array([short, 1])
            reach = max(reach, int(taps.max() - taps.min()))
    return reach


def _turned(cliques: Cliques, shape: tuple[int, int]) -> list[NDArray[np.int64]]:
    """The filters as the raster sees them: its rows run along the shorter side."""
    return [kernel if shape[0] >= shape[1] else kernel.T for kernel in cliques.filters]


def is_affordable(cliques: Cliques, shape: tuple[int, int]) -> bool:
    """Whether :func:`log_partition` would answer."""
    # The joint states of the pixels kept at a time.
    states = float(cliques.n_levels) ** (_reach(cliques, shape) + 1)
    return states <= MAX_STATES and states * shape[0] * shape[1] <= MAX_WORK


def log_partition(
    cliques: Cliques, shape: tuple[int, int], tables: Tensor, bias: Tensor
) -> Tensor | None:
    """log Z as a float64 scalar that knows its gradient; None where not affordable.

    ``tables (R,)`` are the potentials of all filters' responses, ``bias (1 or V, L)`` those of
    levels.

    Costs height * width * n_levels ** (reach + 1) for each clique of a pixel; reach is about
    the shorter side times the filters' extent along the longer one.
    """
    if not is_affordable(cliques, shape):
        return None
    tables, bias = tables.double(), bias.double()
    n_levels, reach = cliques.n_levels, _reach(cliques, shape)
    rows, columns = max(shape), min(shape)
    tall = shape[0] >= shape[1]
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
            for index, kernel in enumerate(_turned(cliques, shape)):
                position = _closes(kernel, row, column, rows, columns)
                if position is None:
                    continue
                response = torch.tensor(int(cliques.offsets[index]) + cliques.radii[index])
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
