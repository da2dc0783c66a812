"""Strongly correlated tables: a start with all hidden states summed, and chains with weights."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import sparse
from scipy.special import logsumexp
from tests.support.rbm_oracle import RBMOracle, random_rbm

import harmonium as hm
from harmonium.learning.ascent import Gaussian
from harmonium.learning.learners.persistent import Persistent
from harmonium.learning.plan import Plan
from harmonium.learning.rows import Batch
from harmonium.models.rbm import summed_start as summing
from harmonium.models.rbm.centring import Centred
from harmonium.models.rbm.curvature import MOST_STIFFNESS, stiffness
from harmonium.models.rbm.energy import RBMEnergy
from harmonium.models.rbm.implicit import Ensemble, implicit_step, safe_rate
from harmonium.models.rbm.stiff import SummedWatching, put, weighted_chains, with_idle_units
from harmonium.models.rbm.summed_start import hidden_states, summed_start
from harmonium.models.rbm.weighted import Weighted
from harmonium.sampling.annealing import annealed_importance_sampling


def clusters(n: int, n_columns: int, seed: int, share: float = 0.33) -> np.ndarray:
    """Rows of nine tenths or of three in a hundred ones."""
    source = np.random.default_rng(seed)
    high = source.random((n, 1)) < share
    rate = np.where(high, 0.9, 0.03)
    return (source.random((n, n_columns)) < rate).astype(np.uint8)


def law(X: np.ndarray, share: float = 0.33) -> float:
    """The mean log-likelihood of rows under what :func:`clusters` draws from."""
    k, n = X.sum(1).astype(float), X.shape[1]
    each = [
        math.log(s) + k * math.log(p) + (n - k) * math.log(1 - p)
        for s, p in ((share, 0.9), (1 - share, 0.03))
    ]
    return float(logsumexp(each, axis=0).mean())


def independent(X: np.ndarray, Y: np.ndarray) -> float:
    p = (X.sum(0) + 0.5) / (len(X) + 1)
    return float((Y * np.log(p) + (1 - Y) * np.log(1 - p)).sum(1).mean())


def learned(n_columns: int = 12, seed: int = 0) -> tuple[summing.SummedStart, torch.Tensor]:
    rows = torch.from_numpy(clusters(600, n_columns, seed)).float()
    bias = torch.logit(rows.mean(0), eps=1e-3)
    source = np.random.default_rng(seed)
    return summed_start(rows, bias, decay=1e-3, generator=source, most_units=3), rows


# -- whether chains can follow --------------------------------------------------------------------


def test_stiffness_is_the_leading_eigenvalue_of_the_covariance():
    X = clusters(300, 40, 0)
    wanted = 0.1 / 4 * np.linalg.eigvalsh(np.cov(X.T.astype(float), bias=True))[-1]
    assert stiffness(X, None, 0.1) == pytest.approx(wanted, rel=1e-3)
    assert stiffness(sparse.csr_matrix(X), None, 0.1) == pytest.approx(wanted, rel=1e-3)


def test_weights_count_as_repeated_rows():
    X = clusters(200, 30, 1)
    copies = np.random.default_rng(0).integers(0, 4, len(X))
    weighted = stiffness(X, copies / copies.max(), 0.05)
    assert weighted == pytest.approx(stiffness(np.repeat(X, copies, axis=0), None, 0.05), rel=1e-3)
    assert weighted != pytest.approx(stiffness(X, None, 0.05), rel=1e-3)


def test_columns_without_variance_are_not_stiff():
    assert stiffness(np.ones((50, 9), dtype=np.uint8), None, 0.1) == pytest.approx(0.0, abs=1e-6)


# -- the implicit step ----------------------------------------------------------------------------


def test_the_implicit_step_solves_its_equation():
    """Against the dense system in all parameters, centred ones first."""
    source = np.random.default_rng(0)
    n, m, n_visible, n_hidden, rate = 7, 9, 4, 3, 0.8

    def some(*shape: int) -> torch.Tensor:
        return torch.from_numpy(source.random(shape))

    offsets = (some(n_visible), some(n_hidden))
    x, g, v, h = some(n, n_visible), some(n, n_hidden), some(m, n_visible), some(m, n_hidden)
    shares, pull = torch.softmax(3 * some(m), 0), some(n_visible, n_hidden)

    def statistics(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
        products = (left.unsqueeze(2) * right.unsqueeze(1)).reshape(len(left), -1)
        return torch.cat([products, left, right], 1)

    T = statistics(v - offsets[0], h - offsets[1])
    mean = shares @ T
    covariance = (T - mean).T @ (shares.unsqueeze(1) * (T - mean))
    gradient = statistics(x - offsets[0], g - offsets[1]).mean(0) - mean
    gradient[: n_visible * n_hidden] += pull.reshape(-1)
    wanted = torch.linalg.solve(torch.eye(len(mean)).double() + rate * covariance, gradient)
    W = wanted[: n_visible * n_hidden].reshape(n_visible, n_hidden)
    b, c = wanted[n_visible * n_hidden :].split([n_visible, n_hidden])
    step = implicit_step(
        (x - offsets[0], g - offsets[1]),
        Ensemble(v - offsets[0], h - offsets[1], shares),
        offsets,
        pull,
        rate,
    )
    torch.testing.assert_close(step.weights, W)
    torch.testing.assert_close(step.visible_bias, b - W @ offsets[1])
    torch.testing.assert_close(step.hidden_bias, c - offsets[0] @ W)


def test_the_rate_is_as_large_as_the_log_weights_allow():
    start, rows = learned()
    states, shares = hidden_states(3, rows), torch.softmax(start.log_masses, 0).float()[:8]
    if start.n_units != 3:
        states = hidden_states(start.n_units, rows)
    logits = torch.addmm(start.visible_bias, states, start.weights.T)
    step = summing.implicit_step(
        (rows[:3] - 0.5, torch.ones(3, start.n_units)),
        Ensemble(torch.sigmoid(logits) - 0.5, states - 0.5, shares),
        (torch.full((12,), 0.5), torch.full((start.n_units,), 0.5)),
        torch.zeros_like(start.weights),
        5.0,
    )

    def variance(rate: float) -> float:
        moved = {
            "weights": start.weights.double() + rate * step.weights,
            "visible_bias": start.visible_bias.double() + rate * step.visible_bias,
            "hidden_bias": start.hidden_bias.double() + rate * step.hidden_bias,
        }
        wide = states.double()
        after = torch.addmm(moved["visible_bias"], wide, moved["weights"].T)
        masses = wide @ moved["hidden_bias"] + torch.nn.functional.softplus(after).sum(1)
        change = masses - start.log_masses
        change = change - shares.double() @ change
        return float(shares.double() @ change.square())

    assert variance(5.0) > 0.02
    found = safe_rate(step, states, shares, logits, 5.0, 0.01)
    assert variance(found) <= 0.0111
    assert safe_rate(step, states, shares, logits, found / 2, 1e9) == found / 2


# -- the summed start -----------------------------------------------------------------------------


def test_the_summed_start_is_what_enumeration_says():
    start, rows = learned(8)
    assert start.n_units >= 1
    oracle = RBMOracle(start.weights, start.visible_bias, start.hidden_bias)
    assert start.log_partition == pytest.approx(oracle.log_z, abs=1e-4)
    wanted = np.log(oracle.p_v[oracle.index(rows.numpy())])
    np.testing.assert_allclose(start.log_likelihood(rows).numpy(), wanted, atol=1e-3)
    wide = with_idle_units(start, start.n_units + 3)
    assert RBMOracle(*(p.numpy() for p in wide.values())).log_z == pytest.approx(
        oracle.log_z + 3 * math.log(2), abs=1e-4
    )


def test_no_step_of_the_start_lowers_what_it_climbs(monkeypatch):
    seen: list[list[float]] = []
    ascend, point = summing._Climb.ascend, summing._Climb.point

    def kept(climb, begun, tolerance, most):
        seen.append([begun.objective])
        found = ascend(climb, begun, tolerance, most)
        seen[-1].append(found.objective)
        again = point(climb, found.parameters)
        assert found.objective == pytest.approx(again.objective, abs=1e-9)
        return found

    monkeypatch.setattr(summing._Climb, "ascend", kept)
    learned(60)
    assert len(seen) >= 2
    assert all(after >= before for before, after in seen)
    assert seen[0][1] > seen[0][0] + 1


def test_the_pull_does_not_move_the_means():
    """At the penalised optimum the model's mean is the rows': biases are not pulled."""
    start, rows = learned(60)
    states = hidden_states(start.n_units, rows)
    share = torch.softmax(start.log_masses, 0).float()
    mean = share @ torch.sigmoid(torch.addmm(start.visible_bias, states, start.weights.T))
    assert float((mean - rows[150:].mean(0)).abs().max()) < 0.01


def test_independent_columns_get_no_hidden_unit():
    rows = torch.from_numpy(np.random.default_rng(0).integers(0, 2, (400, 20))).float()
    start = summed_start(
        rows, torch.logit(rows.mean(0)), decay=1e-3, generator=np.random.default_rng(0)
    )
    assert start.n_units == 0
    wanted = torch.nn.functional.softplus(start.visible_bias.double()).sum()
    assert start.log_partition == pytest.approx(float(wanted))


def test_the_weights_of_first_chains_are_the_model_against_the_proposal():
    start, _ = learned()
    hidden, log_weights, masses = start.draw_hidden(4000, np.random.default_rng(0))
    shares = torch.softmax(log_weights, 0)
    powers = 2 ** torch.arange(start.n_units)
    found = torch.bincount(hidden.long() @ powers, shares, 2**start.n_units)
    wanted = torch.softmax(start.log_masses, 0)
    torch.testing.assert_close(found, wanted, atol=0.01, rtol=0.0)
    torch.testing.assert_close(masses, start.log_masses[hidden.long() @ powers])


# -- chains with weights --------------------------------------------------------------------------


def energy_of(seed: int, n_visible: int = 6, n_hidden: int = 4) -> RBMEnergy:
    W, b, c = (torch.from_numpy(p).float() for p in random_rbm(n_visible, n_hidden, 0.7, seed))
    return RBMEnergy(W, b, c, torch.zeros_like(b))


def test_work_is_the_change_of_log_weights():
    energy, source = energy_of(0), np.random.default_rng(0)
    learner = Weighted.start(energy, Plan(1, 1, 0.1, n_chains=50), source)
    before = energy.base_log_partition() - 4 * math.log(2)
    hidden = learner.hidden.clone()
    learner.carry(energy.parameters(), source)
    logits = energy.visible_bias.double() + hidden.double() @ energy.weights.double().T
    wanted = hidden.double() @ energy.hidden_bias.double() - before
    wanted += torch.nn.functional.softplus(logits).sum(1)
    torch.testing.assert_close(learner.log_weights, wanted, atol=1e-5, rtol=1e-5)


def test_weighted_chains_follow_a_model_that_jumps():
    """One jump without a sweep: weighted means are those of the new model, plain ones not."""
    energy, source = energy_of(1), np.random.default_rng(1)
    learner = Weighted.start(energy, Plan(1, 1, 0.1, n_chains=40_000), source)
    learner.carry(energy.parameters(), source)
    oracle = RBMOracle(energy.weights, energy.visible_bias, energy.hidden_bias)
    wanted = oracle.p_h @ oracle.H
    found = (learner.shares() @ learner.hidden.double()).numpy()
    # 40,000 chains of which some thousands count; a bound of six standard errors.
    assert np.abs(found - wanted).max() < 6 * 0.5 / math.sqrt(4000)
    assert np.abs(0.5 - wanted).max() > 0.1


def test_a_restored_learner_goes_on_bit_for_bit():
    runs = []
    for stop in (None, 5):
        energy, source = energy_of(2), np.random.default_rng(2)
        learner = Weighted.start(energy, Plan(1, 1, 0.1, n_chains=20), source)
        metric = Centred(energy.base_mean, energy.n_hidden)
        step = energy.fused(learner, Gaussian({"weights": 1e-3}), metric)
        x = torch.from_numpy(np.random.default_rng(3).integers(0, 2, (10, 6))).float()
        for update in range(10):
            if update == stop:
                kept = learner.state().copy()
                fresh = Weighted.start(
                    energy, Plan(1, 1, 0.1, n_chains=20), np.random.default_rng(9)
                )
                fresh.restore(kept)
                step = energy.fused(fresh, Gaussian({"weights": 1e-3}), metric)
            step(x, 0.1, source)
        runs.append(energy.weights)
    assert torch.equal(*runs)
    assert not torch.equal(runs[0], energy_of(2).weights)


def test_idle_units_leave_the_start_as_it_is():
    start, _ = learned(10)
    energy = energy_of(0, 10, 12)
    offsets = (torch.full((10,), 0.4), torch.full((12,), 0.5))
    put(start, energy.parameters(), offsets)
    oracle = RBMOracle(energy.weights, energy.visible_bias, energy.hidden_bias)
    idle = 12 - start.n_units
    assert oracle.log_z == pytest.approx(start.log_partition + idle * math.log(2), abs=0.3)
    chains = weighted_chains(start, 12, Plan(1, 1, 0.1, n_chains=500), np.random.default_rng(0))
    chains.carry(energy.parameters(), np.random.default_rng(0))
    assert float(1 / chains.shares().square().sum()) > 300


# -- whole fits -----------------------------------------------------------------------------------


def test_two_clusters_are_learned_and_told_truly():
    X, Y = clusters(1000, 80, 0), clusters(500, 80, 1)
    assert stiffness(X, None, 0.05) > MOST_STIFFNESS * 0.9
    model = hm.RBM(8, n_updates=400, learning_rate=0.1, random_state=0).fit(X)
    assert model.log_partition_.method == "exact"
    assert model.score(Y) > law(Y) - 1.5
    assert law(Y) > independent(X, Y) + 20


def test_what_is_watched_is_the_likelihood_of_the_model():
    """Particles start as draws of the summed start, and follow the model from there."""
    start, rows = learned(10)
    energy, source = energy_of(0, 10, 12), np.random.default_rng(0)
    put(start, energy.parameters(), (torch.full((10,), 0.4), torch.full((12,), 0.5)))
    watch = SummedWatching(energy, start, False)(Batch(rows), Batch(rows[:100]), source)
    for shift in (0.0, 0.2):
        moved = {
            name: p + shift * torch.from_numpy(source.normal(size=p.shape)).float()
            for name, p in energy.parameters().items()
        }
        told = watch.score(moved)
        energy.set_parameters(moved)
        log_z = energy.exact_log_partition()
        wanted = float(energy.log_weight(rows).mean()) - log_z
        assert told.figures["log_partition"] == pytest.approx(log_z, abs=0.15)
        assert told.figures["validation"] == pytest.approx(wanted, abs=0.15)


def test_tables_that_chains_can_follow_are_learned_as_before(digits, monkeypatch):
    X, _ = digits
    assert stiffness(X, None, 0.05) < MOST_STIFFNESS
    seen = []
    start = Persistent.start.__func__

    def kept(cls, energy, plan, generator):
        seen.append(plan.n_chains)
        return start(cls, energy, plan, generator)

    monkeypatch.setattr(Persistent, "start", classmethod(kept))
    hm.RBM(4, n_updates=20, random_state=0).fit(X)
    assert seen == [100]


def test_a_stiff_fit_that_was_cut_off_goes_on_bit_for_bit(tmp_path):
    X = clusters(300, 120, 0)
    assert stiffness(X, None, 0.05) > MOST_STIFFNESS

    def model(**parameters) -> hm.RBM:
        return hm.RBM(16, n_updates=250, random_state=0, **parameters)

    def cut(look):
        if look.update > 100:
            raise OSError("cut off")

    path = tmp_path / "fit"
    with pytest.raises(OSError, match="cut off"):
        model(checkpoint=path).fit_observed(X, observers=[cut])
    resumed, whole = model(checkpoint=path).fit(X), model().fit(X)
    np.testing.assert_array_equal(resumed.components_, whole.components_)
    assert resumed.history_["validation"] == whole.history_["validation"]


@pytest.mark.slow
def test_two_clusters_of_500_columns_end_near_the_law():
    """Plain chains ended at -540 nats, where independent columns give -302, and claimed +125."""
    X, Y = clusters(6000, 500, 0), clusters(1000, 500, 99)
    model = hm.RBM(256, n_updates=2000, random_state=0).fit(X)
    weights, bias = model.components_.T.astype(float), model.intercept_visible_.astype(float)
    energy = RBMEnergy(
        *(torch.from_numpy(p) for p in (weights, bias, model.intercept_hidden_.astype(float))),
        torch.from_numpy(bias),
    )
    # Annealing from each cluster's own rates: each run knows the mode that it starts in.
    parts = [X[X.mean(1) > 0.5], X[X.mean(1) < 0.5]]
    found = []
    for part in parts:
        energy.base_bias = torch.logit(torch.from_numpy(part.mean(0)), eps=1e-3)
        settings = {"n_chains": 100, "n_temperatures": 1000}
        estimate, _, _ = annealed_importance_sampling(
            energy, generator=np.random.default_rng(0), **settings
        )
        found.append(estimate.value)
    score = float(energy.log_weight(torch.from_numpy(Y).double()).mean()) - logsumexp(found)
    assert law(Y) - 4 < score < law(Y) + 1
    assert independent(X, Y) < law(Y) - 150
    assert max(model.history_["validation"]) < law(X) + 10
