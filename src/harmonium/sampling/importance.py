"""Weighted draws: their mean, its error, and whether that error can be believed.

Draws from q, weighted by p / q, tell of p only where q has put draws. Two things may be wrong,
and the effective number of weights is blind to both: weights whose tail is so heavy that their
spread is itself not known (seen from the largest of them: Pareto's k), and parts of p where no
draw has fallen at all, which no weight betrays. The second is looked for by chains that run at
p itself: where they stand, p / q says how many draws should have been there.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from harmonium.contract.energy import Chains, Energy, Generator
from harmonium.contract.estimates import Status
from harmonium.sampling.diagnosis import scattered_starts
from harmonium.sampling.gibbs import run_chains

__all__ = ["MIN_EFFECTIVE", "Weighted", "missed", "pareto_k", "self_normalised"]

Array: TypeAlias = NDArray[np.float64]

#: Fewer draws than this, and an error bar is itself made of a handful of them.
MIN_EFFECTIVE = 10.0
#: Beyond this the error of a weighted mean cannot be read from the weights, whatever their
#: number (Vehtari, Simpson, Gelman, Yao, Gabry 2024, section 3.2).
MAX_PARETO_K = 0.7
_N_SCOUTS, _N_SWEEPS = 1024, 40
#: Share of the scouts that may stand where draws are few: a part of P smaller than this moves
#: the mean by less than its error, unless the draws are very many.
_MAX_UNCOVERED = 0.005


@dataclass(frozen=True)
class Weighted:
    """A self-normalised mean ``(k,)``, its error ``(k,)``, the effective number of weights, the
    shape of their tail, and what to say of it all."""

    value: Array
    error: Array
    effective: float
    pareto_k: float
    status: Status

    def with_status(self, status: Status) -> Weighted:
        """The same with another word."""
        return replace(self, status=status)


def self_normalised(values: Array, log_weights: Array) -> Weighted:
    """Mean of `values` ``(n, k)`` under weights known up to a factor: Owen 2013, chapter 9
    (equations 9.6, 9.9 and 9.13), with the tail of the weights looked at. Where a weight is nan
    or infinite nothing is known, and the status is ``"nonfinite"``."""
    if np.isnan(log_weights).any() or np.isposinf(log_weights).any():
        nothing = np.full(values.shape[1], np.nan)
        return Weighted(nothing, nothing, 0.0, math.nan, Status.NONFINITE)
    shares = np.exp(log_weights - log_weights.max())
    shares /= shares.sum()
    value = shares @ values
    parts = (shares[:, None] * (values - value)) ** 2
    variance = parts.sum(axis=0)
    # The error bar is a sum, too: how many draws is it made of?
    spread = (parts**2).sum(axis=0)
    behind = np.divide(variance**2, spread, out=np.full_like(spread, np.inf), where=spread > 0)
    effective = float(1.0 / np.sum(shares**2))
    k = pareto_k(log_weights)
    if min(effective, float(behind.min())) < MIN_EFFECTIVE:
        status = Status.FEW_EFFECTIVE_SAMPLES
    elif k > MAX_PARETO_K:
        status = Status.HEAVY_WEIGHTS
    elif (np.ptp(values, axis=0) == 0).any():
        status = Status.CONSTANT
    else:
        status = Status.OK
    return Weighted(value, np.sqrt(variance), effective, k, status)


def pareto_k(log_weights: Array) -> float:
    """Shape k of the generalised Pareto distribution fitted to the largest weights.

    Weights have finite moments of orders below 1 / k: above 0.5 no variance, above 1 no mean.
    The tail is the largest 3 sqrt(n) weights, at most a fifth (Vehtari and others 2024, section
    6); the fit is that of Zhang and Stephens (2009), with their weak prior. -inf where the
    largest are all equal (no tail), inf where too few stand out to be fitted.
    """
    n = len(log_weights)
    n_tail = math.ceil(min(n / 5.0, 3.0 * math.sqrt(n)))
    ordered = np.sort(log_weights)
    weights = np.exp(ordered[-n_tail - 1 :] - ordered[-1])
    tail = weights[1:] - weights[0]
    tail = tail[tail > 1e-12]
    if len(tail) == 0:
        return -math.inf
    return _fit_pareto(tail) if len(tail) >= 5 else math.inf


def _fit_pareto(tail: Array) -> float:
    """k of sorted exceedances: Zhang, Stephens 2009, section 2; a posterior mean over theta."""
    n = len(tail)
    n_points = 30 + int(math.sqrt(n))
    points = np.arange(1, n_points + 1)
    theta = 1.0 - np.sqrt(n_points / (points - 0.5))
    theta = theta / (3.0 * tail[int(n / 4 + 0.5) - 1]) + 1.0 / tail[-1]
    theta = theta[theta != 0.0]  # the exponential itself, of which its neighbours tell enough
    k = np.log1p(-theta[:, None] * tail).mean(axis=1)
    log_likelihood = n * (np.log(-theta / k) - k - 1.0)
    posterior = np.exp(log_likelihood - log_likelihood.max())
    mean = float((posterior @ theta) / posterior.sum())
    shape = float(np.log1p(-mean * tail).mean())
    return (n * shape + 10.0 * 0.5) / (n + 10.0)  # ten draws' worth of belief in one half


def missed(
    energy: Energy,
    log_weights: Array,
    log_ratio: Callable[[Tensor], Array],
    generator: Generator,
) -> bool:
    """Whether independent draws with these `log_weights` ``(n,)`` have left out a part of P.

    Scouts look: 1,024 Gibbs chains, begun by turns at the base and at uniform states, 40 sweeps
    each. `log_ratio` gives log P / Q at states, up to the constant that the weights have. As
    many draws are wanted as that ratio is large (Chatterjee, Diaconis 2018, theorem 1.1): where
    scouts stand at ratios well beyond the tenth largest of the draws', fewer than ten draws have
    spoken for what is there. Scouts need not be in proportion, nor are they in one mode only.
    """
    scouts = Chains(scattered_starts(energy, _N_SCOUTS, generator))
    found = log_ratio(run_chains(energy, scouts, _N_SWEEPS, generator).x)
    tenth = np.sort(log_weights)[-min(int(MIN_EFFECTIVE), len(log_weights))]
    # Within the part of P that the draws know, ratios by chance go a little higher.
    return bool(np.mean(found > tenth + 1.0) > _MAX_UNCOVERED)
