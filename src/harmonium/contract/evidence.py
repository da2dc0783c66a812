"""What is known of x beside the model: clamped variables, and noisy readings of others."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor

__all__ = ["Evidence", "Readings", "TableReadings", "Variables"]

#: Some of the variables: a slice, or their numbers.
Variables: TypeAlias = slice | Tensor


class Readings(ABC):
    """log P(reading given x_i = state) of every variable of n rows, up to a constant for each.

    Nobody needs the dense ``(n, n_variables, n_states)`` table of them: what is wanted of it is
    asked for.
    """

    @abstractmethod
    def select(self, index: Tensor) -> Readings:
        """The readings of the rows at `index`."""

    @abstractmethod
    def tempered(self, beta: float) -> Readings:
        """The likelihood to the power `beta`."""

    @abstractmethod
    def log_weight(self, x: Tensor) -> Tensor:
        """log P(readings given x) for each row, float64 ``(n,)``."""

    @abstractmethod
    def log_likelihood(self, variables: Variables, n_states: int) -> Tensor:
        """Of the states 0..n_states-1 of some variables: ``(n, variables, n_states)``."""

    @abstractmethod
    def as_table(self) -> TableReadings:
        """The same as rows into a table, for kernels."""


@dataclass(frozen=True)
class TableReadings(Readings):
    """Variable i of row n was read so that its log-likelihood is
    ``table[rows[n, i], state] + slopes[n, i] * state``.

    ``rows (n, n_variables)`` integers, ``table (n_rows, n_states)`` float, ``slopes``
    ``(n, n_variables)`` or None for none. Entries of states that a variable does not have are
    never looked at.
    """

    rows: Tensor
    table: Tensor
    slopes: Tensor | None = None

    def select(self, index: Tensor) -> TableReadings:
        slopes = None if self.slopes is None else self.slopes[index]
        return TableReadings(self.rows[index], self.table, slopes)

    def tempered(self, beta: float) -> TableReadings:
        slopes = None if self.slopes is None else beta * self.slopes
        return TableReadings(self.rows, beta * self.table, slopes)

    def log_weight(self, x: Tensor) -> Tensor:
        total = self.table[self.rows.long(), x.long()].double().sum(1)
        if self.slopes is not None:
            total += (self.slopes.double() * x.double()).sum(1)
        return total

    def log_likelihood(self, variables: Variables, n_states: int) -> Tensor:
        found = self.table[:, :n_states][self.rows[:, variables].long()]
        if self.slopes is not None:
            states = torch.arange(n_states, dtype=self.slopes.dtype, device=found.device)
            found = found + self.slopes[:, variables].unsqueeze(2) * states
        return found

    def as_table(self) -> TableReadings:
        return self


@dataclass(frozen=True)
class Evidence:
    """Clamped variables and noisy readings.

    ``free`` is bool ``(n, n_variables)``: where False, a variable keeps its value in every
    sweep; None: all are free. ``readings`` None: nothing was read. A sweep with evidence keeps
    P(x given evidence) instead of P(x).
    """

    free: Tensor | None = None
    readings: Readings | None = None

    def select(self, index: Tensor) -> Evidence:
        """The evidence of the rows at `index`."""
        return Evidence(
            None if self.free is None else self.free[index],
            None if self.readings is None else self.readings.select(index),
        )

    def tempered(self, beta: float) -> Evidence:
        """Readings to the power `beta`; what is clamped stays so."""
        return Evidence(self.free, None if self.readings is None else self.readings.tempered(beta))

    def log_weight(self, x: Tensor) -> Tensor | float:
        """log P(readings given x) for each row, float64 ``(n,)``; 0.0 without readings."""
        return 0.0 if self.readings is None else self.readings.log_weight(x)
