"""Modes of pairwise grids by minimum cuts: exact for two attracting levels, expansion for more.

An expansion move asks of every pixel at once whether it should change to level alpha (Boykov,
Veksler, Zabih 2001); the best answer is a minimum cut where pair terms are submodular, and
terms that are not are truncated to the nearest that are, a move then being kept only if it
helps. Of two levels, one cut from level 0 to 1 is the whole answer.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harmonium.contract.energy import Evidence
from harmonium.models.grid.energy import GridEnergy

__all__ = ["expand"]

_MAX_ROUNDS = 10
#: Cost of moving a clamped pixel.
_NEVER = 1e9

Costs = NDArray[np.float64]


def expand(energy: GridEnergy, start: Tensor, evidence: Evidence) -> Tensor:
    """A labelling of each row that no expansion improves; for two levels the mode itself, if
    equal neighbours are the likelier ones everywhere (else as good as truncation allows).

    Needs PyMaxflow. Costs about a cut of H * W nodes for each level and round.
    """
    try:
        import maxflow  # noqa: F401
    except ImportError:
        raise ImportError("method='graphcut' needs PyMaxflow; install harmonium[images]") from None
    fixed = np.zeros(tuple(start.shape), bool) if evidence.free is None else ~evidence.free.numpy()
    rows = [
        _expand_row(energy, start[i].long().numpy(), _unary(energy, evidence, i), fixed[i])
        for i in range(len(start))
    ]
    return torch.from_numpy(np.stack(rows)).to(start.dtype)


def _unary(energy: GridEnergy, evidence: Evidence, row: int) -> Costs:
    """Cost of each level of each pixel, ``(V, L)``."""
    cost = -energy.bias().double().expand(energy.n_variables, -1).clone()
    if evidence.readings is not None:
        own = evidence.readings.select(torch.tensor([row]))
        cost -= own.log_likelihood(slice(None), energy.n_states)[0].double()
    return cost.numpy()


def _pairs(energy: GridEnergy) -> list[tuple[NDArray[np.int64], NDArray[np.int64], Costs]]:
    """For each filter its pairs of pixels, and the cost of each absolute difference."""
    tables = energy.tables().double().numpy()
    grid = np.arange(energy.n_variables).reshape(energy.shape)
    found = []
    for index, kernel in enumerate(energy.cliques.filters):
        if any(whole < k for whole, k in zip(energy.shape, kernel.shape, strict=True)):
            continue
        rows, columns = (w - k + 1 for w, k in zip(energy.shape, kernel.shape, strict=True))
        first, second = (
            grid[y : y + rows, x : x + columns].reshape(-1) for y, x in np.argwhere(kernel).tolist()
        )
        zero = int(energy.cliques.offsets[index]) + energy.cliques.radii[index]
        found.append((first, second, -tables[zero : zero + energy.n_states]))
    return found


def _expand_row(
    energy: GridEnergy, start: NDArray[np.int64], unary: Costs, fixed: NDArray[np.bool_]
) -> NDArray[np.int64]:
    pairs = _pairs(energy)

    def cost(x: NDArray[np.int64]) -> float:
        total = float(unary[np.arange(len(x)), x].sum())
        return total + sum(float(t[np.abs(x[p] - x[q])].sum()) for p, q, t in pairs)

    x = start.copy()
    if energy.n_states == 2:
        x[~fixed] = 0
    best = cost(x)
    for _ in range(_MAX_ROUNDS):
        improved = False
        for alpha in range(energy.n_states - 1, -1, -1):
            moved = _move(x, alpha, unary, pairs, fixed)
            value = cost(moved)
            if value < best - 1e-9 * abs(best):
                x, best, improved = moved, value, True
        if not improved:
            break
    return x


def _move(
    x: NDArray[np.int64],
    alpha: int,
    unary: Costs,
    pairs: list[tuple[NDArray[np.int64], NDArray[np.int64], Costs]],
    fixed: NDArray[np.bool_],
) -> NDArray[np.int64]:
    """The best labelling where each pixel keeps its level or takes `alpha`."""
    import maxflow

    n = len(x)
    places = np.arange(n)
    keep, take = unary[places, x].copy(), unary[:, alpha].copy()
    take[fixed & (x != alpha)] += _NEVER
    graph = maxflow.Graph[float](n, sum(len(p) for p, _, _ in pairs))
    nodes = graph.add_nodes(n)
    for p, q, table in pairs:
        both = table[np.abs(x[p] - x[q])]
        first, second = table[np.abs(x[p] - alpha)], table[np.abs(x[q] - alpha)]
        # keep-keep `both`, keep-take `first`, take-keep `second`, take-take table[0]; a cut
        # needs first + second >= both + table[0], else `both` is lowered to what allows it.
        both = np.minimum(both, first + second - table[0])
        np.add.at(keep, p, both)
        np.add.at(take, p, second)
        np.add.at(take, q, table[0] - second)
        # What is left is the cost of p keeping while q takes alpha.
        graph.add_edges(nodes[p], nodes[q], first + second - both - table[0], np.zeros(len(p)))
    low = np.minimum(keep, take)
    # A node on the source side keeps: cutting it from the sink then costs `keep`.
    for node, a, b in zip(nodes.tolist(), take - low, keep - low, strict=True):
        graph.add_tedge(node, a, b)
    graph.maxflow()
    chosen = graph.get_grid_segments(nodes)
    return np.where(chosen, alpha, x)
