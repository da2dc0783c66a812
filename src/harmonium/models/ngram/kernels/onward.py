"""From what lies after each n-gram to what lies after each context: sums, and the best.

One visit an n-gram: a context says something of its own only about the words it lists and passes
the rest on to its shorter context, which has a smaller number and so was worked out before.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from harmonium.models.ngram.kernels.walk import child

__all__ = ["best_on", "sums_on"]


@njit(nogil=True, cache=True)
def sums_on(chain, prob, backoff, floor, after, short, constant, own, plain):  # type: ignore[no-untyped-def]
    """``own[c] = sum_w P(w | c) after[node of w after c]``, all linear; ``plain`` without the P.

    ``prob`` is P of each node, ``backoff`` and ``floor`` as in the chain, ``floor`` NaN where P is
    passed on. The first `short` contexts give each word the P `constant`.
    """
    first_child, link = chain.first_child, chain.link
    for c in range(own.shape[0]):
        said, taken, said_plain, taken_plain = 0.0, 0.0, 0.0, 0.0
        for node in range(first_child[c], first_child[c + 1]):
            shorter = link[node]
            said += prob[node] * after[node]
            said_plain += after[node]
            if c > 0:  # a child's word is not left to the shorter context
                taken += prob[shorter] * after[shorter]
                taken_plain += after[shorter]
        if c > 0:
            rest = max(own[link[c]] - taken, 0.0)
            rest_plain = max(plain[link[c]] - taken_plain, 0.0)
            said += backoff[c] * rest if np.isnan(floor[c]) else floor[c] * rest_plain
            said_plain += rest_plain
        own[c], plain[c] = said, said_plain
    # Only now: longer contexts that P is passed on from take it as it is.
    for c in range(short):
        own[c] = constant * plain[c]


@njit(inline="always")
def _listed(table, path, depth, word):  # type: ignore[no-untyped-def]
    """Whether one of the contexts ``path[:depth]`` lists `word`."""
    for place in range(depth):  # noqa: SIM110  (compiled: no generators)
        if child(table, path[place], word) >= 0:
            return True
    return False


@njit(inline="always")
def _best_left(chain, path, depth, values, order, ready, state, enough):  # type: ignore[no-untyped-def]
    """The best value of `state`'s children of those whose word no context of the path lists, and
    that word; -inf and -1 where none is above `enough`. Children are sorted when first asked."""
    low, high = chain.first_child[state], chain.first_child[state + 1]
    if not ready[state]:
        order[low:high] = low + np.argsort(-values[low:high])
        ready[state] = True
    for place in range(low, high):
        node = order[place]
        if values[node] <= enough:
            break
        if not _listed(chain.table, path, depth, chain.word[node]):
            return values[node], np.int64(chain.word[node])
    return -np.inf, np.int64(-1)


@njit(nogil=True, cache=True)
def best_on(chain, after, short, out):  # type: ignore[no-untyped-def]
    """``out[c] = max_w log P(w | c) + after[node of w after c]``; ``after`` in nats.

    Of the words that a context does not list the best is that of its shorter context, if the
    context does not list that one; else it is found among the shorter contexts' children, best
    first, until one is not listed; lists are sorted where they are asked. The first `short`
    contexts give each word ``chain.unknown_context``.
    """
    table, words, first_child, link = chain.table, chain.word, chain.first_child, chain.link
    log_backoff, floor, constant = chain.log_backoff, chain.floor, chain.unknown_context
    n_contexts = out.shape[0]
    said = chain.log_prob + after
    order, plain_order = np.empty(len(after), np.int64), np.empty(len(after), np.int64)
    ready, plain_ready = np.zeros(n_contexts, np.bool_), np.zeros(n_contexts, np.bool_)
    path = np.empty(chain.level_starts.shape[0], np.int64)
    reach = np.empty(n_contexts)  # as `out`, were no context short
    chosen = np.empty(n_contexts, np.int64)  # the word that reaches it, -1 where none does
    for c in range(n_contexts):
        for known in range(1 if c < short else 0, -1, -1):
            settled, best, penalty = known == 1, -np.inf, constant if known == 1 else 0.0
            state, depth, word = np.int64(c), 0, np.int64(-1)
            while True:
                if depth == 0 and not settled:
                    for node in range(first_child[c], first_child[c + 1]):
                        if said[node] > best:
                            best, word = said[node], np.int64(words[node])
                else:
                    enough = best - penalty
                    if settled:
                        value, own = _best_left(
                            chain, path, depth, after, plain_order, plain_ready, state, enough
                        )
                    else:
                        value, own = _best_left(
                            chain, path, depth, said, order, ready, state, enough
                        )
                    if penalty + value > best:
                        best, word = penalty + value, own
                if state == 0:
                    break
                if not settled:
                    settled = not np.isnan(floor[state])
                    penalty += floor[state] if settled else log_backoff[state]
                path[depth] = state
                depth += 1
                state = np.int64(link[state])
                if penalty == -np.inf:
                    break
                if not settled:
                    # No word that is left can do better than all words could ...
                    if penalty + reach[state] <= best:
                        break
                    # ... and the best of all words may be one that is left.
                    if not _listed(table, path, depth, chosen[state]):
                        best, word = penalty + reach[state], chosen[state]
                        break
            if known == 0:
                reach[c], chosen[c] = best, word
            if known == 1 or c >= short:
                out[c] = best
