"""From texts to a smoothed chain: read, count, smooth."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from harmonium.compute.progress import count_progress
from harmonium.data.text_files import TextFile
from harmonium.data.texts import Tokenization, opened
from harmonium.models.ngram import smoothing
from harmonium.models.ngram.counting.counting import count_levels, read_words, trim
from harmonium.models.ngram.counting.engines import Workspace
from harmonium.models.ngram.learned import Learned
from harmonium.models.ngram.vocabulary import END, N_MARKERS, UNKNOWN, Vocabulary

__all__ = ["Recipe", "learn", "telling_apart", "words_of"]

#: What tells classes of short texts apart better than a chain over words: cues, each counted
#: once a text, smoothed as in multinomial naive Bayes.
_OF_CUES: tuple[dict[str, Any], ...] = (
    {"order": 1, "tokenizer": "cues", "smoothing": "add-k", "k": 1.0},
)


@dataclass(frozen=True)
class Recipe:
    """How to learn a chain: :class:`harmonium.NGram`'s parameters of these names, checked."""

    order: int
    smoothing: str
    k: float
    min_count: int
    engine: str
    tokenization: Tokenization
    #: The words to know; None where the texts say.
    vocabulary: Vocabulary | None


def learn(X: Any, sample_weight: Any, recipe: Recipe, *, shown: bool) -> Learned:
    """Count the texts of `X`, each as often as `sample_weight` says, and smooth the counts."""
    X = opened(X)
    texts, lists = _kind(X)
    if sample_weight is not None:
        texts = _repeated(texts, sample_weight)
    n_bytes = X.n_bytes if isinstance(X, TextFile) else None
    with (
        count_progress(recipe.order, n_bytes, shown=shown) as progress,
        Workspace(recipe.engine) as work,
    ):
        parts, vocabulary = read_words(
            recipe.tokenization.blocks(texts), work, recipe.vocabulary, progress.read
        )
        if not any(bool((part > END).any() or (part == UNKNOWN).any()) for part in parts):
            raise ValueError("X: no words to count; wanted at least one text with a word")
        if recipe.vocabulary is None:
            parts, vocabulary = trim(parts, work, vocabulary, recipe.min_count)
        counts = count_levels(parts, len(vocabulary), recipe.order, work, progress.counted)
    facts = smoothing.smooth(counts, recipe.smoothing, recipe.k)
    log_prob = smoothing.log_prob_of_counts(counts)
    return Learned(
        counts.trie,
        vocabulary,
        lists,
        counts.n_texts,
        counts.n_tokens - counts.n_texts,
        facts.get("discounts", []),
        float(np.exp(-log_prob / counts.n_tokens)),
        np.minimum(counts.count, 255).astype(np.uint8),
    )


def words_of(X: Any, tokenization: Tokenization, min_count: int) -> list[str]:
    """The words that occur at least `min_count` times in the texts of `X`."""
    with Workspace("memory") as work:
        parts, vocabulary = read_words(tokenization.blocks(X), work)
        _, vocabulary = trim(parts, work, vocabulary, min_count)
    return vocabulary.words[N_MARKERS:]


def _kind(X: Any) -> tuple[Any, bool]:
    """The texts, unread, and whether they are token lists."""
    if isinstance(X, TextFile | str | bytes) or not isinstance(X, Iterable):
        return X, False
    texts = iter(X)
    first = next(texts, None)
    if first is None:
        raise ValueError("X: no texts to count")

    def whole() -> Iterable[Any]:
        yield first
        yield from texts

    return whole(), not isinstance(first, str)


def _repeated(texts: Iterable[Any], sample_weight: Any) -> Iterable[Any]:
    weights = np.asarray(sample_weight, dtype=np.float64)
    if weights.ndim != 1 or (weights < 0).any() or (weights != np.floor(weights)).any():
        raise ValueError("sample_weight must be whole numbers of at least 0, one a text")
    taken = 0
    for text in texts:
        if taken >= len(weights):
            raise ValueError(f"sample_weight has {len(weights)} numbers, X has more texts")
        for _ in range(int(weights[taken])):
            yield text
        taken += 1
    if taken < len(weights):
        raise ValueError(f"sample_weight has {len(weights)} numbers, X has {taken} texts")


def telling_apart(given: dict[str, Any], default: dict[str, Any]) -> list[dict[str, Any]]:
    """Parameters that may tell classes apart better than those `given`; what differs from the
    `default` was set by hand, and no setting that would change it is among them."""
    if given["vocabulary"] is not None:  # of words, which cues are not
        return []
    return [
        {name: value for name, value in settings.items() if given[name] != value}
        for settings in _OF_CUES
        if all(given[name] in (default[name], value) for name, value in settings.items())
        and any(given[name] != value for name, value in settings.items())
    ]
