"""A text behind one in which words were put in, left out or replaced: the best, draws; exact.

A state is how many noisy words were read and the context that the clean words led to. A clean
word that was left out reads nothing, so that a layer leads to itself: its sum without end is
:func:`.ahead.sum_of`'s.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from harmonium.contract.noise import Edits, log_kept_and_changed
from harmonium.models.ngram.asking import dense
from harmonium.models.ngram.asking.ahead import best_of, sum_of
from harmonium.models.ngram.trie import Trie
from harmonium.models.ngram.vocabulary import END, N_MARKERS, UNKNOWN

__all__ = ["Edited"]

Array = NDArray[np.float64]


class Edited:
    """The texts behind the noisy word numbers `read`; `end`: whether they end there."""

    def __init__(self, trie: Trie, read: list[int], noise: Edits, *, end: bool, best: bool) -> None:
        if not np.isnan(trie.unknown_context) and trie.order > 2:
            raise ValueError(
                "noise: Edits wants contexts that back off; this model, of smoothing='add-k', "
                "does so only up to order 2"
            )
        self._trie, self._read, self._best, self._end = trie, read, best, end
        self._linear = dense.linear(trie)
        self._said = trie.order
        n_known = trie.n_words - N_MARKERS
        with np.errstate(divide="ignore"):
            self._insert = float(np.log(noise.insert)) - np.log(n_known)
            self._on, stays = np.log1p(-noise.insert), np.log1p(-noise.delete)
            left_out = np.full(trie.n_words, float(np.log(noise.delete))) + self._on
        left_out[:N_MARKERS] = -np.inf
        self._left_out = left_out
        kept, changed = log_kept_and_changed(noise.substitute, n_known)
        self._said_as: list[Array] = []
        for word in read:
            weights = np.full(trie.n_words, -np.inf)
            if word != UNKNOWN:  # no replacement looks like a word that is not known
                weights[N_MARKERS:] = changed
            weights[word] = kept if word != UNKNOWN else np.log1p(-noise.substitute)
            self._said_as.append(weights + stays + self._on)
        self._layers: list[Array] = [np.zeros(0)] * (len(read) + 1)
        for place in range(len(read), -1, -1):
            self._layers[place] = self._layer(place)

    def _layer(self, place: int) -> Array:
        """log of what lies ahead of each context once `place` noisy words are read."""
        trie = self._trie
        if place == len(self._read):
            every = np.arange(trie.n_contexts)
            ending = trie.step(every, np.full(len(every), END), self._said)[0]
            source = self._on + (ending if self._end else np.zeros(len(every)))
        else:
            after = self._layers[place + 1]
            source = self._step(after, self._said_as[place])
            if self._read[place] != UNKNOWN:
                combine = np.maximum if self._best else np.logaddexp
                source = combine(source, self._insert + after)

        def onward(values: dict[int, Array]) -> dict[int, Array]:
            return {0: self._step(values[0], self._left_out)}

        return (best_of if self._best else sum_of)(onward, {0: source})[0]

    def _step(self, after: Array, weights: Array) -> Array:
        """One clean word on, of log-weight `weights` and P, to what lies `after` it."""
        trie = self._trie
        nodes = weights[trie.word] + after[trie.targets]
        nodes[0] = -np.inf  # the empty n-gram
        if self._best:
            return dense.best_after(trie, nodes, self._said)
        top = float(nodes.max(initial=-np.inf))
        if top == -np.inf:
            return np.full(trie.n_contexts, -np.inf)
        with np.errstate(divide="ignore"):
            return np.log(dense.sums(trie, self._linear, np.exp(nodes - top), self._said)) + top

    def text(self, generator: np.random.Generator) -> list[int] | None:
        """The best text's words, or a draw's; None where P is zero."""
        state, place, words = self._trie.start, 0, list[int]()
        if self._layers[0][state] == -np.inf:
            return None
        while True:
            log_prob, following = self._trie.transitions(state, self._said)
            options = [log_prob + self._left_out + self._layers[place][following]]
            if place < len(self._read):
                after = self._layers[place + 1]
                options.append(log_prob + self._said_as[place] + after[following])
                known = self._read[place] != UNKNOWN
                last = self._insert + after[state] if known else -np.inf
            else:
                last = self._on + (log_prob[END] if self._end else 0.0)
            pick = self._pick(np.append(np.concatenate(options), last), generator)
            kind, word = divmod(pick, len(log_prob))
            if kind == len(options):
                if place == len(self._read):
                    return words
                place += 1  # the noisy word was put in
                continue
            words.append(word)
            state, place = int(following[word]), place + kind

    def _pick(self, weights: Array, generator: Any) -> int:
        if self._best:
            return int(np.argmax(weights))
        cumulative = np.cumsum(np.exp(weights - weights.max()))
        pick = int(np.searchsorted(cumulative, generator.random() * cumulative[-1], "right"))
        return min(pick, int(np.flatnonzero(weights > -np.inf)[-1]))
