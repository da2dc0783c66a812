"""The small automaton that reads a text and knows which phrases it has held so far."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence

__all__ = ["Phrase", "Phrases"]

Phrase = tuple[int, ...]


class Phrases:
    """States of a text that is to hold each of `contains` and to end with `ends_with`.

    A state is the phrases held so far and the tail: the longest end of the text that begins a
    phrase not held yet, or `ends_with` (Aho, Corasick 1975, who need one failure link where here
    the phrases that are done with drop out). State 0 is that of a text without words. Any word
    that stands in no phrase leads to the state's ``home``, the one without a tail.

    Attributes
    ----------
    words : list of int
        All words of phrases.
    tails, held : list
        Of each state: a tuple of words, a frozenset of numbers of phrases.
    following : list of dict
        Of each state: where each word of `words` leads.
    accepting : list of bool
        Whether a text may end there.
    """

    def __init__(self, contains: Sequence[Phrase], ends_with: Phrase) -> None:
        self._contains, self._ends_with = tuple(dict.fromkeys(contains)), ends_with
        self.words = sorted({word for phrase in (*self._contains, ends_with) for word in phrase})
        self.tails: list[Phrase] = []
        self.held: list[frozenset[int]] = []
        self.following: list[dict[int, int]] = []
        self.accepting: list[bool] = []
        self._number: dict[tuple[Phrase, frozenset[int]], int] = {}
        self._state((), frozenset())
        done = 0
        while done < len(self.tails):  # states are added while their words are read
            self.following[done] = {word: self._read(done, word) for word in self.words}
            self._state((), self.held[done])
            done += 1
        self.home = [self._number[(), held] for held in self.held]

    def _state(self, tail: Phrase, held: frozenset[int]) -> int:
        if (tail, held) not in self._number:
            self._number[tail, held] = len(self.tails)
            self.tails.append(tail)
            self.held.append(held)
            self.following.append({})
            ends = tail[len(tail) - len(self._ends_with) :] == self._ends_with
            self.accepting.append(len(held) == len(self._contains) and ends)
        return self._number[tail, held]

    def _read(self, state: int, word: int) -> int:
        text = (*self.tails[state], word)
        held = self.held[state] | {
            number
            for number, phrase in enumerate(self._contains)
            if text[len(text) - len(phrase) :] == phrase
        }
        sought = [p for number, p in enumerate(self._contains) if number not in held]
        for start in range(len(text)):
            tail = text[start:]
            if any(phrase[: len(tail)] == tail for phrase in (*sought, self._ends_with)):
                return self._state(tail, held)
        return self._state((), held)

    def after(self, state: int, word: int) -> int:
        """The state that `word` leads to."""
        return self.following[state].get(word, self.home[state])

    def groups(self) -> Iterator[list[int]]:
        """States with the same phrases held, the home state first; those with more before those
        with fewer, so that no group leads to a later one."""
        for held in sorted(set(self.held), key=lambda held: (-len(held), sorted(held))):
            home = self._number[(), held]
            yield [home, *(s for s, own in enumerate(self.held) if own == held and s != home)]

    def fewest(self, state: int) -> int:
        """How many more words a text needs at least until it may end."""
        distance, queue = {state: 0}, deque([state])
        while queue:
            here = queue.popleft()
            if self.accepting[here]:
                return distance[here]
            for there in (*self.following[here].values(), self.home[here]):
                if there not in distance:
                    distance[there] = distance[here] + 1
                    queue.append(there)
        raise AssertionError("every phrase can be said")
