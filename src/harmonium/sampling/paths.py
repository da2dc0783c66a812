"""Annealing along a path whose steps are spaced by what they were measured to cost.

A run over few steps measures where along the path log weights spread. Steps are then laid so that
each spreads them alike: with n steps in a part of the path the spread there falls as 1 / n, so
the sum over parts is least where n goes as the root of the spread, slow mixing included (the
length of Crooks 2007, in the metric of Sivak, Crooks 2012). Where the weights of some chains
run away, heavy chains are copied and light ones dropped (Del Moral, Doucet, Jasra 2006), in
independent groups; the error is that of whole families, a chain at the base and all its copies
(Chan, Lai 2013; Lee, Whiteley 2018).

Weights from any base average to Z, and none of them betrays a mode that its chains never came to.
So there are two bases: where their estimates differ by more than their errors, one of them has
missed something, and it is the lower one (above Z by a factor k one falls with probability 1 / k
at most: Markov's inequality).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Protocol, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harmonium.compute.random import systematic_resampling
from harmonium.compute.ranks import Ranks
from harmonium.contract.energy import Chains, Generator
from harmonium.contract.estimates import Bound, LogZ, Status
from harmonium.sampling.annealing import MIN_EFFECTIVE_CHAINS, log_mean_exp

__all__ = ["Annealing", "Bases", "Path", "agreed", "anneal", "estimated", "evened", "raised"]

Array: TypeAlias = NDArray[np.float64]

#: Parts of the path whose spread is measured.
_N_PARTS = 50
#: Share of the steps that is spread evenly: few chains measure roughly, and a mode that they
#: missed not at all.
_EVEN = 0.5
#: Groups of chains that know nothing of each other.
N_GROUPS = 10
#: Heavy chains are copied where a group's effective number falls below this share.
_RESAMPLE = 0.3
#: Steps between looks at the effective number.
_LOOK = 5


class Path(Protocol):
    """Distributions from an easy one (0) to the model (1), and how to walk between them."""

    def start(self, n: int, generator: Generator) -> Chains:
        """n exact draws at 0."""

    def log_partition_at_start(self) -> float:
        """log Z at 0, exactly."""

    def step(
        self, chains: Chains, beta_from: float, beta_to: float, generator: Generator
    ) -> tuple[Chains, Tensor]:
        """log P_to(x) - log P_from(x), unnormalised, float64 ``(n,)``; then a sweep at
        `beta_to`."""


class Bases(Protocol):
    """Paths to one model from several kinds of base, on one device."""

    device: torch.device
    #: log Z by draws near rows that the model learned from, where that is known.
    near: LogZ | None

    def own(self) -> Path:
        """From the base that the model has."""

    def fitted(self, x: Tensor, weights: Tensor, generator: Generator) -> Path:
        """From a base fitted to states ``(n, n_variables)`` with `weights` ``(n,)``."""

    def clustered(self, generator: Generator) -> Path:
        """From a base that holds every cluster that chains find."""


@dataclass(frozen=True)
class Annealing:
    """Chains led along a path.

    ``log_weights (n_chains,)`` are of the chains as they ended, ``families (n_chains,)`` the
    chains at the start that they come from, ``spread (n_parts,)`` the variance of the log
    weights' gain over each part of the steps.
    """

    chains: Chains
    log_weights: Array
    families: NDArray[np.int64]
    spread: Array
    n_resampled: int

    def by_family(self) -> Array:
        """The log weight of each chain of the start: the sum of its copies'; -inf where none
        is left."""
        n, top = len(self.log_weights), self.log_weights.max()
        weights = np.bincount(self.families, np.exp(self.log_weights - top), minlength=n)
        with np.errstate(divide="ignore"):
            return np.log(weights) + top


def anneal(
    path: Path,
    betas: Array,
    n_chains: int,
    generator: Generator,
    progress: Callable[[int], None] | None = None,
) -> Annealing:
    """Lead `n_chains` chains from 0 to 1 over `betas`, ascending, both ends included. Ranks that
    answer together lead a share each, and all have what all chains came to."""
    ranks = Ranks.sharing()
    if ranks.world == 1:
        return _led(path, betas, n_chains, generator, progress)
    n_own = ranks.share(n_chains, "n_chains")
    return _joined(ranks.each(_led(path, betas, n_own, ranks.own(generator), progress)))


def _joined(parts: list[Annealing]) -> Annealing:
    """Chains led apart as if they had been led together, in groups of their own."""
    counts = np.array([len(part.log_weights) for part in parts])
    firsts = np.cumsum(counts) - counts
    return Annealing(
        Chains.joined([part.chains for part in parts]),
        np.concatenate([part.log_weights for part in parts]),
        np.concatenate([part.families + first for part, first in zip(parts, firsts, strict=True)]),
        np.average([part.spread for part in parts], axis=0, weights=counts),
        sum(part.n_resampled for part in parts),
    )


def _led(
    path: Path,
    betas: Array,
    n_chains: int,
    generator: Generator,
    progress: Callable[[int], None] | None,
) -> Annealing:
    chains = path.start(n_chains, generator)
    n_groups = max(1, min(N_GROUPS, n_chains // 5))
    groups = [np.arange(i, n_chains, n_groups) for i in range(n_groups)]
    constant = np.full(n_chains, path.log_partition_at_start())
    gained = torch.zeros(n_chains, dtype=torch.float64, device=chains.x.device)
    families = np.arange(n_chains)
    n_steps = len(betas) - 1
    ends = np.unique(np.linspace(0, n_steps, min(_N_PARTS, n_steps) + 1).round().astype(int))[1:]
    part, spread, before, n_resampled = 0, np.zeros(len(ends)), np.zeros(n_chains), 0
    for step, (low, high) in enumerate(pairwise(betas.tolist()), 1):
        chains, change = path.step(chains, low, high, generator)
        gained += change
        if step == ends[part]:
            now = gained.cpu().numpy()
            spread[part] = np.var(now - before)
            part, before = part + 1, now.copy()
        if step % _LOOK == 0 and step < n_steps:
            log_weights = gained.cpu().numpy().copy()
            chosen = _resampled(log_weights, constant, groups, generator)
            if chosen is not None:
                n_resampled += 1
                families = families[chosen]
                before = before[chosen] + log_weights - gained.cpu().numpy()[chosen]
                gained = torch.from_numpy(log_weights).to(gained.device)
                chains = chains.select(torch.from_numpy(chosen).to(chains.x.device))
        if progress is not None:
            progress(step)
    return Annealing(chains, gained.cpu().numpy() + constant, families, spread, n_resampled)


def _resampled(
    log_weights: Array, constant: Array, groups: list[NDArray[np.int64]], generator: Generator
) -> NDArray[np.int64] | None:
    """Who takes whose place, or None; `log_weights` and `constant` are made to fit."""
    chosen = None
    for group in groups:
        own = log_weights[group]
        top = own.max()
        if not math.isfinite(top):
            continue
        weights = np.exp(own - top)
        if weights.sum() ** 2 >= _RESAMPLE * len(group) * (weights @ weights):
            continue
        if chosen is None:
            chosen = np.arange(len(log_weights))
        chosen[group] = group[systematic_resampling(weights, len(group), generator)]
        constant[group] += top + math.log(weights.mean())
        log_weights[group] = 0.0
    return chosen


def evened(betas: Array, spread: Array, n_steps: int) -> Array:
    """`n_steps` steps from 0 to 1, laid by the `spread` ``(n_parts,)`` measured over `betas`."""
    ends = np.unique(np.linspace(0, len(betas) - 1, len(spread) + 1).round().astype(int))
    n = np.diff(ends)
    wanted = np.sqrt(n * np.maximum(spread, 0.0))
    total = wanted.sum()
    share = np.diff(betas[ends]) if not total > 0 else wanted / total
    share = (1.0 - _EVEN) * share + _EVEN * np.diff(betas[ends])
    along = np.concatenate([[0.0], np.cumsum(share)])
    found = np.interp(np.linspace(0.0, 1.0, n_steps + 1), along / along[-1], betas[ends])
    found[0], found[-1] = 0.0, 1.0
    return found


# -- two estimates -------------------------------------------------------------------------------


def estimated(run: Annealing, n_steps: int) -> LogZ:
    """log Z by the chains of one run, their families counting as one weight each."""
    n = len(run.log_weights)
    if not np.isfinite(run.log_weights).all():
        nothing = (math.nan, math.nan, "ais", Bound.NONE, Status.NONFINITE, 0.0)
        return LogZ(*nothing, n, n_steps)
    value, error, effective = log_mean_exp(run.by_family())
    few = effective < MIN_EFFECTIVE_CHAINS
    status = Status.FEW_EFFECTIVE_CHAINS if few else Status.OK
    return LogZ(value, error, "ais", Bound.LOWER, status, effective, n, n_steps)


def agreed(first: LogZ, check: LogZ) -> LogZ:
    """What two estimates from different bases say together; work is told of the first.

    Within three errors: their mean, each by its effective chains, with the larger of the error
    that they state and the one that their difference shows. Else the higher one: if that is the
    first, the check has missed something and says nothing; if it is the check, the first has,
    and the status is ``"missed_states"``: the higher of two bounds below Z, chosen for that, is
    none. But what is no larger than the share of a single chain, no run of so few could have
    met: then the difference is the error.
    """
    apart = check.value - first.value
    if Status.NONFINITE in (first.status, check.status) or check.effective_chains <= 1.0:
        return first
    if abs(apart) > 3.0 * math.hypot(first.std_error, check.std_error):
        large = abs(apart) > 1.0 / first.n_chains
        shown = 0.0 if large else abs(apart)
        if apart < 0.0:
            return replace(first, std_error=max(first.std_error, shown))
        return replace(
            first,
            value=check.value,
            std_error=max(check.std_error, first.std_error, shown),
            effective_chains=check.effective_chains,
            bound=Bound.NONE,
            status=Status.MISSED_STATES if large else check.status,
        )
    share = check.effective_chains / (first.effective_chains + check.effective_chains)
    value = first.value + math.log1p(share * math.expm1(apart))
    stated = math.hypot((1.0 - share) * first.std_error, share * check.std_error)
    shown = math.sqrt(share * (1.0 - share)) * abs(apart)
    return replace(first, value=value, std_error=max(stated, shown))


def raised(found: LogZ, near: LogZ | None) -> LogZ:
    """The estimate, or one by draws near known rows where that is higher by more than their errors:
    both fall short of log Z where they miss states."""
    if near is None or not math.isfinite(near.value):
        return found
    if near.value <= found.value + 3.0 * math.hypot(found.std_error, near.std_error):
        return found
    few = near.status is not Status.OK
    return replace(near, status=Status.MISSED_STATES if few else Status.OK)
