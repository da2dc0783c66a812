"""Densities inside bins, judged by sums over cells, by draws and by a density that is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from harmonium.data.columns.bins import resolution_of
from harmonium.data.columns.count import Count
from harmonium.data.columns.gaussian import Gaussian
from harmonium.data.columns.marginal import Marginal
from harmonium.data.columns.quantile import Quantile


def _skewed(n: int = 3_000) -> Any:
    """A third zeros, the rest log-normal: an atom, a bound and a heavy tail."""
    rng = np.random.default_rng(3)
    return np.where(rng.random(n) < 1 / 3, 0.0, np.exp(rng.normal(3, 1, n)))


COLUMNS = {
    "skewed": lambda: Quantile.fit("x", _skewed()),
    "rounded": lambda: Quantile.fit("x", np.round(np.random.default_rng(1).normal(5, 2, 900), 1)),
    "counts": lambda: Count.fit("x", np.random.default_rng(2).poisson(2, 500).astype(float)),
    "many": lambda: Count.fit("x", np.random.default_rng(2).poisson(90, 2_000).astype(float)),
    "few": lambda: Quantile.fit("x", np.random.default_rng(5).normal(size=12)),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_cells_that_tile_the_line_sum_to_one(name: str) -> None:
    column = COLUMNS[name]()
    # Off the values themselves, so that no atom lies on an end and counts in two cells.
    width = column.width * 3
    ends = np.arange(column.low - 20.25 * width, column.high + 20 * width, width)
    cells = np.exp(column.cell_weights(ends[:-1] + width / 2, width)).sum(axis=0)
    beyond = column.marginal.mass(np.full(1, -np.inf), ends[:1])
    beyond += column.marginal.mass(ends[-1:], np.full(1, np.inf))
    masses = column.marginal.mass(column.ends[:-1], column.ends[1:])
    assert (cells @ masses + beyond)[0] == pytest.approx(1.0, abs=1e-9)
    assert (cells[1:-1] == pytest.approx(1.0, abs=1e-9)) or column.n_states < 3


@pytest.mark.parametrize("name", COLUMNS)
def test_draws_have_the_masses_of_their_cells(name: str) -> None:
    column = COLUMNS[name]()
    n = 20_000
    rng = np.random.default_rng(7)
    for state in {0, column.n_states // 2, column.n_states - 1}:
        drawn = column.values(np.full(n, float(state)), rng)
        assert ((drawn >= column.low) & (drawn <= column.high)).all()
        np.testing.assert_array_equal(column.states(drawn), state)
        u = column.quantile(np.full(9, state), np.linspace(0.1, 0.9, 9))
        assert (np.diff(u) >= 0).all()
        # One number that depends on the whole: below the 0.5 quantile lies half, atoms aside.
        half = column.width / 2
        cell = column.cell_weights(np.array([np.median(drawn)]), 2 * half)[0, state]
        share = (np.abs(drawn - np.median(drawn)) <= half * (1 + 1e-9)).mean()
        assert stats.binomtest(round(share * n), n, min(np.exp(cell), 1)).pvalue > 1e-5 or (
            # What lies beyond the range seen is drawn inside it.
            share == pytest.approx(np.exp(cell), rel=0.1)
        )


def test_the_density_is_near_the_one_that_made_the_values() -> None:
    rng = np.random.default_rng(0)
    for made in (stats.norm(3, 2), stats.lognorm(1.0), stats.t(3), stats.uniform(2, 1)):
        column = Quantile.fit("x", made.rvs(4_000, random_state=rng))
        unseen = made.rvs(4_000, random_state=rng)
        states = column.states(unseen)
        ends = column.ends
        log = column.log_density(unseen, states)
        log += np.log(column.marginal.mass(ends[:-1], ends[1:]))[states.astype(int)]
        loss = made.logpdf(unseen).mean() - log.mean()
        assert -0.02 < loss < 0.05


def test_a_zero_is_a_mass_in_a_state_of_its_own() -> None:
    column = Quantile.fit("x", _skewed())
    assert column.low == 0
    weights = column.cell_weights(np.zeros(1), 1e-6)[0]
    assert np.exp(weights[0]) > 0.97
    assert not np.isfinite(weights[1:]).any()
    assert (column.values(np.zeros(100), np.random.default_rng(0)) >= 0).all()
    # Nothing lies below the bound, and far out nothing is impossible.
    assert column.cell_weights(np.array([-5.0]), 1.0).max() == -np.inf
    far = column.cell_weights(np.array([1e9]), 1.0)[0]
    assert np.isfinite(far[-1])
    assert not np.isfinite(far[:-1]).any()


def test_bins_are_few_and_full() -> None:
    for name in COLUMNS:
        column = COLUMNS[name]()
        assert 2 <= column.n_states <= 24
        assert (np.diff(column.centres()) > 0).all()
    counts = Count.fit("x", np.array([0.0] * 50 + [1] * 20 + [2] * 9 + [7, 9, 30]))
    assert counts.n_states == 3
    assert counts.states(np.array([0, 1, 2, 7, 500, np.nan])).tolist()[:5] == [0, 1, 2, 2, 2]


@pytest.mark.parametrize("name", ["skewed", "counts", "many"])
def test_conditions_are_met(name: str) -> None:
    column = COLUMNS[name]()
    rng = np.random.default_rng(0)
    low, high = np.quantile([column.low, column.high], [0.1, 0.4]).round()
    for condition, met in (
        ((low, high), lambda x: (x >= low - column.width) & (x <= high + column.width)),
        (low, lambda x: x == low),
        ([low, high], lambda x: (x == low) | (x == high)),
        ({1e6}, lambda x: x == 1e6),
    ):
        weights, inner = column.allowed(condition)
        assert (weights <= 0).all()
        states = np.repeat(np.flatnonzero(np.isfinite(weights)).astype(float), 50)
        for within in (condition, inner):
            drawn = column.values(states, rng, within)
            assert met(drawn).all()
            np.testing.assert_array_equal(column.states(drawn), states)
    everything, _ = column.allowed((-1e300, 1e300))
    np.testing.assert_allclose(everything, 0, atol=1e-9)
    with pytest.raises(ValueError, match="must rise"):
        column.allowed((2, 1))
    with pytest.raises(ValueError, match="allows nothing"):
        column.allowed([])
    with pytest.raises(ValueError, match="wants numbers"):
        column.allowed("x")


def test_a_density_is_read_back_or_refused() -> None:
    marginal = COLUMNS["skewed"]().marginal
    again = Marginal.from_facts(marginal.facts())
    low, high = np.linspace(-1, 50, 40), np.linspace(0, 60, 40)
    np.testing.assert_array_equal(again.mass(low, high), marginal.mass(low, high))
    with pytest.raises(ValueError, match="no density"):
        Marginal.from_facts(marginal.facts() | {"masses": [2.0] * len(marginal.masses)})


@pytest.mark.parametrize(
    ("values", "step"),
    [
        (np.arange(40) * 10_000.0, 10_000.0),
        (np.array([10.0, 20, 50]), 1.0),
        (np.arange(50) * 0.005, 0.005),
        (np.round(np.random.default_rng(0).normal(size=99), 2), 0.01),
        (np.random.default_rng(0).normal(size=99), None),
        (18_000 + np.arange(50) / 24, 1 / 24),
        (np.array([0.1 + 0.2, 0.3, 0.7]), 0.1),
        (np.random.default_rng(0).gamma(2, 1e-4, 99), None),  # all far below a step
    ],
)
def test_the_step_of_values(values: Any, step: float | None) -> None:
    assert resolution_of(values) == step


def test_draws_stay_in_bins_whose_edges_are_values_too() -> None:
    # Even numbers: steps of 1 (few distinct values), and so odd edges, which draws round to.
    column = Quantile.fit("x", np.repeat(np.arange(0.0, 40, 2), 30))
    assert column.resolution == 1
    states = np.repeat(np.arange(float(column.n_states)), 4_000)
    drawn = column.values(states, np.random.default_rng(0))
    np.testing.assert_array_equal(column.states(drawn), states)


def test_a_density_integrates_to_one_where_bins_are_narrower_than_its_cell() -> None:
    """Half of the numbers within 1e-3 of 0, half spread over a billion times as much."""
    rng = np.random.default_rng(0)
    column = Quantile.fit("x", np.concatenate([rng.normal(0, 1e-3, 300), rng.normal(0, 1e6, 300)]))
    ends, states = column.ends[1:-1], np.arange(1.0, column.n_states - 1)
    assert np.diff(ends).min() < 1e-3 * column.width
    total = 0.0
    for low, high, state in zip(ends[:-1], ends[1:], states, strict=True):
        x = np.linspace(low, high, 2002)[:-1] + (high - low) / 4002
        inside = np.exp(column.log_density(x, np.full(len(x), state)))
        total += inside.mean() * (high - low)
    assert total == pytest.approx(len(states), rel=0.02)


def test_numbers_that_float64_cannot_tell_apart_are_refused() -> None:
    close = np.tile([1.0, np.nextafter(1.0, 2.0)], 50)
    for values in (close, np.arange(60) * 1e-300):
        for kind in (Quantile, Gaussian):
            with pytest.raises(ValueError, match=r"'x'.*cannot be told from rounding"):
                kind.fit("x", values)
    assert Quantile.fit("x", 1e15 + np.arange(60.0)).n_states > 2


@pytest.mark.filterwarnings("error")
def test_one_value_that_differs() -> None:
    """Where it is held out nothing is left to tell shapes by."""
    column = Quantile.fit("x", np.append(np.full(99, 5.0), 6.0))
    assert np.exp(column.log_alone(np.array([5.0, 6.0]))) == pytest.approx([0.99, 0.01], abs=0.01)


def test_the_least_number_has_a_tail_though_nothing_lies_below() -> None:
    column = Quantile.fit("x", np.append(np.random.default_rng(0).uniform(0, 9, 200), 0.0))
    found = column.log_tails(np.array([0.0, 1.0]))
    assert -15 < found[0] < found[1] < 0


@pytest.mark.filterwarnings("error")
def test_nothing_is_impossible_however_far_out() -> None:
    column = Quantile.fit("x", np.random.default_rng(0).normal(3, 2, 300))
    x = np.array([1e10, 1e20, 1e160, 1e300])
    for far in (x, -x):
        assert (np.diff(column.log_tails(far)) < -20).all()
        assert (np.diff(column.log_alone(far)) < -40).all()
    m = column.marginal
    ends = np.array([-np.inf, -1e300, -1e200, -1e20, 1e20, 1e200, 1e300, np.inf])
    assert m.mass(ends[:-1], ends[1:]).sum() == pytest.approx(1.0)
    assert float(m.mass(ends[2], ends[5])) == pytest.approx(1.0)
    tails = np.pi * m.scale / (m.tail * m.mass(-x, -x / 10)) / x
    np.testing.assert_allclose(tails, tails[0], rtol=1e-6)
