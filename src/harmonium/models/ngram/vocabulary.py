"""The vocabulary: words to numbers and back, by one open table of hashes."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harmonium.data.texts import Block
from harmonium.models.ngram.kernels import words as kernels
from harmonium.models.ngram.kernels.words import Words

__all__ = ["END", "MARKERS", "N_MARKERS", "START", "UNKNOWN", "Vocabulary"]

#: The markers that every vocabulary begins with, and their numbers.
MARKERS = ("<unk>", "<s>", "</s>")
UNKNOWN, START, END = range(3)
N_MARKERS = len(MARKERS)

_FAULTS = {
    kernels.FORBIDDEN_BYTE: "holds a NUL byte",
    kernels.MARKER: "has <s> or </s> written as a word",
}


class Vocabulary:
    """Words numbered from 0: ``<unk>``, ``<s>``, ``</s>``, then the others.

    ``blob`` (uint8) holds their UTF-8 bytes one after the other, ``offsets`` ``(n + 1,)`` int64
    where each begins. :meth:`encode` with ``learn=True`` adds the words it meets. `index` is that
    of the same words, :attr:`index`; worked out where it is not given.
    """

    def __init__(
        self,
        blob: NDArray[np.uint8],
        offsets: NDArray[np.int64],
        index: tuple[NDArray[np.uint64], NDArray[np.int32]] | None = None,
    ) -> None:
        self._n_words = len(offsets) - 1
        if index is None:
            hashes = np.empty(self._n_words, dtype=np.uint64)
            kernels.hash_words(blob, offsets, hashes)
            index = hashes, _slots(hashes, self._n_words, len(offsets))
        self._table = Words(blob, offsets, *index)

    @classmethod
    def of(cls, words: Iterable[str] = ()) -> Vocabulary:
        """The vocabulary of the three markers and these `words`, in their order."""
        coded = [word.encode("utf-8") for word in (*MARKERS, *words)]
        offsets = np.zeros(len(coded) + 1, dtype=np.int64)
        np.cumsum([len(word) for word in coded], out=offsets[1:])
        return cls(np.frombuffer(b"".join(coded), dtype=np.uint8).copy(), offsets)

    @classmethod
    def given(cls, words: Any) -> Vocabulary:
        """The vocabulary of the `words` that a user lists, checked; markers are left out."""
        if isinstance(words, str | bytes) or not isinstance(words, Iterable):
            raise ValueError(f"vocabulary must be a list of words, got {words!r}")
        known = [word for word in words if word not in MARKERS]
        if not all(isinstance(word, str) and word for word in known):
            raise ValueError("vocabulary: every word must be a string that is not empty")
        if len(set(known)) < len(known):
            raise ValueError("vocabulary: a word is listed twice")
        return cls.of(known)

    def __len__(self) -> int:
        return self._n_words

    @property
    def blob(self) -> NDArray[np.uint8]:
        """All words' bytes."""
        return self._table.blob[: self._table.offsets[self._n_words]]

    @property
    def offsets(self) -> NDArray[np.int64]:
        """Where each word begins in :attr:`blob`."""
        return self._table.offsets[: self._n_words + 1]

    @property
    def index(self) -> tuple[NDArray[np.uint64], NDArray[np.int32]]:
        """The hash of each word, and the open table of their numbers."""
        return self._table.hashes[: self._n_words], self._table.slots

    @cached_property
    def words(self) -> list[str]:
        """All words by number."""
        data, offsets = self.blob.tobytes(), self.offsets.tolist()
        return [data[low:high].decode("utf-8") for low, high in pairwise(offsets)]

    @cached_property
    def numbers(self) -> dict[str, int]:
        """The number of each word."""
        return {word: number for number, word in enumerate(self.words)}

    def encode(self, block: Block, *, learn: bool = False) -> NDArray[np.int32]:
        """Word numbers of a block, ``<s> words </s>`` text after text, int32.

        Unknown words are added when `learn`, else ``<unk>``. Raises ``ValueError`` for a NUL
        byte and for ``<s>`` or ``</s>`` written as words.
        """
        buffer = np.frombuffer(block.data, dtype=np.uint8)
        ids = np.empty(len(buffer) // 2 + 3 * block.n_texts + 2, dtype=np.int32)
        state = np.array([0, self._n_words, 0], dtype=np.int64)
        while True:
            status = kernels.intern(self._table, buffer, block.classes, state, ids, learn)
            if learn:
                self._learned(int(state[1]))
            if status == kernels.DONE:
                return ids[: state[2]]
            if status != kernels.FULL:
                raise ValueError(f"{block.name_at(int(state[0]))} {_FAULTS[status]}")
            self._grow()

    def _learned(self, n_words: int) -> None:
        self._n_words = n_words
        for name in ("words", "numbers"):
            self.__dict__.pop(name, None)

    def _grow(self) -> None:
        """Twice the room of what is full: the table of words, or their bytes."""
        blob, offsets, hashes, slots = self._table
        if self._n_words + 1 < len(offsets):
            blob = _longer(blob, 2 * len(blob) + 1024)
        else:
            room = 2 * len(offsets) + 1024
            offsets, hashes = _longer(offsets, room), _longer(hashes, room)
            slots = _slots(hashes, self._n_words, room)
        self._table = Words(blob, offsets, hashes, slots)

    def reordered(self, order: NDArray[np.int64]) -> Vocabulary:
        """The vocabulary of the words numbered `order`, in that order."""
        offsets = np.zeros(len(order) + 1, dtype=np.int64)
        np.cumsum(np.diff(self.offsets)[order], out=offsets[1:])
        blob = np.empty(int(offsets[-1]), dtype=np.uint8)
        kernels.gather(self.blob, self.offsets, order, blob)
        return Vocabulary(blob, offsets)


def _longer(array: NDArray[Any], room: int) -> NDArray[Any]:
    longer = np.empty(room, dtype=array.dtype)
    longer[: len(array)] = array
    return longer


def _slots(hashes: NDArray[np.uint64], n_words: int, room: int) -> NDArray[np.int32]:
    """The open table of `n_words` words, at most half full with `room` of them."""
    slots = np.full(1 << max(10, (2 * room - 1).bit_length()), -1, dtype=np.int32)
    kernels.build_slots(hashes, n_words, slots)
    return slots
