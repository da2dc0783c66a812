"""Models of alignments: every question in letters, exact against enumeration; files; weights."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

import harmonium as hm


def family(n: int = 60, n_columns: int = 5, alphabet: str = "rna", seed: int = 0) -> hm.Alignment:
    source = np.random.default_rng(seed)
    letters = np.array(list("-ACGU" if alphabet == "rna" else alphabet))
    states = source.integers(0, len(letters), (n, n_columns))
    states[:, 1] = (states[:, 0] + source.integers(0, 2, n)) % len(letters)
    strings = ["".join(row) for row in letters[states]]
    return hm.Alignment.from_sequences(strings, alphabet=alphabet)


MAKERS = {
    "rbm": lambda **given: hm.RBM(2, random_state=0, **given),
    "boltzmann": lambda **given: hm.BoltzmannMachine(weight_decay=0.01, random_state=0, **given),
}
each = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)


@pytest.fixture(scope="module", params=MAKERS)
def model(request):
    return MAKERS[request.param](n_updates=300).fit(family())


def every(n_columns: int = 5, letters: str = "-ACGU") -> list[str]:
    return ["".join(one) for one in product(letters, repeat=n_columns)]


def test_probabilities_of_all_sequences_sum_to_one(model):
    log_p = model.score_samples(every())
    assert np.logaddexp.reduce(log_p) == pytest.approx(0.0, abs=1e-9)


def test_what_is_unknown_is_summed_out(model):
    log_p = dict(zip(every(), model.score_samples(every()), strict=True))
    seen = [log_p[one] for one in log_p if one[0] == "A" and one[2:4] == "GU"]
    assert model.score_samples(["A?GU?"])[0] == pytest.approx(np.logaddexp.reduce(seen))


def test_alignments_strings_and_states_are_the_same(model):
    some = family()[:7]
    told = model.score_samples(some)
    np.testing.assert_array_equal(model.score_samples(some.sequences), told)
    np.testing.assert_array_equal(model.score_samples(some.states), told)
    assert model.score_samples(some[0])[0] == told[0]


def test_answers_are_alignments(model):
    drawn = model.sample(4, random_state=0)
    assert isinstance(drawn, hm.Alignment)
    assert drawn.alphabet == "-ACGU"
    held = model.sample(50, condition="A?G??", random_state=0)
    assert {one[0] + one[2] for one in held} == {"AG"}
    assert {one[3] for one in model.sample(20, condition={3: "U"}, random_state=0)} == {"U"}
    asked = hm.Alignment.from_sequences(["A?GU?", "ACG??"], names=["x", "y"], alphabet="rna")
    log_p = dict(zip(every(), model.score_samples(every()), strict=True))
    filled = model.complete(asked, how="mode")
    assert filled.names == ["x", "y"]
    for whole, blank in zip(filled, asked, strict=True):
        fits = [one for one in log_p if all(b in ("?", a) for a, b in zip(one, blank, strict=True))]
        assert whole == max(fits, key=log_p.__getitem__)
    assert all(one[0] == "A" for one in model.complete(asked, how="mean"))
    assert not model.complete(asked, how="sample", random_state=0).has_blanks
    noisy = model.correct(asked, noise=hm.noise.Replace(0.1), random_state=0)
    assert isinstance(noisy, hm.Alignment)
    if isinstance(model, hm.RBM):
        assert model.inverse_transform(model.transform(asked)).shape == (2, 5)


@each
def test_a_file_keeps_alphabet_and_columns(make, tmp_path):
    text = "".join(f">s{i}/5-9\nACDEF\n>t{i}/5-7\n-C-EG\n" for i in range(10))
    (tmp_path / "f.fasta").write_text(text)
    found = hm.Alignment.read(tmp_path / "f.fasta", max_gaps=0.4, reference="s0/5-9")
    assert found.shape == (20, 3)
    model = make(n_updates=20).fit(found)
    model.save(tmp_path / "m.safetensors")
    again = hm.load(tmp_path / "m.safetensors")
    assert again.schema_.family == found.family
    assert again.schema_.family.residues == (6, 8, 9)
    # Sequences of the file's columns are brought to the model's.
    whole = hm.Alignment.read(tmp_path / "f.fasta")
    np.testing.assert_array_equal(again.score_samples(whole), model.score_samples(found))
    assert again.score_samples(["ACDEF"])[0] == model.score_samples(["CEF"])[0]


@each
def test_weights_are_the_alignments_unless_given(make):
    found = family(20)[[0] * 20 + list(range(20))]
    one, same, other = (
        make(n_updates=30).fit(found, sample_weight=weight).score_samples(found)
        for weight in (None, found.weights(0.8), np.ones(40))
    )
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)
    with pytest.raises(ValueError, match="sample_weight"):
        make(n_updates=30).fit(found, sample_weight=np.ones(39))


def test_letters_that_never_occur_and_constant_columns():
    found = hm.Alignment.from_sequences(["ACCA", "AGCA", "AC-A"] * 5, alphabet="protein")
    model = hm.RBM(2, n_updates=50, random_state=0).fit(found)
    log_p = model.score_samples(["ACCA", "WCCA"])
    assert np.isfinite(log_p).all()
    assert log_p[0] > log_p[1]
    constant = hm.Alignment.from_sequences(["ACD"] * 20)
    assert np.isfinite(hm.RBM(2, n_updates=20, random_state=0).fit(constant).score(constant))


def test_one_sequence_one_column_and_two_letters():
    one = hm.Alignment.from_sequences(["ACDE"])
    assert np.isfinite(hm.RBM(2, n_updates=10, random_state=0).fit(one).score(one))
    narrow = hm.Alignment.from_sequences(["A", "C", "A", "D"])
    model = hm.RBM(2, n_updates=10, random_state=0).fit(narrow)
    letters = list("-ACDEFGHIKLMNPQRSTVWY")
    assert np.exp(model.score_samples(letters)).sum() == pytest.approx(1.0)
    pair = family(30, 4, "ab")
    model = hm.RBM(2, n_updates=10, random_state=0).fit(pair)
    assert np.exp(model.score_samples(every(4, "ab"))).sum() == pytest.approx(1.0)
    assert set("".join(model.sample(5, random_state=0))) <= set("ab")


@each
def test_sequences_with_unknown_positions_are_learned_from(make):
    found = hm.Alignment.from_sequences(["AC?A", "A?CA", "ACCA"] * 5, alphabet="dna")
    model = make(n_updates=50).fit(found)
    assert np.isfinite(model.score_samples(found)).all()
    with pytest.raises(ValueError, match="every value of column 2 is missing"):
        make(n_updates=5).fit(hm.Alignment.from_sequences(["AC?A", "AG?A"], alphabet="dna"))


def test_over_models():
    found, labels = family(60), np.arange(60) % 2
    detector = hm.NoveltyDetector(hm.RBM(2, n_updates=20, random_state=0)).fit(found)
    assert set(detector.predict(found)) <= {-1, 1}
    assert detector.explain(found[:3]).shape == (3, 5)
    classifier = hm.BayesClassifier(hm.RBM(2, n_updates=20, random_state=0), tune="off")
    assert classifier.fit(found, labels).predict(found[:4]).shape == (4,)
    joint = hm.RBM(2, n_updates=20, random_state=0).fit(found, labels)
    assert joint.sample(3, attributes={"label": 1}, random_state=0).shape == (3, 5)
    np.testing.assert_allclose(joint.attribute_proba(found).sum(1), 1.0)


def test_bad_questions_are_named(model):
    some = family()
    for given, said in [
        (["ACG"], "sequences of 3 columns, the model has 5"),
        (["ACG1A"], "holds '1'"),
        (hm.Alignment.from_sequences(["ACDEF"]), "the model's are '-ACGU'"),
        (np.full((1, 5), 7), r"X\[0, 0\] is 7.0; wanted a state in \[0, 4\]"),
        (np.full((1, 5), 0.5), r"X\[0, 0\] is 0.5"),
        (np.zeros((2, 3)), r"got shape \(2, 3\)"),
    ]:
        with pytest.raises(ValueError, match=said):
            model.score_samples(given)
    for condition, said in [
        ({9: "A"}, "no column 9"),
        ({1: "W"}, "cannot be 'W'"),
        (["A????", "C????"], "one sequence, got 2"),
    ]:
        with pytest.raises(ValueError, match=said):
            model.sample(1, condition=condition)
    with pytest.raises(ValueError, match="visible must be"):
        hm.RBM(visible="ordinal").fit(some)
    with pytest.raises(ValueError, match="missing must be"):
        hm.RBM(missing="informative").fit(some)
    with pytest.raises(ValueError, match="got shape"):
        hm.RBM(n_updates=1).fit(some).partial_fit(np.zeros((2, 3)))
