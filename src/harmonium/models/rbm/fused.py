"""A whole update of an RBM in one: chains and step together, where learner, prior and metric allow.

Data and chains share their products; with chains that are only swept, on the CPU, all of it is
one compiled step.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from harmonium.compute import draws
from harmonium.contract.energy import Chains, Energy, FusedStep, Generator, Metric
from harmonium.learning.ascent import Gaussian, Plain
from harmonium.learning.learners.base import ChainLearner
from harmonium.learning.learners.contrastive import Contrastive
from harmonium.learning.learners.persistent import Persistent
from harmonium.learning.rows import Batch
from harmonium.models.rbm.centring import Centred, CentredPull
from harmonium.models.rbm.kernels.choose import Updates
from harmonium.models.rbm.weighted import Weighted

__all__ = ["fused_step"]


def fused_step(
    energy: Energy, updates: Updates, learner: object, prior: object, metric: Metric
) -> FusedStep | None:
    """The step for a pull on weights (and visible biases), with or without centring; else None.

    `updates` are of the energy's own parameters.
    """
    if isinstance(prior, CentredPull) and isinstance(learner, ChainLearner):
        weights = Gaussian({"weights": prior.precision})
        alone = fused_step(energy, updates, learner, weights, metric)
        return None if alone is None else _Along(energy, alone, prior)
    if not isinstance(learner, ChainLearner | Weighted) or not isinstance(prior, Gaussian):
        return None
    decay, pull = (prior.precisions.get(name, 0.0) for name in ("weights", "visible_bias"))
    odd = prior.precisions.keys() - {"weights", "visible_bias"} or "weights" in prior.centres
    if odd or isinstance(decay, Tensor) or isinstance(pull, Tensor):
        return None
    if isinstance(metric, Centred):
        offsets = (metric.visible_mean, metric.hidden_mean)
    elif isinstance(metric, Plain):
        _, *biases = energy.parameters().values()
        offsets = (torch.zeros_like(biases[0]), torch.zeros_like(biases[1]))
    else:
        return None
    follow = metric if isinstance(metric, Centred) else None
    kept = Gaussian({"visible_bias": pull}, prior.centres)
    return _Fused(energy, updates, learner, decay, kept, offsets, follow)


@dataclass
class _Fused:
    energy: Energy
    updates: Updates
    learner: ChainLearner | Weighted
    decay: float
    biases: Gaussian
    offsets: tuple[Tensor, Tensor]
    centred: Centred | None
    _shares: dict[int, Tensor] = field(default_factory=dict)

    def __call__(self, x: Tensor, rate: float, generator: Generator) -> None:
        parameters = self.energy.parameters()
        if isinstance(self.learner, Weighted):
            x = x.to_dense()
            rates = (rate, self.decay)  # the pull is within its implicit step
            mean = self.learner.step(parameters, x, self.offsets, rates, generator)
        else:
            # The weights keep 1 / (1 + rate * decay) of themselves: no rate is too large.
            rates = (rate, self.decay / (1.0 + rate * self.decay))
            mean = self._chains_and_step(self.learner, x, rates, generator)
        if self.biases.precisions:
            self.biases.pull(parameters, rate)
        if self.centred is not None:
            self.centred.follow(mean)

    def _chains_and_step(
        self, learner: ChainLearner, x: Tensor, rates: tuple[float, float], generator: Generator
    ) -> Tensor:
        """The hidden units' mean under the rows."""
        chains = _swept(learner, x)
        if chains is not None:
            given = (x, chains, learner.n_gibbs, self.offsets, rates)
            if isinstance(generator, np.random.Generator):
                update = self.updates.persistent(x, chains)
                if update is not None:
                    self._complete(chains, generator)
                    return update(*given, generator)
            else:
                replayed = self.updates.on_device(x, chains, generator)
                if replayed is not None:
                    self._complete(chains, generator)
                    return replayed(*given)
        x = x.to_dense()
        chains = learner.advance(self.energy, Batch(x), generator)
        shares = self._evenly(len(chains.x))
        return self.updates.fused(x, chains, shares, self.offsets, rates, generator)

    def _complete(self, chains: Chains, generator: Generator) -> None:
        """Draw the chains' hidden units unless somebody has drawn them."""
        if chains.hidden is None:
            weights, _, hidden_bias = self.energy.parameters().values()
            statistics = self.updates.units.statistics(chains.x)
            logits = torch.addmm(hidden_bias, statistics, weights)
            chains.hidden = draws.bernoulli(logits, generator, out=logits)

    def _evenly(self, n: int) -> Tensor:
        if n not in self._shares:
            weights = self.energy.parameters()["weights"]
            self._shares[n] = torch.full((n,), 1.0 / n, dtype=weights.dtype, device=weights.device)
        return self._shares[n]


@dataclass
class _Along:
    """A step that pulls weights to zero alone, then the rest of the pull."""

    energy: Energy
    alone: FusedStep
    prior: CentredPull

    def __call__(self, x: Tensor, rate: float, generator: Generator) -> None:
        parameters = self.energy.parameters()
        moved = self.prior.along(parameters, rate)
        self.alone(x, rate, generator)
        self.prior.pull_rest(parameters, moved, rate)


def _swept(learner: ChainLearner, x: Tensor) -> Chains | None:
    """The chains that a learner only sweeps, from where this batch has them start; else None."""
    if isinstance(learner, Contrastive):
        return Chains(x.to_dense().clone())
    return learner.chains if isinstance(learner, Persistent) else None
