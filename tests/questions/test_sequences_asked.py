"""Estimators over models, and fits that go on, take alignments and sequences as strings."""

from __future__ import annotations

import numpy as np
import pytest

import harmonium as hm

LETTERS = "ACDE-"


def family(n: int = 60, seed: int = 0) -> tuple[list[str], hm.Alignment]:
    """Six columns, of which the second repeats the first."""
    codes = np.random.default_rng(seed).integers(0, len(LETTERS), (n, 6))
    codes[:, 1] = codes[:, 0]
    strings = ["".join(LETTERS[code] for code in row) for row in codes]
    return strings, hm.Alignment.from_sequences(strings, alphabet=LETTERS)


MODELS = {
    "boltzmann": lambda: hm.BoltzmannMachine(n_updates=150, n_chains=100, random_state=0),
    "rbm": lambda: hm.RBM(8, n_updates=300, random_state=0),
}


@pytest.fixture(params=list(MODELS))
def model(request):
    return MODELS[request.param]()


def test_novelty_of_strings_is_that_of_the_alignment(model, tmp_path) -> None:
    strings, rows = family()
    found = hm.NoveltyDetector(model, contamination=0.1).fit(rows)
    wanted = found.score_samples(rows)
    np.testing.assert_array_equal(found.score_samples(strings), wanted)
    found.save(tmp_path / "m.safetensors")
    again = hm.load(tmp_path / "m.safetensors")
    np.testing.assert_allclose(again.score_samples(strings[:5]), wanted[:5], atol=1e-9)
    assert found.explain(rows).shape == (60, 6)
    values, logs = found.alternatives(strings[:3])
    assert values.shape == logs.shape == (3, 6)
    assert set(values.reshape(-1)) <= set(LETTERS)


def test_strings_are_refused_before_there_is_an_alphabet(model) -> None:
    strings, _ = family()
    with pytest.raises(ValueError, match=r"hm\.Alignment\.from_sequences reads sequences"):
        hm.NoveltyDetector(model).fit(strings)


def test_classes_of_strings(model) -> None:
    strings, rows = family()
    found = hm.BayesClassifier(model, tune="off").fit(rows, np.arange(60) % 2)
    np.testing.assert_array_equal(found.predict(strings[:5]), found.predict(rows[:5]))


def test_holes_of_sequences_are_filled() -> None:
    strings, _ = family(300)
    holed = ["?" + one[1:] if i % 3 == 0 else one for i, one in enumerate(strings)]
    model = hm.BoltzmannMachine(n_updates=300, n_chains=200, random_state=0)
    imputer = hm.Imputer(model, how="mode").fit(
        hm.Alignment.from_sequences(holed, alphabet=LETTERS)
    )
    asked = [one for one in holed if one[0] == "?"]
    filled = imputer.transform(asked)
    assert isinstance(filled, hm.Alignment)
    right = [a == b for a, b in zip(filled.sequences, strings[::3], strict=True)]
    assert np.mean(right) > 0.9
    sets = imputer.intervals(asked[:4], level=0.5)
    assert [len(one) for one in sets["0_set"]] == [1] * 4
    assert [one[0] for one in sets["0_set"]] == [one[1] for one in asked[:4]]


def test_partial_fit_goes_on_with_sequences(model) -> None:
    strings, rows = family(200)
    model.set_params(learning_rate=0.1)
    for _ in range(30):
        model.partial_fit(rows, sample_weight=np.ones(200))
    assert model.score(rows) > np.log(1 / 5) * 6 - 3.0
    before = model.n_updates_
    model.partial_fit(strings)
    assert model.n_updates_ > before
    assert isinstance(model.sample(3, random_state=0), hm.Alignment)
    with pytest.raises(ValueError, match="takes no missing cells"):
        model.partial_fit(["?" + strings[0][1:]])
    with pytest.raises(ValueError, match="columns"):
        model.partial_fit([one + "A" for one in strings])
