"""Grid energies against enumeration: weights, log Z, conditionals, sweeps, gradients."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.support.grid_oracle import GridOracle, random_grid
from tests.support.statistics import ALPHA, chi_square_p_value

from harmonium.contract.energy import Chains
from harmonium.contract.evidence import Evidence, TableReadings
from harmonium.models.grid import energy as grid_energy
from harmonium.models.grid.cliques import POTENTIALS, Cliques, filters_for
from harmonium.models.grid.kernels.choose import Draws, sweep
from harmonium.models.grid.pseudo import pseudo_moments

#: Shape, levels, potential, neighbours, places: every kind of clique, both twins' corners.
MODELS = [
    ((2, 3), 3, "difference", 4, False),
    ((3, 2), 3, "difference", 8, True),
    ((2, 3), 3, "block", 8, False),
    ((3, 4), 2, "multiscale", 8, True),
    ((4, 3), 2, "multiscale", 4, False),
    ((1, 5), 4, "block", 4, True),
    ((2, 2), 4, "independent", 4, True),
]


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.SFC64(seed))


def energy_and_oracle(model, dtype=torch.float32):
    energy = random_grid(*model, dtype=dtype)
    return energy, GridOracle(energy)


@pytest.mark.parametrize("model", MODELS, ids=str)
def test_weights_and_log_z_equal_enumeration(model):
    energy, oracle = energy_and_oracle(model, torch.float64)
    weights = energy.log_weight(torch.from_numpy(oracle.X).double())
    np.testing.assert_allclose(weights, oracle.log_weights, atol=1e-10)
    assert energy.exact_log_partition() == pytest.approx(oracle.log_z, abs=1e-10)


def test_the_transfer_matrix_refuses_what_would_not_fit():
    wide = random_grid((30, 30), 4)
    assert wide.exact_log_partition() is None
    assert wide.exact_moments() is None


@pytest.mark.parametrize("model", MODELS, ids=str)
def test_expected_moments_equal_enumeration(model):
    energy, oracle = energy_and_oracle(model, torch.float64)
    everything = torch.from_numpy(oracle.X).double()
    wanted = energy.moments(everything, torch.from_numpy(oracle.p))
    found = energy.exact_moments()
    for name, value in wanted.items():
        np.testing.assert_allclose(found[name], value, atol=1e-10)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("model", MODELS, ids=str)
def test_conditionals_are_ratios_of_the_joint(model, dtype):
    energy, oracle = energy_and_oracle(model, dtype)
    x = torch.from_numpy(oracle.X[:: max(1, len(oracle.X) // 50)]).to(dtype)
    found = energy.marginals(Chains(x), generator()).double().numpy()
    for pixel in range(x.shape[1]):
        weights = []
        for level in range(energy.n_states):
            other = x.numpy().copy()
            other[:, pixel] = level
            weights.append(oracle.p[oracle.index(other)])
        wanted = np.array(weights) / np.sum(weights, axis=0)
        if energy.n_states == 2:
            np.testing.assert_allclose(found[:, pixel], wanted[1], atol=2e-6)
        else:
            np.testing.assert_allclose(found[:, pixel], wanted.T, atol=2e-6)


@pytest.mark.parametrize("potential", [p for p in POTENTIALS if p != "independent"])
@pytest.mark.parametrize("neighbours", [4, 8])
def test_pixels_of_one_colour_share_no_clique(potential, neighbours):
    cliques = Cliques(filters_for(potential, neighbours), 4)
    a, b, m = cliques.colour
    for kernel in cliques.filters:
        colours = [(a * y + b * x) % m for y, x in np.argwhere(kernel)]
        assert len(set(colours)) == len(colours)
    if potential == "difference":
        assert m == {4: 2, 8: 4}[neighbours]


def readings_for(energy, n: int, seed: int) -> Evidence:
    source = torch.Generator().manual_seed(seed)
    size = (n, energy.n_variables)
    free = torch.rand(size, generator=source) < 0.8
    readings = TableReadings(
        rows=torch.randint(0, 3, size, generator=source, dtype=torch.int32),
        table=torch.randn((3, energy.n_states), generator=source),
        slopes=0.1 * torch.randn(size, generator=source),
    )
    return Evidence(free, readings)


@pytest.mark.parametrize(
    "model",
    [
        ((5, 6), 4, "multiscale", 8, True),
        ((9, 7), 100, "multiscale", 8, False),
        ((6, 6), 256, "difference", 4, False),
        ((5, 5), 2, "block", 8, True),
    ],
    ids=str,
)
def test_the_compiled_sweep_equals_its_plain_twin(model):
    energy = random_grid(*model)
    plain = energy.to(torch.float64)
    x = torch.from_numpy(generator(1).integers(0, model[1], (5, energy.n_variables))).float()
    evidence = readings_for(energy, 5, seed=2)
    betas = torch.linspace(0.1, 1.0, 5)
    for beta in (1.0, betas):
        fast = energy.sweep(Chains(x), generator(3), beta=beta, evidence=evidence).x
        slow = plain.sweep(Chains(x.double()), generator(3), beta=beta, evidence=evidence).x
        # A draw within rounding of the edge between two levels may fall on either side.
        assert (fast.double() != slow).double().mean() < 0.01
        assert torch.equal(fast[~evidence.free], x[~evidence.free])
    _, fast_means = energy.sweep_means(Chains(x), generator(4), evidence)
    _, slow_means = plain.sweep_means(Chains(x.double()), generator(4), evidence)
    assert (fast_means - slow_means).abs().median() < 1e-3
    assert torch.equal(energy.ascend(x, evidence).double(), plain.ascend(x.double(), evidence))


def drift_p_value(energy, oracle, evidence=None, posterior=None, n: int = 60_000) -> float:
    """Chains that start at equilibrium must still be there after two sweeps."""
    p = oracle.p if posterior is None else posterior
    start = np.random.default_rng(1).choice(len(p), size=n, p=p)
    chains = Chains(torch.from_numpy(oracle.X[start]).float())
    source = generator(2)
    for _ in range(2):
        chains = energy.sweep(chains, source, evidence=evidence)
    return chi_square_p_value(np.bincount(oracle.index(chains.x.numpy()), minlength=len(p)), p)


@pytest.mark.parametrize("window", [64, 2])
@pytest.mark.parametrize(
    "model", [MODELS[1], MODELS[3], ((1, 4), 5, "difference", 4, False)], ids=str
)
def test_sweeps_keep_the_distribution(model, window, monkeypatch):
    monkeypatch.setattr(grid_energy, "WINDOW", window)
    energy, oracle = energy_and_oracle(model)
    assert drift_p_value(energy, oracle) > ALPHA


class FixedWindow(grid_energy.GridEnergy):
    """A planted fault: the window always starts at the present level."""

    def _move(self, x, beta, evidence, draws, means):
        draws = Draws(draws.uniforms, torch.zeros_like(draws.shifts), draws.window)
        return super()._move(x, beta, evidence, draws, means)


class OneColour(grid_energy.GridEnergy):
    """A planted fault: all pixels move at once, from the image before."""

    def _move(self, x, beta, evidence, draws, means):
        field = self.field(x, beta, evidence)
        together = torch.empty_like(x)
        for pixel in range(x.shape[1]):
            only = field._replace(free=torch.zeros_like(field.free))
            only.free[:, pixel] = True
            moved = sweep(x, self.shape, self.cliques, self.tables(), only, draws, means)
            together[:, pixel] = moved[:, pixel]
        return together


class NoBias(grid_energy.GridEnergy):
    """A planted fault: forgets the levels."""

    def bias(self):
        return torch.zeros_like(super().bias())


@pytest.mark.parametrize("fault", [FixedWindow, OneColour, NoBias])
def test_planted_faults_are_found(fault, monkeypatch):
    monkeypatch.setattr(grid_energy, "WINDOW", 2)
    energy, oracle = energy_and_oracle(MODELS[0])
    faulty = fault(
        energy.cliques, energy.shape, energy.knots, energy.level, energy.place, energy.base
    )
    assert drift_p_value(faulty, oracle) < ALPHA


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("model", MODELS, ids=str)
def test_pseudo_likelihood_and_its_gradient(model, dtype):
    energy, oracle = energy_and_oracle(model, dtype)
    rows = oracle.X[:: max(1, len(oracle.X) // 40)]
    weights = np.random.default_rng(3).random(len(rows))

    def value(at: GridOracle) -> float:
        total = np.zeros(len(rows))
        for pixel in range(rows.shape[1]):
            others = np.repeat(rows[None], energy.n_states, 0).copy()
            others[:, :, pixel] = np.arange(energy.n_states)[:, None]
            p = at.p[at.index(others)]
            total += np.log(at.p[at.index(rows)] / p.sum(0))
        return float(weights @ total)

    found, moments = pseudo_moments(
        energy, torch.from_numpy(rows).to(dtype), torch.from_numpy(weights)
    )
    gradient = moments.gradient()
    assert found == pytest.approx(value(oracle), rel=1e-5)
    wide, step = energy.to(torch.float64), 1e-5
    for name, parameter in wide.parameters().items():
        flat = parameter.view(-1)
        for k in range(0, len(flat), max(1, len(flat) // 6)):
            before = float(flat[k])
            ends = []
            for side in (before + step, before - step):
                flat[k] = side
                ends.append(value(GridOracle(wide)))
            flat[k] = before
            slope = (ends[0] - ends[1]) / (2 * step)
            assert float(gradient[name].reshape(-1)[k]) == pytest.approx(slope, rel=1e-3, abs=1e-4)
