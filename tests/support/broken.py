"""Planted faults of chains: any energy, subtly wrong. Tests of what samples must reject them.

A fault is a mixin; :func:`broken` makes a copy of an energy with it. ``caught_by`` names the
checks of ``tests/sampling/test_chains.py`` that must each reject it on every energy.
"""

from __future__ import annotations

import copy
from typing import Any, ClassVar

import torch

from harmonium.contract.energy import Chains, Energy, Evidence


class Fault:
    caught_by: ClassVar[tuple[str, ...]]

    def plant(self) -> None:
        """What is to be changed in a copy besides its methods."""


def broken(energy: Energy, fault: type[Fault]) -> Any:
    """A copy of the energy, of a class that has the fault."""
    faulty = object.__new__(type(fault.__name__, (fault, type(energy)), {}))
    vars(faulty).update(vars(copy.deepcopy(energy)))
    faulty.plant()
    return faulty


class WrongBeta(Fault):
    """Sweeps a little too hot."""

    caught_by = ("drift", "drift given evidence", "tempering")

    def sweep(self, chains, generator, *, beta=1.0, evidence=None):
        return super().sweep(chains, generator, beta=0.9 * beta, evidence=evidence)


class StaleBlock(Fault):
    """Takes every other variable from another chain."""

    caught_by = ("drift", "arrival")

    def sweep(self, chains, generator, *, beta=1.0, evidence=None):
        moved = super().sweep(chains, generator, beta=beta, evidence=evidence).x.clone()
        moved[:, ::2] = moved[:, ::2].roll(1, 0)
        return Chains(moved)


class FrozenUnit(Fault):
    """Never moves its first variable."""

    caught_by = ("arrival",)

    def sweep(self, chains, generator, *, beta=1.0, evidence=None):
        moved = super().sweep(chains, generator, beta=beta, evidence=evidence).x.clone()
        moved[:, 0] = chains.x[:, 0]
        return Chains(moved)


class DroppedPotential(Fault):
    """Forgets its last parameter, hidden biases, levels or places; of tables the first half."""

    caught_by = ("weights", "drift", "annealing", "marginals", "means")

    def plant(self):
        *others, last = self.parameters().values()
        last[: None if others else len(last) // 2] = 0.0


class ForgottenReadings(Fault):
    """Clamps, but does not see what was read."""

    caught_by = ("drift given evidence", "marginals given evidence", "means given evidence")

    def sweep(self, chains, generator, *, beta=1.0, evidence=None):
        return super().sweep(chains, generator, beta=beta, evidence=self._kept(evidence))

    def marginals(self, chains, generator, evidence=None):
        return super().marginals(chains, generator, self._kept(evidence))

    def sweep_means(self, chains, generator, evidence=None):
        return super().sweep_means(chains, generator, self._kept(evidence))

    def _kept(self, evidence):
        return None if evidence is None else Evidence(evidence.free)


class ForgottenClamp(ForgottenReadings):
    """Sees what was read, but moves what is clamped."""

    def _kept(self, evidence):
        return None if evidence is None else Evidence(None, evidence.readings)


class WrongBase(Fault):
    """Starts with the first variable in its first state."""

    caught_by = ("base",)

    def base_sample(self, n, generator):
        x = super().base_sample(n, generator)
        x[:, 0] = 0.0
        return x


class WeighedLate(Fault):
    """Annealing that weighs what it has moved already."""

    caught_by = ("annealing",)

    def anneal(self, chains, beta_from, beta_to, generator):
        moved = self.sweep(chains, generator, beta=beta_to)
        return moved, self.log_weight(moved.x, beta_to) - self.log_weight(moved.x, beta_from)


class LaggingSweep(Fault):
    """Annealing whose sweeps are a temperature behind its weights."""

    caught_by = ("annealing",)

    def anneal(self, chains, beta_from, beta_to, generator):
        change = self.log_weight(chains.x, beta_to) - self.log_weight(chains.x, beta_from)
        return self.sweep(chains, generator, beta=beta_from), change


class OtherChain(Fault):
    """Marginals of the chain beside, right on average over chains."""

    caught_by = ("marginals",)

    def marginals(self, chains, generator, evidence=None):
        return super().marginals(Chains(chains.x.roll(1, 0)), generator, evidence)


class OldMeans(Fault):
    """The states before the sweep for means, right on average over chains at equilibrium."""

    caught_by = ("means", "means given evidence")

    def sweep_means(self, chains, generator, evidence=None):
        return super().sweep_means(chains, generator, evidence)[0], chains.x.clone()


class OneWay(Fault):
    """Moves by two sweeps in turn, first of one half of the variables and then of the other: keeps
    the distribution, but not detailed balance."""

    caught_by = ("balance",)

    def sweep(self, chains, generator, *, beta=1.0, evidence=None):
        for first in (True, False):
            free = torch.ones(chains.x.shape, dtype=torch.bool)
            free[:, self.n_variables // 2 :] = not first
            free[:, : self.n_variables // 2] = first
            chains = super().sweep(chains, generator, beta=beta, evidence=Evidence(free))
        return chains


FAULTS = (
    WrongBeta,
    StaleBlock,
    FrozenUnit,
    DroppedPotential,
    ForgottenReadings,
    ForgottenClamp,
    WrongBase,
    WeighedLate,
    LaggingSweep,
    OtherChain,
    OldMeans,
)
