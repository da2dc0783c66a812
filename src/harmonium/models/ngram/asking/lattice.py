"""A text with blanks or noisy words as a lattice: best path, posteriors, draws, all exact.

Layer t holds the states (contexts) that t words can lead to; edges say a word. The known part
before the first doubtful word is one state a layer. Where a layer would have too many edges
(:func:`lists_edges`), the step is taken from every context at once (:mod:`.dense`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harmonium.models.ngram.asking import dense
from harmonium.models.ngram.trie import Trie

__all__ = ["Choice", "Lattice", "lists_edges"]

_MOST_EDGES = 2**20


def lists_edges(n_edges: int, n_nodes: int) -> bool:
    """Whether a step writes out its edges; else it is taken from every context at once, which
    costs a visit of each of the `n_nodes` n-grams and gives the same answers."""
    return n_edges <= max(_MOST_EDGES, n_nodes)


@dataclass(frozen=True)
class Choice:
    """What may stand at one place: word numbers and the log-weight of each (its likelihood)."""

    words: NDArray[np.int64]
    log_weight: NDArray[np.float64]


@dataclass
class _Step:
    """Explicit edges between two layers, or None and the weights of a step over all words."""

    source: NDArray[np.int64] | None
    target: NDArray[np.int64]
    word: NDArray[np.int64]
    log_value: NDArray[np.float64]
    unary: NDArray[np.float64] | None = None

    @property
    def weights(self) -> NDArray[np.float64]:
        """The log-weight of each word, in a step over all words."""
        assert self.unary is not None
        return self.unary


class Lattice:
    """All ways of saying a text with one :class:`Choice` a place, from the state `start`.

    ``said`` words, ``<s>`` included, come before the first place. Questions raise ``ValueError``,
    which names the text, where no way has probability above zero.
    """

    def __init__(
        self, trie: Trie, choices: list[Choice], start: int, said: int = 1, name: str = "X"
    ) -> None:
        self.trie, self.said, self.name = trie, said, name
        self.layers = [np.array([start], dtype=np.int64)]
        self.steps: list[_Step] = []
        self.choices = choices
        for choice in choices:
            self._extend(choice)

    def _extend(self, choice: Choice) -> None:
        trie, states = self.trie, self.layers[-1]
        if not lists_edges(len(states) * len(choice.words), len(trie.word)):
            unary = np.full(trie.n_words, -np.inf)
            unary[choice.words] = choice.log_weight
            nothing = np.zeros(0, dtype=np.int64)
            self.steps.append(_Step(None, nothing, nothing, np.zeros(0), unary))
            self.layers.append(np.arange(trie.n_contexts))
            return
        source = np.repeat(np.arange(len(states)), len(choice.words))
        word = np.tile(choice.words, len(states))
        value, following = trie.step(states[source], word, self.said + len(self.steps))
        value = value + np.tile(choice.log_weight, len(states))
        possible = value > -np.inf
        source, word, value = source[possible], word[possible], value[possible]
        layer, target = np.unique(following[possible], return_inverse=True)
        self.steps.append(_Step(source, target, word, value))
        self.layers.append(layer)

    @cached_property
    def mass(self) -> list[NDArray[np.float64]]:
        """Log of the mass at each state of each layer."""
        mass = [np.zeros(1)]
        for t, step in enumerate(self.steps):
            if step.source is None:
                received = dense.forward(
                    self.trie, self._spread(t, mass[-1]), np.exp(step.weights), self.said + t
                )
                after = np.bincount(
                    self.trie.targets, weights=received, minlength=self.trie.n_contexts
                )
                with np.errstate(divide="ignore"):
                    mass.append(np.log(after) + _top(mass[-1]))
            else:
                arriving = mass[-1][step.source] + step.log_value
                mass.append(_log_sums(arriving, step.target, len(self.layers[t + 1])))
            if not (mass[-1] > -np.inf).any():
                raise ValueError(f"{self.name}: no word is possible at place {t}, P is zero")
        return mass

    def _spread(self, t: int, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Layer t's log values as linear values over all contexts, the largest being 1."""
        spread = np.zeros(self.trie.n_contexts)
        spread[self.layers[t]] = np.exp(values - _top(values))
        return spread

    @property
    def log_total(self) -> float:
        """log of the sum over all ways."""
        return float(np.logaddexp.reduce(self.mass[-1]))

    def _backward(self) -> list[NDArray[np.float64]]:
        """Log of the sum over all ways on from each state of each layer."""
        on: list[NDArray[np.float64]] = [np.zeros(len(self.layers[-1]))]
        for t in range(len(self.steps) - 1, -1, -1):
            step, after = self.steps[t], on[0]
            if step.source is None:
                value = dense.backward(
                    self.trie, self._spread(t + 1, after), np.exp(step.weights), self.said + t
                )
                with np.errstate(divide="ignore"):
                    on.insert(0, np.log(value[self.layers[t]]) + _top(after))
            else:
                leaving = step.log_value + after[step.target]
                on.insert(0, _log_sums(leaving, step.source, len(self.layers[t])))
        return on

    def posterior(self) -> list[NDArray[np.float64]]:
        """P(word at each place given everything): arrays over the vocabulary that sum to one."""
        on, out = self._backward(), []
        for t, step in enumerate(self.steps):
            if step.source is None:
                received = dense.forward(
                    self.trie, self._spread(t, self.mass[t]), np.exp(step.weights), self.said + t
                )
                after = self._spread(t + 1, on[t + 1])
                word, weight = self.trie.word.astype(np.int64), received * after[self.trie.targets]
            else:
                log_weight = self.mass[t][step.source] + step.log_value + on[t + 1][step.target]
                word, weight = step.word, np.exp(log_weight - _top(log_weight))
            total = np.bincount(word, weights=weight, minlength=self.trie.n_words)
            out.append(total / total.sum())
        return out

    def best(self) -> list[int]:
        """The most probable words (Viterbi 1967).

        States that cannot lead to anything better than the way that takes the likeliest choice
        at each place are left out on the way; no probability of theirs is lost.
        """
        score = np.zeros(1)
        needed = self._needed()
        back: list[tuple[NDArray[Any], NDArray[Any]]] = []
        for t, step in enumerate(self.steps):
            if step.source is None:
                spread = np.full(self.trie.n_contexts, -np.inf)
                spread[self.layers[t]] = score
                score, source, word = dense.best(self.trie, spread, step.weights, self.said + t)
                back.append((np.searchsorted(self.layers[t], source), word))
                score[score < needed[t]] = -np.inf
            else:
                arriving = score[step.source] + step.log_value
                order = np.lexsort((arriving, step.target))
                last = np.append(np.diff(step.target[order]) > 0, True)[: len(order)]
                chosen = order[last]
                score = np.full(len(self.layers[t + 1]), -np.inf)
                score[step.target[chosen]] = arriving[chosen]
                back.append((step.source[chosen], step.word[chosen]))
            if not (score > -np.inf).any():
                raise ValueError(f"{self.name}: no word is possible at place {t}, P is zero")
        state, words = int(np.argmax(score)), []
        for source, word in reversed(back):
            words.append(int(word[state]))
            state = int(source[state])
        return words[::-1]

    def _needed(self) -> NDArray[np.float64]:
        """The score that a state after each place must reach to be on the best way (a bound)."""
        needed = np.full(len(self.steps), -np.inf)
        trie = self.trie
        simple = np.isnan(trie.floor).all() and not (trie.log_backoff > 0.0).any()
        if not simple or all(step.source is not None for step in self.steps):
            return needed
        most = self.trie.most_probable
        # At best each word is said where it is most probable ...
        rest = [float((most[c.words] + c.log_weight).max()) for c in self.choices]
        # ... and at worst the likeliest choices are taken.
        state, least = int(self.layers[0][0]), 0.0
        for choice in self.choices:
            pick = int(np.argmax(choice.log_weight))
            value, following = trie.step(np.array([state]), choice.words[pick : pick + 1])
            least += float(value[0]) + float(choice.log_weight[pick])
            state = int(following[0])
        after = np.append(np.cumsum(rest[::-1])[::-1][1:], 0.0)
        needed[:] = least - after - 1e-6 * (1.0 + abs(least))
        return needed

    def draw(self, generator: np.random.Generator, n: int) -> NDArray[np.int64]:
        """`n` independent draws of all places from the posterior: ``(n, n_places)``.

        Backward sums, then forward draws; a step over all words is drawn context by context.
        """
        on = self._backward()
        state = np.zeros(n, dtype=np.int64)
        words = np.empty((n, len(self.steps)), dtype=np.int64)
        for t, step in enumerate(self.steps):
            before = state.copy()
            for s in np.unique(before):
                rows = np.flatnonzero(before == s)
                word, target, log_value = self._edges(t, step, int(s))
                weight = log_value + on[t + 1][target]
                probability = np.exp(weight - _top(weight))
                pick = np.searchsorted(
                    np.cumsum(probability) / probability.sum(), generator.random(len(rows)), "right"
                )
                pick = np.minimum(pick, len(word) - 1)
                words[rows, t] = word[pick]
                state[rows] = target[pick]
        return words

    def _edges(
        self, t: int, step: _Step, s: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
        if step.source is not None:
            edges = np.flatnonzero(step.source == s)
            return step.word[edges], step.target[edges], step.log_value[edges]
        value, following = self.trie.transitions(int(self.layers[t][s]), self.said + t)
        return np.arange(self.trie.n_words), following, value + step.weights


def _top(values: NDArray[np.float64]) -> float:
    """The largest value, or 0 where all are -inf: what to take out before exp."""
    top = float(values.max(initial=-np.inf))
    return top if np.isfinite(top) else 0.0


def _log_sums(
    values: NDArray[np.float64], groups: NDArray[np.int64], n: int
) -> NDArray[np.float64]:
    """log of the sum of exp within each group."""
    top = _top(values)
    with np.errstate(divide="ignore"):
        return np.log(np.bincount(groups, weights=np.exp(values - top), minlength=n)) + top
