"""Expectations under a model, each with an error bar or a plain word on why there is none.

E[f(x)] is a sum over all states. Small models are summed; the rest is sampled, and a sample is
worth what its effective size says: weighted draws by the spread of their weights, Gibbs chains
by their autocorrelation and by whether they agree with each other at all.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from harmonium.compute.random import generator_for, random_generator
from harmonium.contract.checks import check_choice, check_integer
from harmonium.contract.energy import Energy, Generator
from harmonium.contract.estimates import Estimate
from harmonium.models.energy_model import EnergyModel
from harmonium.sampling.diagnosis import Walk, arviz_diagnosis, stationary_draws
from harmonium.units.space import LIMITS, all_states, log2_states, uniform_states

__all__ = ["Population", "expectation"]

Array: TypeAlias = NDArray[np.float64]

METHODS = ("auto", "exact", "gibbs", "tempered", "uniform", "importance")
#: R-hat squared exceeds one by about one over the effective draws of a chain: 1.1 is five of
#: them, enough for the chains to have forgotten where they began (Margossian, Hoffman,
#: Sountsov, Riou-Durand, Vehtari, Gelman 2024, section 3). Their total is checked by itself.
MAX_R_HAT = 1.1
#: Fewer effective samples than this, and the error bar is itself made of a handful of draws.
MIN_EFFECTIVE = 10.0
_MIN_CHAINS, _MAX_CHAINS = 8, 64
_ROWS_AT_ONCE = 2**14


class Population:
    """A finite population: rows that one could visit one by one, likely in equal parts or not.

    Parameters
    ----------
    values : ``(n,)`` or ``(n, n_features)``, a row a member.
    weights : ``(n,)`` numbers of at least 0, not all 0, proportional to the members'
        probabilities; None: every member is equally likely.
    """

    def __init__(self, values: Any, weights: Any = None) -> None:
        self.values = np.asarray(values)
        if self.values.ndim not in (1, 2) or not len(self.values):
            raise ValueError(f"values must be one row a member, got shape {self.values.shape}")
        n = len(self.values)
        self.weights = np.ones(n) if weights is None else np.asarray(weights, dtype=np.float64)
        if self.weights.shape != (n,) or not np.isfinite(self.weights).all():
            raise ValueError(f"weights must be {n} finite numbers, got {weights!r}")
        if (self.weights < 0).any() or not self.weights.sum() > 0:
            raise ValueError("weights must be at least 0 and not all 0")

    def _expectation(
        self, f: _Function, method: str, n_samples: int, generator: np.random.Generator
    ) -> Estimate:
        if method in ("auto", "exact"):
            value = np.average(f(self.values), axis=0, weights=self.weights)
            return f.estimate(value, np.zeros_like(value), "exact")
        if method == "sample":
            chosen = generator.choice(
                len(self.values), n_samples, p=self.weights / self.weights.sum()
            )
            return _weighted(f, f(self.values[chosen]), np.zeros(n_samples), method)
        if method == "uniform":
            chosen = generator.integers(0, len(self.values), n_samples)
            with np.errstate(divide="ignore"):
                log_weights = np.log(self.weights[chosen])
            return _weighted(f, f(self.values[chosen]), log_weights, method)
        raise ValueError(f"method must be 'exact', 'uniform' or 'sample' here, got {method!r}")


def expectation(
    model: Any,
    f: Callable[[Any], Any],
    *,
    method: str = "auto",
    n_samples: int = 10_000,
    n_chains: int | None = None,
    random_state: Any = None,
) -> Estimate:
    """E[f(x)] under a model or a :class:`Population`.

    Parameters
    ----------
    model : a fitted energy model (RBM, GridMRF, MarkovNetwork) or a Population.
    f : function of rows ``(n, n_features)``, as ``model.sample`` gives them, to finite numbers
        ``(n,)`` or ``(n, k)``.
    method :
        ``"exact"``: the sum over all states, at most 2**20.
        ``"gibbs"``: many Gibbs chains, begun at uniform states and at draws from the model's
        base distribution. Rounds of doubling length, and whole runs, are thrown away until one
        ends where it began; the standard error comes from the effective sample size and is
        withheld where R-hat says that chains disagree (Vehtari, Gelman, Simpson, Carpenter,
        Bürkner 2021; computed by ArviZ, the extra ``harmonium[diagnostics]``). No diagnosis
        sees a mode that no chain has found.
        ``"tempered"``: the same by parallel tempering, whose hot replicas cross between modes;
        a draw costs about ten sweeps.
        ``"uniform"``, ``"importance"``: independent draws, uniform or from the model's base
        distribution, weighted to the model and self-normalised (Owen 2013, chapter 9). Their
        effective number knows only the draws that were made: a mode that none fell into is
        missed without a sign, so large weights deserve suspicion and not belief.
        ``"sample"``: draws from a Population itself.
        ``"auto"``: exact where affordable, else ``"gibbs"``.
    n_samples : draws to average, at least 4; chains round it up to equal lengths.
    n_chains : of ``"gibbs"`` and ``"tempered"``, at least 2; by default 8 to 64. Fewer are
        longer, which slowly mixing models need before their chains agree.
    random_state : int, Generator or None.

    Raises
    ------
    ValueError
        `f` does not give a finite number a row; too many states for ``"exact"``.
    ImportError
        Chains without ArviZ.

    Warns
    -----
    RuntimeWarning
        No error bar can be given; the estimate's ``status`` says why.
    """
    if not callable(f):
        raise TypeError(f"f must be a function of rows, got {f!r}")
    is_population = isinstance(model, Population)
    check_choice("method", method, (*METHODS, "sample") if is_population else METHODS)
    n_samples = check_integer("n_samples", n_samples, 4)
    if n_chains is not None:
        n_chains = check_integer("n_chains", n_chains, 2)
    generator = random_generator(random_state)
    if is_population:
        return model._expectation(_Function(f, lambda x: x), method, n_samples, generator)
    if not isinstance(model, EnergyModel):
        raise TypeError(
            f"model must be an energy model (RBM, GridMRF, MarkovNetwork) or a Population, "
            f"got {type(model).__name__}"
        )
    check_is_fitted(model)
    energy = model.build_energy(torch.float64)
    source = generator_for(energy.device, generator)
    function = _Function(f, model.rows_of)
    function(energy.base_sample(2, source))  # a bad f is found before any work
    if method == "auto":
        few = log2_states(energy.sizes) <= math.log2(LIMITS["expectation"])
        method = "exact" if few else "gibbs"
    if method == "exact":
        return _exact(energy, function)
    if method in ("gibbs", "tempered"):
        return _by_chains(energy, function, method, n_samples, n_chains, source)
    values, log_weights = [], []
    for start in range(0, n_samples, _ROWS_AT_ONCE):
        n = min(_ROWS_AT_ONCE, n_samples - start)
        if method == "uniform":
            x = uniform_states(energy, n, source)
            weights = energy.log_weight(x)
        else:
            x = energy.base_sample(n, source)
            weights = energy.log_weight(x) - energy.log_weight(x, 0.0)
        values.append(function(x))
        log_weights.append(weights.cpu().numpy())
    return _weighted(function, np.concatenate(values), np.concatenate(log_weights), method)


class _Function:
    """The user's f with its rows put in shape, and its numbers checked, as ``(n, k)``."""

    def __init__(self, f: Callable[[Any], Any], rows: Callable[[Any], Any]) -> None:
        self.f = f
        self.rows = rows
        self.scalar = True

    def __call__(self, x: Any) -> Array:
        n = len(x)
        try:
            values = np.asarray(self.f(self.rows(x)), dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise ValueError(f"f must map rows to numbers, but failed: {error}") from error
        if values.ndim not in (1, 2) or len(values) != n:
            raise ValueError(
                f"f must give shape (n,) or (n, k) for n rows, got {values.shape} for {n} rows"
            )
        if not np.isfinite(values).all():
            raise ValueError("f must give finite numbers, got nan or infinity")
        self.scalar = values.ndim == 1
        return values.reshape(n, -1)

    def estimate(self, value: Array, error: Array, method: str, **facts: Any) -> Estimate:
        """Columns back to what f gave: one number a row is one number."""

        def shaped(figure: Any) -> Any:
            if not isinstance(figure, np.ndarray):
                return figure
            return float(figure[0]) if self.scalar else figure

        return Estimate(
            shaped(value), shaped(error), method=method, **{k: shaped(v) for k, v in facts.items()}
        )


# -- all states ---------------------------------------------------------------------------------


def _exact(energy: Energy, f: _Function) -> Estimate:
    values, log_weights = [], []
    for x in all_states(energy):
        log_weights.append(energy.log_weight(x).cpu().numpy())
        values.append(f(x))
    weights = np.concatenate(log_weights)
    value = np.average(np.concatenate(values), axis=0, weights=np.exp(weights - weights.max()))
    return f.estimate(value, np.zeros_like(value), "exact", n_samples=len(weights))


# -- independent draws --------------------------------------------------------------------------


def _weighted(f: _Function, values: Array, log_weights: Array, method: str) -> Estimate:
    """Self-normalised importance sampling: Owen 2013, equations 9.6, 9.9 and 9.13."""
    if np.isneginf(log_weights).all():
        raise ValueError(f"method={method!r}: no draw has any probability under the model")
    shares = np.exp(log_weights - log_weights.max())
    shares /= shares.sum()
    value = shares @ values
    error = np.sqrt(shares**2 @ (values - value) ** 2)
    effective = float(1.0 / np.sum(shares**2))
    status = "ok"
    if effective < MIN_EFFECTIVE:
        status = "few_effective_samples"
    elif (np.ptp(values, axis=0) == 0).any():
        status = "constant"
    return _told(
        f, value, error, method, status, effective_samples=effective, n_samples=len(values)
    )


def _told(
    f: _Function, value: Array, error: Array, method: str, status: str, **facts: Any
) -> Estimate:
    """The estimate, with a warning in place of an error bar that nobody should believe."""
    if status == "constant":
        error = np.where(error == 0, np.nan, error)
    elif status != "ok":
        error = np.full_like(error, np.nan)
        warnings.warn(
            f"method={method!r}: no error bar can be given ({status})",
            RuntimeWarning,
            stacklevel=4,
        )
    return f.estimate(value, error, method, status=status, **facts)


# -- chains -------------------------------------------------------------------------------------


def _by_chains(
    energy: Energy,
    f: _Function,
    method: str,
    n_samples: int,
    n_chains: int | None,
    generator: Generator,
) -> Estimate:
    diagnose = arviz_diagnosis()
    if n_chains is None:
        n_chains = int(np.clip(n_samples // 50, _MIN_CHAINS, _MAX_CHAINS))
    n_draws = max(-(-n_samples // n_chains), 4)
    walk = Walk(energy, method, n_chains, generator)
    draws, n_burn_in, settled = stationary_draws(walk, f, n_draws)
    effective, r_hat = diagnose(draws)
    value = draws.mean(axis=(0, 1))
    error = draws.std(axis=(0, 1), ddof=1) / np.sqrt(effective)
    if not settled:
        status = "not_stationary"
    elif (r_hat > MAX_R_HAT).any():
        status = "chains_disagree"
    elif (effective < MIN_EFFECTIVE).any():
        status = "few_effective_samples"
    elif (np.ptp(draws, axis=(0, 1)) == 0).any():
        status = "constant"
    else:
        status = "ok"
    return _told(
        f,
        value,
        error,
        method,
        status,
        effective_samples=effective,
        r_hat=r_hat,
        n_samples=n_chains * n_draws,
        n_burn_in=n_burn_in,
    )
