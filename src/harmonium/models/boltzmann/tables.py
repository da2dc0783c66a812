"""Parameters as people have them, a number for each state, and as an energy has them.

``fields (n_states,)`` and ``couplings (n_states, n_states)`` go over the states of all variables,
one variable behind another: couplings are symmetric, and zero between states of one variable.
An energy's statistics leave out state 0 of a unit of 0 or 1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate, pairwise
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from harmonium.units.base import Units

__all__ = [
    "Tables",
    "checked_tables",
    "from_statistics",
    "slices",
    "symmetric",
    "to_statistics",
    "zero_sum",
]

Array: TypeAlias = NDArray[Any]


class Tables(NamedTuple):
    """``fields`` and ``couplings`` over all states."""

    fields: Array
    couplings: Array


def slices(sizes: Sequence[int]) -> list[slice]:
    """Where each variable's states are."""
    return [slice(a, b) for a, b in pairwise(accumulate(sizes, initial=0))]


def _places(units: Units) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For each statistic its state, and the state of the same variable that it is measured from;
    -1 for none."""
    state, from_state = [], []
    for own, width in zip(slices(units.sizes), units.widths, strict=True):
        left_out = own.stop - own.start - width  # 1 of a unit of 0 or 1
        state += list(range(own.start + left_out, own.stop))
        from_state += [own.start if left_out else -1] * width
    return np.array(state), np.array(from_state)


def from_statistics(fields: Array, couplings: Array, units: Units) -> Tables:
    """Of an energy's parameters; state 0 of units of 0 or 1 has zeros."""
    n, (state, _) = sum(units.sizes), _places(units)
    if n == len(fields):
        return Tables(fields, couplings)
    own, pairs = np.zeros(n, fields.dtype), np.zeros((n, n), couplings.dtype)
    own[state] = fields
    pairs[np.ix_(state, state)] = couplings
    return Tables(own, pairs)


def to_statistics(tables: Tables, units: Units) -> tuple[Array, Array, float]:
    """Fields and couplings of an energy with these units, and what it leaves out of every log
    weight."""
    fields, couplings = tables
    state, from_state = _places(units)
    measured = np.flatnonzero(from_state >= 0)
    if not len(measured):
        return fields, couplings, 0.0
    first = np.unique(from_state[measured])
    at_first = couplings[:, first].sum(1, dtype=np.float64)
    constant = float(fields[first].sum(dtype=np.float64) + 0.5 * at_first[first].sum())
    whole = fields + at_first
    own = whole[state]
    own[measured] -= whole[from_state[measured]]
    pairs = couplings[state]
    pairs[measured] -= couplings[from_state[measured]]
    found = pairs[:, state]
    found[:, measured] -= pairs[:, from_state[measured]]
    return own.astype(fields.dtype), found, constant


def zero_sum(tables: Tables, sizes: Sequence[int]) -> Tables:
    """The same distribution with fields, and rows and columns of every pair's couplings, that sum
    to zero over the states of a variable (Ekeberg et al. 2013, eq. 7); every log weight moves by
    one constant, and log Z with them."""
    fields, couplings = tables.fields.astype(np.float64), tables.couplings.copy()
    n = len(sizes)
    counts = np.asarray(sizes, dtype=np.float64)
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64)
    owner = np.repeat(np.arange(n), sizes)
    # Means over the second variable's states, (n_states, n); over both, (n, n).
    rows = np.add.reduceat(couplings, starts, axis=1, dtype=np.float64) / counts
    both = np.add.reduceat(rows, starts, axis=0) / counts[:, None]
    for own in slices(sizes):  # a stretch of rows at a time bounds memory
        i = owner[own.start]
        change = rows[own][:, owner] + rows[:, i] - both[i][owner]
        couplings[own] -= change.astype(couplings.dtype)
    fields += rows.sum(1) - both.sum(1)[owner]
    fields -= (np.add.reduceat(fields, starts) / counts)[owner]
    return Tables(fields.astype(tables.fields.dtype), symmetric(couplings))


def symmetric(couplings: Array) -> Array:
    """Both halves the same to the last bit."""
    return (couplings + couplings.T) * couplings.dtype.type(0.5)


def checked_tables(fields: Any, couplings: Any) -> tuple[tuple[int, ...], Tables, list[Any]]:
    """States of each variable, tables and coupled pairs (i < j) of what a user gives."""
    try:
        own = [np.asarray(one, dtype=np.float64) for one in fields]
    except (TypeError, ValueError):
        raise ValueError("fields must be a list of arrays, a number for each state") from None
    if not own or any(one.ndim != 1 or len(one) < 1 for one in own):
        raise ValueError("fields must have an array (n_states,) for each of one or more variables")
    sizes = tuple(map(len, own))
    where, n = slices(sizes), len(own)
    whole = np.zeros((sum(sizes),) * 2)
    given = couplings if isinstance(couplings, Mapping) else _pairs_of(couplings, sizes)
    edges = []
    for pair, value in given.items():
        i, j = _pair(pair, n)
        table = np.asarray(value, dtype=np.float64)
        if table.shape != (sizes[i], sizes[j]):
            raise ValueError(
                f"couplings[{i}, {j}] has shape {table.shape}, wanted {(sizes[i], sizes[j])}"
            )
        low, high = (i, j) if i < j else (j, i)
        if (low, high) in edges:
            raise ValueError(f"couplings of the variables {low} and {high} are given twice")
        edges.append((low, high))
        whole[where[i], where[j]], whole[where[j], where[i]] = table, table.T
    flat = np.concatenate(own)
    for name, array in (("fields", flat), ("couplings", whole)):
        if not np.isfinite(array).all():
            raise ValueError(f"{name} must be finite numbers")
    return sizes, Tables(flat, whole), edges


def _pairs_of(couplings: Any, sizes: Sequence[int]) -> dict[tuple[int, int], Array]:
    """Of an array ``(V, V, k, k)``, symmetric, zero on its diagonal."""
    array, n = np.asarray(couplings, dtype=np.float64), len(sizes)
    wanted = (n, n, max(sizes), max(sizes))
    if len(set(sizes)) > 1 or array.shape != wanted:
        raise ValueError(
            f"couplings must be {{(i, j): table}} or, where all have k states, an array "
            f"{wanted}, got shape {array.shape}"
        )
    if not np.allclose(array, array.transpose(1, 0, 3, 2), equal_nan=True):
        raise ValueError("couplings must be symmetric: [i, j, a, b] is [j, i, b, a]")
    if array[np.arange(n), np.arange(n)].any():
        raise ValueError("couplings[i, i] must be zero: no variable is coupled to itself")
    return {(i, j): array[i, j] for i in range(n) for j in range(i + 1, n)}


def _pair(pair: Any, n: int) -> tuple[int, int]:
    try:
        i, j = (int(one) for one in pair)
    except (TypeError, ValueError):
        raise ValueError(f"couplings: keys are pairs of variables, got {pair!r}") from None
    if not (0 <= i < n and 0 <= j < n) or i == j:
        raise ValueError(f"couplings: {pair!r} is no pair of two of the {n} variables")
    return i, j
