"""Exact sums, maxima and draws of a product of tables, by eliminating a variable at a time.

Taking a variable out multiplies the tables it is in (its *bucket*) and sums, or maximises,
over it; what is left is a message over the rest of the bucket, passed to the bucket of the next
of them (bucket elimination, Dechter 1999; the buckets with their messages are a junction tree,
Lauritzen, Spiegelhalter 1988). One pass up gives Z or the best value; going back down draws
exact samples, reads off the mode, or leaves the marginals of every bucket.

Cost is the number of entries of the buckets' tables: exponential in the widest bucket, linear
in the number of variables. Tables are float64 with an axis a variable, sorted by the order of
elimination, so that a bucket's own variable is always axis 0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["LINEAR", "LOG", "MAX", "Bucket", "Domain", "Plan", "TooWideError", "Upward", "plan"]

Array: TypeAlias = NDArray[np.float64]


class TooWideError(ValueError):
    """An exact answer would need tables that do not fit in the memory allowed."""


# -- the arithmetic ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Domain:
    """How tables are multiplied and how a variable is taken out.

    ``reduce`` takes axis 0 out of a table, which it may overwrite, and returns the message,
    scaled so that its largest entry stands for 1, with the log of the scale. ``conditional``
    gives P(axis 0 given the rest) from a table and its scaled message and log scale; where the
    message is zero it gives zero. ``weights`` gives numbers proportional to probabilities
    along axis 0.
    """

    combine: np.ufunc
    reduce: Callable[[Array], tuple[Array, float]]
    conditional: Callable[[Array, Array, float], Array]
    weights: Callable[[Array], Array]
    #: log of an entry of a final table.
    log: Callable[[Array], Array]
    from_log: Callable[[Array], Array]


def _sum_linear(table: Array) -> tuple[Array, float]:
    message = np.add.reduce(table, axis=0)
    scale = float(message.max())
    if scale == 0.0:
        return message, 0.0
    message /= scale
    return message, float(np.log(scale))


def _conditional_linear(table: Array, message: Array, log_scale: float) -> Array:
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        inverse = np.exp(-log_scale) / message
    return table * np.where(message > 0.0, inverse, 0.0)


def _finite(peaks: Array) -> Array:
    """Peaks with -inf replaced, so that subtracting them leaves -inf rather than NaN."""
    return np.where(np.isneginf(peaks), 0.0, peaks)


def _scaled_log(message: Array) -> tuple[Array, float]:
    scale = float(message.max())
    return (message - scale, scale) if np.isfinite(scale) else (message, 0.0)


def _sum_log(table: Array) -> tuple[Array, float]:
    peaks = _finite(np.maximum.reduce(table, axis=0))
    table -= peaks
    np.exp(table, out=table)
    message = np.add.reduce(table, axis=0)
    with np.errstate(divide="ignore"):
        message = np.log(message)
    message += peaks
    return _scaled_log(message)


def _max_log(table: Array) -> tuple[Array, float]:
    return _scaled_log(np.maximum.reduce(table, axis=0))


def _conditional_log(table: Array, message: Array, log_scale: float) -> Array:
    return np.exp(table - (_finite(message) + log_scale))


def _weights_log(table: Array) -> Array:
    return np.exp(table - _finite(np.maximum.reduce(table, axis=0)))


def _log(table: Array) -> Array:
    with np.errstate(divide="ignore"):
        return np.log(table)


def _same(table: Array) -> Array:
    return table


#: Sums of plain products: the fastest, where no entry can leave the range of a double.
LINEAR = Domain(np.multiply, _sum_linear, _conditional_linear, _same, _log, np.exp)
#: Sums of products kept as logarithms: any range.
LOG = Domain(np.add, _sum_log, _conditional_log, _weights_log, _same, _same)
#: Maxima of products kept as logarithms.
MAX = Domain(np.add, _max_log, _conditional_log, _weights_log, _same, _same)


# -- the plan ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Input:
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
    tables: list[_Input] = field(default_factory=list)
    messages: list[_Input] = field(default_factory=list)


@dataclass(frozen=True)
class Plan:
    """Buckets in order of elimination, then a last one over the variables that are kept."""

    order: tuple[int, ...]
    buckets: list[Bucket]
    last: Bucket

    def width(self) -> int:
        """Variables of the widest table."""
        return max(len(bucket.scope) for bucket in (*self.buckets, self.last))

    def memory(self, sizes: Sequence[int]) -> float:
        """Bytes at most in use at once: all messages, and two copies of the largest table."""
        entries = [_entries(bucket.scope, sizes) for bucket in (*self.buckets, self.last)]
        messages = sum(_entries(bucket.scope[1:], sizes) for bucket in self.buckets)
        return 8.0 * (messages + 2.0 * max(entries))


def _entries(scope: Sequence[int], sizes: Sequence[int]) -> float:
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
) -> _Input:
    if permutation is not None:
        own = tuple(own[axis] for axis in permutation)
        if permutation == tuple(range(len(permutation))):
            permutation = None
    present = set(own)
    expand = tuple(slice(None) if variable in present else None for variable in scope)
    return _Input(source, own, permutation, expand or (...,))


# -- the passes -------------------------------------------------------------------------------


class Upward:
    """One pass up: every variable of the plan's order taken out, the messages remembered.

    Parameters
    ----------
    plan : from :func:`plan`.
    tables : one a scope, in the values of `domain`.
    domain : :data:`LINEAR`, :data:`LOG` or :data:`MAX`.
    """

    def __init__(self, plan: Plan, tables: Sequence[Array], domain: Domain) -> None:
        self.plan, self.tables, self.domain = plan, tables, domain
        self.messages: list[Array] = []
        self.scales: list[float] = []
        for bucket in plan.buckets:
            message, scale = domain.reduce(self._product(bucket))
            self.messages.append(np.asarray(message))
            self.scales.append(scale)
        #: log of the sum (or maximum) over the eliminated variables, an axis a kept variable.
        self.log_total: Array = domain.log(self._product(plan.last)) + sum(self.scales)

    def _product(self, bucket: Bucket) -> Array:
        """A fresh table: all that meets in `bucket`, multiplied, the small ones first."""
        parts = [each.view(self.tables[each.source]) for each in bucket.tables]
        parts += [each.view(self.messages[each.source]) for each in bucket.messages]
        if not parts:
            return np.asarray(self.domain.from_log(np.zeros((1,) * len(bucket.scope))))
        if len(parts) == 1:
            return parts[0].copy()
        parts.sort(key=_size)
        return np.asarray(reduce(self.domain.combine, parts))

    def trace_back(
        self, states: NDArray[np.intp], pick: Callable[[Array], NDArray[np.intp]]
    ) -> None:
        """Fill `states` ``(n, n_variables)`` from the last variable taken out to the first.

        The columns of kept variables are given. `pick` chooses a state for each row from the
        domain's table ``(n_states, n)`` of a variable given those already chosen.
        """
        n = len(states)
        for bucket in reversed(self.plan.buckets):
            parts = []
            for each, source in (
                *((t, self.tables) for t in bucket.tables),
                *((m, self.messages) for m in bucket.messages),
            ):
                index: Any = (slice(None), *(states[:, v] for v in each.scope[1:]))
                part = each.sort(source[each.source])[index]
                parts.append(part if part.ndim > 1 else part[:, None])
            table = np.asarray(reduce(self.domain.combine, parts))
            states[:, bucket.variable] = pick(np.broadcast_to(table, (len(table), n)))

    def marginals(self, wanted: Sequence[tuple[int, ...]], given_kept: Array) -> list[Array]:
        """P of each scope of `wanted`, axes as the scope names them; one pass down.

        `given_kept` is the probability of each state of the kept variables. Each scope must
        lie within one bucket, kept variables beside it.
        """
        buckets = (*self.plan.buckets, self.plan.last)
        homes: dict[int, list[int]] = {}
        for number, scope in enumerate(wanted):
            homes.setdefault(self._home(scope), []).append(number)
        found: dict[int, Array] = {}
        from_above: dict[int, Array] = {}
        for i in range(len(buckets) - 1, -1, -1):
            bucket = buckets[i]
            if i == len(self.plan.buckets):
                belief = given_kept
            else:
                belief = self.domain.conditional(
                    self._product(bucket), self.messages[i], self.scales[i]
                )
                belief = belief * from_above.pop(i)  # which may know of the row, where it did not
            for each in bucket.messages:
                from_above[each.source] = _onto(belief, bucket.scope, each.scope)
            for number in homes.get(i, ()):
                found[number] = _onto(belief, bucket.scope, wanted[number])
        return [found[number] for number in range(len(wanted))]

    def _home(self, scope: tuple[int, ...]) -> int:
        """The smallest bucket that holds all of `scope`."""
        if not scope:
            return len(self.plan.buckets)
        places = {variable: i for i, variable in enumerate(self.plan.order)}
        return min(places.get(v, len(self.plan.buckets)) for v in scope)


def _size(table: Array) -> int:
    return table.size


def _onto(table: Array, scope: tuple[int, ...], wanted: tuple[int, ...]) -> Array:
    """`table` over `scope` summed down to `wanted`, axes in the order of `wanted`.

    A variable of `wanted` that the table does not depend on gets an axis of length 1.
    """
    present = set(wanted)
    summed = tuple(axis for axis, variable in enumerate(scope) if variable not in present)
    kept = [variable for variable in scope if variable in present]
    result = np.asarray(table.sum(axis=summed) if summed else table)
    result = result.transpose([kept.index(variable) for variable in wanted if variable in kept])
    index: Any = tuple(slice(None) if v in kept else None for v in wanted) or ...
    return np.asarray(result[index])
