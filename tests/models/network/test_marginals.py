"""Marginals by chains and by messages carry an error that holds, or say that they have none."""

from __future__ import annotations

import itertools
import pickle

import numpy as np
import pytest
from scipy.stats import chi2
from tests.support.network_oracle import NetworkOracle

import harmonium as hm
from harmonium.contract.estimates import Status

SAME = np.eye(2)


def equality_chain() -> list[hm.Factor]:
    return [hm.Factor(["0"], [0.75, 0.25])] + [
        hm.Factor([str(i), str(i + 1)], SAME) for i in range(7)
    ]


def huge_pairs() -> list[hm.Factor]:
    """One pair of states is 32 times as probable as another one; no single change leads there."""
    return [hm.Factor(["a", "b"], [[1e300, 1e-300], [1e-300, 1e300]]), hm.Factor(["a"], [32, 1])]


def two_colours() -> list[hm.Factor]:
    return [hm.Factor(["0"], [0.7, 0.3])] + [
        hm.Factor([str(i), str(i + 1)], 1.0 - SAME) for i in range(7)
    ]


def parity() -> list[hm.Factor]:
    even = np.indices((2,) * 5).sum(0) % 2 == 0
    return [hm.Factor(list("abcde"), even)] + [hm.Factor([v], [0.7, 0.3]) for v in "abcde"]


def ising(coupling: float) -> list[hm.Factor]:
    """3 x 3, uneven fields; up to about 0.5 the loops are weak."""
    fields = np.exp(0.1 * np.random.default_rng(0).normal(size=(3, 3, 2)))
    pair = np.exp(coupling * np.array([[1.0, -1.0], [-1.0, 1.0]]))
    return hm.MarkovNetwork.grid(3, 3, pair, fields).factors


def dense(seed: int) -> list[hm.Factor]:
    generator = np.random.default_rng(seed)
    return [
        hm.Factor(pair, np.exp(0.8 * generator.normal(size=(3, 3))))
        for pair in itertools.combinations("abcde", 2)
    ]


def truth(factors: list[hm.Factor]) -> dict[str, np.ndarray]:
    oracle = NetworkOracle(factors)
    return {name: oracle.marginal([name]) for name in oracle.names}


@pytest.mark.parametrize("factors", [equality_chain, huge_pairs, two_colours, parity])
def test_chains_that_cannot_move_say_so(factors) -> None:
    network = hm.MarkovNetwork(factors())
    with pytest.warns(RuntimeWarning, match=r"method='gibbs'.*chains_disagree"):
        found = network.marginals(method="gibbs", random_state=0)
    assert found.status is Status.CHAINS_DISAGREE
    right = truth(factors())
    assert max(np.abs(found[name] - p).max() for name, p in right.items()) > 0.05  # and need to
    assert all(np.isnan(error).all() for error in found.std_error.values())


@pytest.mark.parametrize("n", [10, pytest.param(30, marks=pytest.mark.slow)])
@pytest.mark.parametrize("factors", [lambda: dense(0), lambda: dense(4), lambda: ising(0.3)])
def test_errors_of_chains_hold(factors, n: int) -> None:
    """(estimate - truth) / error of the first state of a variable, over seeds: mean square one."""
    network, right = hm.MarkovNetwork(factors()), truth(factors())
    name = next(iter(right))
    z = []
    for seed in range(n):
        found = network.marginals(method="gibbs", random_state=seed)
        assert (found.status, found.method) == ("ok", "gibbs")
        z.append((found[name][0] - right[name][0]) / found.std_error[name][0])
    assert chi2.isf(1 - 1e-5, n) / n < np.mean(np.square(z)) < chi2.isf(1e-5, n) / n


def test_settled_messages_among_strong_loops_are_not_believed() -> None:
    """They settle far from the truth; only something else can tell."""
    network, right = hm.MarkovNetwork(ising(0.8)), truth(ising(0.8))
    assert network.loopy_marginals().converged
    with pytest.warns(RuntimeWarning, match="strong_loops"):
        found = network.marginals(method="loopy", random_state=0)
    assert max(np.abs(found[name] - p).max() for name, p in right.items()) > 0.2
    assert np.isnan(found.std_error["1,1"]).all()


def test_messages_that_do_not_settle_say_so() -> None:
    network = hm.MarkovNetwork.grid(2, 2, 1.0 - SAME, np.array([0.6, 0.4]))
    assert network.loopy_marginals().status is Status.NOT_CONVERGED
    with pytest.warns(RuntimeWarning, match="not_converged"):
        assert np.isnan(network.marginals(method="loopy").std_error["1,1"]).all()


def test_messages_among_weak_loops_have_an_error_that_holds_them() -> None:
    network, right = hm.MarkovNetwork(ising(0.3)), truth(ising(0.3))
    assert network.loopy_marginals().status is Status.UNPROVEN
    found = network.marginals(method="loopy", random_state=0)
    assert found.status == "ok"
    for name, p in right.items():
        assert (np.abs(found[name] - p) < 5 * found.std_error[name]).all()
        assert (found.std_error[name] > 0).all()


@pytest.mark.parametrize("evidence", [None, {"1": 2}, {"3": 0, "5": 1}])
def test_trees_are_exact_by_messages(evidence) -> None:
    generator = np.random.default_rng(0)
    tree = [
        hm.Factor([str(i), str((i - 1) // 2)], np.exp(generator.normal(size=(3, 3))))
        for i in range(1, 8)
    ]
    network = hm.MarkovNetwork(tree)
    found = network.marginals(evidence, method="loopy")
    assert found.status == "ok"
    for name, p in network.marginals(evidence).items():
        np.testing.assert_allclose(found[name], p, atol=1e-9)
        assert (found.std_error[name] == 0).all()


def test_evidence_may_cut_every_loop() -> None:
    network = hm.MarkovNetwork(ising(2.0))
    known = dict.fromkeys(("0,1", "1,0", "1,2", "2,1"), 0)
    assert network.loopy_marginals().status is not Status.OK
    assert network.loopy_marginals(known).status is Status.OK


def test_marginals_are_a_dictionary() -> None:
    network = hm.MarkovNetwork(dense(0))
    found = network.marginals({"a": 1})
    assert isinstance(found, dict)
    assert list(found) == network.variables_
    assert (found.method, found.status) == ("exact", "ok")
    assert found["a"].tolist() == [0.0, 1.0, 0.0]
    assert all((error == 0).all() for error in found.std_error.values())
    again = pickle.loads(pickle.dumps(found))
    assert again.status is Status.OK
    np.testing.assert_array_equal(again["b"], found["b"])
