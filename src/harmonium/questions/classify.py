"""Classifiers over any joint distribution: Bayes' rule, and a threshold on P(x)."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from os import PathLike
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin, OutlierMixin, clone
from sklearn.model_selection import KFold
from sklearn.utils import _safe_indexing, get_tags
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    _check_sample_weight,
    _num_samples,
    check_is_fitted,
    column_or_1d,
)

from harmonium.contract.checks import check_choice, check_number
from harmonium.contract.joint import JointDistribution

__all__ = ["BayesClassifier", "NoveltyDetector"]

#: Folds that scores are held out in.
_N_FOLDS = 5
#: A class of at most this many rows is named when its model cannot be fitted.
_FEW_ROWS = 2


class _OverModels(BaseEstimator, ABC):
    """What the two share: rows of any kind, and files like those of the models they hold."""

    _state_version: ClassVar[int] = 1
    may_hold: ClassVar[frozenset[float]] = frozenset({-np.inf})
    estimator: Any

    @abstractmethod
    def _models(self) -> list[JointDistribution]:
        """The fitted models; the first speaks for all about columns."""

    @property
    def n_features_in_(self) -> int:
        """Columns of the rows, where the models take tables."""
        return self._models()[0].n_features_in_

    @property
    def feature_names_in_(self) -> NDArray[Any]:
        """Names of the columns, where the rows came with names."""
        return self._models()[0].feature_names_in_

    def _check_estimator(self) -> None:
        if not isinstance(self.estimator, JointDistribution):
            raise TypeError(
                "estimator must be a joint distribution such as hm.RBM() or hm.NGram(), "
                f"got {self.estimator!r}"
            )

    @abstractmethod
    def check_parameters(self) -> None:
        """Raise unless `fit` could use the constructor's parameters."""

    def _rows(self, X: Any) -> Any:
        """`X` as something that rows can be picked from: a table, images, a list of texts."""
        if isinstance(X, str | bytes):
            raise ValueError("X must be rows or an iterable of texts, got one string")
        if not hasattr(X, "shape") and not hasattr(X, "iloc") and not isinstance(X, list):
            X = np.asarray(X) if hasattr(X, "__array__") else list(X)
        if sparse.issparse(X):
            X = X.tocsr()  # the one sparse form that rows can be picked from
        takes_text = get_tags(self.estimator).input_tags.string
        if not takes_text and isinstance(X, list) and X and isinstance(X[0], str):
            raise ValueError(
                f"X must be a table or images of numbers for {type(self.estimator).__name__}, "
                f"got texts such as {X[0][:40]!r}"
            )
        return X

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        if isinstance(self.estimator, JointDistribution):
            inner = get_tags(self.estimator)
            tags.input_tags = inner.input_tags
            tags.non_deterministic = inner.non_deterministic
        return tags

    def save(self, path: str | PathLike[str]) -> None:
        """Write to one ``.safetensors`` file, atomically; ``harmonium.load`` reads it back."""
        from harmonium.contract.storage import save_model

        check_is_fitted(self)
        save_model(self, path)


class BayesClassifier(ClassifierMixin, _OverModels):
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
        self._check_estimator()
        if isinstance(self.prior, str):
            check_choice("prior", self.prior, ("empirical", "uniform"))

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit one model to the rows of each class.

        `X` are the rows, images or texts that the models take; `y` ``(n,)`` the labels.
        """
        self._check_estimator()
        if y is None:
            raise ValueError(
                "BayesClassifier requires y to be passed, but the target y is None: "
                "y must be an array of labels"
            )
        X = self._rows(X)
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
        if hasattr(self.estimator, "_fit_shared"):
            shared = self.estimator._fit_shared(X)
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

    def _models(self) -> list[JointDistribution]:
        return self.estimators_

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
        X = self._rows(X)
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


class NoveltyDetector(OutlierMixin, _OverModels):
    """Is it one of these? A threshold on log P(x), set on scores of rows that were held out.

    Parameters
    ----------
    estimator : JointDistribution
        Cloned; fitted to all rows in the end.
    contamination : float in (0, 0.5]
        The share of rows like those of `fit` that may be called novel. The threshold is that
        quantile of scores under models that had not seen the rows (5-fold cross-fitting): scores
        of rows that a model has learned from are too high.

    Attributes
    ----------
    estimator_ : the fitted model
    offset_ : float, the threshold in nats
    held_out_scores_ : ndarray of shape (n,), what the threshold was set on
    """

    def __init__(self, estimator: Any, *, contamination: float = 0.05) -> None:
        self.estimator = estimator
        self.contamination = contamination

    def check_parameters(self) -> None:
        """Raise unless `fit` could use the constructor's parameters."""
        self._check_estimator()
        check_number("contamination", self.contamination, 0.0, 0.5, low_open=True)

    def fit(self, X: Any, y: Any = None) -> Self:
        """Fit the model and set the threshold; `y` is ignored."""
        self.check_parameters()
        contamination = float(self.contamination)
        X = self._rows(X)
        n = _num_samples(X)
        if n < 2:
            raise ValueError(f"X must have at least two rows, got n_samples={n}")
        scores = np.empty(n)
        folds = KFold(min(_N_FOLDS, n), shuffle=True, random_state=0)
        for seen, unseen in folds.split(np.zeros((n, 1))):
            model = clone(self.estimator).fit(_safe_indexing(X, seen))
            scores[unseen] = model.score_samples(_safe_indexing(X, unseen))
        self.held_out_scores_ = scores
        # The k-th smallest with k = floor(c (n + 1)): at most a share c falls below it, on
        # average over new rows, however scores are distributed (conformal prediction).
        k = int(np.floor(contamination * (n + 1)))
        self.offset_ = float(np.sort(scores)[k - 1]) if k else -np.inf
        if not k:
            warnings.warn(
                f"{n} rows are too few to tell a share of {contamination} apart (at least "
                f"{int(np.ceil(1 / contamination - 1e-9)) - 1} are needed): nothing is novel",
                UserWarning,
                stacklevel=2,
            )
        self.estimator_ = clone(self.estimator).fit(X)
        return self

    def _models(self) -> list[JointDistribution]:
        return [self.estimator_]

    def score_samples(self, X: Any) -> NDArray[np.float64]:
        """log P(x) in nats for each row."""
        check_is_fitted(self)
        scores: NDArray[np.float64] = self.estimator_.score_samples(self._rows(X))
        return scores

    def decision_function(self, X: Any) -> NDArray[np.float64]:
        """log P(x) above the threshold, in nats: negative for the novel."""
        scores = self.score_samples(X)
        if np.isneginf(self.offset_):  # nothing is novel, not even what has no probability
            return np.full_like(scores, np.inf)
        return scores - self.offset_

    def predict(self, X: Any) -> NDArray[np.int64]:
        """+1 for rows like those of `fit`, -1 for novel ones."""
        return np.where(self.decision_function(X) < 0, -1, 1)

    def to_state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        return {"held_out_scores": self.held_out_scores_}, {"offset": self.offset_}

    def from_state(self, arrays: dict[str, NDArray[Any]], facts: dict[str, Any]) -> None:
        self.held_out_scores_ = arrays["held_out_scores"]
        self.offset_ = float(facts["offset"])
        (self.estimator_,) = self.estimators_
        del self.estimators_
        self.estimator = clone(self.estimator_)
