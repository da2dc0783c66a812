"""How likely is what is known of a row: free variables summed out, readings weighed in.

Exact where few states are free, else by annealed importance sampling of each row (Neal 2001)
with its evidence kept all the way: from the base, whose sum under the evidence is known, to the
model.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from harmonium.compute.threads import threads_for
from harmonium.contract.energy import Chains, Energy, Evidence, Generator
from harmonium.contract.evidence import TableReadings
from harmonium.sampling.annealing import anneal_step, temperatures
from harmonium.sampling.completions import are_few, completions, weighing
from harmonium.units.space import LIMITS

__all__ = ["BaseGiven", "countable", "log_mean_exp_of_rows", "log_weight_seen"]

#: Numbers in one block of chains.
_BLOCK_ELEMENTS = 2**21


@runtime_checkable
class BaseGiven(Protocol):
    """An energy whose base can be drawn from, and summed, exactly under any evidence."""

    def base_given(
        self, x: Tensor, evidence: Evidence, generator: Generator
    ) -> tuple[Tensor, Tensor]:
        """A draw of each row's free variables from P_0 given the evidence, ``(n, n_variables)``,
        and log of the sum over these of exp(log_weight(x, beta=0)) times the readings'
        likelihood, float64 ``(n,)``."""


def countable(free: Tensor, energy: Energy) -> Tensor:
    """Which rows :func:`log_weight_seen` sums exactly, bool ``(n,)``."""
    return are_few(free, energy.sizes, LIMITS["answer"])


def log_weight_seen(
    energy: Energy,
    x: Tensor,
    evidence: Evidence,
    generator: Generator,
    *,
    n_chains: int = 20,
    n_temperatures: int = 200,
) -> tuple[Tensor, Tensor]:
    """log of the sum over each row's free variables of exp(log_weight(x)) times the likelihood of
    what was read; less log Z it is log P(what is known).

    Parameters
    ----------
    x : ``(n, n_variables)``; the free variables' numbers mean nothing.
    evidence : None for ``free`` is all free. Readings may forbid states (-inf).
    n_chains, n_temperatures : of rows with more than ``LIMITS["answer"]`` joint states of what is
        free: annealed chains a row, at least 2, and steps of each, at least 1.

    Returns the log weights, float64 ``(n,)``, -inf for what cannot be, and their standard errors
    ``(n,)``, 0 where exact. That of chains is the delta method's on their spread: a log of means
    falls low by about half its square, and what no chain has met is in neither. Costs a weight
    for each joint state of a row, or ``n_chains * n_temperatures`` sweeps.

    Raises ``ValueError`` for too many free states of an energy whose base knows no evidence.
    """
    free = torch.ones_like(x, dtype=torch.bool) if evidence.free is None else evidence.free
    evidence = Evidence(free, evidence.readings)
    value = torch.empty(len(x), dtype=torch.float64, device=x.device)
    error = torch.zeros_like(value)
    few = countable(free, energy)
    index = few.nonzero().reshape(-1)
    if len(index):
        value[index] = _summed(energy, x[index], evidence.select(index))
    left = (~few).nonzero().reshape(-1)
    if len(left) and not isinstance(energy, BaseGiven):
        raise ValueError(
            f"{len(left)} of the rows have more than {LIMITS['answer']:,} joint states of what is "
            f"missing, which {type(energy).__name__} cannot sum"
        )
    step = max(1, _BLOCK_ELEMENTS // (n_chains * max(x.shape[1], 1)))
    for rows in torch.split(left, step) if len(left) else ():
        many = rows.repeat_interleave(n_chains)
        with threads_for(len(many), energy):
            weights = _annealed(energy, x[many], evidence.select(many), n_temperatures, generator)
        value[rows], error[rows] = log_mean_exp_of_rows(weights.reshape(len(rows), n_chains))
    return value, error


def _summed(energy: Energy, x: Tensor, evidence: Evidence) -> Tensor:
    found = torch.empty(len(x), dtype=torch.float64)
    for part in completions(weighing(energy), x.double().cpu(), _on_cpu(evidence), energy.sizes):
        found[part.rows] = torch.logsumexp(part.log_weights, 1)
    return found.to(x.device)


def _on_cpu(evidence: Evidence) -> Evidence:
    known, free = evidence.readings, evidence.free
    assert free is not None
    if known is not None and free.device.type != "cpu":
        table = known.as_table()
        slopes = None if table.slopes is None else table.slopes.cpu()
        known = TableReadings(table.rows.cpu(), table.table.cpu(), slopes)
    return Evidence(free.cpu(), known)


def _annealed(
    energy: Energy, x: Tensor, evidence: Evidence, n_temperatures: int, generator: Generator
) -> Tensor:
    """A log weight a row: its exponential's expectation is the sum that is sought."""
    assert isinstance(energy, BaseGiven)
    drawn, total = energy.base_given(x, evidence, generator)
    chains = Chains(drawn)
    for low, high in pairwise(temperatures(n_temperatures).tolist()):
        chains, change = anneal_step(energy, chains, low, high, generator, evidence)
        total = total + change
    return torch.where(torch.isnan(total), -math.inf, total)


def log_mean_exp_of_rows(log_weights: Tensor) -> tuple[Tensor, Tensor]:
    """log of each row's mean weight, and its standard error by the delta method."""
    n = log_weights.shape[1]
    value = torch.logsumexp(log_weights, 1) - math.log(n)
    relative = torch.exp(log_weights - value.unsqueeze(1))
    error = relative.std(1) / math.sqrt(n)
    return value, torch.where(torch.isneginf(value), 0.0, error)
