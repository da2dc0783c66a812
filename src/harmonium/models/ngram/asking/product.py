"""The product of a chain of words with the automaton of :mod:`.phrases`: a step over all words.

A state is a context of the chain and a state of the automaton. Most words stand in no phrase and
lead to the automaton's home state, whatever its tail: their part is one visit an n-gram for each
set of phrases held (:mod:`.dense`). What the few words of phrases lead to is written out. A state
with a tail has few contexts: those that its words can lead to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from harmonium.models.ngram.asking import dense
from harmonium.models.ngram.asking.phrases import Phrase, Phrases
from harmonium.models.ngram.trie import Trie
from harmonium.models.ngram.vocabulary import END, START, UNKNOWN

__all__ = ["Array", "Product", "Ring", "Values"]

Array = NDArray[np.float64]
#: Log of what lies after each context of an automaton's state; a state that is not there has
#: nothing after it.
Values = dict[int, Array]
#: Sums or maxima: the plain words' part, and how parts come together.
Ring = tuple[Callable[[Array, int], Array], Callable[[list[Array]], Array]]


class Product:
    """A chain's trie and an automaton; `unknown`: whether ``<unk>`` is a word like others."""

    def __init__(self, trie: Trie, phrases: Phrases, *, unknown: bool = False) -> None:
        self.trie, self.phrases = trie, phrases
        plain = np.ones(trie.n_words, dtype=bool)
        plain[[START, END, *phrases.words]] = False
        plain[UNKNOWN] = unknown
        self._plain = plain[trie.word]
        self._plain[0] = False  # the empty n-gram
        self._steps: dict[int, tuple[Array, NDArray[np.int64]]] = {}
        self._short_steps: dict[tuple[int, int], Array] = {}
        self._contexts: dict[Phrase, NDArray[np.int64]] = {(): np.arange(trie.n_contexts)}
        self._places: dict[tuple[Phrase, int, Phrase], NDArray[np.int64]] = {}

    @property
    def n_numbers(self) -> int:
        """Numbers that :data:`Values` of all states hold, but for the few with a tail."""
        return len(set(self.phrases.held)) * self.trie.n_contexts

    # What is looked up once

    @cached_property
    def _linear(self) -> dense.Linear:
        return dense.linear(self.trie)

    def _step(self, word: int) -> tuple[Array, NDArray[np.int64]]:
        """log P(word | c) and the next context, for every context that is known in full."""
        if word not in self._steps:
            every = self._contexts[()]
            self._steps[word] = self.trie.step(every, np.full(len(every), word), 0)
        return self._steps[word]

    def log_prob(self, word: int, said: int) -> Array:
        """log P(word | c) for every context c after `said` words, ``<s>`` included."""
        short = self.trie.n_short(said)
        if not short:
            return self._step(word)[0]
        if (word, short) not in self._short_steps:
            values = self._step(word)[0].copy()
            values[:short] = self.trie.unknown_context
            self._short_steps[word, short] = values
        return self._short_steps[word, short]

    def contexts(self, tail: Phrase) -> NDArray[np.int64]:
        """The contexts that a text with this tail can have, in order."""
        if tail not in self._contexts:
            before = self.contexts(tail[:-1])
            self._contexts[tail] = np.unique(self._step(tail[-1])[1][before])
        return self._contexts[tail]

    def _place(self, tail: Phrase, word: int, after: Phrase) -> NDArray[np.int64]:
        """Where among the contexts of the tail `after` those of `tail` are once `word` is said."""
        key = (tail, word, after)
        if key not in self._places:
            following = self._step(word)[1][self.contexts(tail)]
            self._places[key] = (
                np.searchsorted(self.contexts(after), following) if after else following
            )
        return self._places[key]

    # Steps

    @property
    def sums(self) -> Ring:
        """Steps that add probabilities up."""
        return self._plain_sums, _log_sum

    @property
    def maxima(self) -> Ring:
        """Steps that keep the best."""
        return self._plain_best, lambda parts: np.maximum.reduce(parts)

    def _plain_sums(self, after: Array, said: int) -> Array:
        top = float(after.max(initial=-np.inf))
        if top == -np.inf:
            return np.full(self.trie.n_contexts, -np.inf)
        linear = np.where(self._plain, np.exp(after - top)[self.trie.targets], 0.0)
        with np.errstate(divide="ignore"):
            return np.log(dense.sums(self.trie, self._linear, linear, said)) + top

    def _plain_best(self, after: Array, said: int) -> Array:
        nodes = np.where(self._plain, after[self.trie.targets], -np.inf)
        return dense.best_after(self.trie, nodes, said)

    def step(
        self, ring: Ring, group: Iterable[int], after: Values, said: int, *, ends: bool
    ) -> Values:
        """What lies after each state of a group, from what lies `after` one more word; where
        `ends`, an accepting state may also end the text (``</s>``).

        `said` words, ``<s>`` included, came before. A group is one of :meth:`Phrases.groups`.
        """
        home, *_ = group = list(group)
        plain_part, together = ring
        plain = plain_part(after[home], said) if home in after else None
        values: Values = {}
        for state in group:
            tail = self.phrases.tails[state]
            own = self.contexts(tail)
            parts = [] if plain is None else [plain[own] if tail else plain]
            for word, there in self.phrases.following[state].items():
                if there in after:
                    parts.append(self._said(state, word, there, after, said))
            if ends and self.phrases.accepting[state]:
                parts.append(self.log_prob(END, said)[own])
            if parts:
                values[state] = together(parts)
        return values

    def step_over(self, word: int, after: Values, said: int) -> Values:
        """The step of all states over one certain word."""
        return {
            state: self._said(state, word, there, after, said)
            for state in range(len(self.phrases.tails))
            if (there := self.phrases.after(state, word)) in after
        }

    def _said(self, state: int, word: int, there: int, after: Values, said: int) -> Array:
        tail = self.phrases.tails[state]
        place = self._place(tail, word, self.phrases.tails[there])
        return self.log_prob(word, said)[self.contexts(tail)] + after[there][place]

    # One state

    def value(self, values: Values, state: int, context: int) -> float:
        """What lies after one state and context."""
        if state not in values:
            return -np.inf
        tail = self.phrases.tails[state]
        place = int(np.searchsorted(self.contexts(tail), context)) if tail else context
        return float(values[state][place])

    def words_on(
        self, after: Values, state: int, context: int, said: int, *, ends: bool
    ) -> tuple[Array, NDArray[np.int64]]:
        """log of P(word | context) times what lies `after` it, for each word, ``</s>`` where the
        text may end; and the next context."""
        log_prob, following = self.trie.transitions(context, said)
        home = self.phrases.home[state]
        end = log_prob[END] if ends and self.phrases.accepting[state] else -np.inf
        weights = (
            log_prob + after[home][following] if home in after else np.full(len(log_prob), -np.inf)
        )
        for word, there in self.phrases.following[state].items():
            weights[word] = log_prob[word] + self.value(after, there, int(following[word]))
        weights[[UNKNOWN, START, END]] = -np.inf, -np.inf, end
        return weights, following


def _log_sum(parts: list[Array]) -> Array:
    top = max(float(part.max(initial=-np.inf)) for part in parts)
    if len(parts) == 1 or top == -np.inf:
        return parts[0]
    with np.errstate(divide="ignore"):
        return np.log(np.sum([np.exp(part - top) for part in parts], axis=0)) + top
