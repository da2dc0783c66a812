"""How likely texts are: block by block, on all cores."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from harmonium.compute.threads import in_order
from harmonium.data.texts import Block
from harmonium.models.ngram.asking.chain import Chain
from harmonium.models.ngram.vocabulary import START, UNKNOWN

__all__ = ["Perplexity", "perplexity", "score"]


class Perplexity(NamedTuple):
    """exp of the mean negative log P a word, and the share of words that are not known."""

    value: float
    unknown_share: float


def score(chain: Chain, X: Any, end: bool) -> NDArray[np.float64]:
    """log P of each text of `X`, in nats; with P(``</s>``) where `end`."""
    return np.concatenate([np.zeros(0), *(scores for scores, _, _ in _scored(chain, X, end))])


def perplexity(chain: Chain, X: Any, end: bool) -> Perplexity:
    """The perplexity of texts; where `end`, the end of each counts as a word."""
    total, n_counted, n_words, n_unknown = 0.0, 0, 0, 0
    for scores, words, unknown in _scored(chain, X, end):
        total += float(scores.sum())
        n_words += words
        n_counted += words + (len(scores) if end else 0)
        n_unknown += unknown
    if not n_counted:
        raise ValueError("X: no words to score")
    return Perplexity(float(np.exp(-total / n_counted)), n_unknown / max(n_words, 1))


def _scored(chain: Chain, X: Any, end: bool) -> Iterator[tuple[NDArray[np.float64], int, int]]:
    """For each block of texts their log P, how many words they have, how many not known."""
    chain.trie.automaton()  # what the threads share is made before they start

    def scored(block: Block) -> tuple[NDArray[np.float64], int, int]:
        ids = chain.vocabulary.encode(block)
        starts = np.append(np.flatnonzero(ids == START), len(ids))
        n_words = len(ids) - 2 * (len(starts) - 1)
        n_unknown = int(np.count_nonzero(ids == UNKNOWN))
        return chain.trie.score(ids, starts, end), n_words, n_unknown

    return in_order(scored, chain.tokenization.blocks(X))
