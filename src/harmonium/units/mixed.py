"""Units of several kinds side by side."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise

import torch
from torch import Tensor

from harmonium.contract.energy import Generator
from harmonium.contract.evidence import Readings, Variables
from harmonium.units.base import Units

__all__ = ["Mixed"]


class Mixed(Units):
    """Layers one after another, each with the next variables and the next statistics."""

    plain = False

    def __init__(self, parts: Sequence[Units]) -> None:
        self.parts = tuple(parts)
        self.sizes = tuple(size for part in self.parts for size in part.sizes)
        self.widths = tuple(width for part in self.parts for width in part.widths)
        self.n_statistics = sum(part.n_statistics for part in self.parts)
        self.n_read = sum(part.n_read for part in self.parts)
        self._variables = _slices([part.n_variables for part in self.parts])
        self._statistics = _slices([part.n_statistics for part in self.parts])
        self._read = _slices([part.n_read for part in self.parts])
        self.runs = tuple(
            (place.start + first, place.start + stop)
            for part, place in zip(self.parts, self._statistics, strict=True)
            for first, stop in part.runs
        )

    def _inputs(self, inputs: Tensor) -> list[tuple[Units, Tensor]]:
        read = inputs.shape[1] == self.n_read  # the same places where it is both
        places = zip(self.parts, self._read if read else self._statistics, strict=True)
        return [(part, inputs[:, where]) for part, where in places]

    def _states(self, x: Tensor) -> list[tuple[Units, Tensor]]:
        places = zip(self.parts, self._variables, strict=True)
        return [(part, x[:, where]) for part, where in places]

    def statistics(self, x: Tensor) -> Tensor:
        return torch.cat([part.statistics(own) for part, own in self._states(x)], dim=1)

    def product(self, x: Tensor, weights: Tensor, bias: Tensor) -> Tensor:
        found = bias
        for (part, own), where in zip(self._states(x), self._statistics, strict=True):
            found = part.product(own, weights[where], found)
        return found

    def outer(self, x: Tensor, other: Tensor) -> Tensor:
        return torch.cat([part.outer(own, other) for part, own in self._states(x)])

    def log_weight(self, x: Tensor) -> Tensor | float:
        return sum((part.log_weight(own) for part, own in self._states(x)), start=0.0)

    def log_partition(self, inputs: Tensor) -> Tensor:
        each = [part.log_partition(own) for part, own in self._inputs(inputs)]
        return torch.stack(each).sum(0)

    def mean(self, inputs: Tensor) -> Tensor:
        return torch.cat([part.mean(own) for part, own in self._inputs(inputs)], dim=1)

    def expected_state(self, inputs: Tensor) -> Tensor:
        return torch.cat([part.expected_state(own) for part, own in self._inputs(inputs)], dim=1)

    def probabilities(self, inputs: Tensor, n_states: int) -> Tensor:
        each = [part.probabilities(own, n_states) for part, own in self._inputs(inputs)]
        return torch.cat(each, dim=1)

    def mode(self, inputs: Tensor) -> Tensor:
        return torch.cat([part.mode(own) for part, own in self._inputs(inputs)], dim=1)

    def sample(self, inputs: Tensor, generator: Generator) -> Tensor:
        each = [part.sample(own.contiguous(), generator) for part, own in self._inputs(inputs)]
        return torch.cat(each, dim=1)

    def read(self, inputs: Tensor, readings: Readings, variables: Variables) -> Tensor:
        """`variables` is a slice: where the first of these units is the model's."""
        if not isinstance(variables, slice):
            raise TypeError(f"variables must be a slice, got {type(variables).__name__}")
        first = variables.start or 0
        places = [slice(first + own.start, first + own.stop) for own in self._variables]
        each = zip(self._inputs(inputs), places, strict=True)
        return torch.cat([part.read(its, readings, own) for (part, its), own in each], dim=1)

    def base_inputs(self, mean: Tensor, n_rows: float | Tensor) -> Tensor:
        each = n_rows if isinstance(n_rows, Tensor) else torch.full_like(mean, n_rows)
        parts = zip(self.parts, self._statistics, strict=True)
        found = [part.base_inputs(mean[..., where], each[..., where]) for part, where in parts]
        return torch.cat(found, dim=-1)


def _slices(lengths: Sequence[int]) -> list[slice]:
    return [slice(low, high) for low, high in pairwise(accumulate(lengths, initial=0))]
