"""What estimators made of joint distributions share: rows of any kind, files, columns."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from os import PathLike
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.utils import _safe_indexing, get_tags
from sklearn.utils.validation import _num_samples, check_is_fitted

from harmonium.contract.joint import JointDistribution
from harmonium.data.schema import Schema
from harmonium.data.sequences.family import Family
from harmonium.data.shards import Shards, is_shards
from harmonium.models.sequences import aligned

__all__ = [
    "OverModels",
    "Reading",
    "Sharing",
    "n_rows_of",
    "own_parameters",
    "picked",
    "put_together",
]


@runtime_checkable
class Sharing(Protocol):
    """A model of which several must have something in common before they can be compared."""

    def shared_parameters(self, X: Any) -> dict[str, Any]:
        """Constructor parameters, worked out from all the rows, for the model of each class."""


@runtime_checkable
class Reading(Protocol):
    """A model that must read rows it has not learned from as if it had: their categories, say."""

    def reading_parameters(self, X: Any) -> dict[str, Any]:
        """Constructor parameters, worked out from all the rows, for a model of some of them."""


def picked(X: Any, rows: NDArray[np.int64]) -> Any:
    """Some rows of anything that :meth:`OverModels.rows` gives, by their numbers."""
    if isinstance(X, Mapping) and not sparse.issparse(X):  # one sparse form is a dict, too
        return {name: [own[row] for row in rows] for name, own in X.items()}
    if isinstance(X, Shards):
        return X.picked(rows)
    if hasattr(X, "column_names") and hasattr(X, "take"):  # Arrow
        return X.take(rows)
    return _safe_indexing(X, rows)


def put_together(parts: Sequence[Any], order: NDArray[np.int64]) -> Any:
    """Rows of several answers as one: the k-th is row ``order[k]`` of the parts in a line."""
    if len(parts) == 1:
        return picked(parts[0], order)
    first = parts[0]
    if isinstance(first, list):
        return picked([row for part in parts for row in part], order)
    if isinstance(first, np.ndarray):
        return np.concatenate(parts)[order]
    if isinstance(first, Mapping):
        whole = {name: [v for part in parts for v in part[name]] for name in first}
        return picked(whole, order)
    import narwhals as nw

    try:
        frames = [nw.from_native(part, eager_only=True) for part in parts]
    except TypeError:
        raise TypeError(
            f"answers of several classes cannot be put together as {type(first).__name__}"
        ) from None
    return picked(nw.concat(frames).to_native(), order)


def n_rows_of(X: Any) -> int:
    """How many rows there are."""
    if isinstance(X, Mapping) and not sparse.issparse(X):  # one sparse form is a dict, too
        return len(next(iter(X.values()))) if X else 0
    return int(_num_samples(X))


def own_parameters(estimator: Any, names: Iterable[str]) -> dict[str, Any]:
    """Parameters as a file keeps them; a schema is in the models' own."""
    given = estimator.get_params(deep=False)
    return {name: given[name] for name in names if not isinstance(given[name], Schema)}


class OverModels(BaseEstimator, ABC):
    """Estimators over joint distributions: rows of any kind, files like those of their models."""

    state_version: ClassVar[int] = 1
    may_hold: ClassVar[frozenset[float]] = frozenset({-np.inf})
    estimator: Any

    @abstractmethod
    def models(self) -> list[JointDistribution]:
        """The fitted models; the first speaks for all about columns."""

    @abstractmethod
    def facts(self) -> dict[str, Any]:
        """What was learned, for people; see :meth:`.JointDistribution.facts`."""

    @property
    def n_features_in_(self) -> int:
        """Columns of the rows, where the models take tables."""
        return self.models()[0].n_features_in_

    @property
    def feature_names_in_(self) -> NDArray[Any]:
        """Names of the columns, where the rows came with names."""
        return self.models()[0].feature_names_in_

    def check_estimator(self) -> None:
        """Raise ``TypeError`` unless `estimator` is a joint distribution."""
        if not isinstance(self.estimator, JointDistribution):
            raise TypeError(
                "estimator must be a joint distribution such as hm.RBM() or hm.NGram(), "
                f"got {self.estimator!r}"
            )

    @abstractmethod
    def check_parameters(self) -> None:
        """Raise unless `fit` could use the constructor's parameters."""

    def rows(self, X: Any) -> Any:
        """`X` as something that rows can be picked from: a table, images, a list of texts; rows out
        of core as :class:`~harmonium.Shards`."""
        if X is None:
            raise TypeError("X must be rows or texts, got None")
        known = isinstance(self.estimator, JointDistribution)
        takes_text = not known or get_tags(self.estimator).input_tags.string
        if is_shards(X) and not (takes_text or (isinstance(X, str) and self._family() is not None)):
            return Shards.of(X)
        if isinstance(X, Mapping) and not sparse.issparse(X):  # one sparse form is a dict, too
            return {name: list(own) for name, own in X.items()}
        if isinstance(X, str | bytes):
            raise ValueError("X must be rows or an iterable of texts, got one string")
        if not hasattr(X, "shape") and not hasattr(X, "iloc") and not isinstance(X, list):
            X = np.asarray(X) if hasattr(X, "__array__") else list(X)
        if sparse.issparse(X):
            X = X.tocsr()  # the one sparse form that rows can be picked from
        if not takes_text and isinstance(X, list) and X and isinstance(X[0], str):
            family = self._family()
            if family is not None:
                return aligned(family, X)
            raise ValueError(
                f"X must be a table or images of numbers for {type(self.estimator).__name__}, "
                f"got texts such as {X[0][:40]!r}; hm.Alignment.from_sequences reads sequences"
            )
        return X

    def _family(self) -> Family | None:
        """What the models' sequences are; None where they have learned from none, or not at all."""
        if not self.__sklearn_is_fitted__():
            return None
        schema = getattr(self.models()[0], "schema_", None)
        return None if schema is None else schema.family

    def __sklearn_is_fitted__(self) -> bool:
        return any(hasattr(self, name) for name in ("estimator_", "estimators_"))

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
