"""Layers of units against sums over every state."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from tests.support.statistics import assert_drawn_from

from harmonium.contract.evidence import TableReadings
from harmonium.contract.noise import Replace
from harmonium.units.base import Units
from harmonium.units.bernoulli import Bernoulli
from harmonium.units.categorical import Categorical
from harmonium.units.gaussian import Gaussian
from harmonium.units.levels import LEVELS
from harmonium.units.mixed import Mixed
from harmonium.units.space import log2_states, n_states, states_of

LAYERS: dict[str, Units] = {
    "bernoulli": Bernoulli(3),
    "categorical": Categorical([3, 2, 4]),
    "mixed": Mixed([Bernoulli(2), Categorical([3]), Bernoulli(1), Categorical([2, 4])]),
    "one state": Categorical([1, 3]),
    "gaussian": Gaussian(2),
    "gaussian, or missing": Gaussian(1, absent=True),
    "mixed with gaussian": Mixed([Bernoulli(2), Categorical([3]), Gaussian(1, absent=True)]),
}


def summed(units: Units, seed: int = 0):
    """Inputs of one row, all states, their statistics and their probabilities."""
    inputs = torch.from_numpy(np.random.default_rng(seed).normal(0, 1.5, (1, units.n_statistics)))
    x = torch.cat(list(states_of(units.sizes)))
    log_weights = units.statistics(x) @ inputs[0] + units.log_weight(x)
    return inputs, x, log_weights


@pytest.mark.parametrize("name", LAYERS)
def test_everything_given_inputs_is_a_sum_over_states(name):
    units = LAYERS[name]
    inputs, x, log_weights = summed(units)
    assert len(x) == n_states(units.sizes)
    assert len(torch.unique(x, dim=0)) == len(x)
    assert 2 ** log2_states(units.sizes) == pytest.approx(len(x))
    p = torch.softmax(log_weights, 0)
    close = {"atol": 1e-12, "rtol": 0}
    torch.testing.assert_close(units.log_partition(inputs)[0], log_weights.logsumexp(0), **close)
    torch.testing.assert_close(units.mean(inputs)[0], p @ units.statistics(x), **close)
    torch.testing.assert_close(units.expected_state(inputs)[0], p @ x, **close)
    torch.testing.assert_close(units.mode(inputs)[0], x[p.argmax()], **close)
    most = max(units.sizes)
    wanted = torch.stack([p @ (x == state).double() for state in range(most)], dim=1)
    torch.testing.assert_close(units.probabilities(inputs, most)[0], wanted, **close)


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_products_and_outer_products_are_those_of_the_statistics(name, dtype):
    units, source = LAYERS[name], np.random.default_rng(4)
    x = torch.cat(list(states_of(units.sizes))).to(dtype)
    wide = units.statistics(x)
    weights = torch.from_numpy(source.normal(size=(units.n_statistics, 5))).to(dtype)
    other = torch.from_numpy(source.normal(size=(len(x), 5))).to(dtype)
    close = {"atol": 1e-5, "rtol": 1e-5}
    torch.testing.assert_close(
        units.product(x, weights, other[0]), wide @ weights + other[0], **close
    )
    torch.testing.assert_close(units.outer(x, other), wide.T @ other, **close)


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_draws_follow_the_inputs(name, dtype):
    units = LAYERS[name]
    inputs, _, log_weights = summed(units, 1)
    generator = np.random.Generator(np.random.SFC64(0))
    drawn = units.sample(inputs.to(dtype).expand(20_000, -1).contiguous(), generator)
    assert drawn.dtype == dtype
    number = np.ravel_multi_index(tuple(drawn.numpy().astype(int).T), units.sizes)
    assert_drawn_from(number, torch.softmax(log_weights, 0).numpy())


@pytest.mark.parametrize("name", LAYERS)
def test_readings_are_inputs(name):
    """Adding them to the inputs is to weigh every state by its likelihood."""
    units = LAYERS[name]
    inputs, x, log_weights = summed(units, 2)
    values = np.array([[size - 1.0 for size in units.sizes]])
    values[0, 0] = np.nan
    found = Replace(0.3).likelihood(values, units.sizes)
    readings = TableReadings(torch.from_numpy(found.rows), torch.from_numpy(found.table))
    each = readings.select(torch.zeros(len(x), dtype=torch.long)).log_weight(x)
    p = torch.softmax(log_weights + each, 0)
    given = units.mean(units.read(inputs, readings, slice(None)))
    torch.testing.assert_close(given[0], p @ units.statistics(x), atol=1e-12, rtol=0)


@pytest.mark.parametrize("name", LAYERS)
def test_base_inputs_expect_what_was_seen(name):
    units = LAYERS[name]
    x = torch.cat(list(states_of(units.sizes)))
    weights = torch.from_numpy(np.random.default_rng(3).dirichlet(np.ones(len(x))))
    seen = weights @ units.statistics(x)
    found = units.mean(units.base_inputs(seen, 1e12).unsqueeze(0))[0]
    torch.testing.assert_close(found, seen, atol=1e-9, rtol=0)
    assert torch.isfinite(units.base_inputs(torch.zeros_like(seen), 10)).all()


def test_states_that_cannot_be_counted_are_not_listed():
    assert log2_states([2, 0]) == np.inf
    with pytest.raises(ValueError, match="counted"):
        next(states_of([2, 0]))


def test_runs_of_levels_are_where_their_statistics_are():
    groups = Categorical([3, 4, 2], [3, 0, 2])
    assert groups.runs == ((0, 3), (7, 9))
    assert Mixed([Bernoulli(2), groups, Categorical([5], [4])]).runs == ((2, 5), (9, 11), (11, 15))
    assert Categorical([3, 2]).runs == Bernoulli(3).runs == ()


def test_normal_numbers_have_the_mean_and_variance_that_their_inputs_say():
    """P(z) ~ exp(-z^2 / 2 + I1 z / 2 + I2 (z^2 - 1) / sqrt(8)) on the line, told by levels an
    eighth wide: what varies inside a level is missing, a twelfth of its square, and a little more
    in the outer two."""
    units, z = Gaussian(1), torch.from_numpy(LEVELS)
    for mean, variance in ((0.0, 1.0), (0.7, 0.5), (-1.2, 0.1)):
        inputs = torch.tensor([[2 * mean / variance, math.sqrt(2) * (1 - 1 / variance)]]).double()
        p = units.probabilities(inputs, 64)[0, 0]
        assert float(p @ z) == pytest.approx(mean, abs=0.01)
        assert float(p @ z**2 - (p @ z) ** 2) == pytest.approx(variance, abs=0.125**2 / 11)


def test_what_states_add_to_others_is_told_a_variable():
    for units in LAYERS.values():
        weights = torch.from_numpy(np.random.default_rng(5).normal(size=(units.n_statistics, 3)))
        x = torch.cat(list(states_of(units.sizes)))
        each = units.by_state(weights)
        wanted = units.statistics(x) @ weights
        found = sum(own[x[:, i].long()] for i, own in enumerate(each))
        torch.testing.assert_close(found, wanted, atol=1e-12, rtol=0)


def test_base_inputs_of_many_means_are_those_of_each():
    for units in LAYERS.values():
        x = torch.cat(list(states_of(units.sizes)))
        shares = torch.from_numpy(np.random.default_rng(6).dirichlet(np.ones(len(x)), 4))
        means = shares @ units.statistics(x)
        each = torch.stack([units.base_inputs(mean, 50.0) for mean in means])
        torch.testing.assert_close(units.base_inputs(means, 50.0), each, atol=1e-9, rtol=1e-9)
