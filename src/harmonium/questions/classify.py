"""A classifier over any joint distribution: Bayes' rule."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin, clone
from sklearn.utils import _safe_indexing
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    _check_sample_weight,
    _num_samples,
    check_is_fitted,
    column_or_1d,
)

from harmonium.contract.checks import check_choice
from harmonium.contract.joint import JointDistribution
from harmonium.questions.over_models import OverModels, Sharing

__all__ = ["BayesClassifier"]

#: A class of at most this many rows is named when its model cannot be fitted.
_FEW_ROWS = 2


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

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    estimators_ : list of fitted models, in the order of ``classes_``
    class_log_prior_ : ndarray of shape (n_classes,), in nats

    Notes
    -----
    Probabilities are as well calibrated as the models are: where a model takes dependent
    features as independent, they are too extreme. For an RBM or GridMRF the error of log Z
    moves the log-odds by as much.
    """

    def __init__(self, estimator: Any, *, prior: Any = "empirical") -> None:
        self.estimator = estimator
        self.prior = prior

    def check_parameters(self) -> None:
        """Raise unless `fit` could use the constructor's parameters."""
        self.check_estimator()
        if isinstance(self.prior, str):
            check_choice("prior", self.prior, ("empirical", "uniform"))

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit one model to the rows of each class.

        `X` are the rows, images or texts that the models take; `y` ``(n,)`` the labels.
        """
        self.check_estimator()
        if y is None:
            raise ValueError(
                "BayesClassifier requires y to be passed, but the target y is None: "
                "y must be an array of labels"
            )
        X = self.rows(X)
        y = column_or_1d(y, warn=True)
        check_classification_targets(y)
        if _num_samples(X) != len(y):
            raise ValueError(f"y has {len(y)} labels, X has {_num_samples(X)} rows")
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
        # What scores must share to be comparable, such as the words that probability covers.
        shared: dict[str, Any] = {}
        if isinstance(self.estimator, Sharing):
            shared = self.estimator.shared_parameters(X)
        self._shared_names = sorted(shared)
        models = []
        for code in range(len(self.classes_)):
            rows = np.flatnonzero(codes == code)
            model = clone(self.estimator).set_params(**shared)
            own = None if weight is None else weight[rows]
            try:
                models.append(model.fit(_safe_indexing(X, rows), sample_weight=own))
            except ValueError as error:
                if len(rows) > _FEW_ROWS:
                    raise
                raise ValueError(
                    f"class {self.classes_[code]!r} has too few rows ({len(rows)}) to fit: {error}"
                ) from error
        self.estimators_ = models
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
        """log P(x, y) in nats for each row and class: ``(n, n_classes)``."""
        check_is_fitted(self)
        X = self.rows(X)
        scores = [model.score_samples(X) for model in self.estimators_]
        return np.stack(scores, axis=1) + self.class_log_prior_

    def score_samples(self, X: Any) -> NDArray[np.float64]:
        """log P(x) in nats under the mixture of all classes: ``(n,)``."""
        mixed: NDArray[np.float64] = np.logaddexp.reduce(self.joint_log_prob(X), axis=1)
        return mixed

    def predict_log_proba(self, X: Any) -> NDArray[np.float64]:
        """log P(y | x) for each row and class: ``(n, n_classes)``.

        A row that is impossible under every class gets the prior.
        """
        joint = self.joint_log_prob(X)
        joint[np.isneginf(joint).all(axis=1)] = self.class_log_prior_
        total: NDArray[np.float64] = joint - np.logaddexp.reduce(joint, axis=1, keepdims=True)
        return total

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """P(y | x) for each row and class: ``(n, n_classes)``."""
        return np.exp(self.predict_log_proba(X))

    def predict(self, X: Any) -> NDArray[Any]:
        """The most probable class of each row."""
        log_proba = self.predict_log_proba(X)
        labels: NDArray[Any] = self.classes_[np.argmax(log_proba, axis=1)]
        return labels

    def to_state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        labels = self.classes_
        if labels.dtype == object:
            labels = labels.astype(str)
        given = self.estimator.get_params(deep=False)
        return {"class_log_prior": self.class_log_prior_}, {
            "classes": labels.tolist(),
            "own_parameters": {name: given[name] for name in self._shared_names},
        }

    def from_state(self, arrays: dict[str, NDArray[Any]], facts: dict[str, Any]) -> None:
        self.classes_ = np.array(facts["classes"])
        self.class_log_prior_ = arrays["class_log_prior"]
        if len(self.classes_) != len(self.estimators_) or len(self.class_log_prior_) != len(
            self.classes_
        ):
            raise ValueError("classes and models do not match")
        self._shared_names = sorted(facts["own_parameters"])
        self.estimator = clone(self.estimators_[0]).set_params(**facts["own_parameters"])
