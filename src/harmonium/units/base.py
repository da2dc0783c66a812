"""A layer of variables by what they are, whatever they are joined to.

Kinds of units know statistics and inputs, and no weights (the grammar is that of
RestrictedBoltzmannMachines.jl, ``src/layers``). Given its inputs I, a variable has
P(x) proportional to exp(I . statistics(x) + log_weight(x)); a model adds up the inputs.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from harmonium.contract.energy import Generator
from harmonium.contract.evidence import Readings, Variables

__all__ = ["Units"]


class Units(ABC):
    """Variables side by side: states ``x (n, n_variables)``, one number each, and the
    ``(n, n_statistics)`` statistics that weights act on. Inputs have the statistics' shape, or
    ``(n, n_read)`` where :meth:`read` made them."""

    #: States of each variable; 0 where they cannot be counted.
    sizes: tuple[int, ...]
    n_statistics: int
    #: Whether statistics are the states themselves, so that nothing need be worked out.
    plain: bool

    #: Statistics of each variable.
    widths: tuple[int, ...]

    #: Inputs of a row once readings are among them: those of every state where statistics do not
    #: tell all states apart, else as many as there are statistics.
    n_read: int

    #: Statistics that are levels in order: the first of each run and the one after its last.
    runs: tuple[tuple[int, int], ...] = ()

    @property
    def n_variables(self) -> int:
        return len(self.sizes)

    @abstractmethod
    def statistics(self, x: Tensor) -> Tensor:
        """What weights act on, ``(n, n_statistics)``; may be `x` itself."""

    @abstractmethod
    def product(self, x: Tensor, weights: Tensor, bias: Tensor) -> Tensor:
        """What these states add to the inputs of others, ``statistics(x) @ weights + bias``:
        ``(n, k)`` for ``weights (n_statistics, k)``. Statistics need not be worked out for it."""

    @abstractmethod
    def outer(self, x: Tensor, other: Tensor) -> Tensor:
        """``statistics(x).T @ other``: ``(n_statistics, k)`` for ``other (n, k)``."""

    @abstractmethod
    def log_weight(self, x: Tensor) -> Tensor | float:
        """log of the weight that states have without inputs, ``(n,)``; 0.0 where they are even."""

    @abstractmethod
    def log_partition(self, inputs: Tensor) -> Tensor:
        """log of the sum over all states, ``(n,)``."""

    @abstractmethod
    def mean(self, inputs: Tensor) -> Tensor:
        """Expected statistics, ``(n, n_statistics)``."""

    @abstractmethod
    def expected_state(self, inputs: Tensor) -> Tensor:
        """E[x], ``(n, n_variables)``."""

    @abstractmethod
    def probabilities(self, inputs: Tensor, n_states: int) -> Tensor:
        """P(x_i = k), ``(n, n_variables, n_states)``; zeros for states a variable lacks."""

    @abstractmethod
    def mode(self, inputs: Tensor) -> Tensor:
        """The most probable state of each variable, ``(n, n_variables)``."""

    @abstractmethod
    def sample(self, inputs: Tensor, generator: Generator) -> Tensor:
        """A draw of each variable, ``(n, n_variables)``; may overwrite `inputs`."""

    def by_state(self, weights: Tensor) -> list[Tensor]:
        """What each state of each variable adds to the inputs of others, ``(size, k)`` a variable
        for ``weights (n_statistics, k)``."""
        most = torch.arange(max(self.sizes), dtype=weights.dtype, device=weights.device)
        tops = torch.tensor(self.sizes, dtype=weights.dtype, device=weights.device) - 1
        wide = self.statistics(torch.minimum(most.unsqueeze(1), tops))
        parts = zip(
            self.sizes,
            torch.split(wide, list(self.widths), dim=1),
            torch.split(weights, list(self.widths)),
            strict=True,
        )
        return [own[:size] @ part for size, own, part in parts]

    @abstractmethod
    def read(self, inputs: Tensor, readings: Readings, variables: Variables) -> Tensor:
        """Inputs ``(n, n_read)`` with what readings of these units, which are the `variables` of a
        model, add to `inputs` ``(n, n_statistics)``."""

    @abstractmethod
    def base_inputs(self, mean: Tensor, n_rows: float | Tensor) -> Tensor:
        """Inputs under which statistics are expected as they were seen over `n_rows` rows (a
        number for all, or one a statistic), ``(n_statistics,)`` or ``(k, n_statistics)`` as
        `mean` is; smoothed by half a row so that they are finite."""
