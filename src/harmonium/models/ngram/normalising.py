"""Back-off weights from probabilities: what a context does not say of its words it passes on."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from harmonium.models.ngram.trie import Trie

__all__ = ["Listed", "listed", "normalise", "require_backing_off"]

#: Mass that counts as none: 1 minus a sum of many probabilities is not known better.
_NONE = 1e-12


def require_backing_off(trie: Trie, what: str) -> None:
    """Raise ``ValueError``, for `what` was asked, where the chain has contexts that do not back
    off to shorter ones (add-k, tables that a person wrote)."""
    if not trie.backs_off:
        raise ValueError(
            f"{what}: wanted a model that backs off to shorter contexts; "
            "add-k and hand-written tables do not"
        )


class Listed(NamedTuple):
    """The n-grams of one length, and what the contexts that list them say in all."""

    nodes: slice
    contexts: slice
    #: The context of each n-gram, numbered from 0 within the level.
    parent: NDArray[np.int64]
    #: log P of each word after the shorter context.
    shorter: NDArray[np.float64]
    #: For each context: the sum over the words listed of P(w | h), and of P(w | h').
    said: NDArray[np.float64]
    said_before: NDArray[np.float64]


def listed(trie: Trie, k: int) -> Listed:
    """The n-grams of `k` words, at least 2."""
    nodes, contexts = trie.level(k), trie.level(k - 1)
    parent = trie.parent[nodes].astype(np.int64) - contexts.start
    shorter = trie.log_prob[trie.link[nodes]]
    said, said_before = (
        np.bincount(parent, np.exp(values), contexts.stop - contexts.start).astype(np.float64)
        for values in (trie.log_prob[nodes], shorter)
    )
    return Listed(nodes, contexts, parent, shorter, said, said_before)


def normalise(trie: Trie) -> None:
    """Give the probabilities of `trie` the back-off weights with which every context sums to one.

    The words that a context h lists keep their P(w | h); those it does not list share the rest
    as after the shorter context h': the weight is ``(1 - sum P(w | h)) / (1 - sum P(w | h'))``
    over the words listed (Katz 1987). Where a context, or what it backs off to, has no mass
    left, the weight is zero and the listed words are scaled to sum to one, and so are the words
    alone. One visit an n-gram.
    """
    every = trie.level(1)
    trie.log_prob[every] -= np.log(np.exp(trie.log_prob[every]).sum())
    trie.log_backoff = np.zeros(trie.n_contexts)
    trie.floor = np.full(trie.n_contexts, np.nan)
    for k in range(2, trie.order + 1):
        nodes, contexts, parent, shorter, said, said_before = listed(trie, k)
        rest, left = 1.0 - said, 1.0 - said_before
        closed = (rest <= _NONE) | (left <= _NONE)
        with np.errstate(divide="ignore", invalid="ignore"):
            trie.log_backoff[contexts] = np.where(closed, -np.inf, np.log(rest) - np.log(left))
            scaled = np.where(
                (said > 0)[parent],
                trie.log_prob[nodes] - np.log(said)[parent],
                shorter - np.log(said_before)[parent],
            )
        trie.log_prob[nodes] = np.where(closed[parent], scaled, trie.log_prob[nodes])
