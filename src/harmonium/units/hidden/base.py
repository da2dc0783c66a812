"""Hidden units by what they are, whatever they are joined to.

Given its inputs I, a layer h has density proportional to exp(I . h - potential(h)); summed out, it
adds log_partition(I) to a model's log weight. Potentials are counted in units of the temperature:
heat scales the inputs alone. The grammar is that of RestrictedBoltzmannMachines.jl.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harmonium.contract.energy import Generator, Parameters

__all__ = ["SQUARE", "HiddenUnits"]

#: The name among expected moments of E[h^2], by which steps are measured; no parameter has it.
SQUARE = "hidden_square"


class HiddenUnits(ABC):
    """``n_units`` values side by side, ``(..., n_units)``, which weights act on as they are.

    ``parameters`` are the layer's own, beside the biases that are part of its inputs: live
    tensors ``(n_units,)`` by the ``parameter_names``, or None for those of a layer that nobody
    has learned yet.
    """

    parameter_names: ClassVar[tuple[str, ...]] = ()
    #: Whether units are 0 or 1 and apart given their inputs, as compiled updates want them.
    binary: ClassVar[bool] = False
    #: Whether given their inputs units are apart from each other.
    separate: ClassVar[bool] = True

    def __init__(self, n_units: int, parameters: Mapping[str, Tensor] | None = None) -> None:
        self.n_units = n_units
        names = self.parameter_names
        self._own = {
            n: torch.zeros(n_units) if parameters is None else parameters[n] for n in names
        }

    @property
    def parameters(self) -> Parameters:
        return dict(self._own)

    def to(self, dtype: torch.dtype, device: torch.device | None = None) -> Self:
        """A copy in another precision or on another device."""
        return type(self)(
            self.n_units,
            {
                name: value.detach().to(device, dtype, copy=True)
                for name, value in self._own.items()
            },
        )

    @property
    @abstractmethod
    def sizes(self) -> tuple[int, ...]:
        """States of each variable that the layer is made of; 0 where they cannot be counted."""

    @abstractmethod
    def values(self, states: Tensor) -> Tensor:
        """``(n, n_units)`` of joint states that can be counted, ``(n, len(sizes))``."""

    @abstractmethod
    def check(self, h: NDArray[np.float64]) -> str | None:
        """What values or means ``(n, n_units)`` must be, where these are not."""

    @abstractmethod
    def potential(self, h: Tensor) -> Tensor | float:
        """What weighs on values by themselves, ``(n,)``; 0.0 where nothing does."""

    @abstractmethod
    def log_partition(self, inputs: Tensor) -> Tensor:
        """log of the sum or integral over all values, ``(...)`` for inputs ``(..., n_units)``."""

    @abstractmethod
    def log_partition_at_rest(self) -> float:
        """:meth:`log_partition` without inputs."""

    @abstractmethod
    def mean(self, inputs: Tensor) -> Tensor:
        """E[h], of the inputs' shape."""

    @abstractmethod
    def mode(self, inputs: Tensor) -> Tensor:
        """The most probable values."""

    @abstractmethod
    def expected(self, inputs: Tensor) -> tuple[Tensor, Parameters]:
        """E[h] and, of the inputs' shape too, d log_partition / d parameter by name, beside E[h^2]
        by the name :data:`SQUARE`; nothing beside E[h] for binary units."""

    @abstractmethod
    def sample(self, inputs: Tensor, generator: Generator) -> Tensor:
        """A draw of each row, ``(n, n_units)``; may overwrite `inputs`."""

    @abstractmethod
    def anneal(
        self, inputs: Tensor, beta_from: float, beta_to: float, generator: Generator
    ) -> tuple[Tensor, Tensor]:
        """A draw of each row at ``beta_to * inputs``, and log_partition there less that at
        ``beta_from * inputs``, float64 ``(n,)``."""

    @abstractmethod
    def told(self) -> dict[str, NDArray[Any]]:
        """The layer's own parameters as its source names them, ``(n_units,)`` by name."""


def annealed(
    units: HiddenUnits, inputs: Tensor, beta_from: float, beta_to: float, generator: Generator
) -> tuple[Tensor, Tensor]:
    """:meth:`HiddenUnits.anneal` from the layer's other answers."""
    wide = inputs.double()
    change = units.log_partition(beta_to * wide) - units.log_partition(beta_from * wide)
    return units.sample(inputs * beta_to, generator), change
