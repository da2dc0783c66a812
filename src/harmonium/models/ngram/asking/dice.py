"""Rolling the biased dice: new texts from the chain, plain or with the odds changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harmonium.contract.checks import check_flag, check_integer, check_number
from harmonium.contract.warning import warn_caller
from harmonium.models.ngram.asking.chain import Chain
from harmonium.models.ngram.kernels import dice as kernels
from harmonium.models.ngram.trie import Trie
from harmonium.models.ngram.vocabulary import END, MARKERS, START, UNKNOWN

__all__ = ["Odds", "write"]


@dataclass(frozen=True)
class Odds:
    """How a word is chosen: greedily, or by changed odds.

    ``temperature`` divides log P; then the ``top_k`` most probable words are kept, then the
    fewest that together reach ``top_p`` (Holtzman et al. 2020).
    """

    greedy: bool = False
    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None

    def __post_init__(self) -> None:
        check_flag("greedy", self.greedy)
        check_number("temperature", self.temperature, 0.0, low_open=True)
        if self.top_k is not None:
            check_integer("top_k", self.top_k, 1)
        if self.top_p is not None:
            check_number("top_p", self.top_p, 0.0, 1.0, low_open=True)

    def changed(self) -> bool:
        """Whether the odds differ from the model's own."""
        return self != Odds()

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


def write(
    chain: Chain,
    n: int,
    *,
    beginning: list[str],
    max_length: int,
    odds: Odds,
    generator: np.random.Generator,
    as_text: Callable[[list[str]], Any],
) -> list[Any]:
    """`n` new texts, each made `as_text` of its tokens: of `beginning`, which `max_length` does
    not count, and of new ones.

    Where P was written as tables, draws are from the listed words alone; where no table goes on,
    a text ends, with a warning.
    """
    trie = chain.trie
    state, said = chain.after((MARKERS[START], *beginning))
    starts = np.full(n, state, dtype=np.int64)
    if odds.changed():
        out, lengths = _roll_with_odds(trie, starts, said, max_length, generator, odds)
    else:
        out, lengths = _roll(trie, starts, said, max_length, generator)
    if (lengths < 0).any():
        warn_caller(
            f"{np.count_nonzero(lengths < 0)} texts end where no table goes on",
        )
        lengths = np.where(lengths < 0, -lengths - 1, lengths)
    words = chain.vocabulary.words
    return [
        as_text([*beginning, *(words[i] for i in row[:length])])
        for row, length in zip(out.tolist(), lengths.tolist(), strict=True)
    ]


def _roll(
    trie: Trie,
    starts: NDArray[np.int64],
    said: int,
    max_length: int,
    generator: np.random.Generator,
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """A text from each state of `starts`: words ``(n, max_length)`` and lengths.

    `said` words, ``<s>`` included, came before. A negative length -l - 1 says that after l
    words there was no list to draw from.
    """
    listed_only = bool(np.isnan(trie.unknown_context) and not np.isnan(trie.floor).all())
    dice = kernels.Dice(
        np.zeros(len(trie.word)), np.empty(trie.n_contexts), np.empty(trie.n_contexts), listed_only
    )
    kernels.throw(trie.automaton(), dice.cumulative, dice.mass, dice.scale)
    out = np.zeros((len(starts), max_length), dtype=np.int32)
    lengths = np.zeros(len(starts), dtype=np.int64)
    key = int(generator.integers(2**63))
    kernels.roll(trie.automaton(), dice, starts, said, key, out, lengths)
    return out, lengths


def _roll_with_odds(
    trie: Trie,
    starts: NDArray[np.int64],
    said: int,
    max_length: int,
    generator: np.random.Generator,
    odds: Odds,
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """As :func:`_roll` with changed odds; texts in the same state share one look at the words."""
    n = len(starts)
    out = np.zeros((n, max_length), dtype=np.int32)
    lengths = np.full(n, max_length, dtype=np.int64)
    state, alive = starts.copy(), np.arange(n)
    for length in range(max_length):
        uniform = generator.random(len(alive))
        ended = np.zeros(len(alive), dtype=bool)
        before = state[alive]
        for s in np.unique(before):
            rows = np.flatnonzero(before == s)
            log_prob, following = trie.transitions(int(s), said + length)
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
