"""Parallel tempering: replicas of each chain over inverse temperature, swapped between neighbours.

The ladder is chosen from measured swap rates: its betas are moved so that every pair of
neighbours rejects equally often, and its length follows the total rejection, the barrier
between base and model (Syed, Bouchard-Côté, Deligiannidis, Doucet 2022, section 5).

    exchange = ReplicaExchange()
    state = exchange.init(energy, n_chains, generator)
    state, info = exchange.step(state, energy, generator)

All that is carried on is the state; the energy may change from step to step, as it does
while a model learns.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harmonium.contract.energy import Chains, Energy, Generator
from harmonium.sampling.ladder import lower_rungs, swap

__all__ = ["ReplicaExchange", "ReplicaInfo", "ReplicaState"]

Array: TypeAlias = NDArray[np.float64]

_MIN_REPLICAS, _MAX_REPLICAS = 4, 40
#: Rejections that have been averaged before the ladder is moved.
_ADAPT_EVERY = 100


@dataclass(frozen=True)
class ReplicaState:
    """Where replica exchange stands.

    Attributes
    ----------
    x : ``(n_replicas * n_chains, n_variables)``, the base's replicas first, the model's last.
    betas : ``(n_replicas,)`` inverse temperatures, rising from 0 to 1.
    rejections, trials : ``(n_replicas - 1,)``, rejected shares of swaps summed, and rounds of
        swaps, for each pair of neighbours since the ladder last moved.
    parity : which pairs swap next, even (0) or odd (1).
    """

    x: Tensor
    betas: Array
    rejections: Array
    trials: Array
    parity: int = 0

    @property
    def n_chains(self) -> int:
        """Independent sets of replicas."""
        return len(self.x) // len(self.betas)

    @property
    def cold(self) -> Tensor:
        """The states at ``beta = 1``, ``(n_chains, n_variables)``."""
        return self.x[-self.n_chains :]

    @property
    def rejection_rates(self) -> Array:
        """Share of swaps refused between each pair of neighbours since the ladder last moved."""
        return np.asarray(self.rejections / np.maximum(self.trials, 1.0))

    @property
    def tensors(self) -> dict[str, Tensor]:
        """All of the state by name, to be stored; :meth:`restore` is the inverse."""
        return {
            "replicas": self.x,
            "betas": torch.from_numpy(self.betas),
            "rejections": torch.from_numpy(np.stack([self.rejections, self.trials])),
            "parity": torch.tensor(self.parity),
        }

    @classmethod
    def restore(cls, tensors: dict[str, Tensor]) -> ReplicaState:
        """The state that :attr:`tensors` was read from, to go on exactly as from it."""
        rejections, trials = tensors["rejections"].cpu().numpy()
        betas = tensors["betas"].cpu().numpy()
        return cls(tensors["replicas"], betas, rejections, trials, int(tensors["parity"]))

    def chains(self, chosen: slice) -> ReplicaState:
        """Some of the sets of replicas, on the same ladder."""
        sets = self.x.reshape(len(self.betas), self.n_chains, -1)[:, chosen]
        return replace(self, x=sets.reshape(-1, self.x.shape[1]).clone())

    @classmethod
    def interleaved(cls, parts: Sequence[ReplicaState]) -> ReplicaState:
        """Sets of several states in turn, on the ladder of the first: each rung takes over the
        replicas of the nearest one of their own."""
        first, n_variables = parts[0], parts[0].x.shape[1]
        shape = (len(first.betas), sum(part.n_chains for part in parts), n_variables)
        whole = first.x.new_empty(shape)
        for i, part in enumerate(parts):
            rungs = part.x.reshape(len(part.betas), part.n_chains, -1)
            whole[:, i :: len(parts)] = rungs[_nearest(part.betas, first.betas)]
        return replace(first, x=whole.reshape(-1, n_variables))


@dataclass(frozen=True)
class ReplicaInfo:
    """What a step did: mean acceptance of each pair that tried to swap, and which they were
    (the lower one of each); whether the ladder was moved afterwards."""

    acceptance: Array
    lower: NDArray[np.intp]
    moved: bool


@dataclass(frozen=True)
class ReplicaExchange:
    """Sets of replicas; the member of each at ``beta = 1`` follows the model.

    Parameters
    ----------
    n_replicas : length of the ladder to start with, at least 2.
    adapt : whether the ladder follows the swap rates. Turn it off once it has settled where
        strict detailed balance matters.
    """

    n_replicas: int = 10
    adapt: bool = True

    def init(self, energy: Energy, n_chains: int, generator: Generator) -> ReplicaState:
        """`n_chains` sets of replicas, all of them at draws from the base."""
        return ReplicaState(
            energy.base_sample(n_chains * self.n_replicas, generator),
            np.linspace(0.0, 1.0, self.n_replicas),
            np.zeros(self.n_replicas - 1),
            np.zeros(self.n_replicas - 1),
        )

    def step(
        self, state: ReplicaState, energy: Energy, generator: Generator, n_sweeps: int = 1
    ) -> tuple[ReplicaState, ReplicaInfo]:
        """`n_sweeps` sweeps of every replica, one round of swaps, perhaps another ladder.

        `energy` is the model as it is now; its path gives the distributions between. Costs
        ``n_chains * n_replicas`` sweeps each; the argument is not changed.
        """
        n_replicas, n_chains = len(state.betas), state.n_chains
        beta = _each(state.betas, n_chains, state.x)
        chains = Chains(state.x)
        for _ in range(n_sweeps):
            chains = energy.sweep(chains, generator, beta=beta)
        x = chains.x
        lower = lower_rungs(n_replicas, state.parity)
        partner = np.arange(n_replicas)
        partner[lower], partner[lower + 1] = lower + 1, lower
        gain = energy.log_weight(x, _each(state.betas[partner], n_chains, x))
        gain = gain - energy.log_weight(x, beta)
        each = gain.cpu().numpy().reshape(n_replicas, n_chains)
        rungs, acceptance = swap(
            list(x.reshape(n_replicas, n_chains, -1).unbind()),
            lower,
            each[lower],
            each[lower + 1],
            generator,
        )
        rejections, trials = state.rejections.copy(), state.trials.copy()
        rejections[lower] += 1.0 - acceptance
        trials[lower] += 1.0
        state = ReplicaState(torch.cat(rungs), state.betas, rejections, trials, 1 - state.parity)
        moved = self.adapt and bool(trials.min() >= _ADAPT_EVERY)
        return _moved(state) if moved else state, ReplicaInfo(acceptance, lower, moved)


def _each(betas: Array, n_chains: int, x: Tensor) -> Tensor:
    """One beta a row of x."""
    return torch.from_numpy(betas).to(x.device).repeat_interleave(n_chains)


def _moved(state: ReplicaState) -> ReplicaState:
    """The ladder whose neighbours all reject equally often; each new rung takes over the
    replicas of the nearest old one."""
    barrier = np.concatenate([[0.0], np.cumsum(np.maximum(state.rejection_rates, 1e-3))])
    # About half of all swaps succeed where neighbours share a rejection of one half.
    wanted = int(np.clip(math.ceil(2.0 * barrier[-1]) + 1, _MIN_REPLICAS, _MAX_REPLICAS))
    old = state.betas
    betas = np.interp(np.linspace(0.0, barrier[-1], wanted), barrier, old)
    betas[0], betas[-1] = 0.0, 1.0
    rungs = state.x.reshape(len(old), state.n_chains, -1)
    return replace(
        state,
        x=torch.cat([rungs[rung] for rung in _nearest(old, betas)]),
        betas=betas,
        rejections=np.zeros(wanted - 1),
        trials=np.zeros(wanted - 1),
    )


def _nearest(old: Array, betas: Array) -> list[int]:
    """For each of the `betas` the rung of an old ladder that is nearest; the last for the last."""
    nearest = np.abs(old[None, :] - betas[:, None]).argmin(1)
    nearest[-1] = len(old) - 1
    return [int(rung) for rung in nearest]
