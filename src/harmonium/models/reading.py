"""What a user gives to learn from, as states."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harmonium.data.frames import is_frame
from harmonium.data.schema import Schema
from harmonium.data.tables import Table
from harmonium.models.frames import Layout, framed

__all__ = ["keep_names", "layout_of", "read_holes"]


def layout_of(
    X: Any, visible: Any, missing: str
) -> tuple[Layout, NDArray[Any], NDArray[np.bool_] | None]:
    """How the columns of `X` are variables, its rows as states ``(n, n_variables)``, and which
    cells are known, None for all.

    `visible` is a :class:`~harmonium.Schema`, or what :meth:`Schema.infer` takes. Where `missing`
    is ``"informative"``, a missing cell is a state of columns that have some.
    """
    rows = not is_frame(X)
    frame = framed(X)
    if rows and isinstance(visible, dict):
        visible = {str(name): kind for name, kind in visible.items()}
    schema = visible if isinstance(visible, Schema) else Schema.infer(frame, visible)
    blank = np.isnan(schema.read(frame))
    absent = np.zeros(blank.shape[1], dtype=bool)
    if missing == "informative":
        absent = np.asarray(blank.any(0))
    layout = Layout.of(schema, absent, rows)
    states = layout.states(frame)
    table, observed = read_holes(states, [repr(column.name) for column in layout.columns])
    return layout, table, observed


def read_holes(
    states: Any, names: Sequence[str] | None = None
) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
    """States with NaN as integers, and which are known; None: all. ``ValueError`` for a column of
    which nothing is known, by its number or its name."""
    states = np.asarray(states)
    observed = ~np.isnan(states)
    if observed.all():
        observed_or_none = None
    else:
        observed_or_none = observed
        if not observed.any(0).all():
            empty = int(np.argmin(observed.any(0)))
            raise ValueError(
                f"X: every value of column {empty if names is None else names[empty]} is missing"
            )
    table = np.where(observed, states, 0)
    kind = np.uint8 if table.max(initial=0) <= 255 else np.int32
    return table.astype(kind), observed_or_none


def keep_names(estimator: Any, X: Table) -> None:
    """Learn scikit-learn's ``feature_names_in_`` of a frame; forget those of another fit."""
    names = list(X) if isinstance(X, dict) else getattr(X, "columns", None)
    names = getattr(X, "column_names", names)
    if names is not None:
        estimator.feature_names_in_ = np.array([str(name) for name in names], dtype=object)
    elif hasattr(estimator, "feature_names_in_"):
        del estimator.feature_names_in_
