"""Chains under diagnosis: their starts, the end of their burn-in, what their draws are worth."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from harmonium.contract.energy import Chains, Energy, Generator
from harmonium.sampling.tempering import ReplicaExchange
from harmonium.units.space import uniform_states

__all__ = ["Run", "arviz_diagnosis", "scattered_starts", "stationary_draws"]

Array: TypeAlias = NDArray[np.float64]
#: What is averaged along the chains: states to numbers ``(n, k)``.
Observable: TypeAlias = Callable[[Any], Array]

#: Sweeps of the first round of burn-in; each round that ends in a drift is followed by another
#: of twice the length, up to the last.
_FIRST_ROUND, _LAST_ROUND = 32, 8192
#: Replica exchange needs more to start with: a few hundred rounds of swaps to place its ladder.
_LADDER_ROUND = 512
#: A drift of the chains' mean by more standard errors than this ends no burn-in.
_DRIFT = 3.0
#: Runs that are tried before a drift is reported.
_RUNS = 10


def scattered_starts(energy: Energy, n: int, generator: Generator) -> Tensor:
    """Starts wider than the model: by turns from its base, which may know one mode only, and
    uniform. Chains that begin apart and end together have shown something."""
    x = energy.base_sample(n, generator)
    x[1::2] = uniform_states(energy, n // 2, generator)
    return x


class Run:
    """Gibbs chains, or the cold ends of replica exchanges: a sweep, and where they are."""

    def __init__(self, energy: Energy, method: str, n_chains: int, generator: Generator) -> None:
        self.energy = energy
        self.generator = generator
        self.exchange: ReplicaExchange | None = None
        if method == "tempered":
            self.exchange = ReplicaExchange()
            self.replicas = self.exchange.init(energy, n_chains, generator)
            self.replicas.x[-n_chains:] = scattered_starts(energy, n_chains, generator)
        else:
            self.chains = Chains(scattered_starts(energy, n_chains, generator))

    def step(self) -> Tensor:
        if self.exchange is None:
            self.chains = self.energy.sweep(self.chains, self.generator)
            return self.chains.x
        self.replicas, _ = self.exchange.step(self.replicas, self.energy, self.generator)
        return self.replicas.cold

    def settle(self) -> None:
        """Burn-in is over: a ladder that still moved would disturb what is averaged."""
        if self.exchange is not None:
            self.exchange = ReplicaExchange(adapt=False)


def stationary_draws(run: Run, f: Observable, n_draws: int) -> tuple[Array, int, bool]:
    """f along a run without drift, ``(n_chains, n_draws, k)``; the sweeps thrown away before it;
    and whether there was such a run.

    A slow drift shows only over a long run: a run that turns out to drift is burn-in, too.
    """
    n_burn_in, settled = _burn_in(run, f)
    run.settle()
    draws = np.empty(0)
    for _ in range(_RUNS):
        draws = np.stack([f(run.step()) for _ in range(n_draws)], axis=1)
        half = n_draws // 2
        if not _drifts(draws[:, :half].mean(axis=1), draws[:, half:].mean(axis=1)):
            return draws, n_burn_in, settled
        n_burn_in += n_draws
    return draws, n_burn_in - n_draws, False


def _burn_in(run: Run, f: Observable) -> tuple[int, bool]:
    """Sweeps in rounds of doubling length, until one ends where it began by f and log weight."""
    done, length = 0, _FIRST_ROUND if run.exchange is None else _LADDER_ROUND
    while length <= _LAST_ROUND:
        halves = []
        for _ in range(2):
            total: Any = 0.0
            for _ in range(length // 2):
                x = run.step()
                weight = run.energy.log_weight(x).cpu().numpy()[:, None]
                total = total + np.concatenate([weight, f(x)], axis=1)
            halves.append(total / (length // 2))
        done += length
        if not _drifts(*halves):
            return done, True
        length *= 2
    return done, False


def _drifts(before: Array, after: Array) -> bool:
    """Whether means of the chains, ``(n_chains, k)``, moved by more than chance.

    Chains are independent, so the spread of their own differences is the yardstick, whatever
    their autocorrelation. Chains that stand still pass: whether they agree is R-hat's question.
    """
    change = after - before
    error = change.std(axis=0, ddof=1) / math.sqrt(len(change))
    # More numbers to watch are more chances of a false alarm.
    limit = math.sqrt(_DRIFT**2 + 2.0 * math.log(change.shape[1]))
    return bool((np.abs(change.mean(axis=0)) > limit * error + 1e-12).any())


def _by_means(draws: Array) -> float:
    """Effective number of draws by how far the chains' own means lie apart.

    Autocorrelations, cut where they drown in noise, leave out slow parts: errors came out up to
    a tenth short by them alone. Means of independent chains hold everything, but are few; so the
    smaller number of the two counts.
    """
    spread = draws.mean(axis=1).var(ddof=1) / len(draws)
    return float(draws.var(ddof=1) / spread) if spread > 0.0 else math.inf


def arviz_diagnosis() -> Callable[[Array], tuple[Array, Array]]:
    """Effective sample size and R-hat of draws ``(n_chains, n_draws, k)``, k of each."""
    try:
        import arviz
    except ImportError as error:
        raise ImportError(
            "error bars of chains need ArviZ: pip install 'harmonium[diagnostics]'"
        ) from error

    def one(draws: Array) -> tuple[float, float]:
        if np.ptp(draws) == 0:
            return float(draws.size), 1.0
        if (np.ptp(draws, axis=1) == 0).all():
            return 1.0, math.inf  # every chain stands still, at different values
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # By ranks, and plain: ranks do not see how far a rarely visited mode lies away, and
            # are nan where values are few. Plain ones see the means, which are what is asked.
            r_hats = [float(arviz.rhat(draws, method=name)) for name in ("rank", "split")]
            effective = min(float(arviz.ess(draws, method="mean")), _by_means(draws))
        finite = [value for value in r_hats if math.isfinite(value)]
        return (effective if math.isfinite(effective) else 1.0), max(finite, default=math.inf)

    def diagnose(draws: Array) -> tuple[Array, Array]:
        found = np.array([one(draws[:, :, column]) for column in range(draws.shape[2])])
        return found[:, 0], found[:, 1]

    return diagnose
