"""What may still come: for each state of the product, the texts that go on from it and are wanted.

Worked out from the end of the texts to their beginning: for each number of words said, or once
for all where texts may be as long as they like.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from harmonium.models.ngram.asking.product import Array, Product, Ring, Values

__all__ = ["ROUNDING", "Ahead", "Places", "best_of", "onward_for_ever", "sum_of"]

#: Each figure of a sum without end is right to this part of itself, for each phrase.
TOLERANCE = 1e-11
#: How many steps are compared with as many before them, so that cycles of words do not matter.
_WINDOW = 4
_MOST_WINDOWS = 100_000
_MOST_BYTES = 2**30
#: The part of a logarithm that rounding may change in a step.
ROUNDING = 1e-13


@dataclass(frozen=True)
class Places:
    """Where the words of a text are free: from `first` on, which come after a known beginning.

    ``fixed[i]`` is the word at place ``first + i``, None where any may stand; beyond them all are
    free. A text may end (``</s>``) after `low` to `high` words, `high` None for any number; where
    `ends` is False it is left open whether it goes on after its `high` words.
    """

    first: int
    low: int
    high: int | None
    fixed: tuple[int | None, ...] = ()
    ends: bool = True

    def word(self, place: int) -> int | None:
        """The word that must stand at a place."""
        i = place - self.first
        return self.fixed[i] if i < len(self.fixed) else None

    def may_end(self, place: int) -> bool:
        """Whether ``</s>`` may follow so many words."""
        return self.ends and place >= self.low and (self.high is None or place <= self.high)


class Ahead:
    """For any number of words said, log of the sum (or the best) over all that may follow.

    The layers of all places are kept where they fit a gigabyte, else each so many, and those
    between are worked out again on the way.
    """

    def __init__(self, product: Product, ring: Ring, places: Places, for_ever: Values) -> None:
        self._product, self._ring, self._places, self._for_ever = product, ring, places, for_ever
        self._groups = list(product.phrases.groups())
        # From here on every layer is the same: no bound, no context that is short.
        settled = max(places.first, places.low, product.trie.order - 2)
        #: Places from here on may be told apart by nothing; None where each is its own.
        self.settled = settled if places.high is None else None
        self._last = settled if places.high is None else places.high
        n_layers = self._last - places.first + 1
        fitting = max(_MOST_BYTES // (8 * max(product.n_numbers, 1)), 4)
        self._every = 1 if n_layers <= fitting else int(np.ceil(np.sqrt(n_layers)))
        self._kept: dict[int, Values] = {}
        self._block: dict[int, Values] = {}
        layer = self._kept[self._last] = self._end()
        for place in range(self._last - 1, places.first - 1, -1):
            layer = self._before(layer, place)
            if (place - places.first) % self._every == 0:
                self._kept[place] = layer

    def __getitem__(self, place: int) -> Values:
        """What lies ahead once `place` words are said."""
        place = min(place, self._last)
        if place in self._kept:
            return self._kept[place]
        if place not in self._block:
            top = next(p for p in range(place + 1, self._last + 1) if p in self._kept)
            layer, self._block = self._kept[top], {}
            while place not in self._block or (top - 1 - self._places.first) % self._every:
                top -= 1
                layer = self._block[top] = self._before(layer, top)
        return self._block[place]

    def _end(self) -> Values:
        product, places = self._product, self._places
        if places.high is None:
            return self._for_ever
        if places.ends:
            return self._step({}, places.high)
        accepting = np.flatnonzero(product.phrases.accepting).tolist()
        tails = product.phrases.tails
        return {state: np.zeros(len(product.contexts(tails[state]))) for state in accepting}

    def _before(self, after: Values, place: int) -> Values:
        word = self._places.word(place)
        if word is not None:
            return self._product.step_over(word, after, place + 1)
        return self._step(after, place)

    def _step(self, after: Values, place: int) -> Values:
        values: Values = {}
        ends = self._places.may_end(place)
        for group in self._groups:
            values |= self._product.step(self._ring, group, after, place + 1, ends=ends)
        return values


def onward_for_ever(product: Product, best: bool) -> Values:
    """What lies ahead of each state where texts may have any number of words: sums, or the best.

    Group by group of states that hold the same phrases, those that hold more first: what is ahead
    of a group is a source (texts that end, or come to hold one more) and the group's own steps.

    Sums: the steps' terms are added one by one. Let D be the sum of some terms and D' that of as
    many after them; where ``low D <= D' <= high D`` for every state, all the terms after D' lie
    between ``low / (1 - low) D'`` and ``high / (1 - high) D'``, since each step is linear and has
    no negative numbers. Adding ends once half the width of that is below 1e-11 of every figure,
    and the middle is taken: a bound, not an estimate. A figure is off by as much for each phrase.

    The best: steps until nothing grows by more than rounding, which is exact, for no word makes a
    text likelier.
    """
    ring = product.maxima if best else product.sums
    said = product.trie.order  # so many that every context is as long as it can be
    found: Values = {}
    for group in product.phrases.groups():

        def onward(after: Values, group: list[int] = group) -> Values:
            return product.step(ring, group, after, said, ends=False)

        source = product.step(ring, group, found, said, ends=True)
        found |= best_of(onward, source) if best else sum_of(onward, source)
    return found


def best_of(onward: Callable[[Values], Values], source: Values) -> Values:
    """The best of `source` and any number of steps on to it.

    Words that are certain but for rounding may seem to make a text likelier by a last digit, for
    ever: what grows by no more than that counts as settled.
    """
    best = source
    for _ in range(_WINDOW * _MOST_WINDOWS):
        longer = _together(np.maximum, source, onward(best))
        settled = longer.keys() == best.keys() and not any(
            _grown(longer[state], best[state]) for state in longer
        )
        best = longer
        if settled:
            return best
    raise ValueError("length: the best text of this model hardly ends; give length=(low, high)")


def _grown(longer: Array, best: Array) -> bool:
    """Whether any of `longer` is above `best` by more than rounding."""
    there = best > -np.inf
    old = best[there]
    if (longer[there] > old + ROUNDING * np.maximum(np.abs(old), 1.0)).any():
        return True
    return bool((longer[~there] > -np.inf).any())


def sum_of(onward: Callable[[Values], Values], source: Values) -> Values:
    """The sum of `source`, a step on to it, two steps, ...; see :func:`onward_for_ever`."""
    total = term = source
    before: Values | None = None
    for _ in range(_MOST_WINDOWS):
        window: Values = {}
        for _ in range(_WINDOW):
            term = onward(term)
            window = _together(np.logaddexp, window, term)
        total = _together(np.logaddexp, total, window)
        if not any((values > -np.inf).any() for values in window.values()):
            return total
        if before is not None and (rest := _rest(before, window, total)) is not None:
            return _together(np.logaddexp, total, rest)
        before = window
    raise ValueError("length: texts of this model hardly end; give length=(low, high)")


def _rest(before: Values, window: Values, total: Values) -> Values | None:
    """All terms after `window`, once they are known well enough; else None."""
    high, low = -np.inf, np.inf
    for state, values in window.items():
        if state not in before or ((values > -np.inf) & (before[state] == -np.inf)).any():
            return None
        there = before[state] > -np.inf
        ratio = values[there] - before[state][there]
        high, low = max(high, ratio.max(initial=-np.inf)), min(low, ratio.min(initial=np.inf))
    if high >= 0.0:
        return None
    most, least = 1.0 / np.expm1(-high), 1.0 / np.expm1(-low) if low > -np.inf else 0.0
    for state, values in window.items():
        there = values > -np.inf
        off = np.exp(values[there] - total[state][there]) * (most - least) / 2
        if (off > TOLERANCE).any():
            return None
    middle = np.log((most + least) / 2)
    return {state: values + middle for state, values in window.items()}


def _together(combine: np.ufunc, one: Values, other: Values) -> Values:
    return {
        state: combine(one[state], other[state])
        if state in one and state in other
        else (one[state] if state in one else other[state])
        for state in sorted(one.keys() | other.keys())
    }
