"""What a grid's potentials are expected to be like: smooth in the level, small at each place."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from harmonium.contract.energy import Parameters
from harmonium.learning.ascent import Prior
from harmonium.models.grid.cliques import Cliques

__all__ = ["Smooth"]


class Smooth(Prior):
    """Minus half the squared differences of neighbouring knots and of neighbouring levels, and
    the squared numbers of places, times `strength`.

    What was never seen gets a finite potential. A strength of one over the number of rows
    weighs as much as one observation.
    """

    def __init__(self, cliques: Cliques, strength: float) -> None:
        owner = np.repeat(np.arange(len(cliques.n_knots)), cliques.n_knots)
        self.strength = strength
        #: 1 where two neighbouring knots belong to one filter.
        self._together = torch.from_numpy(np.diff(owner) == 0).double()

    def _steps(self, name: str, tensor: Tensor) -> Tensor:
        steps = tensor.double().diff()
        return steps * self._together.to(steps.device) if name == "knots" else steps

    def value(self, parameters: Parameters) -> float:
        squares = 0.0
        for name, tensor in parameters.items():
            part = tensor.double() if name == "place" else self._steps(name, tensor)
            squares += float((part**2).sum())
        return -0.5 * self.strength * squares

    def gradient(self, parameters: Parameters) -> Parameters:
        pulls: Parameters = {}
        for name, tensor in parameters.items():
            if name == "place":
                pulls[name] = -self.strength * tensor
                continue
            pull = torch.zeros_like(tensor, dtype=torch.float64)
            steps = self.strength * self._steps(name, tensor)
            pull[1:] -= steps
            pull[:-1] += steps
            pulls[name] = pull.to(tensor.dtype)
        return pulls

    def pull(self, parameters: Parameters, rate: float) -> None:
        for name, slope in self.gradient(parameters).items():
            parameters[name].add_(slope, alpha=rate)
