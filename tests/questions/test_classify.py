"""Bayes' rule and novelty over any joint distribution."""

from __future__ import annotations

import warnings
from itertools import product
from typing import Any

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.naive_bayes import BernoulliNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Binarizer
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn.utils.validation import _check_sample_weight, validate_data

import harmonium as hm
from harmonium.contract.joint import JointDistribution

BITS = np.array(list(product([0, 1], repeat=4)), dtype=float)


class Table(JointDistribution):
    """The plainest models, whose every answer but the score is left out."""

    def sample(self, n_samples: int = 1, *, condition: Any = None, random_state: Any = None) -> Any:
        raise NotImplementedError

    def complete(self, X: Any, *, how: str = "mode", random_state: Any = None) -> Any:
        raise NotImplementedError

    def correct(self, X: Any, *, noise: Any, how: str = "mode", random_state: Any = None) -> Any:
        raise NotImplementedError

    def check_parameters(self) -> None: ...

    def facts(self) -> Any:
        raise NotImplementedError

    def to_state(self) -> Any:
        raise NotImplementedError

    def from_state(self, arrays: Any, facts: Any) -> None:
        raise NotImplementedError


class Gauss(Table):
    """Independent normal columns: a joint distribution over what scikit-learn's checks feed."""

    def __init__(self, spread: float = 1e-3) -> None:
        self.spread = spread

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Gauss:
        X = validate_data(self, X, dtype=np.float64)
        weight = _check_sample_weight(sample_weight, X)
        self.mean_ = np.average(X, axis=0, weights=weight)
        self.variance_ = np.average((X - self.mean_) ** 2, axis=0, weights=weight) + self.spread
        return self

    def score_samples(self, X: Any) -> np.ndarray:
        X = validate_data(self, X, dtype=np.float64, reset=False)
        terms = (X - self.mean_) ** 2 / self.variance_ + np.log(2 * np.pi * self.variance_)
        return -0.5 * terms.sum(axis=1)


class Bernoulli(Table):
    """Independent bits with one pseudo-count each: the model inside scikit-learn's BernoulliNB."""

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Bernoulli:
        X = np.asarray(X, dtype=float)
        weight = np.ones(len(X)) if sample_weight is None else np.asarray(sample_weight)
        self.p_ = (weight @ X + 1.0) / (weight.sum() + 2.0)
        return self

    def score_samples(self, X: Any) -> np.ndarray:
        X = np.asarray(X, dtype=float)
        return X @ np.log(self.p_) + (1 - X) @ np.log1p(-self.p_)


class Brightness(Table):
    """Images ``(n, h, w)``: a normal distribution of the mean level."""

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Brightness:
        assert X.ndim == 3
        self.mean_, self.variance_ = X.mean(axis=(1, 2)).mean(), X.mean(axis=(1, 2)).var() + 1.0
        return self

    def score_samples(self, X: Any) -> np.ndarray:
        level = np.asarray(X).mean(axis=(1, 2))
        return -0.5 * ((level - self.mean_) ** 2 / self.variance_ + np.log(self.variance_))


class Words(Table):
    """Texts: the shares of words among those of `vocabulary`."""

    def __init__(self, vocabulary: Any = None) -> None:
        self.vocabulary = vocabulary

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        return tags

    def shared_parameters(self, X: Any) -> dict[str, Any]:
        return {"vocabulary": sorted({word for text in X for word in text.split()})}

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Words:
        own = self.vocabulary or self.shared_parameters(X)["vocabulary"]
        counts = dict.fromkeys(own, 1)
        for text in X:
            for word in text.split():
                counts[word] += 1
        total = sum(counts.values()) + 1
        self.shares_ = {word: count / total for word, count in counts.items()}
        self.rest_ = 1 / total
        return self

    def score_samples(self, X: Any) -> np.ndarray:
        return np.array(
            [sum(np.log(self.shares_.get(w, self.rest_)) for w in text.split()) for text in X]
        )


def noisy_bits(seed: int, n: int = 200) -> tuple[np.ndarray, np.ndarray]:
    """Rows of six bits in three classes that differ in which bits are likely."""
    generator = np.random.default_rng(seed)
    y = generator.integers(0, 3, n)
    p = np.array([[0.8, 0.2] * 3, [0.3, 0.7] * 3, [0.5] * 6])
    return (generator.random((n, 6)) < p[y]).astype(float), y


def two_rbms() -> tuple[hm.RBM, hm.RBM]:
    generator = np.random.default_rng(3)
    a, b = (
        hm.RBM.from_parameters(
            generator.normal(size=(4, 3)), generator.normal(size=4), generator.normal(size=3)
        )
        for _ in range(2)
    )
    return a, b


def over(models: tuple[hm.RBM, ...], prior: np.ndarray) -> hm.BayesClassifier:
    """A classifier that holds these fitted models."""
    classifier = hm.BayesClassifier(hm.RBM(3), prior=prior)
    classifier.estimators_ = list(models)
    classifier.classes_ = np.array(["a", "b"])
    classifier.class_log_prior_ = np.log(prior)
    return classifier


def brute_force_probability(model: hm.RBM) -> np.ndarray:
    """P(v) of every row of BITS, summing exp(-E(v, h)) with nothing clever."""
    hidden = np.array(list(product([0, 1], repeat=3)), dtype=float)
    W, b, c = model.components_.T, model.intercept_visible_, model.intercept_hidden_
    weight = np.exp(BITS @ b[:, None] + BITS @ W @ hidden.T + hidden @ c).sum(axis=1)
    return weight / weight.sum()


# -- Bayes' rule --------------------------------------------------------------------------------


def test_posterior_is_bayes_rule_by_enumeration() -> None:
    models, prior = two_rbms(), np.array([0.3, 0.7])
    joint = np.stack([brute_force_probability(m) for m in models], axis=1) * prior
    classifier = over(models, prior)
    np.testing.assert_allclose(
        classifier.predict_proba(BITS), joint / joint.sum(1, keepdims=True), rtol=1e-12
    )
    np.testing.assert_allclose(np.exp(classifier.joint_log_prob(BITS)), joint, rtol=1e-12)
    np.testing.assert_allclose(np.exp(classifier.score_samples(BITS)).sum(), 1.0, rtol=1e-12)
    assert (classifier.predict(BITS) == np.array(["a", "b"])[joint.argmax(1)]).all()


@pytest.mark.parametrize("prior", ["empirical", "uniform", [0.2, 0.5, 0.3]])
@pytest.mark.parametrize("weighted", [False, True])
def test_agrees_with_bernoulli_naive_bayes(prior: Any, weighted: bool) -> None:
    X, y = noisy_bits(0)
    weight = np.random.default_rng(1).random(len(y)) if weighted else None
    known = {"empirical": None, "uniform": [1 / 3] * 3}
    class_prior = known[prior] if isinstance(prior, str) else prior
    oracle = BernoulliNB(alpha=1.0, class_prior=class_prior).fit(X, y, sample_weight=weight)
    ours = hm.BayesClassifier(Bernoulli(), prior=prior).fit(X, y, sample_weight=weight)
    np.testing.assert_allclose(ours.predict_log_proba(X), oracle.predict_log_proba(X), rtol=1e-9)
    np.testing.assert_allclose(ours.joint_log_prob(X), oracle.predict_joint_log_proba(X))
    assert (ours.predict(X) == oracle.predict(X)).all()


def test_far_rows_do_not_underflow() -> None:
    X = np.array([[0.0], [1.0], [1000.0], [1001.0]])
    classifier = hm.BayesClassifier(Gauss(1.0)).fit(X, [0, 0, 1, 1])
    log_proba = classifier.predict_log_proba([[1e6]])
    assert np.isfinite(log_proba).all()
    np.testing.assert_allclose(np.exp(log_proba).sum(), 1.0)


def test_a_row_impossible_everywhere_gets_the_prior() -> None:
    class Never(Bernoulli):
        def score_samples(self, X: Any) -> np.ndarray:
            return np.full(len(X), -np.inf)

    X, y = noisy_bits(0)
    classifier = hm.BayesClassifier(Never(), prior=[0.2, 0.5, 0.3]).fit(X, y)
    np.testing.assert_allclose(classifier.predict_proba(X[:2]), [[0.2, 0.5, 0.3]] * 2)


def test_images_and_texts() -> None:
    generator = np.random.default_rng(0)
    images = generator.integers(0, 50, (40, 5, 7))
    images[20:] += 60
    y = np.repeat(["dark", "light"], 20)
    assert cross_val_score(hm.BayesClassifier(Brightness()), images, y, cv=4).mean() == 1.0

    texts = ["good film", "good good", "fine film", "bad film", "bad bad", "dull film"] * 3
    y = np.array([1, 1, 1, 0, 0, 0] * 3)
    classifier = hm.BayesClassifier(Words())
    assert cross_val_score(classifier, texts, y, cv=3).mean() == 1.0
    classifier.fit(iter(texts), y)
    assert [m.vocabulary for m in classifier.estimators_] == [
        ["bad", "dull", "film", "fine", "good"]
    ] * 2
    assert classifier.estimator.vocabulary is None
    assert classifier.predict(["good"]) == [1]
    assert not hasattr(classifier, "n_features_in_")


def test_inside_scikit_learn(digits: Any) -> None:
    X, y = digits[0][:400].astype(float) * 9, digits[1][:400]
    pipeline = make_pipeline(
        Binarizer(threshold=4),
        hm.BayesClassifier(
            hm.RBM(4, learner="exact", n_updates=30, validation_fraction=0, random_state=0)
        ),
    )
    search = GridSearchCV(
        pipeline,
        {
            "bayesclassifier__estimator__n_components": [1, 4],
            "bayesclassifier__prior": ["uniform", "empirical"],
        },
        cv=2,
    ).fit(X, y)
    assert len(search.cv_results_["params"]) == 4
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    best = search.best_estimator_[-1]
    chosen = search.best_params_["bayesclassifier__estimator__n_components"]
    assert [m.n_components for m in best.estimators_] == [chosen] * 10
    assert best.n_features_in_ == 64
    assert search.best_score_ > 0.5  # chance is 0.1


def test_frames_torch_and_sparse_rows() -> None:
    pd, pl, torch = (pytest.importorskip(name) for name in ("pandas", "polars", "torch"))
    from scipy.sparse import csr_matrix

    X, y = noisy_bits(2)
    settings = {"learner": "exact", "n_updates": 20, "validation_fraction": 0, "random_state": 0}
    plain = hm.BayesClassifier(hm.RBM(2, **settings)).fit(X, y)
    names = list("abcdef")
    for other in (
        X.tolist(),
        pd.DataFrame(X, columns=names),
        pl.DataFrame(X, schema=names),
        torch.from_numpy(X),
        csr_matrix(X),
    ):
        fitted = hm.BayesClassifier(hm.RBM(2, **settings)).fit(other, y)
        np.testing.assert_array_equal(fitted.predict_proba(other), plain.predict_proba(X))
    fitted = hm.BayesClassifier(hm.RBM(2, **settings)).fit(pd.DataFrame(X, columns=names), y)
    assert fitted.feature_names_in_.tolist() == names


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"y": None}, "y"),
        ({"y": np.zeros(200)}, "at least two classes, got one class"),
        ({"y": np.zeros(3)}, "3 labels"),
        ({"y": np.linspace(0, 1, 200)}, "continuous"),
        ({"prior": "flat"}, "prior"),
        ({"prior": [0.5, 0.5]}, "prior must be 3 numbers"),
        ({"prior": [0.5, 0.5, 0.0]}, "prior"),
        ({"prior": [0.5, 0.4, 0.3]}, "prior"),
        ({"sample_weight": [1.0]}, "sample_weight"),
        ({"sample_weight": -np.ones(200)}, "sample_weight"),
        ({"X": "text"}, "no file at 'text'"),
        ({"X": ["some text"] * 200}, "got texts such as 'some text'"),
    ],
)
def test_bad_input_is_named(change: dict[str, Any], message: str) -> None:
    X, y = noisy_bits(0)
    arguments = {"X": X, "y": y, "sample_weight": None, **change}
    prior = arguments.pop("prior", "empirical")
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        hm.BayesClassifier(hm.RBM(2), prior=prior).fit(**arguments)


def test_a_class_without_weight_is_refused() -> None:
    X, y = noisy_bits(0)
    with pytest.raises(ValueError, match="zero for all rows of a class"):
        hm.BayesClassifier(Bernoulli()).fit(X, y, sample_weight=(y > 0).astype(float))


def test_a_class_of_one_row_that_cannot_be_fitted_is_named() -> None:
    class Picky(Bernoulli):
        def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Bernoulli:
            if len(X) < 2:
                raise ValueError("wanted two rows")
            return super().fit(X, y, sample_weight)

    X, y = noisy_bits(0)
    y[0] = 7
    with pytest.raises(ValueError, match=r"class .*7.* too few rows \(1\).*wanted two rows"):
        hm.BayesClassifier(Picky()).fit(X, y)


def test_only_joint_distributions() -> None:
    X, y = noisy_bits(0)
    for wrong in (BernoulliNB(), hm.RBM, None):
        with pytest.raises(TypeError, match="estimator"):
            hm.BayesClassifier(wrong).fit(X, y)
        with pytest.raises(TypeError, match="estimator"):
            hm.NoveltyDetector(wrong).fit(X)


# -- novelty ------------------------------------------------------------------------------------


@pytest.mark.parametrize("contamination", [0.05, 0.2])
@pytest.mark.parametrize("n", [19, 24, 60])
def test_the_share_called_novel_is_as_stated(contamination: float, n: int) -> None:
    """With a model that no row changes, a new row is as likely as any to be among the k lowest
    of n + 1: the share called novel is k / (n + 1) on average, exactly, for any n."""

    class Fixed(Bernoulli):
        def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Fixed:
            self.done_ = True
            return self

        def score_samples(self, X: Any) -> np.ndarray:
            return np.exp(np.asarray(X)[:, 0])

    generator = np.random.default_rng(n)
    share = []
    for _ in range(400):
        detector = hm.NoveltyDetector(Fixed(), contamination=contamination)
        detector.fit(generator.normal(size=(n, 1)))
        share.append(np.mean(detector.predict(generator.normal(size=(200, 1))) == -1))
    wanted = np.floor(contamination * (n + 1)) / (n + 1)
    assert 0 < wanted <= contamination
    assert abs(np.mean(share) - wanted) < 5 * np.std(share) / np.sqrt(len(share))


def test_threshold_is_the_order_statistic_of_held_out_scores() -> None:
    X = np.random.default_rng(1).normal(size=(99, 2))
    detector = hm.NoveltyDetector(Gauss(), contamination=0.1).fit(X)
    assert detector.offset_ == np.sort(detector.held_out_scores_)[9]
    new = np.random.default_rng(2).normal(size=(50, 2)) * 3
    np.testing.assert_allclose(
        detector.decision_function(new), detector.score_samples(new) - detector.offset_
    )
    assert ((detector.predict(new) == -1) == (detector.decision_function(new) < 0)).all()
    model = Gauss().fit(X)
    np.testing.assert_allclose(detector.score_samples(new), model.score_samples(new))


def test_held_out_scores_come_from_models_that_had_not_seen_the_row() -> None:
    """A model that knows its own rows and nothing else finds every held-out row impossible."""

    class Memory(Bernoulli):
        def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Bernoulli:
            self.seen_ = {row.tobytes() for row in X}
            return self

        def score_samples(self, X: Any) -> np.ndarray:
            return np.array([0.0 if row.tobytes() in self.seen_ else -9.0 for row in X])

    X = np.random.default_rng(0).normal(size=(23, 2))
    detector = hm.NoveltyDetector(Memory(), contamination=0.5).fit(X)
    assert (detector.held_out_scores_ == -9.0).all()
    assert (detector.score_samples(X) == 0.0).all()


def test_too_few_rows_for_the_share() -> None:
    X = np.random.default_rng(0).normal(size=(10, 2))
    with pytest.warns(UserWarning, match="at least 19 are needed"):
        detector = hm.NoveltyDetector(Gauss()).fit(X)
    assert (detector.predict(X * 1e6) == 1).all()
    with pytest.raises(ValueError, match="at least two rows"):
        hm.NoveltyDetector(Gauss()).fit(X[:1])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        hm.NoveltyDetector(Gauss()).fit(np.random.default_rng(0).normal(size=(19, 2)))


@pytest.mark.parametrize("wrong", [0.0, 0.6, -1.0, "auto", True])
def test_contamination_is_checked(wrong: Any) -> None:
    with pytest.raises((ValueError, TypeError), match="contamination"):
        hm.NoveltyDetector(Gauss(), contamination=wrong).fit(np.zeros((30, 2)))


def test_unfitted() -> None:
    for wrong in (hm.NoveltyDetector(Gauss()), hm.BayesClassifier(Gauss())):
        with pytest.raises(NotFittedError):
            wrong.predict([[0.0]])
        with pytest.raises(NotFittedError):
            wrong.save("nowhere.safetensors")


# -- files --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "labels", [[0, 1, 2], ["a", "b", "c"], [True, False, True], [-1.0, 2.0, 3.0]]
)
def test_classifier_file(tmp_path: Any, labels: list[Any]) -> None:
    X, codes = noisy_bits(0)
    y = np.array(labels)[codes]
    prior = "empirical" if len(set(labels)) == 2 else (0.2, 0.3, 0.5)
    settings = {"learner": "exact", "n_updates": 20, "validation_fraction": 0, "random_state": 0}
    fitted = hm.BayesClassifier(hm.RBM(3, **settings), prior=prior).fit(X, y)
    path = tmp_path / "model.safetensors"
    fitted.save(path)
    again = hm.load(path)
    assert isinstance(again, hm.BayesClassifier)
    np.testing.assert_array_equal(again.predict_proba(X), fitted.predict_proba(X))
    np.testing.assert_array_equal(again.predict(X), fitted.predict(X))
    assert again.classes_.dtype == fitted.classes_.dtype
    assert again.prior == prior
    assert again.n_features_in_ == 6
    assert repr(again.estimator) == repr(fitted.estimator)
    np.testing.assert_array_equal(again.fit(X, y).predict_proba(X), fitted.predict_proba(X))


def test_detector_file(tmp_path: Any) -> None:
    X, _ = noisy_bits(0)
    settings = {"learner": "exact", "n_updates": 20, "validation_fraction": 0, "random_state": 0}
    fitted = hm.NoveltyDetector(hm.RBM(3, **settings), contamination=0.1).fit(X)
    path = tmp_path / "model.safetensors"
    fitted.save(path)
    again = hm.load(path)
    assert isinstance(again, hm.NoveltyDetector)
    assert again.offset_ == fitted.offset_
    assert again.contamination == 0.1
    np.testing.assert_array_equal(again.decision_function(BITS6), fitted.decision_function(BITS6))


BITS6 = np.array(list(product([0, 1], repeat=6)), dtype=float)


def test_text_classifier_file_learns_new_words_when_refitted(tmp_path: Any) -> None:
    texts = ["good film", "good good", "fine film", "bad film", "bad bad", "dull film"]
    y = np.array([1, 1, 1, 0, 0, 0])
    fitted = hm.BayesClassifier(hm.NGram(1)).fit(texts, y)
    path = tmp_path / "model.safetensors"
    fitted.save(path)
    again = hm.load(path)
    np.testing.assert_allclose(again.predict_proba(texts), fitted.predict_proba(texts), rtol=1e-12)
    again.fit(["new words", "other ones"], [0, 1])
    assert again.estimators_[0].vocabulary_ == again.estimators_[1].vocabulary_
    assert "ones" in again.estimators_[0].vocabulary_


def test_a_tampered_class_list_is_refused(tmp_path: Any) -> None:
    from harmonium.contract.storage import read_arrays, write_arrays

    X, y = noisy_bits(0)
    settings = {"learner": "exact", "n_updates": 5, "validation_fraction": 0, "random_state": 0}
    path = tmp_path / "model.safetensors"
    hm.BayesClassifier(hm.RBM(3, **settings)).fit(X, y).save(path)
    arrays, facts = read_arrays(path, "model")
    facts["state"]["classes"] = [0, 1]
    write_arrays(path, "model", arrays, facts)
    with pytest.raises(hm.ModelFileError, match="BayesClassifier"):
        hm.load(path)


# -- scikit-learn's own checks ------------------------------------------------------------------


@parametrize_with_checks(
    [hm.BayesClassifier(Gauss()), hm.NoveltyDetector(Gauss(), contamination=0.1)],
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_estimator_checks(estimator: Any, check: Any) -> None:
    check(estimator)
