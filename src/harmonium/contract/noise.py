"""Noise channels: how a clean x becomes the noisy one that ``correct`` is given.

A channel states a likelihood P(noisy given clean); models combine it with their P(x).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harmonium.contract.checks import check_number

__all__ = ["BitFlip", "Gaussian", "NoiseChannel", "Replace", "Typos", "log_likelihood"]


@dataclass(frozen=True)
class NoiseChannel:
    """A memoryless channel from clean to noisy values."""


@dataclass(frozen=True)
class BitFlip(NoiseChannel):
    """Each binary value is flipped with probability `p`, independently; ``0 <= p <= 1``."""

    p: float

    def __post_init__(self) -> None:
        check_number("p", self.p, 0.0, 1.0)


@dataclass(frozen=True)
class Gaussian(NoiseChannel):
    """Normal noise of standard deviation `sigma` > 0, in the units of the data, is added."""

    sigma: float

    def __post_init__(self) -> None:
        check_number("sigma", self.sigma, 0.0, low_open=True)


@dataclass(frozen=True)
class Replace(NoiseChannel):
    """Each value is replaced, with probability `p`, by one drawn uniformly from all values."""

    p: float

    def __post_init__(self) -> None:
        check_number("p", self.p, 0.0, 1.0)


@dataclass(frozen=True)
class Typos(NoiseChannel):
    """Each character is mistyped with probability `p`: one edit (insert, delete, change, swap)."""

    p: float

    def __post_init__(self) -> None:
        check_number("p", self.p, 0.0, 1.0)


def log_likelihood(
    noise: Any, table: NDArray[np.float64], n_states: int
) -> Callable[[slice], NDArray[np.float64]]:
    """log P(reading given x_i = state) for readings of discrete variables.

    Returns a function from a slice of rows to ``(rows, n_features, n_states)``, float64, so
    that a long table is never spread over all its states at once; NaN readings say nothing.
    """
    if isinstance(noise, BitFlip):
        if n_states != 2:
            raise ValueError(f"noise: BitFlip wants two states, this model has {n_states}")
        kept, changed = 1.0 - noise.p, noise.p
    elif isinstance(noise, Replace):
        changed = noise.p / n_states
        kept = 1.0 - noise.p + changed
    else:
        raise ValueError(f"noise must be hm.noise.BitFlip or hm.noise.Replace, got {noise!r}")
    # A floor keeps certainty finite: exp(-745) is the smallest double above zero.
    log_kept, log_changed = (float(np.log(max(p, 5e-324))) for p in (kept, changed))

    def rows(part: slice) -> NDArray[np.float64]:
        readings = table[part]
        states = np.arange(n_states)
        same = readings[..., None] == states
        values = np.where(same, log_kept, log_changed)
        return np.where(np.isnan(readings)[..., None], 0.0, values)

    return rows
