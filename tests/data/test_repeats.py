"""Values that repeat inside narrow cells: the cells keep their masses, draws are as was seen."""

from __future__ import annotations

import numpy as np
import pytest

from harmonium.data.columns.marginal import _candidates, fit_marginal
from harmonium.data.columns.quantile import Quantile
from harmonium.data.columns.repeats import marginal_of, on_repeats

WIDTH = 10.0


def heaped(n: int = 3000, seed: int = 0) -> np.ndarray:
    """Halves, of which nine in ten are whole: finer than cells of ten see."""
    random = np.random.default_rng(seed)
    x = np.round(random.gamma(4.0, 100.0, n))
    return x + 0.5 * (random.random(n) < 0.1)


@pytest.mark.parametrize("values", [heaped(), heaped() - 900.0, np.tile([0.0, 0.5, 7.0], 40)])
def test_cells_keep_their_masses(values):
    plain = fit_marginal(values, WIDTH)
    found = on_repeats(plain, values, WIDTH)
    edges = (np.arange(-250, 400) + 0.5) * WIDTH - 1e-9  # those on an edge are of the cell above
    low, high = edges[:-1], edges[1:] - 1e-9
    np.testing.assert_allclose(found.mass(low, high), plain.mass(low, high), atol=1e-8)
    everything = np.array([-np.inf]), np.array([np.inf])
    np.testing.assert_allclose(found.mass(*everything), 1.0)
    assert 0 < found.tail < 1


def test_values_that_heap_are_told_better_and_others_as_before():
    seen, unseen = heaped(), heaped(seed=1)
    plain = next(m for _, m in _candidates(seen, (0, "kernel", 0.4)))
    found = on_repeats(plain, seen, WIDTH)
    each = [np.log(m.mass(unseen - 0.25, unseen + 0.25)).mean() for m in (plain, found)]
    assert each[1] > each[0] + 0.1
    smooth = np.random.default_rng(0).normal(size=2000)
    np.testing.assert_array_equal(
        marginal_of(smooth, 0.02, 0.001).heights, fit_marginal(smooth, 0.02).heights
    )


def test_draws_heap_as_values_do():
    seen = heaped()
    column = Quantile.fit("x", seen)
    drawn = column.values(column.states(seen), np.random.default_rng(0))
    assert (drawn % 1 != 0).mean() == pytest.approx((seen % 1 != 0).mean(), abs=0.08)


def test_a_value_that_repeats_is_drawn_to_its_last_digit():
    """Of steps that are no decimals, such as thirds."""
    seen = np.repeat(np.arange(1, 40) / 3 + 9.0, 20)
    seen = np.concatenate([seen, np.arange(1, 20) / 86_400])
    column = Quantile.fit("x", seen)
    drawn = column.values(column.states(seen), np.random.default_rng(0))
    assert np.isin(drawn, seen).mean() > 0.95
