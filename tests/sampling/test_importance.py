"""Weighted draws: the tail of the weights, and states that no draw has met."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import binom
from tests.support.two_modes import FAMILIES, second_mode_of

import harmonium as hm
from harmonium.sampling.importance import missed, pareto_k, self_normalised


def ink(x: np.ndarray) -> np.ndarray:
    return x.sum(axis=1)


def asked(model: hm.RBM, method: str, n_samples: int, seed: int) -> hm.Estimate:
    return hm.expectation(model, ink, method=method, n_samples=n_samples, random_state=seed)


@pytest.mark.parametrize("shape", [0.2, 0.5, 0.8, 1.2])
def test_the_tail_has_the_shape_it_was_drawn_with(shape: float) -> None:
    """Weights 1 + a generalised Pareto number; the estimate's spread is (1 + k) / sqrt(tail)."""
    generator = np.random.default_rng(0)
    n, n_repeats = 4000, 60
    found = np.array(
        [
            pareto_k(np.log1p(np.expm1(-shape * np.log1p(-generator.random(n))) / shape))
            for _ in range(n_repeats)
        ]
    )
    spread = (1 + shape) / np.sqrt(3 * np.sqrt(n))
    assert abs(found.mean() - shape) < 5 * spread / np.sqrt(n_repeats) + 0.05  # 0.05: the prior
    assert 0.5 < found.std() / spread < 1.5


def test_weights_without_a_tail() -> None:
    assert pareto_k(np.zeros(100)) == -np.inf
    assert pareto_k(np.r_[np.zeros(100), [5.0, 6.0]]) == np.inf  # too few to tell
    assert pareto_k(np.log(np.random.default_rng(0).random(1000) + 1.0)) < 0.0  # bounded


def test_weights_of_no_mean_are_named_heavy() -> None:
    """Nearly equal weights, but for a part that grows without end the longer one looks."""
    generator = np.random.default_rng(0)
    log_weights = np.log1p(1e-4 * (1.0 - generator.random(4000)) ** -1.2)
    found = self_normalised(generator.normal(size=(4000, 1)), log_weights)
    assert found.effective > 3000
    assert found.pareto_k > 1.0
    assert found.status == "heavy_weights"


def test_an_error_bar_of_a_handful_of_draws_is_named() -> None:
    """All weights equal, but four draws only in which the event happened."""
    values = np.zeros((1000, 1))
    values[:4] = 1.0
    found = self_normalised(values, np.zeros(1000))
    np.testing.assert_allclose(found.effective, 1000)
    assert found.status == "few_effective_samples"
    values[:40] = 1.0
    assert self_normalised(values, np.zeros(1000)).status == "ok"


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_weights_that_are_no_numbers_are_named(bad: float) -> None:
    found = self_normalised(np.ones((100, 2)), np.r_[np.zeros(99), bad])
    assert found.status == "nonfinite"
    assert np.isnan(found.value).all()
    assert np.isnan(found.error).all()
    never = self_normalised(np.arange(100.0)[:, None], np.r_[np.zeros(99), -np.inf])
    assert (never.status, float(never.value[0])) == ("ok", pytest.approx(49.0))


@pytest.mark.parametrize("method", ["importance", "uniform"])
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_parameters_too_large_for_any_weight_are_told(method: str) -> None:
    model = hm.RBM.from_parameters(np.full((3, 2), 1e308), np.zeros(3), np.zeros(2))
    with pytest.warns(RuntimeWarning, match="nonfinite"):
        found = asked(model, method, 500, 0)
    assert found.status == "nonfinite"
    assert np.isnan(found.std_error)
    with pytest.raises(ValueError, match="parameters are too large"):
        hm.expectation(model, ink, method="exact")


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("method", ["importance", "uniform"])
@pytest.mark.filterwarnings("ignore:method=:RuntimeWarning")
def test_draws_that_missed_a_mode_never_say_ok(name: str, method: str) -> None:
    """Of the intervals of runs that say ok, no more miss than chance allows at 94%."""
    model, truth = FAMILIES[name]()
    z = []
    for seed in range(12):
        found = asked(model, method, 500 if seed % 2 else 2000, seed)
        if found.status == "ok":
            z.append((found.value - truth) / found.std_error)
        else:
            assert np.isnan(found.std_error)
    n_missed = int((np.abs(z) > 1.96).sum()) if z else 0
    assert n_missed <= binom.isf(1e-5, len(z), 0.06)


def test_a_mode_that_no_draw_met_is_named() -> None:
    model, truth = FAMILIES["three in a hundred"]()
    with pytest.warns(RuntimeWarning, match="missed_states"):
        found = asked(model, "importance", 500, 1)
    assert found.status == "missed_states"
    assert abs(found.value - truth) > 0.1  # and it was needed


def test_draws_that_met_everything_are_believed() -> None:
    """A gentle model, in which draws from the base meet all that counts: mostly ok, and right."""
    model, truth = second_mode_of(0.3, 8, 0.8)
    z = []
    for seed in range(40):
        found = asked(model, "uniform", 4000, seed)
        if found.status == "ok":
            z.append((found.value - truth) / found.std_error)
    assert len(z) >= 36
    assert (np.abs(z) > 1.96).sum() <= binom.isf(1e-5, len(z), 0.05)


def test_scouts_are_weighed_by_the_ratio() -> None:
    """The same draws with ten of them in the other mode are enough; with nine they are not."""
    model, _ = FAMILIES["steep"]()
    energy = model.build_energy(torch.float64)

    def log_ratio(x: torch.Tensor) -> np.ndarray:
        return (energy.log_weight(x) - energy.log_weight(x, 0.0)).numpy()

    generator = np.random.default_rng(0)
    base, on = energy.base_sample(500, generator), torch.ones(12, dtype=torch.float64)
    for n_on, wanted in ((9, True), (10, False)):
        x = base.clone()
        x[:n_on] = on
        assert missed(energy, log_ratio(x), log_ratio, generator) == wanted
