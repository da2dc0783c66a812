"""Expectations under a model, each with an error bar or a plain word on why there is none.

E[f(x)] is a sum over all states. Small models are summed; the rest is sampled, and a sample is
worth what it can be shown to be worth. The ways:

``"exact"``
    The sum over all states, at most 2**20.
``"gibbs"``
    Many Gibbs chains, begun at uniform states and at draws from the model's base distribution.
    Rounds of doubling length, and whole runs, are thrown away until one ends where it began;
    the standard error comes from the effective sample size and is withheld where R-hat says
    that chains disagree (Vehtari, Gelman, Simpson, Carpenter, Bürkner 2021; computed by ArviZ,
    the extra ``harmonium[diagnostics]``). No diagnosis sees a mode that no chain has found.
``"tempered"``
    The same by parallel tempering, whose hot replicas cross between modes; a draw costs about
    ten sweeps.
``"uniform"``, ``"importance"``
    Independent draws, uniform or from the model's base distribution, weighted to the model and
    self-normalised (Owen 2013, chapter 9). The error bar is withheld where the weights, or the
    error itself, come from fewer than ten draws, where the weights' tail is heavy (Pareto's k
    above 0.7: Vehtari, Simpson, Gelman, Yao, Gabry 2024), where a weight is not finite, and where
    short Gibbs chains come to probable states that the draws have missed
    (:mod:`harmonium.sampling.importance`).
``"sample"``
    Draws from a :class:`Population` itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from harmonium.compute.random import generator_for, random_generator
from harmonium.compute.threads import threads_for
from harmonium.contract.checks import check_choice, check_integer
from harmonium.contract.energy import Energy, Generator
from harmonium.contract.estimates import Estimate, Status
from harmonium.models.energy_model import EnergyModel
from harmonium.questions.observable import Observable
from harmonium.questions.population import Population
from harmonium.sampling.diagnosis import Run, arviz_diagnosis, stationary_draws
from harmonium.sampling.importance import MIN_EFFECTIVE, missed, self_normalised
from harmonium.units.space import LIMITS, all_states, log2_states, uniform_states

__all__ = ["Population", "expectation"]

Array: TypeAlias = NDArray[np.float64]

METHODS = ("auto", "exact", "gibbs", "tempered", "uniform", "importance")
#: R-hat squared exceeds one by about one over the effective draws of a chain: 1.1 is five of
#: them, enough for the chains to have forgotten where they began (Margossian, Hoffman,
#: Sountsov, Riou-Durand, Vehtari, Gelman 2024, section 3). Their total is checked by itself.
MAX_R_HAT = 1.1
_MIN_CHAINS, _MAX_CHAINS = 8, 64
_ROWS_AT_ONCE = 2**14


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
    method : ``"exact"``, ``"gibbs"``, ``"tempered"``, ``"uniform"``, ``"importance"``, of a
        Population also ``"sample"``; each is described at the head of this module. ``"auto"``:
        exact where affordable, else ``"gibbs"``.
    n_samples : draws to average, at least 4; chains round it up to equal lengths.
    n_chains : of ``"gibbs"`` and ``"tempered"``, at least 2; by default 8 to 64. Fewer are
        longer, which slowly mixing models need before their chains agree.
    random_state : int, Generator or None.

    Raises ``ValueError`` where `f` does not give a finite number a row, there are too many
    states for ``"exact"`` or one of them has a weight that is not finite, ``ImportError`` for
    chains without ArviZ. Warns (``RuntimeWarning``) where no error bar can be given, but for
    ``"constant"``; the estimate's ``status`` says why.
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
        return model.mean(Observable(f, lambda x: x), method, n_samples, generator)
    energy, observable = _opened(model, f)
    source = generator_for(energy.device, generator)
    observable(energy.base_sample(2, source))  # a bad f is found before any work
    if method == "auto":
        few = log2_states(energy.sizes) <= math.log2(LIMITS["expectation"])
        method = "exact" if few else "gibbs"
    if method == "exact":
        return _exact(energy, observable)
    if method in ("gibbs", "tempered"):
        return _by_chains(energy, observable, method, n_samples, n_chains, source)
    return _by_weights(energy, observable, method, n_samples, source)


def _opened(model: Any, f: Callable[[Any], Any]) -> tuple[Energy, Observable]:
    if not isinstance(model, EnergyModel):
        raise TypeError(
            f"model must be an energy model (RBM, GridMRF, MarkovNetwork) or a Population, "
            f"got {type(model).__name__}"
        )
    check_is_fitted(model)
    return model.build_energy(torch.float64), Observable(f, model.rows_of)


def _exact(energy: Energy, f: Observable) -> Estimate:
    values, log_weights = [], []
    for x in all_states(energy):
        log_weights.append(energy.log_weight(x).cpu().numpy())
        values.append(f(x))
    weights = np.concatenate(log_weights)
    if not math.isfinite(top := weights.max()):
        raise ValueError(
            "model: no state has any probability"
            if top == -math.inf
            else "model: the log weight of some state is not finite: its parameters are too large"
        )
    value = np.average(np.concatenate(values), axis=0, weights=np.exp(weights - top))
    return f.exact(value, n_samples=len(weights))


def _by_weights(
    energy: Energy, f: Observable, method: str, n_samples: int, generator: Generator
) -> Estimate:
    def log_ratio(x: torch.Tensor) -> Array:
        """log P / Q up to a constant."""
        base = 0.0 if method == "uniform" else energy.log_weight(x, 0.0)
        return np.asarray((energy.log_weight(x) - base).cpu().numpy())

    values, parts = [], []
    for start in range(0, n_samples, _ROWS_AT_ONCE):
        n = min(_ROWS_AT_ONCE, n_samples - start)
        if method == "uniform":
            x = uniform_states(energy, n, generator)
        else:
            x = energy.base_sample(n, generator)
        values.append(f(x))
        parts.append(log_ratio(x))
    log_weights = np.concatenate(parts)
    if np.isneginf(log_weights).all():
        raise ValueError(f"method={method!r}: no draw has any probability under the model")
    found = self_normalised(np.concatenate(values), log_weights)
    if found.status is Status.OK and missed(energy, log_weights, log_ratio, generator):
        found = found.with_status(Status.MISSED_STATES)
    return f.weighted(found, method, n_samples)


def _by_chains(
    energy: Energy,
    f: Observable,
    method: str,
    n_samples: int,
    n_chains: int | None,
    generator: Generator,
) -> Estimate:
    diagnose = arviz_diagnosis()
    if n_chains is None:
        n_chains = int(np.clip(n_samples // 50, _MIN_CHAINS, _MAX_CHAINS))
    n_draws = max(-(-n_samples // n_chains), 4)
    run = Run(energy, method, n_chains, generator)
    with threads_for(n_chains, energy):
        draws, n_burn_in, settled = stationary_draws(run, f, n_draws)
    effective, r_hat = diagnose(draws)
    if not settled:
        status = Status.NOT_STATIONARY
    elif (r_hat > MAX_R_HAT).any():
        status = Status.CHAINS_DISAGREE
    elif (effective < MIN_EFFECTIVE).any():
        status = Status.FEW_EFFECTIVE_SAMPLES
    elif (np.ptp(draws, axis=(0, 1)) == 0).any():
        status = Status.CONSTANT
    else:
        status = Status.OK
    return f.estimate(
        draws.mean(axis=(0, 1)),
        draws.std(axis=(0, 1), ddof=1) / np.sqrt(effective),
        method,
        status,
        effective_samples=effective,
        r_hat=r_hat,
        n_samples=n_chains * n_draws,
        n_burn_in=n_burn_in,
    )
