"""New texts from a chain, word by word: compiled draws from random bits of a counter."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from harmonium.compute.splitmix import GAMMA, mix, unit
from harmonium.models.ngram.kernels.walk import after, child

__all__ = ["Dice", "roll", "throw"]

_MOST_TRIES = 1000

_mix, _unit = njit(inline="always")(mix), njit(inline="always")(unit)


class Dice(NamedTuple):
    """How P lies over each context's children.

    ``cumulative`` are its running sums by node, ``mass`` their total by context. A uniform number
    times ``scale``, below ``mass``, falls on a child; beyond, on what the children leave over.
    ``listed_only``: that is left out.
    """

    cumulative: NDArray[np.float64]
    mass: NDArray[np.float64]
    scale: NDArray[np.float64]
    listed_only: bool


@njit(nogil=True, cache=True)
def throw(chain, cumulative, mass, scale):  # type: ignore[no-untyped-def]
    """Fill the arrays of :class:`Dice`."""
    first_child, log_prob = chain.first_child, chain.log_prob
    log_backoff, floor = chain.log_backoff, chain.floor
    n_words = first_child[1] - 1
    for c in range(mass.shape[0]):
        low, high = first_child[c], first_child[c + 1]
        total = 0.0
        for node in range(low, high):
            total += np.exp(log_prob[node])
            cumulative[node] = total
        mass[c] = total
        left = log_backoff[c] if np.isnan(floor[c]) else floor[c]
        # Where nothing is left over, none is, whatever the rounding.
        closed = c == 0 or left == -np.inf or high - low >= n_words - 1
        scale[c] = total if closed else 1.0


@njit(inline="always")
def _uniform(key, counter):  # type: ignore[no-untyped-def]
    """A uniform of [0, 1) from a counter."""
    return _unit(_mix(np.uint64(key) + np.uint64(counter) * GAMMA))


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


@njit(inline="always")
def _listing(floor, link, state):  # type: ignore[no-untyped-def]
    """The longest context, from `state` on, that has a list of its own; 0 where none has."""
    while state > 0 and np.isnan(floor[state]):
        state = np.int64(link[state])
    return state


@njit(inline="always")
def _listed_above(table, path, depth, word):  # type: ignore[no-untyped-def]
    """The place after the last context of ``path[:depth]`` that lists `word`; -1: none does."""
    for above in range(depth - 1, -1, -1):
        if child(table, path[above], word) >= 0:
            return above + 1
    return -1


@njit(nogil=True, cache=True)
def _roll_text(chain, dice, state, said, key, counter, out):  # type: ignore[no-untyped-def]
    """One text from `state` on, its words in `out`: its length, or -length - 1 where it ends
    because no context has a list.

    The children of a context are drawn by their probability; what is left over belongs to the
    words it does not list, drawn from the shorter context until one is not listed (or evenly,
    where ``floor`` says so).
    """
    table, word, first_child, link = chain.table, chain.word, chain.first_child, chain.link
    floor, cumulative, mass, scale = chain.floor, dice.cumulative, dice.mass, dice.scale
    order, strict = chain.level_starts.shape[0] - 2, not np.isnan(chain.unknown_context)
    n_words, n_contexts = np.int64(first_child[1] - 1), chain.n_contexts
    path = np.empty(order + 2, dtype=np.int64)
    for length in range(out.shape[0]):
        w, tries = np.int64(0), 0
        if dice.listed_only:
            c = _listing(floor, link, state)
            if c == 0:
                return -length - 1
            counter += 1
            target = _uniform(key, counter) * mass[c]
            w = np.int64(word[_pick(cumulative, first_child[c], first_child[c + 1], target)])
        elif strict and state < chain.level_starts[min(said + length, order - 1)]:
            while w == 0 or w == 1:
                counter += 1
                w = np.int64(_uniform(key, counter) * n_words)
        else:
            while w == 1 or (w == 0 and tries < _MOST_TRIES):
                tries += 1
                depth, path[0] = 0, state
                while depth >= 0:
                    c = path[depth]
                    counter += 1
                    u = _uniform(key, counter) * scale[c]
                    low, high = first_child[c], first_child[c + 1]
                    if u < mass[c] and high > low:
                        w = np.int64(word[_pick(cumulative, low, high, u)])
                    elif np.isnan(floor[c]):
                        depth += 1
                        path[depth] = link[c]
                        continue
                    else:
                        w = np.int64(1)
                        while w == 1 or child(table, c, w) >= 0:
                            counter += 1
                            w = np.int64(_uniform(key, counter) * n_words)
                    # Words that a longer context lists were its own to draw.
                    depth = _listed_above(table, path, depth, w)
        if w == 2:
            return length
        out[length] = w
        state = after(table, link, n_contexts, state, w)
    return out.shape[0]


@njit(nogil=True, cache=True)
def roll(chain, dice, starts, said, key, out, lengths):  # type: ignore[no-untyped-def]
    """Texts drawn word by word until </s> or ``out.shape[1]`` words.

    ``<unk>`` is drawn again, `_MOST_TRIES` times. With ``dice.listed_only`` a text ends where no
    context has a list (a negative length).
    """
    for text in range(out.shape[0]):
        counter = np.int64(text) << 32
        lengths[text] = _roll_text(chain, dice, starts[text], said, key, counter, out[text])
