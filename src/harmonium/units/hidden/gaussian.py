"""Hidden units of any real value."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from harmonium.compute.rectified import normal
from harmonium.contract.energy import Generator, Parameters
from harmonium.units.hidden.base import SQUARE, HiddenUnits, annealed

__all__ = ["GaussianHidden"]


class GaussianHidden(HiddenUnits):
    """potential(h) = h^2 / 2: normal with mean I and variance one, which a scale of the weights
    makes any other. Summed out, visible units are coupled by W W' (Hopfield; Barra, Bernacchia,
    Santucci, Contucci 2012)."""

    @property
    def sizes(self) -> tuple[int, ...]:
        return (0,) * self.n_units

    def values(self, states: Tensor) -> Tensor:
        raise ValueError("real values cannot be counted")

    def check(self, h: NDArray[np.float64]) -> str | None:
        return None if np.isfinite(h).all() else "finite numbers"

    def potential(self, h: Tensor) -> Tensor:
        return 0.5 * h.square().sum(-1)

    def log_partition(self, inputs: Tensor) -> Tensor:
        return 0.5 * inputs.square().sum(-1) + 0.5 * self.n_units * math.log(2.0 * math.pi)

    def log_partition_at_rest(self) -> float:
        return 0.5 * self.n_units * math.log(2.0 * math.pi)

    def mean(self, inputs: Tensor) -> Tensor:
        return inputs

    def mode(self, inputs: Tensor) -> Tensor:
        return inputs

    def expected(self, inputs: Tensor) -> tuple[Tensor, Parameters]:
        return inputs, {SQUARE: inputs.square() + 1.0}

    def sample(self, inputs: Tensor, generator: Generator) -> Tensor:
        return inputs + normal(inputs, generator)

    def anneal(
        self, inputs: Tensor, beta_from: float, beta_to: float, generator: Generator
    ) -> tuple[Tensor, Tensor]:
        return annealed(self, inputs, beta_from, beta_to, generator)

    def told(self) -> dict[str, NDArray[Any]]:
        return {}
