"""What an energy model must supply; everything else is written once on top of it.

An :class:`Energy` is the torch side of a model P(x) = exp(-E(x)) / Z over discrete x. It also
names a path of distributions P_beta, from an easy base at ``beta = 0`` (log Z known, direct
draws) to the model at ``beta = 1``; tempering and annealed importance sampling walk that path.
Latent variables, where there are any, are summed out of every weight: x is what one observes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor

from harmonium.contract.evidence import Evidence

__all__ = ["Beta", "Chains", "Energy", "Evidence", "FusedStep", "Generator", "Metric", "Parameters"]

#: Randomness: numpy's on the CPU (fast bits), torch's on an accelerator. Never a global seed.
Generator: TypeAlias = np.random.Generator | torch.Generator
#: Inverse temperature of the path: one for all chains, or one a chain, shape ``(n,)``.
Beta: TypeAlias = float | Tensor
#: Parameters, or their gradient, by name.
Parameters: TypeAlias = dict[str, Tensor]
#: A whole update in one go, given the batch's rows, which may be of torch's COO layout where all
#: that is in them is ones, the rate and randomness.
FusedStep: TypeAlias = "Callable[[Tensor, float, Generator], None]"


@dataclass
class Chains:
    """The state of n chains, carried on from sweep to sweep.

    ``x`` is ``(n, n_variables)``. ``hidden`` is a draw of the latent variables given ``x``
    where somebody has already made one (it saves the next sweep a product), else None;
    whoever changes ``x`` by other means than a sweep must set it to None.
    """

    x: Tensor
    hidden: Tensor | None = None

    def select(self, index: Tensor) -> Chains:
        """The chains at `index` (a permutation, a mask or positions)."""
        return Chains(self.x[index], None if self.hidden is None else self.hidden[index])

    @classmethod
    def joined(cls, parts: Sequence[Chains]) -> Chains:
        """Chains side by side, in the order of the parts; their hidden states if all have some."""
        hidden = [one.hidden for one in parts if one.hidden is not None]
        x = torch.cat([one.x for one in parts])
        return cls(x, torch.cat(hidden) if len(hidden) == len(parts) else None)


class Energy(ABC):
    """An unnormalised distribution over ``n_variables`` variables.

    States are tensors ``(n, n_variables)`` of the energy's own dtype and device, one number a
    variable: 0..size-1 where it has ``size`` states. Every method that takes ``beta`` accepts
    one number or one a row.
    """

    #: States of each variable; 0 where they cannot be counted.
    sizes: tuple[int, ...]
    n_variables: int
    #: Whether a sweep satisfies detailed balance, which reverse annealing needs: block Gibbs
    #: through latent variables does, a sweep over blocks in a fixed order does not.
    reversible: bool = False
    dtype: torch.dtype
    device: torch.device

    @abstractmethod
    def parameters(self) -> Parameters:
        """The live parameter tensors by name (changing them changes the model)."""

    def set_parameters(self, parameters: Parameters) -> None:
        """Write these numbers into the live tensors; every parameter must be among them."""
        for name, tensor in self.parameters().items():
            tensor.copy_(parameters[name])

    @abstractmethod
    def to(self, dtype: torch.dtype, device: torch.device | None = None) -> Energy:
        """A copy in another precision or on another device; shares no parameter with this."""

    @abstractmethod
    def log_weight(self, x: Tensor, beta: Beta = 1.0) -> Tensor:
        """log of the unnormalised P_beta(x), latents summed out: float64 ``(n,)``."""

    @abstractmethod
    def sweep(
        self,
        chains: Chains,
        generator: Generator,
        *,
        beta: Beta = 1.0,
        evidence: Evidence | None = None,
    ) -> Chains:
        """One Gibbs sweep: every free variable drawn once; leaves P_beta(x given evidence)
        invariant. The argument is not changed."""

    @abstractmethod
    def ascend(self, x: Tensor, evidence: Evidence | None = None) -> Tensor:
        """One deterministic step that never lowers log P(x given evidence)."""

    @abstractmethod
    def base_log_partition(self) -> float:
        """log of the sum over x of exp(log_weight(x, beta=0)), exactly."""

    @abstractmethod
    def base_sample(self, n: int, generator: Generator) -> Tensor:
        """n exact draws of x from P_0."""

    @abstractmethod
    def moments(self, x: Tensor, weights: Tensor) -> Parameters:
        """Weighted sum over rows of d log_weight(x) / d parameter, for every parameter.

        The gradient of the mean log-likelihood is this under the data minus this under the
        model, each with weights that sum to one.
        """

    @abstractmethod
    def marginals(
        self, chains: Chains, generator: Generator, evidence: Evidence | None = None
    ) -> Tensor:
        """P(x_i = state given the part of the chain that a sweep conditions x_i on).

        Shape ``(n, n_variables)`` where all have two states (the probability of 1), else
        ``(n, n_variables, max(sizes))`` with zeros for states that a variable does not have.
        Averaged over sweeps it estimates the posterior marginals with less noise than the
        states themselves (Rao-Blackwell).
        """

    @abstractmethod
    def sweep_means(
        self, chains: Chains, generator: Generator, evidence: Evidence | None = None
    ) -> tuple[Chains, Tensor]:
        """A sweep, and for each variable the mean of what it was drawn from, ``(n,
        n_variables)``: the Rao-Blackwell form of its state, at no marginals' cost."""

    @abstractmethod
    def exact_log_partition(self) -> float | None:
        """log Z by a method that is exact and affordable, or None where there is none."""

    @abstractmethod
    def exact_moments(self) -> Parameters | None:
        """The model's own expected :meth:`moments`, exactly, or None where not affordable."""

    @abstractmethod
    def fused(self, learner: object, prior: object, metric: Metric) -> FusedStep | None:
        """The update that `learner`, `prior` and `metric` make together as one faster step, which
        moves the learner's chains and the parameters alike; None where there is none.

        Asked once before a run, of the energy that learns. Only batches whose rows all weigh
        the same are put to it.
        """


class Metric(ABC):
    """How a gradient becomes a direction of ascent.

    ``tensors`` are the running means that this takes, by name, live: the training loop saves
    and restores them.
    """

    tensors: Parameters

    @abstractmethod
    def direction(self, gradient: Parameters) -> Parameters:
        """The ascent direction for a gradient of the mean log-likelihood."""

    @abstractmethod
    def observe(self, data: Parameters) -> None:
        """Told of a batch's :meth:`Energy.moments` after each update."""
