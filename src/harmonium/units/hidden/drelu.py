"""Hidden units of any real value whose two sides differ: double rectified linear units."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harmonium.compute import two_sided
from harmonium.contract.energy import Generator, Parameters
from harmonium.units.hidden.base import SQUARE, HiddenUnits, annealed

__all__ = ["DReLUHidden"]


class DReLUHidden(HiddenUnits):
    """potential(h) = gamma+ h+^2 / 2 + theta+ h+ + gamma- h-^2 / 2 + theta- h-, with h+ = max(h,
    0), h- = min(h, 0) (Tubiana, Cocco, Monasson 2019, eq. 5).

    A scale of the weights, and the bias among the inputs, leave two of the four free: theta+ =
    gap = -theta- and gamma+ = exp(-skew) = 1 / gamma-, which are above zero whatever is learned.
    A gap above zero keeps units at zero until inputs are strong, one below makes two modes; a skew
    makes one side wider. At zero units are Gaussian.
    """

    parameter_names: ClassVar[tuple[str, ...]] = ("hidden_gap", "hidden_skew")

    @property
    def sizes(self) -> tuple[int, ...]:
        return (0,) * self.n_units

    def values(self, states: Tensor) -> Tensor:
        raise ValueError("real values cannot be counted")

    def check(self, h: NDArray[np.float64]) -> str | None:
        return None if np.isfinite(h).all() else "finite numbers"

    def _shape(self, like: Tensor) -> tuple[Tensor, Tensor]:
        """The gap, and the width of the side above zero: the inverse of the other's."""
        gap, skew = (self._own[name].to(like.dtype) for name in self.parameter_names)
        return gap, torch.exp(0.5 * skew)

    def potential(self, h: Tensor) -> Tensor:
        gap, width = self._shape(h)
        scaled = torch.where(h > 0.0, h / width, h * width)
        return (0.5 * scaled.square() + gap * h.abs()).sum(-1)

    def log_partition(self, inputs: Tensor) -> Tensor:
        return two_sided.log_partition(inputs, *self._shape(inputs.double()))

    def log_partition_at_rest(self) -> float:
        return float(self.log_partition(torch.zeros_like(self._own["hidden_gap"]).double()))

    def mean(self, inputs: Tensor) -> Tensor:
        return self.expected(inputs)[0]

    def mode(self, inputs: Tensor) -> Tensor:
        gap, width = self._shape(inputs)
        above, below = torch.relu(inputs - gap) * width, torch.relu(-inputs - gap) / width
        # Of two modes the one of more density, exp(z^2 / 2) for a side's input z.
        return torch.where(above >= below, above * width, -below / width)

    def expected(self, inputs: Tensor) -> tuple[Tensor, Parameters]:
        mean, size, lean, square = two_sided.moments(inputs, *self._shape(inputs))
        return mean, {"hidden_gap": -size, "hidden_skew": lean, SQUARE: square}

    def sample(self, inputs: Tensor, generator: Generator) -> Tensor:
        return two_sided.sample(inputs, *self._shape(inputs), generator)

    def anneal(
        self, inputs: Tensor, beta_from: float, beta_to: float, generator: Generator
    ) -> tuple[Tensor, Tensor]:
        return annealed(self, inputs, beta_from, beta_to, generator)

    def told(self) -> dict[str, NDArray[Any]]:
        gap, skew = (self._own[name].cpu().numpy() for name in self.parameter_names)
        return {
            "theta_plus": gap,
            "theta_minus": -gap,
            "gamma_plus": np.exp(-skew),
            "gamma_minus": np.exp(skew),
        }
