"""How often the texts of a chain use each of its n-grams, and how far another chain is from it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from harmonium.models.ngram.asking.dense import forward
from harmonium.models.ngram.trie import Trie
from harmonium.models.ngram.vocabulary import END

__all__ = ["Usage", "relative_entropy", "usage", "values_on"]

Values = NDArray[np.float64]

#: Texts are followed until so small a share of all their words is still to come in one step, or
#: for so many words: those of a chain that cannot end have no end.
_LEFT, _LONGEST = 1e-11, 2000


class Usage(NamedTuple):
    """Expected numbers in one text drawn from a chain."""

    #: For each n-gram: words whose P is that of this n-gram; ``(n_nodes,)``.
    listed: Values
    #: For each context: words that it passed on to the shorter one; ``(n_contexts,)``.
    passed: Values
    #: Words, the end among them.
    n_words: float


def usage(trie: Trie) -> Usage:
    """Exact expectations under the chain itself, by sums forward: a visit an n-gram for each word
    of the longest texts that matter, some hundreds."""
    goes_on, unary = trie.word != END, np.ones(trie.n_words)
    before: Values = np.zeros(trie.n_contexts)
    before[trie.start] = 1.0
    visits = before.copy()
    for _ in range(_LONGEST):
        following = forward(trie, before, unary, 0) * goes_on
        before = np.bincount(trie.targets, following, trie.n_contexts).astype(np.float64)
        visits += before
        if before.sum() <= _LEFT * visits.sum():
            break
    listed = forward(trie, visits, unary, 0)
    passed = visits - np.bincount(trie.parent[1:], weights=listed[1:], minlength=trie.n_contexts)
    for k in range(trie.order - 1, 0, -1):  # what longer contexts pass on arrives at shorter ones
        nodes = trie.level(k)
        # By subtraction: where nothing is passed on, rounding must not make something of it.
        open_ = trie.log_backoff[nodes] > -np.inf
        passed[nodes] = np.where(open_, np.maximum(passed[nodes], 0.0), 0.0)
        passed += np.bincount(trie.link[nodes], weights=passed[nodes], minlength=trie.n_contexts)
    passed[0] = 0.0  # every word is listed there
    return Usage(listed, passed, float(visits.sum()))


def values_on(
    nodes_of: Trie, chain: Trie, number: NDArray[np.int64]
) -> tuple[Values, NDArray[np.int64]]:
    """What `chain` says of the n-grams of another trie.

    ``number[w]`` is the number in `chain` of the other's word w. Returns log P(word given
    context) of each n-gram ``(n_nodes,)``, and the state of `chain` after each context
    ``(n_contexts,)``.
    """
    log_prob = np.zeros(len(nodes_of.word))
    state = np.zeros(nodes_of.n_contexts, dtype=np.int64)
    for k in range(1, nodes_of.order + 1):
        nodes = nodes_of.level(k)
        log_prob[nodes], following = chain.step(
            state[nodes_of.parent[nodes]], number[nodes_of.word[nodes]]
        )
        if k < nodes_of.order:
            state[nodes] = following
    return log_prob, state


def relative_entropy(trie: Trie, used: Usage, other: Trie, kept: NDArray[np.int64]) -> float:
    """D(chain || other) in nats a word, exact: `other` has some of the n-grams of `trie`.

    ``kept`` ``(n_nodes,)`` is the node of each n-gram in `other`, -1 where it has none.
    """
    log_prob, _ = values_on(trie, other, np.arange(trie.n_words))
    here = kept[: trie.n_contexts]
    backoff = np.where(here >= 0, other.log_backoff[np.minimum(here, other.n_contexts - 1)], 0.0)
    backoff[here >= other.n_contexts] = 0.0  # of full length there: its context is the shorter
    total = 0.0
    for weight, ours, theirs in (
        (used.listed, trie.log_prob, log_prob),
        (used.passed, trie.log_backoff, backoff),
    ):
        met = weight > 0
        total += float(weight[met] @ (ours[met] - theirs[met]))
    return total / used.n_words
