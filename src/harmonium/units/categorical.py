"""Units of several states: softmax groups, their states in order or not."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import torch
from torch import Tensor

from harmonium.compute import groups, plain
from harmonium.contract.energy import Generator
from harmonium.contract.evidence import Readings, Variables
from harmonium.units.base import Units

__all__ = ["Categorical"]


class Categorical(Units):
    """Variables of ``sizes[i]`` states each; the statistic of a state is its place in a group
    of as many zeros with a one, inputs are log-weights of the states.

    The first ``n_levels[i]`` states of a variable are levels in order; none by default.
    """

    plain = False

    def __init__(self, sizes: Sequence[int], n_levels: Sequence[int] = ()) -> None:
        self.sizes = tuple(sizes)
        self.n_statistics = self.n_read = sum(self.sizes)
        self._starts = torch.tensor(list(accumulate(self.sizes, initial=0)))
        self.widths = self.sizes
        firsts = accumulate(self.sizes, initial=0)
        self.runs = tuple((k, k + n) for k, n in zip(firsts, n_levels, strict=False) if n)

    def _groups(self, inputs: Tensor) -> tuple[Tensor, ...]:
        return torch.split(inputs, list(self.sizes), dim=1)

    def statistics(self, x: Tensor) -> Tensor:
        return plain.one_hot_groups(x, self._starts)

    def product(self, x: Tensor, weights: Tensor, bias: Tensor) -> Tensor:
        return groups.product(x, self._starts, weights, bias)

    def outer(self, x: Tensor, other: Tensor) -> Tensor:
        return groups.outer(x, self._starts, other)

    def log_weight(self, x: Tensor) -> float:
        return 0.0

    def log_partition(self, inputs: Tensor) -> Tensor:
        return groups.log_partition(inputs, self._starts)

    def mean(self, inputs: Tensor) -> Tensor:
        return groups.softmax(inputs, self._starts)

    def expected_state(self, inputs: Tensor) -> Tensor:
        each = [
            group @ torch.arange(size, dtype=inputs.dtype, device=inputs.device)
            for group, size in zip(self._groups(self.mean(inputs)), self.sizes, strict=True)
        ]
        return torch.stack(each, dim=1)

    def probabilities(self, inputs: Tensor, n_states: int) -> Tensor:
        found = inputs.new_zeros((len(inputs), self.n_variables, n_states))
        for variable, group in enumerate(self._groups(self.mean(inputs))):
            found[:, variable, : group.shape[1]] = group
        return found

    def mode(self, inputs: Tensor) -> Tensor:
        each = [group.argmax(1) for group in self._groups(inputs)]
        return torch.stack(each, dim=1).to(inputs.dtype)

    def sample(self, inputs: Tensor, generator: Generator) -> Tensor:
        return groups.draw(inputs, self._starts, generator)

    def read(self, inputs: Tensor, readings: Readings, variables: Variables) -> Tensor:
        each = readings.log_likelihood(variables, max(self.sizes))
        own = torch.cat([each[:, i, :size] for i, size in enumerate(self.sizes)], dim=1)
        return inputs + own.to(inputs.dtype)

    def base_inputs(self, mean: Tensor, n_rows: float | Tensor) -> Tensor:
        if isinstance(n_rows, Tensor):
            n_rows = n_rows.clamp(min=torch.finfo(mean.dtype).tiny)
        return torch.log(mean + 0.5 / n_rows)
