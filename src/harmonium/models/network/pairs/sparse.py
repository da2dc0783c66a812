"""The few pairs that rows speak for: group L1 on the pseudo-likelihood, chosen by a criterion."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from harmonium.models.network.pairs.counts import Array, OneHot

__all__ = ["sparse_pairs"]

#: Penalties tried, each this part of the one before, the first that of no pair at all.
_N_PENALTIES, _STEP = 14, 0.7
#: Steps of a climb at most, and the change of its value, in nats of all rows, that ends it: a
#: criterion that differs by less tells nothing.
_MOST_STEPS, _SETTLED = 400, 0.02
#: Weight of the number of possible pairs in the criterion (Foygel, Drton 2010).
_GAMMA = 0.5


@dataclass(frozen=True)
class _Parameters:
    """Fields ``(n_columns,)`` and symmetric couplings ``(n_columns, n_columns)``."""

    fields: Array
    couplings: Array

    def beyond(self, other: _Parameters, part: float) -> _Parameters:
        """As far again past `self` as it is from `other`, times `part`."""
        return _Parameters(
            self.fields + part * (self.fields - other.fields),
            self.couplings + part * (self.couplings - other.couplings),
        )


def sparse_pairs(rows: OneHot, n_rows: float) -> list[tuple[int, int]]:
    """Pairs ``(i, j)``, i < j, of variables that stay coupled, given all others.

    Every variable's states are a softmax of all others' (pseudo-likelihood, Besag 1975), with a
    penalty on the length of each pair's couplings that sets weak ones to zero (group lasso, Yuan,
    Lin 2006; of Markov networks Lee, Ganapathi, Koller 2006). Along falling penalties the pairs
    are taken that have the lowest extended Bayes criterion once fitted without penalty; of
    `n_rows` rows. Costs some
    hundred products of the one-hot rows, which it holds, with the couplings.
    """
    climb = _Climb(rows, n_rows)
    start = climb.alone()
    gradient = climb.gradient(start)[1]
    top = climb.lengths(gradient.couplings).max(initial=0.0)
    best, least, worse = np.zeros((len(rows.sizes),) * 2, dtype=bool), math.inf, 0
    tried: set[bytes] = set()
    current = start
    for step in range(_N_PENALTIES):
        current = climb.climb(current, 1.001 * top * _STEP**step, None)
        chosen = climb.lengths(current.couplings) > 0.0
        if chosen.tobytes() in tried:
            continue
        tried.add(chosen.tobytes())
        free = climb.climb(current, 0.0, chosen)
        criterion = _criterion(climb, free, chosen, n_rows)
        if criterion < least:
            best, least, worse = chosen, criterion, 0
        else:
            worse += 1
        if worse == 3:
            break
    return [(int(i), int(j)) for i, j in zip(*np.nonzero(np.triu(best)), strict=True)]


def _criterion(climb: _Climb, free: _Parameters, chosen: np.ndarray, n_rows: float) -> float:
    """Each pair counts twice, as it stands in two conditionals."""
    n = len(chosen)
    freedom = np.outer(*(np.array(climb.rows.sizes, dtype=float) - 1.0,) * 2)
    pairs = np.triu(chosen)
    price = float(freedom[pairs].sum()) * math.log(max(n_rows, 2.0))
    price += 2.0 * _GAMMA * pairs.sum() * math.log(max(n * (n - 1) / 2, 1.0))
    return -2.0 * n_rows * climb.value(free) + 2.0 * price


class _Climb:
    """Mean log pseudo-likelihood of `rows`, its gradient, and penalised climbs."""

    def __init__(self, rows: OneHot, n_rows: float) -> None:
        self.rows, self.settled = rows, _SETTLED / n_rows
        self.blocks = list(rows.blocks())
        self.starts = rows.starts[:-1]
        self.of_variable = np.repeat(np.arange(len(rows.sizes)), rows.sizes)
        self.apart = self.of_variable[:, None] != self.of_variable[None, :]
        self.rate = 4.0 / len(rows.sizes)

    def alone(self) -> _Parameters:
        """Every variable for itself."""
        shares = sum((hot * w[:, None]).sum(0) for hot, w in self.blocks)
        logs = np.log(np.maximum(np.asarray(shares), 1e-6))
        return _Parameters(logs, np.zeros(self.apart.shape))

    def lengths(self, couplings: Array) -> Array:
        """Of each pair's block of couplings ``(n, n)``."""
        squares = np.add.reduceat(np.add.reduceat(couplings**2, self.starts, 0), self.starts, 1)
        return np.asarray(np.sqrt(squares))

    def value(self, at: _Parameters) -> float:
        """Mean log pseudo-likelihood, in nats a row."""
        return sum(self._weighed(at, hot, shares)[0] for hot, shares in self.blocks)

    def gradient(self, at: _Parameters) -> tuple[float, _Parameters]:
        """The value and what it gains by each parameter, a pair's coupling counted once."""
        value, fields, couplings = 0.0, np.zeros_like(at.fields), np.zeros_like(at.couplings)
        for hot, shares in self.blocks:
            gained, p = self._weighed(at, hot, shares)
            off = (hot - p) * shares[:, None]
            value += gained
            fields += off.sum(0)
            couplings += hot.T @ off
        # A pair's coupling stands in the conditionals of both of its variables.
        return value, _Parameters(fields, np.where(self.apart, couplings + couplings.T, 0.0))

    def _weighed(self, at: _Parameters, hot: Array, shares: Array) -> tuple[float, Array]:
        """What some rows add to the value, and P of each state given the rest of each row."""
        logits = hot @ at.couplings + at.fields
        logits -= np.maximum.reduceat(logits, self.starts, axis=1)[:, self.of_variable]
        p = np.exp(logits)
        totals = np.add.reduceat(p, self.starts, axis=1)
        p /= totals[:, self.of_variable]
        return float(shares @ ((hot * logits).sum(1) - np.log(totals).sum(1))), p

    def climb(self, start: _Parameters, penalty: float, chosen: np.ndarray | None) -> _Parameters:
        """The top of the pseudo-likelihood less `penalty` times all pairs' lengths, each pair
        counted once; of the pairs `chosen` alone, if given (FISTA, Beck, Teboulle 2009, begun
        anew where it would go down, O'Donoghue, Candes 2015)."""
        now = ahead = start
        height, momentum, rate = -math.inf, 1.0, self.rate
        for _ in range(_MOST_STEPS):
            value, gradient = self.gradient(ahead)
            while True:
                new = self._stepped(ahead, gradient, rate, penalty, chosen)
                reached = self.value(new)
                if reached >= value + self._promised(ahead, new, gradient, rate) - 1e-12:
                    break
                rate /= 2.0
            top = reached - penalty * self.lengths(new.couplings).sum() / 2.0
            if top < height and momentum > 1.0:
                ahead, momentum = now, 1.0
                continue
            settled = top - height < self.settled
            following = (1.0 + math.sqrt(1.0 + 4.0 * momentum**2)) / 2.0
            ahead = new.beyond(now, (momentum - 1.0) / following)
            now, height, momentum = new, top, following
            if settled:
                break
            rate *= 1.1
        return now

    def _promised(
        self, old: _Parameters, new: _Parameters, gradient: _Parameters, rate: float
    ) -> float:
        """What a quadratic of curvature 1 / `rate` gains from `old` to `new`."""
        moved = (new.fields - old.fields, (new.couplings - old.couplings) / math.sqrt(2.0))
        along = (gradient.fields * moved[0]).sum()
        along += (gradient.couplings * moved[1]).sum() / math.sqrt(2.0)
        return float(along - sum((part**2).sum() for part in moved) / (2.0 * rate))

    def _stepped(
        self,
        at: _Parameters,
        gradient: _Parameters,
        rate: float,
        penalty: float,
        chosen: np.ndarray | None,
    ) -> _Parameters:
        couplings = at.couplings + rate * gradient.couplings
        lengths = self.lengths(couplings)
        kept = np.maximum(1.0 - rate * penalty / np.maximum(lengths, 1e-300), 0.0)
        if chosen is not None:
            kept = kept * chosen
        couplings *= kept[np.ix_(self.of_variable, self.of_variable)]
        return _Parameters(at.fields + rate * gradient.fields, couplings)
