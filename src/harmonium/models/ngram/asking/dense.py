"""One step from every context over every word at once, at a cost of one visit an n-gram.

A chain of order n has as many states as contexts, and a blank joins each of them with every
word; but a context says something of its own only about the words it lists, and passes the rest
on to its shorter context. So the steps below run over the n-grams, never over pairs of context
and word. They are exact.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from harmonium.models.ngram.kernels import onward
from harmonium.models.ngram.kernels.viterbi import Passed, Reached, best_step
from harmonium.models.ngram.trie import Trie

__all__ = ["Linear", "backward", "best", "best_after", "forward", "linear", "sums"]

Values = NDArray[np.float64]


def backward(trie: Trie, after: Values, unary: Values, length: int) -> Values:
    """``sum_w P(w | c) unary[w] after[next(c, w)]`` for each context c (all linear)."""
    return sums(trie, linear(trie), unary[trie.word] * after[trie.targets], length)


class Linear(NamedTuple):
    """P of each n-gram, and of each context what it passes on; not logarithms."""

    prob: Values
    backoff: Values
    floor: Values


def linear(trie: Trie) -> Linear:
    """The chain's numbers, for :func:`sums`."""
    return Linear(np.exp(trie.log_prob), np.exp(trie.log_backoff), np.exp(trie.floor))


def sums(trie: Trie, numbers: Linear, after: Values, length: int) -> Values:
    """``sum_w P(w | c) after[node of w after c]`` for each context c; ``after`` ``(n_nodes,)``."""
    own, plain = np.empty(trie.n_contexts), np.empty(trie.n_contexts)
    short, constant = trie.n_short(length), float(np.exp(trie.unknown_context))
    onward.sums_on(trie.automaton(), *numbers, after, short, constant, own, plain)
    return own


def best_after(trie: Trie, after: Values, length: int) -> Values:
    """``max_w log P(w | c) + after[node of w after c]`` for each context c; all in nats."""
    out = np.empty(trie.n_contexts)
    onward.best_on(trie.automaton(), after, trie.n_short(length), out)
    return out


def _flows(trie: Trie, before: Values, length: int) -> tuple[Values, Values, Values, Values]:
    """Mass at each context, and what it passes on: to be weighed by P, and already settled."""
    here, settled = before.copy(), np.zeros(trie.n_contexts)
    short = trie.n_short(length)
    if short:
        settled[:short] = here[:short] * np.exp(trie.unknown_context)
        here[:short] = 0.0
    backoff, floor = np.exp(trie.log_backoff), np.exp(trie.floor)
    settles = ~np.isnan(trie.floor)
    passed, passed_settled = np.zeros(trie.n_contexts), np.zeros(trie.n_contexts)
    for k in range(trie.order - 1, 0, -1):
        nodes = trie.level(k)
        passed[nodes] = np.where(settles[nodes], 0.0, backoff[nodes] * here[nodes])
        passed_settled[nodes] = settled[nodes] + np.where(
            settles[nodes], floor[nodes] * here[nodes], 0.0
        )
        below = trie.level(k - 1)
        n, link = below.stop - below.start, trie.link[nodes] - below.start
        here[below] += np.bincount(link, weights=passed[nodes], minlength=n)
        settled[below] += np.bincount(link, weights=passed_settled[nodes], minlength=n)
    return here, settled, passed, passed_settled


def forward(trie: Trie, before: Values, unary: Values, length: int) -> Values:
    """Mass that each n-gram receives: ``sum_c before[c] P(w | c) unary[w]`` over the contexts

    whose longest known suffix with w it is. ``(n_nodes,)``; :func:`backward`'s transpose.
    """
    here, settled, passed, passed_settled = _flows(trie, before, length)
    n = len(trie.word)
    parent, link = trie.parent[1:], trie.link[1:]
    # What a longer context lists too was said there, not here.
    above = np.bincount(link, weights=passed[parent], minlength=n)
    above_settled = np.bincount(link, weights=passed_settled[parent], minlength=n)
    mass = np.zeros(n)
    mass[1:] = np.exp(trie.log_prob[1:]) * np.maximum(here[parent] - above[1:], 0.0)
    mass[1:] += np.maximum(settled[parent] - above_settled[1:], 0.0)
    mass[1:] *= unary[trie.word[1:]]
    return mass


def best(trie: Trie, before: Values, unary: Values, length: int) -> Reached:
    """The best way into each context: log score, the context it came from, the word said."""
    n = trie.n_contexts
    own, settled = before.copy(), np.full(n, -np.inf)
    short = trie.n_short(length)
    if short:
        settled[:short] = own[:short] + trie.unknown_context
        own[:short] = -np.inf
    settles = ~np.isnan(trie.floor)
    passed, passed_settled = np.full(n, -np.inf), np.full(n, -np.inf)
    reach, reach_settled = own.copy(), settled.copy()
    source, source_settled = np.arange(n), np.arange(n)
    for k in range(trie.order - 1, 0, -1):
        level = trie.level(k)
        nodes = level.start + np.flatnonzero(
            np.maximum(reach[level], reach_settled[level]) > -np.inf
        )
        passed[nodes] = np.where(settles[nodes], -np.inf, trie.log_backoff[nodes] + reach[nodes])
        direct = np.where(settles[nodes], trie.floor[nodes] + reach[nodes], -np.inf)
        from_reach = direct > reach_settled[nodes]
        passed_settled[nodes] = np.where(from_reach, direct, reach_settled[nodes])
        source_settled[nodes] = np.where(from_reach, source[nodes], source_settled[nodes])
        for value, origin, total in (
            (passed, source, reach),
            (passed_settled, source_settled, reach_settled),
        ):
            by_value = nodes[np.argsort(value[nodes], kind="stable")]
            better = by_value[value[by_value] > total[trie.link[by_value]]]
            # In rising order, so that the best of each target is written last.
            total[trie.link[better]] = value[better]
            origin[trie.link[better]] = origin[better]
    out = Reached(np.full(n, -np.inf), np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int64))
    best_step(
        trie.automaton(),
        own,
        settled,
        Passed(*_grouped(trie, passed), passed, source),
        Passed(*_grouped(trie, passed_settled), passed_settled, source_settled),
        unary,
        out,
    )
    return out


def _grouped(trie: Trie, value: Values) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Contexts with a finite value, grouped by their link and best first; group starts first."""
    nodes = 1 + np.flatnonzero(value[1:] > -np.inf)
    link = trie.link[nodes]
    order = nodes[np.lexsort((-value[nodes], link))]
    sizes = np.bincount(trie.link[order], minlength=trie.n_contexts)
    return np.concatenate([[0], np.cumsum(sizes)]), order
