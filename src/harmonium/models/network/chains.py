"""What chains say of a network: marginals with their errors, whether they agree, and modes."""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harmonium.compute.random import generator_for, random_generator
from harmonium.contract.energy import Chains, Evidence, Generator
from harmonium.contract.estimates import Status
from harmonium.models.network.energy import FactorEnergy
from harmonium.models.network.exact.domains import Array
from harmonium.sampling.gibbs import Schedule, equilibrate
from harmonium.sampling.modes import climb, seek_mode
from harmonium.units.space import uniform_states

__all__ = [
    "SCHEDULE",
    "ChainMarginals",
    "Start",
    "against_chains",
    "chain_marginals",
    "likeliest_of_chains",
]

#: Annealed sweeps that lead chains in, then sweeps that answers are made of.
SCHEDULE = Schedule(n_lead_in=300, n_sweeps=200)
#: Chains behind an estimate; half of them begin at the base, half at uniform states.
N_CHAINS = 64
#: R-hat beyond which chains have not come to the same answer.
_MAX_R_HAT = 1.1
#: Chains whose means lie within this of each other agree, whatever their own spread.
_SAME = 1e-4
#: Messages and chains differ by more standard errors than this, and by more than a hundredth:
#: the loops matter.
_MAX_APART, _MATTERS = 5.0, 0.01


@dataclass(frozen=True)
class Start:
    """An energy, a row of its states, which of its variables are `free` ``(n_variables,)``, and
    random numbers."""

    energy: FactorEnergy
    row: Tensor
    free: Tensor
    generator: Generator

    @classmethod
    def of(
        cls, energy: FactorEnergy, row: NDArray[np.intp], known: Container[int], random_state: Any
    ) -> Self:
        """Of states by number, those of the variables `known` held."""
        free = [v not in known for v in range(energy.n_variables)]
        return cls(
            energy,
            torch.from_numpy(row).to(energy.device, energy.dtype),
            torch.tensor(free, device=energy.device),
            generator_for(energy.device, random_generator(random_state)),
        )


@dataclass(frozen=True)
class ChainMarginals:
    """P(state) of each variable and its standard error, ``(n_variables, n_states)`` each; and
    whether the chains agree."""

    value: Array
    error: Array
    agree: bool


def chain_marginals(
    start: Start, log_weight: Callable[[NDArray[np.intp]], Array]
) -> ChainMarginals:
    """Means of P(state given the rest) along 64 chains, free variables moving, the others as in
    the row.

    Half of the chains are led in from the base at rising beta, half begin at uniform states:
    if all of them answer alike, no start has decided the answer. The standard error is that of
    the chains' own means; agreement is split R-hat of every entry (Gelman and others 2013, section
    11.4). Chains that end in a state of no weight, by `log_weight`, do not agree with the model.
    """
    energy, row, free, generator = start.energy, start.row, start.free, start.generator
    n_lead_in = SCHEDULE.n_lead_in
    evidence = Evidence(free.expand(N_CHAINS // 2, -1))
    x = torch.where(free, energy.base_sample(N_CHAINS // 2, generator), row)
    led = equilibrate(energy, Chains(x), n_lead_in, 0, generator, evidence=evidence)
    x = torch.where(free, uniform_states(energy, N_CHAINS // 2, generator), row)
    apart = equilibrate(energy, Chains(x), 0, n_lead_in, generator, evidence=evidence)
    chains = Chains(torch.cat([led.x, apart.x]))
    evidence = Evidence(free.expand(N_CHAINS, -1))
    means, within = [], []
    for _ in range(2):
        total, squares, n = torch.zeros(()), torch.zeros(()), SCHEDULE.n_sweeps // 2
        for _ in range(n):
            chains = energy.sweep(chains, generator, evidence=evidence)
            now = energy.marginals(chains, generator, evidence).double()
            total, squares = total + now, squares + now**2
        means.append(total / n)
        within.append((squares / n - (total / n) ** 2).clamp_min(0.0) * (n / (n - 1)))
    halves = torch.cat(means).cpu().numpy()
    spread = halves.var(axis=0, ddof=1)
    inside = torch.cat(within).mean(0).cpu().numpy()
    # Split R-hat above its limit, multiplied out: no division where chains stand still.
    apart_by_more = spread > (_MAX_R_HAT**2 - 1.0) * inside + _SAME**2
    each = (means[0] + means[1]).cpu().numpy() / 2.0
    value, error = each.mean(axis=0), each.std(axis=0, ddof=1) / math.sqrt(N_CHAINS)
    if value.ndim == 1:
        value, error = np.stack([1.0 - value, value], 1), np.stack([error, error], 1)
    possible = not np.isneginf(log_weight(chains.x.cpu().numpy().astype(np.intp))).any()
    return ChainMarginals(value, error, possible and not apart_by_more.any())


def against_chains(
    tables: Mapping[int, Array], check: ChainMarginals
) -> tuple[dict[int, Array], Status]:
    """Errors of settled messages' `tables`, and whether chains confirm them.

    The error is the distance from the chains' means, at least the error of those.
    """
    errors = {}
    status = Status.OK if check.agree else Status.STRONG_LOOPS
    for v, table in tables.items():
        error = check.error[v, : len(table)]
        apart = np.abs(table - check.value[v, : len(table)])
        errors[v] = np.maximum(apart, error)
        if (apart > np.maximum(_MAX_APART * error, _MATTERS)).any():
            status = Status.STRONG_LOOPS
    return errors, status


def likeliest_of_chains(start: Start) -> NDArray[np.intp]:
    """The best state that 64 annealed chains meet and climb to, with no promise; what is not
    free as in the row."""
    energy, row, free, generator = start.energy, start.row, start.free, start.generator
    x = torch.where(free, energy.base_sample(N_CHAINS, generator), row)
    evidence = Evidence(free.expand(N_CHAINS, -1))
    x = climb(energy, seek_mode(energy, Chains(x), SCHEDULE, generator, evidence), evidence)
    return x[energy.log_weight(x).argmax()].cpu().numpy().astype(np.intp)
