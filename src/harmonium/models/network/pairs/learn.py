"""Factors of a pairwise network whose pairs are learned from rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from harmonium.models.network.factor import Factor
from harmonium.models.network.names import Name
from harmonium.models.network.pairs.counts import OneHot
from harmonium.models.network.pairs.sparse import sparse_pairs
from harmonium.models.network.pairs.tree import chow_liu, mutual_information

__all__ = ["named_columns", "sparse_factors", "tree_factors"]


def named_columns(
    states: NDArray[np.intp], names: Sequence[Name], called: Mapping[Name, Sequence[Name]]
) -> list[Factor]:
    """A table of ones for each column of `states`: of the states that are `called` something, or
    of those that it shows, 2 at least."""
    if not len(states):
        raise ValueError("X has no rows; wanted at least one")
    factors = []
    for name, highest in zip(names, states.max(axis=0), strict=True):
        own = called.get(name)
        size = max(int(highest) + 1, 2) if own is None else len(own)
        given = None if own is None else {name: own}
        factors.append(Factor([name], np.ones(size), states=given))
    return factors


def tree_factors(names: Sequence[Name], rows: OneHot, n_rows: float) -> list[Factor]:
    """The tree of pairs that fits best and its tables, where one more row is thought to show every
    state of every variable in equal parts: P of each variable, and of each pair of the tree P
    over what it would be if its variables were independent."""
    pairs, starts = rows.pairs(1.0 / (n_rows + 1.0)), rows.starts
    single = np.diag(pairs)
    factors = [
        Factor([name], single[low:high])
        for name, low, high in zip(names, starts[:-1], starts[1:], strict=True)
    ]
    for i, j in chow_liu(mutual_information(pairs, starts)):
        own, other = slice(starts[i], starts[i + 1]), slice(starts[j], starts[j + 1])
        table = pairs[own, other] / np.outer(single[own], single[other])
        factors.append(Factor([names[i], names[j]], table))
    return factors


def sparse_factors(names: Sequence[Name], rows: OneHot, n_rows: float) -> list[Factor]:
    """Tables of ones, to be learned, of each variable and of the pairs that rows speak for."""
    sizes = rows.sizes
    factors = [Factor([name], np.ones(size)) for name, size in zip(names, sizes, strict=True)]
    return factors + [
        Factor([names[i], names[j]], np.ones((sizes[i], sizes[j])))
        for i, j in sparse_pairs(rows, n_rows)
    ]
