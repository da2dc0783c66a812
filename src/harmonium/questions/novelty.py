"""Is it one of these? A threshold on how likely rows are, and how far out."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import OutlierMixin, clone
from sklearn.model_selection import KFold
from sklearn.utils.validation import check_is_fitted

from harmonium.contract.checks import check_choice, check_integer, check_number
from harmonium.contract.joint import JointDistribution
from harmonium.contract.warning import warn_caller
from harmonium.data.schema import Schema
from harmonium.models.cells import CellMarginal
from harmonium.models.out_of_core import by_blocks
from harmonium.models.reading import seen_alone
from harmonium.questions.oddness import Views, has_numbers, label_rates, rates_from, views_of
from harmonium.questions.over_models import (
    OverModels,
    Reading,
    n_rows_of,
    own_parameters,
    picked,
)
from harmonium.questions.tables_like import (
    TellsCells,
    by_name,
    numbers_like,
    schema_of,
    values_like,
)

__all__ = ["NoveltyDetector"]

#: Folds that scores are held out in.
_N_FOLDS = 5


class NoveltyDetector(OutlierMixin, OverModels):
    """Is it one of these? A threshold on log P(x), set on scores of rows that were held out.

    Rows of a table with numbers are also odd where single columns are far out, or columns go
    together as they never do, whatever the numbers' units: see `score_by`.

    Parameters
    ----------
    estimator : JointDistribution
        Cloned; fitted to all rows in the end.
    contamination : float in (0, 0.5]
        The share of rows like those of `fit` that may be called novel. The threshold is that
        quantile of scores under models that had not seen the rows (5-fold cross-fitting): scores
        of rows that a model has learned from are too high.

    score_by : {"auto", "likelihood"}
        "likelihood" scores by log P(x), and so does "auto" but for tables with columns of
        numbers. These it scores by the weighted sum of log P(x), of the log tail
        probabilities of the columns, and of these with the log density of their copula
        (`harmonium.questions.oddness`). The weights make each spread alike over held-out rows,
        and mean and spread of the sum those of log P(x).

    Attributes
    ----------
    estimator_ : the fitted model
    offset_ : float, the threshold in nats
    held_out_scores_ : ndarray of shape (n,), what the threshold was set on
    views_ : what rows are scored by; None where that is log P(x) alone
    """

    #: None also in detectors that files of an earlier time hold.
    views_: Views | None = None

    def __init__(
        self, estimator: Any, *, contamination: float = 0.05, score_by: str = "auto"
    ) -> None:
        self.estimator = estimator
        self.contamination = contamination
        self.score_by = score_by

    def check_parameters(self) -> None:
        """Raise unless `fit` could use the constructor's parameters."""
        self.check_estimator()
        check_number("contamination", self.contamination, 0.0, 0.5, low_open=True)
        check_choice("score_by", self.score_by, ("auto", "likelihood"))

    def fit(self, X: Any, y: Any = None) -> Self:
        """Fit the model and set the threshold; `y` is ignored."""
        self.check_parameters()
        contamination = float(self.contamination)
        X = self.rows(X)
        n = n_rows_of(X)
        if n < 2:
            raise ValueError(f"X must have at least two rows, got n_samples={n}")
        estimator = self.estimator
        reading = estimator.reading_parameters(X) if isinstance(estimator, Reading) else {}
        whole = clone(estimator).set_params(**reading).fit(X)
        wide = self.score_by == "auto" and has_numbers(whole)
        rates = label_rates(whole.schema_, X) if wide else {}
        scores, views = np.empty(n), np.empty((n, 3))
        folds = KFold(min(_N_FOLDS, n), shuffle=True, random_state=0)
        for seen, unseen in folds.split(np.zeros((n, 1))):
            known = picked(X, seen)
            own = _seen_alone(estimator, reading, known)
            model = clone(estimator).set_params(**own).fit(known)
            if wide:
                shares = label_rates(model.schema_, known)
                views[unseen] = views_of(model, picked(X, unseen), shares)
            else:
                scores[unseen] = model.score_samples(picked(X, unseen))
        self.views_ = Views.fitted(views) if wide else None
        if self.views_ is not None:
            scores = self.views_.score(views)
        self.estimator_, self._own_names, self._rates = whole, sorted(reading), rates
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
        return self

    def models(self) -> list[JointDistribution]:
        return [self.estimator_]

    def facts(self) -> dict[str, Any]:
        check_is_fitted(self)
        facts = self.estimator_.facts()
        if np.isfinite(self.offset_):  # else nothing is novel
            by = "log P" if self.views_ is None else "log P, tails"
            facts[f"novel below ({by}, nats)"] = float(self.offset_)
        return facts

    def score_samples(self, X: Any) -> NDArray[np.float64]:
        """What each row is judged by, in nats, ``(n,)``: log P(x), or as `score_by` says, on the
        scale of log P(x). log P(x) itself is always ``estimator_.score_samples(X)``, and told
        beside by :meth:`scored`."""
        return self.scored(X)[0]

    def scored(self, X: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """:meth:`score_samples` and log P(x), in nats, ``(n,)`` each, for the cost of one."""
        check_is_fitted(self)
        X = self.rows(X)
        if self.views_ is None:
            scores: NDArray[np.float64] = self.estimator_.score_samples(X)
            return scores, scores
        views = views_of(self.estimator_, X, self._rates)
        return self.views_.score(views), views[:, 0]

    def decision_function(self, X: Any) -> NDArray[np.float64]:
        """The score above the threshold, in nats: negative for the novel."""
        scores = self.score_samples(X)
        if np.isneginf(self.offset_):  # nothing is novel, not even what has no probability
            return np.full_like(scores, np.inf)
        return scores - self.offset_

    def predict(self, X: Any) -> NDArray[np.int64]:
        """+1 for rows like those of `fit`, -1 for novel ones."""
        return np.where(self.decision_function(X) < 0, -1, 1)

    # -- which cells make a row odd -----------------------------------------------------------

    @by_blocks()
    def explain(self, X: Any, *, random_state: Any = 0) -> Any:
        """log P of each cell given the rest of its row, in nats: the low ones make a row odd.

        A frame like `X`, of arrays an array; its cells are no parts of :meth:`score_samples`,
        which counts what cells share once. NaN where a cell is missing and in columns that are
        not modelled (identifiers, constants). Of labels the probability of the label; of
        numbers, so that columns compare, the mass of the cell of width w round the number, w
        the column's resolution or 2% of its standard deviation, the larger.

        Parameters
        ----------
        X : rows as for :meth:`score_samples`, with holes.
        random_state : for rows of which too much is missing for exact sums (more than 1,024
            joint states with the cell itself); exact otherwise.

        ``TypeError`` for a model that does not give P of single cells (RBM and MarkovNetwork
        do). Costs a weight a state of each column a row.
        """
        X = self._asked(X)
        cells = self._cells(X, random_state)
        return numbers_like(X, {name: cell.log_mass() for name, cell in cells.items()})

    @by_blocks()
    def alternatives(self, X: Any, n: int = 1, *, random_state: Any = 0) -> tuple[Any, Any]:
        """What each cell would rather be, given the rest of its row, and log P of that.

        Two tables like `X`: in each cell the `n`-th most probable value other than its own (of
        numbers, of other bins than its own the typical values), and log P of it as
        :meth:`explain` counts it. Where log P is much above explain's, the cell may be a
        mistake. Missing where the cell is missing or has fewer than `n` alternatives; columns
        that are not modelled stay as they are, with NaN. Parameters and errors are explain's.
        """
        check_integer("n", n, 1)
        values, logs = {}, {}
        X = self._asked(X)
        for name, cell in self._cells(X, random_state).items():
            states, logs[name] = cell.alternative(n)
            values[name] = cell.column.values(states)
        return values_like(X, values, schema_of(self.estimator_)), numbers_like(X, logs)

    def _asked(self, X: Any) -> Any:
        """As it is given, but for strings: they are sequences."""
        check_is_fitted(self)
        return self.rows(X) if isinstance(X, list) else X

    def _cells(self, X: Any, random_state: Any) -> dict[str, CellMarginal]:
        check_is_fitted(self)
        X, model = self.rows(X), self.estimator_
        if not isinstance(model, TellsCells):
            raise TypeError(f"explain: {type(model).__name__} gives no P of single cells")
        found = model.cell_marginals(X, of="known", random_state=random_state)
        return by_name(found, X, model)

    # -- files ----------------------------------------------------------------------------------

    def to_state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        facts: dict[str, Any] = {
            "offset": self.offset_,
            "own_parameters": own_parameters(self.estimator, self._own_names),
        }
        if self.views_ is not None:
            facts["views"] = self.views_.to_facts()
            facts["rates"] = {name: own.tolist() for name, own in self._rates.items()}
        return {"held_out_scores": self.held_out_scores_}, facts

    def from_state(self, arrays: dict[str, NDArray[Any]], facts: dict[str, Any]) -> None:
        self.held_out_scores_ = arrays["held_out_scores"]
        self.offset_ = float(facts["offset"])
        (self.estimator_,) = self.estimators_
        del self.estimators_
        if "views" in facts:
            self.views_ = Views.from_facts(facts["views"])
            self._rates = rates_from(facts["rates"], self.estimator_.schema_)
        own = dict(facts.get("own_parameters", {}))  # files of an earlier time have none
        self._own_names = sorted(own)
        self.estimator = clone(self.estimator_).set_params(**own)


def _seen_alone(estimator: Any, reading: dict[str, Any], known: Any) -> dict[str, Any]:
    """`reading`, with numbers as the rows `known` alone have them; of a given schema as it is."""
    told = isinstance(getattr(estimator, "visible", None), Schema)
    if told or not isinstance(reading.get("visible"), Schema):
        return reading
    return reading | {"visible": seen_alone(reading["visible"], known)}
