"""Noise channels over words: which clean words may lie behind a noisy one, and how likely."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harmonium.contract.noise import Replace, Typos
from harmonium.models.ngram.asking.lattice import Choice
from harmonium.models.ngram.vocabulary import N_MARKERS, UNKNOWN, Vocabulary

__all__ = ["choices"]

_MOST_EDITS = 2
# One edit of one place: 26 letters put in or put instead, one left out, one swapped.
_KINDS_OF_EDIT = 26 + 25 + 1 + 1
_CHUNK = 64


def choices(noise: Any, vocabulary: Vocabulary, texts: list[list[Any]]) -> Callable[[Any], Choice]:
    """A function from a noisy word to its candidates, with log P(noisy word given candidate)."""
    for number, words in enumerate(texts):
        for word in words:
            if not isinstance(word, str) or word in ("<s>", "</s>"):
                raise ValueError(f"X: text {number}: a token must be a word, got {word!r}")
    if isinstance(noise, Replace):
        return _replaced(noise, vocabulary)
    if isinstance(noise, Typos):
        noisy = list(dict.fromkeys(word for words in texts for word in words))
        found = _mistyped(noise, vocabulary, noisy)
        return found.__getitem__
    raise ValueError(f"noise must be hm.noise.Replace or hm.noise.Typos for texts, got {noise!r}")


def _log(p: float) -> float:
    return float(np.log(p)) if p > 0 else -np.inf


def _replaced(noise: Replace, vocabulary: Vocabulary) -> Callable[[Any], Choice]:
    """Any word may lie behind any other, at p / V, and behind itself at 1 - p + p / V."""
    n_words = len(vocabulary) - N_MARKERS
    if n_words < 1:
        raise ValueError("noise: Replace wants a model that knows words")
    words = np.arange(N_MARKERS, len(vocabulary))
    changed = np.full(len(words), _log(noise.p / n_words))
    kept = _log(1.0 - noise.p + noise.p / n_words)

    def choose(word: Any) -> Choice:
        number = vocabulary.numbers.get(word, UNKNOWN)
        if number == UNKNOWN:  # no replacement looks like this
            return Choice(np.array([UNKNOWN]), np.zeros(1))
        weight = changed.copy()
        weight[number - N_MARKERS] = kept
        possible = weight > -np.inf
        return Choice(words[possible], weight[possible])

    return choose


def _mistyped(noise: Typos, vocabulary: Vocabulary, noisy: list[str]) -> dict[str, Choice]:
    """Words within two edits (optimal string alignment: insert, delete, change, swap).

    P(noisy | word) = (p / 53)^d (1 - p)^(n - d) for d edits of a word of n characters.
    """
    try:
        from rapidfuzz.distance import OSA
        from rapidfuzz.process import cdist
    except ImportError:
        raise ImportError("noise: Typos wants RapidFuzz: pip install 'harmonium[text]'") from None
    known = vocabulary.words[N_MARKERS:]
    lengths = np.array([len(word) for word in known])
    order = np.argsort(lengths, kind="stable")
    by_length = [known[i] for i in order]
    edges = np.searchsorted(lengths[order], np.arange(lengths.max(initial=0) + 4))
    queries = sorted(noisy, key=len)
    log_edit, log_right = _log(noise.p / _KINDS_OF_EDIT), _log(1.0 - noise.p)
    found: dict[str, Choice] = {}
    for low in range(0, len(queries), _CHUNK):
        part = queries[low : low + _CHUNK]
        # A word within two edits differs by at most two characters in length.
        first = edges[min(max(len(part[0]) - _MOST_EDITS, 0), len(edges) - 1)]
        last = edges[min(len(part[-1]) + _MOST_EDITS + 1, len(edges) - 1)]
        distances = cdist(
            part,
            by_length[first:last],
            scorer=OSA.distance,
            score_cutoff=_MOST_EDITS,
            dtype=np.uint8,
            workers=-1,
        )
        for word, row in zip(part, distances, strict=True):
            near = np.flatnonzero(row <= _MOST_EDITS)
            found[word] = _weighed(
                word, order[first + near], row[near], lengths, vocabulary, (log_edit, log_right)
            )
    return found


def _weighed(
    word: str,
    known: NDArray[np.intp],
    edits: NDArray[np.uint8],
    lengths: NDArray[np.intp],
    vocabulary: Vocabulary,
    log_p: tuple[float, float],
) -> Choice:
    words = known + N_MARKERS
    log_edit, log_right = log_p
    right = np.maximum(lengths[known].astype(np.float64) - edits, 0.0)
    with np.errstate(invalid="ignore"):
        weight = np.where(edits > 0, edits * log_edit, 0.0) + np.where(
            right > 0, right * log_right, 0.0
        )
    if word not in vocabulary.numbers:
        # It may be right all the same, a word that the model has not met: one of as many as it
        # has met, for want of a better figure.
        words = np.append(words, UNKNOWN)
        weight = np.append(weight, len(word) * log_right - np.log(max(len(lengths), 1)))
    possible = weight > -np.inf
    return Choice(words[possible], weight[possible])
