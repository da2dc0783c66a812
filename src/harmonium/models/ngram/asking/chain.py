"""A chain of words as questions want it, and where a context leads in it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from harmonium.data.texts import Tokenization
from harmonium.models.ngram.trie import Trie
from harmonium.models.ngram.vocabulary import MARKERS, START, UNKNOWN, Vocabulary

__all__ = ["Chain"]


@dataclass(frozen=True)
class Chain:
    """N-grams, words, and how texts are read."""

    trie: Trie
    vocabulary: Vocabulary
    tokenization: Tokenization
    #: Whether texts were token lists, so that new ones are too.
    lists: bool = False

    def said(self, words: Sequence[str]) -> Any:
        """`words` as a new text."""
        return list(words) if self.lists else self.tokenization.text(words)

    def numbers(self, words: Iterable[str]) -> list[int]:
        """The number of each word, ``<unk>``'s where it is not known."""
        known = self.vocabulary.numbers
        return [known.get(word, UNKNOWN) for word in words]

    def after(self, context: str | Sequence[str]) -> tuple[int, int]:
        """The state after `context`, and how many words of it count (``<s>`` included)."""
        words = self.tokenization.tokens(context) if isinstance(context, str) else list(context)
        begins = not words
        if words and words[0] == MARKERS[START]:
            begins, words = True, words[1:]
        if MARKERS[START] in words:
            raise ValueError(f"context: <s> can only come first, got {context!r}")
        state = self.trie.start if begins else 0
        return self.trie.follow(state, self.numbers(words)), len(words) + begins

    def log_prob(self, word: str, context: str | Sequence[str]) -> float:
        """log P(word given context) in nats."""
        state, said = self.after(context)
        (number,) = self.numbers([word])
        if number == START:  # it begins every text and follows nothing
            return -np.inf
        values, _ = self.trie.step(np.array([state]), np.array([number]), said)
        return float(values[0])

    def next_words(self, context: str | Sequence[str], n: int) -> list[tuple[str, float]]:
        """The `n` most probable words after `context`, with their probabilities."""
        values, _ = self.trie.transitions(*self.after(context))
        best = np.argsort(-values, kind="stable")[:n]
        words = self.vocabulary.words
        return [(words[i], float(np.exp(values[i]))) for i in best]
