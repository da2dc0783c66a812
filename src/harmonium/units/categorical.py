"""Units of several states without order: softmax groups."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import torch
from torch import Tensor

from harmonium.compute import draws
from harmonium.contract.energy import Generator
from harmonium.contract.evidence import Readings, Variables
from harmonium.units.base import Units

__all__ = ["Categorical"]


class Categorical(Units):
    """Variables of ``sizes[i]`` states each; the statistic of a state is its place in a group
    of as many zeros with a one, inputs are log-weights of the states."""

    plain = False

    def __init__(self, sizes: Sequence[int]) -> None:
        self.sizes = tuple(sizes)
        self.n_statistics = sum(self.sizes)
        self.widths = self.sizes
        self._starts = torch.tensor(list(accumulate(self.sizes, initial=0))[:-1])

    def _groups(self, inputs: Tensor) -> tuple[Tensor, ...]:
        return torch.split(inputs, list(self.sizes), dim=1)

    def statistics(self, x: Tensor) -> Tensor:
        found = x.new_zeros((len(x), self.n_statistics))
        return found.scatter_(1, x.long() + self._starts.to(x.device), 1.0)

    def log_weight(self, x: Tensor) -> float:
        return 0.0

    def log_partition(self, inputs: Tensor) -> Tensor:
        each = [torch.logsumexp(group, 1) for group in self._groups(inputs)]
        return torch.stack(each, dim=1).sum(1)

    def mean(self, inputs: Tensor) -> Tensor:
        return torch.cat([torch.softmax(group, 1) for group in self._groups(inputs)], dim=1)

    def expected_state(self, inputs: Tensor) -> Tensor:
        each = [
            torch.softmax(group, 1) @ torch.arange(size, dtype=inputs.dtype, device=inputs.device)
            for group, size in zip(self._groups(inputs), self.sizes, strict=True)
        ]
        return torch.stack(each, dim=1)

    def probabilities(self, inputs: Tensor, n_states: int) -> Tensor:
        found = inputs.new_zeros((len(inputs), self.n_variables, n_states))
        for variable, group in enumerate(self._groups(inputs)):
            found[:, variable, : group.shape[1]] = torch.softmax(group, 1)
        return found

    def mode(self, inputs: Tensor) -> Tensor:
        each = [group.argmax(1) for group in self._groups(inputs)]
        return torch.stack(each, dim=1).to(inputs.dtype)

    def sample(self, inputs: Tensor, generator: Generator) -> Tensor:
        drawn = inputs.new_empty((len(inputs), self.n_variables))
        for variable, group in enumerate(self._groups(inputs)):
            drawn[:, variable] = draws.categorical(group, generator)
        return drawn

    def read(self, readings: Readings, variables: Variables) -> Tensor:
        each = readings.log_likelihood(variables, max(self.sizes))
        return torch.cat([each[:, i, :size] for i, size in enumerate(self.sizes)], dim=1)

    def base_inputs(self, mean: Tensor, n_rows: float | Tensor) -> Tensor:
        if isinstance(n_rows, Tensor):
            n_rows = n_rows.clamp(min=torch.finfo(mean.dtype).tiny)
        return torch.log(mean + 0.5 / n_rows)
