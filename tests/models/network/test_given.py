"""Answers given evidence, with zeros, in slices: against enumeration."""

from __future__ import annotations

import math

import numpy as np
import pytest
from tests.support.network_oracle import SHAPES, SIZES, NetworkOracle, random_factors
from tests.support.statistics import assert_drawn_from

import harmonium as hm
from harmonium.models.network.exact import given as exact_given
from harmonium.models.network.exact.given import Given
from harmonium.models.network.exact.plan import GIB, TooWideError
from harmonium.models.network.structure import Structure


def sparse_factors(shape: str, seed: int) -> list[hm.Factor]:
    """Two thirds of the entries forbidden, one joint state always possible."""
    source = np.random.default_rng(seed)
    kept = {name: int(source.integers(size)) for name, size in SIZES.items()}
    factors = []
    for scope in SHAPES[shape]:
        shape_of = [SIZES[name] for name in scope]
        table = np.exp(source.normal(size=shape_of)) * (source.random(shape_of) > 0.67)
        table = np.asarray(table)
        table[tuple(kept[name] for name in scope)] = 1.0
        factors.append(hm.Factor(list(scope), table))
    return factors


def every_evidence(oracle: NetworkOracle, seed: int = 0):
    """Nothing, and of one joint state that can be: a variable, two, ... all."""
    source = np.random.default_rng(seed)
    row = oracle.X[source.choice(np.flatnonzero(oracle.weights))]
    order = source.permutation(len(oracle.names))
    for n in range(len(oracle.names) + 1):
        yield {oracle.names[c]: int(row[c]) for c in order[:n]}


def agreeing(oracle: NetworkOracle, evidence) -> float:
    rows = np.all([oracle.X[:, oracle.column(n)] == s for n, s in evidence.items()] or [True], 0)
    return float((oracle.weights * rows).sum())


CASES = [(shape, seed) for shape in SHAPES for seed in range(3)]


@pytest.fixture(params=["whole", "sliced"])
def cut(request, monkeypatch):
    """All answers in one piece, or with every variable but two set to each of its states."""
    if request.param == "sliced":

        def all_but_two(self, reach, keep=()):
            if self._engine is None:
                return ()
            free = [v for v in range(len(self._engine.sizes)) if v not in keep]
            return tuple(free[2:])

        monkeypatch.setattr(Given, "_cut", all_but_two)
    return request.param


@pytest.mark.parametrize(("shape", "seed"), CASES)
def test_every_answer_given_every_evidence(shape, seed, cut):
    factors = sparse_factors(shape, seed)
    oracle = NetworkOracle(factors)
    for evidence in every_evidence(oracle, seed):
        network = hm.MarkovNetwork(factors)
        log_z = network.log_partition(evidence=evidence)
        assert (log_z.method, log_z.status, log_z.std_error) == ("exact", "ok", 0.0)
        assert log_z.value == pytest.approx(math.log(agreeing(oracle, evidence)), abs=1e-10)
        log_p = network.log_evidence(evidence)
        assert log_p.value == pytest.approx(log_z.value - math.log(oracle.z), abs=1e-10)
        assert network.log_prob(evidence) == pytest.approx(log_p.value, abs=1e-10)
        every = network.marginals(evidence)
        for name in oracle.names:
            np.testing.assert_allclose(every[name], oracle.marginal([name], evidence), atol=1e-12)
        free = [name for name in oracle.names if name not in evidence]
        for wanted in (free[:1], free[::-1][:2], free[:3]):
            if wanted:
                answer = network.marginal(wanted, evidence)
                np.testing.assert_allclose(answer, oracle.marginal(wanted, evidence), atol=1e-12)
        best = network.most_likely(evidence)
        p = oracle.given(evidence)
        row = oracle.index([[best[name] for name in oracle.names]])[0]
        assert p[row] == pytest.approx(p.max(), rel=1e-12)
        assert best.log_weight == pytest.approx(math.log(oracle.weights[row]), abs=1e-10)
        assert (best.method, best.status) == ("exact", "ok")


@pytest.mark.parametrize("shape", ["loop", "wide", "everything"])
@pytest.mark.parametrize("zeros", [False, True])
def test_draws_given_evidence(shape, zeros, cut):
    factors = random_factors(shape, 3, zeros=zeros)
    oracle = NetworkOracle(factors)
    network = hm.MarkovNetwork(factors)
    for evidence in list(every_evidence(oracle))[:2]:
        draws = network.sample(10_000, evidence, random_state=1)
        assert_drawn_from(oracle.index(draws), oracle.given(evidence))
        # Independent rows: the halves are no more alike than two sets of draws.
        assert_drawn_from(oracle.index(draws[:5000]), oracle.given(evidence))
    everything = list(every_evidence(oracle))[-1]
    drawn = network.sample(3, everything)
    assert (drawn == [everything[name] for name in oracle.names]).all()


def test_memory_that_is_too_small_is_made_do_with_in_slices():
    """The same answers in a twentieth of the memory, by a cut that the engine chooses."""
    pair = np.exp(np.random.default_rng(1).normal(size=(3, 3)))
    wide = hm.MarkovNetwork.grid(6, 6, pair)
    exact = Structure(wide.factors, 2.0).exact
    for reach in ("sum", "up", "down"):
        exact.max_memory = exact.plan(reach=reach).memory(exact.sizes, reach) / GIB / 20
        with pytest.raises(TooWideError, match="max_memory"):
            exact.plan(reach=reach)
        part = Given(exact, {})
        assert part.fits(reach)
        if reach == "sum":
            assert part.log_sum() == pytest.approx(wide.log_partition().value, abs=1e-9)
        elif reach == "down":
            for name, p in zip(wide.variables_, part.marginals(), strict=True):
                np.testing.assert_allclose(p, wide.marginals()[name], atol=1e-10)
        else:
            states, height = part.mode()
            assert height == pytest.approx(wide.most_likely().log_weight, abs=1e-9)
            assert wide._network.log_weight(states[None])[0] == pytest.approx(height, abs=1e-9)
        exact.max_memory = 2.0


def test_slices_that_would_take_too_long_are_refused(monkeypatch):
    network = hm.MarkovNetwork.grid(6, 6, n_states=3).set_params(max_memory=2e-5)
    network.log_partition("exact")
    monkeypatch.setattr(exact_given, "_MOST_WORK", 1.0)
    with pytest.raises(ValueError, match=r"7 variables at once and .* GiB .*max_memory"):
        hm.MarkovNetwork.grid(6, 6, n_states=3).set_params(max_memory=2e-5).log_partition("exact")


def test_zeros_decide_what_follows_from_what_is_known():
    """A chain of equalities: one known state leaves nothing open, however many states there are."""
    n, k = 40, 50
    factors = [hm.Factor([i, i + 1], np.eye(k)) for i in range(n)]
    factors += [hm.Factor([i, j], np.ones((k, k))) for i in range(n) for j in range(i)]
    network = hm.MarkovNetwork(factors)
    assert network.most_likely({0: 7}) == dict.fromkeys(range(n + 1), 7)
    assert network.log_partition(evidence={0: 7}).value == pytest.approx(0.0)
    with pytest.raises(ValueError, match=r"evidence \{0: 7, 40: 8\} has probability zero"):
        network.marginals({0: 7, 40: 8})


@pytest.mark.parametrize(
    "ask",
    [
        lambda n, e: n.log_partition(evidence=e),
        lambda n, e: n.log_evidence(e),
        lambda n, e: n.marginal("c", e),
        lambda n, e: n.marginals(e),
        lambda n, e: n.marginals(e, method="gibbs"),
        lambda n, e: n.marginals(e, method="loopy"),
        lambda n, e: n.most_likely(e),
        lambda n, e: n.sample(2, e),
    ],
)
@pytest.mark.parametrize("alone", [True, False])
def test_evidence_that_cannot_be_is_one_clear_error(ask, alone):
    """Ruled out by a zero, or by three tables that agree in pairs but never all together."""
    if alone:
        factors = [hm.Factor(["a", "b"], [[1.0, 1.0], [1.0, 0.0]]), hm.Factor(["b", "c"], [1] * 4)]
    else:
        differ = 1.0 - np.eye(2)
        factors = [
            hm.Factor([x, y, "b"], np.stack([np.ones((2, 2)), differ], 2))
            for x, y in ("cd", "de", "ec")
        ]
        factors.append(hm.Factor("a", [1, 1]))
    network = hm.MarkovNetwork(factors)
    with pytest.raises(ValueError, match="probability zero"):
        ask(network, {"a": 1, "b": 1})


def test_log_evidence_by_annealing_has_an_error_that_holds(monkeypatch):
    pair = np.exp(np.random.default_rng(2).normal(0, 0.5, (3, 3)))
    network = hm.MarkovNetwork.grid(4, 4, pair)
    evidence = {"0,0": 1, "2,3": 2, "1,1": 0}
    right = network.log_evidence(evidence)
    assert (right.method, right.std_error) == ("exact", 0.0)
    monkeypatch.setattr(exact_given, "_MOST_WORK", 1.0)
    rough = hm.MarkovNetwork.grid(4, 4, pair).set_params(max_memory=1e-7).log_evidence(evidence)
    assert (rough.method, rough.status, rough.bound) == ("ais", "ok", "none")
    assert 0.0 < rough.std_error < 0.1
    assert abs(rough.value - right.value) < 5 * rough.std_error


def test_estimates_of_what_is_too_wide_carry_a_status(monkeypatch):
    monkeypatch.setattr(exact_given, "_MOST_WORK", 1.0)
    pair = np.exp(0.1 * np.random.default_rng(2).normal(size=(3, 3)))
    network = hm.MarkovNetwork.grid(4, 4, pair).set_params(max_memory=1e-7)
    right = hm.MarkovNetwork.grid(4, 4, pair).marginals({"0,0": 1}, method="exact")
    found = network.marginals({"0,0": 1}, random_state=0)
    assert found.method in ("loopy", "gibbs")
    assert found.status == "ok"
    for name, p in right.items():
        assert (np.abs(found[name] - p) <= 5 * found.std_error[name] + 1e-12).all()
    best = network.most_likely({"0,0": 1}, random_state=0)
    assert (best.method, best.status) == ("gibbs", "unproven")
    assert best["0,0"] == 1


@pytest.mark.parametrize("of", ["missing", "known"])
def test_single_cells_of_a_row_that_cannot_be_are_refused(of):
    network = hm.MarkovNetwork(
        [hm.Factor(["a", "b"], [[1, 0], [0, 1]]), hm.Factor(["b", "c"], [[1, 2], [3, 1]])]
    )
    row = [[0, 1, 0 if of == "known" else np.nan]]
    with pytest.raises(ValueError, match=r"'a': 0, 'b': 1.* has probability zero"):
        network.cell_marginals(row, of=of)
    b = network.cell_marginals([[0, 0, np.nan]])[2]
    assert b.shares[0] == pytest.approx([1 / 3, 2 / 3])
