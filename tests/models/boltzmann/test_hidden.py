"""Hidden units of a Boltzmann machine, against enumeration of visible and hidden states."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from scipy.special import logsumexp, softmax
from tests.support.statistics import ALPHA, chi_square_p_value

import harmonium as hm
from harmonium.models.boltzmann.energy import BoltzmannEnergy
from harmonium.models.boltzmann.graph import edges_of
from harmonium.models.boltzmann.hidden import Hidden, HiddenLikelihood
from harmonium.questions.sequences.contacts import coupling_scores, couplings_of
from harmonium.units.bernoulli import Bernoulli
from harmonium.units.categorical import Categorical
from harmonium.units.mixed import Mixed

N_HIDDEN = 3


def bits(n: int) -> np.ndarray:
    return np.array(list(itertools.product([0, 1], repeat=n)))


#: The four words of three bits with an even sum: every pair of columns is independent.
EVEN = np.array([word for word in bits(3) if word.sum() % 2 == 0])


def energy_of(k: int, graph: str, seed: int = 0) -> BoltzmannEnergy:
    """Three columns of k states and three hidden units, float64."""
    own = Bernoulli(3) if k == 2 else Categorical((k,) * 3)
    units = Mixed([own, Bernoulli(N_HIDDEN)])
    n, source = units.n_statistics, np.random.default_rng(seed)
    edges = edges_of(graph, list(range(6)), N_HIDDEN)
    couplings = source.normal(0, 1, (n, n))
    fields = torch.from_numpy(source.normal(0, 1, n))
    found = BoltzmannEnergy(fields, torch.zeros(n, n).double(), 0.5 * fields, units, edges)
    found.couplings.copy_(torch.from_numpy(couplings + couplings.T) * found.mask)
    return found


def every(k: int) -> tuple[np.ndarray, np.ndarray]:
    """Columns' states and hidden states, and both beside each other ``(n, n_hidden_states, 6)``."""
    v = np.array(list(itertools.product(range(k), repeat=3)))
    h = bits(N_HIDDEN)
    whole = [[np.concatenate([row, state]) for state in h] for row in v]
    return v, np.array(whole, dtype=np.float64)


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("graph", ["complete", "semi-restricted"])
def test_sums_means_and_moments_over_hidden_units(k: int, graph: str) -> None:
    energy, (v, whole) = energy_of(k, graph), every(k)
    hidden = Hidden(energy, N_HIDDEN)
    assert hidden.are_coupled == (graph == "complete")
    weights = energy.log_weight(torch.from_numpy(whole.reshape(-1, 6))).numpy()
    weights = weights.reshape(len(v), -1)
    x = torch.from_numpy(np.pad(v, ((0, 0), (0, N_HIDDEN)), constant_values=1)).double()
    np.testing.assert_allclose(hidden.log_sum(x), logsumexp(weights, axis=1), atol=1e-10)
    given = softmax(weights, axis=1)
    np.testing.assert_allclose(hidden.mean(x), given @ bits(N_HIDDEN), atol=1e-10)
    np.testing.assert_array_equal(hidden.mode(x), bits(N_HIDDEN)[weights.argmax(1)])
    share = np.random.default_rng(1).dirichlet(np.ones(len(v)))
    wanted = energy.moments(
        torch.from_numpy(whole.reshape(-1, 6)),
        torch.from_numpy((share[:, None] * given).reshape(-1)),
    )
    found = hidden.moments(x, torch.from_numpy(share))
    np.testing.assert_allclose(found["fields"], wanted["fields"], atol=1e-10)
    apart = found["couplings"] - wanted["couplings"]
    np.testing.assert_allclose(apart * energy.mask, 0.0, atol=1e-10)
    drawn = hidden.sample(x[:1].repeat(20_000, 1), np.random.default_rng(2)).numpy().astype(int)
    counts = np.bincount(drawn @ [4, 2, 1], minlength=8)
    assert chi_square_p_value(counts, given[0]) > ALPHA


@pytest.mark.parametrize("graph", ["complete", "semi-restricted"])
def test_the_gradient_is_that_of_the_summed_likelihood(graph: str) -> None:
    energy, source = energy_of(3, graph), np.random.default_rng(3)
    rows = torch.from_numpy(np.pad(source.integers(0, 3, (7, 3)), ((0, 0), (0, N_HIDDEN))))
    shares = torch.from_numpy(source.dirichlet(np.ones(7)))
    objective = HiddenLikelihood(rows, shares, N_HIDDEN)
    value, gradient = objective.value_and_gradient(energy)
    for i, j in [(0, 10), (10, 3), (9, 10), (0, 4)]:
        if not energy.mask[i, j]:
            continue
        ends = []
        for step in (1e-5, -1e-5):
            moved = energy.to(torch.float64)
            moved.couplings[i, j] += step
            moved.couplings[j, i] += step
            ends.append(objective.value_and_gradient(moved)[0])
        both = float(gradient["couplings"][i, j] + gradient["couplings"][j, i])
        assert (ends[0] - ends[1]) / 2e-5 == pytest.approx(both, abs=1e-6)
    again = HiddenLikelihood(rows.repeat(2, 1), 0.5 * shares.repeat(2), N_HIDDEN)
    assert again.value_and_gradient(energy)[0] == pytest.approx(value, abs=1e-12)


def given_machine(n_hidden: int = 2, temperature: float = 1.0) -> hm.BoltzmannMachine:
    """Three columns of three states, and hidden units, all pairs coupled."""
    source = np.random.default_rng(5)
    sizes = (3, 3, 3, *(2,) * n_hidden)
    couplings = {
        (i, j): source.normal(0, 1, (sizes[i], sizes[j]))
        for i, j in itertools.combinations(range(len(sizes)), 2)
    }
    fields = [source.normal(0, 1, size) for size in sizes]
    return hm.BoltzmannMachine.from_parameters(
        fields, couplings, n_components=n_hidden, temperature=temperature
    )


@pytest.mark.parametrize("graph", ["complete", "semi-restricted"])
def test_effective_couplings_are_mixed_differences_of_the_columns(graph: str) -> None:
    """By the definition, from enumerated log P of the columns; contacts are told by them."""
    model = given_machine(2, 2.0)
    if graph != "complete":
        pairs = model.couplings_ | {(3, 4): np.zeros((2, 2))}
        edges = [pair for pair in pairs if pair != (3, 4)]
        model = hm.BoltzmannMachine.from_parameters(
            model.fields_, {pair: pairs[pair] for pair in edges}, n_components=2, temperature=2.0
        )
    v, _ = every(3)
    log_p = model.score_samples(v).reshape(3, 3, 3)
    rows = v[[0, 5, 5, 17]]
    found = model.effective_couplings(rows)
    for i, j in itertools.permutations(range(3), 2):
        (rest,) = {0, 1, 2} - {i, j}
        each = np.moveaxis(log_p, (rest, i, j), (0, 1, 2))[rows[:, rest]].mean(0)
        wanted = each - each.mean(0) - each.mean(1)[:, None] + each.mean()
        np.testing.assert_allclose(found[i, j], wanted, atol=1e-6)
    assert not found[range(3), range(3)].any()
    told = coupling_scores(couplings_of(model, rows), None)
    wanted = {(i, j): found[i, j] for i, j in itertools.combinations(range(3), 2)}
    np.testing.assert_array_equal(told, coupling_scores(wanted, None))
    assert model.effective_couplings(n_rows=2).shape == (3, 3, 3, 3)


def test_effective_couplings_without_hidden_units_are_the_couplings() -> None:
    source = np.random.default_rng(8)
    fields, couplings = [np.zeros(2)] * 3, {(0, 2): source.normal(size=(2, 2))}
    model = hm.BoltzmannMachine.from_parameters(fields, couplings, temperature=0.5)
    table = couplings[0, 2] / 0.5
    wanted = table - table.mean(0) - table.mean(1)[:, None] + table.mean()
    found = model.effective_couplings()
    np.testing.assert_allclose(found[0, 2], wanted)
    np.testing.assert_allclose(found[2, 0], wanted.T)
    assert np.count_nonzero(found) == 8


def test_effective_couplings_refuse_more_hidden_units_than_they_can_sum() -> None:
    pairs = {(i, j): np.ones((2, 2)) for i, j in itertools.combinations(range(17), 2)}
    model = hm.BoltzmannMachine.from_parameters([np.zeros(2)] * 17, pairs, n_components=15)
    with pytest.raises(ValueError, match="15 coupled hidden units have too many joint states"):
        model.effective_couplings()


@pytest.mark.parametrize("temperature", [1.0, 2.0])
def test_every_question_is_answered_by_the_visible_distribution(temperature: float) -> None:
    model, (v, _) = given_machine(2, temperature), every(3)
    h = bits(2)
    pairs = np.repeat(v, 4, axis=0), np.tile(h, (len(v), 1))
    weights = -model.energy(*pairs).reshape(len(v), 4) / temperature
    log_z = logsumexp(weights)
    wanted = logsumexp(weights, axis=1) - log_z
    assert model.log_partition_.value == pytest.approx(log_z, abs=1e-9)
    np.testing.assert_allclose(model.score_samples(v), wanted, atol=1e-9)
    np.testing.assert_allclose(model.free_energy(v), -temperature * (wanted + log_z), atol=1e-9)
    given = softmax(weights, axis=1)
    np.testing.assert_allclose(model.transform(v), given @ h, atol=1e-9)
    np.testing.assert_array_equal(model.most_likely_hidden(v), h[weights.argmax(1)])
    p = np.exp(wanted)
    drawn = model.sample(20_000, random_state=0).astype(int)
    assert drawn.shape == (20_000, 3)
    assert chi_square_p_value(np.bincount(drawn @ [9, 3, 1], minlength=27), p) > ALPHA
    # Of a row with a hole: what it may be, hidden units summed out of it all.
    holed = np.array([[1.0, np.nan, 2.0]])
    fits = (v[:, 0] == 1) & (v[:, 2] == 2)
    assert model.score_samples(holed)[0] == pytest.approx(logsumexp(wanted[fits]), abs=1e-9)
    assert model.complete(holed)[0, 1] == v[fits][wanted[fits].argmax(), 1]
    behind = softmax(weights[fits].reshape(-1)) @ np.tile(h, (3, 1))
    np.testing.assert_allclose(model.transform(holed)[0], behind, atol=1e-9)
    # Given hidden units.
    before = softmax(weights, axis=0)
    np.testing.assert_allclose(model.inverse_transform(h), before.T @ v, atol=1e-9)
    seen = model.sample_visible(np.tile(h[2], (20_000, 1)), random_state=1).astype(int)
    assert chi_square_p_value(np.bincount(seen @ [9, 3, 1], minlength=27), before[:, 2]) > ALPHA
    back = model.sample_hidden(np.tile(v[5], (20_000, 1)), random_state=2).astype(int)
    assert chi_square_p_value(np.bincount(back @ [2, 1], minlength=4), given[5]) > ALPHA
    network = model.to_network()
    assert network.log_partition().value == pytest.approx(log_z, abs=1e-9)


@pytest.mark.parametrize("most", [2**14, 2**5])
def test_many_hidden_units_are_summed_or_annealed(most: int, monkeypatch) -> None:
    """Eleven coupled hidden units, beside the sum over all states."""
    from harmonium.models.boltzmann import hidden

    monkeypatch.setattr(hidden, "_MOST_JOINT", most)
    source, n_hidden = np.random.default_rng(6), 11
    couplings = source.normal(0, 0.3, (14, 14, 2, 2))
    couplings += couplings.transpose(1, 0, 3, 2)
    couplings[np.arange(14), np.arange(14)] = 0.0
    fields = list(source.normal(0, 0.5, (14, 2)))
    model = hm.BoltzmannMachine.from_parameters(fields, couplings, n_components=n_hidden)
    v, h = bits(3), bits(n_hidden)
    weights = -model.energy(np.repeat(v, len(h), axis=0), np.tile(h, (len(v), 1)))
    wanted = logsumexp(weights.reshape(len(v), -1), axis=1)
    slack = 1e-9 if most > 2**n_hidden else 0.08
    np.testing.assert_allclose(model.score_samples(v), wanted - logsumexp(wanted), atol=slack)
    given = softmax(weights.reshape(len(v), -1), axis=1) @ h
    np.testing.assert_allclose(model.transform(v, random_state=0), given, atol=max(slack, 1e-9))


def test_parity_is_learned_by_hidden_units_alone() -> None:
    """Pairs of columns say nothing of it: without hidden units -log 8, the law -log 4."""
    rows = np.tile(EVEN, (100, 1))
    parameters = {"learner": "exact", "random_state": 1, "weight_decay": 1e-4}
    blind = hm.BoltzmannMachine(**parameters).fit(rows)
    assert blind.score(EVEN) == pytest.approx(-np.log(8), abs=1e-3)
    for n_hidden in (1, 2):
        model = hm.BoltzmannMachine(n_components=n_hidden, **parameters).fit(rows)
        assert model.score(EVEN) > -np.log(4) - 0.05
        assert np.exp(model.score_samples(bits(3))).sum() == pytest.approx(1.0, abs=1e-9)


@pytest.mark.parametrize("graph", ["complete", "semi-restricted"])
def test_chains_learn_parity(graph: str) -> None:
    rows = np.tile(EVEN, (60, 1))
    model = hm.BoltzmannMachine(
        n_components=2, graph=graph, n_updates=700, n_chains=300, learning_rate=0.4, random_state=0
    ).fit(rows)
    assert model.score(EVEN) > -np.log(4) - 0.15
    held = [value for value in model.history_["validation"] if np.isfinite(value)]
    assert max(held) == pytest.approx(model.score(EVEN), abs=0.1)


def test_rows_with_holes_are_learned_from() -> None:
    source = np.random.default_rng(7)
    rows = np.tile(EVEN, (200, 1)).astype(float)
    rows[source.random(rows.shape) < 0.05] = np.nan
    model = hm.BoltzmannMachine(
        n_components=2, n_updates=800, n_chains=300, learning_rate=0.4, random_state=0
    ).fit(rows)
    assert model.score(EVEN) > -np.log(4) - 0.2
    assert model.complete([[1, np.nan, 0]])[0, 1] == 1


def test_files_and_checkpoints_keep_hidden_units(tmp_path) -> None:
    rows = np.random.default_rng(8).integers(0, 2, (100, 4))
    parameters = {"n_components": 2, "n_updates": 60, "n_chains": 50, "random_state": 0}
    graph = [(0, 1), (0, 4), (1, 4), (2, 5), (3, 5)]  # 4 and 5 are hidden
    model = hm.BoltzmannMachine(graph=graph, **parameters).fit(rows)
    assert model.edges_.tolist() == [list(pair) for pair in graph]
    model.save(tmp_path / "m.safetensors")
    again = hm.load(tmp_path / "m.safetensors")
    assert again.score(rows) == model.score(rows)
    np.testing.assert_array_equal(again.transform(rows), model.transform(rows))
    assert again.facts()["hidden units"] == 2
    assert again.facts()["variables"] == 4
    kept = tmp_path / "c.safetensors"
    whole = hm.BoltzmannMachine(**parameters, checkpoint=kept).fit(rows)
    resumed = hm.BoltzmannMachine(**parameters, checkpoint=kept).fit(rows)
    np.testing.assert_array_equal(whole.couplings_, resumed.couplings_)


def test_partial_fit_goes_on() -> None:
    model = hm.BoltzmannMachine(n_components=2, n_chains=200, random_state=0, learning_rate=0.3)
    for _ in range(400):
        model.partial_fit(np.tile(EVEN, (25, 1)))
    assert model.score(EVEN) > -np.log(4) - 0.3
    assert model.transform(EVEN).shape == (4, 2)


def test_frames_have_hidden_units_too() -> None:
    pd = pytest.importorskip("pandas")
    source = np.random.default_rng(9)
    colour = source.choice(["red", "green", "blue"], 200)
    frame = pd.DataFrame({"colour": colour, "warm": colour == "red"})
    model = hm.BoltzmannMachine(n_components=2, n_updates=150, n_chains=100, random_state=0)
    model.fit(frame)
    assert np.isfinite(model.score(frame))
    assert model.transform(frame).shape == (200, 2)
    names = {name for pair in model.coupling_norms() for name in pair[:2]}
    assert names == {"colour", "warm", "hidden 0", "hidden 1"}
    drawn = model.sample(20, condition={"colour": "red"}, random_state=0)
    assert list(drawn.columns) == ["colour", "warm"]
    table = list(itertools.product(["red", "green", "blue"], [False, True]))
    p = np.exp(model.score_samples(pd.DataFrame(table, columns=["colour", "warm"])))
    assert p.sum() == pytest.approx(1.0, abs=1e-6)


def test_what_asks_for_hidden_units_says_so_without_them() -> None:
    rows = np.random.default_rng(10).integers(0, 2, (40, 3))
    model = hm.BoltzmannMachine(n_updates=20, n_chains=20, random_state=0).fit(rows)
    assert not hasattr(model, "transform")
    with pytest.raises(ValueError, match="no hidden units"):
        model.energy(rows, np.zeros((40, 1)))
    hidden = given_machine(2)
    with pytest.raises(ValueError, match="H must be a table"):
        hidden.energy(rows)
    with pytest.raises(ValueError, match="got other numbers"):
        hidden.sample_visible([[0, 2]])
    with pytest.raises(ValueError, match="hidden units"):
        hm.BoltzmannMachine.from_parameters([np.zeros(3)] * 3, {}, n_components=1)
