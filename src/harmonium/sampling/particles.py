"""log Z along a training run: annealing whose path is the run itself.

Between two looks at a model its parameters move little, so a few bridging steps carry a set of
particles, and the ratio of the two partition functions, from one to the next: a sequential
Monte Carlo sampler (Del Moral, Doucet, Jasra 2006) along the training path. It costs a fraction
of annealing from nothing at each look, and is better the closer the looks.
"""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor

from harmonium.compute.random import systematic_resampling
from harmonium.contract.energy import Chains, Energy, Generator, Parameters
from harmonium.contract.estimates import Bound, LogZ, Status
from harmonium.sampling.annealing import anneal_step, log_mean_exp, temperatures

__all__ = ["Trajectory"]

#: Bridging steps for each nat that the particles' log weights would spread in one jump.
_STEPS_A_NAT = 5.0
_MAX_STEPS = 400


class Trajectory:
    """Particles that follow a model while it learns, and the log Z they measure.

    Parameters
    ----------
    energy : a private copy of the model; its parameters are overwritten by :meth:`advance`.
    n_chains : particles, at least 2.
    generator : randomness of its own, so that looking does not change the run looked at.
    """

    def __init__(self, energy: Energy, n_chains: int, generator: Generator) -> None:
        self.energy = energy
        self.generator = generator
        self.chains = Chains(energy.base_sample(n_chains, generator))
        self.log_weights = torch.zeros(n_chains, dtype=torch.float64, device=energy.device)
        self.log_z = energy.base_log_partition()
        self.variance = 0.0
        self.started = False

    def stand_at(self, parameters: Parameters, x: Tensor, log_z: float) -> None:
        """Begin at a model that is known: exact draws `x` ``(n_chains, n_variables)`` from it, and
        its log Z, in place of the base."""
        self.energy.set_parameters(parameters)
        self.chains, self.log_z, self.started = Chains(x), log_z, True

    def advance(self, parameters: Parameters, n_steps: int) -> LogZ:
        """Carry the particles to the model with these `parameters`; returns its log Z.

        At least `n_steps` bridging steps of one sweep each, and more for a longer way: steps
        enough that the log weights spread by about a fifth in each.
        """
        if self.started:
            n_steps = self._bridge(parameters, n_steps)
        else:
            self.energy.set_parameters(parameters)
            self._from_base(n_steps)
            self.started = True
        value, error, effective = log_mean_exp(self.log_weights.cpu().numpy())
        result = LogZ(
            self.log_z + value,
            math.sqrt(self.variance + error**2),
            "trajectory",
            Bound.LOWER,
            Status.OK if math.isfinite(value) else Status.NONFINITE,
            effective,
            len(self.log_weights),
            n_steps,
        )
        if effective < 0.5 * len(self.log_weights):
            self._resample(value, error)
        return result

    def _from_base(self, n_steps: int) -> None:
        for low, high in pairwise(temperatures(n_steps).tolist()):
            self.chains, change = anneal_step(self.energy, self.chains, low, high, self.generator)
            self.log_weights += change

    def _bridge(self, parameters: Parameters, n_steps: int) -> int:
        now = {name: tensor.clone() for name, tensor in self.energy.parameters().items()}
        before = self.energy.log_weight(self.chains.x)
        self.energy.set_parameters(parameters)
        spread = float((self.energy.log_weight(self.chains.x) - before).std())
        if math.isfinite(spread):
            n_steps = int(min(max(n_steps, spread * _STEPS_A_NAT), _MAX_STEPS))
        self.energy.set_parameters(now)
        for step in range(1, n_steps + 1):
            for name, tensor in self.energy.parameters().items():
                torch.lerp(now[name], parameters[name], step / n_steps, out=tensor)
            self.log_weights += self.energy.log_weight(self.chains.x) - before
            self.chains = self.energy.sweep(Chains(self.chains.x), self.generator)
            before = self.energy.log_weight(self.chains.x)
        return n_steps

    def _resample(self, value: float, error: float) -> None:
        """Systematic resampling: heavy particles are copied, light ones dropped."""
        weights = torch.softmax(self.log_weights, 0).cpu().numpy()
        chosen = systematic_resampling(weights, len(weights), self.generator)
        self.chains = self.chains.select(torch.from_numpy(chosen).to(self.chains.x.device))
        self.log_z += value
        self.variance += error**2
        self.log_weights = torch.zeros_like(self.log_weights)

    # -- going on after a break ----------------------------------------------------------

    def tensors(self) -> dict[str, Tensor]:
        """What must be kept to go on exactly as if never interrupted."""
        kept = {f"parameters.{k}": v for k, v in self.energy.parameters().items()}
        numbers = [self.log_z, self.variance, float(self.started)]
        return {
            **kept,
            "x": self.chains.x,
            "log_weights": self.log_weights,
            "numbers": torch.tensor(numbers, dtype=torch.float64),
        }

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """The inverse of :meth:`tensors`."""
        self.energy.set_parameters({k.removeprefix("parameters."): v for k, v in tensors.items()})
        self.chains = Chains(tensors["x"])
        self.log_weights = tensors["log_weights"]
        self.log_z, self.variance, started = tensors["numbers"].tolist()
        self.started = bool(started)
