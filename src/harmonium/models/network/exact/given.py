"""Exact answers given one assignment of what is known, in the memory allowed.

Evidence and zeros narrow the tables first. Where what is left is still too wide, some variables
are set to each of their states in turn (cutset conditioning, Pearl 1988; the slices of a tensor
network): more work in less memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import product

import numpy as np

from harmonium.models.network.exact.domains import Array
from harmonium.models.network.exact.engine import Engine, States
from harmonium.models.network.exact.narrowing import narrowed
from harmonium.models.network.exact.plan import GIB, Plan, Reach, TooWideError, n_entries

__all__ = ["Given"]

#: Entries of all tables of all slices: more would take minutes.
_MOST_WORK = 2.0**34
#: Entries that are summed in the time that it takes to see to a bucket at all.
_BUCKET_WORK = 30_000


class Given:
    """Sums, maxima, marginals and draws of the states that agree with `known`.

    Parameters
    ----------
    engine : the network; its `max_memory` holds here too.
    known : states by variable.
    order : in which to take variables out, or more of them; None: one is sought.

    Every answer raises :class:`TooWideError`, before any work, where it would not fit.
    """

    def __init__(
        self, engine: Engine, known: Mapping[int, int], order: Sequence[int] | None = None
    ) -> None:
        self.sizes = engine.sizes
        found = narrowed(engine.sizes, engine.scopes, engine.log_tables, known)
        #: Whether zeros leave any state, as far as single tables tell.
        self.possible = found is not None
        self._engine: Engine | None = None
        if found is None:
            return
        self.narrow = found
        self._place = {v: i for i, v in enumerate(found.kept)}
        self.constant = found.constant
        if sum(map(len, found.states)) == sum(engine.sizes) and min(engine.sizes) > 1:
            self.constant, self._engine = 0.0, engine  # nothing has changed
        elif found.kept:
            sizes = [len(found.states[v]) for v in found.kept]
            if order is not None:
                order = [self._place[v] for v in order if v in self._place]
            self._engine = Engine(
                sizes, found.scopes, found.log_tables, engine.max_memory, order=order
            )

    @property
    def has_zeros(self) -> bool:
        """Whether zeros are left, or have left nothing."""
        return not self.possible or (self._engine is not None and self._engine.has_zeros)

    # -- what fits ----------------------------------------------------------------------------

    def fits(self, reach: Reach = "up") -> bool:
        """Whether an answer that goes so far fits memory and minutes."""
        try:
            cut = self._cut(reach)
        except TooWideError:
            return False
        if cut or self._engine is None:
            return True
        plan = self._engine.plan(reach=reach)
        return plan.work(self._engine.sizes) <= _MOST_WORK

    def _cut(self, reach: Reach, keep: tuple[int, ...] = ()) -> tuple[int, ...]:
        """Variables, numbered as narrowed, to be set to each of their states in turn."""
        engine = self._engine
        if engine is None:
            return ()
        try:
            engine.plan(keep=keep, reach=reach)
        except TooWideError as error:
            room = engine.max_memory * GIB
            found = _cutset(error.plan, engine.sizes, room, reach, frozenset(keep))
            if found is None:
                raise
            return found
        return ()

    def _slices(self, cut: tuple[int, ...]) -> Iterator[Given]:
        """The network with the variables of `cut` set, for each of their states that can be."""
        assert self._engine is not None
        for states in product(*(range(self._engine.sizes[v]) for v in cut)):
            known = dict(zip(cut, states, strict=True))
            part = Given(self._engine, known, self._engine.order())
            if part.possible:
                yield part

    # -- answers ------------------------------------------------------------------------------

    @cached_property
    def _log_sum(self) -> float:
        if not self.possible:
            return -np.inf
        if self._engine is None:
            return self.constant
        cut = self._cut("sum")
        if not cut:
            return self.constant + float(self._engine.log_sum())
        logs = [part.log_sum() for part in self._slices(cut)]
        return self.constant + float(np.logaddexp.reduce(logs, initial=-np.inf))

    def log_sum(self) -> float:
        """log of the sum over all states that agree; -inf where none can be."""
        return self._log_sum

    def marginal(self, wanted: tuple[int, ...]) -> Array:
        """P(wanted given what is known), an axis a variable; zeros all over if nothing can be."""
        found = np.zeros([self.sizes[v] for v in wanted])
        if self.log_sum() == -np.inf:
            return found
        keep = tuple(self._place[v] for v in wanted if v in self._place)
        log_p = np.zeros(())
        if keep:
            assert self._engine is not None
            cut = self._cut("sum", keep)
            if cut:
                parts = list(self._slices_of(cut, keep))
                log_p = np.logaddexp.reduce(parts)
            else:
                log_p = self._engine.log_sum(keep=keep)
        p = np.exp(log_p - log_p.max())
        states = [self.narrow.states[v] for v in wanted]
        found[np.ix_(*states)] = (p / p.sum()).reshape([len(left) for left in states])
        return found

    def _slices_of(self, cut: tuple[int, ...], keep: tuple[int, ...]) -> Iterator[Array]:
        """log of the sums over all but `keep`, slice by slice."""
        for part in self._slices(cut):
            with np.errstate(divide="ignore"):
                yield np.log(part.marginal(keep)) + part.log_sum()

    def marginals(self) -> list[Array]:
        """P of each variable's states given what is known; zeros all over if nothing can be."""
        found = [np.zeros(size) for size in self.sizes]
        if not self.possible:
            return found
        inner: list[Array] = []
        if self._engine is not None:
            cut = self._cut("down")
            if cut:
                inner = self._mixed(cut)
            else:
                inner = self._engine.marginals([(v,) for v in range(len(self._engine.sizes))])
        for v, p in enumerate(found):
            p[self.narrow.states[v]] = inner[self._place[v]] if v in self._place else 1.0
        return found

    def _mixed(self, cut: tuple[int, ...]) -> list[Array]:
        """Marginals of the slices, each by its share of the sum."""
        assert self._engine is not None
        totals = [np.zeros(size) for size in self._engine.sizes]
        height, weight = -np.inf, 0.0
        for part in self._slices(cut):
            each = part.marginals()
            log_sum = part.log_sum()
            if log_sum == -np.inf:
                continue
            higher = max(height, log_sum)
            old, new = np.exp(height - higher), np.exp(log_sum - higher)
            height, weight = higher, weight * old + new
            for total, p in zip(totals, each, strict=True):
                total *= old
                total += new * p
        return [total / weight if weight else total for total in totals]

    def mode(self) -> tuple[States, float]:
        """The most probable states ``(n_variables,)`` and the log of their product."""
        if not self.possible:
            return np.zeros(len(self.sizes), dtype=np.intp), -np.inf
        if self._engine is None:
            return self._outer(np.zeros((1, 0), dtype=np.intp))[0], self.constant
        cut = self._cut("up")
        blank = np.zeros((1, len(self._engine.sizes)), dtype=np.intp)
        if cut:
            found = max((part.mode() for part in self._slices(cut)), key=lambda each: each[1])
            states, height = found[0][None], found[1]
        else:
            states, heights = self._engine.fill(blank, frozenset())
            height = float(heights[0])
        return self._outer(states)[0], self.constant + height

    def draws(self, n: int, generator: np.random.Generator) -> States:
        """Independent draws ``(n, n_variables)``; what is known must be able to be."""
        if self._engine is None:
            return np.repeat(self._outer(np.zeros((1, 0), dtype=np.intp)), n, axis=0)
        cut = self._cut("up")
        if not cut:
            blank = np.zeros((1, len(self._engine.sizes)), dtype=np.intp)
            states, _ = self._engine.fill(blank, frozenset(), None, generator, n)
            return self._outer(states)
        logs = np.array([part.log_sum() for part in self._slices(cut)])
        shares = np.exp(logs - logs.max())
        counts = generator.multinomial(n, shares / shares.sum())
        parts = [
            part.draws(int(count), generator)
            for part, count in zip(self._slices(cut), counts, strict=True)
            if count
        ]
        return self._outer(generator.permutation(np.concatenate(parts), axis=0))

    def _outer(self, inner: States) -> States:
        """Rows of narrowed states as rows of states."""
        found = np.empty((len(inner), len(self.sizes)), dtype=np.intp)
        for v, left in enumerate(self.narrow.states):
            found[:, v] = left[inner[:, self._place[v]]] if v in self._place else left[0]
        return found


def _cutset(
    plan: Plan,
    sizes: tuple[int, ...],
    room: float,
    reach: Reach,
    keep: frozenset[int],
) -> tuple[int, ...] | None:
    """Variables without which all fits `room` bytes, chosen one at a time by what is saved for
    what is spent; None where the slices would take too long."""
    left, cut, n_slices = list(sizes), [], 1.0
    while plan.stretches(left, room, reach) is None:
        heights = [n_entries(bucket.scope, left) for bucket in plan.buckets]
        high = max(heights)
        wide = {
            v
            for bucket, height in zip(plan.buckets, heights, strict=True)
            if height > high / 4
            for v in bucket.scope
            if left[v] > 1 and v not in keep
        }
        if not wide:
            return None

        def spent(v: int) -> float:
            smaller = [1 if u == v else size for u, size in enumerate(left)]
            work = plan.work(smaller) * left[v]
            return work * plan.memory(smaller, reach)

        best = min(sorted(wide), key=spent)
        cut.append(best)
        n_slices *= left[best]
        left[best] = 1
        if n_slices * (plan.work(left) + _BUCKET_WORK * len(plan.buckets)) > _MOST_WORK:
            return None
    return tuple(cut)
