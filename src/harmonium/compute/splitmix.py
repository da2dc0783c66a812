"""SplitMix64 (Steele, Lea, Flood 2014): random bits of a counter, whatever the order of draws.

Written once, for numpy's arrays as it stands and for numbers in compiled loops, which compile it
where they use it; arithmetic wraps at 64 bits.
"""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["GAMMA", "mix", "unit"]

#: The step of the counter that the authors give.
GAMMA = np.uint64(0x9E3779B97F4A7C15)


def mix(z: Any) -> Any:
    """The finaliser: 64 random bits of each number, uint64."""
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def unit(word: Any) -> Any:
    """The first 53 bits of a uint64 as a number in [0, 1), float64."""
    return (word >> np.uint64(11)) * 2.0**-53
