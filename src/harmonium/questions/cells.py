"""Single cells of a table's rows given the others, from log P of rows alone."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from harmonium.data.frames import as_lists
from harmonium.data.schema import Schema
from harmonium.questions.over_models import n_rows_of

__all__ = ["cell_log_proba", "column_proba", "expected_cells", "labels_of"]


def column_proba(model: Any, X: Any, name: str) -> NDArray[np.float64]:
    """P(column = label given all other cells of the row), ``(n, n_labels)``.

    Parameters
    ----------
    model : fitted on a frame with the column.
    X : a frame; the column may be missing from it, and what stands in it is not looked at.
    name : a column of labels; the labels are ``model.schema_[name].categories``.

    Exact where what else is missing of a row has few joint states (see ``score_samples``); log Z
    cancels. Costs a ``score_samples`` for each label. Raises ``ValueError`` for a column that is
    none of labels.
    """
    labels = labels_of(model.schema_, name)
    frame = as_lists(X)
    n_rows = n_rows_of(frame)
    if not n_rows:
        raise ValueError("X has no rows; wanted at least one")
    scores = [model.score_samples({**frame, name: [label] * n_rows}) for label in labels]
    together = np.column_stack(scores)
    # A row that is impossible with any label says nothing of it.
    together[np.isneginf(together).all(1)] = 0.0
    chances: NDArray[np.float64] = np.exp(
        together - np.logaddexp.reduce(together, axis=1, keepdims=True)
    )
    return chances


def labels_of(schema: Schema, name: str) -> list[Any]:
    """The labels of a column; ``ValueError`` where it has none."""
    able = [column.name for column in schema.columns if not column.is_number]
    if name in {one.name for one in schema.left_out}:
        raise ValueError(schema.refusal(name))
    if name not in able:
        raise ValueError(f"column {name!r} is none of labels; wanted one of {', '.join(able)}")
    return list(schema[name].categories)  # type: ignore[union-attr]


def cell_log_proba(model: Any, X: Any) -> NDArray[np.float64]:
    """log P(cell given all other cells of the row) in nats, ``(n, n_columns)``, NaN where missing.

    Columns are those of ``model.schema_.names``. Of a number it is the mass of a cell around it
    as wide as the column's resolution, and at least 2% of the standard deviation of its bins'
    means, so that columns compare. Exact where a row has few holes beside the cell. Costs a
    weight for each state of each column. Where being missing is a state, other cells that are
    missing are known to be so, and of the cell itself that it is not missing is given.
    """
    told = {one.column.name: one.log_mass() for one in model.cell_marginals(X, of="known")}
    return np.column_stack([told[name] for name in model.schema_.names])


def expected_cells(model: Any, X: Any, rows: Any, columns: Any) -> list[Any]:
    """What each known cell (row ``rows[k]``, column named ``columns[k]``) should be given the rest
    of its row, as :func:`cell_log_proba` takes it, a value for each: numbers their mean, labels
    the most probable."""
    frame = as_lists(X)
    cells = model.cell_marginals(frame, of="known", random_state=0)
    told = {one.column.name: one.expected() for one in cells}
    written = model.schema_.write_values(told, n_rows_of(frame), frame)
    return [written[name][int(row)] for row, name in zip(rows, columns, strict=True)]
