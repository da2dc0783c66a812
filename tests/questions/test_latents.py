"""Hidden units: planted ones are found, and their claims hold by enumeration."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from scipy.stats import norm
from tests.support.statistics import ALPHA

import harmonium as hm
from harmonium.questions.latents import neighbour_table, switch_unit, unit_summary, walk


def planted() -> hm.RBM:
    """Unit 0 reads column 0; unit 1 nothing; unit 2 is unit 0 again, unit 3 its opposite;
    unit 4 reads column 1; unit 5 is always on."""
    W = np.zeros((4, 6))
    W[0, 0], W[0, 2], W[0, 3], W[1, 4] = 8.0, 8.0, -8.0, 6.0
    c = np.array([-4.0, 0.0, -4.0, 4.0, -3.0, 20.0])
    return hm.RBM.from_parameters(W, np.zeros(4), c)


def random_rbm(n_hidden: int = 4) -> hm.RBM:
    generator = np.random.default_rng(0)
    return hm.RBM.from_parameters(
        generator.normal(size=(6, n_hidden)),
        generator.normal(size=6),
        generator.normal(size=n_hidden),
    )


def test_planted_units_are_found() -> None:
    X = np.random.default_rng(0).integers(0, 2, (200, 4))
    summary = unit_summary(planted(), X, X[:, 0], n_rows=5)
    assert summary.dead == [1, 5]
    assert summary.duplicates == [[0, 2, 3]]
    np.testing.assert_allclose(summary.on[1], 0.5)
    np.testing.assert_allclose(summary.on[5], 1.0, atol=1e-6)
    p = X[:, 0].mean()
    sigmoid = 1 / (1 + np.exp(-4.0))
    np.testing.assert_allclose(summary.on[0], p * sigmoid + (1 - p) * (1 - sigmoid))
    assert (X[summary.exciting[0], 0] == 1).all()
    assert (X[summary.exciting[3], 0] == 0).all()
    assert summary.exciting.shape == (6, 5)
    # Units 0, 2 and 3 tell the label fully: its entropy in nats; 1 and 5 tell nothing.
    entropy = -(p * np.log(p) + (1 - p) * np.log(1 - p))
    np.testing.assert_allclose(summary.information[[0, 2, 3]], entropy)
    np.testing.assert_allclose(summary.information[[1, 5]], 0.0, atol=1e-12)
    assert summary.information[4] < entropy / 4


def test_without_labels_there_is_no_information() -> None:
    summary = unit_summary(planted(), np.eye(4))
    assert np.isnan(summary.information).all()
    assert summary.exciting.shape == (6, 4)


def test_switch_changes_one_unit_only() -> None:
    model = random_rbm()
    H = np.random.default_rng(1).random((3, 4))
    for unit in range(4):
        off, on = H.copy(), H.copy()
        off[:, unit], on[:, unit] = 0.0, 1.0
        switched = switch_unit(model, H, unit)
        np.testing.assert_allclose(switched.off, model.inverse_transform(off))
        np.testing.assert_allclose(switched.on, model.inverse_transform(on))
        np.testing.assert_allclose(switched.change, switched.on - switched.off)


def test_after_many_sweeps_a_switch_is_a_condition() -> None:
    """E[v | unit on] and E[v | unit off] by the sum over all states."""
    model = random_rbm()
    v = np.array(list(product([0, 1], repeat=6)), dtype=float)
    h = np.array(list(product([0, 1], repeat=4)), dtype=float)
    W, b, c = model.components_.T, model.intercept_visible_, model.intercept_hidden_
    joint = np.exp((v @ b)[:, None] + v @ W @ h.T + h @ c)
    n = 4000
    switched = switch_unit(model, np.full((n, 4), 0.5), 2, n_gibbs=50, random_state=0)
    for value, found in ((0, switched.off), (1, switched.on)):
        weight = joint[:, h[:, 2] == value].sum(axis=1)
        truth = weight @ v / weight.sum()
        error = found.std(axis=0) / np.sqrt(n)
        assert (np.abs(found.mean(axis=0) - truth) < 5 * error).all()


def test_switch_by_samples() -> None:
    model = random_rbm()
    H = np.tile([1.0, 0.0, 1.0, 1.0], (5000, 1))
    drawn = switch_unit(model, H, 0, how="sample", random_state=0)
    means = switch_unit(model, H, 0)
    assert set(np.unique(drawn.on)) == {0.0, 1.0}
    for found, wanted in ((drawn.off, means.off), (drawn.on, means.on)):
        error = np.sqrt(wanted[0] * (1 - wanted[0]) / 5000)
        assert (np.abs(found.mean(axis=0) - wanted[0]) < 5 * error).all()


def test_walk_begins_and_ends_at_the_reconstructions() -> None:
    model = random_rbm()
    start, end = np.array([0, 0, 0, 1, 1, 1]), np.array([1, 0, 1, 0, 1, 0])
    path = walk(model, start, end, n_steps=7)
    assert path.shape == (7, 6)
    ends = model.inverse_transform(model.transform([start, end]))
    np.testing.assert_allclose(path[[0, -1]], ends)
    middle = model.transform([start, end]).mean(axis=0, keepdims=True)
    np.testing.assert_allclose(path[3], model.inverse_transform(middle)[0])
    np.testing.assert_allclose(path, walk(model, end, start, n_steps=7)[::-1])


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def expected_walk(model: hm.RBM, line: np.ndarray, n_gibbs: int) -> np.ndarray:
    """E[picture] for hidden units drawn at the odds in each row of `line`, moved by `n_gibbs`
    sweeps: sums over all hidden and visible states."""
    W, b, c = model.components_.T, model.intercept_visible_, model.intercept_hidden_
    v = np.array(list(product([0, 1], repeat=W.shape[0])), dtype=float)
    h = np.array(list(product([0, 1], repeat=W.shape[1])), dtype=float)

    def odds(p: np.ndarray, states: np.ndarray) -> np.ndarray:
        """P(state) of independent units, ``(len(p), len(states))``."""
        return np.where(states[None] == 1, p[:, None], 1 - p[:, None]).prod(axis=2)

    pictures = sigmoid(b + h @ W.T)
    sweep = odds(pictures, v) @ odds(sigmoid(c + v @ W), h)  # from each h to each h
    return odds(line, h) @ np.linalg.matrix_power(sweep, n_gibbs) @ pictures


def test_walk_with_sweeps_is_reproducible() -> None:
    model = random_rbm(12)
    start, end = np.zeros(6), np.ones(6)
    walks = [walk(model, start, end, n_gibbs=2, random_state=seed) for seed in (0, 0, 1, 2, 3)]
    np.testing.assert_array_equal(walks[0], walks[1])
    assert not all(np.array_equal(walks[0], other) for other in walks[2:])


def test_walk_with_sweeps_goes_where_the_sweeps_lead() -> None:
    """Each picture's mean over 300 walks against the sum over all states, at alpha 1e-5; rejected
    are one sweep too many, forgotten hidden biases, and a temperature."""
    # Units pull each other, and all towards zero: from all ones it drifts, sweep by sweep.
    W, b, c = np.random.default_rng(0).normal(1, 0.3, (6, 4)), np.full(6, -3.0), np.full(4, -3.0)
    model = hm.RBM.from_parameters(W, b, c)
    start, end = np.zeros(6), np.ones(6)
    first, last = model.transform([start, end])
    truth = expected_walk(model, np.stack([first, (first + last) / 2, last]), 1)
    # Of the sum itself: after very many sweeps it no longer matters where a walk began.
    states = np.array(list(product([0, 1], repeat=6)))
    mean = np.exp(model.score_samples(states)) @ states
    np.testing.assert_allclose(expected_walk(model, first[None], 10_000)[0], mean)

    def furthest(walked: hm.RBM, n_gibbs: int = 1) -> float:
        """The largest deviation of a mean from the truth, in standard errors."""
        ways: dict[str, Any] = {"n_steps": 3, "n_gibbs": n_gibbs}
        walks = [walk(walked, start, end, random_state=seed, **ways) for seed in range(300)]
        error = np.std(walks, axis=0, ddof=1) / np.sqrt(len(walks))
        return float((np.abs(np.mean(walks, axis=0) - truth) / error).max())

    limit = norm.isf(ALPHA / (2 * truth.size))
    assert furthest(model) < limit
    assert furthest(model, n_gibbs=2) > limit
    assert furthest(hm.RBM.from_parameters(W, b, 0 * c)) > limit
    assert furthest(hm.RBM.from_parameters(0.7 * W, 0.7 * b, 0.7 * c)) > limit


def test_neighbours_where_the_answer_is_known() -> None:
    """Labels that are a column copied many times: every space keeps them together; labels that
    are coins: none does."""
    generator = np.random.default_rng(0)
    label = generator.integers(0, 2, 300)
    X = np.concatenate(
        [np.repeat(label[:, None], 12, axis=1), generator.integers(0, 2, (300, 4))], axis=1
    )
    W = np.zeros((16, 3))
    W[:12, 0], W[13, 1], W[14, 2] = 2.0, 3.0, 3.0
    model = hm.RBM.from_parameters(W, np.zeros(16), np.array([-12.0, -1.5, -1.5]))
    for space in neighbour_table(model, X, label):
        assert space.same_label == 1.0
        assert space.linear_accuracy == 1.0
    coins = generator.integers(0, 2, 300)
    spaces = neighbour_table(model, X, coins, n_neighbours=5)
    assert [(s.name, s.n_dimensions) for s in spaces] == [("pixels", 16), ("PCA", 3), ("RBM", 3)]
    for space in spaces:
        # Neighbours share neighbours, so their coins are not independent: a wide margin.
        assert abs(space.same_label - 0.5) < 10 * space.std_error
        assert abs(space.linear_accuracy - 0.5) < 0.2


@pytest.mark.filterwarnings("ignore:The number of unique classes:UserWarning")
def test_a_row_is_not_its_own_neighbour() -> None:
    """Distinct rows with labels of their own: nobody near has the same."""
    X = np.array(list(product([0, 1], repeat=6)))
    labels = np.arange(64) % 32  # two folds need two rows of each
    order = np.lexsort((X.sum(1), labels))
    far = X[order]
    far[1::2] = 1 - far[::2]  # rows of one label are opposites
    spaces = neighbour_table(
        random_rbm(), far, np.repeat(np.arange(32), 2), n_neighbours=1, n_folds=2
    )
    assert spaces[0].same_label == 0.0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: unit_summary(m, np.zeros((3, 6)), [0, 1]), "y must have a label for each"),
        (lambda m: unit_summary(m, np.full((3, 6), 2)), "wanted 0 or 1"),
        (lambda m: unit_summary(m, np.zeros((3, 6)), n_rows=0), "n_rows"),
        (lambda m: switch_unit(m, np.zeros((1, 4)), 4), "unit"),
        (lambda m: switch_unit(m, np.zeros((1, 5)), 0), "4 columns"),
        (lambda m: switch_unit(m, np.zeros((1, 4)), 0, how="mode"), "how"),
        (lambda m: walk(m, np.zeros(5), np.zeros(6)), "start must be one row of 6"),
        (lambda m: walk(m, np.zeros(6), np.zeros((2, 6))), "end must be one row of 6"),
        (lambda m: walk(m, np.zeros(6), np.zeros(6), n_steps=1), "n_steps"),
        (lambda m: neighbour_table(m, np.zeros((5, 6)), np.zeros(5)), "n_neighbours"),
    ],
)
def test_bad_input_is_named(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call(random_rbm())


def test_one_part_of_a_mixture_switched_on_is_that_part_alone() -> None:
    source = np.random.default_rng(0)
    W, b = source.normal(size=(6, 3)), source.normal(size=6)
    model = hm.RBM.from_parameters(W, b, np.zeros(3), hidden="categorical")
    found = switch_unit(model, model.transform(np.zeros((2, 6))), 1)
    np.testing.assert_allclose(found.on, np.tile(1 / (1 + np.exp(-b - W[:, 1])), (2, 1)))
    alone = switch_unit(model, [[0.0, 1.0, 0.0]], 1).off
    between = 1 / (1 + np.exp(-b - 0.5 * (W[:, 0] + W[:, 2])))
    np.testing.assert_allclose(alone, between[None])


def test_walks_between_hidden_values_beyond_one_are_straight() -> None:
    W = np.full((2, 1), 3.0)
    model = hm.RBM.from_parameters(W, np.zeros(2), np.zeros(1), hidden="relu")
    ends = model.transform(np.array([[0, 0], [1, 1]]))
    assert ends[1, 0] > 1.0
    found = walk(model, [0, 0], [1, 1], n_steps=3)
    np.testing.assert_allclose(found[1], model.inverse_transform(ends.mean(0, keepdims=True))[0])
