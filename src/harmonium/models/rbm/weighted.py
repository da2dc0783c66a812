"""Chains that carry weights: for models that move further in a step than a sweep can follow.

The weights are Jarzynski's (Carbone, Hua, Coste, Vanden-Eijnden 2023): log P~ of each chain's
state under the new parameters less that under the old, summed over updates. With them the
chains stand for the present model however far they lag behind. The visible units are summed
out of them, so that a chain's weight is that of its hidden state alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor
from torch.nn.functional import softplus

from harmonium.compute import draws
from harmonium.compute.random import systematic_resampling
from harmonium.contract.energy import Energy, Generator, Parameters
from harmonium.learning.ascent import Moments
from harmonium.learning.checkpoint import State
from harmonium.learning.learners.base import Learner
from harmonium.learning.plan import Plan
from harmonium.learning.rows import Batch
from harmonium.models.rbm.implicit import Ensemble, implicit_step, safe_rate

__all__ = ["Weighted"]

#: Below this share of effective chains they are resampled.
_LEAST_EFFECTIVE = 0.3
#: Variance of the log weights' change that one update may cause.
_MOST_CHANGE = 0.01


@dataclass
class Weighted(Learner):
    """Persistent chains of an RBM of units of 0 and 1, with weights.

    ``hidden (n, n_hidden)`` are their states, ``log_weights (n,)`` (float64) what each counts
    for, and ``log_masses (n,)`` log P~(hidden) under the parameters that these are the weights
    for, visible units summed out.
    """

    hidden: Tensor
    log_weights: Tensor
    log_masses: Tensor
    n_gibbs: int = 1
    # Steps go as far as the weights of all chains together allow.
    can_share = False

    @classmethod
    def start(cls, energy: Energy, plan: Plan, generator: Generator) -> Self:
        """At the base distribution, where hidden units are fair and apart from visible ones."""
        bias = energy.parameters()["hidden_bias"]
        fair = bias.new_zeros((plan.n_chains, len(bias)))
        base = energy.base_log_partition() - len(bias) * math.log(2.0)
        log_weights = torch.zeros(plan.n_chains, dtype=torch.float64, device=bias.device)
        masses = torch.full_like(log_weights, base)
        return cls(draws.bernoulli(fair, generator), log_weights, masses, plan.n_gibbs)

    def gradient(self, energy: Energy, batch: Batch, generator: Generator) -> Moments:
        parameters = energy.parameters()
        visible = self._visible(parameters, generator)
        logits = torch.addmm(parameters["hidden_bias"], visible, parameters["weights"])
        self._draw(parameters, logits, generator)
        model = energy.moments(visible, self.shares())
        return Moments(energy.moments(batch.x, batch.shares()), model)

    def step(
        self,
        parameters: Parameters,
        x: Tensor,
        offsets: tuple[Tensor, Tensor],
        rates: tuple[float, float],
        generator: Generator,
    ) -> Tensor:
        """A whole update, in place: the chains moved, the implicit centred step from the rows
        `x` taken as far as the weights allow; returns the hidden units' mean under the rows.

        `rates` are the learning rate and the weights' decay.
        """
        weights, hidden_bias = parameters["weights"], parameters["hidden_bias"]
        visible = self._visible(parameters, generator)
        stacked = torch.cat([x, visible])
        logits = torch.addmm(hidden_bias, stacked, weights)
        means = torch.sigmoid(logits)
        visible_logits = self._draw(parameters, logits[len(x) :], generator)
        shares = self.shares().to(weights)
        seen, hidden = stacked - offsets[0], means - offsets[1]
        ensemble = Ensemble(seen[len(x) :], hidden[len(x) :], shares)
        rows, pull = (seen[: len(x)], hidden[: len(x)]), -rates[1] * weights
        step = implicit_step(rows, ensemble, offsets, pull, rates[0])
        step.take(
            parameters,
            safe_rate(step, self.hidden, shares, visible_logits, rates[0], _MOST_CHANGE),
        )
        return means[: len(x)].mean(0)

    def shares(self) -> Tensor:
        """What each chain counts for: float64, their sum one."""
        return torch.softmax(self.log_weights, 0)

    def carry(self, parameters: Parameters, generator: Generator) -> Tensor:
        """Make the weights those for the model with these parameters, from wherever they were,
        and resample where few chains count; returns the visible units' logits."""
        logits, masses = _given_hidden(parameters, self.hidden)
        self.log_weights = self.log_weights + (masses - self.log_masses)
        self.log_masses = masses
        shares = self.shares()
        n = len(shares)
        if float(1.0 / shares.square().sum()) < _LEAST_EFFECTIVE * n:
            chosen = systematic_resampling(shares.cpu().numpy(), n, generator)
            index = torch.from_numpy(chosen).to(logits.device)
            self.hidden, logits = self.hidden[index], logits[index]
            self.log_masses = self.log_masses[index]
            self.log_weights = torch.zeros_like(self.log_weights)
        return logits

    def _visible(self, parameters: Parameters, generator: Generator) -> Tensor:
        """A draw of the visible units, after all sweeps but the last one's hidden half."""
        logits = self.carry(parameters, generator)
        visible = draws.bernoulli(logits, generator, out=logits)
        for _ in range(self.n_gibbs - 1):
            up = torch.addmm(parameters["hidden_bias"], visible, parameters["weights"])
            hidden = draws.bernoulli(up, generator, out=up)
            down = torch.addmm(parameters["visible_bias"], hidden, parameters["weights"].T)
            visible = draws.bernoulli(down, generator, out=down)
        return visible

    def _draw(self, parameters: Parameters, logits: Tensor, generator: Generator) -> Tensor:
        """New hidden states from their logits; returns the visible units' given them."""
        self.hidden = draws.bernoulli(logits.contiguous(), generator)
        below, self.log_masses = _given_hidden(parameters, self.hidden)
        return below

    def begin_again(self, energy: Energy, batch: Batch, generator: Generator) -> None:
        """Their weights follow the parameters wherever these go back to; those that count for
        nothing any more count evenly."""
        if not bool(torch.isfinite(self.log_weights).all()):
            self.log_weights = torch.zeros_like(self.log_weights)
            self.log_masses = _given_hidden(energy.parameters(), self.hidden)[1]

    def state(self) -> State:
        return State(
            {
                "hidden": self.hidden,
                "log_weights": self.log_weights,
                "log_masses": self.log_masses,
            }
        )

    def restore(self, state: State) -> None:
        self.hidden, self.log_weights = state.tensors["hidden"], state.tensors["log_weights"]
        self.log_masses = state.tensors["log_masses"]


def _given_hidden(parameters: Parameters, hidden: Tensor) -> tuple[Tensor, Tensor]:
    """Logits of the visible units, and float64 log P~(hidden) with these summed out."""
    logits = torch.addmm(parameters["visible_bias"], hidden, parameters["weights"].T)
    linear = (hidden @ parameters["hidden_bias"]).double()
    return logits, linear + softplus(logits).sum(1, dtype=torch.float64)
