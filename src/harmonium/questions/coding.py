"""Frames of the same columns as tables of numbers, to be compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harmonium.data.frames import Cells, read_columns

__all__ = ["Array", "Coded", "coded_frames"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Coded:
    """Frames of the same columns as numbers: labels by their place, NaN where missing."""

    tables: tuple[Array, ...]
    names: tuple[str, ...]
    is_label: NDArray[np.bool_]
    n_labels: NDArray[np.int64]


def coded_frames(frames: Sequence[Any], columns: Sequence[str] | None) -> Coded:
    """The `columns` of each frame, all of the first where None.

    `frames` are the real rows, then the new ones, then those that were learned from, as far as
    there are any; ``ValueError`` names one with fewer than two rows, or without a column.
    """
    whats = ("real", "new", "train")
    read = [read_columns(frame, what) for frame, what in zip(frames, whats, strict=False)]
    names = tuple(read[0][1]) if columns is None else tuple(columns)
    for (_, cells, n_rows), what in zip(read, whats, strict=False):
        if n_rows < 2:
            raise ValueError(f"{what} has {n_rows} rows; wanted at least 2")
        lacking = [name for name in names if name not in cells]
        if lacking:
            raise ValueError(f"{what}: column {lacking[0]!r} is missing (of {list(names)})")
    tables: list[list[Array]] = [[] for _ in read]
    is_label, n_labels = [], []
    for name in names:
        own = [cells[name] for _, cells, _ in read]
        labels = any(_holds_labels(one) for one in own)
        coded, n = _codes(own) if labels else ([one.values.astype(float) for one in own], 0)
        for table, column in zip(tables, coded, strict=True):
            table.append(column)
        is_label.append(labels)
        n_labels.append(n)
    together = tuple(np.column_stack(table) for table in tables)
    return Coded(together, names, np.array(is_label), np.array(n_labels))


def _holds_labels(cells: Cells) -> bool:
    return cells.form.kind in ("label", "bool") and not cells.missing.all()


def _codes(cells: Sequence[Cells]) -> tuple[list[Array], int]:
    """Labels as their places among all that occur."""
    met = {value for one in cells for value in one.values[~one.missing].tolist()}
    place = {value: k for k, value in enumerate(sorted(met, key=lambda v: (str(type(v)), v)))}
    return [
        np.array([place.get(value, np.nan) for value in one.values.tolist()]) for one in cells
    ], len(place)
