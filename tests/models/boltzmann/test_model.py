"""Boltzmann machines against enumeration: what is learned, scored, drawn, filled and kept."""

from __future__ import annotations

import itertools
import warnings

import numpy as np
import pytest
from scipy.special import logsumexp
from tests.support.statistics import ALPHA, chi_square_p_value

import harmonium as hm

SIZE = (3, 4)  # states, variables
ALL = np.array(list(itertools.product(range(3), repeat=4)))


def given(k: int = 3, n: int = 4, seed: int = 0, scale: float = 0.8):
    """Fields, and couplings ``(n, n, k, k)``."""
    source = np.random.default_rng(seed)
    fields = list(source.normal(0, 1, (n, k)))
    couplings = source.normal(0, scale, (n, n, k, k))
    couplings = couplings + couplings.transpose(1, 0, 3, 2)
    couplings[np.arange(n), np.arange(n)] = 0.0
    return fields, couplings


def plain_log_weights(fields, couplings, X) -> np.ndarray:
    n = X.shape[1]
    total = sum(fields[i][X[:, i]] for i in range(n))
    for i, j in itertools.combinations(range(n), 2):
        total = total + couplings[i, j][X[:, i], X[:, j]]
    return np.asarray(total)


def states(k: int, n: int) -> np.ndarray:
    return np.array(list(itertools.product(range(k), repeat=n)))


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("temperature", [1.0, 2.5])
def test_given_parameters_are_the_distribution(k: int, temperature: float) -> None:
    fields, couplings = given(k)
    model = hm.BoltzmannMachine.from_parameters(fields, couplings, temperature=temperature)
    X = states(k, 4)
    wanted = plain_log_weights(fields, couplings, X)
    np.testing.assert_allclose(-model.energy(X), wanted, atol=1e-12)
    log_z = logsumexp(wanted / temperature)
    assert model.log_partition_.value == pytest.approx(log_z, abs=1e-10)
    np.testing.assert_allclose(model.score_samples(X), wanted / temperature - log_z, atol=1e-10)
    np.testing.assert_allclose(model.couplings_, couplings)
    network = model.to_network()
    assert network.log_partition().value == pytest.approx(log_z, abs=1e-10)
    ais = model.log_partition("ais", n_temperatures=300, random_state=0)
    assert abs(ais.value - log_z) < 5 * ais.std_error + 1e-3


def test_a_table_of_pairs_and_an_array_are_the_same() -> None:
    fields, couplings = given()
    some = [(0, 1), (2, 1), (0, 3)]
    model = hm.BoltzmannMachine.from_parameters(fields, {p: couplings[p] for p in some})
    kept = np.zeros_like(couplings)
    for i, j in some:
        kept[i, j], kept[j, i] = couplings[i, j], couplings[j, i]
    np.testing.assert_allclose(-model.energy(ALL), plain_log_weights(fields, kept, ALL))
    assert model.edges_.tolist() == [[0, 1], [0, 3], [1, 2]]


@pytest.mark.parametrize("k", [2, 3])
def test_draws_follow_the_distribution(k: int) -> None:
    model = hm.BoltzmannMachine.from_parameters(*given(k, 4))
    X = states(k, 4)
    drawn = model.sample(20_000, random_state=1).astype(int)
    counts = np.bincount(np.ravel_multi_index(tuple(drawn.T), (k,) * 4), minlength=len(X))
    assert chi_square_p_value(counts, np.exp(model.score_samples(X))) > ALPHA
    held = model.sample(5_000, condition=[1, np.nan, np.nan, 0], random_state=2)
    assert (held[:, 0] == 1).all()
    assert (held[:, 3] == 0).all()


@pytest.mark.parametrize("n", [6_000, pytest.param(20_000, marks=pytest.mark.slow)])
def test_draws_by_chains_follow_the_distribution(n: int) -> None:
    """Seven variables have more joint states than are listed, and few enough to be summed."""
    model = hm.BoltzmannMachine.from_parameters(*given(3, 7, scale=0.4))
    X = states(3, 7)
    drawn = model.sample(n, random_state=3).astype(int)
    p = np.exp(model.score_samples(X))
    for i, j in itertools.combinations(range(7), 2):
        both = np.bincount(3 * drawn[:, i] + drawn[:, j], minlength=9)
        exact = np.bincount(3 * X[:, i] + X[:, j], p, minlength=9)
        assert chi_square_p_value(both, exact) > ALPHA


def test_blanks_are_filled_by_the_conditional_distribution() -> None:
    fields, couplings = given()
    model = hm.BoltzmannMachine.from_parameters(fields, couplings)
    row = np.array([[np.nan, 2, np.nan, 1]])
    fits = ALL[(ALL[:, 1] == 2) & (ALL[:, 3] == 1)]
    p = np.exp(plain_log_weights(fields, couplings, fits))
    p /= p.sum()
    np.testing.assert_array_equal(model.complete(row)[0], fits[p.argmax()])
    np.testing.assert_allclose(model.complete(row, how="mean")[0], p @ fits, atol=1e-9)
    assert model.score_samples(row)[0] == pytest.approx(
        logsumexp(model.score_samples(fits)), abs=1e-9
    )
    noisy = model.correct(ALL[:5], noise=hm.noise.Replace(0.2))
    channel = np.log(0.2 / 3 + 0.8 * (ALL[:, None, :] == ALL[None, :5, :])).sum(2)
    best = (plain_log_weights(fields, couplings, ALL)[:, None] + channel).argmax(0)
    np.testing.assert_array_equal(noisy, ALL[best])


@pytest.mark.parametrize("learner", ["exact", "pcd", "pt", "pseudo"])
@pytest.mark.parametrize("k", [2, 3])
def test_learning_comes_to_the_distribution_of_the_rows(learner: str, k: int) -> None:
    truth = hm.BoltzmannMachine.from_parameters(*given(k, 5, scale=0.5))
    X = states(k, 5)
    p = np.exp(truth.score_samples(X))
    rows = X[np.random.default_rng(5).choice(len(X), 20_000, p=p)]
    model = hm.BoltzmannMachine(
        visible=k, learner=learner, random_state=0, weight_decay=1e-4, validation_fraction=0
    ).fit(rows)
    kl = float(p @ (np.log(p) - model.score_samples(X)))
    n_parameters = 5 * (k - 1) + 10 * (k - 1) ** 2
    # Of a maximum likelihood fit half a chi-square over the rows; chains add as much at most.
    assert 0.0 <= kl < 4.0 * n_parameters / 20_000 + 5e-4


def test_exact_learning_matches_moments() -> None:
    """Without a pull the gradient is zero: the model's correlations are those of the rows."""
    rows = np.random.default_rng(1).integers(0, 2, (300, 4))
    rows[:, 1] = np.where(np.random.default_rng(2).random(300) < 0.8, rows[:, 0], rows[:, 1])
    model = hm.BoltzmannMachine(learner="exact", weight_decay=0.0, validation_fraction=0).fit(rows)
    X = states(2, 4)
    p = np.exp(model.score_samples(X))
    mean = p @ X
    np.testing.assert_allclose(mean, (rows.sum(0) + 0.0) / 300, atol=3e-3)  # smoothed by half a row
    found = (X * p[:, None]).T @ X - np.outer(mean, mean)
    wanted = np.cov(rows.T, bias=True)
    off = ~np.eye(4, dtype=bool)
    np.testing.assert_allclose(found[off], wanted[off], atol=1e-4)


@pytest.mark.parametrize("learner", ["exact", "pcd", "pseudo"])
def test_weights_count_as_copies(learner: str) -> None:
    source = np.random.default_rng(3)
    rows, counts = source.integers(0, 3, (40, 4)), source.integers(1, 6, 40)
    parameters = {"visible": 3, "learner": learner, "random_state": 0, "validation_fraction": 0}
    parameters |= {"weight_decay": 0.05, "n_updates": 300}
    one = hm.BoltzmannMachine(**parameters).fit(rows, sample_weight=counts)
    other = hm.BoltzmannMachine(**parameters).fit(np.repeat(rows, counts, axis=0))
    np.testing.assert_allclose(one.couplings_, other.couplings_, atol=2e-4)
    assert np.ptp(one.score_samples(ALL) - other.score_samples(ALL)) < 2e-3


def test_the_gauge_changes_parameters_and_not_the_distribution() -> None:
    rows = np.random.default_rng(4).integers(0, 3, (200, 4))
    parameters = {"visible": 3, "random_state": 0, "n_updates": 100, "n_chains": 100}
    one = hm.BoltzmannMachine(**parameters).fit(rows)
    other = hm.BoltzmannMachine(gauge=None, **parameters).fit(rows)
    np.testing.assert_allclose(one.score_samples(ALL), other.score_samples(ALL), atol=1e-4)
    np.testing.assert_allclose(one.couplings_.sum(3), 0.0, atol=1e-5)
    np.testing.assert_allclose([f.sum() for f in one.fields_], 0.0, atol=1e-5)


def test_files_keep_everything(tmp_path) -> None:
    rows = np.random.default_rng(5).integers(0, 4, (100, 5))
    model = hm.BoltzmannMachine(
        visible="categorical", graph=[(0, 1), (3, 2)], n_updates=50, n_chains=50, random_state=0
    ).fit(rows)
    score = model.score(rows)
    model.save(tmp_path / "m.safetensors")
    again = hm.load(tmp_path / "m.safetensors")
    assert again.score(rows) == score
    assert again.edges_.tolist() == [[0, 1], [2, 3]]
    np.testing.assert_array_equal(again.couplings_, model.couplings_)
    np.testing.assert_array_equal(again.sample(3, random_state=0), model.sample(3, random_state=0))
    assert not model.couplings_[0, 2].any()


def test_rows_with_holes_are_learned_from() -> None:
    source = np.random.default_rng(6)
    rows = source.integers(0, 3, (400, 4)).astype(float)
    rows[:, 1] = rows[:, 0]
    rows[source.random(rows.shape) < 0.1] = np.nan
    model = hm.BoltzmannMachine(visible=3, random_state=0, n_updates=400, n_chains=200).fit(rows)
    filled = model.complete([[np.nan, 2, 1, 0], [1, np.nan, 0, 0]])
    assert filled[0, 0] == 2
    assert filled[1, 1] == 1


def test_frames_come_back_as_frames() -> None:
    pd = pytest.importorskip("pandas")
    source = np.random.default_rng(7)
    colour = source.choice(["red", "green", "blue"], 300)
    frame = pd.DataFrame(
        {"colour": colour, "warm": colour == "red", "size": source.normal(0, 1, 300)}
    )
    model = hm.BoltzmannMachine(random_state=0, n_updates=200, n_chains=200).fit(frame)
    drawn = model.sample(50, condition={"colour": "red"}, random_state=0)
    assert list(drawn.columns) == ["colour", "warm", "size"]
    assert drawn["warm"].mean() > 0.8
    assert np.isfinite(model.score(frame))
    assert {("warm", "colour"), ("colour", "warm")} & {p[:2] for p in model.coupling_norms()[:1]}
    assert hm.load is not None


@pytest.mark.parametrize(
    ("parameters", "match"),
    [
        ({"graph": [(0, 0)]}, "couples a column to itself"),
        ({"graph": [(0, 9)]}, "9 is none of the 4 columns"),
        ({"graph": "ring"}, "graph must be"),
        ({"graph": 7}, "graph must hold pairs"),
        ({"n_components": -1}, "n_components must be"),
        ({"n_components": 3, "learner": "pseudo"}, "cannot learn hidden units"),
        ({"n_components": 3, "graph": "sparse"}, "is found between columns"),
        ({"n_components": 11, "learner": "exact"}, "may be coupled: at most 10"),
        ({"visible": 1}, "visible must be"),
        ({"visible": 2}, r"is 2; wanted 0 or 1"),
        ({"learner": "cd"}, "learner must be one of"),
        ({"gauge": "lattice"}, "gauge must be"),
        ({"weight_decay": -1.0}, "weight_decay must be"),
    ],
)
def test_bad_parameters_have_one_error(parameters, match) -> None:
    rows = np.random.default_rng(8).integers(0, 3, (30, 4))
    with pytest.raises((ValueError, TypeError), match=match):
        hm.BoltzmannMachine(**{"visible": 3, **parameters}).fit(rows)


def test_what_cannot_be_summed_or_held_is_refused_before_any_work() -> None:
    rows = np.zeros((3, 200), dtype=np.uint8)
    with pytest.raises(ValueError, match="learner='exact' wants at most"):
        hm.BoltzmannMachine(learner="exact").fit(rows)
    with pytest.raises(ValueError, match="GiB"):
        hm.BoltzmannMachine(visible=60_000).fit(rows)


def test_networkx_graphs_are_graphs() -> None:
    nx = pytest.importorskip("networkx")
    rows = np.random.default_rng(9).integers(0, 2, (50, 6))
    graph = nx.cycle_graph(6)
    model = hm.BoltzmannMachine(graph=graph, n_updates=30, n_chains=30, random_state=0).fit(rows)
    assert len(model.edges_) == 6
    graph.add_node(17)
    with pytest.raises(ValueError, match="17 is none"):
        hm.BoltzmannMachine(graph=graph).fit(rows)


@pytest.mark.parametrize(
    "rows",
    [
        np.zeros((30, 4), int),
        np.random.default_rng(1).integers(0, 2, (30, 1)),
        np.array([[0, 1, 0, 1]]),
        np.tile([[0, 1, 1, 0], [1, 0, 0, 1]], (20, 1)),
    ],
    ids=["constant", "one column", "one row", "two rows again and again"],
)
@pytest.mark.parametrize("learner", ["pcd", "exact", "pseudo"])
def test_tables_that_say_little_are_learned_all_the_same(rows, learner) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        model = hm.BoltzmannMachine(
            learner=learner, n_updates=200, n_chains=100, random_state=0
        ).fit(rows)
        X = states(2, rows.shape[1])
        p = np.exp(model.score_samples(X))
    assert p.sum() == pytest.approx(1.0)
    assert model.score(rows) <= 1e-9
    assert np.isfinite(model.score_samples(X)).all()


def test_some_of_many_rows_lead_to_the_same_regressions(monkeypatch) -> None:
    """With what they tell of the curvature kept for all rows."""
    from harmonium.models.boltzmann import pseudo

    rows = np.random.default_rng(3).integers(0, 3, (400, 5))
    rows[:, 1] = np.where(rows[:, 4] > 0, rows[:, 0], rows[:, 1])
    wanted = hm.BoltzmannMachine(visible=3, learner="pseudo", weight_decay=0.02, random_state=0)
    monkeypatch.setattr(pseudo, "_LEAST_GAIN", 1e-9)
    whole = hm.BoltzmannMachine(**wanted.get_params()).fit(rows)
    monkeypatch.setattr(pseudo, "_SOME", 100)
    led = wanted.fit(rows)
    np.testing.assert_allclose(led.couplings_, whole.couplings_, atol=2e-3)
    assert led.history_["train"][-1] == pytest.approx(whole.history_["train"][-1], abs=1e-5)
    assert led.history_["validation"][-1] == pytest.approx(
        whole.history_["validation"][-1], abs=1e-3
    )


def test_a_sparse_graph_is_found() -> None:
    """A chain of seven variables: its pairs are among those found, and far pairs hardly."""
    source, pairs = np.random.default_rng(10), [(i, i + 1) for i in range(6)]
    truth = hm.BoltzmannMachine.from_parameters(
        list(source.normal(0, 0.3, (7, 3))), {p: source.normal(0, 1.5, (3, 3)) for p in pairs}
    )
    rows = truth.sample(3000, random_state=0).astype(int)
    model = hm.BoltzmannMachine(
        visible=3, graph="sparse", random_state=0, n_updates=200, n_chains=300
    ).fit(rows)
    found = set(map(tuple, model.edges_.tolist()))
    assert set(pairs) <= found
    assert len(found) < 21
    X = states(3, 7)
    p = np.exp(truth.score_samples(X))
    assert float(p @ (np.log(p) - model.score_samples(X))) < 0.05
    off = np.array([pair for pair in itertools.combinations(range(7), 2) if pair not in found])
    assert not model.couplings_[off[:, 0], off[:, 1]].any()


@pytest.mark.parametrize(
    ("parameters", "match"),
    [
        ({"learner": "exact"}, "graph='sparse' wants learner"),
        ({"validation_fraction": 0.0}, "graph='sparse' wants rows held out"),
    ],
)
def test_a_sparse_graph_wants_chains_and_rows_held_out(parameters, match) -> None:
    rows = np.random.default_rng(11).integers(0, 2, (40, 4))
    with pytest.raises(ValueError, match=match):
        hm.BoltzmannMachine(graph="sparse", **parameters).fit(rows)


def test_runs_before_the_fit_measure_what_enumeration_does(monkeypatch) -> None:
    """The watch that is led through all of them must not lose its way."""
    from harmonium.models.boltzmann import trials

    score, told = trials.score_of, []

    def compared(ground, energy, chains, decay, n_updates, watch):
        looks = []
        inner = watch.score

        def look(parameters):
            found = inner(parameters)
            exact = energy.to(energy.dtype)
            exact.set_parameters(parameters)
            held = ground.rows.read(ground.split.held).x
            value = float(exact.log_weight(held).mean()) - exact.exact_log_partition()
            looks.append((found.figures["validation"], found.error, value))
            return found

        with monkeypatch.context() as patched:
            patched.setattr(watch, "score", look)
            result = score(ground, energy, chains, decay, n_updates, watch)
        told.extend(looks)
        return result

    monkeypatch.setattr(trials, "score_of", compared)
    rows = hm.BoltzmannMachine.from_parameters(*given(3, 9, scale=0.5)).sample(600, random_state=4)
    wanted = hm.BoltzmannMachine(visible=3, random_state=0, n_updates=200, n_chains=200)
    wanted.fit(rows.astype(int))
    assert len(told) >= 8
    for value, error, exact in told:
        assert abs(value - exact) < 6.0 * error + 0.02


@pytest.mark.parametrize("learner", ["pcd", "exact", "pseudo"])
def test_observers_are_shown_every_look(learner: str) -> None:
    seen: list[int] = []
    rows = np.random.default_rng(0).integers(0, 2, (80, 5))
    model = hm.BoltzmannMachine(learner=learner, n_updates=60, random_state=0)
    model.fit_observed(rows, observers=[lambda look: seen.append(look.update)])
    assert seen == [int(update) for update in model.history_["update"]]
    assert seen


def test_what_a_pair_is_worth_is_what_the_likelihood_loses_without_it() -> None:
    """Against enumeration, of rows that another machine drew."""
    import torch

    from harmonium.contract.energy import Chains
    from harmonium.models.boltzmann.sparse import losses

    fields, couplings = given(3, 4, scale=0.6)
    edges = np.array([[0, 1], [0, 3], [1, 2]])
    model = hm.BoltzmannMachine.from_parameters(fields, {tuple(e): couplings[*e] for e in edges})
    energy = model.build_energy(torch.float64)
    x = torch.from_numpy(ALL).double()
    p = torch.softmax(energy.log_weight(x), 0)
    other = torch.from_numpy(np.random.default_rng(0).dirichlet(np.ones(len(ALL))))
    mean = energy.moments(x, other)["fields"]
    energy.base_fields.copy_(torch.log(mean))

    class Exact:
        def advance(self, *_):
            return Chains(x[torch.multinomial(p, 60_000, replacement=True)])

    class Ground:
        data = energy.moments(x, other)

    torch.manual_seed(0)
    found = losses(Ground(), energy, Exact(), None)  # type: ignore[arg-type]
    before = float(other @ energy.log_weight(x)) - energy.exact_log_partition()
    for loss, (i, j) in zip(found, edges.tolist(), strict=True):
        fewer = energy.to(torch.float64)
        one, two = slice(3 * i, 3 * i + 3), slice(3 * j, 3 * j + 3)
        table = energy.couplings[one, two]
        fewer.fields[one] += table @ mean[two]
        fewer.fields[two] += table.T @ mean[one]
        fewer.couplings[one, two] = 0.0
        fewer.couplings[two, one] = 0.0
        after = float(other @ fewer.log_weight(x)) - fewer.exact_log_partition()
        assert loss == pytest.approx(before - after, abs=0.01)


def test_few_rows_choose_their_pull_by_rows_left_out() -> None:
    """Two identical columns of 60 rows: the law has -log 2; a prior of four rows gave -1.06."""
    rows = np.repeat(np.arange(60)[:, None] % 2, 2, axis=1)
    for learner in ("pcd", "exact", "pseudo"):
        model = hm.BoltzmannMachine(learner=learner, n_updates=500, random_state=0).fit(rows)
        assert model.score(rows) > -np.log(2) - 0.1
    noise = np.random.default_rng(1).integers(0, 2, (60, 4))
    model = hm.BoltzmannMachine(learner="exact", random_state=0).fit(noise)
    assert model.score(states(2, 4)) > -np.log(16) - 0.1  # and chance is not learned
