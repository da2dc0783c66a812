"""What is left of a network once some states are known, and zeros have spoken.

A state of a variable that a table's zeros rule out, whatever the table's other variables are, can
never be, which may rule out others in turn (generalised arc consistency, Mackworth 1977).
Variables left with one state leave the tables.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harmonium.models.network.exact.domains import Array

__all__ = ["Narrowed", "narrowed"]


@dataclass(frozen=True)
class Narrowed:
    """A smaller network of the same products.

    Attributes
    ----------
    states : of each old variable, those that are left, rising.
    kept : the old variables that have two or more states left, rising.
    scopes, log_tables : over variables numbered as in `kept`; none of them without a variable.
    constant : log of the product of the tables that have no variable left.
    """

    states: list[NDArray[np.intp]]
    kept: list[int]
    scopes: list[tuple[int, ...]]
    log_tables: list[Array]
    constant: float


def narrowed(
    sizes: Sequence[int],
    scopes: Sequence[tuple[int, ...]],
    log_tables: Sequence[Array],
    known: Mapping[int, int],
) -> Narrowed | None:
    """The network given the states `known`; None where the zeros show that nothing can be.

    Costs the entries of the tables that have zeros, once, and again where they shrink.
    """
    states = [
        np.array([known[v]]) if v in known else np.arange(size) for v, size in enumerate(sizes)
    ]
    zeros = [number for number, table in enumerate(log_tables) if np.isneginf(table).any()]
    if not _ruled_out(states, scopes, log_tables, zeros):
        return None
    kept = [v for v, left in enumerate(states) if len(left) > 1]
    place = {v: i for i, v in enumerate(kept)}
    constant, new_scopes, new_tables = 0.0, [], []
    for scope, table in zip(scopes, log_tables, strict=True):
        table = _cut(table, scope, states)
        new_scope = tuple(place[v] for v in scope if v in place)
        if new_scope:
            new_scopes.append(new_scope)
            new_tables.append(table.reshape([n for n in table.shape if n > 1]))
        else:
            constant += table.item()
    return Narrowed(states, kept, new_scopes, new_tables, constant)


def _cut(table: Array, scope: Sequence[int], states: Sequence[NDArray[np.intp]]) -> Array:
    """`table` at the states that are left; itself where all are."""
    for axis, v in enumerate(scope):
        if len(states[v]) < table.shape[axis]:
            table = np.take(table, states[v], axis=axis)
    return table


def _ruled_out(
    states: list[NDArray[np.intp]],
    scopes: Sequence[tuple[int, ...]],
    log_tables: Sequence[Array],
    zeros: Sequence[int],
) -> bool:
    """Take states that cannot be out of `states`; whether every variable has one left."""
    touching: dict[int, list[int]] = {}
    for number in zeros:
        for v in scopes[number]:
            touching.setdefault(v, []).append(number)
    waiting = dict.fromkeys(zeros)
    while waiting:
        number = next(iter(waiting))
        del waiting[number]
        scope = scopes[number]
        possible = ~np.isneginf(_cut(log_tables[number], scope, states))
        if not possible.any():
            return False
        for axis, v in enumerate(scope):
            others = tuple(a for a in range(len(scope)) if a != axis)
            supported = possible.any(axis=others)
            if not supported.all():
                states[v] = states[v][supported]
                waiting.update(dict.fromkeys(touching[v]))
                waiting.pop(number, None)
    return True
