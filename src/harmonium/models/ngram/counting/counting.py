"""Counting: texts to a trie with the count of every n-gram.

Words become numbers once; then, level by level, an n-gram is the pair (node of its context,
word), always 64 bits whatever the order, and counting is one group-by of 64-bit keys, done where
:mod:`.engines` says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np

from harmonium.data.texts import Block
from harmonium.models.ngram.counting.engines import Keys, Numbers, Stored, Workspace
from harmonium.models.ngram.trie import Counts, Levels
from harmonium.models.ngram.vocabulary import END, N_MARKERS, START, UNKNOWN, Vocabulary

__all__ = ["count_levels", "read_words", "trim"]


def read_words(
    blocks: Iterable[Block],
    work: Workspace,
    vocabulary: Vocabulary | None = None,
    progress: Callable[[int], None] | None = None,
) -> tuple[Stored, Vocabulary]:
    """Word numbers of all blocks, and the vocabulary: learned where none is given."""
    learn = vocabulary is None
    known = Vocabulary.of() if vocabulary is None else vocabulary

    def numbers() -> Iterator[Numbers]:
        for block in blocks:
            yield known.encode(block, learn=learn).copy()
            if progress is not None:
                progress(len(block.data))

    return work.store(numbers()), known


def trim(
    parts: Stored, work: Workspace, vocabulary: Vocabulary, min_count: int
) -> tuple[Stored, Vocabulary]:
    """Words rarer than `min_count` become ``<unk>``; the others are numbered by frequency.

    Frequent words first keeps what is looked up most often together in the cache. `parts` are
    discarded.
    """
    n_words = len(vocabulary)
    count = np.zeros(n_words, dtype=np.int64)
    for part in parts:
        count += np.bincount(part, minlength=n_words)
    kept = N_MARKERS + np.flatnonzero(count[N_MARKERS:] >= min_count)
    order = np.concatenate([np.arange(N_MARKERS), kept[np.argsort(-count[kept], kind="stable")]])
    number = np.full(n_words, UNKNOWN, dtype=np.int32)
    number[order] = np.arange(len(order), dtype=np.int32)
    trimmed = work.store(number[part] for part in parts)
    parts.discard()
    return trimmed, vocabulary.reordered(order)


def count_levels(
    parts: Stored,
    n_words: int,
    order: int,
    work: Workspace,
    progress: Callable[[int], None] | None = None,
) -> Counts:
    """Count the n-grams of up to `order` words of ``<s> words </s>`` texts."""
    counts = np.zeros(n_words, dtype=np.int64)
    for part in parts:
        counts += np.bincount(part, minlength=n_words)
    n_texts = int(counts[START])
    levels = Levels(n_words)
    count = np.concatenate([[0], counts])
    nodes = work.store(part + np.int32(1) for part in parts)
    for level in range(2, order + 1):
        keys, level_count = work.group(
            _keys(before, part) for before, part in zip(nodes, parts, strict=True)
        )
        if not len(keys):
            longest = level - 1
            raise ValueError(
                f"order={order}: no text is long enough; the longest n-grams, with the marks of "
                f"start and end, have {longest} words"
            )
        if len(levels) + len(keys) > np.iinfo(np.int32).max:
            raise ValueError(f"order={order}: more than 2**31 n-grams, raise min_count")
        levels.add((keys >> np.uint64(32)).astype(np.int32), keys.astype(np.uint32).view(np.int32))
        count = np.concatenate([count, level_count])
        if level < order:
            shorter = nodes
            nodes = work.store(
                _located(levels, before, part) for before, part in zip(shorter, parts, strict=True)
            )
            shorter.discard()
        if progress is not None:
            progress(level)
    return Counts(levels.trie(), count, n_texts, int(counts.sum()) - n_texts)


def _keys(before: Numbers, part: Numbers) -> Keys:
    """(node of the context, word) of each position that has a context and is not a start."""
    valid = (part[1:] != START) & (before[:-1] >= 0)
    context = before[:-1][valid].astype(np.uint64)
    context <<= np.uint64(32)
    context |= part[1:][valid].view(np.uint32)
    return context


def _located(levels: Levels, before: Numbers, part: Numbers) -> Numbers:
    """The node of the n-gram that ends at each position, -1 where there is none."""
    context = before[:-1].copy()
    context[part[1:] == START] = -1
    # Nothing follows the end, so its n-grams are never contexts.
    context[part[1:] == END] = -1
    return np.concatenate([[np.int32(-1)], levels.locate(context, part[1:])])
