"""Is it one of these? A threshold on P(x) of any joint distribution."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import OutlierMixin, clone
from sklearn.model_selection import KFold
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import _num_samples, check_is_fitted

from harmonium.contract.checks import check_number
from harmonium.contract.joint import JointDistribution
from harmonium.contract.warning import warn_caller
from harmonium.questions.over_models import OverModels

__all__ = ["NoveltyDetector"]

#: Folds that scores are held out in.
_N_FOLDS = 5


class NoveltyDetector(OutlierMixin, OverModels):
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
        self.check_estimator()
        check_number("contamination", self.contamination, 0.0, 0.5, low_open=True)

    def fit(self, X: Any, y: Any = None) -> Self:
        """Fit the model and set the threshold; `y` is ignored."""
        self.check_parameters()
        contamination = float(self.contamination)
        X = self.rows(X)
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
            warn_caller(
                f"{n} rows are too few to tell a share of {contamination} apart (at least "
                f"{int(np.ceil(1 / contamination - 1e-9)) - 1} are needed): nothing is novel",
                UserWarning,
            )
        self.estimator_ = clone(self.estimator).fit(X)
        return self

    def models(self) -> list[JointDistribution]:
        return [self.estimator_]

    def facts(self) -> dict[str, Any]:
        check_is_fitted(self)
        facts = self.estimator_.facts()
        if np.isfinite(self.offset_):  # else nothing is novel
            facts["novel below (log P, nats)"] = float(self.offset_)
        return facts

    def score_samples(self, X: Any) -> NDArray[np.float64]:
        """log P(x) in nats for each row."""
        check_is_fitted(self)
        scores: NDArray[np.float64] = self.estimator_.score_samples(self.rows(X))
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
