"""Units of real numbers: normal given their inputs, told apart on a fine grid of levels."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harmonium.compute import groups
from harmonium.contract.energy import Generator
from harmonium.contract.evidence import Readings, Variables
from harmonium.units.base import Units
from harmonium.units.levels import LEVELS, MASS, SQUARES

__all__ = ["NARROW", "Gaussian"]

Array = NDArray[np.float64]

#: Share of a variable's variance that a first model leaves it when all else is given.
NARROW = 0.25
#: Steps at most to the inputs of given means, and how far these may be off.
_N_STEPS, _NEAR = 60, 1e-12
#: Added to covariances that are none any more; share of a value that may be rounding.
_LEAST_SPREAD, _ROUNDING = 1e-15, 1e-13
#: The least variance that inputs are first guessed for, in a level's own.
_LEAST = 1.0 / 256.0


#: Statistics z / 2 and (z^2 - 1) / sqrt(8): without inputs they have mean 0, are uncorrelated and
#: vary as a fair unit of 0 and 1 does, for which rates of learning are meant.
_FEATURES = np.stack([LEVELS / 2.0, (SQUARES - 1.0) / math.sqrt(8.0)], axis=1)


class Gaussian(Units):
    """`n` real variables, each in standard deviations from its mean.

    P(z) ~ exp(-z^2 / 2 + I1 z / 2 + I2 (z^2 - 1) / sqrt(8)): normal, its mean and its variance
    being told by two inputs. The state is the number of the level that z is in; within a level the
    statistics are their means there. So sums over states are finite for any inputs, and a normal
    distribution much narrower than a level (an eighth) cannot be told from one as wide.
    With `absent` each variable has a state more, the last, and a third statistic, which is 1
    there, where the other two are 0.
    """

    plain = False

    def __init__(self, n: int, *, absent: bool = False) -> None:
        self.absent = absent
        features, log_base = torch.from_numpy(_FEATURES), torch.from_numpy(np.log(MASS))
        if absent:
            wider = features.new_zeros((len(features) + 1, 3))
            wider[:-1, :2], wider[-1, 2] = features, 1.0
            features = wider
            log_base = torch.cat([log_base, log_base.new_zeros(1)])
        self._features, self._log_base = features, log_base
        self._size, self._width = features.shape
        self.sizes, self.widths = (self._size,) * n, (self._width,) * n
        self.n_statistics, self.n_read = n * self._width, n * self._size
        self._starts = torch.arange(n + 1) * self._size

    def _log_weights(self, inputs: Tensor) -> Tensor:
        """log-weights of all levels, ``(n, n_read)``."""
        if inputs.shape[1] == self.n_read:
            return inputs
        each = inputs.reshape(len(inputs), self.n_variables, self._width)
        wide = torch.matmul(each, self._features.to(inputs).T) + self._log_base.to(inputs)
        return wide.reshape(len(inputs), self.n_read)

    def _shares(self, inputs: Tensor) -> Tensor:
        shares = groups.softmax(self._log_weights(inputs), self._starts)
        return shares.reshape(len(inputs), self.n_variables, self._size)

    def statistics(self, x: Tensor) -> Tensor:
        return self._features.to(x)[x.long()].reshape(len(x), self.n_statistics)

    def product(self, x: Tensor, weights: Tensor, bias: Tensor) -> Tensor:
        return torch.addmm(bias, self.statistics(x), weights)

    def outer(self, x: Tensor, other: Tensor) -> Tensor:
        return self.statistics(x).T @ other

    def log_weight(self, x: Tensor) -> Tensor:
        return self._log_base.to(x.device)[x.long()].sum(1)

    def log_partition(self, inputs: Tensor) -> Tensor:
        return groups.log_partition(self._log_weights(inputs), self._starts)

    def mean(self, inputs: Tensor) -> Tensor:
        found = torch.matmul(self._shares(inputs), self._features.to(inputs))
        return found.reshape(len(inputs), self.n_statistics)

    def expected_state(self, inputs: Tensor) -> Tensor:
        shares = self._shares(inputs)
        return shares @ torch.arange(self._size, dtype=shares.dtype, device=shares.device)

    def probabilities(self, inputs: Tensor, n_states: int) -> Tensor:
        found = inputs.new_zeros((len(inputs), self.n_variables, n_states))
        found[..., : self._size] = self._shares(inputs)
        return found

    def mode(self, inputs: Tensor) -> Tensor:
        each = self._log_weights(inputs).reshape(len(inputs), self.n_variables, self._size)
        return each.argmax(2).to(inputs.dtype)

    def sample(self, inputs: Tensor, generator: Generator) -> Tensor:
        return groups.draw(self._log_weights(inputs), self._starts, generator)

    def read(self, inputs: Tensor, readings: Readings, variables: Variables) -> Tensor:
        each = readings.log_likelihood(variables, self._size).to(inputs.dtype)
        return self._log_weights(inputs) + each.reshape(len(inputs), self.n_read)

    def base_inputs(self, mean: Tensor, n_rows: float | Tensor) -> Tensor:
        rows = n_rows if isinstance(n_rows, Tensor) else torch.full_like(mean, n_rows)
        shape = (-1, self._width)
        wanted = mean.double().reshape(shape)
        rows = rows.double().expand(mean.shape).reshape(shape)
        missing = wanted[:, 2:] * rows[:, 2:]
        known = rows[:, :1] - missing.sum(1, keepdim=True)
        # Half a row of a variable without inputs, whose statistics have mean 0.
        own = _inputs_of(wanted[:, :2] * (rows[:, :1] / (known + 0.5)))
        if not self.absent:
            return own.reshape(mean.shape).to(mean)
        last = torch.log((missing + 0.5) / (known + 0.5))
        last = last + torch.logsumexp(_at_levels(own), 1, keepdim=True)
        return torch.cat([own, last], dim=1).reshape(mean.shape).to(mean)


def _at_levels(inputs: Tensor) -> Tensor:
    """log-weights of the levels under inputs ``(n, 2)`` in float64."""
    return inputs @ torch.from_numpy(_FEATURES).T + torch.from_numpy(np.log(MASS))


def _inputs_of(wanted: Tensor) -> Tensor:
    """Inputs ``(n, 2)`` under which the two statistics of a variable have these means, float64
    ``(n, 2)``: Newton's method from those of a normal distribution, none of whose steps lowers the
    likelihood of the means."""
    features = torch.from_numpy(_FEATURES)
    mean = 2.0 * wanted[:, 0]
    variance = (1.0 + math.sqrt(8.0) * wanted[:, 1] - mean.square()).clamp(min=_LEAST)
    found = torch.stack([2.0 * mean / variance, math.sqrt(2.0) * (1.0 - 1.0 / variance)], dim=1)

    def value(inputs: Tensor) -> Tensor:
        return (inputs * wanted).sum(1) - torch.logsumexp(_at_levels(inputs), 1)

    found[value(torch.zeros_like(found)) > value(found)] = 0.0
    for _ in range(_N_STEPS):
        shares = torch.softmax(_at_levels(found), 1)
        expected = shares @ features
        away = wanted - expected
        if bool((away.abs() < _NEAR).all()):
            break
        outer = features.unsqueeze(2) * features.unsqueeze(1)
        spread = torch.einsum("nk,kab->nab", shares, outer)
        spread = spread - expected.unsqueeze(2) * expected.unsqueeze(1)
        spread = spread + _LEAST_SPREAD * torch.eye(2, dtype=torch.float64)
        step = torch.linalg.solve(spread, away.unsqueeze(2)).squeeze(2)
        at = value(found)
        at -= _ROUNDING * (1.0 + at.abs())  # of logarithms that are themselves of order 1
        length = torch.ones((len(found), 1), dtype=torch.float64)
        while bool((worse := value(found + length * step) < at).any()):
            length[worse] *= 0.5
        found = found + length * step
    return found
