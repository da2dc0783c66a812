"""Noise channels: how a clean x becomes the noisy one that ``correct`` is given.

A channel states a likelihood P(noisy given clean); models combine it with their P(x).
"""

from __future__ import annotations

from dataclasses import dataclass

from harmonium.checks import check_number

__all__ = ["BitFlip", "Gaussian", "NoiseChannel", "Replace", "Typos"]


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
