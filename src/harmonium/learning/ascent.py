"""One step up: the gradient, made a direction by a metric, and the pull of a prior."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
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


class Gaussian(Prior):
    """Minus half a precision times the square, for the parameters named: ``{name: precision}``,
    a number, or a tensor of the parameter's shape. Without names: a flat prior."""

    def __init__(self, precisions: Mapping[str, float | Tensor] | None = None) -> None:
        self.precisions = {
            name: value
            for name, value in (precisions or {}).items()
            if isinstance(value, Tensor) or value
        }

    def value(self, parameters: Parameters) -> float:
        return -0.5 * sum(
            float((precision * parameters[name].double() ** 2).sum())
            for name, precision in self.precisions.items()
        )

    def gradient(self, parameters: Parameters) -> Parameters:
        return {name: -p * parameters[name] for name, p in self.precisions.items()}


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
        pull = self.prior.gradient(parameters)
        for name, parameter in parameters.items():
            if name in pull:
                parameter.add_(pull[name], alpha=rate)
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


def are_finite(parameters: Parameters) -> bool:
    """Whether every number is."""
    return all(bool(torch.isfinite(value).all()) for value in parameters.values())


def copied(parameters: Parameters) -> Parameters:
    """The same values in tensors of their own."""
    return {name: tensor.detach().clone() for name, tensor in parameters.items()}
