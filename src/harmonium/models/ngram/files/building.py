"""A trie from lists of n-grams in any order, such as a file or a person writes them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harmonium.models.ngram.trie import Levels, Trie

__all__ = ["build_trie"]

Rows = NDArray[np.int32]


def build_trie(
    levels: list[Rows],
    log_prob: list[NDArray[np.float64]],
    log_backoff: list[NDArray[np.float64]],
    floor: list[NDArray[np.float64]] | None = None,
) -> Trie:
    """The trie of the n-grams ``levels[k - 1]`` ``(n, k)`` with their values, in nats.

    The first level must hold every word number once. Prefixes and suffixes that are not listed
    are added with the probability that the shorter context gives them.
    """
    rows = [np.asarray(level, dtype=np.int32) for level in levels]
    values = [
        [log_prob[k], log_backoff[k], floor[k] if floor else np.full(len(level), np.nan)]
        for k, level in enumerate(rows)
    ]
    while True:
        trie, order, missing = _skeleton(rows)
        if missing is None:
            break
        k, grams = missing
        rows[k] = np.concatenate([rows[k], grams])
        for column in range(3):
            blank = 0.0 if column == 1 else np.nan
            values[k][column] = np.concatenate([values[k][column], np.full(len(grams), blank)])
    trie.log_prob, trie.log_backoff, trie.floor = (
        np.concatenate(
            [
                [np.nan if column == 2 else 0.0],
                *(values[k][column][order[k]] for k in range(len(rows))),
            ]
        )
        for column in range(3)
    )
    trie.log_backoff = trie.log_backoff[: trie.n_contexts]
    trie.floor = trie.floor[: trie.n_contexts]
    _fill(trie)
    return trie


def _skeleton(
    rows: list[Rows],
) -> tuple[Trie, list[NDArray[np.intp]], tuple[int, Rows] | None]:
    """The trie without values, each level's order, and the first shorter n-grams it lacks."""
    first = rows[0][:, 0]
    order = [np.argsort(first)]
    n_words = len(first)
    if not np.array_equal(first[order[0]], np.arange(n_words)):
        raise ValueError("levels: the first must hold every word number once")
    levels = Levels(n_words)
    for k, grams in enumerate(rows[1:], start=2):
        context, shorter = grams[:, 0] + np.int32(1), grams[:, 1] + np.int32(1)
        for column in range(1, k - 1):
            context = levels.locate(context, grams[:, column])
            shorter = levels.locate(shorter, grams[:, column + 1])
        for found, part in ((context, grams[:, :-1]), (shorter, grams[:, 1:])):
            if (found < 0).any():
                lacking = np.unique(part[found < 0], axis=0)
                return levels.trie(), order, (k - 2, lacking)
        by_key = np.lexsort((grams[:, -1], context))
        order.append(by_key)
        keys = (context[by_key].astype(np.int64) << 32) | grams[by_key, -1]
        if (keys[1:] == keys[:-1]).any():
            raise ValueError(f"levels: a {k}-gram is listed twice")
        levels.add(context[by_key], grams[by_key, -1])
    return levels.trie(), order, None


def _fill(trie: Trie) -> None:
    """Give the added n-grams the probability that they had by backing off, shortest first."""
    for k in range(2, trie.order + 1):
        nodes = trie.level(k).start + np.flatnonzero(np.isnan(trie.log_prob[trie.level(k)]))
        if len(nodes):
            context = trie.parent[nodes]
            shorter, _ = trie.step(
                trie.link[context].astype(np.int64), trie.word[nodes].astype(np.int64)
            )
            floor = trie.floor[context]
            trie.log_prob[nodes] = np.where(
                np.isnan(floor), trie.log_backoff[context] + shorter, floor
            )
