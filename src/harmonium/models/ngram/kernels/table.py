"""Open hash tables: where a key's search begins."""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["slot_of"]

# The golden ratio's multiplier (Knuth, volume 3, section 6.4); a final fold, so that low bits
# depend on every bit of the key.
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_HALF = np.uint64(32)


@njit(inline="always")
def slot_of(key, n_slots):  # type: ignore[no-untyped-def]
    """The first slot to look at for a 64-bit `key`; ``n_slots`` is a power of two."""
    mixed = key * _GOLDEN
    return np.int64((mixed ^ (mixed >> _HALF)) & np.uint64(n_slots - 1))
