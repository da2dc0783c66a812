"""A centred gradient step out of stacked rows, for any device and precision.

Data and chains are stacked, so one product gives both hidden halves and one the difference of
the two outer products. The centring is two more rows of the stack, for -visible_mean (x) dh and
-dv (x) hidden_mean, and the result is added to the weights as it is made.
"""

from __future__ import annotations

import torch
from torch import Tensor

from harmonium.compute import draws
from harmonium.contract.energy import Generator

__all__ = ["FusedStep", "bias_gradients"]


def bias_gradients(
    visible: Tensor,
    hidden: Tensor,
    offsets: tuple[Tensor, Tensor],
    drift: Tensor,
    change: Tensor,
) -> tuple[Tensor, Tensor]:
    """Centred gradients of the visible and the hidden biases, from those without offsets and
    from the stacks whose product is the weights' gradient.

    The corrections are products with the weights' gradient; two thin products with its factors
    give them without forming it.
    """
    visible_mean, hidden_mean = offsets
    return drift - visible.T @ (hidden @ hidden_mean), change - hidden.T @ (visible @ visible_mean)


class FusedStep:
    """Buffers for steps with batches of ``shape[0]`` rows and ``shape[1]`` chains.

    ``weights`` ``(n_statistics, n_hidden)`` and the biases are changed in place.
    """

    def __init__(
        self,
        weights: Tensor,
        visible_bias: Tensor,
        hidden_bias: Tensor,
        shape: tuple[int, int],
    ) -> None:
        self.weights, self.visible_bias, self.hidden_bias = weights, visible_bias, hidden_bias
        self.shape = shape
        n_rows, (n_statistics, n_hidden) = sum(shape), weights.shape
        self.visible = weights.new_empty((n_rows + 2, n_statistics))
        self.hidden = weights.new_empty((n_rows + 2, n_hidden))
        self.logits = weights.new_empty((n_rows, n_hidden))
        self.scale = weights.new_empty(n_rows)

    def __call__(
        self,
        positive: Tensor,
        negative: Tensor,
        negative_weights: Tensor,
        offsets: tuple[Tensor, Tensor],
        rates: tuple[float, float],
        generator: Generator,
    ) -> tuple[Tensor, Tensor]:
        """Take a step from the statistics of a batch and of the chains, ``(n, n_statistics)``,
        with `offsets` of visible and hidden units and with a rate and a decay.

        Returns the hidden units' mean under the data ``(n_hidden,)``, and the hidden draws of
        the chains that fall out.
        """
        n, m = self.shape
        rate, decay = rates
        rows = slice(0, n + m)
        self.visible[:n], self.visible[n : n + m] = positive, negative
        self.scale[:n] = 1.0 / n
        torch.neg(negative_weights, out=self.scale[n:])
        torch.addmm(self.hidden_bias, self.visible[rows], self.weights, out=self.logits)
        drawn = self.weights.new_empty((m, len(self.hidden_bias)))
        positive_mean, negative_mean = draws.hidden_statistics(
            self.logits, self.scale, n, generator, self.hidden[rows], drawn
        )
        drift, change = torch.mv(self.visible[rows].T, self.scale), positive_mean + negative_mean
        self.visible[-2], self.hidden[-2] = offsets[0], -change
        self.visible[-1], self.hidden[-1] = drift, -offsets[1]
        drift, change = bias_gradients(self.visible, self.hidden, offsets, drift, change)
        self.weights.addmm_(self.visible.T, self.hidden, beta=1.0 - rate * decay, alpha=rate)
        self.visible_bias.add_(drift, alpha=rate)
        self.hidden_bias.add_(change, alpha=rate)
        return positive_mean, drawn
