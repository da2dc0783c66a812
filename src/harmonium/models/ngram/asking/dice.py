"""Rolling the biased dice: new texts from the chain, plain or with the odds changed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harmonium.models.ngram.asking.dense import short_contexts
from harmonium.models.ngram.kernels import chain as kernels
from harmonium.models.ngram.trie import Trie
from harmonium.models.ngram.vocabulary import END, START, UNKNOWN

__all__ = ["Odds", "roll", "roll_with_odds"]


def roll(
    trie: Trie,
    starts: NDArray[np.int64],
    said: int,
    max_length: int,
    generator: np.random.Generator,
    listed_only: bool,
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """A text from each state of `starts`: words ``(n, max_length)`` and lengths.

    `said` words, ``<s>`` included, came before. A negative length -l - 1 says that after l
    words there was no list to draw from (`listed_only`).
    """
    cumulative, mass = np.zeros(len(trie.word)), np.empty(trie.n_contexts)
    kernels.cumulate(trie.first_child, trie.log_prob, cumulative, mass)
    out = np.zeros((len(starts), max_length), dtype=np.int32)
    lengths = np.zeros(len(starts), dtype=np.int64)
    key = int(generator.integers(2**63))
    kernels.roll(
        *trie.walk(),
        trie.first_child,
        trie.word,
        cumulative,
        mass,
        trie.level_starts[:-1],
        trie.unknown_context,
        listed_only,
        starts,
        said,
        key,
        out,
        lengths,
    )
    return out, lengths


class Odds:
    """How a word is chosen: greedily, or by changed odds.

    ``temperature`` divides log P; then the ``top_k`` most probable words are kept, then the
    fewest that together reach ``top_p`` (Holtzman et al. 2020).
    """

    def __init__(
        self, greedy: bool, temperature: float, top_k: int | None, top_p: float | None
    ) -> None:
        self.greedy, self.temperature, self.top_k, self.top_p = greedy, temperature, top_k, top_p

    def changed(self) -> bool:
        """Whether the odds differ from the model's own."""
        return self.greedy or self.temperature != 1.0 or bool(self.top_k) or self.top_p is not None

    def weights(self, log_prob: NDArray[np.float64]) -> NDArray[np.float64]:
        """Probabilities to draw with; the markers that cannot be said have none."""
        log_prob = log_prob.copy()
        log_prob[[UNKNOWN, START]] = -np.inf
        if not (log_prob > -np.inf).any():
            log_prob[UNKNOWN] = 0.0  # the context is followed by unknown words alone
        if self.greedy:
            weights = np.zeros(len(log_prob))
            weights[int(np.argmax(log_prob))] = 1.0
            return weights
        scaled = log_prob / self.temperature
        weights = np.exp(scaled - scaled.max())
        if self.top_k is not None and self.top_k < len(weights):
            weights[np.argsort(-weights, kind="stable")[self.top_k :]] = 0.0
        if self.top_p is not None:
            by_weight = np.argsort(-weights, kind="stable")
            reached = np.cumsum(weights[by_weight]) / weights.sum()
            weights[by_weight[int(np.searchsorted(reached, self.top_p)) + 1 :]] = 0.0
        normalised: NDArray[np.float64] = weights / weights.sum()
        return normalised


def roll_with_odds(
    trie: Trie,
    starts: NDArray[np.int64],
    said: int,
    max_length: int,
    generator: np.random.Generator,
    odds: Odds,
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """As :func:`roll` with changed odds; texts in the same state share one look at the words."""
    n = len(starts)
    out = np.zeros((n, max_length), dtype=np.int32)
    lengths = np.full(n, max_length, dtype=np.int64)
    state, alive = starts.copy(), np.arange(n)
    for length in range(max_length):
        uniform = generator.random(len(alive))
        ended = np.zeros(len(alive), dtype=bool)
        short = short_contexts(trie, said + length).stop
        before = state[alive]
        for s in np.unique(before):
            rows = np.flatnonzero(before == s)
            log_prob, following = trie.transitions(int(s))
            if s < short:
                log_prob = np.full_like(log_prob, trie.unknown_context)
            cumulative = np.cumsum(odds.weights(log_prob))
            pick = np.searchsorted(cumulative, uniform[rows] * cumulative[-1], "right")
            out[alive[rows], length] = pick
            state[alive[rows]] = following[pick]
            ended[rows] = pick == END
        lengths[alive[ended]] = length
        alive = alive[~ended]
        if not len(alive):
            break
    return out, lengths
