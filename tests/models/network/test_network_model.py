"""Networks as users meet them: tables as people write them, files, shapes, bad input."""

from __future__ import annotations

import copy
import pickle
import re

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.base import clone
from tests.support.network_oracle import SHAPES, NetworkOracle, random_factors

import harmonium as hm

EDGE = [[3.0, 1.0, 2.0], [1.0, 0.0, 5.0]]


# -- factors -----------------------------------------------------------------------------------


def test_tables_are_taken_as_people_write_them():
    wanted = np.array(EDGE)
    for table in (
        EDGE,
        wanted,
        tuple(map(tuple, EDGE)),
        torch.tensor(EDGE),
        {(i, j): wanted[i, j] for i in range(2) for j in range(3)},
        wanted.astype(np.float32),
    ):
        factor = hm.Factor(["a", "b"], table)
        np.testing.assert_allclose(factor.table, wanted)
        assert factor.variables == ("a", "b")
        assert factor.n_states == (2, 3)
    np.testing.assert_allclose(hm.Factor(["a", "b"], [1, 2, 3, 4]).table, [[1, 2], [3, 4]])
    assert hm.Factor(["a", "b", "c"], range(27)).table[2, 1, 0] == pytest.approx(21)
    np.testing.assert_allclose(hm.Factor("a", {0: 1, 1: 3}).table, [1, 3])
    np.testing.assert_allclose(hm.Factor([], 3.0).table, 3.0)
    with np.errstate(divide="ignore"):
        again = hm.Factor(["a", "b"], np.log(wanted), log=True)
    np.testing.assert_allclose(again.table, wanted)


def test_a_factor_keeps_its_own_numbers():
    table = np.ones((2, 2))
    factor = hm.Factor(["a", "b"], table)
    table[0, 0] = 7.0
    assert factor.table[0, 0] == 1.0
    with pytest.raises(ValueError, match="read-only"):
        factor.log_table[0, 0] = 1.0


BAD_FACTORS = [
    (("a", [1.0, -1.0]), r"over \['a'\]: entry \(1,\) is -1.0; wanted a finite number"),
    (("a", [1.0, np.nan]), r"entry \(1,\) is nan"),
    (("a", [1.0, np.inf]), r"entry \(1,\) is inf"),
    (("a", [0.0, 0.0]), "forbids every combination"),
    (("a", []), "0 states for 'a'; wanted 1 or more"),
    (("a", [[1.0, 2.0]]), r"shape \(1, 2\); wanted an axis for each variable"),
    ((["a", "b"], [1, 2, 3]), "3 numbers in a row"),
    ((["a", "a"], np.ones((2, 2))), "'a' is there twice"),
    (("a", ["x", "y"]), "must be numbers"),
    ((["a", "b"], [[1, 2], [3]]), "must be numbers in a full array"),
    ((["a", "b"], {(0, 0): 1, (1, 1): 1}), r"lacks the states \(0, 1\)"),
    ((["a", "b"], {(0,): 1}), r"key \(0,\) must be 2 states"),
    (("a", {0: 1, -1: 2}), "key -1"),
    (("a", {}), "empty dictionary"),
    (("a", None), "table of the factor"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD_FACTORS)
def test_bad_factors_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        hm.Factor(*arguments)


def test_names_must_be_hashable():
    with pytest.raises(TypeError, match="not hashable"):
        hm.Factor([["a"]], [1.0, 2.0])


# -- networks -------------------------------------------------------------------------------------


def network():
    return hm.MarkovNetwork([hm.Factor(["a", "b"], EDGE), hm.Factor("c", [1.0, 2.0])])


BAD_NETWORKS = [
    ([], ValueError, "at least one variable"),
    ([hm.Factor([], 2.0)], ValueError, "at least one variable"),
    (["a"], TypeError, r"factors\[0\] must be a hm.Factor, got 'a'"),
    (hm.Factor("a", [1, 1]), TypeError, "must be a list of hm.Factor"),
    (
        [hm.Factor("a", [1, 1]), hm.Factor("a", [1, 1, 1])],
        ValueError,
        r"factors\[1\] has 3 states for 'a', which has 2",
    ),
]


@pytest.mark.parametrize(("factors", "error", "message"), BAD_NETWORKS)
def test_bad_networks_are_refused(factors, error, message):
    with pytest.raises(error, match=message):
        hm.MarkovNetwork(factors)


def test_a_network_without_a_possible_state_says_so():
    never = hm.MarkovNetwork([hm.Factor("a", [0.0, 1.0]), hm.Factor("a", [1.0, 0.0])])
    for ask in (
        never.log_partition,
        never.marginals,
        never.most_likely,
        never.sample,
        lambda: never.marginal("a"),
        lambda: never.prob({"a": 0}),
        lambda: never.complete([[np.nan]]),
    ):
        with pytest.raises(ValueError, match=r"forbid every state|probability zero"):
            ask()


BAD_QUESTIONS = [
    (lambda n: n.marginal("x"), "'x' is no variable"),
    (lambda n: n.marginal(["a", "a"]), "'a' is there twice"),
    (lambda n: n.marginal("a", {"a": 1}), "'a' is known from the evidence"),
    (lambda n: n.marginal("a", {"b": 3}), r"evidence\['b'\] must be an integer in \[0, 2\], got 3"),
    (lambda n: n.marginal("a", {"z": 0}), "evidence: 'z' is no variable"),
    (lambda n: n.marginals({"a": 1, "b": 1}), r"evidence .* has probability zero"),
    (lambda n: n.most_likely({"a": 1, "b": 1}), "probability zero"),
    (lambda n: n.marginal("c", {"a": 1, "b": 1}), "probability zero"),
    (lambda n: n.sample(2, {"a": 1, "b": 1}), "probability zero"),
    (lambda n: n.complete([[1, 1, np.nan]]), "probability zero"),
    (lambda n: n.sample(0), "n_samples"),
    (lambda n: n.sample(1, {"a": 0}, condition=[0, np.nan, np.nan]), "twice"),
    (lambda n: n.sample(condition=[0, 1]), r"shape \(2,\)"),
    (lambda n: n.sample(condition=[2, 1, 0]), r"condition\[0, 0\] is 2; wanted .* of 'a'"),
    (lambda n: n.score_samples([[0, 3, 0]]), r"is 3"),
    (lambda n: n.score_samples([[2, 2, 0]]), r"X\[0, 0\] is 2; wanted .*\[0, 1\], .* 'a'"),
    (lambda n: n.score_samples([[0, 0.5, 0]]), "0.5"),
    (lambda n: n.score_samples([[0, 1]]), "features"),
    (lambda n: n.complete([[0, 1, np.nan]], how="best"), "how must be one of"),
    (lambda n: n.correct([[0, 1, 0]], noise=hm.noise.BitFlip(0.1)), "two states"),
    (lambda n: n.correct([[0, 1, 0]], noise=hm.noise.Gaussian(1.0)), "noise must be"),
    (lambda n: n.log_partition("fast"), "method must be one of"),
    (lambda n: n.marginals(method="fast"), "method must be one of"),
    (lambda n: n.loopy_marginals(damping=1.0), "damping must be"),
    (lambda n: n.set_params(max_memory=0).marginal("a"), "max_memory"),
    (lambda n: n.set_params(learner="cd").fit([[0, 0, 0]]), "learner must be one of"),
    (lambda n: n.set_params(weight_decay=-1).fit([[0, 0, 0]]), "weight_decay"),
    (lambda n: n.set_params(max_iter=0).fit([[0, 0, 0]]), "max_iter"),
    (lambda n: n.fit([[1, 1, 0]]), r"X\[0\] is a state that a zero"),
    (lambda n: n.fit(np.empty((0, 3))), "0 sample"),
    (lambda n: n.fit([[np.nan, 0, 0]]), "NaN"),
]


@pytest.mark.parametrize(("ask", "message"), BAD_QUESTIONS)
def test_bad_questions_are_refused(ask, message):
    with pytest.raises(ValueError, match=message):
        ask(network())


def test_evidence_is_a_dictionary():
    with pytest.raises(TypeError, match="evidence must be a dictionary"):
        network().marginal("a", ["b"])


def test_rows_dictionaries_and_frames_say_the_same():
    pd = pytest.importorskip("pandas")
    model = network()
    rows = np.array([[0, 2, 1], [1, 0, 0]])
    wanted = model.score_samples(rows)
    frame = pd.DataFrame(rows, columns=["a", "b", "c"])
    np.testing.assert_array_equal(model.score_samples(frame), wanted)
    np.testing.assert_array_equal(model.score_samples(frame[["c", "a", "b"]]), wanted)
    np.testing.assert_array_equal(model.score_samples(torch.tensor(rows)), wanted)
    np.testing.assert_allclose(model.log_prob(rows), wanted)
    assert model.log_prob(rows[0]) == pytest.approx(wanted[0])
    assert model.log_prob({"c": 1, "b": 2, "a": 0}) == pytest.approx(wanted[0])
    assert model.log_prob({}) == 0.0
    assert model.score_samples([[1, 1, 0]])[0] == -np.inf
    assert model.prob({"a": 1, "b": 1}) == 0.0


def test_names_may_be_any_hashables():
    pair = np.exp(np.random.default_rng(0).normal(size=(2, 2)))
    model = hm.MarkovNetwork([hm.Factor([(0, 1), 7], pair)])
    np.testing.assert_allclose(model.marginal((0, 1)), pair.sum(1) / pair.sum())
    np.testing.assert_allclose(model.marginal([7, (0, 1)]), pair.T / pair.sum())


def test_scikit_learn_manners(tmp_path):
    model = hm.MarkovNetwork(random_factors("loop", zeros=True), max_memory=1.5, random_state=3)
    z = model.log_partition().value
    for other in (clone(model), copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert other.log_partition().value == z
        assert other.max_memory == 1.5
    model.set_params(factors=random_factors("one"))
    assert model.n_features_in_ == 1
    assert model.log_partition().value != z
    X = model.sample(50, random_state=0)
    np.testing.assert_array_equal(X, model.sample(50, random_state=0))
    assert model.fit(X) is model
    assert clone(model).factors_[0].table == pytest.approx(random_factors("one")[0].table)


@pytest.mark.parametrize("learned", [False, True])
def test_save_then_load(tmp_path, learned):
    model = hm.MarkovNetwork(random_factors("wide", zeros=True), weight_decay=0.01)
    if learned:
        model.fit(model.sample(200, random_state=0))
    path = tmp_path / "network.safetensors"
    model.save(path)
    again = hm.load(path)
    assert again.variables_ == model.variables_
    assert again.weight_decay == 0.01
    assert again.log_partition() == model.log_partition()
    np.testing.assert_array_equal(
        again.sample(20, random_state=1), model.sample(20, random_state=1)
    )
    if learned:
        assert again.n_iter_ == model.n_iter_
        X = model.sample(5, random_state=0)
        for other in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
            np.testing.assert_array_equal(other.score_samples(X), model.score_samples(X))
    named = hm.MarkovNetwork([hm.Factor([(0, "x"), 3], np.ones((2, 2)))])
    named.save(path)
    assert hm.load(path).variables_ == [(0, "x"), 3]
    with pytest.raises(TypeError, match="cannot be kept"):
        hm.MarkovNetwork([hm.Factor([object()], [1, 2])]).save(path)
    assert hm.load(path).variables_ == [(0, "x"), 3]


# -- shapes ----------------------------------------------------------------------------------------


def test_complete_bipartite_is_the_boltzmann_machine():
    source = np.random.default_rng(0)
    W, b, c = source.normal(0, 3, (3, 2)), source.normal(size=3), source.normal(size=2)
    model = hm.MarkovNetwork.complete_bipartite(W, b, c)
    rbm = hm.RBM.from_parameters(W, b, c)
    assert model.log_partition().value == pytest.approx(rbm.log_partition("exact").value)
    assert model.variables_ == ["v0", "v1", "v2", "h0", "h1"]
    other = rbm.to_network()
    assert other.log_partition().value == pytest.approx(model.log_partition().value)
    v = np.array([[1, 0, 1]])
    np.testing.assert_allclose(
        model.prob([[1, 0, 1, np.nan, np.nan]]), np.exp(rbm.score_samples(v))
    )
    given_v = {"v0": 1, "v1": 0, "v2": 1}
    p = [model.marginal(name, given_v)[1] for name in ("h0", "h1")]
    np.testing.assert_allclose(p, rbm.transform(v)[0], atol=1e-6)


def test_chain_and_grid_factors():
    pair = np.exp(np.random.default_rng(0).normal(size=(3, 3)))
    chain = hm.MarkovNetwork.chain(4, pair, [1.0, 2.0, 3.0])
    weights = NetworkOracle(
        [hm.Factor([str(i)], [1.0, 2.0, 3.0]) for i in range(4)]
        + [hm.Factor([str(i), str(i + 1)], pair) for i in range(3)]
    )
    assert chain.log_partition().value == pytest.approx(np.log(weights.z))
    each = np.exp(np.random.default_rng(1).normal(size=(7, 2, 2)))
    grid = hm.MarkovNetwork.grid(2, 3, each)
    edges = [("0,0", "0,1"), ("0,1", "0,2"), ("1,0", "1,1"), ("1,1", "1,2")]
    edges += [(f"0,{x}", f"1,{x}") for x in range(3)]
    oracle = NetworkOracle([hm.Factor(e, t) for e, t in zip(edges, each, strict=True)])
    assert grid.log_partition().value == pytest.approx(np.log(oracle.z))
    fields = np.random.default_rng(2).random((2, 3, 2)) + 0.1
    lit = hm.MarkovNetwork.grid(2, 3, unary=fields)
    np.testing.assert_allclose(lit.marginal("1,2"), fields[1, 2] / fields[1, 2].sum())
    assert hm.MarkovNetwork.chain(5, n_states=4).n_states_ == (4,) * 5
    assert hm.MarkovNetwork.chain(1).log_partition().value == pytest.approx(np.log(2))


BAD_SHAPES = [
    (lambda: hm.MarkovNetwork.chain(0), "n must be"),
    (lambda: hm.MarkovNetwork.chain(3, np.ones((2, 3))), "pair has shape"),
    (lambda: hm.MarkovNetwork.chain(3, np.ones((2, 2)), [1, 1, 1]), "unary has shape"),
    (lambda: hm.MarkovNetwork.grid(2, 0), "width must be"),
    (lambda: hm.MarkovNetwork.grid(2, 2, unary=np.ones((3, 2, 2))), "unary has shape"),
    (lambda: hm.MarkovNetwork.grid(2, 2, n_states=1), "n_states must be"),
    (lambda: hm.MarkovNetwork.complete_bipartite(np.ones((2, 3)), [0, 0], [0, 0]), "c has shape"),
    (lambda: hm.MarkovNetwork.complete_bipartite([1.0], [0], [0]), "W has shape"),
    (lambda: hm.MarkovNetwork.complete_bipartite([[np.nan]], [0], [0]), "W must be finite"),
]


@pytest.mark.parametrize(("make", "message"), BAD_SHAPES)
def test_bad_shapes_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


# -- UAI files -------------------------------------------------------------------------------------

MARKOV = """MARKOV
3
2 2 3
2
2 0 1
2 1 2

4
 4.000 2.400
 1.000 0.000

6
 2.2500 3.2500 3.7500
 0.0000 0.0000 10.0000
"""

BAYES = """BAYES
3
2 2 3
3
1 0
2 0 1
2 1 2

2
 0.436 0.564

4
 0.128 0.872
 0.920 0.080

6
 0.210 0.333 0.457
 0.811 0.000 0.189
"""


def test_uai_files_are_read(tmp_path):
    path = tmp_path / "model.uai"
    path.write_text(MARKOV)
    model = hm.MarkovNetwork.read_uai(path)
    assert model.variables_ == ["0", "1", "2"]
    assert model.n_states_ == (2, 2, 3)
    # By hand: the first table's columns sum to 5 and 2.4, the second's rows to 9.25 and 10.
    assert np.exp(model.log_partition().value) == pytest.approx(5 * 9.25 + 2.4 * 10)
    assert model.prob({"0": 0, "1": 1, "2": 2}) == pytest.approx(2.4 * 10 / 70.25)
    path.write_text(BAYES)
    model = hm.MarkovNetwork.read_uai(path)
    assert model.log_partition().value == pytest.approx(0.0, abs=1e-12)
    assert model.marginal("1")[0] == pytest.approx(0.436 * 0.128 + 0.564 * 0.920)


def test_uai_files_may_have_variables_of_one_state(tmp_path):
    path = tmp_path / "model.uai"
    path.write_text("MARKOV 3  2 1 3  2  2 0 1  2 1 2  2 4.0 2.0  3 1.0 2.0 3.0")
    model = hm.MarkovNetwork.read_uai(path)
    assert model.n_states_ == (2, 1, 3)
    assert np.exp(model.log_partition().value) == pytest.approx(6 * 6)
    assert model.marginal("0").tolist() == pytest.approx([2 / 3, 1 / 3])
    assert model.marginals({"2": 2})["1"].tolist() == [1.0]


@pytest.mark.parametrize("shape", SHAPES)
def test_uai_files_hold_the_same_network(tmp_path, shape):
    model = hm.MarkovNetwork(random_factors(shape, zeros=True))
    path = tmp_path / "model.uai"
    model.to_uai(path)
    again = hm.MarkovNetwork.read_uai(path)
    assert again.n_states_ == model.n_states_
    assert again.log_partition().value == pytest.approx(model.log_partition().value, abs=1e-12)
    X = model.sample(20, random_state=0)
    np.testing.assert_allclose(again.score_samples(X), model.score_samples(X), atol=1e-12)


def test_uai_evidence_files(tmp_path):
    model = network()
    path = tmp_path / "model.uai.evid"
    path.write_text("2 1 2 0 1\n")
    assert model.read_uai_evidence(path) == {"b": 2, "a": 1}
    path.write_text("0\n")
    assert model.read_uai_evidence(path) == {}
    model.write_uai_evidence(path, {"c": 1, "a": 0})
    assert path.read_text() == "2 2 1 0 0\n"
    assert model.read_uai_evidence(path) == {"a": 0, "c": 1}
    for text, message in [
        ("1 3 0", "'3' for a variable"),
        ("1 1 3", "'3' for the state of variable 1"),
        ("2 1 1", "ends where"),
        ("1 1 1 1", "goes on"),
        ("", "ends where"),
        ("2 0 0 0 1", "two states"),
    ]:
        path.write_text(text)
        with pytest.raises(ValueError, match=message):
            model.read_uai_evidence(path)


BAD_UAI = [
    ("", "ends where MARKOV or BAYES"),
    ("CRF\n1", "begins with 'CRF'"),
    (MARKOV.replace("2 2 3", "2 2"), "wanted an integer|ends"),
    (MARKOV.replace("2 0 1", "2 0 3"), "'3' for a variable of table 0; wanted .* 0 to 2"),
    (MARKOV.replace("\n4\n", "\n5\n"), "'5' for the number of entries of table 0"),
    (MARKOV.replace("10.0000", ""), "ends within table 1"),
    (MARKOV + " 7", "goes on after its end: '7'"),
    (MARKOV.replace("2.400", "x"), "in table 0"),
    (MARKOV.replace("2.400", "-1"), "wanted a finite number of at least 0"),
    (MARKOV.replace("2 2 3", "2 0 3"), "states of variable 1; wanted an integer from 1"),
    (f"MARKOV\n1\n{10**12}\n0\n", "states to variables that no table mentions"),
    (f"MARKOV\n2\n2 {10**12}\n1\n1 1\n{10**12}\n1 2 3\n", "table 0, which has more than 4 entries"),
    (
        # The number of entries has 6,000 digits: it is never worked out, nor written.
        f"MARKOV\n200\n{'9' * 30} {f'{10**30} ' * 199}\n1\n200 "
        f"{' '.join(map(str, range(200)))}\n1\n1\n",
        "table 0, which has more than 2 entries",
    ),
]


@pytest.mark.parametrize(("text", "message"), BAD_UAI)
def test_bad_uai_files_are_refused(tmp_path, text, message):
    path = tmp_path / "bad.uai"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        hm.MarkovNetwork.read_uai(path)


# -- pictures ------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES)
def test_a_picture_is_drawn(tmp_path, shape):
    path = tmp_path / "network.png"
    hm.MarkovNetwork(random_factors(shape)).plot(path)
    with Image.open(path) as picture:
        assert picture.width >= 200
        assert len(set(picture.convert("L").resize((50, 50)).tobytes())) > 1


def test_a_picture_names_its_variables(tmp_path):
    path = tmp_path / "network.svg"
    hm.MarkovNetwork.grid(2, 3).plot(path)
    text = path.read_text()
    for name in ("0,0", "1,2"):
        assert re.search(re.escape(f"<!-- {name} -->"), text)
    with pytest.raises(ValueError, match="must end in one of"):
        network().plot(tmp_path / "network.docx")
    assert not (tmp_path / "network.docx").exists()


def test_a_picture_gives_its_axes(tmp_path):
    from matplotlib.figure import Figure

    mine = Figure().add_subplot()
    path = tmp_path / "network.png"
    assert hm.MarkovNetwork.grid(2, 3).plot(ax=mine) is mine
    assert len(mine.texts) >= 6
    assert hm.MarkovNetwork.grid(2, 3).plot(path).figure is not mine.figure
    path.unlink()
    assert hm.MarkovNetwork.grid(2, 3).plot(path, ax=mine) is mine
    assert path.exists()
    from matplotlib import pyplot

    axes = hm.MarkovNetwork.grid(2, 3).plot()
    assert axes.figure.number in pyplot.get_fignums()
    pyplot.close(axes.figure)
