"""What kind a column is: from its type and its values, or as told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from harmonium.data.columns import LABELS, NUMBERS, Column
from harmonium.data.columns.labels import MOST_CATEGORIES
from harmonium.data.frames import Cells

__all__ = ["KINDS", "LEFT_OUT", "LeftOut", "decide", "is_index"]

#: Kinds that a model has no unit for; their cells are carried through.
LEFT_OUT = ("identifier", "constant", "empty")
KINDS = (*LABELS, *NUMBERS, "identifier")

#: A density is told at some 500 points of a column's range, which float64 must tell apart.
_LEAST_SPREAD = 1e-12
#: Fewer values than this may all differ by chance.
_FEWEST_IDENTIFIERS = 20


@dataclass(frozen=True)
class LeftOut:
    """A column that no model learns: each row's own name, or one value, or none."""

    name: str
    kind: str
    value: Any = None

    def describe(self) -> str:
        """Why it is left out, in a few words."""
        return f"{self._why()}, left out"

    def refusal(self, form: str) -> str:
        """What a question about it is told: why it is left out, and how to keep it. `form` is
        what :class:`~harmonium.data.frames.Form` calls its values."""
        kind = {"label": "categorical", "integer": "count"}.get(form, "quantile")
        keep = {
            "identifier": f"to keep it fit with visible={{{self.name!r}: {kind!r}}}",
            "constant": "to keep it name all values that it may have, "
            f"visible={{{self.name!r}: [{self.value!r}, ...]}}",
            "empty": "to keep it fit to rows in which it is known",
        }[self.kind]
        return f"column {self.name!r} was left out, being {self._why()}; {keep}"

    def _why(self) -> str:
        if self.kind == "identifier" and is_index(self.name):
            return "an index: a column without a name"
        return {
            "identifier": "a value of its own in each row",
            "constant": f"always {self.value!r}",
            "empty": "all missing",
        }[self.kind]


def is_index(name: str) -> bool:
    """Whether a column has no name of its own, as pandas writes and reads its index."""
    return not name.strip() or name == "Unnamed: 0"


def decide(cells: Cells, wanted: Any = None, handle_unknown: str = "error") -> Column | LeftOut:
    """The column of `cells`; `wanted` is a kind, categories in order, or None to look. Values
    that are none of the categories told are refused, unless `handle_unknown` is "missing".

    Raises ``ValueError`` naming the column where values and kind do not fit.
    """
    present = cells.values[~cells.missing]
    if isinstance(wanted, list | tuple):
        return _with_categories(cells, list(wanted), handle_unknown)
    if wanted not in (None, "auto", *KINDS):
        raise ValueError(f"visible: column {cells.name!r} cannot be {wanted!r}; wanted {KINDS}")
    kind = None if wanted == "auto" else wanted
    if kind == "identifier" or (kind is None and is_index(cells.name)):
        return LeftOut(cells.name, "identifier")
    if len(present) == 0:
        if kind is not None:
            raise ValueError(f"column {cells.name!r} is all missing; kind {kind!r} wants values")
        return LeftOut(cells.name, "empty")
    distinct = _distinct(present)
    if kind is None:
        kind = _look(cells, present, distinct)
    whole: Any = {"bool": bool, "integer": int}.get(cells.form.kind, _plain)
    if kind == "constant":
        return LeftOut(cells.name, "constant", whole(distinct[0]))
    if kind in LABELS:
        labels = cells.form.categories or [whole(one) for one in distinct]
        return LABELS[kind](cells.name, labels)  # type: ignore[no-any-return]
    if kind in NUMBERS:
        if cells.values.dtype.kind != "f":
            too_large = cells.form.kind == "integer"
            raise ValueError(
                f"column {cells.name!r} holds integers beyond 2^53, which float64 does not tell "
                "apart; wanted smaller ones, or kind 'identifier'"
                if too_large
                else f"column {cells.name!r} holds labels; kind {kind!r} wants numbers"
            )
        top, spread = float(np.abs(present).max()), float(np.ptp(present))
        if 0 < spread < _LEAST_SPREAD * top:
            raise ValueError(
                f"column {cells.name!r} varies by {spread:g} around {present[0]:g}, too little "
                "beside it for float64; wanted differences from one of its values"
            )
        return NUMBERS[kind].fit(cells.name, cells.values)  # type: ignore[no-any-return]
    return LeftOut(cells.name, kind)


def _with_categories(cells: Cells, categories: list[Any], handle_unknown: str) -> Column:
    """Labels in the order told; two are a yes and no, more are levels."""
    column: Column = LABELS["bernoulli" if len(categories) == 2 else "ordinal"](
        cells.name, categories
    )
    column.states(cells.values, handle_unknown)  # its error, where a value is not among them
    return column


def _distinct(present: Any) -> Any:
    if present.dtype.kind == "f":
        return np.unique(present)
    return sorted(set(present.tolist()), key=lambda one: (str(type(one)), one))


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _look(cells: Cells, present: Any, distinct: Any) -> str:
    form = cells.form
    labels = present.dtype.kind != "f"
    if form.categories is None and len(distinct) == len(present) >= _FEWEST_IDENTIFIERS:
        counted = not labels and form.kind == "integer" and _looks_counted(cells.name, distinct)
        if labels or counted:
            return "identifier"
    if form.categories is not None:
        if len(form.categories) == 1:
            return "constant"
        if len(form.categories) == 2:
            return "bernoulli"
        return "ordinal" if form.ordered else "categorical"
    if len(distinct) == 1:
        return "constant"
    if labels and form.kind == "integer":
        return "count"  # too large for one: said where it is made
    if labels and len(distinct) > MOST_CATEGORIES:
        raise ValueError(
            f"column {cells.name!r} has {len(distinct)} categories, at most {MOST_CATEGORIES} can "
            "be learned; put rare ones together, or leave it out: "
            f"visible={{{cells.name!r}: 'identifier'}}"
        )
    if len(distinct) == 2 and form.kind != "date":
        return "bernoulli"
    if labels:
        return "categorical"
    return "count" if form.kind == "integer" else "quantile"


def _looks_counted(name: str, distinct: Any) -> bool:
    """Whether whole numbers, all different, name rows: by the column's name, or as they count."""
    last = name.lower().replace("-", "_").split("_")[-1]
    gaps = float(distinct[-1] - distinct[0]) + 1
    return last in ("id", "key", "index", "uuid", "number") or gaps <= 1.1 * len(distinct)
