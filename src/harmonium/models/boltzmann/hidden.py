"""Hidden units of a Boltzmann machine: its last variables, of 0 or 1, which no row knows.

With v a row and h its hidden units, log_weight(v, h) = log_weight(v, 0) + I(v)'h + h'J h / 2, I
what the visible statistics lead to the hidden ones (Ackley, Hinton, Sejnowski 1985). Where none of
them are coupled to each other, sums over h are products over units; else they are made state by
state, of few.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from harmonium.compute import draws
from harmonium.compute.random import generator_for
from harmonium.contract.energy import Energy, Evidence, Generator, Parameters
from harmonium.contract.warning import warn_caller
from harmonium.learning.climb import Objective
from harmonium.models.boltzmann.energy import BoltzmannEnergy
from harmonium.models.effective import Behind
from harmonium.sampling.seen import log_weight_seen
from harmonium.units.space import states_of

__all__ = ["Hidden", "HiddenLikelihood", "summing"]

#: Rows times joint states that are worked out together.
_BLOCK_ELEMENTS = 2**21
#: Standard error of a log weight, in nats, above which annealing has not told it.
_MOST_ERROR = 0.1
#: Joint states up to which they are summed once a row; and of more, annealed chains of each row,
#: and their temperatures.
_MOST_JOINT, _N_CHAINS, _N_TEMPERATURES = 2**14, 50, 500


class Hidden:
    """The last `n_hidden` variables of an `energy`, at its present parameters and in its precision.

    ``x (n, n_variables)`` are rows, of which the hidden units' numbers mean nothing. Costs a
    product a row, and of units that are coupled 2**n_hidden terms.
    """

    def __init__(self, energy: BoltzmannEnergy, n_hidden: int) -> None:
        self.energy, self.n_hidden = energy, n_hidden
        self.n_visible = energy.n_variables - n_hidden
        self.own = slice(energy.places.n_statistics - n_hidden, None)

    @cached_property
    def are_coupled(self) -> bool:
        """Whether any two of them may be."""
        return bool(self.energy.mask[self.own, self.own].any())

    @property
    def is_summed(self) -> bool:
        """Whether sums over them are affordable, once a row."""
        return not self.are_coupled or 2**self.n_hidden <= _MOST_JOINT

    @cached_property
    def joint(self) -> Tensor:
        """Their joint states, ``(n_joint, n_hidden)``."""
        every = torch.cat(list(states_of((2,) * self.n_hidden)))
        return every.to(self.energy.device, self.energy.dtype)

    def _blocks(self, x: Tensor) -> Iterator[Tensor]:
        """Rows with their hidden units at 0."""
        rest = x.to(self.energy.dtype, copy=True)
        rest[:, self.n_visible :] = 0.0
        wide = 2**self.n_hidden if self.are_coupled else self.n_hidden
        yield from torch.split(rest, max(1, _BLOCK_ELEMENTS // wide))

    def inputs(self, rest: Tensor) -> Tensor:
        """What rows lead to the hidden units, were all others of these 0: ``(n, n_hidden)``."""
        energy = self.energy
        return energy.units.product(rest, energy.couplings[:, self.own], energy.fields[self.own])

    def log_weights(self, rest: Tensor) -> Tensor:
        """Of every joint state, less that of all at 0: ``(n, n_joint)``."""
        return self._joint_weights(self.inputs(rest))

    def _joint_weights(self, inputs: Tensor) -> Tensor:
        between = self.energy.couplings[self.own, self.own]
        own = 0.5 * ((self.joint @ between) * self.joint).sum(1)
        return inputs @ self.joint.T + own

    def log_partition(self, inputs: Tensor) -> Tensor:
        """log of the sum of exp(inputs'h + h'J h / 2) over h, float64 ``(...)`` for inputs
        ``(..., n_hidden)``."""
        if not self.are_coupled:
            return torch.nn.functional.softplus(inputs.double()).sum(-1)
        return torch.logsumexp(self._joint_weights(inputs).double(), -1)

    def behind(self, x: Tensor) -> Behind:
        """These units behind rows ``x (n, n_visible)``, for the couplings that they bring about."""
        energy = self.energy
        wide = torch.nn.functional.pad(x.to(energy.device, energy.dtype), (0, self.n_hidden))
        weights = energy.units.by_state(energy.couplings[:, self.own])[: self.n_visible]
        return Behind(
            wide[:, : self.n_visible],
            self.inputs(wide),
            weights,
            self.log_partition,
            len(self.joint) if self.are_coupled else self.n_hidden,
            not self.are_coupled,
        )

    def log_sum(self, x: Tensor) -> Tensor:
        """log of the sum of exp(log_weight) over the hidden units, float64 ``(n,)``."""
        parts = []
        for rest in self._blocks(x):
            parts.append(self.energy.log_weight(rest) + self.log_partition(self.inputs(rest)))
        return torch.cat(parts)

    def _expected(self, rest: Tensor) -> tuple[Tensor, Tensor | None]:
        """E[h given v], and P of the joint states where those are looked at."""
        if not self.are_coupled:
            return torch.sigmoid(self.inputs(rest)), None
        each = torch.softmax(self.log_weights(rest), 1)
        return each @ self.joint, each

    def mean(self, x: Tensor) -> Tensor:
        """E[h given v], ``(n, n_hidden)``."""
        return torch.cat([self._expected(rest)[0] for rest in self._blocks(x)])

    def sample(self, x: Tensor, generator: Generator) -> Tensor:
        """An exact draw of h given each row, ``(n, n_hidden)``."""
        parts = []
        for rest in self._blocks(x):
            if self.are_coupled:
                chosen = draws.categorical(self.log_weights(rest).contiguous(), generator)
                parts.append(self.joint[chosen])
            else:
                parts.append(draws.bernoulli(self.inputs(rest), generator))
        return torch.cat(parts)

    def mode(self, x: Tensor) -> Tensor:
        """The most probable h given each row, together, ``(n, n_hidden)``."""
        parts = []
        for rest in self._blocks(x):
            if self.are_coupled:
                parts.append(self.joint[self.log_weights(rest).argmax(1)])
            else:
                parts.append((self.inputs(rest) > 0.0).to(rest))
        return torch.cat(parts)

    def moments(self, x: Tensor, weights: Tensor) -> Parameters:
        """As :meth:`BoltzmannEnergy.moments`, the expectation over h given the rows; of pairs of
        hidden units that are not coupled zero."""
        energy, own = self.energy, self.own
        cross = torch.zeros_like(energy.couplings[:, own])
        rate, pairs, done = torch.zeros_like(energy.fields[own]), torch.zeros_like(cross[own]), 0
        rows: list[Tensor] = []
        for rest in self._blocks(x):
            share = weights[done : done + len(rest)].to(rest)
            mean, each = self._expected(rest)
            weighed = mean * share.unsqueeze(1)
            cross += energy.units.outer(rest, weighed)
            rate += weighed.sum(0)
            if each is not None:
                pairs += (self.joint * (share @ each).unsqueeze(1)).T @ self.joint
            done += len(rest)
            rows.append(rest)
        found = energy.moments(torch.cat(rows), weights)
        couplings = found["couplings"]
        couplings[:, own] += 0.5 * cross
        couplings[own] += 0.5 * cross.T
        couplings[own, own] += 0.5 * pairs.fill_diagonal_(0.0)
        found["fields"][own] += rate
        return found


class HiddenLikelihood(Objective):
    """Mean log-likelihood of visible rows, the hidden units summed out, and its gradient: not
    concave. Of equal rows one stands for all."""

    name = "train"

    def __init__(self, x: Tensor, shares: Tensor, n_hidden: int) -> None:
        self.x, place = torch.unique(x, dim=0, return_inverse=True)
        self.x, self.n_hidden = self.x.double(), n_hidden
        self.shares = torch.zeros(len(self.x), dtype=torch.float64, device=x.device)
        self.shares.index_add_(0, place, shares)

    def value_and_gradient(self, energy: Energy) -> tuple[float, Parameters]:
        assert isinstance(energy, BoltzmannEnergy)
        hidden = Hidden(energy, self.n_hidden)
        log_z, expected = energy.exact_log_partition(), energy.exact_moments()
        if log_z is None or expected is None:
            raise ValueError("learner='exact': the model has too many states to sum over")
        value = float(self.shares @ hidden.log_sum(self.x)) - log_z
        data = hidden.moments(self.x, self.shares)
        return value, {name: seen - expected[name] for name, seen in data.items()}


def summing(energy: BoltzmannEnergy, n_hidden: int) -> Callable[[Tensor], Tensor]:
    """log of the unnormalised P of rows of visible states ``(n, n_visible)``, the hidden units
    summed out: exactly, or, of more than can be, by annealing with a seed of its own, which warns
    where its error is large."""
    hidden = Hidden(energy, n_hidden)

    def weigh(x: Tensor) -> Tensor:
        wide = torch.nn.functional.pad(x.to(energy.device, energy.dtype), (0, n_hidden))
        if hidden.is_summed:
            return hidden.log_sum(wide)
        free = torch.zeros_like(wide, dtype=torch.bool)
        free[:, hidden.n_visible :] = True
        source = generator_for(energy.device, np.random.default_rng(0))
        steps = {"n_chains": _N_CHAINS, "n_temperatures": _N_TEMPERATURES}
        found, error = log_weight_seen(energy, wide, Evidence(free), source, **steps)
        if float(error.max()) > _MOST_ERROR:
            warn_caller(
                f"sums over {n_hidden} hidden units are not to be trusted: standard errors to "
                f"{float(error.max()):.2f} nats a row",
                RuntimeWarning,
            )
        return found

    return weigh
