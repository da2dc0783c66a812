"""Orders, plans and stretches of a network's questions, each sought once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias, TypeVar

from harmonium.models.network.exact.order import (
    elimination_order,
    ending_with,
    interaction_graph,
)
from harmonium.models.network.exact.plan import Plan, Reach, stretches_in
from harmonium.models.network.exact.plan import plan as make_plan

__all__ = ["Planner"]

_MAX_PLANS = 256
#: What is known, read and kept, and whether all tables have an axis for the row.
_Asked: TypeAlias = tuple[frozenset[int], frozenset[int], tuple[int, ...], bool]

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


class Planner:
    """How to take variables out of tables over `scopes`.

    Parameters
    ----------
    sizes : states of each variable.
    scopes : the variables of each table.
    order : in which to take variables out where nothing is known; None: one is sought.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        scopes: Sequence[tuple[int, ...]],
        order: Sequence[int] | None = None,
    ) -> None:
        self.sizes, self.scopes = tuple(sizes), tuple(scopes)
        #: The number of the variable that tells rows of evidence apart.
        self.row = len(self.sizes)
        self._orders: dict[tuple[frozenset[int], frozenset[int]], list[int]] = {}
        if order is not None:
            self._orders[frozenset(), frozenset()] = list(order)
        self._plans: dict[_Asked, Plan] = {}
        #: Where the stretches of plans begin, by what they were to fit.
        self._starts: dict[tuple[_Asked, int, Reach, float], tuple[int, ...]] = {}

    def plan(
        self,
        known: frozenset[int],
        read: frozenset[int],
        keep: tuple[int, ...],
        n_rows: int,
        reach: Reach,
        max_memory: float,
    ) -> tuple[Plan, tuple[int, ...]]:
        """The plan, and where its stretches begin for all to fit `max_memory` GiB.

        To come down again every table has an axis for the row: what a row knows reaches all of
        the network on the way back. :class:`TooWideError` where nothing fits.
        """
        key = (known, read, keep, reach == "down" and bool(known or read))
        found = self._plans.get(key)
        if found is None:
            rows = (self.row,) if known or read else ()
            scopes = self._reduced_scopes(known, read, key[3])
            found = make_plan(scopes, self.order(known, keep), (*keep, *rows))
            _remember(self._plans, key, found)
        asked = (key, n_rows, reach, max_memory)
        starts = self._starts.get(asked)
        if starts is None:
            n_beside = int(bool(known or read))
            starts = stretches_in(found, (*self.sizes, n_rows), max_memory, reach, n_beside)
            _remember(self._starts, asked, starts)
        return found, starts

    def order(self, known: frozenset[int] = frozenset(), keep: tuple[int, ...] = ()) -> list[int]:
        """In which to take out all but `known` and `keep`; sought once."""
        key = (known, frozenset(keep))
        if key not in self._orders:
            free = [v for v in range(len(self.sizes)) if v not in known]
            place = {v: i for i, v in enumerate(free)}
            scopes = [[place[v] for v in s if v in place] for s in self.scopes]
            kept = [place[v] for v in keep]
            graph = interaction_graph(len(free), [*scopes, kept])
            if keep:
                whole = [place[v] for v in self.order(known)]
                order = ending_with(graph, whole, kept)
            else:
                order = elimination_order(graph, [self.sizes[v] for v in free])
            _remember(self._orders, key, [free[v] for v in order])
        return self._orders[key]

    def _reduced_scopes(
        self, known: frozenset[int], read: frozenset[int], down: bool
    ) -> list[tuple[int, ...]]:
        scopes = []
        for scope in self.scopes:
            free = tuple(v for v in scope if v not in known)
            by_row = down or len(free) < len(scope)
            scopes.append((self.row, *free) if by_row else scope)
        return scopes + [(self.row, v) for v in sorted(read)]


def _remember(kept: dict[_Key, _Value], key: _Key, value: _Value) -> None:
    """Keep `value`; the oldest goes where there are too many."""
    if len(kept) >= _MAX_PLANS:
        kept.pop(next(iter(kept)))
    kept[key] = value
