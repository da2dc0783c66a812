"""Compiled loops along a back-off chain: where an n-gram is, what follows, how likely a text is.

Their plain twin is the dictionary-based chain of ``tests/support/ngram_oracle.py``. Each kernel
runs on the thread that calls it and lets go of the interpreter's lock.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from harmonium.models.ngram.kernels.table import slot_of

__all__ = [
    "Automaton",
    "after",
    "build_table",
    "child",
    "follow",
    "locate",
    "say",
    "score",
    "state_at",
    "states_before",
    "step",
]

_SHIFT = np.uint64(32)
_EMPTY = np.uint64(0xFFFFFFFFFFFFFFFF)


class Automaton(NamedTuple):
    """What every walk reads: the arrays of a :class:`harmonium.models.ngram.trie.Trie`.

    Kernels take the arrays out before they loop: each access counts a reference, which in the
    innermost loop costs half as much again.
    """

    table: NDArray[np.uint64]
    word: NDArray[np.int32]
    first_child: NDArray[np.int64]
    link: NDArray[np.int32]
    log_prob: NDArray[np.float64]
    log_backoff: NDArray[np.float64]
    floor: NDArray[np.float64]
    level_starts: NDArray[np.int64]
    n_contexts: int
    #: log P of any word after a context that is not known in full; NaN where it is passed on.
    unknown_context: float


@njit(nogil=True, cache=True)
def locate(first_child, words, parents, queries, out):  # type: ignore[no-untyped-def]
    """Node of each (parent, word), by bisection among the parent's children; -1 if none."""
    for i in range(parents.shape[0]):
        parent = parents[i]
        out[i] = -1
        if parent < 0:
            continue
        low = first_child[parent]
        high = first_child[parent + 1]
        word = queries[i]
        while low < high:
            middle = (low + high) >> 1
            if words[middle] < word:
                low = middle + 1
            else:
                high = middle
        if low < first_child[parent + 1] and words[low] == word:
            out[i] = low


@njit(nogil=True, cache=True)
def build_table(parents, words, first_node, table):  # type: ignore[no-untyped-def]
    """Open table from (parent, word) to node, for the nodes from `first_node` on.

    ``table`` is ``(n_slots, 2)`` uint64: key and node side by side, so that a hit costs one
    cache line; n_slots is a power of two; keys of all ones are empty.
    """
    n_slots = table.shape[0]
    for node in range(first_node, parents.shape[0]):
        key = (np.uint64(parents[node]) << _SHIFT) | np.uint64(words[node])
        slot = slot_of(key, n_slots)
        while table[slot, 0] != _EMPTY:
            slot = (slot + 1) & (n_slots - 1)
        table[slot, 0] = key
        table[slot, 1] = np.uint64(node)


@njit(inline="always")
def child(table, parent, word):  # type: ignore[no-untyped-def]
    """The node of `word` after the context `parent`, or -1."""
    if parent == 0:
        return np.int64(word) + 1
    key = (np.uint64(parent) << _SHIFT) | np.uint64(word)
    n_slots = table.shape[0]
    slot = slot_of(key, n_slots)
    while True:
        found = table[slot, 0]
        if found == key:
            return np.int64(table[slot, 1])
        if found == _EMPTY:
            return np.int64(-1)
        slot = (slot + 1) & (n_slots - 1)


@njit(inline="always")
def say(table, log_prob, log_backoff, floor, link, state, word):  # type: ignore[no-untyped-def]
    """log P(word | state), and the node of the longest n-gram of a suffix of `state` and `word`.

    A finite ``floor[state]`` is the log-probability of any word that is not listed after it; a
    NaN passes the question on to the next shorter context, at the price ``log_backoff``.
    """
    total = 0.0
    settled = False
    while True:
        node = child(table, state, word)
        if node >= 0:
            if not settled:
                total += log_prob[node]
            return total, node
        if not settled:
            if np.isnan(floor[state]):
                total += log_backoff[state]
            else:
                total += floor[state]
                settled = True
        state = np.int64(link[state])


@njit(inline="always")
def state_at(link, n_contexts, node):  # type: ignore[no-untyped-def]
    """The state that an n-gram leads to: itself, or its link where it is too long."""
    return node if node < n_contexts else np.int64(link[node])


@njit(nogil=True, cache=True)
def score(chain, ids, starts, end, out):  # type: ignore[no-untyped-def]
    """Sum of log P over each text ``ids[starts[i]:starts[i + 1]]`` = ``<s> words </s>``.

    `end`: whether </s> is scored.
    """
    table, link, log_prob = chain.table, chain.link, chain.log_prob
    log_backoff, floor, level_starts = chain.log_backoff, chain.floor, chain.level_starts
    n_contexts, order = chain.n_contexts, level_starts.shape[0] - 2
    strict, is_strict = chain.unknown_context, not np.isnan(chain.unknown_context)
    for text in range(starts.shape[0] - 1):
        total = 0.0
        state = np.int64(2) if n_contexts > 2 else np.int64(0)  # the node of <s>
        last = starts[text + 1] - (0 if end else 1)
        for i in range(starts[text] + 1, last):
            length = min(i - starts[text], order - 1)
            value, node = say(table, log_prob, log_backoff, floor, link, state, ids[i])
            if is_strict and length > 0 and state < level_starts[length]:
                value = strict
            total += value
            state = state_at(link, n_contexts, node)
        out[text] = total


@njit(nogil=True, cache=True)
def step(chain, states, words, values, following):  # type: ignore[no-untyped-def]
    """log P(word | state) and next state of each pair; arrays of one length."""
    table, link, log_prob = chain.table, chain.link, chain.log_prob
    log_backoff, floor, n_contexts = chain.log_backoff, chain.floor, chain.n_contexts
    for i in range(states.shape[0]):
        values[i], node = say(table, log_prob, log_backoff, floor, link, states[i], words[i])
        following[i] = state_at(link, n_contexts, node)


@njit(inline="always")
def after(table, link, n_contexts, state, word):  # type: ignore[no-untyped-def]
    """The next state alone."""
    node = child(table, state, word)
    while node < 0:
        state = np.int64(link[state])
        node = child(table, state, word)
    return state_at(link, n_contexts, node)


@njit(nogil=True, cache=True)
def follow(chain, state, words):  # type: ignore[no-untyped-def]
    """The state after all `words`, from `state` on."""
    table, link, n_contexts = chain.table, chain.link, chain.n_contexts
    for word in words:
        state = after(table, link, n_contexts, state, word)
    return state


@njit(nogil=True, cache=True)
def states_before(chain, ids, start, out):  # type: ignore[no-untyped-def]
    """The state before each word of texts ``<s> words </s>``, one after the other."""
    table, link, n_contexts = chain.table, chain.link, chain.n_contexts
    state = np.int64(0)
    for i in range(ids.shape[0]):
        if ids[i] == start:
            state = np.int64(0)
        out[i] = state
        state = after(table, link, n_contexts, state, ids[i])
