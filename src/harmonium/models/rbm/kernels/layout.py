"""How the compiled update lays out a row: columns of 0 and 1, then labels."""

from __future__ import annotations

from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from harmonium.units.base import Units
from harmonium.units.bernoulli import Bernoulli
from harmonium.units.categorical import Categorical
from harmonium.units.mixed import Mixed

__all__ = ["starts_of"]


def starts_of(units: Units) -> NDArray[np.int64] | None:
    """Where the statistics of each label begin, and of the last end: int64 ``(n_labels + 1,)``.

    The first is thus the number of columns of 0 and 1. None for units of other kinds, or in
    another order, which the compiled update cannot take.
    """
    parts = units.parts if isinstance(units, Mixed) else (units,)
    plain = parts[0].n_variables if isinstance(parts[0], Bernoulli) else 0
    sizes: list[int] = []
    for part in parts[1:] if plain else parts:
        if not isinstance(part, Categorical):
            return None
        sizes += part.sizes
    return np.array(list(accumulate(sizes, initial=plain)), np.int64)
