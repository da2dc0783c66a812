"""Frames in and out: pandas, Polars, Arrow tables and dicts of columns, column by column."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from importlib import import_module
from typing import Any

import narwhals as nw
import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from harmonium.data.missing import is_missing

__all__ = [
    "Cells",
    "Form",
    "as_lists",
    "as_number",
    "build",
    "day",
    "is_frame",
    "names_of",
    "read_columns",
]

_EPOCH = dt.datetime(1970, 1, 1)
_DAY_MS = 86_400_000.0
#: The largest integer that float64 holds with all its neighbours.
_LARGEST = 2**53


@dataclass(frozen=True)
class Form:
    """What a column is outside: its library's type by name, and a categorical's categories."""

    kind: str  #: "number", "integer", "bool", "date" or "label"
    dtype: str = ""
    categories: list[Any] | None = None
    ordered: bool = False


@dataclass(frozen=True)
class Cells:
    """One column as read: float64 with NaN (numbers, truth values, days), else objects and None."""

    name: str
    values: NDArray[Any]
    form: Form

    @property
    def missing(self) -> NDArray[np.bool_]:
        if self.values.dtype.kind == "f":
            return np.isnan(self.values)
        return np.array([value is None for value in self.values], dtype=bool)

    @property
    def told(self) -> str:
        """What the cells are, in the plural."""
        too_large = self.form.kind == "integer" and self.values.dtype.kind != "f"
        return f"{self.form.kind}s beyond 2^53" if too_large else f"{self.form.kind}s"


def is_frame(X: Any) -> bool:
    """Whether `X` is a pandas or Polars frame, an Arrow table, or a dict of columns."""
    if sparse.issparse(X):  # one of its forms is a dict
        return False
    if isinstance(X, Mapping):
        return True
    try:
        nw.from_native(X, eager_only=True)
    except TypeError:
        return False
    except Exception:  # a frame all the same: what is wrong with it is said where it is read
        return True
    return True


def names_of(X: Any) -> list[Any]:
    """The columns' names of a frame; none of what has no names."""
    if isinstance(X, Mapping):
        return list(X)
    names = getattr(X, "column_names", None)
    return list(getattr(X, "columns", [])) if names is None else list(names)


def read_columns(X: Any, what: str = "X") -> tuple[str, dict[str, Cells], int]:
    """Library, columns by name, number of rows.

    Raises ``TypeError`` for what is no frame, ``ValueError`` for columns that cannot be read:
    names that are no strings or stand twice, types mixed or unknown, infinities, large integers.
    """
    if not is_frame(X):
        raise TypeError(f"{what} must be a frame (pandas, Polars, Arrow, a dict), got {type(X)}")
    names = names_of(X)
    for name in names:
        if not isinstance(name, str):
            raise ValueError(f"{what}: column names must be strings, got {name!r}")
        if names.count(name) > 1:
            raise ValueError(f"{what}: two columns are named {name!r}; wanted each name once")
    if isinstance(X, Mapping):
        columns = {name: _from_list(name, X[name]) for name in names}
        lengths = {len(cells.values) for cells in columns.values()}
        if len(lengths) > 1:
            raise ValueError(f"{what}: columns must be of one length, got {sorted(lengths)}")
        return "dict", columns, lengths.pop() if lengths else 0
    frame = nw.from_native(X, eager_only=True)
    library = str(frame.implementation)
    library = library.rsplit(".", 1)[-1].lower()
    return library, {name: _from_series(name, frame[name]) for name in names}, len(frame)


def _from_series(name: str, series: Any) -> Cells:
    dtype = series.dtype
    text = _dtype_text(series)
    if dtype == nw.Boolean:
        return Cells(name, _floats(name, series), Form("bool", text))
    if dtype.is_numeric():
        if dtype.is_integer() and len(series) and series.null_count() < len(series):
            top = max(abs(int(series.max())), abs(int(series.min())))
            if top > _LARGEST:
                # Objects keep every digit; a model would not, so only identifiers may be so large.
                return Cells(name, _objects(series.to_list()), Form("integer", text))
        values = _floats(name, series)
        return Cells(name, values, Form("integer" if dtype.is_integer() else "number", text))
    if dtype in (nw.Date, nw.Datetime):
        values = _floats(name, series.dt.timestamp("ms")) / _DAY_MS
        return Cells(name, values, Form("date", text))
    if dtype in (nw.Categorical, nw.Enum):
        form = Form("label", text, *_categories(series.to_native()))
        return Cells(name, _objects(series.to_list()), form)
    if dtype in (nw.String, nw.Object, nw.Unknown):
        return _from_list(name, series.to_list(), text)
    raise ValueError(f"column {name!r} is of type {dtype}; wanted numbers, labels or dates")


def _categories(native: Any) -> tuple[list[Any] | None, bool]:
    """A categorical's categories, used or not, and whether they are in order.

    None for Polars' Categorical, whose categories are those of the whole process.
    """
    if hasattr(native, "combine_chunks"):
        whole = native.unify_dictionaries().combine_chunks()
        whole = whole.chunk(0) if hasattr(whole, "chunk") else whole
        return whole.dictionary.to_pylist(), bool(native.type.ordered)
    categories: Any = getattr(native.dtype, "categories", None)
    if hasattr(categories, "to_list"):
        # A Polars Enum is in order; pandas says whether its categories are.
        return categories.to_list(), bool(getattr(native.dtype, "ordered", True))
    return None, False


def _dtype_text(series: Any) -> str:
    native = series.to_native()
    return str(native.type if hasattr(native, "combine_chunks") else native.dtype)


def _floats(name: str, series: Any) -> NDArray[np.float64]:
    values = np.array(series.cast(nw.Float64).to_numpy(), dtype=np.float64)
    _check_finite(name, values)
    return values


def _check_finite(name: str, values: NDArray[np.float64]) -> None:
    if np.isinf(values).any():
        row = int(np.flatnonzero(np.isinf(values))[0])
        raise ValueError(
            f"column {name!r}, row {row} is {values[row]}; wanted finite numbers or missing"
        )


def _objects(values: Sequence[Any]) -> NDArray[Any]:
    out = np.empty(len(values), dtype=object)
    out[:] = [None if is_missing(value) else value for value in values]
    return out


def _from_list(name: str, values: Any, text: str = "object") -> Cells:
    """A column of Python objects: what they are is told from what they are, all alike."""
    items = [None if is_missing(value) else value for value in values]
    types = {type(value) for value in items} - {type(None)}
    if all(issubclass(one, str) for one in types):
        return Cells(name, _objects(items), Form("label", text))
    truth = [one for one in types if issubclass(one, bool | np.bool_)]
    if len(truth) == len(types):
        return Cells(name, _numbers(name, items), Form("bool", text))
    if not truth and all(_is_number(one) for one in types):
        whole = all(issubclass(one, int | np.integer) for one in types)
        if whole and max(abs(int(v)) for v in items if v is not None) > _LARGEST:
            return Cells(name, _objects(items), Form("integer", text))
        return Cells(name, _numbers(name, items), Form("integer" if whole else "number", text))
    if all(issubclass(one, dt.date) for one in types):
        days = [None if v is None else _days(v) for v in items]
        plain = not any(issubclass(one, dt.datetime) for one in types)
        return Cells(name, _numbers(name, days), Form("date", "date" if plain else text))
    mixed = ", ".join(sorted(one.__name__ for one in types))
    if len(types) == 1:
        raise ValueError(f"column {name!r} holds {mixed}; wanted numbers, labels or dates")
    raise ValueError(f"column {name!r} mixes {mixed}; wanted values of one type")


def _is_number(one: type) -> bool:
    return issubclass(one, int | float | np.integer | np.floating) or one.__name__ == "Decimal"


def _numbers(name: str, items: Sequence[Any]) -> NDArray[np.float64]:
    values = np.array([np.nan if v is None else float(v) for v in items], dtype=np.float64)
    _check_finite(name, values)
    return values


def _days(value: dt.date) -> float:
    if isinstance(value, dt.datetime):
        if value.tzinfo is not None:
            value = value.astimezone(dt.UTC).replace(tzinfo=None)
        return (value - _EPOCH).total_seconds() / 86_400
    return float((value - _EPOCH.date()).days)


def as_number(value: Any) -> float:
    """A number, a truth value or a date as a column's float: dates are days since 1970."""
    return _days(value) if isinstance(value, dt.date) else float(value)


def day(days: float) -> dt.date:
    """The date that is so many days after 1 January 1970."""
    return (_EPOCH + dt.timedelta(days=days)).date()


def as_lists(frame: Any, what: str = "X") -> dict[str, list[Any]]:
    """The columns of a frame of any library as lists of Python values, None where missing."""
    _, columns, _ = read_columns(frame, what)
    return {name: _outside(one.values, one.form) for name, one in columns.items()}


def _outside(values: NDArray[Any], form: Form) -> list[Any]:
    """A column's values as Python objects of its kind, None where missing."""
    if values.dtype.kind != "f":
        return list(values)
    missing = np.isnan(values)
    items: list[Any]
    if form.kind == "bool":
        items = [bool(v) for v in values]
    elif form.kind == "integer":
        items = [int(v) for v in np.where(missing, 0.0, np.round(values))]
    elif form.kind == "date":
        seconds = np.round(np.where(missing, 0.0, values) * _DAY_MS) / 1000
        items = [_EPOCH + dt.timedelta(seconds=float(v)) for v in seconds]
        if form.dtype == "date":
            items = [one.date() for one in items]
    else:
        items = values.tolist()
    return [None if gone else item for gone, item in zip(missing, items, strict=True)]


def build(library: str, columns: Mapping[str, tuple[NDArray[Any], Form]], index: Any = None) -> Any:
    """A frame of `library` from columns as :func:`read_columns` gave them, types restored.

    `index` is that of a pandas frame. An integer or truth column with missing cells becomes the
    library's nullable type.
    """
    items = {name: _outside(values, form) for name, (values, form) in columns.items()}
    forms = {name: form for name, (_, form) in columns.items()}
    if library == "dict":
        return items
    make = {"pandas": _pandas_column, "polars": _polars_column, "pyarrow": _arrow_column}
    if library not in make:
        raise ValueError(f"no frames of {library!r}; wanted pandas, polars, pyarrow or a dict")
    package = import_module(library)
    made = {name: make[library](package, items[name], forms[name]) for name in items}
    if library == "pandas":
        frame = package.DataFrame(made)
        if index is not None:
            frame.index = index
        return frame
    return package.DataFrame(made) if library == "polars" else package.table(made)


def _pandas_column(pd: Any, items: list[Any], form: Form) -> Any:
    if form.dtype == "category" or form.categories is not None:
        return pd.Series(pd.Categorical(items, categories=form.categories, ordered=form.ordered))
    if form.kind == "date":
        if form.dtype in ("object", "date"):
            return pd.Series(items, dtype=object)
        series = pd.Series(pd.to_datetime(items, utc=", " in form.dtype))
        return series.astype(form.dtype)
    plain = form.dtype[:1].islower() and not form.dtype.endswith("[pyarrow]")
    if None in items and form.kind in ("integer", "bool") and plain:
        nullable = "Int64" if form.kind == "integer" else "boolean"
        return pd.Series(items, dtype=form.dtype if form.dtype == "object" else nullable)
    return pd.Series(items, dtype=form.dtype)


def _polars_column(pl: Any, items: list[Any], form: Form) -> Any:
    if form.dtype.startswith("Enum"):
        return pl.Series(items, dtype=pl.Enum(form.categories))
    if form.kind == "date":
        series = pl.Series(items, dtype=pl.Datetime("ms"))
        if form.dtype == "Date":
            return series.cast(pl.Date)
        unit = form.dtype.split("time_unit='")[1][:2]
        zone = form.dtype.split("time_zone=")[1].rstrip(")").strip("'")
        if zone != "None":
            series = series.dt.replace_time_zone("UTC").dt.convert_time_zone(zone)
        return series.dt.cast_time_unit(unit)
    if form.dtype.startswith("Decimal"):
        return pl.Series(items, dtype=pl.Float64).cast(pl.Decimal(*_digits(form.dtype)))
    dtype = getattr(pl, form.dtype.split("(")[0], None)
    return pl.Series(items, dtype=dtype, strict=False)


def _arrow_column(pa: Any, items: list[Any], form: Form) -> Any:
    if form.dtype.startswith("dictionary"):
        values, _, rest = form.dtype.split("values=")[1].partition(", indices=")
        kinds = [pa.type_for_alias(one) for one in (rest.split(",")[0], values)]
        categories = pa.array(form.categories, type=kinds[1])
        place = {one: k for k, one in enumerate(form.categories or [])}
        codes = pa.array([None if v is None else place[v] for v in items], type=kinds[0])
        return pa.DictionaryArray.from_arrays(codes, categories, ordered=form.ordered)
    if form.kind == "date":
        head, _, zone = form.dtype.partition(", tz=")
        kind = pa.type_for_alias(head.rstrip("]") + "]")
        if zone:
            return pa.array(items, type=pa.timestamp(kind.unit, tz=zone.rstrip("]")))
        return pa.array(items, type=pa.timestamp("ms")).cast(kind)
    if form.dtype.startswith("decimal"):
        places, scale = _digits(form.dtype.partition("(")[2])
        exact = [None if one is None else Decimal(f"{one:.{scale}f}") for one in items]
        return pa.array(exact, type=pa.decimal128(places, scale))
    return pa.array(items, type=pa.type_for_alias(form.dtype))


def _digits(dtype: str) -> list[int]:
    """Precision and scale in the text of a decimal type."""
    return [int(one) for one in re.findall(r"\d+", dtype)]
