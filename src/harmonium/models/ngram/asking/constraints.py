"""What a text must hold, begin and end with, and how long it may be, as a person asks for it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from harmonium.contract.checks import check_integer
from harmonium.models.ngram.asking.chain import Chain
from harmonium.models.ngram.asking.phrases import Phrase, Phrases
from harmonium.models.ngram.vocabulary import N_MARKERS

__all__ = ["Constraints"]


@dataclass(frozen=True)
class Constraints:
    """Phrases as word numbers, and the fewest and most words of a text (None: any number)."""

    contains: tuple[Phrase, ...] = ()
    begins_with: Phrase = ()
    ends_with: Phrase = ()
    low: int = 0
    high: int | None = None

    @classmethod
    def read(
        cls, chain: Chain, contains: Any, begins_with: Any, ends_with: Any, length: Any
    ) -> Constraints:
        """The constraints in numbers; ``ValueError`` for what no text can meet."""
        low, high = _length(length)
        wanted = cls(
            _phrases(chain, contains),
            _words(chain, "begins_with", begins_with),
            _words(chain, "ends_with", ends_with),
            low,
            high,
        )
        if high is not None and high < (fewest := wanted.fewest()):
            raise ValueError(
                f"length must leave room for the words asked for, {fewest} at least, got {length!r}"
            )
        return wanted

    def phrases(self) -> Phrases:
        """The automaton that knows which phrases a text holds."""
        return Phrases(self.contains, self.ends_with)

    def fewest(self) -> int:
        """Words of the shortest text that holds all of it; phrases may overlap."""
        phrases, state = self.phrases(), 0
        for word in self.begins_with:
            state = phrases.after(state, word)
        return len(self.begins_with) + phrases.fewest(state)


def _length(length: Any) -> tuple[int, int | None]:
    if length is None:
        return 0, None
    if isinstance(length, str) or not isinstance(length, Iterable) or len(pair := [*length]) != 2:
        raise ValueError(
            f"length must be (low, high), the fewest and most words of a text, got {length!r}"
        )
    low = check_integer("length[0]", pair[0], 0)
    if pair[1] is None:
        return low, None
    high = check_integer("length[1]", pair[1], 0)
    if high < low:
        raise ValueError(f"length must be (low, high) with low <= high, got {length!r}")
    return low, high


#: Each phrase doubles what is to be kept apart: which ones a text holds.
_MOST_PHRASES = 10


def _phrases(chain: Chain, contains: Any) -> tuple[Phrase, ...]:
    if contains is None:
        return ()
    if isinstance(contains, str | bytes) or not isinstance(contains, Iterable):
        raise ValueError(f"contains must be a list of words or phrases, got {contains!r}")
    found = dict.fromkeys(_words(chain, "contains", phrase) for phrase in contains)
    # A phrase inside another is held with it.
    needed = tuple(p for p in found if not any(p != q and _inside(p, q) for q in found))
    if len(needed) > _MOST_PHRASES:
        raise ValueError(
            f"contains must be at most {_MOST_PHRASES} different phrases, got {len(needed)}"
        )
    return needed


def _inside(phrase: Phrase, other: Phrase) -> bool:
    return any(other[i : i + len(phrase)] == phrase for i in range(len(other) - len(phrase) + 1))


def _words(chain: Chain, name: str, phrase: Any) -> Phrase:
    """A phrase in numbers: a string, or a list of words."""
    if phrase is None:
        return ()
    if not isinstance(phrase, str | list | tuple):
        raise ValueError(f"{name}: a phrase must be a string or a list of words, got {phrase!r}")
    words = chain.tokenization.tokens(phrase)
    if not words:
        raise ValueError(f"{name}: a phrase must have a word, got {phrase!r}")
    known = chain.vocabulary.numbers
    for word in words:
        if not isinstance(word, str) or known.get(word, -1) < N_MARKERS:
            raise ValueError(f"{name}: {word!r} is no word that this model knows")
    return tuple(known[word] for word in words)
