"""Data as plain values, those that JSON has: lists, texts, numbers, None for what is missing.

Nothing is guessed: a text is no number, nor is True, and every row says every column.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harmonium.data.columns import Column

__all__ = ["as_values", "columns_of", "numbers", "texts", "values_of"]

#: What an answer can hold that JSON has no number for.
_NO_NUMBER = {math.inf: "Infinity", -math.inf: "-Infinity"}


def numbers(values: Any, depth: int, what: str = "data") -> NDArray[np.float64]:
    """Nested lists of numbers, `depth` deep and even, as an array; NaN for None.

    Raises ``ValueError`` with the place of what is no such thing.
    """
    items: Sequence[Any] = [values]
    for axis in range(depth):
        for place, one in enumerate(items):
            if not isinstance(one, list):
                raise ValueError(f"{_place(what, axis, place)}: wanted a list, got {_told(one)}")
            if len(one) != len(items[0]):
                raise ValueError(
                    f"{_place(what, axis, place)} holds {len(one)} values, "
                    f"the first {len(items[0])}"
                )
        items = list(chain.from_iterable(items))
    wrong = {type(one) for one in items} - {int, float, type(None)}
    if wrong:
        place, one = next((k, one) for k, one in enumerate(items) if type(one) in wrong)
        raise ValueError(f"{_place(what, depth, place)}: wanted a number or null, got {_told(one)}")
    try:
        flat = np.array(items, dtype=np.float64)
    except OverflowError:
        raise ValueError(f"{what} holds a whole number beyond what a float64 holds") from None
    if np.isinf(flat).any():
        raise ValueError(f"{what} holds an infinite number; wanted finite ones")
    return flat.reshape(_shape(values, depth))


def texts(values: Any, what: str = "data") -> list[str]:
    """A list of texts; ``ValueError`` with the place of what is none."""
    if not isinstance(values, list):
        raise ValueError(f"{what} must be a list of texts, got {_told(values)}")
    for place, one in enumerate(values):
        if not isinstance(one, str):
            raise ValueError(f"{what}[{place}]: wanted a text, got {_told(one)}")
        if not one.isprintable() and any("\ud800" <= sign <= "\udfff" for sign in one):
            raise ValueError(f"{what}[{place}] holds half a character (a lone surrogate)")
    return values


def columns_of(
    records: Any, columns: Sequence[Column], optional: Sequence[str] = (), what: str = "data"
) -> dict[str, list[Any]]:
    """Rows as mappings, ``[{"age": 40, "job": None}, ...]``, as columns.

    Each row must name all `columns`, and may name the `optional` ones; None is missing. Dates are
    texts such as ``2026-01-31``. Raises ``ValueError`` with row and column.
    """
    if not isinstance(records, list):
        raise ValueError(f"{what} must be a list of rows, got {_told(records)}")
    if not records:
        raise ValueError(f"{what} holds no rows; wanted at least one")
    wanted, known = [one.name for one in columns], {*(one.name for one in columns), *optional}
    for place, row in enumerate(records):
        if not isinstance(row, Mapping):
            raise ValueError(f"{what}[{place}]: wanted {{column: value}}, got {_told(row)}")
        lacking = [name for name in wanted if name not in row]
        if lacking:
            raise ValueError(
                f"{what}[{place}]: column {lacking[0]!r} is missing; null says that it is not known"
            )
        strange = [name for name in row if name not in known]
        if strange:
            raise ValueError(f"{what}[{place}]: column {strange[0]!r} is none of {sorted(known)}")
    others = [name for name in optional if any(name in row for row in records)]
    found = {name: [row.get(name) for row in records] for name in (*wanted, *others)}
    for column in columns:
        if column.is_number:
            cells = found[column.name]
            found[column.name] = [
                _date(f"{what}[{k}]: column {column.name!r}", cell) for k, cell in enumerate(cells)
            ]
    for name, cells in found.items():
        _check_scalars(name, cells, what)
    return found


def _date(place: str, cell: Any) -> Any:
    """A text in a column of numbers as the date that it is."""
    if not isinstance(cell, str):
        return cell
    try:
        return dt.datetime.fromisoformat(cell)
    except ValueError:
        raise ValueError(
            f"{place}: wanted a number, or a date such as 2026-01-31, got {_told(cell)}"
        ) from None


def _check_scalars(name: str, cells: Sequence[Any], what: str) -> None:
    for place, cell in enumerate(cells):
        if isinstance(cell, list | dict):
            raise ValueError(f"{what}[{place}]: column {name!r}: wanted one value, got a list")
        if isinstance(cell, int) and not -(2**63) <= cell < 2**63:
            raise ValueError(f"{what}[{place}]: column {name!r} holds a number beyond 64 bits")


def values_of(array: NDArray[Any]) -> list[Any]:
    """An array as nested lists: None for NaN, ``"-Infinity"`` for what has no number in JSON."""
    array = np.asarray(array)
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        as_objects = array.astype(object)
        as_objects[np.isnan(array)] = None
        for value, word in _NO_NUMBER.items():
            as_objects[array == value] = word
        return as_objects.tolist()  # type: ignore[no-any-return]
    return array.tolist()  # type: ignore[no-any-return]


def as_values(value: Any) -> Any:
    """One cell of a frame as JSON has it: dates as texts, None for NaN."""
    if isinstance(value, dt.date | dt.time):
        midnight = isinstance(value, dt.datetime) and value.time() == dt.time()
        return value.date().isoformat() if midnight else value.isoformat()  # type: ignore[union-attr]
    if isinstance(value, float) and not math.isfinite(value):
        return _NO_NUMBER.get(value)
    return value


def _place(what: str, axis: int, place: int) -> str:
    if axis == 0:
        return what
    return f"{what}[{place}]" if axis == 1 else f"{what} (value {place + 1} at depth {axis})"


def _told(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."


def _shape(values: Any, depth: int) -> tuple[int, ...]:
    shape = []
    for _ in range(depth):
        shape.append(len(values))
        values = values[0] if values else []
    return tuple(shape)
