"""The vocabulary: words to numbers and back, by one open table of hashes."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harmonium.data.texts import Block
from harmonium.models.ngram import kernels

__all__ = ["END", "START", "UNKNOWN", "Vocabulary"]

#: Numbers of the three markers, which every vocabulary begins with.
UNKNOWN, START, END = 0, 1, 2
_MARKERS = ("<unk>", "<s>", "</s>")


class Vocabulary:
    """Words numbered from 0: ``<unk>``, ``<s>``, ``</s>``, then the others.

    ``blob`` (uint8) holds their UTF-8 bytes one after the other, ``offsets`` ``(n + 1,)`` int64
    where each begins. :meth:`encode` with ``learn=True`` adds the words it meets.
    """

    def __init__(self, blob: NDArray[np.uint8], offsets: NDArray[np.int64]) -> None:
        self._n_words = len(offsets) - 1
        self._blob = blob
        self._offsets = offsets
        self._hashes = np.empty(self._n_words, dtype=np.uint64)
        kernels.hash_words(blob, offsets, self._hashes)
        self._build_slots(max(1024, 1 << (4 * self._n_words).bit_length()))

    @classmethod
    def of(cls, words: Iterable[str] = ()) -> Vocabulary:
        """The vocabulary of the three markers and these `words`, in their order."""
        coded = [word.encode("utf-8") for word in (*_MARKERS, *words)]
        offsets = np.zeros(len(coded) + 1, dtype=np.int64)
        np.cumsum([len(word) for word in coded], out=offsets[1:])
        return cls(np.frombuffer(b"".join(coded), dtype=np.uint8).copy(), offsets)

    def _build_slots(self, n_slots: int) -> None:
        self._slots = np.full(n_slots, -1, dtype=np.int32)
        kernels.build_slots(self._hashes, self._n_words, self._slots)

    def _grow(self) -> None:
        """Twice the room there is now. Not twice what is known: a text that did not fit is
        forgotten and met again, so its words are not among those."""
        room = 2 * len(self._offsets) + 1024
        self._blob = _longer(self._blob, max(1024, 2 * len(self._blob)))
        self._offsets = _longer(self._offsets, room)
        self._hashes = _longer(self._hashes, room)
        self._build_slots(1 << (2 * room).bit_length())

    def __len__(self) -> int:
        return self._n_words

    @property
    def blob(self) -> NDArray[np.uint8]:
        """All words' bytes."""
        return self._blob[: self._offsets[self._n_words]]

    @property
    def offsets(self) -> NDArray[np.int64]:
        """Where each word begins in :attr:`blob`."""
        return self._offsets[: self._n_words + 1]

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
        mark = bytes([int(np.flatnonzero(block.classes == 2)[0])])
        n_texts = block.data.count(mark)
        ids = np.empty(len(buffer) // 2 + 3 * n_texts + 2, dtype=np.int32)
        state = np.array([self._n_words, 0], dtype=np.int64)
        position = 0
        while True:
            position, status = kernels.intern(
                buffer,
                position,
                block.classes,
                self._blob,
                self._offsets,
                self._hashes,
                self._slots,
                state,
                ids,
                learn,
            )
            if learn:
                # Only whole texts are counted; words of the text cut short are met again.
                self._forget(int(state[0]), status)
            if status == 0:
                break
            if status != 1:
                ends = block.data.count(mark, 0, position)
                fault = "holds a NUL byte" if status == 2 else "has <s> or </s> written as a word"
                raise ValueError(f"{block.what} {block.first + ends} {fault}")
            self._grow()
        return ids[: state[1]]

    def _forget(self, n_words: int, status: int) -> None:
        self._n_words = n_words
        for name in ("words", "numbers"):
            self.__dict__.pop(name, None)
        if status not in (0, 1):  # the table may hold words of the refused text
            self._build_slots(len(self._slots))

    def reordered(self, order: NDArray[np.int64]) -> Vocabulary:
        """The vocabulary of the words numbered `order`, in that order."""
        lengths = np.diff(self.offsets)[order]
        offsets = np.zeros(len(order) + 1, dtype=np.int64)
        np.cumsum(lengths, out=offsets[1:])
        begin = np.repeat(self.offsets[order] - offsets[:-1], lengths)
        return Vocabulary(self.blob[begin + np.arange(offsets[-1])], offsets)


def _longer(array: NDArray[Any], length: int) -> NDArray[Any]:
    """`array` with room behind it."""
    grown = np.empty(length, dtype=array.dtype)
    grown[: len(array)] = array
    return grown
