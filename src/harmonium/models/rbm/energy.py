"""The restricted Boltzmann machine as an energy: its two conditionals, and its fast update.

E(v, h) = -v'Wh - b'v - c'h (Smolensky 1986; Hinton 2002). With h summed out,
log_weight(v) = b'v + sum_j softplus(c_j + v'W_j). The path keeps the hidden units' half fair
and the visible half at the data's base rates: at inverse temperature beta the visible biases
are (1 - beta) b0 + beta b, the rest is scaled by beta (Salakhutdinov, Murray 2008, eq. 13).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import softplus

from harmonium.compute import draws
from harmonium.contract.energy import Beta, Chains, Energy, Evidence, Generator, Parameters
from harmonium.sampling.enumeration import (
    WeighedBlock,
    enumerate_bits,
    exact_log_sum,
    exact_mean,
)

if TYPE_CHECKING:
    from harmonium.models.rbm.kernels.persistent import PersistentUpdate

__all__ = ["RBMEnergy"]

#: Share of a batch's mean in the running mean of the hidden units, the centring offset.
HIDDEN_MEAN_RATE = 0.01
#: Enumerate the smaller side up to this many units for log Z, and for each exact gradient.
MAX_EXACT_UNITS = 22
MAX_EXACT_LEARNING_UNITS = 20


class RBMEnergy(Energy):
    """Parameters of an RBM, ``weights (n_visible, n_hidden)``, ``visible_bias``, ``hidden_bias``.

    ``base_bias`` ``(n_visible,)`` are the visible biases at ``beta = 0``. The last
    ``n_classes`` visible units, if any, are one softmax group: exactly one of them is on.
    """

    n_states = 2
    reversible = True

    def __init__(
        self,
        weights: Tensor,
        visible_bias: Tensor,
        hidden_bias: Tensor,
        base_bias: Tensor,
        n_classes: int = 0,
    ) -> None:
        self.weights = weights
        self.visible_bias = visible_bias
        self.hidden_bias = hidden_bias
        self.base_bias = base_bias
        self.n_classes = n_classes
        self.n_variables, self.n_hidden = weights.shape
        self.dtype = weights.dtype
        self.device = weights.device
        # Offsets of the centred gradient: where visible and hidden units are on average.
        self.visible_mean = self._visible_probability(base_bias.unsqueeze(0))[0]
        self.hidden_mean = torch.full_like(hidden_bias, 0.5)
        self.centered = True
        self._compiled: PersistentUpdate | None = None
        self._stack: tuple[Tensor, ...] | None = None

    def to(self, dtype: torch.dtype, device: torch.device | None = None) -> RBMEnergy:
        """A copy in another precision or on another device."""
        where = self.device if device is None else device
        weights, visible_bias, hidden_bias, base_bias = (
            part.detach().to(where, dtype, copy=True)
            for part in (self.weights, self.visible_bias, self.hidden_bias, self.base_bias)
        )
        copy = RBMEnergy(weights, visible_bias, hidden_bias, base_bias, self.n_classes)
        copy.visible_mean = self.visible_mean.to(where, dtype, copy=True)
        copy.hidden_mean = self.hidden_mean.to(where, dtype, copy=True)
        copy.centered = self.centered
        return copy

    def __getstate__(self) -> dict[str, Any]:
        """Without buffers and threads, which are made anew."""
        return {**vars(self), "_compiled": None, "_stack": None}

    def set_centered(self, centered: bool) -> None:
        """Whether updates use the centred gradient; offsets of zero make it the plain one."""
        self.centered = centered
        if not centered:
            self.visible_mean = torch.zeros_like(self.visible_mean)
            self.hidden_mean = torch.zeros_like(self.hidden_mean)

    def parameters(self) -> Parameters:
        return {
            "weights": self.weights,
            "visible_bias": self.visible_bias,
            "hidden_bias": self.hidden_bias,
        }

    # -- the two conditionals ------------------------------------------------------------

    def hidden_logits(self, x: Tensor) -> Tensor:
        """log-odds of each hidden unit given the visible ones, ``(n, n_hidden)``."""
        return torch.addmm(self.hidden_bias, x, self.weights)

    def visible_logits(
        self, h: Tensor, beta: Beta = 1.0, evidence: Evidence | None = None
    ) -> Tensor:
        """log-odds (for the softmax group: log-weights) of the visible units given hidden ones."""
        if isinstance(beta, Tensor):
            column = beta.to(self.dtype).unsqueeze(1)
            bias = (1 - column) * self.base_bias + column * self.visible_bias
            logits = torch.addcmul(bias, column, h @ self.weights.T)
        elif beta == 1.0:
            logits = torch.addmm(self.visible_bias, h, self.weights.T)
        else:
            bias = torch.lerp(self.base_bias, self.visible_bias, beta)
            logits = torch.addmm(bias, h, self.weights.T, alpha=beta)
        if evidence is not None and evidence.log_likelihood is not None:
            readings = evidence.log_likelihood
            logits += (readings[..., 1] - readings[..., 0]).to(self.dtype)
        return logits

    def _visible_probability(self, logits: Tensor) -> Tensor:
        if not self.n_classes:
            return torch.sigmoid(logits)
        first = logits.shape[1] - self.n_classes
        return torch.cat(
            [torch.sigmoid(logits[:, :first]), torch.softmax(logits[:, first:], dim=1)], dim=1
        )

    def hidden_probability(self, x: Tensor) -> Tensor:
        """P(h_j = 1 given v), ``(n, n_hidden)``."""
        return torch.sigmoid(self.hidden_logits(x))

    def visible_probability(self, h: Tensor, evidence: Evidence | None = None) -> Tensor:
        """P(v_i = 1 given h), ``(n, n_variables)``."""
        return self._visible_probability(self.visible_logits(h, evidence=evidence))

    def draw_hidden(self, x: Tensor, generator: Generator, beta: Beta = 1.0) -> Tensor:
        """A draw of h given x under P_beta."""
        logits = self.hidden_logits(x)
        if isinstance(beta, Tensor):
            logits *= beta.to(self.dtype).unsqueeze(1)
        elif beta != 1.0:
            logits *= beta
        return draws.bernoulli(logits, generator, out=logits)

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
        if self.n_classes:
            first = self.n_variables - self.n_classes
            choice = draws.categorical(logits[:, first:], generator)
            drawn = torch.empty_like(logits)
            drawn[:, :first] = draws.bernoulli(logits[:, :first].contiguous(), generator)
            drawn[:, first:] = torch.nn.functional.one_hot(choice, self.n_classes).to(self.dtype)
        else:
            drawn = draws.bernoulli(logits, generator, out=logits)
        if evidence is not None and evidence.free is not None:
            assert current is not None
            drawn = torch.where(evidence.free, drawn, current)
        return drawn

    # -- what every energy supplies --------------------------------------------------------

    def log_weight(self, x: Tensor, beta: Beta = 1.0) -> Tensor:
        wide = x.double()
        if isinstance(beta, Tensor):
            column = beta.double()
            linear = (1 - column) * (wide @ self.base_bias.double()) + column * (
                wide @ self.visible_bias.double()
            )
            weight = linear + softplus(column.unsqueeze(1) * self.hidden_logits(x).double()).sum(1)
        else:
            bias = torch.lerp(self.base_bias.double(), self.visible_bias.double(), beta)
            weight = wide @ bias + softplus(beta * self.hidden_logits(x).double()).sum(1)
        if self.n_classes:  # no state has two labels, or none
            valid = wide[:, self.n_variables - self.n_classes :].sum(1) == 1.0
            weight = torch.where(valid, weight, -torch.inf)
        return weight

    def sweep(
        self,
        chains: Chains,
        generator: Generator,
        *,
        beta: Beta = 1.0,
        evidence: Evidence | None = None,
    ) -> Chains:
        hidden = chains.hidden
        if hidden is None:
            hidden = self.draw_hidden(chains.x, generator, beta)
        return Chains(
            self.draw_visible(hidden, generator, beta=beta, evidence=evidence, current=chains.x)
        )

    def ascend(self, x: Tensor, evidence: Evidence | None = None) -> Tensor:
        """v maximising E[log P(v, h) given the old v]: a minorise-maximise step, so it never
        lowers log P(v) (Hunter, Lange 2004)."""
        logits = self.visible_logits(self.hidden_probability(x), evidence=evidence)
        best = (logits > 0).to(self.dtype)
        if self.n_classes:
            first = self.n_variables - self.n_classes
            choice = logits[:, first:].argmax(1)
            best[:, first:] = torch.nn.functional.one_hot(choice, self.n_classes).to(self.dtype)
        if evidence is not None and evidence.free is not None:
            best = torch.where(evidence.free, best, x)
        return best

    def base_log_partition(self) -> float:
        bias = self.base_bias.double()
        first = self.n_variables - self.n_classes
        total = softplus(bias[:first]).sum().item() + self.n_hidden * math.log(2.0)
        if self.n_classes:
            total += torch.logsumexp(bias[first:], 0).item()
        return float(total)

    def base_sample(self, n: int, generator: Generator) -> Tensor:
        no_hidden = torch.zeros((n, self.n_hidden), dtype=self.dtype, device=self.device)
        return self.draw_visible(no_hidden, generator, beta=0.0)

    def moments(self, x: Tensor, weights: Tensor) -> Parameters:
        hidden = self.hidden_probability(x) * weights.to(self.dtype).unsqueeze(1)
        return {
            "weights": x.T @ hidden,
            "visible_bias": weights.to(self.dtype) @ x,
            "hidden_bias": hidden.sum(0),
        }

    def marginals(
        self, chains: Chains, generator: Generator, evidence: Evidence | None = None
    ) -> Tensor:
        hidden = chains.hidden
        if hidden is None:
            hidden = self.draw_hidden(chains.x, generator)
        probability = self.visible_probability(hidden, evidence)
        if evidence is not None and evidence.free is not None:
            probability = torch.where(evidence.free, probability, chains.x)
        return probability

    def exact_log_partition(self) -> float | None:
        """By enumerating the smaller side: O(2**smaller * larger)."""
        if min(self.n_variables, self.n_hidden) > MAX_EXACT_UNITS:
            return None
        return exact_log_sum(self.to(torch.float64).blocks())

    def exact_moments(self) -> Parameters | None:
        if min(self.n_variables, self.n_hidden) > MAX_EXACT_LEARNING_UNITS:
            return None
        found = exact_mean(self.to(torch.float64).blocks())
        return {name: value.to(self.dtype) for name, value in found.items()}

    def blocks(self) -> Iterator[WeighedBlock]:
        """log weights of blocks of states of the smaller side, the other summed out in closed
        form, and a block's moments given weights; together they are all states."""
        if self.n_variables < self.n_hidden:
            for v in self._visible_blocks():
                yield self.log_weight(v), partial(self.moments, v)
            return
        first = self.n_variables - self.n_classes
        for bits in enumerate_bits(self.n_hidden, self.n_variables):
            h = bits.to(self.device, self.dtype)
            logits = self.visible_logits(h)
            log_weights = h @ self.hidden_bias + softplus(logits[:, :first]).sum(1)
            if self.n_classes:
                log_weights += torch.logsumexp(logits[:, first:], dim=1)
            yield log_weights.double(), partial(self._moments_given_hidden, h, logits)

    def _visible_blocks(self) -> Iterator[Tensor]:
        """Free bits, and each choice of the softmax group if there is one."""
        for bits in enumerate_bits(self.n_variables - self.n_classes, self.n_hidden):
            v = bits.to(self.device, self.dtype)
            if not self.n_classes:
                yield v
                continue
            for label in torch.eye(self.n_classes, dtype=self.dtype, device=self.device):
                yield torch.cat([v, label.expand(len(v), -1)], dim=1)

    def _moments_given_hidden(self, h: Tensor, logits: Tensor, weights: Tensor) -> Parameters:
        visible = self._visible_probability(logits) * weights.unsqueeze(1)
        return {
            "weights": visible.T @ h,
            "visible_bias": visible.sum(0),
            "hidden_bias": weights @ h,
        }

    # -- annealing with one product a step fewer -------------------------------------------

    def anneal(
        self, chains: Chains, beta_from: float, beta_to: float, generator: Generator
    ) -> tuple[Chains, Tensor]:
        """log P_to(x) - log P_from(x), unnormalised, float64 ``(n,)``, then a sweep at `beta_to`.

        Both weights and the hidden draw come from one product with the weights.
        """
        logits = self.hidden_logits(chains.x)
        slope = (self.visible_bias - self.base_bias).double()
        change = (beta_to - beta_from) * (chains.x @ slope.to(self.dtype)).double()
        hidden = torch.empty_like(logits)
        change += draws.anneal_hidden(logits, beta_from, beta_to, generator, hidden)
        return Chains(self.draw_visible(hidden, generator, beta=beta_to)), change

    # -- learning ----------------------------------------------------------------------------

    def direction(self, gradient: Parameters) -> Parameters:
        """The centred gradient (Montavon, Müller 2012; Melchior, Fischer, Wiskott 2016, eq. 10-12).

        Equivalent to learning with v - visible_mean and h - hidden_mean: the weights' gradient
        loses what the biases explain, so both can be learned at one rate.
        """
        weights = (
            gradient["weights"]
            - torch.outer(self.visible_mean, gradient["hidden_bias"])
            - torch.outer(gradient["visible_bias"], self.hidden_mean)
        )
        return {
            "weights": weights,
            "visible_bias": gradient["visible_bias"] - weights @ self.hidden_mean,
            "hidden_bias": gradient["hidden_bias"] - self.visible_mean @ weights,
        }

    @property
    def running_means(self) -> Parameters:
        return {"visible_mean": self.visible_mean, "hidden_mean": self.hidden_mean}

    def observe(self, positive: Parameters) -> None:
        """Let the hidden units' offset follow their mean under the data."""
        if self.centered:
            self.hidden_mean.lerp_(positive["hidden_bias"], HIDDEN_MEAN_RATE)

    def fused_update(
        self,
        positive: Tensor,
        negative: Chains,
        negative_weights: Tensor,
        rate: float,
        decay: float,
        generator: Generator,
    ) -> None:
        """:func:`harmonium.learning.plain_update` in three products and one pass.

        Data and chains are stacked, so one product gives both hidden halves and one the
        difference of the two outer products. The centring is two more rows of the stack, for
        -visible_mean (x) dh and -dv (x) hidden_mean, and the result is added to the weights
        as it is made. The hidden draws that fall out are left in ``negative.hidden``.
        """
        n, m = len(positive), len(negative.x)
        visible, logits, hidden, scale = self._buffers(n, m)
        rows = slice(0, n + m)
        visible[:n], visible[n : n + m] = positive, negative.x
        scale[:n] = 1.0 / n
        torch.neg(negative_weights, out=scale[n:])
        torch.addmm(self.hidden_bias, visible[rows], self.weights, out=logits)
        drawn = torch.empty((m, self.n_hidden), dtype=self.dtype, device=self.device)
        positive_mean, negative_mean = draws.hidden_statistics(
            logits, scale, n, generator, hidden[rows], drawn
        )
        change_hidden = positive_mean + negative_mean
        change_visible = torch.mv(visible[rows].T, scale)
        visible[n + m], hidden[n + m] = self.visible_mean, -change_hidden
        visible[n + m + 1], hidden[n + m + 1] = change_visible, -self.hidden_mean
        # The biases' corrections are products with the weights' gradient; two thin products
        # with its factors give them without forming it.
        change_visible = change_visible - visible.T @ (hidden @ self.hidden_mean)
        change_hidden = change_hidden - hidden.T @ (visible @ self.visible_mean)
        self.weights.addmm_(visible.T, hidden, beta=1.0 - rate * decay, alpha=rate)
        self.visible_bias.add_(change_visible, alpha=rate)
        self.hidden_bias.add_(change_hidden, alpha=rate)
        if self.centered:
            self.hidden_mean.lerp_(positive_mean, HIDDEN_MEAN_RATE)
        negative.hidden = drawn

    def persistent_update(
        self,
        positive: Tensor,
        chains: Chains,
        n_gibbs: int,
        rate: float,
        decay: float,
        generator: Generator,
    ) -> Chains | None:
        """Sweeps of the chains and :meth:`fused_update` in one compiled step, where there is
        one (float32 on the CPU, no softmax group); None where there is not."""
        if (
            not draws.uses_fast_path(self.weights)
            or self.n_classes
            or not isinstance(generator, np.random.Generator)
        ):
            return None
        widths = (positive.shape[1], chains.x.shape[1])
        if widths != (self.n_variables, self.n_variables) or (
            chains.hidden is not None and chains.hidden.shape[1] != self.n_hidden
        ):
            raise ValueError(  # the compiled loops check no bounds
                f"rows and chains of widths {widths} do not fit weights {tuple(self.weights.shape)}"
            )
        shape = (len(positive), len(chains.x))
        if self._compiled is None or self._compiled.shape != shape:
            from harmonium.models.rbm.kernels.persistent import PersistentUpdate

            self._compiled = PersistentUpdate(
                self.weights, self.visible_bias, self.hidden_bias, self.visible_mean, *shape
            )
        hidden = chains.hidden
        if hidden is None:
            hidden = self.draw_hidden(chains.x, generator)
        mean = self._compiled(
            positive, chains.x, hidden, n_gibbs, self.hidden_mean, rate, decay, generator
        )
        if self.centered:
            self.hidden_mean.lerp_(mean, HIDDEN_MEAN_RATE)
        return Chains(chains.x, hidden)

    def _buffers(self, n: int, m: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        if self._stack is None or self._stack[1].shape[0] != n + m:

            def empty(*shape: int) -> Tensor:
                return torch.empty(shape, dtype=self.dtype, device=self.device)

            self._stack = (
                empty(n + m + 2, self.n_variables),
                empty(n + m, self.n_hidden),
                empty(n + m + 2, self.n_hidden),
                empty(n + m),
            )
        a, b, c, d = self._stack
        return a, b, c, d
