"""Rows in: arrays, frames, tensors and sparse rows of small integers, checked before any work."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.utils.validation import _check_sample_weight, validate_data

from harmonium.data.missing import is_missing
from harmonium.data.shards import check_in_memory

__all__ = [
    "Table",
    "as_array",
    "check_sample_weight",
    "check_states",
    "check_values",
    "dense_rows",
    "has_holes",
    "one_row",
]

#: Checked rows: a dense array (a memmap stays one) or CSR.
Table: TypeAlias = "NDArray[Any] | sparse.csr_matrix | sparse.csr_array"

#: Elements looked at in one go, so that a memory-mapped file never lands in memory whole.
_CHUNK_ELEMENTS = 2**24


def as_array(X: Any) -> Any:
    """Frames and tensors as arrays; texts, lists, arrays and sparse rows as they are."""
    X = _without_tensors(X)
    return X.to_numpy() if hasattr(X, "to_numpy") else X


def has_holes(X: Any) -> bool:
    """Whether some cell of a dense table is NaN or None."""
    if sparse.issparse(X) or isinstance(X, np.memmap):
        return False
    values = np.asarray(as_array(X))
    if values.dtype.kind == "f":
        return bool(np.isnan(values).any())
    return values.dtype.kind == "O" and any(map(is_missing, values.reshape(-1).tolist()))


def _without_tensors(X: Any) -> Any:
    return X.detach().cpu().numpy() if hasattr(X, "detach") and hasattr(X, "cpu") else X


def check_states(
    estimator: Any,
    X: Any,
    *,
    n_states: int = 2,
    reset: bool = False,
    blanks: bool = False,
) -> Table:
    """`X` as rows of integers 0..n_states-1, width checked against the fitted model.

    Parameters
    ----------
    estimator : learns ``n_features_in_`` and feature names when `reset`, else checks them.
    blanks : allow NaN (the result is then float).

    Raises ``ValueError`` naming the first bad value, ``TypeError`` for what is no table at all.
    """
    check_in_memory(X, "a table")
    X = _without_tensors(X)  # frames keep their columns' names until they are checked
    table = validate_data(
        estimator,
        X,
        reset=reset,
        accept_sparse=False if blanks else "csr",
        dtype=None if _is_small_number(X) else np.float64,
        ensure_all_finite="allow-nan" if blanks else True,
    )
    if sparse.issparse(table):
        if not table.has_canonical_format:
            # A cell that is given twice holds the sum, which small integers may not.
            table = table.astype(np.int64) if table.dtype.kind in "ui" else table.copy()
            table.sum_duplicates()
        check_values(table.data.reshape(1, -1), n_states)
        return table
    step = max(1, _CHUNK_ELEMENTS // max(table.shape[1], 1))
    for start in range(0, len(table), step):
        check_values(table[start : start + step], n_states, blanks, start=start)
    return table


def _is_small_number(X: Any) -> bool:
    """Whether the values can stay in the type they came in, so that memory is not multiplied."""
    kind = getattr(getattr(X, "dtype", None), "kind", "O")
    return kind in "bui" or (kind == "f" and X.dtype.itemsize <= 8)


def check_values(
    block: NDArray[Any], n_states: int, blanks: bool = False, *, name: str = "X", start: int = 0
) -> None:
    """Whether a block of rows from `start` holds states alone; ``ValueError`` naming the first
    cell that is none, of the argument `name`."""
    if block.dtype.kind == "b" or block.size == 0:
        return
    top = n_states - 1
    if block.dtype.kind in "ui":
        if block.max() <= top and block.min() >= 0:
            return
        bad = (block < 0) | (block > top)
    else:
        good = (block >= 0) & (block <= top) & (block == np.floor(block))
        bad = ~(good | np.isnan(block)) if blanks else ~good
        if not bad.any():
            return
    row, column = np.argwhere(bad)[0]
    if n_states == 2:
        wanted = "0 or 1 (round or threshold the data first)"
    elif n_states > 4:
        wanted = f"an integer in [0, {top}]"
    else:
        wanted = ", ".join(map(str, range(n_states)))
    extra = ", or NaN for a blank" if blanks else ""
    raise ValueError(
        f"{name}[{start + row}, {column}] is {block[row, column]}; wanted {wanted}{extra}"
    )


def dense_rows(table: Any, index: NDArray[np.int64] | slice) -> NDArray[Any]:
    """The chosen rows of a table, which may be sparse or out of core, as a dense array."""
    chosen: Any = table[index]
    return np.asarray(chosen.toarray() if sparse.issparse(chosen) else chosen)


def one_row(estimator: Any, condition: Any, n_states: int = 2) -> NDArray[np.float64]:
    """A `condition`: one row with NaN where free, float64 ``(n_features,)``."""
    try:
        row = np.asarray(as_array(condition), dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(
            f"condition must be one row of numbers with NaN where free, got {condition!r}"
        ) from None
    if row.ndim == 2 and row.shape[0] == 1:
        row = row[0]
    if row.shape != (estimator.n_features_in_,):
        raise ValueError(
            f"condition must be one row of {estimator.n_features_in_} values, got shape {row.shape}"
        )
    check_values(row[None, :], n_states, True, name="condition")
    return row


def check_sample_weight(sample_weight: Any, X: Table) -> NDArray[np.float64] | None:
    """Weights of the rows, or None; non-negative, finite, not all zero.

    Whole numbers say how often each row was met; of others only the shares count, and 1 is the
    largest.
    """
    if sample_weight is None:
        return None
    weights = np.asarray(
        _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
    )
    if not (weights > 0).any():
        raise ValueError("sample_weight must have at least one positive weight, got only zeros")
    return weights if are_counts(weights) else weights / weights.max()


def are_counts(weights: NDArray[np.float64]) -> bool:
    """Whether weights say how often each row was met: whole numbers, of a table that could be."""
    return bool((weights < 2**31).all() and (weights == np.round(weights)).all()) and bool(
        weights.sum() < 2**31
    )
