"""The kept log Z is of the parameters in force: whatever changes them, it is worked out anew."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import harmonium as hm
from harmonium.contract.estimates import LogZ


def small_rbm() -> hm.RBM:
    rng = np.random.default_rng(3)
    model = hm.RBM.from_parameters(rng.normal(0, 1, (6, 4)), rng.normal(size=6), rng.normal(size=4))
    model.score(np.zeros((1, 6), np.uint8))
    return model


def small_grid() -> hm.GridMRF:
    images = np.random.default_rng(0).integers(0, 2, (20, 3, 3))
    model = hm.GridMRF(n_levels=2, learner="pseudo", random_state=0).fit(images)
    model.log_partition()
    return model


def small_network() -> hm.MarkovNetwork:
    model = hm.MarkovNetwork([hm.Factor(["a", "b"], [[1.0, 2.0], [3.0, 4.0]])])
    model.log_partition()
    return model


def in_place(model: hm.RBM) -> None:
    model.components_ *= 5


def one_entry(model: hm.RBM) -> None:
    model.components_[2, 3] += 1


def visible(model: hm.RBM) -> None:
    model.intercept_visible_ = model.intercept_visible_ + 3


def hidden(model: hm.RBM) -> None:
    model.intercept_hidden_[0] -= 2


def hotter(model: hm.RBM) -> None:
    model.set_params(temperature=0.5)


@pytest.mark.parametrize("change", [in_place, one_entry, visible, hidden, hotter])
def test_an_rbm_sums_to_one_after_its_parameters_change(change):
    model = small_rbm()
    change(model)
    every = np.array(list(itertools.product((0, 1), repeat=6)), np.uint8)
    assert np.exp(model.score_samples(every)).sum() == pytest.approx(1, abs=1e-9)


def test_attributes_count_among_the_parameters():
    rng = np.random.default_rng(0)
    X, y = rng.integers(0, 2, (30, 4)), rng.integers(0, 3, 30)
    model = hm.RBM(3, n_updates=20, random_state=0).fit(X, y)
    model.log_partition()
    model.intercept_attributes_[1] += 2
    every = np.array(list(itertools.product((0, 1), repeat=4)), np.uint8)
    assert np.exp(model.score_samples(every)).sum() == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("name", ["knots_", "level_"])
def test_a_grid_sums_to_one_after_its_tables_change(name):
    model = small_grid()
    getattr(model, name)[0] += 1.5
    every = np.array(list(itertools.product((0, 1), repeat=9))).reshape(-1, 3, 3)
    assert np.exp(model.score_samples(every)).sum() == pytest.approx(1, abs=1e-6)


def test_a_network_sums_to_one_after_other_factors_are_set():
    model = small_network()
    model.set_params(factors=[hm.Factor(["a", "b"], [[5.0, 2.0], [3.0, 9.0]])])
    every = np.array(list(itertools.product((0, 1), repeat=2)))
    assert np.exp(model.score_samples(every)).sum() == pytest.approx(1, abs=1e-12)


def test_an_estimate_of_a_wide_network_is_not_carried_to_other_factors():
    model = small_network()
    model._keep_log_partition(LogZ(123.0, 0.1, "ais", "lower"))
    model.set_params(factors=[hm.Factor(["a", "b"], [[5.0, 2.0], [3.0, 9.0]])])
    assert model.known_log_partition is None


@pytest.mark.parametrize("make", [small_rbm, small_grid, small_network])
def test_a_figure_from_a_file_is_used_and_forgotten_with_its_parameters(make, tmp_path):
    model = make()
    kept = LogZ(123.0, 0.1, "ais", "lower", "ok", 90.0, 100, 2000)
    model._keep_log_partition(kept)
    model.save(tmp_path / "m.harmonium")
    again = hm.load(tmp_path / "m.harmonium")
    assert again.known_log_partition == kept
    if isinstance(again, hm.RBM):
        assert again.log_partition() == kept
        again.components_ += 1
        assert again.log_partition().method == "exact"


def test_a_stale_figure_is_not_written_to_a_file(tmp_path):
    model = small_rbm()
    model.components_ *= 2
    model.save(tmp_path / "m.harmonium")
    assert hm.load(tmp_path / "m.harmonium")._log_partition is None


@pytest.mark.parametrize("with_rows", [True, False])
def test_reverse_annealing_claims_no_bound(with_rows):
    """Its starts are not the model's draws: here rows of one of two modes, and the value lies
    far below log Z, which no error bar shows."""
    model = hm.RBM.from_parameters(np.array([[14.0]] * 8), [-2.0] * 8, [-52.0])
    rows = np.zeros((50, 8), np.uint8) if with_rows else None
    found = model.log_partition(method="raise", X=rows, n_temperatures=20, random_state=0)
    assert (found.bound, found.status) == ("none", "unproven")
    if with_rows:
        assert found.value < model.log_partition().value - 1
        assert found.value + 3 * found.std_error < model.log_partition().value


@pytest.mark.parametrize("verbose", [0, 1])
def test_long_annealing_shows_how_far_it_is(
    verbose: int, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = np.random.default_rng(0).normal(0, 0.1, (30, 30))
    model = hm.RBM.from_parameters(weights, np.zeros(30), np.zeros(30), verbose=verbose)
    capsys.readouterr()
    model.log_partition("ais", n_chains=5, n_temperatures=50, random_state=0)
    said = capsys.readouterr()
    assert ("log Z" in said.out + said.err) == bool(verbose)
