"""Compiled loops over bytes and words: from bytes to word numbers, and along a back-off chain.

Their plain twin is the dictionary-based chain of ``tests/support/ngram_oracle.py``. Each kernel
runs on the thread that calls it and lets go of the interpreter's lock.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from harmonium.models.ngram.kernels.table import slot_of

__all__ = [
    "best_step",
    "build_table",
    "cumulate",
    "locate",
    "roll",
    "score",
    "step",
    "transitions",
]

_MIX = np.uint64(0x9E3779B97F4A7C15)
_SHIFT = np.uint64(32)
_MOST_TRIES = 1000
_EMPTY = np.uint64(0xFFFFFFFFFFFFFFFF)


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
def _child(table, parent, word):  # type: ignore[no-untyped-def]
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
def _step(table, log_prob, log_backoff, floor, link, n_contexts, state, word):  # type: ignore[no-untyped-def]
    """log P(word | state) and the next state: the longest suffix that is a known context.

    A finite ``floor[state]`` is the log-probability of any word that is not listed after it; a
    NaN passes the question on to the next shorter context, at the price ``log_backoff``.
    """
    total = 0.0
    settled = False
    while True:
        node = _child(table, state, word)
        if node >= 0:
            if not settled:
                total += log_prob[node]
            following = node if node < n_contexts else np.int64(link[node])
            return total, following
        if not settled:
            if np.isnan(floor[state]):
                total += log_backoff[state]
            else:
                total += floor[state]
                settled = True
        state = np.int64(link[state])


@njit(nogil=True, cache=True)
def score(  # type: ignore[no-untyped-def]
    table,
    log_prob,
    log_backoff,
    floor,
    link,
    n_contexts,
    level_starts,
    strict,
    ids,
    starts,
    end,
    out,
):
    """Sum of log P over each text ``ids[starts[i]:starts[i + 1]]`` = ``<s> words </s>``.

    `strict`: a context that is not known in full has no list at all (``strict`` is then the
    log-probability of any word after it; NaN otherwise). `end`: whether </s> is scored.
    """
    order = level_starts.shape[0] - 1
    for text in range(starts.shape[0] - 1):
        total = 0.0
        state = np.int64(2) if n_contexts > 2 else np.int64(0)  # the node of <s>
        last = starts[text + 1] - (0 if end else 1)
        for i in range(starts[text] + 1, last):
            length = min(i - starts[text], order - 1)
            if not np.isnan(strict) and (length > 0 and state < level_starts[length]):
                total += strict
                _, state = _step(
                    table, log_prob, log_backoff, floor, link, n_contexts, state, ids[i]
                )
            else:
                value, state = _step(
                    table, log_prob, log_backoff, floor, link, n_contexts, state, ids[i]
                )
                total += value
        out[text] = total


@njit(nogil=True, cache=True)
def step(  # type: ignore[no-untyped-def]
    table, log_prob, log_backoff, floor, link, n_contexts, states, words, values, following
):
    """log P(word | state) and next state of each pair; arrays of one length."""
    for i in range(states.shape[0]):
        values[i], following[i] = _step(
            table, log_prob, log_backoff, floor, link, n_contexts, states[i], words[i]
        )


@njit(nogil=True, cache=True)
def transitions(  # type: ignore[no-untyped-def]
    table, log_prob, log_backoff, floor, link, n_contexts, state, values, following
):
    """log P(word | state) and next state for every word: arrays over the vocabulary."""
    for word in range(values.shape[0]):
        values[word], following[word] = _step(
            table, log_prob, log_backoff, floor, link, n_contexts, state, word
        )


@njit(nogil=True, cache=True)
def best_step(  # type: ignore[no-untyped-def]
    table,
    log_prob,
    link,
    first_child,
    word,
    own,
    settled,
    group_starts,
    group,
    passed,
    passed_starts,
    passed_group,
    passed_settled,
    source,
    source_settled,
    unary,
    out,
    out_source,
    out_word,
):
    """One Viterbi step from every context over every word, by the trie alone.

    A word w that follows the context c is said by c itself (score ``own[c]``, or ``settled[c]``
    where P was fixed at a longer context) or by a longer context that links to c and does not
    list w. Those come sorted, best first, in ``group[group_starts[c]:group_starts[c + 1]]`` with
    their scores ``passed`` (and the same again where P is settled), so that the first that does
    not list w is the best: exact, at about one look-up an n-gram.

    The two loops are written out: as a function of its own they took five times as long.
    """
    n_contexts = own.shape[0]
    minus = -np.inf
    for c in range(n_contexts):
        g_low, g_high = group_starts[c], group_starts[c + 1]
        s_low, s_high = passed_starts[c], passed_starts[c + 1]
        if own[c] == minus and settled[c] == minus and g_low == g_high and s_low == s_high:
            continue
        for node in range(first_child[c], first_child[c + 1]):
            w = word[node]
            if unary[w] == minus:
                continue
            best, origin = own[c], np.int64(c)
            for e in range(g_low, g_high):
                longer = group[e]
                if passed[longer] <= best:
                    break
                if _child(table, longer, w) < 0:
                    best, origin = passed[longer], source[longer]
                    break
            best += log_prob[node]
            if settled[c] > best:
                best, origin = settled[c], np.int64(c)
            for e in range(s_low, s_high):
                longer = passed_group[e]
                if passed_settled[longer] <= best:
                    break
                if _child(table, longer, w) < 0:
                    best, origin = passed_settled[longer], source_settled[longer]
                    break
            best += unary[w]
            target = node if node < n_contexts else np.int64(link[node])
            if best > out[target]:
                out[target] = best
                out_source[target] = origin
                out_word[target] = w


@njit(inline="always")
def _uniform(key, counter):  # type: ignore[no-untyped-def]
    """A uniform of [0, 1) from a counter: SplitMix64 (Steele, Lea, Flood 2014)."""
    z = (np.uint64(key) + np.uint64(counter) * _MIX) & _EMPTY
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z = z ^ (z >> np.uint64(31))
    return np.float64(z >> np.uint64(11)) * (1.0 / 9007199254740992.0)


@njit(inline="always")
def _pick(cumulative, low, high, target):  # type: ignore[no-untyped-def]
    """First of ``cumulative[low:high]`` that is above `target`."""
    last = high - 1
    while low < last:
        middle = (low + high - 1) >> 1
        if cumulative[middle] > target:
            last = middle
            high = middle + 1
        else:
            low = middle + 1
    return low


@njit(nogil=True, cache=True)
def roll(  # type: ignore[no-untyped-def]
    table,
    log_prob,
    log_backoff,
    floor,
    link,
    n_contexts,
    first_child,
    word,
    cumulative,
    mass,
    level_starts,
    strict,
    listed_only,
    starts,
    said,
    key,
    out,
    lengths,
):
    """Texts drawn word by word until </s> or ``out.shape[1]`` words.

    The children of a context are drawn by their probability; what is left over belongs to the
    words it does not list, drawn from the shorter context until one is not listed (or evenly,
    where ``floor`` says so). ``<unk>`` is drawn again, `_MOST_TRIES` times. `listed_only`: what
    is left over is left out, and a text ends where no context has a list (a negative length).
    """
    order = level_starts.shape[0] - 1
    n_words = np.int64(first_child[1] - 1)
    chain = np.empty(order + 2, dtype=np.int64)
    for text in range(out.shape[0]):
        state = starts[text]
        counter = np.int64(text) << 32
        length = 0
        while length < out.shape[1]:
            w = np.int64(0)
            if listed_only:
                c = state
                while c > 0 and np.isnan(floor[c]):
                    c = np.int64(link[c])
                if c == 0:
                    length = -length - 1
                    break
                counter += 1
                node = _pick(
                    cumulative, first_child[c], first_child[c + 1], _uniform(key, counter) * mass[c]
                )
                w = np.int64(word[node])
            elif not np.isnan(strict) and state < level_starts[min(said + length, order - 1)]:
                while w == 0 or w == 1:
                    counter += 1
                    w = np.int64(_uniform(key, counter) * n_words)
            else:
                tries = 0
                while w == 0 or w == 1:
                    tries += 1
                    if w == 0 and tries > _MOST_TRIES:
                        break
                    depth = 0
                    chain[0] = state
                    while True:
                        c = chain[depth]
                        counter += 1
                        u = _uniform(key, counter)
                        low, high = first_child[c], first_child[c + 1]
                        closed = log_backoff[c] if np.isnan(floor[c]) else floor[c]
                        if c == 0 or closed == -np.inf or high - low >= n_words - 1:
                            u *= mass[c]  # nothing is left over, whatever the rounding
                        if u < mass[c] and high > low:
                            w = np.int64(word[_pick(cumulative, low, high, u)])
                        elif np.isnan(floor[c]):
                            depth += 1
                            chain[depth] = link[c]
                            continue
                        else:
                            w = np.int64(1)
                            while w == 1 or _child(table, c, w) >= 0:
                                counter += 1
                                w = np.int64(_uniform(key, counter) * n_words)
                        # Words that a longer context lists were its own to draw.
                        again = -1
                        for above in range(depth - 1, -1, -1):
                            if _child(table, chain[above], w) >= 0:
                                again = above + 1
                                break
                        if again < 0:
                            break
                        depth = again
            if w == 2:
                break
            out[text, length] = w
            length += 1
            _, state = _step(table, log_prob, log_backoff, floor, link, n_contexts, state, w)
        lengths[text] = length


@njit(nogil=True, cache=True)
def cumulate(first_child, log_prob, cumulative, mass):  # type: ignore[no-untyped-def]
    """Running sums of P over each context's children, and their total."""
    for context in range(first_child.shape[0] - 1):
        total = 0.0
        for node in range(first_child[context], first_child[context + 1]):
            total += np.exp(log_prob[node])
            cumulative[node] = total
        mass[context] = total
