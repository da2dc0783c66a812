"""Chains of rounded probabilities as arrays of few bytes: see :class:`.codes.Codes`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from harmonium.models.ngram.codes import Codes, filled
from harmonium.models.ngram.trie import Trie

__all__ = ["packed", "unpacked"]

#: Whole numbers of these arrays have the fewest bytes that hold them.
_WHOLE = ("word", "children", "share", "odds")
_REAL = {"single": 1, "shares": 2, "oddses": 2}


def packed(trie: Trie, codes: Codes) -> dict[str, NDArray[Any]]:
    """The arrays of a file: words, how many children each context has, codes, their values."""
    children = np.diff(trie.first_child)
    return {
        "level_starts": trie.level_starts,
        "word": trie.word.astype(np.min_scalar_type(int(trie.word.max()))),
        "children": children.astype(np.min_scalar_type(int(children.max()))),
        **vars(codes),
    }


def unpacked(arrays: dict[str, NDArray[Any]]) -> tuple[Trie, Codes]:
    """The inverse of :func:`packed`; raises ``ValueError`` where the arrays are none of those."""
    for name in _WHOLE:
        if name not in arrays or arrays[name].ndim != 1 or arrays[name].dtype.kind != "u":
            raise ValueError(f"{name} is missing, or no list of whole numbers")
    for name, n_axes in _REAL.items():
        if name not in arrays or arrays[name].ndim != n_axes or arrays[name].dtype != "float64":
            raise ValueError(f"{name} is missing, or no real numbers")
    starts, word, children = arrays["level_starts"], arrays["word"], arrays["children"]
    codes = Codes(*(arrays[name] for name in ("single", "share", "odds", "shares", "oddses")))
    if not (
        len(starts) >= 3
        and starts[0] == 0
        and starts[1] == 1
        and (starts[1:] >= starts[:-1]).all()
        and starts[-1] == len(word)
        and starts[2] == 1 + len(codes.single)
        and len(children) == starts[-2] == 1 + len(codes.odds)
        and int(children.astype(np.int64).sum()) == len(word) - 1
        and len(codes.share) == starts[-1] - starts[2]
        and codes.shares.shape == codes.oddses.shape
        and len(codes.shares) == len(starts) - 3
        and _below(codes.share, codes.shares)
        and _below(codes.odds, codes.oddses)
        and (word < len(codes.single)).all()
        and not any(np.isnan(part).any() for part in (codes.single, codes.shares, codes.oddses))
    ):
        raise ValueError("the n-grams do not form a chain")
    parent = np.repeat(np.arange(len(children), dtype=np.int32), children)
    trie = Trie(
        word.astype(np.int32), np.concatenate([[0], parent]).astype(np.int32), starts.copy()
    )
    # Children of a level's contexts are the next level.
    if (
        not all(
            (trie.parent[trie.level(k)] >= starts[k - 1]).all()
            and (trie.parent[trie.level(k)] < starts[k]).all()
            for k in range(1, trie.order + 1)
        )
        or (trie.link < 0).any()
    ):
        raise ValueError("the n-grams do not form a chain")
    filled(trie, codes)
    return trie, codes


def _below(codes: NDArray[Any], book: NDArray[np.float64]) -> bool:
    """Whether every code has a value."""
    return not len(codes) or (book.ndim == 2 and int(codes.max()) < book.shape[1])
