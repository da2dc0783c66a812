"""Words within a few typing errors of given ones."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["words_within"]

#: Given words that are compared at once.
_CHUNK = 64


def words_within(
    most: int, given: Sequence[str], known: Sequence[str]
) -> dict[str, tuple[NDArray[np.int64], NDArray[np.uint8]]]:
    """For each `given` word the numbers of the `known` ones within `most` edits, and how many.

    Edits are those of optimal string alignment: insert, delete, change, swap. Costs a comparison
    with each known word of about the same length.
    """
    try:
        from rapidfuzz.distance import OSA
        from rapidfuzz.process import cdist
    except ImportError:
        raise ImportError("noise: Typos wants RapidFuzz: pip install 'harmonium[text]'") from None
    lengths = np.array([len(word) for word in known])
    order = np.argsort(lengths, kind="stable")
    by_length = [known[i] for i in order]
    edges = np.searchsorted(lengths[order], np.arange(lengths.max(initial=0) + most + 2))
    queries = sorted(given, key=len)
    found = {}
    for low in range(0, len(queries), _CHUNK):
        part = queries[low : low + _CHUNK]
        # A word within so many edits differs by at most as many characters in length.
        first = edges[min(max(len(part[0]) - most, 0), len(edges) - 1)]
        last = edges[min(len(part[-1]) + most + 1, len(edges) - 1)]
        distances = cdist(
            part,
            by_length[first:last],
            scorer=OSA.distance,
            score_cutoff=most,
            dtype=np.uint8,
            workers=-1,
        )
        for word, row in zip(part, distances, strict=True):
            near = np.flatnonzero(row <= most)
            found[word] = order[first + near], row[near]
    return found
