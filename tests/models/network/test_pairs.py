"""Structures learned from rows: against all trees, the truth, and finite differences."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from tests.support.network_oracle import NetworkOracle

import harmonium as hm
from harmonium.models.network.pairs import sparse
from harmonium.models.network.pairs.counts import OneHot
from harmonium.models.network.pairs.tree import chow_liu, mutual_information


def rows_of(n: int, seed: int = 0) -> np.ndarray:
    """Coupled columns of 2, 3, 2, 3 and 4 states."""
    source = np.random.default_rng(seed)
    a = source.integers(0, 2, n)
    b = (a + (source.random(n) < 0.3)) % 3
    c = np.where(source.random(n) < 0.8, b > 0, a)
    d = np.where(source.random(n) < 0.5, b, source.integers(0, 3, n))
    e = (d + c + (source.random(n) < 0.2)) % 4
    return np.stack([a, b, c, d, e], 1).astype(int)


def all_trees(n: int):
    for edges in itertools.combinations(list(itertools.combinations(range(n), 2)), n - 1):
        root = list(range(n))
        for i, j in edges:
            low, high = sorted((root[i], root[j]))
            root = [low if r == high else r for r in root]
        if not any(root):
            yield list(edges)


def edges_of(model) -> set[frozenset]:
    return {frozenset(f.variables) for f in model.factors_ if len(f.variables) == 2}


def test_no_tree_fits_better() -> None:
    """Mean log-likelihoods of all 125 trees of five variables, each by its own tables."""
    X = rows_of(200)
    model = hm.MarkovNetwork().fit(X, structure="tree")
    assert model.n_states_ == (2, 3, 2, 3, 4)
    assert (model.stop_reason_, model.n_iter_) == ("done", 0)
    smoothed = OneHot.of(X, None, model.n_states_).pairs(1.0 / 201.0)
    single, starts = np.diag(smoothed), np.concatenate([[0], np.cumsum(model.n_states_)])

    def height(edges) -> float:
        """Expected log-likelihood of rows with their one row more."""
        total = float((single * np.log(single)).sum())
        for i, j in edges:
            joint = smoothed[starts[i] : starts[i + 1], starts[j] : starts[j + 1]]
            apart = np.outer(joint.sum(1), joint.sum(0))
            total += float((joint * np.log(joint / apart)).sum())
        return total

    heights = {frozenset(map(frozenset, edges)): height(edges) for edges in all_trees(5)}
    assert len(heights) == 125
    found = frozenset(frozenset(map(int, edge)) for edge in edges_of(model))
    assert heights[found] == pytest.approx(max(heights.values()), abs=1e-12)
    assert sorted(heights.values())[-2] < max(heights.values()) - 1e-3


def test_tables_of_a_tree_are_a_normalised_distribution_with_the_rows_marginals() -> None:
    X = rows_of(300)
    model = hm.MarkovNetwork().fit(X, structure="tree")
    assert model.log_partition().value == pytest.approx(0.0, abs=1e-12)
    oracle = NetworkOracle(model.factors_)
    for v, name in enumerate(model.variables_):
        size = model.n_states_[v]
        wanted = (np.bincount(X[:, v], minlength=size) + 1.0 / size) / 301.0
        np.testing.assert_allclose(oracle.marginal([name]), wanted, atol=1e-12)
    assert np.isfinite(model.score_samples([[1, 0, 0, 0, 3]])).all()  # never seen, still possible


def test_weights_of_a_tree_count_rows() -> None:
    X = rows_of(200)
    weights = np.repeat([2.0, 0.0, 1.0], [50, 50, 100])
    one = hm.MarkovNetwork().fit(X, sample_weight=weights, structure="tree")
    two = hm.MarkovNetwork().fit(np.concatenate([X[:50], X[:50], X[100:]]), structure="tree")
    np.testing.assert_allclose(one.score_samples(X), two.score_samples(X), atol=1e-12)


def test_mutual_information_of_independent_and_of_equal_columns() -> None:
    rows = OneHot(
        np.array([[0, 0, 0], [1, 1, 0], [0, 0, 1], [1, 1, 1]]), np.full(4, 0.25), (2,) * 3
    )
    found = mutual_information(rows.pairs(0.0), rows.starts)
    np.testing.assert_allclose(found, np.log(2.0) * np.array([[1, 1, 0], [1, 1, 0], [0, 0, 1]]))
    assert chow_liu(found) == [(0, 1), (0, 2)]


def test_weight_decay_moves_the_tables_of_a_tree() -> None:
    X = rows_of(300)
    decayed = hm.MarkovNetwork(weight_decay=0.05).fit(X, structure="tree")
    assert edges_of(decayed) == edges_of(hm.MarkovNetwork().fit(X, structure="tree"))
    assert decayed.n_iter_ > 0
    assert decayed.score(X) < hm.MarkovNetwork().fit(X, structure="tree").score(X)


def ising(seed: int = 0) -> hm.MarkovNetwork:
    fields = np.exp(0.2 * np.random.default_rng(seed).normal(size=(3, 3, 2)))
    return hm.MarkovNetwork.grid(3, 3, np.exp([[0.5, -0.5], [-0.5, 0.5]]), fields)


def test_sparse_pairs_are_those_of_the_truth() -> None:
    """A 3x3 grid: the twelve pairs that are coupled, and none of the twenty-four others."""
    truth = ising()
    X, held_out = truth.sample(4000, random_state=0), truth.sample(4000, random_state=1)
    model = hm.MarkovNetwork([hm.Factor([n], [1, 1]) for n in truth.variables_])
    model.fit(X, structure="sparse")
    assert edges_of(model) == edges_of(truth)
    assert abs(model.score(held_out) - truth.score(held_out)) < 0.01
    tree = hm.MarkovNetwork().fit(X, structure="tree")
    assert tree.score(held_out) < truth.score(held_out) - 0.1  # it needs its loops


def test_independent_columns_have_no_pairs() -> None:
    X = np.random.default_rng(0).integers(0, 3, (1000, 8))
    model = hm.MarkovNetwork().fit(X, structure="sparse")
    assert edges_of(model) == set()
    assert model.score(X) == pytest.approx(-8 * np.log(3), abs=0.02)


def test_a_penalty_twenty_times_too_low_takes_pairs_that_are_not_there(monkeypatch) -> None:
    """The criterion, not the climb, keeps false pairs out: without its price they come in."""
    X = np.random.default_rng(0).integers(0, 3, (1000, 8))
    rows = OneHot.of(X, None, (3,) * 8)
    assert sparse.sparse_pairs(rows, 1000.0) == []
    fair = sparse._criterion

    def cheap(climb, free, chosen, n_rows):
        alone = -2.0 * n_rows * climb.value(free)
        return alone + (fair(climb, free, chosen, n_rows) - alone) / 20.0

    monkeypatch.setattr(sparse, "_criterion", cheap)
    assert len(sparse.sparse_pairs(rows, 1000.0)) > 3


def test_the_gradient_of_the_pseudo_likelihood_is_that_of_differences() -> None:
    rows = OneHot.of(rows_of(50), None, (2, 3, 2, 3, 4))
    climb, source = sparse._Climb(rows, 50.0), np.random.default_rng(0)
    couplings = np.where(climb.apart, source.normal(size=climb.apart.shape), 0.0)
    at = sparse._Parameters(source.normal(size=14), couplings + couplings.T)
    gradient = climb.gradient(at)[1]
    along = np.where(climb.apart, source.normal(size=climb.apart.shape), 0.0)
    along = np.triu(along) + np.triu(along).T
    step = 1e-6
    ends = [
        climb.value(sparse._Parameters(at.fields, at.couplings + sign * step * along))
        for sign in (1, -1)
    ]
    assert (ends[0] - ends[1]) / (2 * step) == pytest.approx(
        float((gradient.couplings * np.triu(along)).sum()), rel=1e-6
    )


def test_names_come_from_a_frame_and_sizes_from_the_network_given() -> None:
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(rows_of(100), columns=list("abcde"))
    model = hm.MarkovNetwork().fit(frame, structure="tree")
    assert model.variables_ == list("abcde")
    given = [hm.Factor([name], np.ones(5)) for name in "edcba"]
    model = hm.MarkovNetwork(given).fit(frame, structure="tree")
    assert model.variables_ == list("edcba")
    assert model.n_states_ == (5,) * 5


def test_a_network_without_factors_is_not_fitted(tmp_path) -> None:
    model = hm.MarkovNetwork()
    for ask in (model.log_partition, lambda: model.variables_, model.sample, model.marginals):
        with pytest.raises(NotFittedError, match=r"'fit'|structure='tree'"):
            ask()
    with pytest.raises(ValueError, match="structure='given' but factors is None"):
        model.fit(rows_of(10))
    with pytest.raises(ValueError, match="structure must be one of"):
        model.fit(rows_of(10), structure="star")
    with pytest.raises(ValueError, match="0 sample"):
        model.fit(np.empty((0, 3)), structure="tree")
    model.fit(rows_of(50), structure="tree")
    assert clone(model).factors is None
    model.save(tmp_path / "tree.safetensors")
    again = hm.load(tmp_path / "tree.safetensors")
    np.testing.assert_array_equal(again.score_samples(rows_of(5)), model.score_samples(rows_of(5)))
