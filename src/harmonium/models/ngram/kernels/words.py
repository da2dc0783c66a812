"""From bytes to word numbers, by one open table of hashes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from harmonium.data.texts import END_OF_TEXT, FORBIDDEN, ORDINARY, SEPARATOR
from harmonium.models.ngram.kernels.table import slot_of

__all__ = [
    "DONE",
    "FORBIDDEN_BYTE",
    "FULL",
    "MARKER",
    "Words",
    "build_slots",
    "gather",
    "hash_words",
    "intern",
]

#: What :func:`intern` stopped at.
DONE, FULL, FORBIDDEN_BYTE, MARKER = range(4)

# FNV-1a, of Fowler, Noll and Vo.
_FNV_BASIS = np.uint64(14695981039346656037)
_FNV_PRIME = np.uint64(1099511628211)

# The markers' numbers, as in `harmonium.models.ngram.vocabulary`.
_UNKNOWN, _START, _END = 0, 1, 2


class Words(NamedTuple):
    """The words' bytes, where each begins, their hashes, and the open table of their numbers."""

    blob: NDArray[np.uint8]
    offsets: NDArray[np.int64]
    hashes: NDArray[np.uint64]
    slots: NDArray[np.int32]


@njit(inline="always")
def _is_word(blob, offsets, word, buffer, start, length):  # type: ignore[no-untyped-def]
    """Whether the bytes of `word` are ``buffer[start:start + length]``."""
    begin = offsets[word]
    if offsets[word + 1] - begin != length:
        return False
    for i in range(length):  # noqa: SIM110  (compiled: no generators)
        if blob[begin + i] != buffer[start + i]:
            return False
    return True


@njit(nogil=True, cache=True)
def intern(words, buffer, classes, state, ids, learn):  # type: ignore[no-untyped-def]
    """Word numbers of the texts in `buffer`: ``<s> words </s>`` for each, written to `ids`.

    ``state`` is (position in the buffer, words known, ids written) and is moved on, so that a
    call goes on where the last one stopped, in the middle of a text or not. Unknown words are
    added when `learn`, else number 0. Returns DONE; FULL where `words` has no room for the next
    one; FORBIDDEN_BYTE or MARKER (a marker written as a word) with the position of the fault.
    """
    blob, offsets, hashes, slots = words
    position, n_words, n_ids = state[0], state[1], state[2]
    n_slots, status = slots.shape[0], DONE
    while position < buffer.shape[0]:
        kind = classes[buffer[position]]
        if n_ids == 0 or ids[n_ids - 1] == _END:
            ids[n_ids] = _START
            n_ids += 1
        while kind == SEPARATOR:
            position += 1
            kind = classes[buffer[position]]
        if kind == FORBIDDEN:
            status = FORBIDDEN_BYTE
            break
        if kind == END_OF_TEXT:
            ids[n_ids] = _END
            n_ids += 1
            position += 1
            continue
        start, code = position, _FNV_BASIS
        while kind == ORDINARY:
            code = (code ^ np.uint64(buffer[position])) * _FNV_PRIME
            position += 1
            kind = classes[buffer[position]]
        length = position - start
        slot = slot_of(code, n_slots)
        word = np.int64(slots[slot])
        while word >= 0 and not (
            hashes[word] == code and _is_word(blob, offsets, word, buffer, start, length)
        ):
            slot = (slot + 1) & (n_slots - 1)
            word = np.int64(slots[slot])
        if word < 0 and not learn:
            word = np.int64(_UNKNOWN)
        if word < 0:
            begin = offsets[n_words]
            if n_words + 1 >= offsets.shape[0] or begin + length > blob.shape[0]:
                position, status = start, FULL
                break
            blob[begin : begin + length] = buffer[start:position]
            offsets[n_words + 1] = begin + length
            hashes[n_words] = code
            slots[slot] = n_words
            word = n_words
            n_words += 1
        if word in (_START, _END):
            position, status = start, MARKER
            break
        ids[n_ids] = word
        n_ids += 1
    state[0], state[1], state[2] = position, n_words, n_ids
    return status


@njit(nogil=True, cache=True)
def build_slots(hashes, n_words, slots):  # type: ignore[no-untyped-def]
    """Fill the open table `slots` (-1 where empty) with the numbers of `n_words` words."""
    n_slots = slots.shape[0]
    for word in range(n_words):
        slot = slot_of(hashes[word], n_slots)
        while slots[slot] >= 0:
            slot = (slot + 1) & (n_slots - 1)
        slots[slot] = word


@njit(nogil=True, cache=True)
def hash_words(blob, offsets, hashes):  # type: ignore[no-untyped-def]
    """FNV-1a of each word."""
    for word in range(hashes.shape[0]):
        code = _FNV_BASIS
        for i in range(offsets[word], offsets[word + 1]):
            code = (code ^ np.uint64(blob[i])) * _FNV_PRIME
        hashes[word] = code


@njit(nogil=True, cache=True)
def gather(blob, offsets, order, out):  # type: ignore[no-untyped-def]
    """The bytes of the words numbered `order`, one after the other."""
    place = 0
    for word in order:
        for i in range(offsets[word], offsets[word + 1]):
            out[place] = blob[i]
            place += 1
