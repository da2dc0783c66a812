"""Hidden units against sums over their values, by quadrature where these are real."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.special import logsumexp
from scipy.stats import kstest
from tests.support.hidden_oracle import grid, log_density, log_partition, random_layer, told
from tests.support.statistics import ALPHA, assert_drawn_from

from harmonium.units.hidden import HIDDEN
from harmonium.units.hidden.base import SQUARE, HiddenUnits

REAL = ["gaussian", "relu", "drelu"]
N_UNITS = 4


def layer(kind: str, dtype: torch.dtype = torch.float64, seed: int = 0) -> HiddenUnits:
    own = random_layer(kind, N_UNITS, seed)
    return HIDDEN[kind](N_UNITS, {n: torch.tensor(v, dtype=dtype) for n, v in own.items()})


def inputs(dtype: torch.dtype = torch.float64, scale: float = 3.0) -> torch.Tensor:
    drawn = np.random.default_rng(1).normal(0, scale, (7, N_UNITS))
    return torch.tensor(drawn, dtype=dtype)


def moment(kind: str, x: np.ndarray, own: dict[str, np.ndarray], power: int) -> np.ndarray:
    found = np.empty_like(x)
    for j in range(x.shape[1]):
        h, mass = log_density(kind, x[:, j], {name: v[j] for name, v in own.items()})
        share = np.exp(mass - logsumexp(mass, axis=1, keepdims=True))
        found[:, j] = share @ h**power
    return found


@pytest.mark.parametrize("kind", HIDDEN)
def test_what_is_summed_out_is_the_sum_of_all_values(kind):
    x, own = inputs(), told(random_layer(kind, N_UNITS, 0))
    found = layer(kind).log_partition(x).numpy()
    np.testing.assert_allclose(found, log_partition(kind, x.numpy(), own), rtol=1e-10)
    rest = layer(kind).log_partition(torch.zeros(1, N_UNITS, dtype=torch.float64)).item()
    assert layer(kind).log_partition_at_rest() == pytest.approx(rest, abs=1e-12)
    stacked = torch.stack([x, 2 * x])
    many = layer(kind).log_partition(stacked)
    torch.testing.assert_close(many[0], layer(kind).log_partition(x), rtol=1e-12, atol=0)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("kind", REAL)
def test_moments_of_real_values_are_those_of_quadrature(kind, dtype):
    units, x = layer(kind, dtype), inputs(dtype)
    own = told({name: v.double().numpy() for name, v in units.parameters.items()})
    mean, beside = units.expected(x)
    slack = 1e-9 if dtype == torch.float64 else 2e-5
    wide = x.double().numpy()
    np.testing.assert_allclose(mean, moment(kind, wide, own, 1), rtol=slack, atol=slack)
    np.testing.assert_allclose(beside[SQUARE], moment(kind, wide, own, 2), rtol=slack, atol=slack)
    torch.testing.assert_close(units.mean(x), mean)


@pytest.mark.parametrize("kind", HIDDEN)
def test_moments_are_derivatives_of_the_log_partition(kind):
    x, step = inputs(), 1e-6
    mean, beside = layer(kind).expected(x)
    assert set(beside) - {SQUARE} == set(layer(kind).parameters)
    for j in range(N_UNITS):
        moved = step * torch.eye(N_UNITS, dtype=torch.float64)[j]
        up, down = (layer(kind).log_partition(x + sign * moved) for sign in (1, -1))
        torch.testing.assert_close((up - down) / (2 * step), mean[:, j], rtol=1e-6, atol=1e-7)
    for name in layer(kind).parameters:
        for j in range(N_UNITS):
            ends = []
            for sign in (1, -1):
                units = layer(kind)
                units.parameters[name][j] += sign * step
                ends.append(units.log_partition(x))
            slope = (ends[0] - ends[1]) / (2 * step)
            torch.testing.assert_close(slope, beside[name][:, j], rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("kind", REAL)
def test_draws_of_real_values_are_of_their_density(kind, dtype):
    """Kolmogorov and Smirnov, each unit; and a density a little off is told apart."""
    units, n = layer(kind, dtype), 20_000
    x = inputs(dtype, scale=2.0)[:1]
    own = told({name: v.double().numpy() for name, v in units.parameters.items()})
    drawn = units.sample(x.repeat(n, 1), np.random.default_rng(3)).double().numpy()
    for j in range(N_UNITS):
        one = {name: v[j] for name, v in own.items()}
        right, wrong = (_distribution(kind, float(x[0, j]) + shift, one) for shift in (0.0, 0.3))
        assert kstest(drawn[:, j], right).pvalue > ALPHA / N_UNITS
        assert kstest(drawn[:, j], wrong).pvalue < ALPHA / N_UNITS
    apart = np.corrcoef(drawn.T) - np.eye(N_UNITS)
    assert np.abs(apart).max() < 5.5 / np.sqrt(n)


def _distribution(kind, at, own):
    h, mass = log_density(kind, np.array([at]), own)
    order = np.argsort(h)
    share = np.exp(mass[0] - logsumexp(mass[0]))[order]
    below = np.cumsum(share) - 0.5 * share
    return lambda values: np.interp(values, h[order], below)


def test_one_hidden_variable_is_drawn_by_its_weights():
    units = layer("categorical")
    x = inputs()[:1]
    drawn = units.sample(x.repeat(20_000, 1), np.random.default_rng(0))
    assert torch.equal(drawn.sum(1), torch.ones(20_000, dtype=torch.float64))
    assert_drawn_from(drawn.argmax(1).numpy(), torch.softmax(x[0], 0).numpy())
    assert torch.equal(units.mode(x).argmax(1), x.argmax(1))


@pytest.mark.parametrize("kind", REAL)
def test_the_mode_is_where_the_density_is_highest(kind):
    x, own = inputs(), told(random_layer(kind, N_UNITS, 0))
    found = layer(kind).mode(x).numpy()
    h, share = grid(kind)
    for j in range(N_UNITS):
        _, mass = log_density(kind, x[:, j].numpy(), {n: v[j] for n, v in own.items()})
        best = h[(mass - share).argmax(1)]
        np.testing.assert_allclose(found[:, j], best, atol=0.05)


@pytest.mark.parametrize("kind", HIDDEN)
def test_annealing_weighs_and_draws_at_once(kind):
    units, x = layer(kind, torch.float32), inputs(torch.float32)
    drawn, change = units.anneal(x.clone(), 0.3, 0.7, np.random.default_rng(0))
    assert drawn.shape == x.shape
    wide = x.double()
    wanted = units.log_partition(0.7 * wide) - units.log_partition(0.3 * wide)
    torch.testing.assert_close(change, wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", REAL)
def test_potentials_are_those_that_are_summed(kind):
    own = random_layer(kind, 1, 0)
    units = HIDDEN[kind](1, {name: torch.tensor(v) for name, v in own.items()})
    h, share = grid(kind)
    weight = -units.potential(torch.tensor(h).unsqueeze(1)).numpy()
    at_rest = logsumexp(weight + share)
    assert at_rest == pytest.approx(units.log_partition_at_rest(), rel=1e-10)


@pytest.mark.parametrize("kind", HIDDEN)
def test_inputs_of_any_size_leave_numbers_finite(kind):
    """In float32 as in learning, and far below zero, where masses underflow."""
    for dtype in (torch.float32, torch.float64):
        units = layer(kind, dtype)
        x = torch.tensor([-1e4, -300.0, -40.0, -9.0, 0.0, 9.0, 300.0, 1e4], dtype=dtype)
        x = x.unsqueeze(1).repeat(1, N_UNITS)
        mean, beside = units.expected(x)
        drawn = units.sample(x.clone(), np.random.default_rng(0))
        for found in (mean, *beside.values(), drawn, units.log_partition(x), units.mode(x)):
            assert bool(torch.isfinite(found).all())
    if kind == "relu":
        assert bool((mean > 0).all())
        assert bool((drawn >= 0).all())
        np.testing.assert_allclose(mean[0], 1e-4, rtol=1e-6)
