"""Parallel tempering: replicas of each chain over inverse temperature, swapped between neighbours.

The ladder is chosen from measured swap rates: its betas are moved so that every pair of
neighbours rejects equally often, and its length follows the total rejection, the barrier
between base and model (Syed, Bouchard-Côté, Deligiannidis, Doucet 2021, section 5).
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harmonium.compute.random import uniform
from harmonium.contract.energy import Chains, Energy, Evidence, Generator

__all__ = ["ReplicaExchange"]

_MIN_REPLICAS, _MAX_REPLICAS = 4, 40
#: Rejections that have been averaged before the ladder is moved.
_ADAPT_EVERY = 100


class ReplicaExchange:
    """`n_chains` sets of replicas; the set's member at ``beta = 1`` follows the model.

    Parameters
    ----------
    energy : the model; its path gives the distributions between.
    n_chains : independent sets, at least 1.
    generator : randomness.
    n_replicas : length of the ladder to start with, at least 2.
    adapt : whether the ladder follows the swap rates. Turn it off once it has settled where
        strict detailed balance matters.

    A step costs ``n_chains * n_replicas`` sweeps.
    """

    def __init__(
        self,
        energy: Energy,
        n_chains: int,
        generator: Generator,
        *,
        n_replicas: int = 10,
        adapt: bool = True,
    ) -> None:
        self.energy = energy
        self.n_chains = n_chains
        self.adapt = adapt
        self.betas: NDArray[np.float64] = np.linspace(0.0, 1.0, n_replicas)
        self.x = energy.base_sample(n_chains * n_replicas, generator)
        self._rejections = np.zeros(n_replicas - 1)
        self._trials = np.zeros(n_replicas - 1)
        self._parity = 0

    @property
    def rejection_rates(self) -> NDArray[np.float64]:
        """Share of swaps refused between each pair of neighbours since the ladder last moved."""
        return self._rejections / np.maximum(self._trials, 1.0)

    @property
    def cold(self) -> Tensor:
        """The states at ``beta = 1``, ``(n_chains, n_variables)``."""
        return self.x[-self.n_chains :]

    def step(
        self, generator: Generator, n_sweeps: int = 1, evidence: Evidence | None = None
    ) -> None:
        """`n_sweeps` sweeps of every replica, then one round of swaps; maybe a new ladder."""
        n_replicas = len(self.betas)
        beta = torch.from_numpy(self.betas).to(self.x.device).repeat_interleave(self.n_chains)
        if evidence is not None:
            evidence = evidence.select(
                torch.arange(self.n_chains, device=self.x.device).repeat(n_replicas)
            )
        chains = Chains(self.x)
        for _ in range(n_sweeps):
            chains = self.energy.sweep(chains, generator, beta=beta, evidence=evidence)
        self.x = chains.x
        self._swap(generator)
        if self.adapt and self._trials.min() >= _ADAPT_EVERY:
            self._move_ladder()

    def _log_weights(self, betas: NDArray[np.float64]) -> NDArray[np.float64]:
        beta = torch.from_numpy(betas).to(self.x.device).repeat_interleave(self.n_chains)
        return self.energy.log_weight(self.x, beta).cpu().numpy().reshape(-1, self.n_chains)

    def _swap(self, generator: Generator) -> None:
        """Even and odd pairs in turn: deterministic scans travel faster than random ones."""
        low = np.arange(self._parity, len(self.betas) - 1, 2)
        self._parity = 1 - self._parity
        if not len(low):
            return
        partner = np.arange(len(self.betas))
        partner[low], partner[low + 1] = low + 1, low
        gain = self._log_weights(self.betas[partner]) - self._log_weights(self.betas)
        log_ratio = gain[low] + gain[low + 1]
        accept = np.log(uniform(log_ratio.shape, generator)) < log_ratio
        self._rejections[low] += 1.0 - np.exp(np.minimum(log_ratio, 0.0)).mean(1)
        self._trials[low] += 1.0
        index = np.arange(len(self.x)).reshape(-1, self.n_chains)
        swapped = index.copy()
        swapped[low] = np.where(accept, index[low + 1], index[low])
        swapped[low + 1] = np.where(accept, index[low], index[low + 1])
        self.x = self.x[torch.from_numpy(swapped.reshape(-1)).to(self.x.device)]

    def _move_ladder(self) -> None:
        barrier = np.concatenate([[0.0], np.cumsum(np.maximum(self.rejection_rates, 1e-3))])
        # About half of all swaps succeed where neighbours share a rejection of one half.
        wanted = int(np.clip(math.ceil(2.0 * barrier[-1]) + 1, _MIN_REPLICAS, _MAX_REPLICAS))
        old = self.betas
        self.betas = np.interp(np.linspace(0.0, barrier[-1], wanted), barrier, old)
        self.betas[0], self.betas[-1] = 0.0, 1.0
        nearest = np.abs(old[None, :] - self.betas[:, None]).argmin(1)
        nearest[-1] = len(old) - 1
        replicas = self.x.reshape(len(old), self.n_chains, -1)
        self.x = replicas[torch.from_numpy(nearest).to(self.x.device)].reshape(
            wanted * self.n_chains, -1
        )
        self._rejections = np.zeros(wanted - 1)
        self._trials = np.zeros(wanted - 1)
