"""How many letters of sequences differ: the one choice between the twins.

Codes are int8 ``(n, L)``, from -1 on; what differs is counted in columns. The compiled twins
hold a bit of each code in a plane of its own, 64 columns a word: two sequences differ where any
plane does, which is a few operations on words, and a count of bits.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harmonium.compute.threads import in_parts
from harmonium.compute.twins import PLAIN_ONLY

__all__ = ["components", "nearest", "neighbour_counts", "packed"]


def packed(codes: NDArray[np.int8]) -> NDArray[np.uint64]:
    """The planes of bits, ``(n_words, n_planes, n)``; columns beyond L are zeros."""
    n, n_columns = codes.shape
    values = (codes.astype(np.int16) + 1).astype(np.uint8)
    n_planes = max(1, int(values.max(initial=0)).bit_length())
    n_words = -(-n_columns // 64)
    planes = np.zeros((n_words, n_planes, n), dtype=np.uint64)
    for plane in range(n_planes):
        bits = np.zeros((n, 64 * n_words), dtype=np.uint8)
        bits[:, :n_columns] = (values >> plane) & 1
        planes[:, plane] = np.packbits(bits, axis=1, bitorder="little").view(np.uint64).T
    return planes


def neighbour_counts(codes: NDArray[np.int8], most: int) -> NDArray[np.int64]:
    """Of each sequence how many, itself counted, differ in at most `most` columns: ``(n,)``."""
    counts = np.zeros(len(codes), dtype=np.int64)
    if PLAIN_ONLY:
        for i, row in enumerate(codes):
            counts[i] = ((codes != row).sum(1) <= most).sum()
        return counts
    from harmonium.compute import cpu_identity as fast

    planes = packed(codes)
    in_parts(lambda low, high: fast.count(planes, most, low, high, counts), len(codes))
    return counts


def components(codes: NDArray[np.int8], most: int) -> NDArray[np.int64]:
    """The component of each sequence ``(n,)``, numbered as they are met, where those that differ
    in at most `most` columns hang together."""
    labels = np.full(len(codes), -1, dtype=np.int64)
    if not PLAIN_ONLY:
        from harmonium.compute import cpu_identity as fast

        fast.components(packed(codes), most, labels)
        return labels
    found = 0
    for first in range(len(codes)):
        if labels[first] >= 0:
            continue
        labels[first], waiting = found, [first]
        while waiting:
            near = (codes != codes[waiting.pop()]).sum(1) <= most
            new = np.flatnonzero(near & (labels < 0))
            labels[new] = found
            waiting += new.tolist()
        found += 1
    return labels


def nearest(
    codes: NDArray[np.int8], others: NDArray[np.int8]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """In how many columns each sequence differs from the nearest of the `others`, and which that
    is, the first of several: ``(n,)`` each."""
    n = len(codes)
    least, where = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int64)
    if PLAIN_ONLY:
        for i, row in enumerate(codes):
            differences = (others != row).sum(1)
            where[i] = differences.argmin()
            least[i] = differences[where[i]]
        return least, where
    from harmonium.compute import cpu_identity as fast

    planes = packed(np.concatenate([codes, others]))
    in_parts(lambda low, high: fast.nearest(planes, n, low, high, least, where), n)
    return least, where
