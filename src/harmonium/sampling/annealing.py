"""log Z and the log-likelihood: annealed importance sampling, and its reverse."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import logsumexp
from torch import Tensor

from harmonium.compute.ranks import Ranks
from harmonium.contract.energy import Chains, Energy, Evidence, Generator
from harmonium.contract.estimates import Bound, LogZ, Status

__all__ = [
    "anneal_step",
    "annealed_importance_sampling",
    "log_mean_exp",
    "reverse_annealing",
    "reverse_summary",
    "temperatures",
]

#: Fewer effective chains than this, and an estimate of log Z is not to be trusted: the error
#: bar itself is then made of a handful of weights.
MIN_EFFECTIVE_CHAINS = 10.0


@runtime_checkable
class Annealed(Protocol):
    """An energy that weighs and sweeps in one go, cheaper than in two."""

    def anneal(
        self,
        chains: Chains,
        beta_from: float,
        beta_to: float,
        generator: Generator,
        evidence: Evidence | None = None,
    ) -> tuple[Chains, Tensor]: ...


def anneal_step(
    energy: Energy,
    chains: Chains,
    beta_from: float,
    beta_to: float,
    generator: Generator,
    evidence: Evidence | None = None,
) -> tuple[Chains, Tensor]:
    """log P_to(x) - log P_from(x), unnormalised, float64 ``(n,)``; then a sweep at `beta_to`.

    With `evidence` the sweep keeps it; it weighs as much at both temperatures.
    """
    if isinstance(energy, Annealed):
        beside = () if evidence is None else (evidence,)
        return energy.anneal(chains, beta_from, beta_to, generator, *beside)
    change = energy.log_weight(chains.x, beta_to) - energy.log_weight(chains.x, beta_from)
    return energy.sweep(chains, generator, beta=beta_to, evidence=evidence), change


def temperatures(n_temperatures: int) -> NDArray[np.float64]:
    """Inverse temperatures from 0 to 1: `n_temperatures` evenly spaced steps."""
    return np.linspace(0.0, 1.0, n_temperatures + 1)


def log_mean_exp(log_weights: NDArray[np.float64]) -> tuple[float, float, float]:
    """log of the mean weight, its standard error (delta method), effective number of weights.

    The error of log(mean w) is std(w) / (mean(w) sqrt(n)); n_eff = (sum w)^2 / sum w^2.
    """
    n = len(log_weights)
    value = float(logsumexp(log_weights) - math.log(n))
    with np.errstate(invalid="ignore"):  # weights that are not finite say so by themselves
        relative = np.exp(log_weights - value)
    error = float(np.std(relative, ddof=1) / math.sqrt(n)) if n > 1 else math.inf
    return value, error, float(n * n / np.sum(relative**2)) if n else 0.0


def annealed_importance_sampling(
    energy: Energy,
    *,
    n_chains: int,
    n_temperatures: int,
    generator: Generator,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[LogZ, NDArray[np.float64], Chains]:
    """log Z by annealed importance sampling (Neal 2001) from the energy's base distribution.

    The weights average to Z exactly, for any number of temperatures; their log does not, it
    falls low by about half their variance. The error is that of the weights seen: a mode that
    one chain in hundreds comes to, with a large weight, is in neither. Costs `n_temperatures`
    sweeps of `n_chains` chains, of which ranks that answer together make a share each.

    Returns the estimate, the chains' log weights ``(n_chains,)`` (log Z estimates each), and
    the chains as they end at the model.
    """
    betas, ranks = temperatures(n_temperatures), Ranks.sharing()
    n_own, generator = ranks.share(n_chains, "n_chains"), ranks.own(generator)
    chains = Chains(energy.base_sample(n_own, generator))
    total = torch.full(
        (n_own,), energy.base_log_partition(), dtype=torch.float64, device=energy.device
    )
    for step, (low, high) in enumerate(pairwise(betas.tolist())):
        chains, change = anneal_step(energy, chains, low, high, generator)
        total += change
        if progress is not None:
            progress(step + 1, n_temperatures)
    weights = total.cpu().numpy()
    if ranks.world > 1:
        parts = ranks.each((weights, chains))
        weights = np.concatenate([own for own, _ in parts])
        chains = Chains.joined([own for _, own in parts])
    return summarise(weights, "ais", Bound.LOWER, n_temperatures), weights, chains


def summarise(
    log_weights: NDArray[np.float64], method: str, bound: Bound, n_temperatures: int
) -> LogZ:
    """The log of the mean of `log_weights`, with its error and how far to trust it.

    A weight of zero, log -inf, counts as such: its chain ended at what cannot be.
    """
    if not (log_weights < np.inf).all() or np.isneginf(log_weights).all():
        nothing = (math.nan, math.nan, method, Bound.NONE, Status.NONFINITE, 0.0)
        return LogZ(*nothing, len(log_weights), n_temperatures)
    value, error, effective = log_mean_exp(log_weights)
    few = effective < MIN_EFFECTIVE_CHAINS
    status = Status.FEW_EFFECTIVE_CHAINS if few else Status.OK
    return LogZ(value, error, method, bound, status, effective, len(log_weights), n_temperatures)


def reverse_annealing(
    energy: Energy,
    x: Tensor,
    *,
    n_chains: int,
    n_temperatures: int,
    generator: Generator,
    progress: Callable[[int, int], None] | None = None,
) -> NDArray[np.float64]:
    """log of an unbiased estimate of P'(x) for each row, ``(n,)``: RAISE.

    P' is what annealing forward really draws from; it tends to the model's P as `n_temperatures`
    grows. Runs the annealing backwards from each row, `n_chains` times. By Jensen's inequality
    the figure is below log P'(x) on average. Of log P(x) it is no bound row by row: only its
    mean over exact draws of the model is below that of log P, by KL(P, P') more (Burda, Grosse,
    Salakhutdinov 2015, section 3). The sweep must satisfy detailed balance.
    """
    if not energy.reversible:
        raise ValueError(
            f"energy: the sweep of {type(energy).__name__} is not reversible, so its reverse "
            "annealing does not undo it; use method='ais'"
        )
    betas = temperatures(n_temperatures)[::-1]
    rows = x.repeat_interleave(n_chains, dim=0)
    total = energy.log_weight(rows, 1.0) - energy.base_log_partition()
    chains = energy.sweep(Chains(rows), generator, beta=1.0)
    for step, (high, low) in enumerate(pairwise(betas.tolist())):
        chains, change = anneal_step(energy, chains, high, low, generator)
        total += change
        if progress is not None:
            progress(step + 1, n_temperatures)
    weights = total.reshape(len(x), n_chains)
    return (torch.logsumexp(weights, 1) - math.log(n_chains)).cpu().numpy()


def reverse_summary(each: NDArray[np.float64], n_temperatures: int) -> LogZ:
    """The mean of log Z as each row gives it: its log weight minus :func:`reverse_annealing`.

    Of exact draws of the model, above log Z on average; nothing here tells how far the rows are
    from that, so no bound is claimed, and the error is that of these rows alone.
    """
    n = len(each)
    error = float(each.std(ddof=1) / math.sqrt(n)) if n > 1 else math.inf
    status = Status.UNPROVEN if np.isfinite(each).all() else Status.NONFINITE
    return LogZ(float(each.mean()), error, "raise", Bound.NONE, status, float(n), n, n_temperatures)
