"""Rows as pictures: what shape they have, and a table of cells where they are none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from harmonium.data.sheets import picture_shape, tile

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["as_rows", "check_rows", "rows_image", "shape_of", "top_of"]

Shape = tuple[int, int]

#: A square of fewer pixels a side is no picture.
_LEAST_SIDE = 4


def shape_of(n_values: int, shape: Shape | None = None) -> Shape | None:
    """The height and width asked for, else a square if that fits and is worth looking at."""
    if shape is not None:
        return picture_shape(n_values, shape)
    side = round(n_values**0.5)
    return (side, side) if side * side == n_values and side >= _LEAST_SIDE else None


def check_rows(model: Any) -> None:
    """Raise ``TypeError`` where a model's rows are columns of several kinds, or letters."""
    schema = getattr(model, "schema_", None)
    if schema is not None:
        raise TypeError(
            "model: its rows are no pictures; wanted a model of arrays. hm.display.ColumnsDisplay "
            "shows those of a frame"
        )


def as_rows(X: Any, shape: Shape | None) -> tuple[NDArray[np.float64], Shape | None]:
    """Rows ``(n, n_values)`` of numbers, and their shape as pictures; None where they are none.

    Images ``(n, height, width)`` have a shape of their own.
    """
    dense = X.toarray() if hasattr(X, "toarray") else X
    try:
        values = np.asarray(dense, dtype=np.float64)
    except (TypeError, ValueError):
        raise TypeError(
            f"rows of a {type(X).__name__} are no numbers of one kind, so they are no picture"
        ) from None
    if values.ndim == 3:
        return values.reshape(len(values), -1), (values.shape[1], values.shape[2])
    if values.ndim != 2:
        raise ValueError(f"rows must be (n, n_features) or (n, height, width), got {values.shape}")
    return values, shape_of(values.shape[1], shape)


def top_of(model: Any) -> float:
    """The largest value of a cell of `model`, which is shown white."""
    levels = getattr(model, "n_levels", None)
    if levels is not None:
        return float(levels - 1)
    if getattr(model, "couplings_", None) is not None:
        return float(max(len(field) for field in model.fields_) - 1)
    return 1.0


def rows_image(rows: Any, shape: Shape | None, columns: int, *, top: float = 1.0) -> Image.Image:
    """Rows as pictures, `columns` a line; without a shape `columns` rows of cells below each
    other, and further ones as tables beside that. NaN is orange."""
    if shape is not None:
        return tile(rows, shape, columns=columns, top=top)
    rows = np.asarray(rows, dtype=np.float64)
    columns = min(columns, len(rows))
    filled = np.full((-(-len(rows) // columns) * columns, rows.shape[1]), np.nan)
    filled[: len(rows)] = rows
    tables = filled.reshape(-1, columns, rows.shape[1])
    flat = tables.reshape(len(tables), -1)
    return tile(flat, tables.shape[1:], columns=len(tables), top=top)
