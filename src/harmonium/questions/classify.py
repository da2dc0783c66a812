"""A classifier over any joint distribution: Bayes' rule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin, clone
from sklearn.utils import get_tags
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    _check_sample_weight,
    check_is_fitted,
    column_or_1d,
)

from harmonium.compute.random import random_generator
from harmonium.contract.checks import check_choice, check_integer, check_number
from harmonium.contract.joint import JointDistribution
from harmonium.data.missing import is_missing
from harmonium.models.out_of_core import opened
from harmonium.questions.class_models import (
    Choice,
    chosen,
    drawn,
    filled_by,
    fitted_models,
    log_posterior,
    scores_of,
)
from harmonium.questions.over_models import OverModels, n_rows_of, own_parameters, put_together

__all__ = ["BayesClassifier"]


class BayesClassifier(ClassifierMixin, OverModels):
    """One joint distribution per class and Bayes' rule: P(y | x) is P(x | y) P(y) / P(x).

    Works with every :class:`JointDistribution` and so with tables, images and texts; chains over
    words share one vocabulary over the classes, or their probabilities could not be compared.

    Parameters
    ----------
    estimator : JointDistribution
        Cloned and fitted for each class.
    prior : {"empirical", "uniform"} or array of shape (n_classes,)
        P(y): the shares of the classes in `y`, equal shares, or given in the order of the
        sorted class labels; numbers above 0 that sum to one.
    tune : {"auto", "off"}
        ``"auto"``: where the estimator offers settings that may tell classes apart better
        (``NGram`` does, where `order`, `tokenizer`, `smoothing` were left at their defaults) and
        each class has 50 rows, a fifth of the rows is held out once to choose among them and
        the estimator as it is, and to choose the sharpness; all rows are then learned from.
        ``"off"``: the estimator as it is.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    estimators_ : list of fitted models, in the order of ``classes_``
    class_log_prior_ : ndarray of shape (n_classes,), in nats
    settings_ : dict
        The estimator's parameters that rows held out chose in place of its own; may be empty.
    sharpness_ : float > 0
        s in P(y | x) proportional to P(y) P(x | y)**s, chosen with them by log loss: below 1
        where models count the same evidence more than once. 1 where nothing was chosen.

    Notes
    -----
    Probabilities are as well calibrated as the models are: where a model takes dependent
    features as independent, they are too extreme. For an RBM or GridMRF the error of log Z
    moves the log-odds by as much.

    P(x, y) is P(x) P(y | x), P(x) the mixture of the classes' models: also with a sharpness
    other than 1 it sums to one over all x and y.

    It has no ``correct``: of which class a noisy row is would want P(noisy row given class), which
    no model answers. A model fitted with labels beside the rows, ``RBM().fit(X, y)``, sums over
    them.
    """

    #: Of files written before there was one.
    sharpness_: float = 1.0

    def __init__(
        self, estimator: Any, *, prior: Any = "empirical", tune: Literal["auto", "off"] = "auto"
    ) -> None:
        self.estimator = estimator
        self.prior = prior
        self.tune = tune

    def check_parameters(self) -> None:
        """Raise unless `fit` could use the constructor's parameters."""
        self.check_estimator()
        if isinstance(self.prior, str):
            check_choice("prior", self.prior, ("empirical", "uniform"))
        check_choice("tune", self.tune, ("auto", "off"))

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit one model to the rows of each class.

        `X` are the rows, images or texts that the models take; `y` ``(n,)`` the labels. Of rows out
        of core `y` and `sample_weight` may be columns by their names; each class is read out of all
        the rows whenever its model reads its own.
        """
        self.check_estimator()
        check_choice("tune", self.tune, ("auto", "off"))
        if y is None:
            raise ValueError(
                "BayesClassifier requires y to be passed, but the target y is None: "
                "y must be an array of labels"
            )
        X, y, sample_weight = opened(self.rows(X), y, sample_weight)
        if isinstance(y, Mapping):
            raise ValueError(f"y must be one column of labels, got {', '.join(map(repr, y))}")
        y = column_or_1d(y, warn=True)
        missing = [k for k, own in enumerate(y.tolist()) if is_missing(own)]
        if missing:
            raise ValueError(f"y: the label of row {missing[0]} is missing; wanted one a row")
        check_classification_targets(y)
        if n_rows_of(X) != len(y):
            raise ValueError(f"y has {len(y)} labels, X has {n_rows_of(X)} rows")
        weight = None
        if sample_weight is not None:
            weight = _check_sample_weight(
                sample_weight, X, dtype=np.float64, ensure_non_negative=True
            )
        self.classes_, codes = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(
                f"y must have at least two classes, got one class: {self.classes_.tolist()}"
            )
        self.class_log_prior_ = self._log_prior(np.bincount(codes, weights=weight))
        choice = Choice()
        if self.tune == "auto":
            choice = chosen(self.estimator, X, codes, self.classes_, weight, self.class_log_prior_)
        tuned = clone(self.estimator).set_params(**choice.settings)
        self.estimators_, shared = fitted_models(tuned, X, codes, self.classes_, weight)
        self.settings_, self.sharpness_ = choice.settings, choice.sharpness
        self._own_names = sorted({*shared, *choice.settings})
        return self

    def models(self) -> list[JointDistribution]:
        return self.estimators_

    def facts(self) -> dict[str, Any]:
        check_is_fitted(self)
        return {
            "classes": list(map(str, self.classes_)),
            "P(class)": np.exp(self.class_log_prior_).tolist(),
            "model of a class": type(self.estimator).__name__,
        }

    def _log_prior(self, counts: NDArray[Any]) -> NDArray[np.float64]:
        n = len(counts)
        if isinstance(self.prior, str):
            if self.prior not in ("empirical", "uniform"):
                raise ValueError(
                    f"prior must be 'empirical', 'uniform' or an array, got {self.prior!r}"
                )
            share = counts / counts.sum() if self.prior == "empirical" else np.full(n, 1.0 / n)
        else:
            share = np.asarray(self.prior, dtype=np.float64)
            if share.shape != (n,) or not (share > 0).all() or abs(share.sum() - 1.0) > 1e-9:
                raise ValueError(
                    f"prior must be {n} numbers above 0 that sum to one, got {self.prior!r}"
                )
        if not (share > 0).all():
            raise ValueError("sample_weight must not be zero for all rows of a class")
        return np.log(share)

    def joint_log_prob(self, X: Any) -> NDArray[np.float64]:
        """log P(x, y) in nats for each row and class: ``(n, n_classes)``.

        log P(x) of :meth:`score_samples` plus log P(y | x) of :meth:`predict_log_proba`.
        """
        scores = self._scores(X)
        joint = scores + self.class_log_prior_
        if self.sharpness_ == 1.0:
            return joint
        total = np.logaddexp.reduce(joint, axis=1, keepdims=True)
        return total + log_posterior(scores, self.class_log_prior_, self.sharpness_)

    def score_samples(self, X: Any) -> NDArray[np.float64]:
        """log P(x) in nats under the mixture of all classes: ``(n,)``."""
        mixed: NDArray[np.float64] = np.logaddexp.reduce(
            self._scores(X) + self.class_log_prior_, axis=1
        )
        return mixed

    def _scores(self, X: Any) -> NDArray[np.float64]:
        check_is_fitted(self)
        return scores_of(self.estimators_, self.rows(X))

    def predict_log_proba(self, X: Any) -> NDArray[np.float64]:
        """log P(y | x) for each row and class: ``(n, n_classes)``.

        A row that is impossible under every class gets the prior.
        """
        return log_posterior(self._scores(X), self.class_log_prior_, self.sharpness_)

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """P(y | x) for each row and class: ``(n, n_classes)``."""
        return np.exp(self.predict_log_proba(X))

    def predict(self, X: Any) -> NDArray[Any]:
        """The most probable class of each row."""
        log_proba = self.predict_log_proba(X)
        labels: NDArray[Any] = self.classes_[np.argmax(log_proba, axis=1)]
        return labels

    def sample(self, n_samples: int = 1, *, label: Any = None, random_state: Any = None) -> Any:
        """Rows of the mixture of all classes, or of the model of the class `label`; as the models
        give them, ``n_samples`` of them."""
        check_is_fitted(self)
        n_samples = check_integer("n_samples", n_samples, 1)
        generator = random_generator(random_state)
        if label is None:
            chances = np.exp(self.class_log_prior_)
            codes = generator.choice(len(chances), n_samples, p=chances / chances.sum())
        else:
            found = np.flatnonzero(self.classes_ == label)
            if len(found) != 1:
                raise ValueError(f"label must be one of {self.classes_.tolist()}, got {label!r}")
            codes = np.full(n_samples, found[0])
        return drawn(self.estimators_, codes, generator)

    def complete(
        self, X: Any, *, how: Literal["mode", "sample"] = "mode", random_state: Any = None
    ) -> Any:
        """`X` with its blanks filled.

        ``how="mode"``: the most probable class and filling together; ``"sample"``: a draw of both,
        the class from P(y | what is seen of the row), which texts have not.
        """
        check_is_fitted(self)
        check_choice("how", how, ("mode", "sample"))
        X, generator = self.rows(X), random_generator(random_state)
        if how == "mode":
            filled = [model.complete(X) for model in self.estimators_]
            each = [self.joint_log_prob(own)[:, k] for k, own in enumerate(filled)]
            n, codes = len(each[0]), np.argmax(each, axis=0)
            return put_together(filled, codes * n + np.arange(n))
        if get_tags(self.estimator).input_tags.string:
            raise ValueError("how must be 'mode' for texts: no class is known of one with blanks")
        total = np.cumsum(self.predict_proba(X), axis=1)
        codes = (generator.random((len(total), 1)) * total[:, -1:] >= total[:, :-1]).sum(1)
        return filled_by(self.estimators_, codes, X, generator)

    def to_state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        labels = self.classes_
        if labels.dtype == object:
            labels = labels.astype(str)
        return {"class_log_prior": self.class_log_prior_}, {
            "classes": labels.tolist(),
            "own_parameters": own_parameters(self.estimator, self._own_names),
            "settings": self.settings_,
            "sharpness": self.sharpness_,
        }

    def from_state(self, arrays: dict[str, NDArray[Any]], facts: dict[str, Any]) -> None:
        self.classes_ = np.array(facts["classes"])
        self.class_log_prior_ = arrays["class_log_prior"]
        if len(self.classes_) != len(self.estimators_) or len(self.class_log_prior_) != len(
            self.classes_
        ):
            raise ValueError("classes and models do not match")
        self._own_names = sorted(facts["own_parameters"])
        self.settings_ = dict(facts.get("settings", {}))
        self.sharpness_ = check_number("sharpness", facts.get("sharpness", 1.0), 0.0, low_open=True)
        self.estimator = clone(self.estimators_[0]).set_params(**facts["own_parameters"])
