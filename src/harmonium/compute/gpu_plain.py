"""The plain twins of a GPU's kernels: what each computes, in a few lines of torch."""

from __future__ import annotations

import torch
from torch import Tensor

from harmonium.compute import philox

__all__ = ["ascend", "ascend_biases", "draw"]


def draw(
    inputs: Tensor,
    bias: Tensor | None,
    stream: Tensor,
    site: int,
    states: Tensor | None,
    means: Tensor | None = None,
    factor: float = 1.0,
) -> None:
    """Fills `states` with 1 where a uniform number is below sigmoid(inputs + bias), else 0, and
    `means` with ``factor * sigmoid(inputs + bias)``; either may be None.

    ``inputs`` is ``(n, d)``, ``bias`` ``(d,)``, None for none; what is filled has the inputs' shape
    and a type of its own, and `states` may be the inputs. Probabilities are those of float32,
    rounded down to multiples of 2**-32. Row r takes word ``r // q`` of the counters of row
    ``r % q``, with q a quarter of the rows.
    """
    n, width = inputs.shape
    logits = inputs.float() if bias is None else inputs.float() + bias
    shares = 1.0 / (1.0 + torch.exp(-logits))
    if states is not None:
        bits = philox.words(stream, site, philox.quarter(n, width) * width).view(-1, width)[:n]
        states.copy_(bits < (shares * 2.0**32).long())
    if means is not None:
        means.copy_(factor * shares)


def ascend(
    weights: Tensor,
    gradient: Tensor,
    share: float,
    visible: tuple[Tensor, Tensor],
    hidden: tuple[Tensor, Tensor],
    rates: Tensor,
) -> None:
    """A centred step of ``weights (n_statistics, n_hidden)`` in place, of which they keep
    ``rates[1]``, and go ``rates[0]`` times the direction.

    That is ``share * gradient`` less the outer products of the visible offset and the hidden
    units' change, and of the visible units' change and the hidden offset: `visible` and `hidden`
    are offset and change of either side.
    """
    direction = share * gradient
    direction -= torch.outer(visible[0], hidden[1]) + torch.outer(visible[1], hidden[0])
    weights.mul_(rates[1]).add_(rates[0] * direction)


def ascend_biases(
    biases: tuple[Tensor, Tensor],
    offsets: tuple[Tensor, Tensor],
    means: tuple[Tensor, Tensor],
    products: tuple[Tensor, Tensor],
    changes: tuple[Tensor, Tensor],
    share: float,
    rates: Tensor,
) -> None:
    """The step of the biases that goes with :func:`ascend`, of the visible side and the hidden one.

    ``means (2, n)`` are those of states under the data and under the chains, the latter below zero
    for the hidden side; fills ``changes (n,)`` with what they come to. `products` are those of the
    gradient with the other side's offset: ``share`` times these, less what the centring takes from
    them, is taken from the biases' own direction.
    """
    (visible, hidden), (seen, felt) = offsets, products
    torch.sub(means[0][0], means[0][1], out=changes[0])
    torch.add(means[1][0], means[1][1], out=changes[1])
    drift, change = changes
    seen = share * seen - visible * torch.dot(change, hidden) - drift * torch.dot(hidden, hidden)
    felt = share * felt - change * torch.dot(visible, visible) - hidden * torch.dot(drift, visible)
    biases[0].add_(rates[0] * (drift - seen))
    biases[1].add_(rates[0] * (change - felt))
