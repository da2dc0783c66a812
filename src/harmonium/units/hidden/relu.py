"""Hidden units of zero and above."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harmonium.compute import rectified
from harmonium.contract.energy import Generator, Parameters
from harmonium.units.hidden.base import SQUARE, HiddenUnits, annealed

__all__ = ["ReLUHidden"]


class ReLUHidden(HiddenUnits):
    """potential(h) = h^2 / 2 for h >= 0: a normal distribution of mean I and variance one, cut at
    zero (Nair, Hinton 2010, have an approximation of these units; here they are exact)."""

    @property
    def sizes(self) -> tuple[int, ...]:
        return (0,) * self.n_units

    def values(self, states: Tensor) -> Tensor:
        raise ValueError("real values cannot be counted")

    def check(self, h: NDArray[np.float64]) -> str | None:
        return None if np.isfinite(h).all() and (h >= 0).all() else "finite numbers, at least 0"

    def potential(self, h: Tensor) -> Tensor:
        return 0.5 * h.square().sum(-1)

    def log_partition(self, inputs: Tensor) -> Tensor:
        return rectified.log_mass(inputs).sum(-1)

    def log_partition_at_rest(self) -> float:
        return 0.5 * self.n_units * math.log(0.5 * math.pi)

    def mean(self, inputs: Tensor) -> Tensor:
        return rectified.moments(inputs)[1]

    def mode(self, inputs: Tensor) -> Tensor:
        return torch.relu(inputs)

    def expected(self, inputs: Tensor) -> tuple[Tensor, Parameters]:
        _, mean, square = rectified.moments(inputs)
        return mean, {SQUARE: square}

    def sample(self, inputs: Tensor, generator: Generator) -> Tensor:
        return rectified.sample(inputs, generator)

    def anneal(
        self, inputs: Tensor, beta_from: float, beta_to: float, generator: Generator
    ) -> tuple[Tensor, Tensor]:
        return annealed(self, inputs, beta_from, beta_to, generator)

    def told(self) -> dict[str, NDArray[Any]]:
        return {}
