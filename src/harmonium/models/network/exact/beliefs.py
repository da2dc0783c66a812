"""Loopy belief propagation: marginals by local messages, exact on trees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import logsumexp

from harmonium.contract.estimates import Status
from harmonium.models.network.names import Name

if TYPE_CHECKING:
    from harmonium.models.network.exact.domains import Array
    from harmonium.models.network.exact.engine import Engine, States

__all__ = ["LoopyBeliefs", "loopy_beliefs"]


@dataclass(frozen=True)
class LoopyBeliefs:
    """Where loopy belief propagation ended.

    Attributes
    ----------
    marginals : ``{name: (n_states,)}``, each summing to one; approximate unless a tree.
    converged : whether the messages settled to `tol`; if not, do not trust the marginals.
    n_iter : rounds of messages sent.
    residual : the largest change of a message entry in the last round.
    log_partition : Bethe's approximation of log Z (given the evidence), in nats.
    status : ``"ok"`` where what is not known is a tree, on which settled messages are exact;
        ``"unproven"`` where they settled among loops; ``"not_converged"``.
    """

    marginals: dict[Name, Array]
    converged: bool
    n_iter: int
    residual: float
    log_partition: float
    status: Status = Status.UNPROVEN


def loopy_beliefs(
    exact: Engine,
    names: Sequence[Name],
    row: States,
    known: frozenset[int],
    *,
    damping: float,
    max_iter: int,
    tol: float,
) -> LoopyBeliefs:
    """Sum-product messages between variables and factors, all at once each round.

    Messages are normalised and kept as logarithms (Kschischang, Frey, Loeliger 2001,
    equations 5 and 6); log Z by the Bethe free energy (Yedidia, Freeman, Weiss 2005).
    Cost a round: the entries of all tables times their arity.
    """
    tables: list[tuple[tuple[int, ...], Array]] = []
    constant = 0.0
    for scope, table in zip(exact.scopes, exact.log_tables, strict=True):
        index = tuple(row[v] if v in known else slice(None) for v in scope)
        free = tuple(v for v in scope if v not in known)
        if free:
            tables.append((free, np.asarray(table[index])))
        else:
            constant += float(table[index])
    flow = _Messages(exact.sizes, tables, damping)
    residual, n_iter = 0.0, 0
    for n_iter in range(1, max_iter + 1):  # noqa: B007
        residual = flow.send()
        if residual <= tol:
            break
    marginals: dict[Name, Array] = {}
    for v, name in enumerate(names):
        if v in known:
            marginals[name] = np.eye(exact.sizes[v])[row[v]]
        else:
            marginals[name] = np.exp(flow.belief(v))
    if residual > tol:
        status = Status.NOT_CONVERGED
    else:
        status = Status.OK if _is_forest([scope for scope, _ in tables]) else Status.UNPROVEN
    log_z = constant + flow.bethe_log_partition()
    return LoopyBeliefs(marginals, residual <= tol, n_iter, residual, log_z, status)


def _is_forest(scopes: Sequence[tuple[int, ...]]) -> bool:
    """Whether variables and tables, joined where a table has a variable, form no loop."""
    parent: dict[int, int] = {}

    def root(v: int) -> int:
        while parent.setdefault(v, v) != v:
            parent[v] = parent[parent[v]]
            v = parent[v]
        return v

    for scope in scopes:
        roots = [root(v) for v in scope]
        if len(set(roots)) < len(roots):
            return False
        for other in roots[1:]:
            parent[other] = roots[0]
    return True


class _Messages:
    """Messages from each table to each of its variables, as normalised logarithms."""

    def __init__(
        self, sizes: tuple[int, ...], tables: list[tuple[tuple[int, ...], Array]], damping: float
    ) -> None:
        self.sizes, self.tables, self.damping = sizes, tables, damping
        self.sent = [[np.full(sizes[v], -np.log(sizes[v])) for v in scope] for scope, _ in tables]

    def _received(self) -> list[Array]:
        """Sum of what each variable has been sent."""
        total = [np.zeros(size) for size in self.sizes]
        for (scope, _), messages in zip(self.tables, self.sent, strict=True):
            for v, message in zip(scope, messages, strict=True):
                total[v] = total[v] + message
        return total

    def _weighed(self, number: int, received: list[Array]) -> tuple[Array, list[Array]]:
        """A table with its variables' messages to it multiplied on, and those messages."""
        scope, table = self.tables[number]
        back = []
        for axis, v in enumerate(scope):
            own = self.sent[number][axis]
            # What is -inf may be so by this table's word alone: ask the others afresh.
            if np.isneginf(own).any():
                other = self._received_without(number, v)
            else:
                other = received[v] - own
            back.append(_normalised(other))
            shape = [1] * len(scope)
            shape[axis] = -1
            table = table + back[-1].reshape(shape)
        return table, back

    def _received_without(self, number: int, variable: int) -> Array:
        total = np.zeros(self.sizes[variable])
        for other, (scope, _) in enumerate(self.tables):
            if other != number and variable in scope:
                total = total + self.sent[other][scope.index(variable)]
        return total

    def send(self) -> float:
        """One round; returns the largest change of a probability in any message."""
        received = self._received()
        change = 0.0
        fresh = []
        for number, (scope, _) in enumerate(self.tables):
            weighed, back = self._weighed(number, received)
            messages = []
            for axis in range(len(scope)):
                rest = tuple(a for a in range(len(scope)) if a != axis)
                total = _log_sum(weighed, rest)
                with np.errstate(invalid="ignore"):
                    # Taking the variable's own message off again; where it was zero, the
                    # message is found without it.
                    message = total - back[axis]
                if np.isneginf(back[axis]).any():
                    shape = [1] * len(scope)
                    shape[axis] = -1
                    message = _log_sum(self._without(number, back, axis), rest)
                message = _normalised(message)
                old = self.sent[number][axis]
                if self.damping:
                    with np.errstate(divide="ignore"):
                        message = np.log(
                            (1.0 - self.damping) * np.exp(message) + self.damping * np.exp(old)
                        )
                change = max(change, float(np.abs(np.exp(message) - np.exp(old)).max()))
                messages.append(message)
            fresh.append(messages)
        self.sent = fresh
        return change

    def _without(self, number: int, back: list[Array], skipped: int) -> Array:
        scope, table = self.tables[number]
        for axis in range(len(scope)):
            if axis != skipped:
                shape = [1] * len(scope)
                shape[axis] = -1
                table = table + back[axis].reshape(shape)
        return table

    def belief(self, variable: int) -> Array:
        """log of the approximate marginal."""
        return _normalised(self._received()[variable])

    def bethe_log_partition(self) -> float:
        """Sum of the tables' expected logs and local entropies, variables counted once."""
        received = self._received()
        degrees = [0] * len(self.sizes)
        total = 0.0
        for number, (scope, table) in enumerate(self.tables):
            log_b, _ = self._weighed(number, received)
            log_b = log_b - logsumexp(log_b)
            b = np.exp(log_b)
            here = b > 0.0
            total += float(np.sum(b[here] * (table[here] - log_b[here])))
            for v in scope:
                degrees[v] += 1
        for v, degree in enumerate(degrees):
            if degree:
                log_b = _normalised(received[v])
                b = np.exp(log_b)
                here = b > 0.0
                total += (degree - 1) * float(np.sum(b[here] * log_b[here]))
        return total


def _log_sum(table: Array, axes: tuple[int, ...]) -> Array:
    if not axes:
        return table
    peak = table.max(axis=axes, keepdims=True)
    peak = np.where(np.isneginf(peak), 0.0, peak)
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(np.exp(table - peak).sum(axis=axes)) + np.squeeze(peak, axes))


def _normalised(message: Array) -> Array:
    total = logsumexp(message)
    if np.isneginf(total):
        raise ValueError("belief propagation: the evidence and the factors forbid every state")
    return np.asarray(message - total)
