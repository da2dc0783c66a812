"""Annealing along measured paths: unbiased weights, even steps, and modes that one base misses."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.stats import norm
from tests.support.rbm_oracle import RBMOracle
from tests.support.two_modes import second_mode_of

import harmonium as hm
from harmonium.contract.estimates import LogZ
from harmonium.models.partition import annealed_from_bases
from harmonium.models.rbm.mixture import MixturePath, RBMBases
from harmonium.sampling.paths import Annealing, agreed, anneal, estimated, evened

ALPHA = 1e-5
LIMIT = norm.isf(ALPHA / 2)


def small_model(seed: int, scale: float = 1.5) -> tuple[hm.RBM, float]:
    rng = np.random.default_rng(seed)
    W, b, c = rng.normal(0, scale, (7, 4)), rng.normal(size=7), rng.normal(size=4)
    return hm.RBM.from_parameters(W, b, c), RBMOracle(W, b, c).log_z


def mixture(model: hm.RBM, seed: int = 0) -> MixturePath:
    base = torch.from_numpy(np.random.default_rng(seed).normal(0, 2, (3, 7)))
    shares = torch.tensor([0.2, 0.5, 0.3])
    return MixturePath(model.build_energy(torch.float64), base, shares)


def off_by(path: MixturePath, truth: float, n_steps: int, n: int = 40_000) -> float:
    """How many standard errors the mean weight lies from Z."""
    betas = np.linspace(0.0, 1.0, n_steps + 1)
    run = anneal(path, betas, n, np.random.default_rng(1))
    weights = np.exp(run.by_family() - truth)
    return float((weights.mean() - 1.0) / (weights.std(ddof=1) / math.sqrt(n)))


class Doubled(MixturePath):
    """A planted fault: shares that do not sum to one."""

    def log_partition_at_start(self) -> float:
        return super().log_partition_at_start() + math.log(1.2)


@pytest.mark.parametrize("n_steps", [1, 3, 20])
def test_weights_from_a_mixture_average_to_z(n_steps):
    model, truth = small_model(0)
    assert abs(off_by(mixture(model), truth, n_steps)) < LIMIT


def test_a_wrong_base_is_seen():
    model, truth = small_model(0)
    base = torch.zeros((1, 7), dtype=torch.float64)
    path = Doubled(model.build_energy(torch.float64), base, torch.ones(1))
    assert abs(off_by(path, truth, 20)) > LIMIT


def test_copies_of_heavy_chains_keep_the_mean():
    """Many small groups on a hard path: families still average to Z."""
    model, truth = small_model(3, 4.0)
    path, betas = mixture(model), np.linspace(0.0, 1.0, 16)
    generator, means, n_resampled = np.random.default_rng(0), [], 0
    for _ in range(400):
        run = anneal(path, betas, 20, generator)
        means.append(np.exp(run.by_family() - truth).mean())
        n_resampled += run.n_resampled
    assert n_resampled > 100
    error = np.std(means, ddof=1) / math.sqrt(len(means))
    assert abs(np.mean(means) - 1.0) < LIMIT * error


def test_families_sum_their_copies():
    weights, families = np.log([1.0, 3.0, 5.0]), np.array([0, 2, 2])
    run = Annealing(None, weights, families, np.zeros(1), 1)  # type: ignore[arg-type]
    np.testing.assert_allclose(np.exp(run.by_family()), [1.0, 0.0, 8.0])
    assert estimated(run, 10).value == pytest.approx(math.log(3.0))
    assert estimated(run, 10).status == "few_effective_chains"


def test_steps_go_where_weights_spread():
    betas = np.linspace(0.0, 1.0, 101)
    spread = np.array([0.0, 0.0, 9.0, 1.0])
    found = evened(betas, spread, 1000)
    assert (len(found), found[0], found[-1]) == (1001, 0.0, 1.0)
    counts = np.histogram(found, [0.0, 0.25, 0.5, 0.75, 1.0])[0]
    # Half of them even, the rest 3 : 1.
    np.testing.assert_allclose(counts, [125, 125, 500, 250], atol=2)
    np.testing.assert_allclose(evened(betas, np.zeros(4), 10), np.linspace(0, 1, 11), atol=1e-12)


def ais(value: float, error: float, effective: float = 50.0) -> LogZ:
    return LogZ(value, error, "ais", "lower", "ok", effective, 100, 1000)


def test_two_bases_agree_or_not():
    together = agreed(ais(1.0, 0.1), ais(1.2, 0.1))
    assert together.status == "ok"
    assert together.value == pytest.approx(np.log((math.e + math.exp(1.2)) / 2))
    assert together.std_error == pytest.approx(0.1)  # half of their difference, above 0.071
    assert agreed(ais(1.0, 0.01), ais(0.5, 0.01)) == ais(1.0, 0.01)  # the check missed
    missed = agreed(ais(1.0, 0.01), ais(1.5, 0.02))
    assert (missed.value, missed.std_error, missed.status) == (1.5, 0.02, "missed_states")
    assert missed.bound == "none"  # each is below Z on average; the higher one need not be
    lost = LogZ(math.nan, math.nan, "ais", "lower", "nonfinite", 0.0, 100, 1000)
    assert agreed(ais(1.0, 0.01), lost) == ais(1.0, 0.01)


@pytest.mark.parametrize("apart", [0.009, -0.009])
def test_what_no_chain_of_so_few_could_meet_is_an_error(apart):
    """A hundredth of Z is one chain of a hundred: missed by chance, and no state is missed."""
    found = agreed(ais(1.0, 1e-5), ais(1.0 + apart, 1e-4))
    assert found.value == 1.0 + max(apart, 0.0)
    assert found.std_error == pytest.approx(0.009)
    assert found.status == "ok"
    assert agreed(ais(1.0, 1e-5), ais(1.011, 1e-4)).status == "missed_states"


@pytest.mark.parametrize("share", [0.03, 0.2, 0.5])
def test_a_mode_that_the_base_misses_is_in_the_figure_or_told(share):
    """From the base of one mode, annealing misses the other while it keeps nearly every chain."""
    model, _ = second_mode_of(share, 12, 3.0)
    truth = model.log_partition("exact").value
    model._base_bias = np.full(12, -3.0)
    steps = np.linspace(0.0, 1.0, 2001)
    bases = RBMBases(model.build_energy(torch.float32))
    alone = estimated(anneal(bases.own(), steps, 100, np.random.default_rng(0)), 2000)
    assert alone.effective_chains > 30
    assert alone.value < truth - 10 * alone.std_error
    found = annealed_from_bases(bases, 100, np.random.default_rng(0), 0)
    assert abs(found.value - truth) < 4 * found.std_error
    if found.status == "ok":
        assert found.std_error < 0.1
    asked = model.log_partition("ais", random_state=0)
    assert asked.method == "ais"
    assert abs(asked.value - truth) < 4 * asked.std_error


def test_all_chains_lost_is_told():
    model = hm.RBM.from_parameters(np.full((3, 2), 3e38), np.zeros(3), np.zeros(2))
    bases = RBMBases(model.build_energy(torch.float32))
    found = annealed_from_bases(bases, 20, np.random.default_rng(0), 0)
    assert (found.status, found.bound) == ("nonfinite", "none")
    found = model.log_partition("ais", n_chains=20, n_temperatures=10, random_state=0)
    assert (found.status, found.bound) == ("nonfinite", "none")


def test_attributes_and_their_units_are_annealed_from_clusters():
    rng = np.random.default_rng(0)
    X, y = rng.integers(0, 2, (80, 5)), rng.integers(0, 3, 80)
    model = hm.RBM(3, n_updates=200, random_state=0).fit(X, y)
    truth = model.log_partition("exact").value
    bases = RBMBases(model.build_energy(torch.float32))
    found = annealed_from_bases(bases, 100, np.random.default_rng(0), 0)
    assert found.status == "ok"
    assert abs(found.value - truth) < LIMIT * found.std_error + 1e-4
