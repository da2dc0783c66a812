"""Every energy's chains against enumeration, and planted faults that each check must reject."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pkgutil import walk_packages

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.special import logsumexp
from scipy.stats import chi2, norm
from tests.support.broken import FAULTS, Fault, OneWay, broken
from tests.support.small_energies import MAKERS, Known, SmallEnergy, small_energy
from tests.support.statistics import ALPHA, chi_square_p_value

import harmonium.models
import harmonium.units
from harmonium.contract.energy import Chains, Energy
from harmonium.sampling.annealing import annealed_importance_sampling
from harmonium.sampling.gibbs import run_chains
from harmonium.sampling.tempering import ReplicaExchange, ReplicaState
from harmonium.units.base import Units
from harmonium.units.mixed import Mixed

N = 20_000
N_SWEEPS = 15


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.SFC64(seed))


def agreement(small: SmallEnergy, x: torch.Tensor, log_p: NDArray[np.float64]) -> float:
    """p-value of states against their exact probabilities; 0 for a state that cannot be."""
    counts = np.bincount(small.index(x), minlength=len(log_p))
    if counts[np.exp(log_p) == 0.0].any():
        return 0.0
    possible = np.exp(log_p) > 0.0
    return chi_square_p_value(counts[possible], np.exp(log_p[possible]))


def no_difference(each: torch.Tensor) -> float:
    """p-value of ``(n, m)`` differences that should be 0 in the mean, for the worst of the m."""
    mean, spread = each.double().mean(0).numpy(), each.double().std(0).numpy()
    still = spread < 1e-6
    if (np.abs(mean[still]) > 1e-5).any():
        return 0.0
    if still.all():
        return 1.0
    z = np.abs(mean[~still]) / (spread[~still] / np.sqrt(len(each)))
    return float(min(1.0, 2.0 * len(z) * norm.sf(z.max())))


# -- the checks: each gives a p-value, `energy` is the small one's or a faulty copy -----------


def weights(small: SmallEnergy, energy: Energy) -> float:
    x = torch.from_numpy(small.X).to(energy.dtype)
    several = np.resize([0.0, 0.3, 1.0], len(x))
    for beta in (0.0, 0.4, 1.0):
        found = energy.log_weight(x, beta).numpy()
        if not _same(found, small.path(beta)):
            return 0.0
    wanted = np.choose(np.arange(len(x)) % 3, [small.path(b) for b in (0.0, 0.3, 1.0)])
    if not _same(energy.log_weight(x, torch.from_numpy(several)).numpy(), wanted):
        return 0.0
    log_z = energy.exact_log_partition()
    return float(log_z is not None and abs(log_z - logsumexp(small.path(1.0))) < 1e-4)


def _same(found: NDArray[np.float64], wanted: NDArray[np.float64]) -> bool:
    # Forbidden states are as far down as each dtype lets them be: they need only be there.
    low = wanted < -200.0
    near = np.allclose(found[~low], wanted[~low], atol=1e-4, rtol=1e-5)
    return near and bool((found[low] < -200.0).all())


def base(small: SmallEnergy, energy: Energy) -> float:
    if abs(energy.base_log_partition() - logsumexp(small.path(0.0))) > 1e-4:
        return 0.0
    return agreement(small, energy.base_sample(N, generator(1)), small.log_p(0.0))


def _drift(
    small: SmallEnergy, energy: Energy, beta: float = 1.0, known: Known | None = None
) -> float:
    """Chains started at equilibrium must still be there."""
    log_p = small.log_p(beta, known)
    chains = Chains(small.draw(N, log_p, seed=1))
    evidence = None if known is None else known.of(N)
    chains = run_chains(energy, chains, 2, generator(2), beta=beta, evidence=evidence)
    return agreement(small, chains.x, log_p)


def _arrival(small: SmallEnergy, energy: Energy, known: Known | None = None) -> float:
    """Chains that start anywhere must come to equilibrium."""
    log_p = small.log_p(1.0, known)
    start = torch.from_numpy(generator(12).choice(small.X, N)).to(energy.dtype)
    if known is not None:
        start[:, known.variable] = known.state
    evidence = None if known is None else known.of(N)
    chains = run_chains(energy, Chains(start), N_SWEEPS, generator(3), evidence=evidence)
    return agreement(small, chains.x, log_p)


def balance(small: SmallEnergy, energy: Energy) -> float:
    """Where a sweep claims detailed balance: as many moves there as back."""
    n = 8 * N
    start = small.draw(n, small.log_p(), seed=4)
    end = energy.sweep(Chains(start), generator(5)).x
    moves = np.zeros((len(small.X), len(small.X)))
    np.add.at(moves, (small.index(start), small.index(end)), 1.0)
    there, back = moves[np.triu_indices(len(moves), 1)], moves.T[np.triu_indices(len(moves), 1)]
    often = there + back >= 20
    statistic = ((there - back)[often] ** 2 / (there + back)[often]).sum()
    return float(chi2.sf(statistic, often.sum()))


def tempering(small: SmallEnergy, energy: Energy) -> float:
    """Replicas that start at equilibrium, each at its own beta, must still be there."""
    betas = np.array([0.0, 0.4, 1.0])
    log_ps = [small.log_p(beta) for beta in betas]
    x = torch.cat([small.draw(N, log_p, seed) for seed, log_p in enumerate(log_ps)])
    state, source = ReplicaState(x, betas, np.zeros(2), np.zeros(2)), generator(6)
    exchange = ReplicaExchange(adapt=False)
    for _ in range(2):  # both parities of swaps
        state, _ = exchange.step(state, energy, source)
    rungs = state.x.reshape(len(betas), N, -1)
    return min(agreement(small, x, log_p) for x, log_p in zip(rungs, log_ps, strict=True))


def annealing(small: SmallEnergy, energy: Energy) -> float:
    """The mean weight is Z, for any number of steps, here five."""
    _, log_weights, _ = annealed_importance_sampling(
        energy, n_chains=N, n_temperatures=5, generator=generator(7)
    )
    ratio = np.exp(log_weights - logsumexp(small.path(1.0)))
    return no_difference(torch.from_numpy(ratio[:, None] - 1.0))


def _marginals(small: SmallEnergy, energy: Energy, known: Known | None = None) -> float:
    """What x_i is conditioned on is P(x_i) in the mean, also beside each other x_j."""
    x = small.draw(N, small.log_p(1.0, known), seed=8)
    found = energy.marginals(Chains(x), generator(9), None if known is None else known.of(N))
    if found.ndim == 2:
        found = torch.stack([1 - found, found], dim=2)
    p, X = np.exp(small.log_p(1.0, known)), small.X
    each = []
    for i, size in enumerate(energy.sizes):
        if found[:, i, size:].any():
            return 0.0
        for state in range(size):
            there = X[:, i] == state
            each.append(found[:, i, state] - float(p @ there))
            for j in set(range(len(energy.sizes))) - {i}:
                each.append(found[:, i, state] * x[:, j] - float(p @ (there * X[:, j])))
    return no_difference(torch.stack(each, dim=1))


def _means(small: SmallEnergy, energy: Energy, known: Known | None = None) -> float:
    """A state less the mean it was drawn from is nothing on average, whatever was before; and
    the states still follow the model."""
    log_p = small.log_p(1.0, known)
    x = small.draw(N, log_p, seed=10)
    evidence = None if known is None else known.of(N)
    moved, means = energy.sweep_means(Chains(x), generator(11), evidence)
    expected = torch.from_numpy(np.exp(log_p) @ small.X)
    error = (moved.x - means).double()
    beside = (error[:, :, None] * x.double()[:, None, :]).reshape(N, -1)
    found = no_difference(torch.cat([means.double() - expected, error, beside], dim=1))
    return min(found, agreement(small, moved.x, log_p))


CHECKS: dict[str, Callable[[SmallEnergy, Energy], float]] = {
    "weights": weights,
    "base": base,
    "drift": _drift,
    "drift of a hot path": lambda small, energy: _drift(small, energy, 0.4),
    "drift given evidence": lambda small, energy: _drift(small, energy, 1.0, small.known()),
    "drift of a hot path given evidence": lambda small, energy: _drift(
        small, energy, 0.4, small.known()
    ),
    "arrival": _arrival,
    "arrival given evidence": lambda small, energy: _arrival(small, energy, small.known()),
    "tempering": tempering,
    "annealing": annealing,
    "marginals": _marginals,
    "marginals given evidence": lambda small, energy: _marginals(small, energy, small.known()),
    "means": _means,
    "means given evidence": lambda small, energy: _means(small, energy, small.known()),
}


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("name", MAKERS)
def test_chains_are_right(name: str, check: str) -> None:
    small = small_energy(name)
    assert CHECKS[check](small, small.energy) > ALPHA


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
@pytest.mark.parametrize("name", MAKERS)
def test_planted_faults_are_rejected(name: str, fault: type[Fault]) -> None:
    small = small_energy(name)
    faulty = broken(small.energy, fault)
    p_values = {check: CHECKS[check](small, faulty) for check in fault.caught_by}
    assert max(p_values.values()) < ALPHA, p_values


REVERSIBLE = [name for name in MAKERS if name.startswith("rbm")]


@pytest.mark.parametrize("name", REVERSIBLE)
def test_sweeps_that_claim_detailed_balance_have_it(name: str) -> None:
    small = small_energy(name)
    assert balance(small, small.energy) > ALPHA
    assert balance(small, broken(small.energy, OneWay)) < ALPHA
    assert _drift(small, broken(small.energy, OneWay)) > ALPHA


def test_detailed_balance_is_claimed_where_it_is_tested() -> None:
    assert [name for name in MAKERS if small_energy(name).energy.reversible] == REVERSIBLE


def test_every_energy_and_every_kind_of_unit_is_among_them() -> None:
    """A new one must join."""
    for package in (harmonium.models, harmonium.units):
        for module in walk_packages(package.__path__, package.__name__ + "."):
            if ".units." in module.name or module.name.endswith(".energy"):
                import_module(module.name)
    energies = [small_energy(name).energy for name in MAKERS]
    assert {type(energy) for energy in energies} == _below(Energy)
    layers = [energy.units for energy in energies if hasattr(energy, "units")]
    beside = [part for layer in layers if isinstance(layer, Mixed) for part in layer.parts]
    assert {type(units) for units in (*layers, *beside)} == _below(Units)


def _below(parent: type) -> set[type]:
    """The library's own classes below one; a test's are not."""
    below = set(parent.__subclasses__())
    every = below.union(*map(_below, below))
    return {cls for cls in every if cls.__module__.startswith("harmonium.")}
