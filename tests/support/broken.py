"""Planted faults: sweeps that are subtly wrong. Every statistical test must reject them."""

from __future__ import annotations

import torch

from harmonium.contract.energy import Chains
from harmonium.models.rbm.energy import RBMEnergy


def clone(energy: RBMEnergy, cls: type[RBMEnergy]) -> RBMEnergy:
    """The same parameters in a faulty class."""
    return cls(energy.weights, energy.visible_bias, energy.hidden_bias, energy.base_bias)


class WrongBeta(RBMEnergy):
    """Sweeps a little too hot."""

    def sweep(self, chains, generator, *, beta=1.0, evidence=None):
        return super().sweep(chains, generator, beta=0.9 * beta, evidence=evidence)


class StaleBlock(RBMEnergy):
    """Updates the second half of the visible units from hidden units of another chain."""

    def sweep(self, chains, generator, *, beta=1.0, evidence=None):
        right = super().sweep(chains, generator, beta=beta, evidence=evidence)
        other = super().sweep(Chains(chains.x.roll(1, 0)), generator, beta=beta, evidence=evidence)
        half = self.n_variables // 2
        return Chains(torch.cat([right.x[:, :half], other.x[:, half:]], dim=1))


class DroppedBias(RBMEnergy):
    """Forgets the hidden biases."""

    def hidden_logits(self, x):
        return x @ self.weights


class FrozenUnit(RBMEnergy):
    """Never moves its first visible unit."""

    def sweep(self, chains, generator, *, beta=1.0, evidence=None):
        moved = super().sweep(chains, generator, beta=beta, evidence=evidence).x.clone()
        moved[:, 0] = chains.x[:, 0]
        return Chains(moved)


FAULTS = (WrongBeta, StaleBlock, DroppedBias, FrozenUnit)
