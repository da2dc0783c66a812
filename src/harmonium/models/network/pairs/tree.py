"""The tree of pairs that fits rows best."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harmonium.models.network.pairs.counts import Array

__all__ = ["chow_liu", "mutual_information"]


def mutual_information(pairs: Array, starts: NDArray[np.intp]) -> Array:
    """Of every pair of variables, in nats ``(n, n)``, from P of every pair of states."""
    single = np.diag(pairs)
    with np.errstate(divide="ignore", invalid="ignore"):
        each = pairs * (np.log(pairs) - np.log(np.outer(single, single)))
    each[pairs == 0.0] = 0.0
    rows = np.add.reduceat(each, starts[:-1], axis=0)
    return np.asarray(np.add.reduceat(rows, starts[:-1], axis=1))


def chow_liu(information: Array) -> list[tuple[int, int]]:
    """The edges, smaller number first, of the spanning tree whose sum of `information` is largest:
    the maximum-likelihood tree (Chow, Liu 1968; the tree by Prim 1957). Costs n**2 steps."""
    n = len(information)
    inside = np.zeros(n, dtype=bool)
    inside[0] = True
    best, nearest = information[0].copy(), np.zeros(n, dtype=np.intp)
    edges = []
    for _ in range(n - 1):
        v = int(np.argmax(np.where(inside, -np.inf, best)))
        u = int(nearest[v])
        edges.append((min(u, v), max(u, v)))
        inside[v] = True
        closer = information[v] > best
        best[closer], nearest[closer] = information[v][closer], v
    return sorted(edges)
