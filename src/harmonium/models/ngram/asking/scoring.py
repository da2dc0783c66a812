"""How likely texts are: block by block, on all cores."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harmonium.compute.threads import in_order
from harmonium.data.texts import Block
from harmonium.models.ngram.asking.chain import Chain
from harmonium.models.ngram.vocabulary import START

__all__ = ["perplexity", "score"]


def score(chain: Chain, X: Any, end: bool) -> NDArray[np.float64]:
    """log P of each text of `X`, in nats; with P(``</s>``) where `end`."""
    return np.concatenate([np.zeros(0), *(scores for scores, _ in _scored(chain, X, end))])


def perplexity(chain: Chain, X: Any, end: bool) -> float:
    """exp of the mean negative log P a word."""
    total, n_words = 0.0, 0
    for scores, n in _scored(chain, X, end):
        total += float(scores.sum())
        n_words += n
    if not n_words:
        raise ValueError("X: no words to score")
    return float(np.exp(-total / n_words))


def _scored(chain: Chain, X: Any, end: bool) -> Iterator[tuple[NDArray[np.float64], int]]:
    """For each block of texts their log P, and how many words that is about."""
    chain.trie.automaton()  # what the threads share is made before they start

    def scored(block: Block) -> tuple[NDArray[np.float64], int]:
        ids = chain.vocabulary.encode(block)
        starts = np.append(np.flatnonzero(ids == START), len(ids))
        n_words = len(ids) - (1 if end else 2) * (len(starts) - 1)
        return chain.trie.score(ids, starts, end), n_words

    return in_order(scored, chain.tokenization.blocks(X))
