"""Rows whose columns have no names: as columns named by their numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_array

from harmonium.data.frames import is_frame, names_of
from harmonium.data.tables import as_array

__all__ = ["has_names", "numbered"]


def has_names(X: Any) -> bool:
    """Whether `X` is a frame whose columns are named. Columns of numbers that pandas has numbered
    alone are an array's."""
    if not is_frame(X):
        return False
    names = names_of(X)
    unnamed = bool(names) and not any(isinstance(name, str) for name in names)
    return not (unnamed and np.asarray(X).dtype.kind in "biuf")


def numbered(X: Any, n_columns: int | None = None) -> dict[str, NDArray[Any]]:
    """The columns of an array by their numbers, as strings; `n_columns` of them, None: any.

    Raises what scikit-learn's estimators do: ``TypeError`` for sparse rows, ``ValueError`` for
    complex numbers, for what is no table, and for more or fewer columns.
    """
    rows = check_array(as_array(X), dtype=None, ensure_all_finite=False, ensure_min_samples=0)
    if n_columns is not None and rows.shape[1] != n_columns:
        raise ValueError(
            f"X has {rows.shape[1]} features, but schema_ is expecting {n_columns} features as "
            "input"
        )
    return {str(j): rows[:, j] for j in range(rows.shape[1])}
