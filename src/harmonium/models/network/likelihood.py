"""Learning the tables of a network: L-BFGS on exact gradients, or persistent chains."""

from __future__ import annotations

import math
import warnings
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize
from sklearn.exceptions import ConvergenceWarning
from torch import Tensor

from harmonium.compute.progress import FitProgress
from harmonium.compute.random import random_generator
from harmonium.learning.trainer import Batches, Settings, Trainer, negative_phase
from harmonium.models.network.energy import FactorEnergy
from harmonium.models.network.exact.contraction import Array
from harmonium.models.network.exact.engine import States
from harmonium.models.network.factor import Factor

if TYPE_CHECKING:
    from harmonium.models.network.structure import Structure

__all__ = ["FittedTables", "TableParameters", "fit_tables"]

_N_CHAINS = 256
_BATCH = 256
_UPDATES_AN_ITERATION = 100
#: Start of the learning rate of sampled learning, for one variable; see :func:`_sampled`.
_RATE = 0.5


@dataclass(frozen=True)
class TableParameters:
    """What the fit of tables reads of the model's parameters, checked; named as they are."""

    learner: str
    weight_decay: float
    max_iter: int
    tol: float
    random_state: Any
    verbose: int


@dataclass(frozen=True)
class FittedTables:
    """Learned factors; iterations, and the steps they took; why those ended; what was seen."""

    factors: list[Factor]
    n_iter: int
    n_updates: int
    reason: str
    history: dict[str, list[float]] = field(default_factory=dict)


def fit_tables(
    wanted: TableParameters,
    network: Structure,
    states: States,
    weights: NDArray[np.float64] | None,
) -> FittedTables:
    """Maximum likelihood for rows of states, as `wanted`."""
    if not len(states):
        raise ValueError("X has no rows; wanted at least one")
    forbidden = np.isneginf(network.log_weight(states))
    if weights is not None:
        forbidden &= weights > 0.0
    if forbidden.any():
        row = int(np.argmax(forbidden))
        raise ValueError(
            f"X[{row}] is a state that a zero in a factor's table forbids; fit keeps zeros"
        )
    share = np.ones(len(states)) if weights is None else weights
    share = share / share.sum()
    sampled = wanted.learner == "pcd" or (wanted.learner == "auto" and not network.fits())
    if sampled:
        return _sampled(wanted, network, states, weights)
    return _exact(wanted, network, _counts(network, states, share))


def _counts(network: Structure, states: States, share: Array) -> Array:
    """The share of rows in each entry of each table, one table after another."""
    parts = []
    for scope, table in zip(network.exact.scopes, network.exact.log_tables, strict=True):
        counts = np.zeros(table.shape)
        np.add.at(counts, tuple(states[:, v] for v in scope), share if scope else share.sum())
        parts.append(counts.reshape(-1))
    return np.concatenate(parts)


def _unflatten(network: Structure, flat: Array) -> list[Array]:
    tables, start = [], 0
    for table in network.exact.log_tables:
        tables.append(flat[start : start + table.size].reshape(table.shape))
        start += table.size
    return tables


def _factors(network: Structure, flat: Array) -> list[Factor]:
    """Learned tables as factors, each shifted to a largest entry of 1."""
    return [
        Factor(factor.variables, table - table.max(), log=True)
        for factor, table in zip(network.factors, _unflatten(network, flat), strict=True)
    ]


def _exact(
    wanted: TableParameters,
    network: Structure,
    counts: Array,
) -> FittedTables:
    """L-BFGS on the mean log-likelihood: concave in the log tables, with exact gradient.

    d log-likelihood / d log table entry = its share of the rows - its probability.
    """
    start = np.concatenate([table.reshape(-1) for table in network.exact.log_tables])
    free = np.isfinite(start)
    exact = network.exact

    def loss(values: Array) -> tuple[float, Array]:
        flat = np.where(free, 0.0, -np.inf)
        flat[free] = values
        now = exact.with_tables(_unflatten(network, flat))
        log_z = float(now.log_sum())
        expected = np.concatenate([p.reshape(-1) for p in now.marginals(exact.scopes)])
        mean = (
            float(counts[free] @ values)
            - log_z
            - 0.5 * wanted.weight_decay * float(values @ values)
        )
        return -mean, -(counts - expected)[free] + wanted.weight_decay * values

    # Learning starts near even odds: an invented table far from the data is a poor start.
    bar = FitProgress(wanted.max_iter) if wanted.verbose else nullcontext()
    with bar as progress:
        done = 0

        def show(_: Array) -> None:
            nonlocal done
            done += 1
            if progress is not None:
                progress.update(done, {})

        found = minimize(
            loss,
            start[free],
            jac=True,
            method="L-BFGS-B",
            callback=show,
            options={
                "maxiter": wanted.max_iter,
                "maxfun": 4 * wanted.max_iter,
                "gtol": wanted.tol,
                "ftol": 0.0,
            },
        )
    slack = float(np.abs(found.jac).max())
    if slack > wanted.tol:
        warnings.warn(
            f"fit stopped with expected counts off by {slack:.2g} a row, tol={wanted.tol:g}: "
            f"{found.message}; combinations that no row shows have no finite best entry, "
            "weight_decay gives them one",
            ConvergenceWarning,
            stacklevel=4,
        )
    flat = np.where(free, 0.0, -np.inf)
    flat[free] = found.x
    reason = "done" if slack <= wanted.tol else "max_iter"
    return FittedTables(_factors(network, flat), int(found.nit), int(found.nit), reason)


class _Decayed(FactorEnergy):
    """The energy under learning: every log table is pulled to zero by `decay`."""

    decay = 0.0

    def direction(self, gradient: dict[str, Tensor]) -> dict[str, Tensor]:
        step = gradient["tables"] - self.decay * self.tables
        # Forbidden entries stay where they are.
        return {"tables": torch.where(self.forbidden, 0.0, step)}

    @property
    def forbidden(self) -> Tensor:
        flat = np.concatenate([np.reshape(t, -1) for t in self.exact.log_tables])
        return torch.from_numpy(np.isneginf(flat))


def _sampled(
    wanted: TableParameters,
    network: Structure,
    states: States,
    weights: NDArray[np.float64] | None,
) -> FittedTables:
    """Stochastic gradient ascent with persistent chains (Younes 1989).

    Tables over the same variable move it together, so the rate is divided by the square
    root of the largest number of them that one variable is in.
    """
    source = random_generator(wanted.random_state)
    energy = _Decayed(network.exact, torch.float32)
    energy.decay = wanted.weight_decay
    degree = np.zeros(len(network.names))
    for scope in network.exact.scopes:
        degree[list(scope)] += 1
    n_updates = wanted.max_iter * _UPDATES_AN_ITERATION
    rows = torch.from_numpy(states).to(energy.dtype)
    settings = Settings(
        n_updates, min(_BATCH, len(states)), _RATE * math.sqrt(1.0 / max(degree.max(), 1.0)), 0.0
    )
    bar = FitProgress(n_updates) if wanted.verbose else nullcontext()
    with bar as progress:
        result = Trainer(
            energy,
            negative_phase("pcd", energy, _N_CHAINS, 1, source),
            Batches(len(states), settings.batch_size, source, weights),
            lambda index: rows[torch.from_numpy(index)],
            settings,
            source,
            progress=None if progress is None else progress.update,
        ).run()
    flat = result.parameters["tables"].double().numpy()
    flat = np.where(energy.forbidden.numpy(), -np.inf, flat)
    return FittedTables(
        _factors(network, flat),
        result.n_updates // _UPDATES_AN_ITERATION,
        result.n_updates,
        result.reason,
        result.history,
    )
