"""Exact answers of a factor graph: evidence sliced in, rows of evidence answered together.

Many rows of evidence are one more variable, the row: tables that touch what is known depend on
it, and it is never summed out, so that one pass answers all rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from harmonium.models.network.exact.contraction import Upward
from harmonium.models.network.exact.domains import LINEAR, LOG, MAX, Array, Domain
from harmonium.models.network.exact.plan import GIB, Plan, Reach
from harmonium.models.network.exact.planner import Planner

__all__ = ["Engine", "States"]

States: TypeAlias = NDArray[np.intp]

#: exp(+-this) stays well inside a double, so plain products are safe below it.
_MAX_LOG_RANGE = 600.0
#: Bytes that the tables of one batch of rows may take.
_BATCH_BYTES = 2.0**27
#: Bytes that the messages of a sum may take to be kept after it.
_KEPT_BYTES = 2.0**27


class Engine:
    """Sums, maxima and draws of P(x) = product of tables / Z, with anything known.

    Parameters
    ----------
    sizes : states of each variable.
    scopes : the variables of each table.
    log_tables : float64 logarithms, an axis a variable of the scope.
    max_memory : GiB that one answer may take; beyond it :class:`TooWideError`.
    order : in which to take variables out where nothing is known; None: one is sought.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        scopes: Sequence[tuple[int, ...]],
        log_tables: Sequence[Array],
        max_memory: float = 2.0,
        *,
        order: Sequence[int] | None = None,
    ) -> None:
        self.sizes, self.scopes = tuple(sizes), tuple(scopes)
        self.max_memory = max_memory
        self.planner = Planner(self.sizes, self.scopes, order)
        self._row = self.planner.row
        self.set_tables(log_tables)

    def set_tables(self, log_tables: Sequence[Array]) -> None:
        """Other numbers in tables of the same shapes; what was planned stays."""
        self.log_tables = [np.asarray(table) for table in log_tables]
        self._free: Upward | None = None
        # All tables end to end, so that each of these is one operation.
        flat = np.concatenate([np.reshape(table, -1) for table in self.log_tables])
        lengths = [table.size for table in self.log_tables]
        starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
        peaks = np.maximum.reduceat(flat, starts)
        finite = np.isfinite(flat)
        lowest = np.minimum.reduceat(np.where(finite, flat, np.inf), starts)
        #: log of the largest over the smallest entry above zero, of each table.
        self._ranges = (peaks - lowest).tolist()
        self.has_zeros = not finite.all()
        # Peaks are set aside, so that plain products of many tables stay near 1.
        self._shift = float(peaks.sum())
        self._flat = flat - np.repeat(peaks, lengths)
        self._shifted = self._split(self._flat)
        self._linear: list[Array] | None = None

    def _split(self, flat: Array) -> list[Array]:
        parts, start = [], 0
        for table in self.log_tables:
            parts.append(flat[start : start + table.size].reshape(table.shape))
            start += table.size
        return parts

    def with_tables(self, log_tables: Sequence[Array]) -> Engine:
        """The same network with other numbers in its tables; plans are shared."""
        other = copy(self)
        other.set_tables(log_tables)
        return other

    # -- planning ----------------------------------------------------------------------------

    def plan(
        self,
        known: frozenset[int] = frozenset(),
        read: frozenset[int] = frozenset(),
        keep: tuple[int, ...] = (),
        n_rows: int = 1,
        reach: Reach = "up",
    ) -> Plan:
        """How to take out all but `known` and `keep`; checked against the memory allowed.

        `read` are variables with a noisy reading in each row.
        """
        return self.planner.plan(known, read, keep, n_rows, reach, self.max_memory)[0]

    def order(self, known: frozenset[int] = frozenset(), keep: tuple[int, ...] = ()) -> list[int]:
        """In which to take out all but `known` and `keep`; sought once."""
        return self.planner.order(known, keep)

    def _keeps(
        self, known: frozenset[int], read: frozenset[int], keep: tuple[int, ...], n_rows: int
    ) -> bool:
        """Whether a sum keeps its messages, so that other answers follow cheaply: those that
        are small. Large ones cost more to write down than to make again."""
        plan = self.plan(known, read, keep, n_rows, "sum")
        return plan.memory((*self.sizes, n_rows)) < min(_KEPT_BYTES, self.max_memory * GIB)

    # -- passes --------------------------------------------------------------------------------

    def upward(
        self,
        rows: States | None = None,
        known: frozenset[int] = frozenset(),
        readings: Mapping[int, Array] | None = None,
        keep: tuple[int, ...] = (),
        *,
        maximise: bool = False,
        reach: Reach = "up",
    ) -> Upward:
        """Take out all but `keep` (and the row): log totals with those axes, row last.

        `rows` ``(n, n_variables)`` give the states of the `known` columns; `readings` are
        log-likelihoods ``(n, n_states)`` of the readings of variables not known.
        """
        readings = {v: r for v, r in (readings or {}).items() if v not in known}
        read = frozenset(readings)
        free = not known and not read and not keep and not maximise
        n_rows = 1 if rows is None else len(rows)
        plan, starts = self.planner.plan(known, read, keep, n_rows, reach, self.max_memory)
        whole = len(starts) == 1
        if free and whole and self._free is not None:
            return self._free
        domain = MAX if maximise else self._domain(plan, known, readings)
        tables = self._tables(domain)
        if known:
            assert rows is not None
            tables = [
                _slice(table, scope, known, rows)
                for table, scope in zip(tables, self.scopes, strict=True)
            ]
        if reach == "down" and (known or read):
            tables = [
                table if known.intersection(scope) else table[None]
                for table, scope in zip(tables, self.scopes, strict=True)
            ]
        extra = [readings[v] for v in sorted(read)]
        tables = [*tables, *(np.exp(r) if domain is LINEAR else r for r in extra)]
        kept = reach != "sum"
        found = Upward(plan, tables, domain, kept=kept, starts=starts)
        found.log_total = found.log_total + self._shift
        if free and whole and kept:
            self._free = found
        return found

    def _tables(self, domain: Domain) -> list[Array]:
        if domain is not LINEAR:
            return self._shifted
        if self._linear is None:
            self._linear = self._split(np.exp(self._flat))
        return self._linear

    def _domain(self, plan: Plan, known: frozenset[int], readings: Mapping[int, Array]) -> Domain:
        """Plain products where no entry of any table can leave the range of a double.

        Without zeros, the entries of a bucket's table differ by no more than the ranges of
        the tables that share a variable with it multiplied together allow.
        """
        total = sum(self._ranges) + sum(
            float(np.max(r) - np.min(r)) + abs(float(np.max(r))) for r in readings.values()
        )
        if total < _MAX_LOG_RANGE:
            return LINEAR
        if self.has_zeros or known or readings:
            return LOG
        around = [0.0] * len(self.sizes)
        for scope, log_range in zip(self.scopes, self._ranges, strict=True):
            for variable in scope:
                around[variable] += log_range
        widest = max(sum(around[v] for v in bucket.scope) for bucket in (*plan.buckets, plan.last))
        return LINEAR if widest < _MAX_LOG_RANGE else LOG

    def batches(
        self,
        n_rows: int,
        known: frozenset[int],
        read: frozenset[int] = frozenset(),
        keep: tuple[int, ...] = (),
        reach: Reach = "up",
    ) -> list[slice]:
        """Slices of rows whose tables fit together in a modest part of the memory allowed."""
        one = self.plan(known, read, keep, 1, reach).memory((*self.sizes, 1), reach)
        room = min(_BATCH_BYTES, self.max_memory * GIB)
        step = max(1, min(n_rows, int(room / one)))
        return [slice(start, start + step) for start in range(0, n_rows, step)]

    # -- answers -------------------------------------------------------------------------------

    def log_sum(
        self,
        rows: States | None = None,
        known: frozenset[int] = frozenset(),
        readings: Mapping[int, Array] | None = None,
        keep: tuple[int, ...] = (),
    ) -> Array:
        """log of the sum over all but `keep`, for each row: axes ``(*keep, row)``.

        Without anything known or read there is no row axis.
        """
        read = frozenset(readings or ()) - known
        kept = self._keeps(known, read, keep, 1 if rows is None else len(rows))
        reach: Reach = "up" if kept else "sum"
        found = self.upward(rows, known, readings, keep, reach=reach).log_total
        shape = [self.sizes[v] for v in keep]
        if known or readings:
            assert rows is not None
            shape.append(len(rows))
        return np.broadcast_to(found, shape)

    def fill(
        self,
        rows: States,
        known: frozenset[int],
        readings: Mapping[int, Array] | None = None,
        generator: np.random.Generator | None = None,
        n_draws: int = 1,
    ) -> tuple[States, Array]:
        """Each row with its unknown variables drawn, or, without a generator, most probable.

        With `n_draws`, each row comes that many times in a row; the draws are independent.

        Returns the filled rows and the log of what was summed (or maximised) for each row,
        -inf where a row's evidence cannot be.
        """
        up = self.upward(rows, known, readings, maximise=generator is None)
        states = np.concatenate([rows, np.arange(len(rows))[:, None]], axis=1)
        states = np.repeat(states, n_draws, axis=0)

        def draw(table: Array) -> States:
            assert generator is not None
            edges = np.cumsum(up.domain.weights(table), axis=0)
            points = generator.random(edges.shape[1]) * edges[-1]
            return np.minimum((edges <= points).sum(0), len(table) - 1)

        def best(table: Array) -> States:
            return np.asarray(table.argmax(axis=0))

        pick: Callable[[Array], States] = best if generator is None else draw
        up.trace_back(states, pick)
        return states[:, :-1], np.broadcast_to(up.log_total, len(rows))

    def marginals(
        self,
        wanted: Sequence[tuple[int, ...]],
        rows: States | None = None,
        known: frozenset[int] = frozenset(),
        readings: Mapping[int, Array] | None = None,
    ) -> list[Array]:
        """P(scope given what is known) for each scope, one pass up and one down.

        A scope must lie within the scope of a table (or be one variable) and hold nothing
        known. With rows of evidence each result has the row as its first axis.
        """
        up = self.upward(rows, known, readings, reach="down")
        if not (known or readings):
            return up.marginals(wanted, np.ones(()))
        assert rows is not None
        # Rows as a uniform variable; what does not depend on the row has an axis of length 1.
        joint = [(self._row, *scope) for scope in wanted]
        found = up.marginals(joint, np.full(len(rows), 1.0 / len(rows)))
        return [
            np.broadcast_to(p * len(p), (len(rows), *(self.sizes[v] for v in scope)))
            for p, scope in zip(found, wanted, strict=True)
        ]


def _slice(table: Array, scope: tuple[int, ...], known: frozenset[int], rows: States) -> Array:
    """`table` at each row's states of the known variables: row first, then the free axes."""
    fixed = [axis for axis, v in enumerate(scope) if v in known]
    if not fixed:
        return table
    rest = [axis for axis in range(len(scope)) if axis not in fixed]
    return np.asarray(table.transpose(fixed + rest)[tuple(rows[:, scope[a]] for a in fixed)])
