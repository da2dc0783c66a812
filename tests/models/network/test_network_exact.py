"""Exact answers of Markov networks against enumeration."""

from __future__ import annotations

import math
import tracemalloc
from fractions import Fraction
from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.network_oracle import SHAPES, NetworkOracle, random_factors
from tests.support.statistics import ALPHA, assert_drawn_from, chi_square_p_value

import harmonium as hm
from harmonium.models.network.exact import contraction, meeting
from harmonium.models.network.exact import engine as exact_engine
from harmonium.models.network.exact.domains import LINEAR, LOG, MAX
from harmonium.models.network.exact.order import elimination_order, interaction_graph
from harmonium.models.network.exact.plan import GIB
from harmonium.models.network.exact.plan import plan as make_plan

CASES = [(shape, zeros) for shape in SHAPES for zeros in (False, True)]


@pytest.fixture(params=["linear", "log"])
def arithmetic(request, monkeypatch):
    """Both arithmetics of the upward pass: plain products, and logarithms."""
    if request.param == "log":
        monkeypatch.setattr(exact_engine, "_MAX_LOG_RANGE", -1.0)
    return request.param


def both(shape, zeros, seed=0):
    factors = random_factors(shape, seed, zeros=zeros)
    return hm.MarkovNetwork(factors), NetworkOracle(factors)


def possible_evidence(oracle, n, seed=0):
    """`n` variables of a joint state that can be."""
    source = np.random.default_rng(seed)
    row = oracle.X[source.choice(np.flatnonzero(oracle.weights))]
    chosen = source.permutation(len(oracle.names))[:n]
    return {oracle.names[c]: int(row[c]) for c in chosen}


@pytest.mark.parametrize(("shape", "zeros"), CASES)
def test_log_partition_and_probabilities(shape, zeros, arithmetic):
    network, oracle = both(shape, zeros)
    log_z = network.log_partition()
    assert log_z.method == log_z.bound == "exact"
    assert log_z.std_error == 0.0
    assert log_z.value == pytest.approx(math.log(oracle.z), abs=1e-10)
    assert network.variables_ == oracle.names
    np.testing.assert_allclose(np.exp(network.score_samples(oracle.X)), oracle.given(), atol=1e-13)
    np.testing.assert_allclose(network.prob(oracle.X), oracle.given(), atol=1e-13)


@pytest.mark.parametrize(("shape", "zeros"), CASES)
def test_marginals_of_one_and_of_several(shape, zeros, arithmetic):
    network, oracle = both(shape, zeros)
    for n_known in (0, 1, 2):
        if n_known >= len(oracle.names):
            continue
        evidence = possible_evidence(oracle, n_known)
        every = network.marginals(evidence)
        assert list(every) == oracle.names
        for name in oracle.names:
            np.testing.assert_allclose(every[name], oracle.marginal([name], evidence), atol=1e-12)
        free = [name for name in oracle.names if name not in evidence]
        for wanted in (free[:1], free[::-1][:2], free[:3]):
            answer = network.marginal(wanted, evidence)
            np.testing.assert_allclose(answer, oracle.marginal(wanted, evidence), atol=1e-12)
        np.testing.assert_allclose(
            network.marginal(free[0], evidence), oracle.marginal(free[:1], evidence), atol=1e-12
        )


@pytest.mark.parametrize(("shape", "zeros"), CASES)
def test_the_mode_is_the_most_probable_state(shape, zeros):
    network, oracle = both(shape, zeros)
    for n_known in range(len(oracle.names) + 1):
        evidence = possible_evidence(oracle, n_known)
        best = network.most_likely(evidence)
        assert best.items() >= evidence.items()
        p = oracle.given(evidence)
        row = oracle.index([[best[name] for name in oracle.names]])[0]
        assert p[row] == pytest.approx(p.max(), rel=1e-12)


@pytest.mark.parametrize(("shape", "zeros"), CASES)
def test_draws_follow_the_distribution(shape, zeros, arithmetic):
    network, oracle = both(shape, zeros)
    draws = network.sample(20_000, random_state=3)
    assert_drawn_from(oracle.index(draws), oracle.given())
    if len(oracle.names) > 1:
        evidence = possible_evidence(oracle, 1)
        draws = network.sample(20_000, evidence, random_state=4)
        assert_drawn_from(oracle.index(draws), oracle.given(evidence))


def test_the_chi_square_notices_a_wrong_network():
    network, _ = both("loop", False)
    _, other = both("loop", False, seed=1)
    counts = np.bincount(other.index(network.sample(20_000, random_state=3)))
    counts = np.pad(counts, (0, len(other.X) - len(counts)))
    assert chi_square_p_value(counts, other.given()) < ALPHA


@pytest.mark.parametrize(("shape", "zeros"), CASES)
def test_rows_with_blanks_are_answered_each_by_its_own_pattern(shape, zeros, arithmetic):
    network, oracle = both(shape, zeros)
    source = np.random.default_rng(5)
    rows = oracle.X[source.choice(len(oracle.X), 12, p=oracle.given())].astype(float)
    rows[source.random(rows.shape) < 0.5] = np.nan
    log_prob = network.log_prob(rows)
    means = network.complete(rows, how="mean")
    modes = network.complete(rows, how="mode")
    draws = network.complete(rows, how="sample", random_state=0)
    for i, row in enumerate(rows):
        known = {n: int(s) for n, s in zip(oracle.names, row, strict=True) if not np.isnan(s)}
        agrees = np.all(np.isnan(row) | (oracle.X == row), axis=1)
        assert np.exp(log_prob[i]) == pytest.approx(oracle.given()[agrees].sum(), abs=1e-12)
        assert network.prob(known) == pytest.approx(oracle.given()[agrees].sum(), abs=1e-12)
        posterior = oracle.given(known)
        np.testing.assert_allclose(means[i], posterior @ oracle.X, atol=1e-11)
        assert posterior[oracle.index(modes[[i]])[0]] == pytest.approx(posterior.max(), rel=1e-12)
        assert posterior[oracle.index(draws[[i]])[0]] > 0.0


@pytest.mark.parametrize(("shape", "zeros"), CASES)
@pytest.mark.parametrize("known", range(6))
def test_rows_that_know_the_same_column_keep_their_own_means(shape, zeros, known, arithmetic):
    """What a row knows reaches variables far from it, which other rows must not blur."""
    network, oracle = both(shape, zeros)
    column = known % len(oracle.names)
    states = np.unique(oracle.X[oracle.weights > 0, column])
    rows = np.full((len(states), len(oracle.names)), np.nan)
    rows[:, column] = states
    together = network.complete(rows, how="mean")
    for row, state in zip(together, states, strict=True):
        posterior = oracle.given({oracle.names[column]: state})
        np.testing.assert_allclose(row, posterior @ oracle.X, atol=1e-11)


@pytest.mark.parametrize(("shape", "zeros"), CASES)
@pytest.mark.parametrize("p", [0.3, 1.0])
def test_noisy_rows_are_cleaned_by_the_posterior(shape, zeros, p, arithmetic):
    network, oracle = both(shape, zeros)
    source = np.random.default_rng(6)
    readings = np.stack([source.integers(0, size, 6) for size in oracle.sizes], axis=1) * 1.0
    readings[0, 0] = np.nan
    noise = hm.noise.Replace(p)
    means = network.correct(readings, noise=noise, how="mean")
    modes = network.correct(readings, noise=noise)
    for i, row in enumerate(readings):
        likelihood = {
            c: np.where(np.arange(size) == row[c], 1 - p + p / size, p / size)
            for c, size in enumerate(oracle.sizes)
            if not np.isnan(row[c])
        }
        posterior = oracle.given(likelihood=likelihood)
        np.testing.assert_allclose(means[i], posterior @ oracle.X, atol=1e-11)
        assert posterior[oracle.index(modes[[i]])[0]] == pytest.approx(posterior.max(), rel=1e-12)


def test_conditional_draws_of_complete_are_a_draw_a_row():
    network, oracle = both("wide", True)
    evidence = possible_evidence(oracle, 2)
    row = [float(evidence.get(name, np.nan)) for name in oracle.names]
    draws = network.complete([row] * 20_000, how="sample", random_state=0)
    assert_drawn_from(oracle.index(draws), oracle.given(evidence))
    draws = network.sample(20_000, condition=row, random_state=1)
    assert_drawn_from(oracle.index(draws), oracle.given(evidence))


def test_batches_of_rows_do_not_change_answers(monkeypatch):
    network, oracle = both("wide", False)
    rows = oracle.X[::5].astype(float)
    rows[:, 2] = np.nan
    whole = network.log_prob(rows), network.complete(rows, how="mean")
    monkeypatch.setattr(exact_engine, "_BATCH_BYTES", 1.0)
    again = network.log_prob(rows), network.complete(rows, how="mean")
    np.testing.assert_allclose(whole[0], again[0], atol=1e-12)
    np.testing.assert_allclose(whole[1], again[1], atol=1e-12)


# -- the worked example ------------------------------------------------------------------------


def worked_example():
    pairs = {
        ("v1", "h1"): [20, 3, 5, 10],
        ("v1", "h2"): [6, 20, 10, 2],
        ("v2", "h1"): [3, 3, 2, 10],
        ("v2", "h2"): [2, 1, 10, 10],
        ("v3", "h1"): [6, 3, 5, 10],
        ("v3", "h2"): [3, 1, 10, 10],
    }
    singles = {"v1": [30, 1], "v2": [100, 1], "v3": [1, 100], "h1": [100, 1], "h2": [10, 10]}
    return [hm.Factor([name], table) for name, table in singles.items()] + [
        hm.Factor(names, table) for names, table in pairs.items()
    ]


def test_the_worked_example():
    network = hm.MarkovNetwork(worked_example())
    state = {"v1": 0, "v2": 0, "v3": 0, "h1": 1, "h2": 1}
    wanted = Fraction(16_200_000, 30_712_455_360_000)
    assert network.prob(state) == pytest.approx(float(wanted), rel=1e-12)
    assert math.exp(network.log_partition().value) == pytest.approx(30_712_455_360_000, rel=1e-12)
    assert sum(network.prob(row) for row in product((0, 1), repeat=5)) == pytest.approx(1.0)
    flipped = hm.MarkovNetwork(worked_example()[::-1])
    assert flipped.prob(state) == pytest.approx(float(wanted), rel=1e-12)


# -- ranges, sizes, orders -----------------------------------------------------------------------


@pytest.mark.parametrize("scale", [50.0, 1000.0])
def test_tables_beyond_the_range_of_a_double(scale):
    source = np.random.default_rng(0)
    shape = (2, 3, 3)
    tables = source.normal(0.0, scale, (7, 3, 3))
    network = hm.MarkovNetwork(
        [hm.Factor([f"{i}", f"{i + 1}"], t, log=True) for i, t in enumerate(tables)]
    )
    total = np.zeros(shape[1])
    best = np.zeros(shape[1])
    for table in tables[::-1]:
        total = np.logaddexp.reduce(table + total, axis=1)
        best = (table + best).max(axis=1)
    assert network.log_partition().value == pytest.approx(np.logaddexp.reduce(total), rel=1e-12)
    row = [network.most_likely()[name] for name in network.variables_]
    height = sum(t[row[i], row[i + 1]] for i, t in enumerate(tables))
    assert height == pytest.approx(best.max(), rel=1e-12)
    for p in network.marginals().values():
        assert p.sum() == pytest.approx(1.0)


def ising_log_z(height, width, pair):
    """log Z of a grid of pairs by a transfer matrix over whole rows."""
    k = len(pair)
    rows = list(product(range(k), repeat=width))
    within = np.array([sum(np.log(pair[a, b]) for a, b in pairwise(r)) for r in rows])
    across = np.array(
        [[sum(np.log(pair[a, b]) for a, b in zip(r, s, strict=True)) for s in rows] for r in rows]
    )
    total = within
    for _ in range(height - 1):
        total = np.logaddexp.reduce(total[:, None] + across, axis=0) + within
    return np.logaddexp.reduce(total)


@pytest.mark.parametrize(("height", "width", "k"), [(9, 4, 2), (6, 3, 3), (1, 5, 3)])
def test_grids_agree_with_transfer_matrices(height, width, k):
    pair = np.exp(np.random.default_rng(1).normal(size=(k, k)))
    network = hm.MarkovNetwork.grid(height, width, pair)
    assert network.log_partition().value == pytest.approx(ising_log_z(height, width, pair))


def test_a_long_chain_costs_no_more_than_its_length():
    pair = np.array([[3.0, 1.0], [1.0, 2.0]])
    network = hm.MarkovNetwork.chain(1500, pair)
    largest = np.linalg.eigvalsh(pair).max()
    power = np.linalg.matrix_power(pair / largest, 1499).sum()
    wanted = 1499 * math.log(largest) + math.log(power)
    assert network.log_partition().value == pytest.approx(wanted, rel=1e-12)


def test_too_wide_a_network_is_refused_by_its_width_before_any_work():
    network = hm.MarkovNetwork.grid(12, 12, n_states=6)
    for ask in (
        lambda: network.marginal("0,0"),
        lambda: network.marginals(method="exact"),
        lambda: network.most_likely(method="exact"),
        lambda: network.sample(method="exact"),
        lambda: network.log_partition("exact"),
    ):
        with pytest.raises(ValueError, match=r"1\d variables at once and .* GiB .*max_memory"):
            ask()
    # A row of evidence cuts it in two.
    known = {f"6,{x}": 0 for x in range(12)} | {f"{y},6": 0 for y in range(12)}
    assert network.marginal("0,0", known) == pytest.approx(1 / 6)


@pytest.mark.parametrize("domain", [LINEAR, LOG])
def test_the_plan_keeps_its_promise_of_memory(monkeypatch, domain):
    """What is in memory at once, by Python's own count, is what the plan said before."""
    monkeypatch.setattr(contraction, "_MANY_BLOCKS", 10**9)
    sizes, scopes = [16] * 8, [(i, j) for i in range(8) for j in range(i + 1, 8) if (i + j) % 5]
    order = elimination_order(interaction_graph(8, scopes), sizes)
    plan = make_plan(scopes, order)
    tables = [domain.from_log(np.zeros((16, 16))) for _ in scopes]
    for reach in ("sum", "up", "down"):
        tracemalloc.start()
        up = contraction.Upward(plan, tables, domain, kept=reach != "sum")
        if reach == "down":
            up.marginals([(v,) for v in range(8)], np.ones(()))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        promised = plan.memory(sizes, reach)
        assert 0.5 * promised < peak <= 1.05 * promised
        assert float(up.log_total) == pytest.approx(8 * math.log(16))


@pytest.mark.parametrize("reach", ["up", "down"])
def test_messages_made_again_on_the_way_down_answer_the_same(reach):
    """The same bits, in less memory, however often the way down is gone."""
    pair = np.exp(np.random.default_rng(0).normal(size=(2, 2)))
    exact = hm.MarkovNetwork.grid(10, 60, pair)._network.exact
    blank, free = np.zeros((1, 600), dtype=np.intp), frozenset()
    asked = [(v, v + 1) for v in range(3)] + [(v,) for v in range(600)]

    def answers(engine: exact_engine.Engine) -> list[np.ndarray]:
        if reach == "down":
            return engine.marginals(asked)
        twice = [engine.fill(blank, free, None, np.random.default_rng(1), 50) for _ in range(2)]
        return [array for found in (*twice, engine.fill(blank, free)) for array in found]

    expected = answers(exact)
    less = exact.with_tables(exact.log_tables)
    less.max_memory = exact.plan(reach=reach).memory(exact.sizes, reach) / GIB * 0.6
    _, starts = less.planner.plan(free, free, (), 1, reach, less.max_memory)
    assert len(starts) > 2
    for one, other in zip(answers(less), expected, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("domain", [LINEAR, MAX])
def test_stretches_keep_their_promise_of_memory(monkeypatch, domain):
    monkeypatch.setattr(contraction, "_MANY_BLOCKS", 10**9)
    sizes, scopes = [2] * 250, [(i, i + s) for s in (1, 12) for i in range(250 - s)]
    plan = make_plan(scopes, range(250))
    tables = [domain.from_log(np.zeros((2, 2))) for _ in scopes]
    room = plan.memory(sizes, "down") / 3
    starts = plan.stretches(sizes, room, "down")
    tracemalloc.start()
    up = contraction.Upward(plan, tables, domain, starts=starts)
    if domain is LINEAR:
        up.marginals([(v,) for v in range(250)], np.ones(()))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(starts) > 2
    assert 0.2 * room < peak <= room


@pytest.mark.parametrize("domain", [LINEAR, LOG, MAX])
def test_blocks_do_not_change_answers(monkeypatch, domain):
    """A product in many blocks, its axes merged, by several threads, and in one piece."""
    source = np.random.default_rng(0)
    sizes = [2, 3, 2, 4, 3, 2, 3]
    scopes = [(0, 1, 2), (2, 3), (3, 4, 5), (5, 6), (6, 0), (1, 4), (6, 3)]
    tables = [domain.from_log(source.normal(size=[sizes[v] for v in s])) for s in scopes]
    order = elimination_order(interaction_graph(7, scopes), sizes)
    plan = make_plan(scopes, order)
    found = []
    for block in (2**16, 5):
        monkeypatch.setattr(meeting, "BLOCK", block)
        monkeypatch.setattr(meeting, "_SMALL", block // 4)
        up = contraction.Upward(plan, tables, domain)
        found.append([up.log_total, *up.messages, *up.marginals(scopes, np.ones(()))])
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-12)


# -- properties ------------------------------------------------------------------------------------

shapes = st.sampled_from(sorted(SHAPES))
seeds = st.integers(0, 2**32 - 1)


@settings(deadline=None, max_examples=30)
@given(shapes, seeds, st.floats(1e-200, 1e200))
def test_scaling_a_factor_shifts_log_z_and_nothing_else(shape, seed, scale):
    factors = random_factors(shape, seed)
    network = hm.MarkovNetwork(factors)
    scaled = hm.MarkovNetwork(
        [
            hm.Factor(factors[0].variables, factors[0].log_table + math.log(scale), log=True),
            *factors[1:],
        ]
    )
    shift = scaled.log_partition().value - network.log_partition().value
    assert shift == pytest.approx(math.log(scale), abs=1e-9)
    for name, p in network.marginals().items():
        np.testing.assert_allclose(scaled.marginals()[name], p, atol=1e-12)


@settings(deadline=None, max_examples=30)
@given(shapes, seeds, st.randoms(use_true_random=False))
def test_names_and_order_do_not_matter(shape, seed, shuffler):
    factors = random_factors(shape, seed, zeros=True)
    network = hm.MarkovNetwork(factors)
    names = list(network.variables_)
    new = dict(zip(names, shuffler.sample(range(100), len(names)), strict=True))
    turned = []
    for factor in shuffler.sample(factors, len(factors)):
        axes = shuffler.sample(range(len(factor.variables)), len(factor.variables))
        turned.append(
            hm.Factor([new[factor.variables[a]] for a in axes], factor.table.transpose(axes))
        )
    other = hm.MarkovNetwork(turned)
    assert other.log_partition().value == pytest.approx(network.log_partition().value, abs=1e-10)
    for name, p in network.marginals().items():
        np.testing.assert_allclose(other.marginals()[new[name]], p, atol=1e-12)
    best = {new[name]: state for name, state in network.most_likely().items()}
    assert other.log_prob(best) == pytest.approx(other.log_prob(other.most_likely()), abs=1e-12)


@settings(deadline=None, max_examples=30)
@given(seeds, st.integers(2, 9), st.integers(0, 20))
def test_random_graphs(seed, n, n_factors):
    source = np.random.default_rng(seed)
    sizes = source.integers(2, 4, n)
    factors = [hm.Factor([v], np.ones(size)) for v, size in enumerate(sizes)]
    for _ in range(n_factors):
        scope = source.permutation(n)[: source.integers(1, min(n, 3) + 1)].tolist()
        factors.append(hm.Factor(scope, np.exp(source.normal(size=sizes[scope]))))
    if np.prod(sizes.astype(float)) > 3000:
        factors = [f for f in factors if all(v < 6 for v in f.variables)]
    network, oracle = hm.MarkovNetwork(factors), NetworkOracle(factors)
    assert network.log_partition().value == pytest.approx(math.log(oracle.z), abs=1e-10)
    for name, p in network.marginals().items():
        np.testing.assert_allclose(p, oracle.marginal([name]), atol=1e-12)
    pair = [oracle.names[i] for i in source.permutation(len(oracle.names))[:2]]
    np.testing.assert_allclose(network.marginal(pair), oracle.marginal(pair), atol=1e-12)
