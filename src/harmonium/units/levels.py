"""Levels of a normal number: where they meet, what they weigh, what is within each."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

__all__ = ["EDGES", "LEVELS", "MASS", "SQUARES"]

Array = NDArray[np.float64]

#: Where levels meet, in standard deviations of a variable by itself: 64 levels, an eighth apart,
#: of which the outer two have no end.
EDGES: Array = np.arange(-31, 32) / 8.0


def _levels() -> tuple[Array, Array, Array]:
    """Of a standard normal number the mass of each level, and the means of z and z^2 there."""
    low, high = np.append(-np.inf, EDGES), np.append(EDGES, np.inf)
    ends = np.stack([low, high])
    density = np.exp(-0.5 * ends**2) / math.sqrt(2.0 * math.pi)
    # By symmetry from below, where masses keep their digits.
    mass = np.where(low >= 0, ndtr(-low) - ndtr(-high), ndtr(high) - ndtr(low))
    turned = np.where(np.isfinite(ends), ends, 0.0) * density
    return mass, (density[0] - density[1]) / mass, 1.0 + (turned[0] - turned[1]) / mass


#: Of each level the mass, and the means of z and z^2.
MASS, LEVELS, SQUARES = _levels()
