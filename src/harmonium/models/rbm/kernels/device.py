"""A whole update with persistent chains on an accelerator, out of buffers that stay in place.

Nothing waits for the device: the rate is written into a tensor, and draws are told apart by a
counter in another. So on CUDA the update is one graph (:mod:`harmonium.compute.graphs`).
Products may be of bfloat16, in which states of 0 and 1 are exact, with sums in float32;
parameters, means of the batch and the step are of float32 all the same.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from harmonium.compute import on_device
from harmonium.compute.graphs import Replayed
from harmonium.contract.checks import check_choice
from harmonium.contract.energy import Chains

__all__ = ["PRECISIONS", "DeviceUpdate", "Sweeps", "check_precision", "product"]

#: Of products of an update, by the names that users have for them.
PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}
#: Whether torch can return a product's sums wider than its factors.
_HAS_WIDE_SUMS = hasattr(torch.ops.aten.mm, "dtype")


def check_precision(name: str, value: Any) -> None:
    """The range of a parameter that names one of :data:`PRECISIONS`."""
    check_choice(name, value, tuple(PRECISIONS))
    if PRECISIONS[value] != torch.float32 and not _HAS_WIDE_SUMS:
        raise ValueError(
            f"{name}={value!r} wants torch 2.8 or later, this is {torch.__version__}; use 'float32'"
        )


def product(one: Tensor, other: Tensor) -> Tensor:
    """The matrix product of two tensors of the same type, summed and returned in float32."""
    if one.dtype == torch.float32:
        return one @ other
    if one.is_cuda:
        return torch.mm(one, other, out_dtype=torch.float32)
    return one.float() @ other.float()


class Sweeps:
    """Gibbs sweeps of chains ``x (n, n_visible)`` and ``hidden (n, n_hidden)``, in place; they and
    the `weights` are of the same type, the biases of float32.

    Draws of a sweep are told apart by the sites 1, 2, ... of the `stream`; 0 is left to others.
    """

    def __init__(
        self, weights: Tensor, biases: tuple[Tensor, Tensor], chains: Chains, stream: Tensor
    ) -> None:
        self.weights, self.stream, self.x = weights, stream, chains.x
        self.visible_bias, self.hidden_bias = biases
        assert chains.hidden is not None
        self.hidden = chains.hidden

    def __call__(self, n: int) -> None:
        """`n` draws of the visible units, and those of the hidden ones between them."""
        for sweep in range(n):
            if sweep:
                inputs = product(self.x, self.weights)
                on_device.draw(inputs, self.hidden_bias, self.stream, 2 * sweep, self.hidden)
            inputs = product(self.hidden, self.weights.T)
            on_device.draw(inputs, self.visible_bias, self.stream, 2 * sweep + 1, self.x)


class DeviceUpdate:
    """Buffers for updates of one shape: batches of ``shape[0]`` rows, and ``shape[1]`` chains.

    ``weights`` ``(n_visible, n_hidden)`` and the biases, of float32 and contiguous, are changed in
    place; all units are of 0 and 1. `precision` is that of products, `stream` what is drawn by
    (:mod:`harmonium.compute.philox`), whose step each update moves on.
    """

    def __init__(
        self,
        weights: Tensor,
        visible_bias: Tensor,
        hidden_bias: Tensor,
        shape: tuple[int, int],
        precision: torch.dtype,
        stream: Tensor,
    ) -> None:
        self.weights, self.visible_bias, self.hidden_bias = weights, visible_bias, hidden_bias
        self.shape, self.precision, self.stream = shape, precision, stream
        n_visible, n_hidden = weights.shape

        def empty(*size: int, dtype: torch.dtype = precision) -> Tensor:
            return torch.empty(size, dtype=dtype, device=weights.device)

        wide = torch.float32
        #: Rows of data, then of the chains; and hidden means, those of the chains below zero.
        self.visible = empty(sum(shape), n_visible)
        self.means = empty(sum(shape), n_hidden)
        #: The chains as others see them, which are drawn into.
        self.x, self.hidden = self.visible[shape[0] :], empty(shape[1], n_hidden)
        self.near = weights if precision == wide else empty(*weights.shape)
        biases = (visible_bias, hidden_bias)
        self.sweeps = Sweeps(self.near, biases, Chains(self.x, self.hidden), stream)
        self.rates = empty(2, dtype=wide)
        self.sums = empty(2, n_visible, dtype=wide), empty(2, n_hidden, dtype=wide)
        self.changes = empty(n_visible, dtype=wide), empty(n_hidden, dtype=wide)
        self._replayed: Replayed | None = None
        self._of: tuple[int, tuple[Tensor, Tensor]] | None = None

    def fits(self, positive: Tensor, chains: Chains) -> bool:
        """Whether rows and chains have the shapes that this is for."""
        return (len(positive), len(chains.x)) == self.shape

    def __call__(
        self,
        positive: Tensor,
        chains: Chains,
        n_gibbs: int,
        offsets: tuple[Tensor, Tensor],
        rates: tuple[float, float],
    ) -> Tensor:
        """Move the chains on and take a step; returns the hidden units' mean under the data,
        which the next call overwrites, as it does the chains.

        The chains' hidden states must be there. `offsets` are those of the centred gradient, of
        visible and hidden units, live; `rates` the learning rate and the decay.
        """
        self.visible[: self.shape[0]].copy_(positive.to_dense())
        if chains.hidden is not self.hidden:
            assert chains.hidden is not None
            self.hidden.copy_(chains.hidden)
        self.rates[0].fill_(rates[0])
        self.rates[1].fill_(1.0 - rates[0] * rates[1])
        if self._replayed is None or not self._is_of(n_gibbs, offsets):
            self._of = (n_gibbs, offsets)
            self._replayed = Replayed(lambda: self._update(n_gibbs, offsets), self.weights)
        self._replayed()
        chains.x, chains.hidden = self.x, self.hidden
        return self.sums[1][0]

    def _is_of(self, n_gibbs: int, offsets: tuple[Tensor, Tensor]) -> bool:
        """Whether what is replayed was made of these."""
        if self._of is None or self._of[0] != n_gibbs:
            return False
        return all(one is other for one, other in zip(self._of[1], offsets, strict=True))

    def _update(self, n_gibbs: int, offsets: tuple[Tensor, Tensor]) -> None:
        n = self.shape[0]
        if self.near is not self.weights:
            self.near.copy_(self.weights)
        self.sweeps(n_gibbs)
        inputs = product(self.visible, self.near)
        on_device.draw(inputs[:n], self.hidden_bias, self.stream, 0, None, self.means[:n])
        chains = (self.hidden, self.means[n:], -1.0)
        on_device.draw(inputs[n:], self.hidden_bias, self.stream, 0, *chains)
        self._ascend(offsets)
        self.stream[1:].add_(1)

    def _gradient(self) -> Tensor:
        """Products of states and means: those of the data less those of the chains, as many
        times as there are rows of data."""
        n, m = self.shape
        if n == m:
            return product(self.visible.T, self.means)
        found = product(self.visible[:n].T, self.means[:n])
        return found.add_(product(self.visible[n:].T, self.means[n:]), alpha=n / m)

    def _means(self, of: Tensor, into: Tensor) -> None:
        """Those of the rows of data, and of the chains."""
        n, m = self.shape
        if n == m:
            torch.mean(of.view(2, n, -1), 1, dtype=torch.float32, out=into)
            return
        torch.mean(of[:n], 0, dtype=torch.float32, out=into[0])
        torch.mean(of[n:], 0, dtype=torch.float32, out=into[1])

    def _ascend(self, offsets: tuple[Tensor, Tensor]) -> None:
        gradient, share = self._gradient(), 1.0 / self.shape[0]
        for of, into in zip((self.visible, self.means), self.sums, strict=True):
            self._means(of, into)
        # What the biases lose by the centring are products with the weights' direction.
        visible, hidden = offsets
        products = (torch.mv(gradient, hidden), torch.mv(gradient.T, visible))
        biases = (self.visible_bias, self.hidden_bias)
        on_device.ascend_biases(
            biases, offsets, self.sums, products, self.changes, share, self.rates
        )
        drift, change = self.changes
        on_device.ascend(
            self.weights, gradient, share, (visible, drift), (hidden, change), self.rates
        )
