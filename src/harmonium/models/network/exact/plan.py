"""Who meets whom when variables are taken out one at a time, and what that costs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import numpy as np

from harmonium.models.network.exact.domains import Array

__all__ = [
    "BLOCK",
    "GIB",
    "Bucket",
    "Input",
    "Plan",
    "Reach",
    "TooWideError",
    "n_entries",
    "plan",
    "stretches_in",
]

#: How far an answer goes: a sum alone, whose messages are forgotten; up with all messages kept,
#: for draws and modes; and down again, for marginals.
Reach: TypeAlias = Literal["sum", "up", "down"]

GIB = 2.0**30

#: Entries of a table that are worked on at once: they stay in a core's cache.
BLOCK = 2**18
#: Blocks in memory at once: those being worked on, and what is made of them.
_BLOCKS_AT_ONCE = 20


class TooWideError(ValueError):
    """An exact answer would need tables that do not fit in the memory allowed: those of `plan`."""

    def __init__(self, message: str, plan: Plan) -> None:
        super().__init__(message)
        self.plan = plan


@dataclass(frozen=True)
class Input:
    """A table on its way into a bucket: which, its axes sorted, and where new axes go."""

    source: int
    scope: tuple[int, ...]
    permutation: tuple[int, ...] | None
    expand: tuple[Any, ...]

    def sort(self, table: Array) -> Array:
        return table if self.permutation is None else table.transpose(self.permutation)

    def view(self, table: Array) -> Array:
        """`table` with the bucket's axes, length 1 where it does not depend on a variable."""
        return self.sort(table)[self.expand]


@dataclass
class Bucket:
    """The tables that meet when `variable` is taken out; ``scope[0]`` is the variable."""

    variable: int
    scope: tuple[int, ...]
    tables: list[Input] = field(default_factory=list)
    messages: list[Input] = field(default_factory=list)


@dataclass(frozen=True)
class Plan:
    """Buckets in order of elimination, then a last one over the variables that are kept."""

    order: tuple[int, ...]
    buckets: list[Bucket]
    last: Bucket

    def width(self) -> int:
        """Variables of the widest table."""
        return max(len(bucket.scope) for bucket in (*self.buckets, self.last))

    def work(self, sizes: Sequence[int]) -> float:
        """Entries of all tables: one pass up looks at each once."""
        return sum(n_entries(bucket.scope, sizes) for bucket in (*self.buckets, self.last))

    def memory(
        self, sizes: Sequence[int], reach: Reach = "up", starts: Sequence[int] = (0,)
    ) -> float:
        """Bytes at most in use at once, buckets being gone through in stretches from `starts`.

        For a sum the messages that wait to be multiplied; else those that leave their stretch
        and all of one stretch, and to come down again as many as wait at once beside those.
        """
        messages = [n_entries(bucket.scope[1:], sizes) for bucket in self.buckets]
        leaving, inside = 0.0, [0.0] * len(starts)
        of = np.searchsorted(starts, np.arange(len(self.buckets) + 1), "right") - 1
        waiting = most = 0.0
        for i, bucket in enumerate((*self.buckets, self.last)):
            message = messages[i] if i < len(messages) else 0.0
            waiting += message
            most = max(most, waiting)
            inside[of[i]] += message
            for each in bucket.messages:
                waiting -= messages[each.source]
                if of[each.source] < of[i]:
                    leaving += messages[each.source]
                    inside[of[each.source]] -= messages[each.source]
        held = most if reach == "sum" else leaving + max(inside) + most * (reach == "down")
        largest = max(n_entries(bucket.scope, sizes) for bucket in (*self.buckets, self.last))
        last = n_entries(self.last.scope, sizes)
        return 8.0 * (held + 2.0 * last + _BLOCKS_AT_ONCE * min(largest, BLOCK))

    def stretches(
        self, sizes: Sequence[int], room: float, reach: Reach = "up"
    ) -> tuple[int, ...] | None:
        """Where stretches of buckets begin, the fewest that fit `room` bytes; None where none do.

        Messages used in the stretch that made them are forgotten and, on the way down, made
        again: with the square root of as many stretches as buckets that is twice the work, and
        as many messages as that root (checkpoints: Griewank, Walther 2000).
        """
        if self.memory(sizes, reach) <= room:
            return (0,)
        if reach == "sum":
            return None
        ends = np.cumsum([n_entries(bucket.scope[1:], sizes) for bucket in self.buckets])
        for n in range(2, 2 + 2 * math.isqrt(len(self.buckets))):
            shares = ends[-1] * np.arange(1, n) / n
            starts = (0, *(int(i) for i in np.unique(np.searchsorted(ends, shares) + 1)))
            if self.memory(sizes, reach, starts) <= room:
                return starts
        return None


def stretches_in(
    plan: Plan, sizes: Sequence[int], max_memory: float, reach: Reach, n_beside: int
) -> tuple[int, ...]:
    """:meth:`Plan.stretches` within `max_memory` GiB, else :class:`TooWideError`; `n_beside` of
    the axes of its tables are no variables."""
    starts = plan.stretches(sizes, max_memory * GIB, reach)
    if starts is None:
        needed = plan.memory(sizes, reach) / GIB
        raise TooWideError(
            f"an exact answer needs a table over {plan.width() - n_beside} variables at once and "
            f"{needed:.3g} GiB of memory; max_memory={max_memory:g} GiB allows less. "
            "Give more evidence, raise max_memory, or settle for an estimate: "
            "log_partition(method='ais'), sample(method='gibbs'), marginals(method='gibbs') "
            "or marginals(method='loopy')",
            plan,
        )
    return starts


def n_entries(scope: Sequence[int], sizes: Sequence[int]) -> float:
    product = 1.0
    for variable in scope:
        product *= sizes[variable]
    return product


def plan(scopes: Sequence[tuple[int, ...]], order: Sequence[int], keep: Sequence[int] = ()) -> Plan:
    """Who meets whom when the variables go in this `order`; those of `keep` stay to the end.

    `scopes` are the variables of each table; `order` and `keep` together hold all of them.
    """
    place = {variable: i for i, variable in enumerate((*order, *keep))}
    n = len(order)
    end = n  # the place of the last bucket
    tables: list[list[int]] = [[] for _ in range(n + 1)]
    for number, scope in enumerate(scopes):
        first = min((place[variable] for variable in scope), default=end)
        tables[min(first, end)].append(number)
    messages: list[list[int]] = [[] for _ in range(n + 1)]
    buckets: list[Bucket] = []
    for i in range(n + 1):
        places = {place[v] for number in tables[i] for v in scopes[number]}
        for child in messages[i]:
            places.update(place[v] for v in buckets[child].scope[1:])
        if i < n:
            places.add(i)
        else:
            places.update(range(n, n + len(keep)))
        scope_places = sorted(places)
        every = (*order, *keep)
        scope = tuple(every[p] for p in scope_places)
        bucket = Bucket(scope[0] if i < n else -1, scope)
        for number in tables[i]:
            own = [place[v] for v in scopes[number]]
            permutation = tuple(sorted(range(len(own)), key=own.__getitem__))
            bucket.tables.append(_make_input(number, scopes[number], permutation, scope))
        for child in messages[i]:
            bucket.messages.append(_make_input(child, buckets[child].scope[1:], None, scope))
        buckets.append(bucket)
        if i < n:
            parent = min(scope_places[1], end) if len(scope_places) > 1 else end
            messages[parent].append(i)
    return Plan(tuple(order), buckets[:-1], buckets[-1])


def _make_input(
    source: int,
    own: tuple[int, ...],
    permutation: tuple[int, ...] | None,
    scope: tuple[int, ...],
) -> Input:
    if permutation is not None:
        own = tuple(own[axis] for axis in permutation)
        if permutation == tuple(range(len(permutation))):
            permutation = None
    present = set(own)
    expand = tuple(slice(None) if variable in present else None for variable in scope)
    return Input(source, own, permutation, expand or (...,))
