"""Holes of a table filled by any joint distribution, as scikit-learn's transformers do."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import OneToOneFeatureMixin, TransformerMixin, clone
from sklearn.utils.validation import check_is_fitted

from harmonium.compute.random import random_generator
from harmonium.contract.checks import check_choice, check_integer, check_number
from harmonium.contract.joint import JointDistribution
from harmonium.contract.words import How
from harmonium.data.frames import is_frame
from harmonium.data.sequences.alignment import Alignment
from harmonium.data.shards import Shards
from harmonium.models.out_of_core import by_blocks
from harmonium.questions.calibration import Calibration
from harmonium.questions.over_models import OverModels, n_rows_of, own_parameters, picked
from harmonium.questions.tables_like import (
    TellsCells,
    by_name,
    column_names,
    filled_constants,
    frame_like,
    schema_of,
)

__all__ = ["Imputer"]

_HOW = ("mean", "mode", "sample")


class Imputer(OneToOneFeatureMixin, TransformerMixin, OverModels):
    """Fills the holes of a table from P(what is missing given what is known of the row).

    Works with every :class:`JointDistribution` of tables. Frames give frames of the same
    library, types, index and order of columns, arrays give arrays; known cells stay as they are,
    to the digit. Rows may have other holes than those of `fit`.

    Parameters
    ----------
    estimator : JointDistribution or None
        Cloned and fitted to the rows with their holes; None is ``RBM()``. For arrays of other
        numbers than 0 and 1, ``visible="auto"`` tells columns' kinds from their values.
    how : ``"mean"``: of numbers the posterior mean, which makes the least squared error, of
        labels the most probable, each cell by itself; ``"mode"``: the most probable filling of
        a row together; ``"sample"``: a draw from the posterior, which keeps spread and
        dependence.
    n_imputations : int, tables that :meth:`draws` gives; above 1 only with ``how="sample"``.
    random_state : int, Generator or None. Seeds draws, and the estimator's fit where that has
        no seed of its own. None: ``"mean"`` and ``"mode"`` come out the same each time, draws
        differ.

    Attributes
    ----------
    estimator_ : the fitted model
    calibration_ : what :meth:`intervals` are set by, see :meth:`calibrate`; its ``n_rows`` is 0
        where nothing was held out: they are then the model's own.

    Notes
    -----
    :meth:`transform` gives one table, as scikit-learn wants: with several imputations the first
    of :meth:`draws` (as ``complete(imp, 1)`` in R's mice). Analyse each table of ``draws`` and
    put the results together with :func:`harmonium.pool`. A column that was all missing in
    `fit`, and one whose values only name rows, stay as they are.
    """

    #: Nothing also in imputers that files of an earlier time hold.
    calibration_: Calibration = Calibration()

    def __init__(
        self,
        estimator: Any = None,
        *,
        how: How = "mean",
        n_imputations: int = 1,
        random_state: Any = None,
    ) -> None:
        self.estimator = estimator
        self.how = how
        self.n_imputations = n_imputations
        self.random_state = random_state

    def check_parameters(self) -> None:
        """Raise unless `fit` could use the constructor's parameters."""
        if self.estimator is not None:
            self.check_estimator()
        check_choice("how", self.how, _HOW)
        check_integer("n_imputations", self.n_imputations, 1)
        if self.n_imputations > 1 and self.how != "sample":
            raise ValueError(
                f"n_imputations is {self.n_imputations}, which wants how='sample', got "
                f"how={self.how!r}: all tables would be the same"
            )

    def fit(self, X: Any, y: Any = None) -> Self:
        """Fit the model to rows with holes, and set intervals by the rows that it held out (see
        :meth:`calibrate`); `y` is ignored."""
        self.check_parameters()
        X = self._table(X)
        if n_rows_of(X) < 2:
            raise ValueError(f"X must have at least two rows, got n_samples={n_rows_of(X)}")
        model = self._unfitted()
        given = model.get_params(deep=False)
        named = is_frame(X) or isinstance(X, Alignment) or (isinstance(X, Shards) and X.names)
        if not named and given.get("visible") == "auto" and not _are_bits(X):
            model.set_params(visible={})
        if self.random_state is not None and given.get("random_state", 0) is None:
            seed = int(random_generator(self.random_state).integers(2**31))
            model.set_params(random_state=seed)
        self.estimator_ = model.fit(X)
        self._n_columns = X.shape[1] if isinstance(X, Shards) else len(column_names(X))
        self.calibration_ = Calibration()
        held = getattr(model, "held_out_", None)
        if held is not None and len(held) and isinstance(model, TellsCells):
            self._calibrate(picked(X, held))
        return self

    def calibrate(self, X: Any) -> Self:
        """Set :meth:`intervals` by rows that the model has not learned from, like those that will
        be asked about, whatever it holds for true.

        A fifth of the known cells of these rows is hidden at a time, and where each lies in the
        distribution that the model gives it is kept, by column: intervals then lie between
        quantiles of these ranks (split conformal prediction). Columns of few such cells share
        those of others of their kind. `fit` does so with the rows that the model held out, where
        it did; these have also ended its fit. Costs P of the hidden cells of at most 600 rows.

        ``TypeError`` for a model that does not give P of single cells.
        """
        check_is_fitted(self)
        self._cells_of("calibrate")
        X = self._table(X, fitted=True)
        if not n_rows_of(X):
            raise ValueError("X has no rows; wanted rows that the model has not learned from")
        self._calibrate(X)
        return self

    def _calibrate(self, X: Any) -> None:
        model, schema = self.estimator_, schema_of(self.estimator_)
        n_columns = model.n_features_in_ if schema is None else len(schema.columns)
        self.calibration_ = Calibration.measured(model, X, n_columns)

    def transform(self, X: Any) -> Any:
        """`X` with its holes filled; of several imputations the first."""
        return self._filled(X, 1)[0]

    def draws(self, X: Any) -> list[Any]:
        """`n_imputations` tables like :meth:`transform`'s, independent draws of the holes."""
        return self._filled(X, self.n_imputations)

    @by_blocks()
    def intervals(self, X: Any, level: float = 0.9) -> Any:
        """Where each missing cell lies with probability `level` in (0, 1), given its row.

        A frame like `X` (of arrays a dict of columns, named by their numbers): for a column of
        numbers ``NAME_low`` and ``NAME_high``, both inside, with (1 - level) / 2 left out on
        each side (on average, of rounded values and others that are masses); for labels
        ``NAME_set``, a list of the fewest that hold at least `level` together. Cells that were
        known are missing (NaN, None). Each cell stands for itself: all the intervals
        of a row together hold less. On average over rows and cells the true value is inside as
        often as said where a model held rows out, as it does by default, or after
        :meth:`calibrate`; else as often as the model is right.

        ``TypeError`` for a model that does not give P of single cells (RBM and MarkovNetwork
        do).
        """
        check_is_fitted(self)
        check_number("level", level, 0.0, 1.0, low_open=True, high_open=True)
        model = self._cells_of("intervals")
        X = self._table(X, fitted=True)
        found: dict[str, Any] = {}
        cells = model.cell_marginals(X, random_state=self._seed())
        for name, cell in by_name(cells, X, model).items():
            one = cell.column.name
            if cell.column.is_number:
                ends = self.calibration_.ends(one, level)
                found[f"{name}_low"], found[f"{name}_high"] = cell.between(*ends)
            else:
                found[f"{name}_set"] = cell.sets(self.calibration_.share(one, level))
        return frame_like(X, found)

    def _cells_of(self, question: str) -> TellsCells:
        if not isinstance(self.estimator_, TellsCells):
            name = type(self.estimator_).__name__
            raise TypeError(f"{question}: {name} gives no P of single cells")
        return self.estimator_

    def models(self) -> list[JointDistribution]:
        return [self.estimator_]

    def facts(self) -> dict[str, Any]:
        check_is_fitted(self)
        facts = self.estimator_.facts() | {"fills with": self.how}
        if isinstance(self.estimator_, TellsCells):
            facts["intervals set by"] = str(self.calibration_)
        return facts

    def _unfitted(self) -> Any:
        if self.estimator is not None:
            return clone(self.estimator)
        from harmonium.models.rbm.model import RBM

        return RBM()

    def _seed(self) -> Any:
        """What questions are asked with: none differs from call to call but draws."""
        return 0 if self.random_state is None and self.how != "sample" else self.random_state

    def _table(self, X: Any, fitted: bool = False) -> Any:
        """`X` as a frame or a dense array of two dimensions, as wide as it was in `fit`."""
        if sparse.issparse(X):
            raise TypeError("X is sparse, whose blanks are zeros and not holes; wanted dense data")
        if is_frame(X):
            return X
        X = self.rows(X)
        if isinstance(X, Alignment | Shards):
            return X
        X = np.asarray(X)
        if X.dtype.kind == "c":
            raise ValueError(f"Complex data not supported: X is of type {X.dtype}")
        n = len(column_names(X))
        if fitted and n != self._n_columns:
            raise ValueError(
                f"X has {n} features, but {type(self).__name__} is expecting {self._n_columns} "
                "features as input"
            )
        return X

    def _filled(self, X: Any, n: int) -> list[Any]:
        check_is_fitted(self)
        X = self._table(X, fitted=True)
        generator = random_generator(self._seed())
        model, schema = self.estimator_, schema_of(self.estimator_)
        return [
            filled_constants(model.complete(X, how=self.how, random_state=generator), schema)
            for _ in range(n)
        ]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.sparse = False
        tags.non_deterministic = self.random_state is None
        return tags

    def to_state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        facts: dict[str, Any] = {"n_columns": self._n_columns, "default": self.estimator is None}
        if self.estimator is not None:
            known = self.estimator.get_params(deep=False)
            names = [name for name in ("visible", "random_state") if name in known]
            facts["own_parameters"] = own_parameters(self.estimator, names)
        arrays: dict[str, NDArray[Any]] = {}
        if self.calibration_.n_rows:
            arrays, facts["calibration"] = self.calibration_.to_state()
        return arrays, facts

    def from_state(self, arrays: dict[str, NDArray[Any]], facts: dict[str, Any]) -> None:
        (self.estimator_,) = self.estimators_
        del self.estimators_
        self._n_columns = check_integer("n_columns", facts["n_columns"], 1)
        if "calibration" in facts:
            self.calibration_ = Calibration.from_state(arrays, facts["calibration"])
        self.estimator = None
        if not facts["default"]:
            self.estimator = clone(self.estimator_).set_params(**facts["own_parameters"])


def _are_bits(X: Any) -> bool:
    """Whether all that is known of an array is 0 or 1."""
    if isinstance(X, Shards):
        return all(map(_are_bits, X.blocks()))
    values = np.asarray(X)
    if values.dtype.kind not in "buif":
        return False
    return bool(
        np.isin(values[~np.isnan(values)] if values.dtype.kind == "f" else values, (0, 1)).all()
    )
