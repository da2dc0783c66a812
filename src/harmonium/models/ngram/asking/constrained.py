"""Texts that must hold something: their probability, the best of them, draws; all exact.

The chain is multiplied with a small automaton (:mod:`.product`); what may still come is worked
out from the end (:mod:`.ahead`); then texts are written from their beginning, each word by P of
it and of all that may come after it. Nothing is drawn and thrown away.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harmonium.models.ngram.asking.ahead import ROUNDING, Ahead, Places, onward_for_ever
from harmonium.models.ngram.asking.chain import Chain
from harmonium.models.ngram.asking.constraints import Constraints
from harmonium.models.ngram.asking.doubtful import tokens_with_blanks
from harmonium.models.ngram.asking.phrases import Phrase
from harmonium.models.ngram.asking.product import Product
from harmonium.models.ngram.vocabulary import END, UNKNOWN

__all__ = [
    "NAMES",
    "Constrained",
    "Constraints",
    "anew",
    "check_alone",
    "drawn",
    "filled",
    "most_probable",
    "read",
]

#: What errors call all constraints together.
NAMES = "contains, begins_with, ends_with, length"

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
        chosen: dict[tuple[int, int], Counter[int]] = {}
        while (word := self._places.word(len(text))) is not None or not self._over(len(text)):
            following = -1
            if word is None:
                weights, after = self._onward(ahead, state, context, len(text))
                word = int(np.argmax(weights))
                if ahead.settled is not None and len(text) >= ahead.settled:
                    word = _in_turn(weights, chosen.setdefault((state, context), Counter()))
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
        rows: NDArray[np.int64],
        generator: np.random.Generator,
    ) -> list[tuple[int, int, NDArray[np.int64]]]:
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
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        after = {} if self._places.high == place else ahead[place + 1]
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


def _in_turn(weights: NDArray[np.float64], chosen: Counter[int]) -> int:
    """The best word; of those that only rounding tells apart, one that was chosen least often.

    A best text that comes back to where it was has gone round for nothing, by words that are
    certain but for rounding: the way to the end is as good and has its turn.
    """
    top = float(weights.max())
    equal = np.flatnonzero(weights >= top - 10.0 * ROUNDING * max(abs(top), 1.0))
    word = int(min(equal, key=lambda word: (chosen[int(word)], -weights[word])))
    chosen[word] += 1
    return word


def anew(chain: Chain, wanted: Constraints, *, unknown: bool = False) -> Constrained:
    """Texts that are free but for their constraints."""
    first = len(wanted.begins_with)
    places = Places(first, wanted.low, wanted.high)
    return Constrained(chain, wanted, wanted.begins_with, places, unknown=unknown)


def read(
    chain: Chain, contains: Any, begins_with: Any, ends_with: Any, length: Any
) -> Constraints | None:
    """The constraints that were given; None where none was."""
    if contains is None and begins_with is None and ends_with is None and length is None:
        return None
    return Constraints.read(chain, contains, begins_with, ends_with, length)


def check_alone(odds_changed: bool, others: dict[str, Any]) -> None:
    """``ValueError`` for what was given beside constraints and would change or cut texts."""
    given = ["greedy, temperature, top_k, top_p"] * odds_changed
    given += [name for name, value in others.items() if value is not None]
    if given:
        raise ValueError(f"{given[0]}: does not go with {NAMES}")


def drawn(chain: Chain, wanted: Constraints, generator: np.random.Generator, n: int) -> list[Any]:
    """`n` independent draws of the texts that meet the constraints."""
    texts = anew(chain, wanted).draw(generator, n)
    if texts is None:
        raise ValueError(f"{NAMES}: no text meets them, P is zero")
    words = chain.vocabulary.words
    return [chain.said([words[i] for i in text]) for text in texts]


def most_probable(chain: Chain, wanted: Constraints) -> Any:
    """The most probable of the texts that meet the constraints."""
    best = anew(chain, wanted).best()
    if best is None:
        raise ValueError(f"{NAMES}: no text meets them, P is zero")
    return chain.said([chain.vocabulary.words[i] for i in best])


def filled(
    chain: Chain,
    wanted: Constraints,
    X: Any,
    how: str,
    end: bool,
    generator: np.random.Generator,
) -> list[Any]:
    """Each text of `X` with its blanks filled so that it meets the constraints: the best way
    (``"mode"``) or a draw."""
    answers, vocabulary = [], chain.vocabulary
    for number, text in enumerate(X):
        name = f"X: text {number}"
        tokens = tokens_with_blanks(chain, text, name)
        if len(tokens) < wanted.low or (wanted.high is not None and len(tokens) > wanted.high):
            raise ValueError(f"{name} has {len(tokens)} words, which length does not allow")
        words = [None if t is None else vocabulary.numbers.get(t, UNKNOWN) for t in tokens]
        for place, word in enumerate(wanted.begins_with):
            if place >= len(words) or words[place] not in (None, word):
                raise ValueError(f"{name} does not begin with what begins_with asks for")
            words[place] = word
        n_known = next((i for i, word in enumerate(words) if word is None), len(words))
        beginning = tuple(word for word in words[:n_known] if word is not None)
        places = Places(n_known, len(words), len(words), tuple(words[n_known:]), end)
        texts = Constrained(chain, wanted, beginning, places)
        if how == "mode":
            best = texts.best()
        else:
            draws = texts.draw(generator, 1)
            best = None if draws is None else draws[0]
        if best is None:
            raise ValueError(f"{name}: no filling meets {NAMES}, P is zero")
        said = [
            token if word == UNKNOWN and token is not None else vocabulary.words[word]
            for token, word in zip(tokens, best, strict=True)
        ]
        answers.append(chain.tokenization.text(said) if isinstance(text, str) else said)
    return answers
