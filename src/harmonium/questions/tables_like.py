"""Answers about cells, as tables like those that were asked about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from harmonium.data.frames import build, is_frame, names_of, read_columns
from harmonium.data.missing import is_missing
from harmonium.data.schema import Schema
from harmonium.data.sequences.alignment import Alignment
from harmonium.data.tables import as_array
from harmonium.models.cells import CellMarginal

__all__ = [
    "TellsCells",
    "by_name",
    "column_names",
    "filled_constants",
    "frame_like",
    "numbers_like",
    "schema_of",
    "values_like",
]


@runtime_checkable
class TellsCells(Protocol):
    """A model that gives P of single cells; see :meth:`.CellQuestions.cell_marginals`."""

    def cell_marginals(
        self, X: Any, *, of: str | NDArray[np.bool_] = "missing", random_state: Any = 0
    ) -> list[CellMarginal]: ...


def column_names(X: Any) -> list[str]:
    """Of a frame's columns, or an array's numbers; ``ValueError`` for what is no table."""
    if is_frame(X):
        return list(map(str, names_of(X)))
    shape = X.shape if isinstance(X, Alignment) else np.shape(as_array(X))
    if len(shape) != 2:
        raise ValueError(
            f"Expected 2D array, got one of shape {shape}. Reshape your data to "
            "(n_samples, n_features)"
        )
    return [str(j) for j in range(shape[1])]


def schema_of(model: Any) -> Schema | None:
    """What the columns of the model's frame are; None for rows of states."""
    return getattr(model, "schema_", None)


def by_name(cells: Sequence[CellMarginal], X: Any, model: Any) -> dict[str, CellMarginal]:
    """Cells by the columns of `X`, in their order."""
    names = column_names(X)
    if schema_of(model) is None:  # states stand in the order of the columns
        return dict(zip(names, cells, strict=True))
    found = {cell.column.name: cell for cell in cells}
    return {name: found[name] for name in names if name in found}


def frame_like(X: Any, columns: Mapping[str, Any]) -> Any:
    """A frame of the library of `X`, with its index; of arrays and dicts a dict of columns."""
    if not is_frame(X) or isinstance(X, Mapping):
        return dict(columns)
    backend = nw.from_native(X, eager_only=True).implementation
    made = nw.from_dict({name: list(own) for name, own in columns.items()}, backend=backend)
    found = made.to_native()
    if backend.is_pandas():
        found.index = X.index
    return found


def numbers_like(X: Any, columns: Mapping[str, NDArray[np.float64]]) -> Any:
    """Numbers in the shape of `X`: NaN in columns that are not among these."""
    names, n = column_names(X), len(next(iter(columns.values())))
    full = {name: columns.get(name, np.full(n, np.nan)) for name in names}
    return frame_like(X, full) if is_frame(X) else np.column_stack(list(full.values()))


def values_like(X: Any, columns: Mapping[str, NDArray[Any]], schema: Schema | None) -> Any:
    """Values of columns in the shape and types of `X`; other columns as they are."""
    n = len(next(iter(columns.values())))
    if is_frame(X) and schema is not None:
        return schema.write_values(columns, n, X)
    if is_frame(X):
        return frame_like(X, columns)
    cells = X.to_numpy() if isinstance(X, Alignment) else as_array(X)
    found = np.array(cells, dtype=object if _is_text(columns) else np.float64)
    for j, name in enumerate(column_names(X)):
        if name in columns:
            found[:, j] = columns[name]
    return found


def _is_text(columns: Mapping[str, NDArray[Any]]) -> bool:
    return any(isinstance(one, str) for own in columns.values() for one in own.tolist())


def filled_constants(table: Any, schema: Schema | None) -> Any:
    """A filled table whose columns of one value, which no model learns, are filled with it too."""
    left_out = () if schema is None else schema.left_out
    constants = {one.name: one.value for one in left_out if one.kind == "constant"}
    if not constants:
        return table
    if not is_frame(table):
        for name, value in constants.items():
            own = table[:, int(name)]
            own[list(map(is_missing, own.tolist()))] = value
        return table
    library, cells, _ = read_columns(table)
    if not any(cells[name].missing.any() for name in constants if name in cells):
        return table
    columns = {}
    for name, one in cells.items():
        values = one.values
        if name in constants:
            values = values.copy()
            values[one.missing] = constants[name]
        columns[name] = (values, one.form)
    return build(library, columns, getattr(table, "index", None) if library == "pandas" else None)
