"""One hidden variable of several states: a mixture."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harmonium.compute import draws
from harmonium.contract.energy import Generator, Parameters
from harmonium.units.hidden.base import SQUARE, HiddenUnits, annealed

__all__ = ["CategoricalHidden"]


class CategoricalHidden(HiddenUnits):
    """One of the units is 1, all others 0; inputs are log-weights. Visible units that are apart
    given it are a mixture of products, whose partition function is a sum over the units."""

    separate: ClassVar[bool] = False

    @property
    def sizes(self) -> tuple[int, ...]:
        return (self.n_units,)

    def values(self, states: Tensor) -> Tensor:
        return torch.nn.functional.one_hot(states[:, 0].long(), self.n_units).to(states.dtype)

    def check(self, h: NDArray[np.float64]) -> str | None:
        fine = (h >= 0).all() and np.allclose(h.sum(1), 1.0, atol=1e-6)
        return None if fine else "shares of the units, numbers in [0, 1] whose sum is 1 in each row"

    def potential(self, h: Tensor) -> float:
        return 0.0

    def log_partition(self, inputs: Tensor) -> Tensor:
        return torch.logsumexp(inputs, -1)

    def log_partition_at_rest(self) -> float:
        return math.log(self.n_units)

    def mean(self, inputs: Tensor) -> Tensor:
        return torch.softmax(inputs, -1)

    def mode(self, inputs: Tensor) -> Tensor:
        chosen = torch.nn.functional.one_hot(inputs.argmax(-1), self.n_units)
        return chosen.to(inputs.dtype)

    def expected(self, inputs: Tensor) -> tuple[Tensor, Parameters]:
        mean = self.mean(inputs)
        return mean, {SQUARE: mean}

    def sample(self, inputs: Tensor, generator: Generator) -> Tensor:
        return self.values(draws.categorical(inputs, generator).unsqueeze(1).to(inputs.dtype))

    def anneal(
        self, inputs: Tensor, beta_from: float, beta_to: float, generator: Generator
    ) -> tuple[Tensor, Tensor]:
        return annealed(self, inputs, beta_from, beta_to, generator)

    def told(self) -> dict[str, NDArray[Any]]:
        return {}
