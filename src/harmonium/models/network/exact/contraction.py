"""Exact sums, maxima and draws of a product of tables, by eliminating a variable at a time.

Taking a variable out multiplies the tables it is in (its *bucket*) and sums, or maximises,
over it; what is left is a message over the rest of the bucket, passed to the bucket of the next
of them (bucket elimination, Dechter 1999; the buckets with their messages are a junction tree,
Lauritzen, Spiegelhalter 1988). One pass up gives Z or the best value; going back down draws
exact samples, reads off the mode, or leaves the marginals of every bucket.

Cost is the number of entries of the buckets' tables: exponential in the widest bucket, linear
in the number of variables. A bucket's table is never held: it is made and summed block by block,
on all cores, so that memory is that of the messages. Tables are float64 with an axis a variable,
sorted by the order of elimination, so that a bucket's own variable is always axis 0.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harmonium.compute.threads import in_order
from harmonium.models.network.exact.domains import Array, Domain
from harmonium.models.network.exact.halves import Halves
from harmonium.models.network.exact.meeting import Block, Meeting
from harmonium.models.network.exact.plan import Bucket, Plan

__all__ = ["Upward"]

#: Fewer blocks than this are not worth a second thread.
_MANY_BLOCKS = 8
_GONE = np.zeros(())


class Upward:
    """One pass up: every variable of the plan's order taken out, the messages remembered.

    Parameters
    ----------
    plan : from :func:`.plan.plan`.
    tables : one a scope, in the values of `domain`.
    domain : :data:`.domains.LINEAR`, ``LOG`` or ``MAX``.
    kept : whether messages are remembered after their use: without them no way leads down.
    starts : where stretches of buckets begin, see :meth:`.plan.Plan.stretches`: what is used in
        the stretch that made it is forgotten with it, and made again on the way down.
    """

    def __init__(
        self,
        plan: Plan,
        tables: Sequence[Array],
        domain: Domain,
        *,
        kept: bool = True,
        starts: Sequence[int] = (0,),
    ) -> None:
        self.plan, self.tables, self.domain, self.kept = plan, tables, domain, kept
        self.starts = tuple(starts)
        self.messages = [_GONE] * len(plan.buckets)
        self.scales = [0.0] * len(plan.buckets)
        #: The stretch whose messages are here.
        self._here = -1
        for stretch in range(len(self.starts)):
            self._go_to(stretch)
        final = Meeting(self._views(plan.last), domain).whole(len(plan.last.scope))
        #: log of the sum (or maximum) over the eliminated variables, an axis a kept variable.
        self.log_total: Array = domain.log(final) + sum(self.scales)

    def _buckets(self, stretch: int) -> range:
        """The numbers of the buckets of a stretch."""
        return range(*(*self.starts, len(self.plan.buckets))[stretch : stretch + 2])

    def _go_to(self, stretch: int) -> None:
        """Forget the messages of the stretch that is here, make those of another."""
        if stretch == self._here:
            return
        if self._here >= 0:
            inside = self._buckets(self._here)
            for i in inside:
                self._forget(self.plan.buckets[i], inside)
        for i in self._buckets(stretch):
            bucket = self.plan.buckets[i]
            if self.messages[i] is _GONE:  # not what has left the stretch
                message = self._taken_out(bucket)
                self.scales[i] = self.domain.rescale(message)
                self.messages[i] = message
            if not self.kept:
                self._forget(bucket, range(i))
        self._here = stretch

    def _forget(self, bucket: Bucket, made: range) -> None:
        """Forget the messages that go into `bucket`, if they were `made` in these."""
        for each in bucket.messages:
            if each.source in made:
                self.messages[each.source] = _GONE

    def _down(self) -> Iterator[tuple[int, Bucket]]:
        """Buckets from the last to the first, the messages of each being there."""
        for stretch in reversed(range(len(self.starts))):
            self._go_to(stretch)
            for i in reversed(self._buckets(stretch)):
                yield i, self.plan.buckets[i]

    def _views(self, bucket: Bucket) -> list[Array]:
        """All that meets in `bucket`, each with the bucket's axes."""
        views = [each.view(self.tables[each.source]) for each in bucket.tables]
        return views + [each.view(self.messages[each.source]) for each in bucket.messages]

    def _taken_out(self, bucket: Bucket) -> Array:
        """The message of a bucket, not yet rescaled."""
        views = self._views(bucket)
        halves = Halves.of(views, self.domain)
        if halves is not None and (message := halves.taken_out()) is not None:
            return message
        meeting = Meeting(views, self.domain)
        shape = meeting.lengths[1:] + (1,) * (len(bucket.scope) - len(meeting.lengths))
        found = np.empty(meeting.shape[1:])

        def work(block: Block) -> None:
            found[block[1:]] = self.domain.reduce(meeting.product(block))

        for _ in _spread(work, meeting.blocks()):
            pass
        return found.reshape(shape)

    def trace_back(
        self, states: NDArray[np.intp], pick: Callable[[Array], NDArray[np.intp]]
    ) -> None:
        """Fill `states` ``(n, n_variables)`` from the last variable taken out to the first.

        The columns of kept variables are given. `pick` chooses a state for each row from the
        domain's table ``(n_states, n)`` of a variable given those already chosen.
        """
        n = len(states)
        for _, bucket in self._down():
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
        n = len(self.plan.buckets)
        homes: dict[int, list[int]] = {}
        places = {variable: i for i, variable in enumerate(self.plan.order)}
        for number, scope in enumerate(wanted):
            # The smallest bucket that holds all of it.
            homes.setdefault(min((places.get(v, n) for v in scope), default=n), []).append(number)
        found: dict[int, Array] = {}
        from_above: dict[int, Array] = {}
        last = self.plan.last
        for each in last.messages:
            from_above[each.source] = _onto(given_kept, last.scope, each.scope)
        for number in homes.get(n, ()):
            found[number] = _onto(given_kept, last.scope, wanted[number])
        for i, bucket in self._down():
            own = [wanted[number] for number in homes.get(i, ())]
            scopes = [*(each.scope for each in bucket.messages), *own]
            beliefs = self._beliefs(i, from_above.pop(i), scopes)
            for each in bucket.messages:
                from_above[each.source] = beliefs.pop(0)
            found.update(zip(homes.get(i, ()), beliefs, strict=True))
        return [found[number] for number in range(len(wanted))]

    def _beliefs(self, i: int, above: Array, scopes: list[tuple[int, ...]]) -> list[Array]:
        """P of each of `scopes` within bucket `i`, given P of the variables of its message."""
        if not scopes:
            return []
        bucket = self.plan.buckets[i]
        present = [frozenset(scope) for scope in scopes]
        marks = [[v in scope for v in bucket.scope] for scope in present]
        views = self._views(bucket)
        halves = Halves.of(views, self.domain)
        if halves is not None:
            totals = halves.beliefs(self.messages[i], self.scales[i], above, marks)
            if totals is not None:
                return [
                    _arranged(total, halves.lengths, bucket.scope, scope)
                    for total, scope in zip(totals, scopes, strict=True)
                ]
        meeting = Meeting(
            views,
            self.domain,
            beside=[self.messages[i][None], above[None]],
            marks=marks,
        )
        message, above = meeting.beside

        def work(block: Block) -> list[Array]:
            belief = self.domain.conditional(
                meeting.product(block), meeting.cut(message, block)[0], self.scales[i]
            )
            belief = belief * meeting.cut(above, block)
            return [belief.sum(axis=axes, keepdims=True) for axes in meeting.unmarked]

        totals = [
            np.zeros([1 if axis in axes else size for axis, size in enumerate(meeting.shape)])
            for axes in meeting.unmarked
        ]
        blocks = list(meeting.blocks())
        for block, parts in zip(blocks, _spread(work, blocks), strict=True):
            for total, part in zip(totals, parts, strict=True):
                total_part = total[
                    tuple(
                        cut if size > 1 else slice(None)
                        for cut, size in zip(block, total.shape, strict=True)
                    )
                ]
                total_part += part
        return [
            _arranged(total, meeting.lengths, bucket.scope, scope)
            for total, scope in zip(totals, scopes, strict=True)
        ]


def _spread(work: Callable[[Block], Any], blocks: Sequence[Block]) -> Any:
    """What `work` makes of each block, in their order, on all cores where there are many."""
    return in_order(work, blocks) if len(blocks) >= _MANY_BLOCKS else map(work, blocks)


def _arranged(
    total: Array, lengths: tuple[int, ...], scope: tuple[int, ...], wanted: tuple[int, ...]
) -> Array:
    """`total` over `scope`, summed over all but `wanted`, with an axis for each of `wanted`."""
    present = frozenset(wanted)
    kept = [v for v in scope if v in present]
    total = total.reshape(
        [size for v, size in zip(scope, lengths, strict=True) if v in present]
    ).transpose([kept.index(v) for v in wanted if v in kept])
    index: Any = tuple(slice(None) if v in kept else None for v in wanted) or ...
    return np.asarray(total[index])


def _onto(table: Array, scope: tuple[int, ...], wanted: tuple[int, ...]) -> Array:
    """`table` over `scope` summed down to `wanted`, axes in the order of `wanted`.

    A variable of `wanted` that the table does not depend on gets an axis of length 1.
    """
    summed = tuple(axis for axis, variable in enumerate(scope) if variable not in wanted)
    lengths = table.shape
    total = np.asarray(table.sum(axis=summed, keepdims=True) if summed else table)
    return _arranged(total, lengths, scope, wanted)
