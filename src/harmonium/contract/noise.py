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

__all__ = [
    "BitFlip",
    "Gaussian",
    "NoiseChannel",
    "Replace",
    "Typos",
    "certain_values",
    "log_likelihood",
]


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


def _log_kept_and_changed(noise: Any, n_states: int) -> tuple[float, float]:
    """log P(read the value that it was), and log P(read a certain other one); -inf for never."""
    if isinstance(noise, BitFlip):
        if n_states != 2:
            raise ValueError(f"noise: BitFlip wants two states, this model has {n_states}")
        kept, changed = 1.0 - noise.p, noise.p
    elif isinstance(noise, Replace):
        changed = noise.p / n_states
        kept = 1.0 - noise.p + changed
    else:
        raise ValueError(f"noise must be hm.noise.BitFlip or hm.noise.Replace, got {noise!r}")
    with np.errstate(divide="ignore"):
        return float(np.log(kept)), float(np.log(changed))


def certain_values(
    noise: Any, table: NDArray[np.float64], n_states: int
) -> NDArray[np.float64] | None:
    """The clean values that readings leave as the only ones, NaN where nothing was read.

    None where the channel leaves a choice. A certain reading is knowledge and no likelihood: a
    finite one, however large, can be overruled by factors that are larger still.
    """
    log_kept, log_changed = _log_kept_and_changed(noise, n_states)
    if np.isneginf(log_changed):
        return table.copy()
    return 1.0 - table if np.isneginf(log_kept) else None


def log_likelihood(
    noise: Any, table: NDArray[np.float64], n_states: int
) -> Callable[[slice], NDArray[np.float64]]:
    """log P(reading given x_i = state) for readings of discrete variables.

    Returns a function from a slice of rows to ``(rows, n_features, n_states)``, float64, so
    that a long table is never spread over all its states at once; NaN readings say nothing.
    -inf for what the channel never reads, see :func:`certain_values`.
    """
    log_kept, log_changed = _log_kept_and_changed(noise, n_states)

    def rows(part: slice) -> NDArray[np.float64]:
        readings = table[part]
        states = np.arange(n_states)
        same = readings[..., None] == states
        values = np.where(same, log_kept, log_changed)
        return np.where(np.isnan(readings)[..., None], 0.0, values)

    return rows
