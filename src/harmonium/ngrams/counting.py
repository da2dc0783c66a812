"""Counting: texts to a trie with the count of every n-gram.

Words become numbers once; then, level by level, an n-gram is the pair (node of its context,
word), always 64 bits whatever the order, and counting is one group-by of 64-bit keys. In memory
that is a sort by numpy; texts too long for memory go through :mod:`.engines`, which spills.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harmonium.ngrams.texts import Block
from harmonium.ngrams.trie import Trie, locate
from harmonium.ngrams.vocabulary import END, START, UNKNOWN, Vocabulary

__all__ = ["Counts", "count_keys", "count_levels", "read_words", "trim"]

Keys = NDArray[np.uint64]
Grouping = Callable[[Iterable[Keys]], tuple[Keys, NDArray[np.int64]]]


@dataclass
class Counts:
    """A trie and how often each node occurred, int64."""

    trie: Trie
    count: NDArray[np.int64]
    n_texts: int
    n_tokens: int


def read_words(
    blocks: Iterable[Block],
    vocabulary: Vocabulary | None = None,
    progress: Callable[[int], None] | None = None,
) -> tuple[list[NDArray[np.int32]], Vocabulary]:
    """Word numbers of all blocks, and the vocabulary: learned where none is given."""
    learn = vocabulary is None
    known = Vocabulary.of() if vocabulary is None else vocabulary
    parts = []
    for block in blocks:
        parts.append(known.encode(block, learn=learn).copy())
        if progress is not None:
            progress(len(block.data))
    return parts, known


def trim(
    parts: list[NDArray[np.int32]], vocabulary: Vocabulary, min_count: int
) -> tuple[list[NDArray[np.int32]], Vocabulary]:
    """Words rarer than `min_count` become ``<unk>``; the others are numbered by frequency.

    Frequent words first keeps what is looked up most often together in the cache.
    """
    n_words = len(vocabulary)
    count = np.zeros(n_words, dtype=np.int64)
    for part in parts:
        count += np.bincount(part, minlength=n_words)
    kept = 3 + np.flatnonzero(count[3:] >= min_count)
    order = np.concatenate([[0, 1, 2], kept[np.argsort(-count[kept], kind="stable")]])
    number = np.full(n_words, UNKNOWN, dtype=np.int32)
    number[order] = np.arange(len(order), dtype=np.int32)
    return [number[part] for part in parts], vocabulary.reordered(order)


def count_keys(parts: Iterable[Keys]) -> tuple[Keys, NDArray[np.int64]]:
    """The distinct keys in order, and how often each occurs: a sort in memory."""
    keys = np.concatenate(list(parts)) if not isinstance(parts, np.ndarray) else parts
    keys.sort()
    if not len(keys):
        return keys, np.zeros(0, dtype=np.int64)
    first = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]]))
    return keys[first], np.diff(np.append(first, len(keys)))


def count_levels(
    parts: list[NDArray[np.int32]],
    n_words: int,
    order: int,
    group: Grouping = count_keys,
    progress: Callable[[int], None] | None = None,
) -> Counts:
    """Count the n-grams of up to `order` words of ``<s> words </s>`` texts."""
    counts = np.zeros(n_words, dtype=np.int64)
    for part in parts:
        counts += np.bincount(part, minlength=n_words)
    n_texts = int(counts[START])
    word = np.concatenate([[0], np.arange(n_words)]).astype(np.int32)
    parent = np.zeros(n_words + 1, dtype=np.int32)
    count = np.concatenate([[0], counts])
    starts = [0, 1, n_words + 1]
    nodes = [part + np.int32(1) for part in parts]
    first_child = np.array([1, n_words + 1])
    for level in range(2, order + 1):
        keys, level_count = group(
            _keys(before, part) for before, part in zip(nodes, parts, strict=True)
        )
        if not len(keys):
            longest = level - 1
            raise ValueError(
                f"order={order}: no text is long enough; the longest n-grams, with the marks of "
                f"start and end, have {longest} words"
            )
        if starts[-1] + len(keys) > np.iinfo(np.int32).max:
            raise ValueError(f"order={order}: more than 2**31 n-grams, raise min_count")
        level_parent = (keys >> np.uint64(32)).astype(np.int32)
        children = np.bincount(level_parent, minlength=starts[-1])[len(first_child) - 1 :]
        first_child = np.concatenate([first_child, first_child[-1] + np.cumsum(children)])
        word = np.concatenate([word, keys.astype(np.uint32).view(np.int32)])
        parent = np.concatenate([parent, level_parent])
        count = np.concatenate([count, level_count])
        starts.append(starts[-1] + len(keys))
        if level < order:
            nodes = [
                _located(first_child, word, before, part)
                for before, part in zip(nodes, parts, strict=True)
            ]
        if progress is not None:
            progress(level)
    trie = Trie(word, parent, np.array(starts, dtype=np.int64))
    return Counts(trie, count, n_texts, int(counts.sum()) - n_texts)


def _keys(before: NDArray[np.int32], part: NDArray[np.int32]) -> Keys:
    """(node of the context, word) of each position that has a context and is not a start."""
    valid = (part[1:] != START) & (before[:-1] >= 0)
    context = before[:-1][valid].astype(np.uint64)
    context <<= np.uint64(32)
    context |= part[1:][valid].view(np.uint32)
    return context


def _located(
    first_child: NDArray[np.int64],
    word: NDArray[np.int32],
    before: NDArray[np.int32],
    part: NDArray[np.int32],
) -> NDArray[np.int32]:
    """The node of the n-gram that ends at each position, -1 where there is none."""
    context = before[:-1].copy()
    context[part[1:] == START] = -1
    # Nothing follows the end, so its n-grams are never contexts.
    context[part[1:] == END] = -1
    return np.concatenate([[np.int32(-1)], locate(first_child, word, context, part[1:])])
