"""Networks as energies for chains, loopy beliefs, and learning: against enumeration."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from sklearn.exceptions import ConvergenceWarning
from tests.support.network_oracle import SHAPES, NetworkOracle, random_factors
from tests.support.statistics import assert_drawn_from

import harmonium as hm
from harmonium.learning.ascent import Ascent
from harmonium.learning.rows import Batches
from harmonium.models import answers
from harmonium.models.network.energy import FactorEnergy
from harmonium.models.network.exact import given as exact_given
from harmonium.models.network.structure import Structure


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.SFC64(seed))


def energy_and_oracle(shape, seed=0, **options):
    factors = random_factors(shape, seed, **options)
    return FactorEnergy(Structure(factors, 2.0).exact, torch.float64), NetworkOracle(factors)


def base_of(oracle, energy):
    """P_0 of every joint state."""
    base = energy.base.exp().numpy()
    return np.prod([base[c, oracle.X[:, c]] for c in range(len(oracle.names))], axis=0)


@pytest.mark.parametrize("shape", SHAPES)
def test_weights_walk_from_the_base_to_the_model(shape):
    energy, oracle = energy_and_oracle(shape)
    X = torch.from_numpy(oracle.X).double()
    base, full = base_of(oracle, energy), oracle.weights
    assert base.sum() == pytest.approx(1.0)
    assert energy.base_log_partition() == 0.0
    betas = [0.0, 0.4, 1.0]
    for beta in betas:
        wanted = (1 - beta) * np.log(base) + beta * np.log(full)
        np.testing.assert_allclose(energy.log_weight(X, beta).numpy(), wanted, atol=1e-10)
    several = torch.from_numpy(np.resize(betas, len(X)))
    wanted = (1 - several.numpy()) * np.log(base) + several.numpy() * np.log(full)
    np.testing.assert_allclose(energy.log_weight(X, several).numpy(), wanted, atol=1e-10)
    assert energy.exact_log_partition() == pytest.approx(math.log(oracle.z))
    assert_drawn_from(oracle.index(energy.base_sample(20_000, generator()).numpy()), base)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("beta", [1.0, 0.5])
def test_each_colour_is_drawn_from_its_conditional(shape, beta):
    energy, oracle = energy_and_oracle(shape)
    X = torch.from_numpy(oracle.X).double()
    weights = np.exp(energy.log_weight(X, beta).numpy())
    table = weights.reshape(oracle.sizes)
    seen = []
    for colour, members in enumerate(energy.colours):
        logits = energy._logits(X, colour, beta, None)
        p = torch.softmax(logits, 2).numpy()
        for slot, v in enumerate(members.tolist()):
            seen.append(v)
            conditional = table / table.sum(axis=v, keepdims=True)
            for state in range(oracle.sizes[v]):
                rows = oracle.X.copy()
                rows[:, v] = state
                np.testing.assert_allclose(
                    p[:, slot, state], conditional[tuple(rows.T)], atol=1e-12
                )
            assert not p[:, slot, oracle.sizes[v] :].any()
    assert sorted(seen) == list(range(len(oracle.names)))


@pytest.mark.parametrize("shape", SHAPES)
def test_no_colour_holds_two_neighbours(shape):
    energy, _ = energy_and_oracle(shape)
    for members in energy.colours:
        chosen = set(members.tolist())
        assert all(len(chosen & set(scope)) <= 1 for scope in energy.scopes)


def test_ascent_never_goes_down():
    energy, _ = energy_and_oracle("wide")
    x = energy.base_sample(200, generator())
    for _ in range(5):
        higher = energy.ascend(x)
        assert (energy.log_weight(higher) >= energy.log_weight(x) - 1e-12).all()
        x = higher


@pytest.mark.parametrize("shape", SHAPES)
def test_moments_are_the_gradient_of_log_weight(shape):
    energy, oracle = energy_and_oracle(shape, zeros=True)
    found = energy.exact_moments()["tables"].numpy()
    X = torch.from_numpy(oracle.X).double()
    weights = torch.from_numpy(oracle.given())
    np.testing.assert_allclose(energy.moments(X, weights)["tables"].numpy(), found, atol=1e-12)
    before = energy.log_weight(X[-1:])
    bump = energy.moments(X[-1:], torch.ones(1))["tables"]
    energy.tables += 0.1 * bump
    assert float(energy.log_weight(X[-1:]) - before) == pytest.approx(0.1 * float(bump.sum()))


def test_chains_agree_with_exact_answers():
    factors = random_factors("wide", 3)
    network, oracle = hm.MarkovNetwork(factors), NetworkOracle(factors)
    evidence = {"b": 1}
    rough = network.marginals(evidence, method="gibbs", random_state=0)
    for name in oracle.names:
        # 64 chains of 200 sweeps each: as good as 1,000 independent draws would be enough.
        np.testing.assert_allclose(rough[name], oracle.marginal([name], evidence), atol=0.08)
    best = network.most_likely(evidence, method="gibbs", random_state=0)
    assert network.log_prob(best) == pytest.approx(network.log_prob(network.most_likely(evidence)))
    draws = network.sample(5000, evidence, method="gibbs", random_state=0)
    assert_drawn_from(oracle.index(draws), oracle.given(evidence))


def test_networks_too_wide_are_answered_by_chains(monkeypatch):
    monkeypatch.setattr(exact_given, "_MOST_WORK", 1.0)  # and not in slices either
    source = np.random.default_rng(0)
    pair = np.exp(source.normal(0, 0.2, (3, 3)))
    network = hm.MarkovNetwork.grid(4, 4, pair)
    exact = network.log_partition().value
    # 3**5 entries of 8 bytes and their messages take more than this many GiB.
    wide = hm.MarkovNetwork.grid(4, 4, pair).set_params(max_memory=1e-6)
    estimate = wide.log_partition()
    assert estimate.method == "ais"
    assert abs(estimate.value - exact) < 5 * estimate.std_error
    draws = wide.sample(1500, random_state=0)
    first_two = network.marginal(["0,0", "0,1"]).reshape(-1)
    assert_drawn_from((draws[:, 0] * 3 + draws[:, 1]).astype(int), first_two)


def modes_too_wide():
    """log P of what chains and what elimination fill in, and the same of noise taken out."""
    source = np.random.default_rng(0)
    pair = np.exp(source.normal(0, 0.7, (3, 3)))
    network = hm.MarkovNetwork.grid(4, 4, pair)
    wide = hm.MarkovNetwork.grid(4, 4, pair).set_params(max_memory=1e-6)
    draws = network.sample(12, random_state=0)
    rows = np.where(source.random((12, 16)) < 0.3, draws, np.nan)
    filled = wide.complete(rows, how="mode", random_state=0)
    assert (filled[~np.isnan(rows)] == rows[~np.isnan(rows)]).all()
    noise = hm.noise.Replace(0.4)
    clean, best = (m.correct(draws, noise=noise, random_state=0) for m in (wide, network))
    kept, changed = np.log(0.6 + 0.4 / 3), np.log(0.4 / 3)

    def height(x):
        return network.log_prob(x) + np.where(x == draws, kept, changed).sum(1)

    return (
        np.concatenate([network.log_prob(filled), height(clean)]),
        np.concatenate([network.log_prob(network.complete(rows, how="mode")), height(best)]),
    )


def test_modes_of_networks_too_wide_are_found_by_chains():
    """Chains promise no mode; of these nearly all are."""
    found, exact = modes_too_wide()
    assert (found <= exact + 1e-9).all()
    assert np.isclose(found, exact, rtol=1e-9).mean() >= 0.9


def test_chains_that_do_not_search_are_caught(monkeypatch):
    monkeypatch.setattr(answers, "seek_mode", lambda energy, chains, *rest: chains.x)
    monkeypatch.setattr(answers, "climb", lambda energy, x, evidence: x)
    found, exact = modes_too_wide()
    assert np.isclose(found, exact, rtol=1e-9).mean() < 0.9


# -- loopy belief propagation --------------------------------------------------------------------


@pytest.mark.parametrize("shape", ["tree", "apart", "everything", "one"])
@pytest.mark.parametrize("zeros", [False, True])
@pytest.mark.parametrize("damping", [0.0, 0.5])
def test_loopy_beliefs_are_exact_on_trees(shape, zeros, damping):
    factors = random_factors(shape, 1, zeros=zeros)
    network, oracle = hm.MarkovNetwork(factors), NetworkOracle(factors)
    evidence = dict(zip(oracle.names[:1], oracle.X[oracle.weights.argmax()], strict=False))
    for known in ({}, evidence):
        found = network.loopy_marginals(known, damping=damping)
        assert found.converged
        assert found.residual <= 1e-9
        for name in oracle.names:
            np.testing.assert_allclose(
                found.marginals[name], oracle.marginal([name], known), atol=1e-6
            )
        possible = np.all([oracle.X[:, oracle.column(n)] == s for n, s in known.items()], axis=0)
        wanted = math.log((oracle.weights * possible).sum())
        assert found.log_partition == pytest.approx(wanted, abs=1e-5)


def test_loopy_beliefs_say_when_they_do_not_settle():
    # All neighbours want to differ, which ten variables of two states cannot: messages swing.
    factors = [hm.Factor([i], [1.0, 1.1]) for i in range(10)]
    differ = [[1.0, 5.0], [5.0, 1.0]]
    factors += [hm.Factor([i, j], differ) for i in range(10) for j in range(i)]
    found = hm.MarkovNetwork(factors).loopy_marginals(max_iter=50)
    assert not found.converged
    assert found.n_iter == 50
    assert found.residual > 1e-9
    assert hm.MarkovNetwork(factors).loopy_marginals(damping=0.8).converged


# -- learning ------------------------------------------------------------------------------------


def counts_of(network, X):
    """The share of rows in each state of each factor's variables."""
    columns = {name: i for i, name in enumerate(network.variables_)}
    for factor in network.factors_:
        table = np.zeros(factor.n_states)
        np.add.at(table, tuple(X[:, columns[v]] for v in factor.variables), 1.0 / len(X))
        yield factor, table


@pytest.mark.parametrize("shape", ["tree", "loop", "wide", "repeated", "one"])
def test_learned_tables_match_the_data(shape):
    """At the maximum the model expects every factor's counts as the data have them."""
    truth = hm.MarkovNetwork(random_factors(shape, 1))
    X = truth.sample(3000, random_state=0)
    network = hm.MarkovNetwork(random_factors(shape, 2)).fit(X)
    assert network.stop_reason_ == "done"
    for factor, table in counts_of(network, X):
        if factor.variables:
            np.testing.assert_allclose(network.marginal(factor.variables), table, atol=2e-6)
    assert network.score(X) >= truth.score(X)


def test_weights_count_rows_and_zeros_stay():
    factors = random_factors("loop", 3, zeros=True)
    truth = hm.MarkovNetwork(factors)
    X = truth.sample(400, random_state=0)
    weights = np.repeat([2.0, 0.0, 1.0], [100, 100, 200])
    options = {"weight_decay": 1e-3}
    weighted = hm.MarkovNetwork(factors, **options).fit(X, sample_weight=weights)
    repeated = hm.MarkovNetwork(factors, **options).fit(np.concatenate([X[:100], X[:100], X[200:]]))
    for a, b, given in zip(weighted.factors_, repeated.factors_, factors, strict=True):
        np.testing.assert_allclose(a.table, b.table, atol=1e-3)
        assert ((a.table == 0) == (given.table == 0)).all()


def test_weight_decay_gives_unseen_states_a_chance():
    structure = [hm.Factor(["a", "b"], np.ones((2, 2)))]
    X = np.array([[0, 0], [0, 1], [1, 1]])
    with pytest.warns(ConvergenceWarning, match="expected counts off"):
        hm.MarkovNetwork(structure, tol=1e-9, max_iter=2).fit(X)
    decayed = hm.MarkovNetwork(structure, weight_decay=0.01).fit(X)
    assert 1e-4 < decayed.prob({"a": 1, "b": 0}) < 1 / 4


def test_sampled_learning_comes_close_to_exact():
    truth = hm.MarkovNetwork(random_factors("loop", 4))
    X = truth.sample(2000, random_state=0)
    held_out = truth.sample(2000, random_state=1)
    exact = hm.MarkovNetwork(random_factors("loop", 5)).fit(X)
    sampled = hm.MarkovNetwork(random_factors("loop", 5), learner="pcd", max_iter=20)
    sampled.set_params(random_state=0).fit(X)
    independent = hm.MarkovNetwork(
        [hm.Factor(n, np.ones(s)) for n, s in zip(truth.variables_, truth.n_states_, strict=True)]
    ).fit(X)
    gained = exact.score(held_out) - independent.score(held_out)
    assert sampled.score(held_out) > exact.score(held_out) - 0.1 * gained


def test_a_sampled_fit_that_is_interrupted_says_so_and_keeps_its_history(monkeypatch):
    X = np.random.default_rng(0).integers(0, 2, (60, 2))
    following, calls = Batches.next_index, []

    def interrupt(self):
        calls.append(1)
        if len(calls) == 130:
            raise KeyboardInterrupt
        return following(self)

    monkeypatch.setattr(Batches, "next_index", interrupt)
    model = hm.MarkovNetwork.chain(2).set_params(learner="pcd", max_iter=3, random_state=0)
    with pytest.warns(ConvergenceWarning, match="interrupted"):
        model.fit(X)
    assert model.stop_reason_ == "interrupted"
    assert model.n_updates_ == 129
    assert model.history_["update"] == [100.0, 129.0]


def test_a_sampled_fit_that_diverges_says_so(monkeypatch):
    def overflow(self, moments, rate):
        self.energy.tables.fill_(torch.inf)

    monkeypatch.setattr(Ascent, "step", overflow)
    X = np.random.default_rng(0).integers(0, 2, (60, 2))
    model = hm.MarkovNetwork.chain(2).set_params(learner="pcd", max_iter=3, random_state=0)
    with pytest.warns(ConvergenceWarning, match="diverged"):
        model.fit(X)
    assert model.stop_reason_ == "diverged"
    assert np.isfinite(model.score(X))


def test_very_small_entries_keep_their_size_and_stay_above_zeros() -> None:
    """Logarithms far below those of doubles: chains must weigh them as the tables say."""
    table = np.array([[0.0, -2000.0], [-900.0, -np.inf]])
    network = hm.MarkovNetwork([hm.Factor(["a", "b"], table, log=True)])
    energy = network.build_energy(torch.float64)
    states = torch.tensor([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=torch.float64)
    weights = energy.log_weight(states)
    np.testing.assert_allclose(weights[:3], [0.0, -2000.0, -900.0])
    assert weights[3] < -2000.0
