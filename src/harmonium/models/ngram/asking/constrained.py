"""Texts that must hold something: their probability, the best of them, draws; all exact.

The chain is multiplied with a small automaton (:mod:`.product`); what may still come is worked
out from the end (:mod:`.ahead`); then texts are written from their beginning, each word by P of
it and of all that may come after it. Nothing is drawn and thrown away.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from harmonium.models.ngram.asking.ahead import Ahead, Places, onward_for_ever
from harmonium.models.ngram.asking.chain import Chain
from harmonium.models.ngram.asking.constraints import Constraints
from harmonium.models.ngram.asking.phrases import Phrase
from harmonium.models.ngram.asking.product import Product
from harmonium.models.ngram.vocabulary import END

__all__ = ["Constrained", "anew"]

#: Numbers kept for each state and length at once.
_MOST_NUMBERS = 2**29


class Constrained:
    """Texts that begin with `beginning` (word numbers), meet the `wanted` constraints and have
    their words at `places`; `unknown`: whether other words may be ``<unk>``."""

    def __init__(
        self,
        chain: Chain,
        wanted: Constraints,
        beginning: Phrase,
        places: Places,
        *,
        unknown: bool = False,
    ) -> None:
        self._chain, self._beginning, self._places = chain, beginning, places
        self._product = Product(chain.trie, wanted.phrases(), unknown=unknown)
        if self._product.n_numbers > _MOST_NUMBERS:
            raise ValueError(
                "contains: so many phrases with so many contexts want "
                f"{self._product.n_numbers * 8 / 2**30:.1f} GiB a word of the text; ask for fewer"
            )
        self._state, self._context, self._log_prob = 0, chain.trie.start, 0.0
        for said, word in enumerate(beginning, start=1):
            value, following = chain.trie.step(np.array([self._context]), np.array([word]), said)
            self._log_prob += float(value[0])
            self._context = int(following[0])
            self._state = self._product.phrases.after(self._state, word)

    def log_prob(self) -> float:
        """log of the summed P of all these texts, in nats."""
        return self._log_prob + self._first(self._ahead(best=False))

    def best(self) -> list[int] | None:
        """The words of the most probable one; None where P of all is zero."""
        ahead = self._ahead(best=True)
        if self._log_prob + self._first(ahead) == -np.inf:
            return None
        text, state, context = list(self._beginning), self._state, self._context
        while (word := self._places.word(len(text))) is not None or not self._over(len(text)):
            following = -1
            if word is None:
                weights, after = self._onward(ahead, state, context, len(text))
                word = int(np.argmax(weights))
                following = int(after[word])
            if word == END:
                break
            context = following if following >= 0 else self._chain.trie.follow(context, [word])
            state = self._product.phrases.after(state, word)
            text.append(word)
        return text

    def draw(self, generator: np.random.Generator, n: int) -> list[list[int]] | None:
        """`n` independent draws, each a text's words; None where P of all is zero."""
        ahead = self._ahead(best=False)
        if self._log_prob + self._first(ahead) == -np.inf:
            return None
        texts = [list(self._beginning) for _ in range(n)]
        at = {(self._state, self._context): np.arange(n)}
        place = len(self._beginning)
        while at and not (self._over(place) and self._places.word(place) is None):
            going: dict[tuple[int, int], list[Any]] = {}
            for (state, context), rows in at.items():
                for word, there, own in self._drawn(ahead, state, context, place, rows, generator):
                    for row in own.tolist():
                        texts[row].append(word)
                    state_there = self._product.phrases.after(state, word)
                    going.setdefault((state_there, there), []).append(own)
            at = {key: np.concatenate(parts) for key, parts in going.items()}
            place += 1
        return texts

    def _drawn(
        self,
        ahead: Ahead,
        state: int,
        context: int,
        place: int,
        rows: np.ndarray,
        generator: np.random.Generator,
    ) -> list[tuple[int, int, np.ndarray]]:
        """The next word of the texts `rows`: each word drawn, where it leads, and of which."""
        word = self._places.word(place)
        if word is not None:
            return [(word, self._chain.trie.follow(context, [word]), rows)]
        weights, following = self._onward(ahead, state, context, place)
        cumulative = np.cumsum(np.exp(weights - weights.max()))
        pick = np.searchsorted(cumulative, generator.random(len(rows)) * cumulative[-1], "right")
        # Rounding must not pick what cannot be.
        pick = np.minimum(pick, int(np.flatnonzero(weights > -np.inf)[-1]))
        words = np.unique(pick)
        return [(int(w), int(following[w]), rows[pick == w]) for w in words if w != END]

    def _onward(
        self, ahead: Ahead, state: int, context: int, place: int
    ) -> tuple[np.ndarray, np.ndarray]:
        after = {} if self._over(place) else ahead[place + 1]
        if self._places.high == place:
            after = {}
        ends = self._places.may_end(place)
        return self._product.words_on(after, state, context, place + 1, ends=ends)

    def _over(self, place: int) -> bool:
        """Whether no word and no end is left to be chosen."""
        high = self._places.high
        return high is not None and (place > high or (place == high and not self._places.ends))

    def _ahead(self, *, best: bool) -> Ahead:
        ring = self._product.maxima if best else self._product.sums
        open_end = self._places.high is None
        for_ever = onward_for_ever(self._product, best) if open_end else {}
        return Ahead(self._product, ring, self._places, for_ever)

    def _first(self, ahead: Ahead) -> float:
        return self._product.value(ahead[self._places.first], self._state, self._context)


def anew(chain: Chain, wanted: Constraints, *, unknown: bool = False) -> Constrained:
    """Texts that are free but for their constraints."""
    first = len(wanted.begins_with)
    places = Places(first, wanted.low, wanted.high)
    return Constrained(chain, wanted, wanted.begins_with, places, unknown=unknown)
