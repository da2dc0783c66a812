"""Smoothing: from counts to probabilities and back-off weights.

Each method fills a trie's ``log_prob``, ``log_backoff`` and ``floor``. Sums run over the words
that can follow: all but ``<s>``, with ``<unk>`` and ``</s>`` among them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harmonium.contract.warning import warn_caller
from harmonium.models.ngram.trie import Counts, Trie
from harmonium.models.ngram.vocabulary import START

__all__ = ["METHODS", "DiscountWarning", "log_prob_of_counts", "smooth"]

#: Discounts for counts 1, 2 and 3 or more where a text is too small to estimate them; the same
#: as KenLM's ``--discount_fallback``.
FALLBACK = (0.5, 1.0, 1.5)
_START_NODE = 1 + START


class DiscountWarning(UserWarning):
    """Kneser-Ney discounts could not be estimated from the counts; a fallback was taken."""


@dataclass
class _Level:
    """The n-grams of one level, their effective counts and their contexts."""

    nodes: slice
    parent: NDArray[np.int32]
    count: NDArray[np.float64]
    #: Contexts are numbered from the first node of the level before.
    first_context: int
    n_contexts: int

    def sums(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """Sum of `values` over the children of each context."""
        return np.bincount(
            self.parent - self.first_context,
            weights=values.astype(np.float64),
            minlength=self.n_contexts,
        ).astype(np.float64)


def smooth(counts: Counts, method: str, k: float) -> dict[str, Any]:
    """Fill the trie of `counts` by `method`; returns facts to report (discounts)."""
    trie = counts.trie
    n_contexts = trie.n_contexts
    trie.log_prob = np.full(len(trie.word), -np.inf)
    trie.log_backoff = np.zeros(n_contexts)
    trie.floor = np.full(n_contexts, np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        facts = METHODS[method](counts, k)
    # <s> begins every text and follows nothing.
    trie.log_prob[_START_NODE] = -np.inf
    return facts


def _levels(counts: Counts, effective: list[NDArray[np.float64]]) -> list[_Level]:
    trie, levels = counts.trie, []
    for k in range(1, trie.order + 1):
        nodes, before = trie.level(k), trie.level(k - 1)
        levels.append(
            _Level(
                nodes,
                trie.parent[nodes],
                effective[k - 1],
                before.start,
                before.stop - before.start,
            )
        )
    return levels


def _raw(counts: Counts) -> list[NDArray[np.float64]]:
    trie = counts.trie
    raw = [counts.count[trie.level(k)].astype(np.float64) for k in range(1, trie.order + 1)]
    raw[0][START] = 0.0
    return raw


def _adjusted(counts: Counts) -> list[NDArray[np.float64]]:
    """Kneser-Ney's counts: of the words that can stand before, except for the longest n-grams.

    N-grams that begin with <s> have nothing before them and keep their counts (Heafield et al.
    2013, section 3).
    """
    trie = counts.trie
    adjusted = _raw(counts)
    begins = _begins(trie)
    for k in range(1, trie.order):
        here, after = trie.level(k), trie.level(k + 1)
        extensions = np.bincount(
            trie.link[after] - here.start, minlength=here.stop - here.start
        ).astype(np.float64)
        adjusted[k - 1] = np.where(begins[here], adjusted[k - 1], extensions)
    adjusted[0][START] = 0.0
    return adjusted


def _begins(trie: Trie) -> NDArray[np.bool_]:
    """Whether each n-gram begins with <s>."""
    begins = np.zeros(len(trie.word), dtype=bool)
    begins[_START_NODE] = True
    for k in range(2, trie.order + 1):
        nodes = trie.level(k)
        begins[nodes] = begins[trie.parent[nodes]]
    return begins


def log_prob_of_counts(counts: Counts) -> float:
    """log P of all texts that were counted, in nats.

    Every word of theirs ends an n-gram that is a node: one of full length, or one from <s> on.
    """
    trie = counts.trie
    scored = _begins(trie)
    scored[trie.level(trie.order)] = True
    scored[_START_NODE] = False
    scored &= counts.count > 0  # what never came may have probability 0, and 0 x log 0 is 0
    return float(counts.count[scored] @ trie.log_prob[scored])


def _discounts(count: NDArray[np.float64], level: int) -> NDArray[np.float64]:
    """Discounts of counts 0, 1, 2 and 3 or more (Chen and Goodman 1998, equation 26)."""
    n = [int(np.count_nonzero(count == j)) for j in range(5)]
    if n[1] and n[2] and n[3]:
        y = n[1] / (n[1] + 2.0 * n[2])
        found = [j - (j + 1) * y * n[j + 1] / n[j] for j in (1, 2, 3)]
        if all(0.0 <= d <= j for j, d in enumerate(found, start=1)):
            return np.array([0.0, *found])
        reason = f"they come out as {', '.join(f'{d:.3g}' for d in found)}"
    else:
        reason = f"{n[1]}, {n[2]}, {n[3]} n-grams occur once, twice, three times"
    warn_caller(
        f"Kneser-Ney discounts of {level}-grams cannot be estimated from so small a text "
        f"({reason}); taken instead: {', '.join(map(str, FALLBACK))}",
        DiscountWarning,
    )
    return np.array([0.0, *FALLBACK])


def _kneser_ney(counts: Counts, k: float) -> dict[str, Any]:
    """Interpolated modified Kneser-Ney (Chen and Goodman 1998, section 4.1.6)."""
    trie = counts.trie
    used = []
    for number, level in enumerate(_levels(counts, _adjusted(counts)), start=1):
        discount = _discounts(level.count, number)
        used.append(discount[1:].tolist())
        taken = discount[np.minimum(level.count, 3).astype(np.intp)]
        total = level.sums(level.count)
        _interpolate(trie, level, level.count - taken, level.sums(taken), total)
    return {"discounts": used}


def _witten_bell(counts: Counts, k: float) -> dict[str, Any]:
    """Witten and Bell 1991, method C: a context with T followers passes on T / (count + T)."""
    trie = counts.trie
    for level in _levels(counts, _raw(counts)):
        kinds = level.sums((level.count > 0).astype(np.float64))
        _interpolate(trie, level, level.count, kinds, level.sums(level.count) + kinds)
    return {}


def _interpolate(
    trie: Trie,
    level: _Level,
    kept: NDArray[np.float64],
    passed: NDArray[np.float64],
    total: NDArray[np.float64],
) -> None:
    """p = kept / total + (passed / total) p(shorter context); the second factor is the weight."""
    context = level.parent - level.first_context
    weight = np.divide(passed, total, out=np.ones_like(total), where=total > 0)
    if level.first_context == 0:
        shorter = np.full(len(kept), 1.0 / (trie.n_words - 1))  # uniform, <s> left out
    else:
        shorter = np.exp(trie.log_prob[trie.link[level.nodes]])
        trie.log_backoff[level.first_context : level.first_context + level.n_contexts] = np.log(
            weight
        )
    trie.log_prob[level.nodes] = np.log(kept / total[context] + weight[context] * shorter)


def _maximum_likelihood(counts: Counts, k: float) -> dict[str, Any]:
    """count(context, word) / count(context), and nothing for what was not seen."""
    trie = counts.trie
    for level in _levels(counts, _raw(counts)):
        total = level.sums(level.count)
        trie.log_prob[level.nodes] = np.log(level.count / total[level.parent - level.first_context])
        if level.first_context > 0:
            seen = level.first_context + np.flatnonzero(total)
            trie.log_backoff[seen] = -np.inf
    return {}


def _add_k(counts: Counts, k: float) -> dict[str, Any]:
    """(count + k) / (count of the context + k V), where V words can follow (Lidstone)."""
    trie = counts.trie
    n_words = trie.n_words - 1
    for level in _levels(counts, _raw(counts)):
        total = level.sums(level.count) + k * n_words
        trie.log_prob[level.nodes] = np.log(
            (level.count + k) / total[level.parent - level.first_context]
        )
        trie.floor[level.first_context : level.first_context + level.n_contexts] = np.log(k / total)
    trie.unknown_context = -float(np.log(n_words))
    return {"k": k}


METHODS = {
    "kneser-ney": _kneser_ney,
    "witten-bell": _witten_bell,
    "mle": _maximum_likelihood,
    "add-k": _add_k,
}
