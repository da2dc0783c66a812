"""Quasi-Newton ascent on an objective that is known exactly: L-BFGS, for every model the same.

Where a likelihood or pseudo-likelihood and its gradient can be worked out for all rows, nothing
need be sampled, and curvature may be followed (Liu, Nocedal 1989).
"""

from __future__ import annotations

import math
import time
import warnings
from abc import ABC, abstractmethod
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import line_search
from torch import Tensor

from harmonium.contract.energy import Energy, Parameters
from harmonium.contract.stopping import StopReason
from harmonium.learning.ascent import Prior
from harmonium.learning.checkpoint import State
from harmonium.learning.learners.pseudo import PseudoMoments
from harmonium.learning.record import FitResult, Observer, Record

__all__ = ["Climb", "ClimbPlan", "ExactLikelihood", "Objective", "PseudoLikelihood"]

Array: TypeAlias = NDArray[np.float64]

#: Steps that curvature is read from: many, since they are cheap beside exact sums, and fewer
#: where all of their numbers would be more than these.
_MEMORY, _NUMBERS = 40, 2**26
#: Sweeps of the estimate that confirms a held-out figure that was one.
_CONFIRMING = 500
#: Cosine between a step and the change of slope below which it tells nothing.
_LEAST_CURVATURE = 1e-8
#: Iterations before a run may count as over-fitting, and how far behind the best may lie then.
_N_PATIENT, _PATIENCE = 20, 2.5


class Objective(ABC):
    """What is climbed, in nats a row or a variable."""

    #: What the history calls it.
    name: str

    @abstractmethod
    def value_and_gradient(self, energy: Energy) -> tuple[float, Parameters]:
        """At the energy's present parameters; the gradient by each of them."""


class ExactLikelihood(Objective):
    """Mean log-likelihood of rows, for energies whose log weight is linear in the parameters:
    all that counts of the rows is their mean ``moments``."""

    name = "train"

    def __init__(self, moments: Parameters) -> None:
        self.moments = {name: value.double() for name, value in moments.items()}

    def value_and_gradient(self, energy: Energy) -> tuple[float, Parameters]:
        log_z, expected = energy.exact_log_partition(), energy.exact_moments()
        if log_z is None or expected is None:
            raise ValueError("learner='exact': the model has too many states to sum over")
        parameters = energy.parameters()
        value = sum(float((m * parameters[k].double()).sum()) for k, m in self.moments.items())
        return value - log_z, {k: m - expected[k].double() for k, m in self.moments.items()}


class PseudoLikelihood(Objective):
    """Mean log P(variable given all others) of rows, each with its weight."""

    name = "pseudo_log_likelihood"

    def __init__(self, x: Tensor, weights: Tensor, moments: PseudoMoments) -> None:
        self.x, self.weights, self.moments = x, weights, moments

    def value_and_gradient(self, energy: Energy) -> tuple[float, Parameters]:
        value, found = self.moments(energy, self.x, self.weights)
        n = float(self.weights.sum()) * energy.n_variables
        return value / n, {name: slope / n for name, slope in found.gradient().items()}


@dataclass(frozen=True)
class ClimbPlan:
    """When to stop: no gradient above `tol`, or a step that gains less than the share `least_gain`
    of the objective."""

    n_iterations: int
    tol: float
    least_gain: float = 0.0
    time_limit: float | None = None


class Climb:
    """L-BFGS on ``objective + prior``, from where the energy stands.

    Parameters move as ``start + scale * z``, so that `scales` of about one over the root of the
    curvature make the way straight, and those of 0 hold a parameter fast.
    """

    def __init__(
        self,
        energy: Energy,
        objective: Objective,
        prior: Prior,
        scales: Parameters,
        plan: ClimbPlan,
        record: Record,
    ) -> None:
        self.energy, self.objective, self.prior = energy, objective, prior
        self.plan, self.record = plan, record
        live = energy.parameters()
        self._names = list(live)
        self._scale = _flat({name: scales[name] for name in self._names})
        self._start = _flat(live)
        self._z = np.zeros_like(self._start)
        self._memory = int(np.clip(_NUMBERS // max(2 * len(self._z), 1), 3, _MEMORY))
        #: Steps and the changes of slope that they met, the newest last; see :func:`_downhill`.
        self._steps: list[Array] = []
        self._changes: list[Array] = []
        #: Points worked out since the last step, so that none is worked out twice.
        self._seen: list[_Point] = []
        self.iteration = 0
        self.seconds = 0.0

    def run(self, observers: Sequence[Observer] = ()) -> FitResult:
        """Climb until it is flat, or iterations or time are up; parameters are the best seen."""
        started = time.perf_counter() - self.seconds
        reason = StopReason.MAX_ITER
        try:
            if not self.iteration:
                self.record.begin()
            while self.iteration < self.plan.n_iterations:
                self.seconds = time.perf_counter() - started
                if self.plan.time_limit is not None and self.seconds >= self.plan.time_limit:
                    reason = StopReason.TIME_LIMIT
                    break
                ended = self._iterate(observers)
                if ended is not None:
                    reason = ended
                    break
        except KeyboardInterrupt:
            reason = StopReason.INTERRUPTED
        self.seconds = time.perf_counter() - started
        result = self.record.result(self.iteration, reason, _CONFIRMING)
        self.energy.set_parameters(result.parameters)
        return result

    def turned_to(self, objective: Objective, plan: ClimbPlan, record: Record) -> Climb:
        """A climb of another objective that is near this one's, from where this one ended: what
        was learned of the curvature is kept, so that its first steps are no shorter."""
        other = copy(self)
        other.objective, other.plan, other.record = objective, plan, record
        other._seen, other.iteration, other.seconds = [], 0, 0.0
        return other

    @property
    def value(self) -> float:
        """The objective alone where the climb stands."""
        return self._at(self._z).shown

    def slack(self) -> float:
        """The largest entry of the gradient at the energy's parameters: how far from flat."""
        steep = np.abs(self._value_and_gradient()[2][self._scale != 0])
        return float(steep.max(initial=0.0))

    def _iterate(self, observers: Sequence[Observer]) -> StopReason | None:
        """One step along the path; why the climb is over, or None."""
        start = self._at(self._z)
        if np.abs(start.gradient[self._scale != 0]).max(initial=0.0) <= self.plan.tol:
            return StopReason.DONE
        if not self._step(start):
            return StopReason.MAX_ITER  # rounding leaves no step that gains
        end = self._at(self._z)
        self._seen = [end]
        self.iteration += 1
        self._place(self._z)
        facts = {"update": float(self.iteration), "seconds": self.seconds}
        facts[self.objective.name] = end.shown
        look = None
        if math.isfinite(end.value):
            look = self.record.look(self.iteration, self.energy.parameters(), facts)
        if look is None:
            return StopReason.DIVERGED
        for observer in observers:
            observer(look)
        if end.value - start.value < self.plan.least_gain * abs(end.value):
            return StopReason.DONE
        late = self.iteration > max(_N_PATIENT, _PATIENCE * look.best_update)
        return StopReason.OVERFITTING if self.record.watch is not None and late else None

    def _step(self, start: _Point) -> bool:
        """Move z along the quasi-Newton direction to where Wolfe's conditions hold; False where
        no step is found, not even along the gradient."""
        slope = self._slope(start)
        while True:
            direction = _downhill(slope, self._steps, self._changes)
            with warnings.catch_warnings():  # where it finds no step, that is seen below
                warnings.filterwarnings("ignore", "The line search algorithm", RuntimeWarning)
                size, *_ = line_search(
                    lambda z: -self._at(z).value,
                    lambda z: self._slope(self._at(z)),
                    self._z,
                    direction,
                    slope,
                    -start.value,
                    maxiter=25,
                )
            if size is not None:
                break
            if not self._steps:
                return False
            self._steps, self._changes = [], []
        step = size * direction
        self._z = self._z + step
        change = self._slope(self._at(self._z)) - slope
        # Along directions that change nothing there is no curvature to read, only rounding.
        if step @ change > _LEAST_CURVATURE * np.linalg.norm(step) * np.linalg.norm(change):
            self._steps = [*self._steps[1 - self._memory :], step]
            self._changes = [*self._changes[1 - self._memory :], change]
        return True

    def _slope(self, point: _Point) -> Array:
        """Of minus the objective, by z."""
        return -point.gradient * self._scale

    def _at(self, z: Array) -> _Point:
        for point in reversed(self._seen):
            if np.array_equal(point.z, z):
                return point
        self._place(z)
        self._seen.append(_Point(z.copy(), *self._value_and_gradient()))
        return self._seen[-1]

    def _value_and_gradient(self) -> tuple[float, float, Array]:
        """The objective alone, with the prior, and the gradient of that, at the energy's
        parameters."""
        parameters = self.energy.parameters()
        shown, gradient = self.objective.value_and_gradient(self.energy)
        pull = self.prior.gradient(parameters)
        whole = _flat({name: gradient[name] + pull.get(name, 0.0) for name in self._names})
        value = shown + self.prior.value(parameters)
        if not math.isfinite(value) or not np.isfinite(whole).all():
            return shown, -math.inf, np.zeros_like(whole)  # a step too far: the search comes back
        return shown, value, whole

    def _place(self, z: Array) -> None:
        flat, start = torch.from_numpy(self._start + self._scale * z), 0
        for name in self._names:
            live = self.energy.parameters()[name]
            live.copy_(flat[start : start + live.numel()].reshape(live.shape))
            start += live.numel()

    # -- going on after a break ---------------------------------------------------------

    def state(self) -> State:
        arrays = {"start": self._start, "z": self._z}
        none = np.zeros((0, len(self._z)))
        arrays["steps"] = np.stack(self._steps) if self._steps else none
        arrays["changes"] = np.stack(self._changes) if self._changes else none
        facts = {"iteration": self.iteration, "seconds": self.seconds}
        return State({name: torch.from_numpy(array) for name, array in arrays.items()}, facts)

    def restore(self, state: State) -> None:
        arrays = {name: tensor.cpu().numpy() for name, tensor in state.tensors.items()}
        self._start, self._z = arrays["start"], arrays["z"]
        self._steps, self._changes = list(arrays["steps"]), list(arrays["changes"])
        self.iteration, self.seconds = state.facts["iteration"], state.facts["seconds"]
        self._place(self._z)
        self._seen = []


def _flat(parameters: Parameters) -> Array:
    """All of them, one behind another, float64 and on the CPU."""
    parts = [tensor.detach().double().reshape(-1).cpu() for tensor in parameters.values()]
    return torch.cat(parts).numpy()


def _downhill(slope: Array, steps: Sequence[Array], changes: Sequence[Array]) -> Array:
    """The quasi-Newton direction, from the steps so far (Nocedal, Wright 2006, algorithm 7.4)."""
    direction, shares = -slope, []
    for step, change in zip(reversed(steps), reversed(changes), strict=True):
        share = (step @ direction) / (step @ change)
        direction = direction - share * change
        shares.append(share)
    if steps:
        direction *= (steps[-1] @ changes[-1]) / (changes[-1] @ changes[-1])
    else:  # no curvature known yet: a step as long as one unit
        direction /= max(np.abs(slope).sum(), 1.0)
    for step, change, share in zip(steps, changes, reversed(shares), strict=True):
        direction = direction + (share - (change @ direction) / (step @ change)) * step
    return direction


@dataclass(frozen=True)
class _Point:
    """Where the objective has been worked out: z, the objective alone and with the prior, and
    the gradient of that by the parameters."""

    z: Array
    shown: float
    value: float
    gradient: Array
