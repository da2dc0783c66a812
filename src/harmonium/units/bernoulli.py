"""Units of two states, 0 and 1."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import softplus

from harmonium.compute import draws
from harmonium.contract.energy import Generator
from harmonium.contract.evidence import Readings, Variables
from harmonium.units.base import Units

__all__ = ["Bernoulli"]


class Bernoulli(Units):
    """`n` variables of 0 or 1; the state is the statistic, inputs are log-odds."""

    plain = True

    def __init__(self, n: int) -> None:
        self.sizes = (2,) * n
        self.n_statistics = self.n_read = n
        self.widths = (1,) * n

    def statistics(self, x: Tensor) -> Tensor:
        return x

    def product(self, x: Tensor, weights: Tensor, bias: Tensor) -> Tensor:
        return torch.addmm(bias, x, weights)

    def outer(self, x: Tensor, other: Tensor) -> Tensor:
        return x.T @ other

    def log_weight(self, x: Tensor) -> float:
        return 0.0

    def log_partition(self, inputs: Tensor) -> Tensor:
        return softplus(inputs).sum(1)

    def mean(self, inputs: Tensor) -> Tensor:
        return torch.sigmoid(inputs)

    def expected_state(self, inputs: Tensor) -> Tensor:
        return torch.sigmoid(inputs)

    def probabilities(self, inputs: Tensor, n_states: int) -> Tensor:
        found = inputs.new_zeros((*inputs.shape, n_states))
        torch.sigmoid(inputs, out=found[..., 1])
        torch.sub(1.0, found[..., 1], out=found[..., 0])
        return found

    def mode(self, inputs: Tensor) -> Tensor:
        return (inputs > 0).to(inputs.dtype)

    def sample(self, inputs: Tensor, generator: Generator) -> Tensor:
        return draws.bernoulli(inputs, generator, out=inputs)

    def read(self, inputs: Tensor, readings: Readings, variables: Variables) -> Tensor:
        each = readings.log_likelihood(variables, 2)
        return inputs + (each[..., 1] - each[..., 0]).to(inputs.dtype)

    def base_inputs(self, mean: Tensor, n_rows: float | Tensor) -> Tensor:
        counts = mean * n_rows
        return torch.log((counts + 0.5) / (n_rows - counts + 0.5))
