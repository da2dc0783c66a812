"""One step up: the gradient, made a direction by a metric, and the pull of a prior."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor

from harmonium.contract.energy import Energy, FusedStep, Metric, Parameters
from harmonium.learning.checkpoint import State

__all__ = ["Ascent", "Gaussian", "Moments", "Plain", "Prior", "are_finite", "copied"]


@dataclass
class Moments:
    """Expectations of d log_weight / d parameter: under the data, and under the model.

    Each is normalised by its own number of rows, so a batch and the chains may differ in number
    without biasing the step. Ranks that share a batch average both before they step.
    """

    data: Parameters
    model: Parameters

    def gradient(self) -> Parameters:
        """Of the mean log-likelihood."""
        return {name: value - self.model[name] for name, value in self.data.items()}


class Prior(ABC):
    """log of a prior density of the parameters, up to a constant, for one observation."""

    @abstractmethod
    def value(self, parameters: Parameters) -> float:
        """The log density in nats."""

    @abstractmethod
    def gradient(self, parameters: Parameters) -> Parameters:
        """Of :meth:`value`, by those parameters that it acts on."""

    @abstractmethod
    def pull(self, parameters: Parameters, rate: float) -> None:
        """A step up the prior alone, in place."""


class Gaussian(Prior):
    """Minus half a precision times the squared distance from a centre, for the parameters named:
    ``{name: precision}``, a number, or a tensor of the parameter's shape. Without names: a flat
    prior; a centre that is not given is zero."""

    def __init__(
        self,
        precisions: Mapping[str, float | Tensor] | None = None,
        centres: Parameters | None = None,
    ) -> None:
        self.precisions = {
            name: value
            for name, value in (precisions or {}).items()
            if isinstance(value, Tensor) or value
        }
        self.centres = dict(centres or {})

    def _away(self, name: str, parameters: Parameters) -> Tensor:
        value = parameters[name]
        return value - self.centres[name].to(value) if name in self.centres else value

    def value(self, parameters: Parameters) -> float:
        return -0.5 * sum(
            float((precision * self._away(name, parameters).double() ** 2).sum())
            for name, precision in self.precisions.items()
        )

    def gradient(self, parameters: Parameters) -> Parameters:
        return {name: -p * self._away(name, parameters) for name, p in self.precisions.items()}

    def pull(self, parameters: Parameters, rate: float) -> None:
        """Implicit, so that no rate and no precision is too large: x moves to where it and the
        pull at its new place agree."""
        for name, precision in self.precisions.items():
            kept = 1.0 / (1.0 + rate * precision)
            if name in self.centres:
                parameters[name].sub_(self.centres[name]).mul_(kept).add_(self.centres[name])
            else:
                parameters[name].mul_(kept)


class Plain(Metric):
    """The gradient itself."""

    def __init__(self) -> None:
        self.tensors: Parameters = {}

    def direction(self, gradient: Parameters) -> Parameters:
        return gradient

    def observe(self, data: Parameters) -> None:
        """Nothing to keep."""


@dataclass
class Ascent:
    """What moves: an energy's parameters, with the prior and the metric that say how."""

    energy: Energy
    prior: Prior = field(default_factory=Gaussian)
    metric: Metric = field(default_factory=Plain)

    def fused(self, learner: object) -> FusedStep | None:
        """Both halves of an update with this `learner` in one, where the energy has that."""
        return self.energy.fused(learner, self.prior, self.metric)

    def step(self, moments: Moments, rate: float) -> None:
        """One step of gradient ascent on mean log-likelihood plus log prior.

        The prior's pull does not pass through the metric: it is decoupled, as in Loshchilov,
        Hutter 2019.
        """
        parameters = self.energy.parameters()
        direction = self.metric.direction(moments.gradient())
        self.prior.pull(parameters, rate)
        for name, parameter in parameters.items():
            parameter.add_(direction[name], alpha=rate)
        self.metric.observe(moments.data)

    def state(self) -> State:
        groups = {"parameters": self.energy.parameters(), "metric": self.metric.tensors}
        return State(
            {f"{group}.{k}": v for group, tensors in groups.items() for k, v in tensors.items()}
        )

    def restore(self, state: State) -> None:
        self.energy.set_parameters(state.group("parameters"))
        for name, tensor in state.group("metric").items():
            if name in self.metric.tensors:  # compiled steps may hold on to this very tensor
                self.metric.tensors[name].copy_(tensor)
            else:
                self.metric.tensors[name] = tensor


#: Numbers beyond this are no parameters: log-odds of 30 already say never or always.
_TOO_LARGE = 1e8


def are_finite(parameters: Parameters) -> bool:
    """Whether every number is, and below 1e8 in size: what has run away so far is lost."""
    return all(bool((value.abs() < _TOO_LARGE).all()) for value in parameters.values())


def copied(parameters: Parameters) -> Parameters:
    """The same values in tensors of their own."""
    return {name: tensor.detach().clone() for name, tensor in parameters.items()}
