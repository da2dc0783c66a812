"""Hidden units of 0 and 1."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import softplus

from harmonium.compute import draws
from harmonium.contract.energy import Generator, Parameters
from harmonium.units.hidden.base import HiddenUnits

__all__ = ["BernoulliHidden"]


class BernoulliHidden(HiddenUnits):
    """Inputs are log-odds (Smolensky 1986)."""

    binary: ClassVar[bool] = True

    @property
    def sizes(self) -> tuple[int, ...]:
        return (2,) * self.n_units

    def values(self, states: Tensor) -> Tensor:
        return states

    def check(self, h: NDArray[np.float64]) -> str | None:
        fine = ((h >= 0) & (h <= 1)).all()
        return None if fine else "hidden states or probabilities, numbers in [0, 1]"

    def potential(self, h: Tensor) -> float:
        return 0.0

    def log_partition(self, inputs: Tensor) -> Tensor:
        return softplus(inputs).sum(-1)

    def log_partition_at_rest(self) -> float:
        return self.n_units * math.log(2.0)

    def mean(self, inputs: Tensor) -> Tensor:
        return torch.sigmoid(inputs)

    def mode(self, inputs: Tensor) -> Tensor:
        return (inputs > 0).to(inputs.dtype)

    def expected(self, inputs: Tensor) -> tuple[Tensor, Parameters]:
        return torch.sigmoid(inputs), {}

    def sample(self, inputs: Tensor, generator: Generator) -> Tensor:
        return draws.bernoulli(inputs, generator, out=inputs)

    def anneal(
        self, inputs: Tensor, beta_from: float, beta_to: float, generator: Generator
    ) -> tuple[Tensor, Tensor]:
        drawn = torch.empty_like(inputs)
        change = draws.anneal_hidden(inputs, beta_from, beta_to, generator, drawn)
        return drawn, change

    def told(self) -> dict[str, NDArray[Any]]:
        return {}
