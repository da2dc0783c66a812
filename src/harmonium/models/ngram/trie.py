"""The trie: every n-gram a node, its context the parent, its shorter context a link.

A back-off chain is an automaton on this trie (its states are the nodes that are contexts), and
every question is a walk along it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harmonium.compute.threads import in_parts
from harmonium.models.ngram.kernels import walk as kernels
from harmonium.models.ngram.vocabulary import START

__all__ = ["Counts", "Levels", "Trie"]


@dataclass
class Trie:
    """N-grams by level: node 0 is the empty context, ``1 + w`` the word w, then the longer ones.

    Nodes of one level are sorted by (parent, word), so that a node's children lie together.
    The trie is closed: the first words and the last words of an n-gram are nodes too.
    """

    #: Last word of each node, int32; parent (its context), int32.
    word: NDArray[np.int32]
    parent: NDArray[np.int32]
    #: First node of each level 0..order, and the number of nodes: ``(order + 2,)`` int64.
    level_starts: NDArray[np.int64]
    #: log P(word given parent) of each node, in nats.
    log_prob: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    #: For each context: the price of passing on to :attr:`link`, in nats.
    log_backoff: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    #: For each context: log P of any word that is not its child; NaN where that is passed on.
    floor: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    #: log P of any word where a context is not known in full; NaN where it is passed on.
    unknown_context: float = np.nan

    @property
    def order(self) -> int:
        """Words in the longest n-grams."""
        return len(self.level_starts) - 2

    @property
    def n_words(self) -> int:
        """Words of the vocabulary, markers included."""
        return int(self.level_starts[2] - 1) if self.order > 1 else len(self.word) - 1

    @property
    def n_contexts(self) -> int:
        """Nodes that can be contexts: all but those of the last level."""
        return int(self.level_starts[self.order])

    def level(self, k: int) -> slice:
        """The nodes of level k."""
        return slice(int(self.level_starts[k]), int(self.level_starts[k + 1]))

    @cached_property
    def first_child(self) -> NDArray[np.int64]:
        """Children of context c are ``first_child[c]:first_child[c + 1]``."""
        counts = np.bincount(self.parent[1:], minlength=self.n_contexts)
        return np.concatenate([[1], 1 + np.cumsum(counts)])

    @cached_property
    def link(self) -> NDArray[np.int32]:
        """The node of each n-gram without its first word."""
        link = np.zeros(len(self.word), dtype=np.int32)
        for k in range(2, self.order + 1):
            nodes = self.level(k)
            link[nodes] = _locate(
                self.first_child, self.word, link[self.parent[nodes]], self.word[nodes]
            )
        return link

    @cached_property
    def targets(self) -> NDArray[np.int64]:
        """The state that each n-gram leads to: itself, or its link where it is too long."""
        return self._led_to(slice(0, len(self.word)))

    def _led_to(self, nodes: slice) -> NDArray[np.int64]:
        numbers = np.arange(nodes.start, nodes.stop)
        return np.where(numbers < self.n_contexts, numbers, self.link[nodes])

    @cached_property
    def most_probable(self) -> NDArray[np.float64]:
        """log P of each word after the context that makes it most probable."""
        most = np.full(self.n_words, -np.inf)
        np.maximum.at(most, self.word[1:], self.log_prob[1:])
        return most

    @cached_property
    def table(self) -> NDArray[np.uint64]:
        """Open table from (context, word) to node, for the kernels that walk."""
        first = int(self.level_starts[2]) if self.order > 1 else len(self.word)
        n_slots = 1 << max(10, int(1.5 * (len(self.word) - first)).bit_length())
        table = np.full((n_slots, 2), 2**64 - 1, dtype=np.uint64)
        kernels.build_table(self.parent, self.word, first, table)
        return table

    def automaton(self) -> kernels.Automaton:
        """What every walking kernel takes first."""
        return kernels.Automaton(
            self.table,
            self.word,
            self.first_child,
            self.link,
            self.log_prob,
            self.log_backoff,
            self.floor,
            self.level_starts,
            self.n_contexts,
            self.unknown_context,
        )

    @property
    def backs_off(self) -> bool:
        """Whether every context passes on what it does not list: no floors."""
        return bool(np.isnan(self.floor).all())

    @property
    def start(self) -> int:
        """The state that every text begins in: the node of ``<s>``, where that is a context."""
        return 1 + START if self.order > 1 else 0

    def n_short(self, said: int) -> int:
        """The first so many contexts have fewer words than were `said`, where that means that
        nothing is known of them; else 0."""
        if np.isnan(self.unknown_context):
            return 0
        return int(self.level_starts[min(said, self.order - 1)])

    def score(
        self, ids: NDArray[np.int32], starts: NDArray[np.int64], end: bool
    ) -> NDArray[np.float64]:
        """log P of each text ``ids[starts[i]:starts[i + 1]]`` = ``<s> words </s>``, in nats."""
        out = np.empty(len(starts) - 1)
        kernels.score(self.automaton(), ids, starts, end, out)
        return out

    def of_words(self, ids: NDArray[np.int32]) -> NDArray[np.float64]:
        """log P of each word of texts ``<s> words </s>`` one after the other, of a chain that
        backs off; 0 for ``<s>``. ``(len(ids),)``."""
        states = np.empty(len(ids), dtype=np.int64)
        kernels.states_before(self.automaton(), ids, START, states)
        values, _ = self.step(states, ids.astype(np.int64))
        values[ids == START] = 0.0
        return values

    def step(
        self, states: NDArray[Any], words: NDArray[Any], said: int = 0
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """log P(word given state) and the next state, for arrays of one length.

        `said` words, ``<s>`` included, came before.
        """
        values = np.empty(len(states))
        following = np.empty(len(states), dtype=np.int64)
        kernels.step(self.automaton(), states, words, values, following)
        short = self.n_short(said)
        return np.where(
            states < short, self.unknown_context, values
        ) if short else values, following

    def follow(self, state: int, words: list[int]) -> int:
        """The state after all `words`, from `state` on."""
        return int(kernels.follow(self.automaton(), state, np.array(words, dtype=np.int64)))

    def transitions(
        self, state: int, said: int = 0
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """log P(word given state) and the next state for each word of the vocabulary.

        `said` words, ``<s>`` included, came before.
        """
        path = [state]
        while path[-1]:
            path.append(int(self.link[path[-1]]))
        every = self.level(1)
        values, following = self.log_prob[every].copy(), self._led_to(every)
        # From the shortest context to the longest: what a longer one lists it says itself.
        for context in reversed(path[:-1]):
            if np.isnan(self.floor[context]):
                values += self.log_backoff[context]
            else:
                values[:] = self.floor[context]
            children = slice(int(self.first_child[context]), int(self.first_child[context + 1]))
            values[self.word[children]] = self.log_prob[children]
            following[self.word[children]] = self._led_to(children)
        if state < self.n_short(said):
            values[:] = self.unknown_context
        values[START] = -np.inf
        return values, following

    def grams(self, k: int) -> NDArray[np.int32]:
        """The words of each n-gram of level k: ``(n, k)``."""
        nodes = np.arange(self.level_starts[k], self.level_starts[k + 1])
        columns = []
        for _ in range(k):
            columns.append(self.word[nodes])
            nodes = self.parent[nodes]
        return np.stack(columns[::-1], axis=1)


@dataclass
class Counts:
    """A trie and how often each node occurred, int64."""

    trie: Trie
    count: NDArray[np.int64]
    n_texts: int
    n_tokens: int


class Levels:
    """A trie under way, a level at a time: the words are there, the longer n-grams follow."""

    def __init__(self, n_words: int) -> None:
        self._word = np.concatenate([[0], np.arange(n_words)]).astype(np.int32)
        self._parent = np.zeros(n_words + 1, dtype=np.int32)
        self._starts = [0, 1, n_words + 1]
        self._first_child = np.array([1, n_words + 1])

    def __len__(self) -> int:
        """Nodes so far."""
        return self._starts[-1]

    def add(self, parents: NDArray[np.int32], words: NDArray[np.int32]) -> None:
        """The next level: distinct n-grams ``(n,)`` in order of (parent, word), the parents in
        the level before."""
        children = np.bincount(parents, minlength=len(self))[len(self._first_child) - 1 :]
        self._first_child = np.concatenate(
            [self._first_child, self._first_child[-1] + np.cumsum(children)]
        )
        self._word = np.concatenate([self._word, words])
        self._parent = np.concatenate([self._parent, parents])
        self._starts.append(len(self) + len(parents))

    def locate(self, parents: NDArray[np.int32], words: NDArray[np.int32]) -> NDArray[np.int32]:
        """The node of each (parent, word) pair, -1 where there is none (or the parent is -1)."""
        return _locate(self._first_child, self._word, parents, words)

    def trie(self) -> Trie:
        """The trie of all levels so far, without values."""
        return Trie(self._word, self._parent, np.array(self._starts, dtype=np.int64))


def _locate(
    first_child: NDArray[np.int64],
    words: NDArray[np.int32],
    parents: NDArray[np.int32],
    queries: NDArray[np.int32],
) -> NDArray[np.int32]:
    """The node of each (parent, word) pair, -1 where there is none (or the parent is -1)."""
    out = np.empty(len(parents), dtype=np.int32)

    def part(low: int, high: int) -> None:
        kernels.locate(first_child, words, parents[low:high], queries[low:high], out[low:high])

    in_parts(part, len(parents))
    return out
