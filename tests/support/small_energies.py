"""One small energy of every kind, each with all its states and their weights in plain sums."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import log_softmax, logsumexp
from scipy.stats import norm, truncnorm
from tests.support.grid_oracle import GridOracle, random_grid
from tests.support.hidden_oracle import log_partition, random_layer, told
from tests.support.network_oracle import SIZES, NetworkOracle, random_factors

from harmonium.contract.energy import Energy
from harmonium.contract.evidence import Evidence, TableReadings
from harmonium.models.boltzmann.energy import BoltzmannEnergy
from harmonium.models.grid.inside import InsideEnergy, coarse_of, inside_shares
from harmonium.models.network.energy import FactorEnergy
from harmonium.models.network.structure import Structure
from harmonium.models.rbm.energy import RBMEnergy
from harmonium.units.base import Units
from harmonium.units.bernoulli import Bernoulli
from harmonium.units.categorical import Categorical
from harmonium.units.gaussian import Gaussian
from harmonium.units.hidden import HIDDEN
from harmonium.units.mixed import Mixed

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Known:
    """One variable clamped to a state, and readings of all: ``table`` (V, states), ``slopes``."""

    variable: int
    state: int
    table: Array
    slopes: Array

    def of(self, n: int) -> Evidence:
        """The same evidence for n chains."""
        size = (n, len(self.table))
        free = torch.ones(size, dtype=torch.bool)
        free[:, self.variable] = False
        readings = TableReadings(
            torch.arange(size[1], dtype=torch.int32).expand(size),
            torch.from_numpy(self.table).float(),
            torch.from_numpy(self.slopes).float().expand(size),
        )
        return Evidence(free, readings)

    def log_likelihood(self, X: NDArray[np.int64]) -> Array:
        each = self.table[np.arange(X.shape[1]), X] + self.slopes * X
        return np.where(X[:, self.variable] == self.state, each.sum(1), -np.inf)


@dataclass(frozen=True)
class SmallEnergy:
    """An energy, all its states ``X (N, V)``, and log P_beta of each up to nothing: `path`."""

    energy: Energy
    X: NDArray[np.int64]
    path: Callable[[float], Array]

    def log_p(self, beta: float = 1.0, known: Known | None = None) -> Array:
        total = self.path(beta)
        if known is not None:
            total = total + known.log_likelihood(self.X)
        return np.asarray(total - logsumexp(total))

    def index(self, x: torch.Tensor) -> NDArray[np.int64]:
        """Numbers of states in ``X``."""
        states = tuple(x.numpy().astype(np.int64).T)
        return np.asarray(np.ravel_multi_index(states, self.energy.sizes))

    def draw(self, n: int, log_p: Array, seed: int) -> torch.Tensor:
        """Exact draws."""
        chosen = np.random.default_rng(seed).choice(len(self.X), n, p=np.exp(log_p))
        return torch.from_numpy(self.X[chosen]).to(self.energy.dtype)

    def known(self) -> Known:
        """Some evidence: the likeliest state of the last variable that has a choice, and
        readings that pull the others."""
        variable = max(i for i, size in enumerate(self.energy.sizes) if size > 1)
        source = np.random.default_rng(5)
        size = (len(self.energy.sizes), max(self.energy.sizes))
        state = int(self.X[self.log_p().argmax(), variable])
        return Known(variable, state, source.normal(0, 1, size), source.normal(0, 0.4, size[0]))


def _rbm(
    units: Units, n_hidden: int, dtype: torch.dtype, seed: int, kind: str = "bernoulli"
) -> SmallEnergy:
    source = np.random.default_rng(seed)
    n = units.n_statistics
    # Units of real values pull as the square of their weights.
    scale = {"bernoulli": 1.3, "categorical": 0.8}.get(kind, 0.5)
    W, c = source.normal(0, scale, (n, n_hidden)), source.normal(0, 1, n_hidden)
    b = source.normal(0, 0.7, n)
    base = source.normal(0, 0.7, n)
    own = random_layer(kind, n_hidden, seed)
    hidden = HIDDEN[kind](n_hidden, {name: torch.tensor(v, dtype=dtype) for name, v in own.items()})
    energy = RBMEnergy(*(torch.tensor(p, dtype=dtype) for p in (W, b, c, base)), units, hidden)
    X, S = _states(units)
    by_itself = _by_itself(units, X)

    def path(beta: float) -> Array:
        summed = log_partition(kind, beta * (S @ W + c), told(own))
        return np.asarray(summed + S @ ((1 - beta) * base + beta * b) + by_itself)

    return SmallEnergy(energy, X, path)


def _states(units: Units) -> tuple[NDArray[np.int64], Array]:
    """All states, and the statistics of each."""
    X = np.array(list(itertools.product(*[range(size) for size in units.sizes])))
    columns = []
    for variable in range(X.shape[1]):
        states = units.sizes[variable]
        if states == _N_LEVELS:
            columns += list(_level_statistics()[X[:, variable]].T)
            continue
        # A softmax group has a column a state; a unit of 0 or 1 beside it is its own column.
        grouped = not isinstance(units, Bernoulli) and not _is_bit(units, variable)
        columns += [X[:, variable] == k for k in range(states)] if grouped else [X[:, variable]]
    return X, np.stack(columns, axis=1).astype(float)


#: Levels of a normal number an eighth wide, the outer two without end.
_N_LEVELS = 64
_ENDS = np.concatenate([[-np.inf], np.arange(-31, 32) / 8, [np.inf]])


@cache
def _level_statistics() -> Array:
    """z / 2 and (z^2 - 1) / sqrt(8), their means in each level of a standard normal number."""
    levels = [truncnorm(low, high) for low, high in itertools.pairwise(_ENDS)]
    return np.array([[one.mean() / 2, (one.moment(2) - 1) / np.sqrt(8)] for one in levels])


def _by_itself(units: Units, X: NDArray[np.int64]) -> Array:
    """log of what states weigh without parameters: of a normal number the mass of its level."""
    numbers = [i for i, size in enumerate(units.sizes) if size == _N_LEVELS]
    each = np.diff(norm.cdf(np.minimum(_ENDS[:33], 0.0)))
    log_masses = np.log(np.concatenate([each, each[::-1]]))
    return np.asarray(log_masses[X[:, numbers]].sum(1))


def _boltzmann(
    units: Units, dtype: torch.dtype, seed: int, edges: list[tuple[int, int]] | None = None
) -> SmallEnergy:
    source = np.random.default_rng(seed)
    n = units.n_statistics
    owner = np.repeat(np.arange(units.n_variables), units.widths)
    pairs = np.array(edges or list(itertools.combinations(range(units.n_variables), 2)))
    coupled = np.zeros((units.n_variables,) * 2, dtype=bool)
    coupled[tuple(pairs.T)] = True
    J = source.normal(0, 1.0, (n, n)) * coupled[np.ix_(owner, owner)]
    J, b, base = J + J.T, source.normal(0, 0.7, n), source.normal(0, 0.7, n)
    given = None if edges is None else pairs
    parts = (torch.tensor(p, dtype=dtype) for p in (b, J, base))
    X, S = _states(units)
    full = S @ b + 0.5 * np.einsum("ns,st,nt->n", S, J, S)
    return SmallEnergy(
        BoltzmannEnergy(*parts, units, given),
        X,
        lambda beta: (1 - beta) * (S @ base) + beta * full,
    )


def _is_bit(units: Units, variable: int) -> bool:
    return isinstance(units, Mixed) and variable < units.parts[0].n_variables


def _grid(*model: object, dtype: torch.dtype = torch.float32) -> SmallEnergy:
    energy = random_grid(*model, seed=3, dtype=dtype)
    oracle = GridOracle(energy)
    base = energy.base.double().numpy()
    places = np.arange(oracle.X.shape[1]) if len(base) > 1 else np.zeros(oracle.X.shape[1], int)
    at_base = base[places, oracle.X].sum(1)
    return SmallEnergy(
        energy, oracle.X, lambda beta: (1 - beta) * at_base + beta * oracle.log_weights
    )


def _coarse(dtype: torch.dtype, n_levels: int = 5) -> SmallEnergy:
    grid = random_grid((2, 2), 3, "difference", 8, True, seed=3, dtype=dtype)
    weights = np.random.default_rng(4).uniform(0.2, 1.0, n_levels)
    inside = inside_shares(weights, 3)
    X = np.array(list(itertools.product(range(n_levels), repeat=4)))
    of = coarse_of(n_levels, 3)
    each = [weights[k] / weights[of == of[k]].sum() for k in range(n_levels)]
    oracle, base = GridOracle(grid), grid.base.double().numpy()
    at_base = base[np.arange(4), of[X]].sum(1)
    full = oracle.log_weights[oracle.index(of[X])]
    own = np.log(each)[X].sum(1)
    energy = InsideEnergy(grid, torch.tensor(inside, dtype=dtype))
    return SmallEnergy(energy, X, lambda beta: own + (1 - beta) * at_base + beta * full)


def _network(shape: str, zeros: bool, dtype: torch.dtype, seed: int) -> SmallEnergy:
    factors = random_factors(shape, seed, zeros=zeros, spread=1.3)
    oracle = NetworkOracle(factors)
    with np.errstate(divide="ignore"):
        full = np.maximum(np.log(oracle.weights), -745.0)
        own = {name: np.zeros(SIZES[name]) for name in oracle.names}
        for factor in factors:
            if len(factor.variables) == 1:
                own[factor.variables[0]] += np.maximum(np.log(factor.table), -745.0)
    each = [log_softmax(own[name])[oracle.X[:, i]] for i, name in enumerate(oracle.names)]
    at_base = np.sum(each, axis=0)
    energy = FactorEnergy(Structure(factors, 2.0).exact, dtype)
    return SmallEnergy(energy, oracle.X, lambda beta: (1 - beta) * at_base + beta * full)


_LABELLED = Mixed((Bernoulli(3), Categorical((3,))))
#: By name: every kind of unit, clique and table, on compiled paths (float32) and plain ones.
MAKERS: dict[str, Callable[[], SmallEnergy]] = {
    "rbm": lambda: _rbm(Bernoulli(5), 4, torch.float32, 0),
    "rbm, plain": lambda: _rbm(Bernoulli(4), 3, torch.float64, 1),
    "rbm with a label": lambda: _rbm(_LABELLED, 3, torch.float32, 2),
    "rbm with a label, plain": lambda: _rbm(_LABELLED, 4, torch.float64, 3),
    "rbm of categories": lambda: _rbm(Categorical((3, 2, 4)), 3, torch.float32, 4),
    "rbm of a normal number": lambda: _rbm(
        Mixed((Bernoulli(2), Gaussian(1))), 3, torch.float32, 13
    ),
    "rbm of a normal number, plain": lambda: _rbm(
        Mixed((Gaussian(1), Categorical((3, 3)))), 3, torch.float64, 22
    ),
    "rbm with gaussian hidden units": lambda: _rbm(Bernoulli(5), 3, torch.float32, 5, "gaussian"),
    "rbm with relu hidden units": lambda: _rbm(_LABELLED, 4, torch.float32, 6, "relu"),
    "rbm with drelu hidden units": lambda: _rbm(Bernoulli(5), 4, torch.float32, 7, "drelu"),
    "rbm with drelu hidden units, plain": lambda: _rbm(_LABELLED, 3, torch.float64, 12, "drelu"),
    "rbm with one hidden variable": lambda: _rbm(
        Categorical((3, 2, 4)), 5, torch.float32, 9, "categorical"
    ),
    "boltzmann of bits": lambda: _boltzmann(Bernoulli(6), torch.float32, 6),
    "boltzmann of categories": lambda: _boltzmann(Categorical((3, 2, 4)), torch.float32, 7),
    "boltzmann of both": lambda: _boltzmann(_LABELLED, torch.float32, 8),
    "boltzmann of both, plain": lambda: _boltzmann(_LABELLED, torch.float64, 9),
    "boltzmann on a graph": lambda: _boltzmann(
        Categorical((2, 3, 3, 2)), torch.float32, 10, [(0, 1), (1, 2), (2, 3)]
    ),
    "boltzmann of bits on a graph": lambda: _boltzmann(
        Bernoulli(5), torch.float32, 11, [(0, 1), (1, 2), (2, 3), (0, 4)]
    ),
    "boltzmann of bits, plain": lambda: _boltzmann(Bernoulli(5), torch.float64, 12),
    "grid of 2 levels": lambda: _grid((2, 2), 2, "multiscale", 8, False),
    "grid of 3 levels": lambda: _grid((2, 2), 3, "difference", 4, False),
    "grid of 3 levels, plain": lambda: _grid((2, 2), 3, "difference", 8, True, dtype=torch.float64),
    "grid with places": lambda: _grid((2, 2), 3, "block", 8, True),
    "grid of coarse levels": lambda: _coarse(torch.float32),
    "grid of coarse levels, plain": lambda: _coarse(torch.float64),
    "network of mixed sizes": lambda: _network("loop", False, torch.float32, 0),
    "network of wide factors": lambda: _network("wide", False, torch.float64, 1),
    "network with single states": lambda: _network("single", False, torch.float32, 2),
    "network with zeros": lambda: _network("loop", True, torch.float32, 3),
}


@cache
def small_energy(name: str) -> SmallEnergy:
    return MAKERS[name]()
