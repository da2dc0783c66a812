"""Buckets in two halves against the product of all their tables, entry by entry."""

from functools import reduce

import numpy as np
import pytest

from harmonium.models.network.exact import halves, maxima
from harmonium.models.network.exact.domains import LINEAR, LOG, MAX
from harmonium.models.network.exact.halves import Halves


@pytest.fixture
def _tiny(monkeypatch):
    """Small buckets too, and in many blocks."""
    for name, value in {
        "_WORTH": 1,
        "_WORTH_EACH": 1,
        "_SMALLER": 1e9,
        "_HALF": 10,
        "_OUT": 20,
    }.items():
        monkeypatch.setattr(halves, name, value)


def random_views(source, domain):
    """Tables of up to five axes, some of which each table does not have; zeros in half of them."""
    n = source.integers(2, 6)
    lengths = source.integers(1, 5, n)
    lengths[0] = source.integers(2, 4)
    views = []
    for _ in range(source.integers(2, 6)):
        present = source.random(n) < 0.6
        present[0] = True
        view = source.normal(size=np.where(present, lengths, 1)) * source.choice([1, 20])
        if source.random() < 0.5:
            view[source.random(view.shape) < 0.3] = -np.inf
        views.append(np.exp(view) if domain is LINEAR else view)
    return views


@pytest.mark.usefixtures("_tiny")
@pytest.mark.parametrize("domain", [LINEAR, LOG, MAX])
def test_halves_are_the_product_summed(domain):
    source = np.random.default_rng(0)
    n_tried = 0
    for _ in range(600):
        views = random_views(source, domain)
        found = Halves.of(views, domain)
        if found is None:
            continue
        n_tried += 1
        full = reduce(domain.combine, views)
        message = found.taken_out()
        np.testing.assert_allclose(message, domain.reduce(full.copy()), rtol=1e-10, atol=1e-11)
        if domain is MAX:
            continue
        scale = domain.rescale(message)
        given = domain.conditional(full.copy(), message, scale)
        above = source.random(message.shape) * (given.sum(0) > 0)
        marks = [[size > 1 for size in view.shape] for view in views]
        marks += [[axis == 0 for axis in range(full.ndim)]]
        for mark, got in zip(marks, found.beliefs(message, scale, above, marks), strict=True):
            rest = tuple(axis for axis, marked in enumerate(mark) if not marked)
            wanted = (given * above).sum(axis=rest, keepdims=True)
            np.testing.assert_allclose(got, wanted, rtol=1e-9, atol=1e-12)
    assert n_tried > 50


@pytest.mark.usefixtures("_tiny")
def test_logarithms_too_far_apart_are_left_to_the_entries():
    views = [np.array([[0.0, 0.0], [-400.0, -1.0]]), np.array([[[0.0, -1.0]], [[-1.0, 0.0]]])]
    views = [views[0][:, :, None], views[1]]
    assert Halves.of(views, LOG).taken_out() is None
    assert Halves.of(views, MAX).taken_out() is not None


@pytest.mark.usefixtures("_tiny")
def test_a_scope_of_both_halves_is_left_to_the_entries():
    views = [np.ones((2, 3, 1)), np.ones((2, 1, 3))]
    found = Halves.of(views, LINEAR)
    message = found.taken_out()
    assert found.beliefs(message, 0.0, message, [[False, True, True]]) is None


def test_the_best_sums_are_their_plain_twin_s():
    source = np.random.default_rng(1)
    left, right = source.normal(size=(3, 4, 5)), source.normal(size=(3, 4, 6))
    left[0], right[:, 1, 2] = -np.inf, -np.inf
    assert (maxima.best_sums(left, right) == maxima.best_sums_plain(left, right)).all()
