"""What rows held out choose for a classifier: settings, and how far evidence is to be believed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import log_softmax

import harmonium as hm
from harmonium.questions.class_models import chosen, log_posterior

#: Small texts are what is asked about here.
pytestmark = pytest.mark.filterwarnings("ignore::harmonium.models.ngram.smoothing.DiscountWarning")

GOOD, BAD = (
    ["fine", "warm", "bright", "witty", "moving"],
    ["dull", "cold", "flat", "tired", "empty"],
)
PLAIN = [f"w{i}" for i in range(60)]


def reviews(n: int, seed: int = 0) -> tuple[list[str], np.ndarray]:
    """Texts of plain words with one telling word each, three times in four of its own class."""
    generator = np.random.default_rng(seed)
    y = np.arange(n) % 2
    texts = []
    for label in y:
        words = list(generator.choice(PLAIN, 8))
        truthful = generator.random() < 0.75
        words.insert(4, str(generator.choice(GOOD if label == truthful else BAD)))
        texts.append(" ".join(words))
    return texts, y


def log_loss(classifier: hm.BayesClassifier, X: list[str], y: np.ndarray) -> float:
    return -float(classifier.predict_log_proba(X)[np.arange(len(y)), y].mean())


def test_cues_are_chosen_where_they_tell_classes_apart() -> None:
    X, y = reviews(400)
    fresh, truth = reviews(1000, seed=1)
    tuned = hm.BayesClassifier(hm.NGram()).fit(X, y)
    plain = hm.BayesClassifier(hm.NGram(), tune="off").fit(X, y)
    assert tuned.settings_ == {"order": 1, "tokenizer": "cues", "smoothing": "add-k"}
    assert [m.tokenizer for m in tuned.estimators_] == ["cues"] * 2
    assert tuned.estimator.tokenizer == "whitespace"  # the user's own is left alone
    assert (plain.settings_, plain.sharpness_) == ({}, 1.0)
    # The best that can be done is 0.562: the entropy of three in four.
    assert log_loss(tuned, fresh, truth) < 0.66 < log_loss(plain, fresh, truth)


def test_words_in_order_are_kept_where_order_tells() -> None:
    generator = np.random.default_rng(0)
    y = np.arange(400) % 2
    # The same pairs in both classes; which one comes first, three words apart, is what differs.
    texts = [
        " ".join(["a", *generator.permutation(list("xyzuv")), "b"][:: 1 if label else -1])
        for label in y
    ]
    tuned = hm.BayesClassifier(hm.NGram()).fit(texts, y)
    assert tuned.settings_ == {}
    assert tuned.score(texts, y) == 1.0


@pytest.mark.parametrize(
    ("settings", "chosen"),
    [
        ({"order": 2}, {}),
        ({"tokenizer": "words"}, {}),
        ({"smoothing": "witten-bell"}, {}),
        ({"vocabulary": GOOD + BAD}, {}),
        ({"order": 1, "tokenizer": "cues"}, {"smoothing": "add-k"}),
        ({"order": 1, "tokenizer": "cues", "smoothing": "add-k"}, {}),
    ],
)
def test_what_was_set_by_hand_stays(settings: dict[str, Any], chosen: dict[str, Any]) -> None:
    offered = hm.NGram(**settings).alternatives()
    assert offered == ([chosen] if chosen else [])


def test_sharpness_is_the_one_of_least_log_loss() -> None:
    """Every cue of a telling word is counted again in its pairs: believed in full, too much."""
    X, y = reviews(2000)
    fresh, truth = reviews(4000, seed=1)
    tuned = hm.BayesClassifier(hm.NGram()).fit(X, y)
    assert 0 < tuned.sharpness_ < 1
    believed = log_loss(tuned, fresh, truth)
    for factor in (0.5, 2.0):
        other = hm.BayesClassifier(hm.NGram()).fit(X, y)
        other.sharpness_ = tuned.sharpness_ * factor
        assert believed < log_loss(other, fresh, truth)


def test_joint_probabilities_stay_a_joint_distribution() -> None:
    X, y = reviews(400)
    tuned = hm.BayesClassifier(hm.NGram()).fit(X, y)
    assert tuned.sharpness_ != 1
    joint = tuned.joint_log_prob(X)
    np.testing.assert_allclose(np.logaddexp.reduce(joint, axis=1), tuned.score_samples(X))
    np.testing.assert_allclose(log_softmax(joint, axis=1), tuned.predict_log_proba(X), atol=1e-9)
    scores = np.stack([m.score_samples(X) for m in tuned.estimators_], axis=1)
    by_hand = log_softmax(tuned.sharpness_ * scores + tuned.class_log_prior_, axis=1)
    np.testing.assert_allclose(tuned.predict_log_proba(X), by_hand)


def test_impossible_rows_get_the_prior_at_any_sharpness() -> None:
    scores, prior = np.array([[-np.inf, -np.inf], [-np.inf, -3.0]]), np.log([0.2, 0.8])
    found = np.exp(log_posterior(scores, prior, 0.3))
    np.testing.assert_allclose(found, [[0.2, 0.8], [0.0, 1.0]])


def test_rows_without_weight_have_no_say() -> None:
    X, y = reviews(400)
    X[::3] = [f"{BAD[0] if label else GOOD[0]} {text}" for label, text in zip(y, X, strict=True)][
        ::3
    ]  # a third of the rows say the opposite
    weight = (np.arange(400) % 3 > 0).astype(int)
    known = sorted({*GOOD, *BAD, *PLAIN})
    model = hm.NGram(1, smoothing="add-k", vocabulary=known)
    classes, prior = np.array([0, 1]), np.log([0.5, 0.5])
    silent = [text if w else "" for text, w in zip(X, weight, strict=True)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hm.NGram, "alternatives", lambda self: [{"k": 30.0}])
        found = chosen(model, X, y, classes, weight, prior)
        assert found == chosen(model, silent, y, classes, weight, prior)
        assert found != chosen(model, X, y, classes, None, prior)


def test_few_rows_are_all_learned_from() -> None:
    X, y = reviews(98)
    tuned = hm.BayesClassifier(hm.NGram()).fit(X, y)
    plain = hm.BayesClassifier(hm.NGram(), tune="off").fit(X, y)
    np.testing.assert_array_equal(tuned.predict_proba(X), plain.predict_proba(X))


def test_a_file_keeps_what_was_chosen(tmp_path: Path) -> None:
    X, y = reviews(400)
    tuned = hm.BayesClassifier(hm.NGram()).fit(X, y)
    tuned.save(tmp_path / "model.safetensors")
    again = hm.load(tmp_path / "model.safetensors")
    assert (again.settings_, again.sharpness_) == (tuned.settings_, tuned.sharpness_)
    assert again.estimator.get_params() == tuned.estimator.get_params()
    np.testing.assert_array_equal(again.predict_log_proba(X), tuned.predict_log_proba(X))


def test_tune_is_one_of_two_words() -> None:
    with pytest.raises(ValueError, match=r"tune must be .*'auto'.*'off'"):
        hm.BayesClassifier(hm.NGram(), tune="on").fit(["a", "b"], [0, 1])
