"""The best way through a chain: one compiled step of Viterbi's algorithm over all contexts."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from harmonium.models.ngram.kernels.walk import child

__all__ = ["Passed", "Reached", "best_step"]


class Passed(NamedTuple):
    """What contexts pass on to the shorter ones they link to: those that pass on to c are
    ``group[starts[c]:starts[c + 1]]``, best first, each with its score and where that is from."""

    starts: NDArray[np.int64]
    group: NDArray[np.int64]
    score: NDArray[np.float64]
    source: NDArray[np.int64]


class Reached(NamedTuple):
    """The best way into each context: its score, the context it comes from, the word said."""

    score: NDArray[np.float64]
    source: NDArray[np.int64]
    word: NDArray[np.int64]


@njit(inline="always")
def _first_passing(table, group, score, low, high, word, best):  # type: ignore[no-untyped-def]
    """The first context of ``group[low:high]`` that does not list `word`, if it beats `best`."""
    for e in range(low, high):
        longer = group[e]
        if score[longer] <= best:
            return np.int64(-1)
        if child(table, longer, word) < 0:
            return longer
    return np.int64(-1)


@njit(nogil=True, cache=True)
def best_step(chain, own, settled, passed, passed_settled, unary, out):  # type: ignore[no-untyped-def]
    """One Viterbi step from every context over every word, by the trie alone.

    A word w that follows the context c is said by c itself (score ``own[c]``, or ``settled[c]``
    where P was fixed at a longer context) or by a longer context that links to c and does not
    list w: of those in ``passed``, and in ``passed_settled`` where P is settled, the first that
    does not list w is the best. Exact, at about one look-up an n-gram.
    """
    minus, n_contexts = -np.inf, own.shape[0]
    table, first_child, words = chain.table, chain.first_child, chain.word
    link, log_prob = chain.link, chain.log_prob
    starts, group, score, source = passed
    s_starts, s_group, s_score, s_source = passed_settled
    out_score, out_source, out_word = out
    for c in range(n_contexts):
        low, high = starts[c], starts[c + 1]
        s_low, s_high = s_starts[c], s_starts[c + 1]
        if own[c] == minus and settled[c] == minus and low == high and s_low == s_high:
            continue
        for node in range(first_child[c], first_child[c + 1]):
            w = words[node]
            if unary[w] == minus:
                continue
            best, origin = own[c], np.int64(c)
            longer = _first_passing(table, group, score, low, high, w, best)
            if longer >= 0:
                best, origin = score[longer], source[longer]
            best += log_prob[node]
            if settled[c] > best:
                best, origin = settled[c], np.int64(c)
            longer = _first_passing(table, s_group, s_score, s_low, s_high, w, best)
            if longer >= 0:
                best, origin = s_score[longer], s_source[longer]
            best += unary[w]
            target = node if node < n_contexts else np.int64(link[node])
            if best > out_score[target]:
                out_score[target] = best
                out_source[target] = origin
                out_word[target] = w
