"""Data of several requests as one, and an answer parted among them again.

Only what no random number is drawn for is put together, so that an answer is the same as alone.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

__all__ = ["joined", "likeness", "parted"]


def likeness(data: Any, blanks: bool) -> Hashable | None:
    """Equal for data that can be put together; None for data that stay alone.

    `blanks`: whether rows with blanks may be put together, too.
    """
    if isinstance(data, np.ndarray) and data.ndim > 1 and len(data):
        if not blanks and data.dtype.kind == "f" and np.isnan(data).any():
            return None
        return data.shape[1:], data.dtype.str
    if isinstance(data, dict):
        # Types too: what reads as a column alone must not be made another by its neighbours.
        types = {name: frozenset(map(type, column)) for name, column in data.items()}
        if not blanks and any(type(None) in held for held in types.values()):
            return None
        return tuple(types.items())
    if isinstance(data, list) and data and all(isinstance(one, str) for one in data):
        return "texts"
    return None


def joined(several: Sequence[Any]) -> tuple[Any, list[int]]:
    """Data that are alike as one, and how many rows each has."""
    first = several[0]
    if isinstance(first, np.ndarray):
        return np.concatenate(several), [len(one) for one in several]
    if isinstance(first, dict):
        whole = {name: [cell for one in several for cell in one[name]] for name in first}
        return whole, [len(next(iter(one.values()))) for one in several]
    return [row for one in several for row in one], [len(one) for one in several]


def parted(made: Any, counts: Sequence[int]) -> list[Any]:
    """What was made of the whole, for each its own rows."""
    ends = np.cumsum(counts).tolist()
    slices = [slice(end - n, end) for end, n in zip(ends, counts, strict=True)]
    if isinstance(made, dict):
        return [{name: column[part] for name, column in made.items()} for part in slices]
    return [made[part] for part in slices]
