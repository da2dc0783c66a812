"""How a model that learns does on rows that it does not learn from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from harmonium.compute.random import generator_for, generator_state, restore_generator
from harmonium.contract.energy import Energy, Parameters
from harmonium.contract.estimates import LogZ
from harmonium.learning.checkpoint import State
from harmonium.learning.learners.pseudo import PseudoMoments
from harmonium.learning.rows import Batch
from harmonium.sampling.particles import Trajectory

__all__ = ["Likelihood", "PseudoLikelihood", "Watch", "Watching"]

#: Makes a watch of the rows held out, some of those learned from, and randomness of its own.
Watching: TypeAlias = "Callable[[Batch, Batch, np.random.Generator], Watch]"

#: Particles that follow a model whose states cannot be summed at each look.
_N_PARTICLES = 500
#: Annealing steps to the first model looked at, and at least so many from one to the next.
_FIRST_STEPS, _BRIDGE_STEPS = 200, 40


class Watch(ABC):
    """Scores parameters on held-out rows; has randomness of its own, so that what is watched
    never changes what is learned."""

    @abstractmethod
    def score(self, parameters: Parameters) -> dict[str, float]:
        """Figures by name; ``"validation"``, higher is better, is what the best is chosen by."""

    @abstractmethod
    def state(self) -> State:
        """What must be kept to go on exactly as if never interrupted."""

    @abstractmethod
    def restore(self, state: State) -> None:
        """The inverse of :meth:`state`."""


class Likelihood(Watch):
    """Mean log-likelihood of the rows held out, and of some learned from, in nats.

    `energy` is copied. log Z is summed at each look where `exact` says that this is affordable,
    else followed by particles (:class:`~harmonium.sampling.particles.Trajectory`).
    """

    def __init__(
        self,
        energy: Energy,
        held: Batch,
        shown: Batch,
        generator: np.random.Generator,
        *,
        exact: bool,
    ) -> None:
        self.energy = energy.to(energy.dtype)
        self.held, self.shown, self.exact = held, shown, exact
        self.generator = generator_for(energy.device, generator)
        self.trajectory: Trajectory | None = None

    def score(self, parameters: Parameters) -> dict[str, float]:
        log_z = self._log_partition(parameters)
        return {
            "validation": self._mean_log_weight(self.held) - log_z.value,
            "train": self._mean_log_weight(self.shown) - log_z.value,
            "log_partition": log_z.value,
            "std_error": log_z.std_error,
        }

    def _mean_log_weight(self, rows: Batch) -> float:
        log_weights = self.energy.log_weight(rows.x)
        if rows.weight is None:
            return float(log_weights.mean())
        return float(rows.shares().to(log_weights) @ log_weights)

    def _log_partition(self, parameters: Parameters) -> LogZ:
        if self.exact:
            self.energy.set_parameters(parameters)
            value = self.energy.exact_log_partition()
            assert value is not None
            return LogZ(value)
        if self.trajectory is None:
            self.trajectory = Trajectory(self.energy, _N_PARTICLES, self.generator)
            return self.trajectory.advance(parameters, _FIRST_STEPS)
        return self.trajectory.advance(parameters, _BRIDGE_STEPS)

    def state(self) -> State:
        tensors = {} if self.trajectory is None else self.trajectory.tensors()
        return State(tensors, {"generator": generator_state(self.generator)})

    def restore(self, state: State) -> None:
        if state.tensors:
            self.trajectory = Trajectory(self.energy, _N_PARTICLES, self.generator)
            self.trajectory.restore(state.tensors)
        restore_generator(self.generator, state.facts["generator"])


class PseudoLikelihood(Watch):
    """Mean log P(variable given all others) of the rows held out, and of some learned from."""

    def __init__(self, energy: Energy, held: Batch, shown: Batch, moments: PseudoMoments) -> None:
        self.energy = energy.to(energy.dtype)
        self.held, self.shown, self.moments = held, shown, moments

    def score(self, parameters: Parameters) -> dict[str, float]:
        self.energy.set_parameters(parameters)
        return {"validation": self._mean(self.held), "train": self._mean(self.shown)}

    def _mean(self, rows: Batch) -> float:
        return self.moments(self.energy, rows.x, rows.shares())[0] / self.energy.n_variables

    def state(self) -> State:
        return State()

    def restore(self, state: State) -> None:
        """Nothing was kept."""
