"""The restricted Boltzmann machine as an energy: its two conditionals, and its fast update.

E(v, h) = -v'Wh - b'v - c'h (Smolensky 1986; Hinton 2002). With h summed out,
log_weight(v) = b'v + sum_j softplus(c_j + v'W_j), or what hidden units of another kind sum to of
the same inputs. The path keeps the hidden units without inputs and the visible half at the
data's base rates: at inverse temperature beta the visible biases are (1 - beta) b0 + beta b, the
rest is scaled by beta (Salakhutdinov, Murray 2008, eq. 13).
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from harmonium.contract.energy import (
    Beta,
    Chains,
    Energy,
    Evidence,
    FusedStep,
    Generator,
    Metric,
    Parameters,
)
from harmonium.models.rbm.fused import fused_step
from harmonium.models.rbm.kernels.choose import Updates
from harmonium.sampling.enumeration import Block, energy_blocks, log_sum, mean_moments
from harmonium.units.base import Units
from harmonium.units.bernoulli import Bernoulli
from harmonium.units.hidden.base import SQUARE, HiddenUnits
from harmonium.units.hidden.bernoulli import BernoulliHidden
from harmonium.units.space import LIMITS, log2_states, states_of

__all__ = ["RBMEnergy"]

#: Units of the smaller side up to which each gradient can be exact.
MAX_EXACT_LEARNING_UNITS = LIMITS["gradient"].bit_length() - 1


class RBMEnergy(Energy):
    """``weights (n_statistics, n_hidden)``, ``visible_bias`` and ``hidden_bias`` of an RBM.

    The visible `units` have ``n_statistics`` statistics, which are the states themselves where
    all are of 0 or 1, as they are by default; so are the units of the `hidden` layer, which may
    have parameters of their own. ``base_bias`` ``(n_statistics,)`` are the visible biases at
    ``beta = 0``.
    """

    reversible = True

    def __init__(
        self,
        weights: Tensor,
        visible_bias: Tensor,
        hidden_bias: Tensor,
        base_bias: Tensor,
        units: Units | None = None,
        hidden: HiddenUnits | None = None,
    ) -> None:
        self.weights = weights
        self.visible_bias = visible_bias
        self.hidden_bias = hidden_bias
        self.base_bias = base_bias
        self.units = Bernoulli(len(weights)) if units is None else units
        self.sizes = self.units.sizes
        self.n_variables, self.n_hidden = len(self.sizes), weights.shape[1]
        self.hidden = BernoulliHidden(self.n_hidden) if hidden is None else hidden
        self.dtype = weights.dtype
        self.device = weights.device
        self.updates = Updates(weights, visible_bias, hidden_bias, self.units)

    def to(self, dtype: torch.dtype, device: torch.device | None = None) -> RBMEnergy:
        """A copy in another precision or on another device."""
        where = self.device if device is None else device
        weights, visible_bias, hidden_bias, base_bias = (
            part.detach().to(where, dtype, copy=True)
            for part in (self.weights, self.visible_bias, self.hidden_bias, self.base_bias)
        )
        hidden = self.hidden.to(dtype, where)
        return RBMEnergy(weights, visible_bias, hidden_bias, base_bias, self.units, hidden)

    def parameters(self) -> Parameters:
        return {
            "weights": self.weights,
            "visible_bias": self.visible_bias,
            "hidden_bias": self.hidden_bias,
            **self.hidden.parameters,
        }

    # -- the two conditionals ------------------------------------------------------------

    def hidden_logits(self, x: Tensor) -> Tensor:
        """Inputs of the hidden units given the visible ones, ``(n, n_hidden)``: log-odds of those
        of 0 or 1."""
        return self.units.product(x, self.weights, self.hidden_bias)

    def visible_logits(
        self, h: Tensor, beta: Beta = 1.0, evidence: Evidence | None = None
    ) -> Tensor:
        """Inputs of the visible units given hidden ones, ``(n, n_statistics)``, or ``(n,
        units.n_read)`` with readings: log-odds of those of 0 or 1, log-weights of the states of
        labels."""
        if isinstance(beta, Tensor):
            column = beta.to(self.dtype).unsqueeze(1)
            bias = (1 - column) * self.base_bias + column * self.visible_bias
            logits = torch.addcmul(bias, column, h @ self.weights.T)
        elif beta == 1.0:
            logits = torch.addmm(self.visible_bias, h, self.weights.T)
        else:
            bias = torch.lerp(self.base_bias, self.visible_bias, beta)
            logits = torch.addmm(bias, h, self.weights.T, alpha=beta)
        if evidence is not None and evidence.readings is not None:
            return self.units.read(logits, evidence.readings, slice(None))
        return logits

    def hidden_mean(self, x: Tensor) -> Tensor:
        """E[h given v], ``(n, n_hidden)``."""
        return self.hidden.mean(self.hidden_logits(x))

    def visible_probability(self, h: Tensor, evidence: Evidence | None = None) -> Tensor:
        """Expected statistics of v given h, ``(n, n_statistics)``: P(v_i = 1 given h)."""
        return self.units.mean(self.visible_logits(h, evidence=evidence))

    def draw_hidden(self, x: Tensor, generator: Generator, beta: Beta = 1.0) -> Tensor:
        """A draw of h given x under P_beta."""
        logits = self.hidden_logits(x)
        if isinstance(beta, Tensor):
            logits *= beta.to(self.dtype).unsqueeze(1)
        elif beta != 1.0:
            logits *= beta
        return self.hidden.sample(logits, generator)

    def _hidden(self, chains: Chains, generator: Generator, beta: Beta = 1.0) -> Tensor:
        """The chains' hidden units, drawn unless somebody has drawn them."""
        if chains.hidden is not None:
            return chains.hidden
        return self.draw_hidden(chains.x, generator, beta)

    def draw_visible(
        self,
        h: Tensor,
        generator: Generator,
        *,
        beta: Beta = 1.0,
        evidence: Evidence | None = None,
        current: Tensor | None = None,
    ) -> Tensor:
        """A draw of v given h under P_beta; clamped units keep their value in `current`."""
        logits = self.visible_logits(h, beta, evidence)
        return _clamped(self.units.sample(logits, generator), evidence, current)

    # -- what every energy supplies --------------------------------------------------------

    def log_weight(self, x: Tensor, beta: Beta = 1.0) -> Tensor:
        wide = self.units.statistics(x.double())
        logits = self.hidden_logits(x).double()
        base, bias = self.base_bias.double(), self.visible_bias.double()
        if isinstance(beta, Tensor):
            column = beta.double()
            linear = (1 - column) * (wide @ base) + column * (wide @ bias)
            weight = linear + self.hidden.log_partition(column.unsqueeze(1) * logits)
        else:
            linear = wide @ torch.lerp(base, bias, beta)
            weight = linear + self.hidden.log_partition(beta * logits)
        return weight + self.units.log_weight(x)

    def sweep(
        self,
        chains: Chains,
        generator: Generator,
        *,
        beta: Beta = 1.0,
        evidence: Evidence | None = None,
    ) -> Chains:
        h, x = self._hidden(chains, generator, beta), chains.x
        return Chains(self.draw_visible(h, generator, beta=beta, evidence=evidence, current=x))

    def ascend(self, x: Tensor, evidence: Evidence | None = None) -> Tensor:
        """v maximising E[log P(v, h) given the old v]: a minorise-maximise step, so it never
        lowers log P(v) (Hunter, Lange 2004)."""
        logits = self.visible_logits(self.hidden_mean(x), evidence=evidence)
        return _clamped(self.units.mode(logits), evidence, x)

    @property
    def product_size(self) -> int:
        """Multiplications of a row's product with the weights."""
        return self.weights.numel()

    def base_log_partition(self) -> float:
        visible = self.units.log_partition(self.base_bias.double().unsqueeze(0))
        return float(visible) + self.hidden.log_partition_at_rest()

    def base_sample(self, n: int, generator: Generator) -> Tensor:
        no_hidden = torch.zeros((n, self.n_hidden), dtype=self.dtype, device=self.device)
        return self.draw_visible(no_hidden, generator, beta=0.0)

    def base_given(
        self, x: Tensor, evidence: Evidence, generator: Generator
    ) -> tuple[Tensor, Tensor]:
        """A draw of each row from P_0 given the evidence, and float64 ``(n,)`` log of the sum of
        exp(log_weight(x, 0)) and what the readings weigh over the free variables; -inf, or NaN,
        where the evidence cannot be."""
        no_hidden = x.new_zeros((len(x), self.n_hidden))
        logits = self.visible_logits(no_hidden, 0.0, evidence)
        each = self.units.probabilities(logits.double(), max(self.sizes))
        drawn = _clamped(self.units.sample(logits, generator), evidence, x)
        chosen = torch.log(each.gather(2, drawn.long().unsqueeze(2)).squeeze(2))
        if evidence.free is not None:
            chosen = torch.where(evidence.free, chosen, 0.0)
        joint = self.log_weight(drawn, 0.0) + evidence.log_weight(drawn)
        # P_0 is independent: its sum is any state's weight over that state's probability.
        return drawn, joint - chosen.sum(1)

    def completion_log_weights(self, x: Tensor, places: Tensor, states: Tensor) -> Tensor:
        """log P(variables at `places (n_free,)` are in each of ``states (n_joint, n_free)`` and
        the others as in x), up to a constant a row: ``(n, n_joint)``, one product for all."""
        rest = x.clone()
        rest[:, places] = 0.0
        other = rest[:1].repeat(len(states), 1)
        other[:, places] = states.to(x)
        # What a variable's state adds to the statistics is the same beside any others.
        change = self.units.statistics(other) - self.units.statistics(rest[:1])
        logits = self.hidden_logits(rest).unsqueeze(1) + (change @ self.weights).unsqueeze(0)
        own = change @ self.visible_bias + self.units.log_weight(other)
        return own.unsqueeze(0) + self.hidden.log_partition(logits)

    def moments(self, x: Tensor, weights: Tensor) -> Parameters:
        share = weights.to(self.dtype)
        mean, beside = self.hidden.expected(self.hidden_logits(x))
        hidden = mean * share.unsqueeze(1)
        return {
            "weights": self.units.outer(x, hidden),
            "visible_bias": share @ self.units.statistics(x),
            "hidden_bias": hidden.sum(0),
            **{name: share @ each for name, each in beside.items()},
        }

    def marginals(
        self, chains: Chains, generator: Generator, evidence: Evidence | None = None
    ) -> Tensor:
        logits = self.visible_logits(self._hidden(chains, generator), evidence=evidence)
        most = max(self.sizes)
        found = self.units.probabilities(logits, most)
        if evidence is not None and evidence.free is not None:
            certain = torch.nn.functional.one_hot(chains.x.long(), most).to(found.dtype)
            found = torch.where(evidence.free.unsqueeze(2), found, certain)
        return found[..., 1] if most == 2 else found

    def sweep_means(
        self, chains: Chains, generator: Generator, evidence: Evidence | None = None
    ) -> tuple[Chains, Tensor]:
        logits = self.visible_logits(self._hidden(chains, generator), evidence=evidence)
        means = self.units.expected_state(logits)
        drawn = self.units.sample(logits, generator)
        return Chains(_clamped(drawn, evidence, chains.x)), _clamped(means, evidence, chains.x)

    # -- exact sums over the smaller side -------------------------------------------------------

    def log2_states(self) -> float:
        """Of the side that has fewer, which exact sums visit one by one."""
        return min(log2_states(self.sizes), log2_states(self.hidden.sizes))

    def _blocks(self) -> Iterator[Block]:
        """Blocks of states of the side that has fewer, the other summed out in closed form:
        2**(smaller side) rows."""
        wide = self.to(torch.float64)
        if log2_states(self.sizes) <= log2_states(self.hidden.sizes):
            yield from energy_blocks(wide)
            return
        for states in states_of(self.hidden.sizes, max(len(wide.visible_bias), self.n_hidden)):
            yield wide._hidden_block(self.hidden.values(states.to(wide.device)))

    def _hidden_block(self, h: Tensor) -> Block:
        logits = self.visible_logits(h)

        def moments(weights: Tensor) -> Parameters:
            visible = self.units.mean(logits) * weights.unsqueeze(1)
            return {
                "weights": visible.T @ h,
                "visible_bias": visible.sum(0),
                "hidden_bias": weights @ h,
                **({} if self.hidden.binary else {SQUARE: weights @ h.square()}),
            }

        return h @ self.hidden_bias + self.units.log_partition(logits), moments

    def exact_log_partition(self) -> float | None:
        """By the side with fewer states, up to 2**22 of them."""
        if self.log2_states() > math.log2(LIMITS["log_partition"]):
            return None
        return log_sum(self._blocks())

    def exact_moments(self) -> Parameters | None:
        """By the side with fewer states, up to 2**20 of them."""
        if self.log2_states() > math.log2(LIMITS["gradient"]):
            return None
        return {name: value.to(self.dtype) for name, value in mean_moments(self._blocks()).items()}

    # -- annealing with one product a step fewer -------------------------------------------

    def anneal(
        self,
        chains: Chains,
        beta_from: float,
        beta_to: float,
        generator: Generator,
        evidence: Evidence | None = None,
    ) -> tuple[Chains, Tensor]:
        """log P_to(x) - log P_from(x), unnormalised, float64 ``(n,)``, then a sweep at `beta_to`.

        Both weights and the hidden draw come from one product with the weights.
        """
        logits = self.hidden_logits(chains.x)
        slope = (self.visible_bias - self.base_bias).double()
        base = self.units.statistics(chains.x) @ slope.to(self.dtype)
        change = (beta_to - beta_from) * base.double()
        hidden, own = self.hidden.anneal(logits, beta_from, beta_to, generator)
        change += own
        found = self.draw_visible(
            hidden, generator, beta=beta_to, evidence=evidence, current=chains.x
        )
        return Chains(found), change

    # -- learning ----------------------------------------------------------------------------

    @property
    def base_mean(self) -> Tensor:
        """Expected statistics of the visible units at ``beta = 0``, ``(n_statistics,)``."""
        return self.units.mean(self.base_bias.unsqueeze(0))[0]

    def fused(self, learner: object, prior: object, metric: Metric) -> FusedStep | None:
        if not self.hidden.binary:
            return None
        return fused_step(self, self.updates, learner, prior, metric)


def _clamped(found: Tensor, evidence: Evidence | None, current: Tensor | None) -> Tensor:
    """What was found for free units, beside the value of those that are not."""
    if evidence is None or evidence.free is None:
        return found
    assert current is not None
    return torch.where(evidence.free, found, current)
