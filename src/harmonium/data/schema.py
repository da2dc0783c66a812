"""What the columns of a frame are: frames to states and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harmonium.contract.storage import write_bytes
from harmonium.data.columns import Column, from_facts
from harmonium.data.columns.base import check_unknown
from harmonium.data.columns.binned import Binned
from harmonium.data.finer import with_finer_bins
from harmonium.data.frames import Cells, Form, build, day, read_columns
from harmonium.data.infer import KINDS, LEFT_OUT, LeftOut, decide, is_index
from harmonium.data.sequences.family import Family

__all__ = ["Schema"]


class Schema:
    """The columns of a frame: what a model learns of each, and what it leaves out.

    :meth:`infer` makes one, with the `forms` of the columns in their `library`.
    ``print(schema)`` says in a line a column what was decided. ``schema["age"] = "count"`` and
    ``schema["grade"] = ["low", "mid", "high"]`` correct it, as long as the schema holds the
    frame that it was inferred from (not after :meth:`load`).

    Attributes
    ----------
    columns : the modelled columns, in the frame's order.
    left_out : those that are not: identifiers, constants, all-missing ones.
    handle_unknown : what a label is that was never met: ``"error"``, or ``"missing"``, where
        every question counts the cell as missing (as the state that missing is, where it is
        one). It may be set at any time, on ``model.schema_`` too, and is saved with the model.
    family : what the columns of an :class:`~harmonium.Alignment` are; None for a frame.
    """

    def __init__(
        self,
        columns: Mapping[str, Column | LeftOut],
        forms: Mapping[str, Form],
        library: str,
        frame: Mapping[str, Cells] | None = None,
        handle_unknown: str = "error",
        family: Family | None = None,
    ) -> None:
        self._plain, self._forms = dict(columns), dict(forms)
        self._library, self._frame, self.family = library, frame, family
        self._decided = self._plain if frame is None else with_finer_bins(self._plain, frame)
        self.handle_unknown = handle_unknown

    @classmethod
    def infer(cls, frame: Any, visible: Any = None, handle_unknown: str = "error") -> Schema:
        """The schema of a frame (pandas, Polars, Arrow, a dict of columns).

        Parameters
        ----------
        visible : None or "auto" to look at types and values; a kind for all columns
            ("bernoulli", "categorical", "ordinal", "count", "quantile", "gaussian",
            "identifier"); ``{column: kind}``; ``{column: [categories in order]}``.
        handle_unknown : "error" or "missing": what labels are that are none of the categories,
            here and in questions; see the attribute.

        Raises ``TypeError`` for what is no frame, ``ValueError`` naming the column and what is
        wrong with it. Cost: a sort of each column, and about 0.1 s a column of numbers.
        """
        check_unknown(handle_unknown)
        library, cells, n_rows = read_columns(frame)
        if not cells:
            raise ValueError("X has no columns; wanted at least one")
        if n_rows == 0:
            raise ValueError("X has no rows; wanted some to tell the columns' kinds from")
        if isinstance(visible, Mapping):
            unknown = [name for name in visible if name not in cells]
            if unknown:
                raise ValueError(
                    f"visible: no column is named {unknown[0]!r}; wanted some of {list(cells)}"
                )
            wanted = dict(visible)
        elif visible is None or (isinstance(visible, str) and visible in ("auto", *KINDS)):
            wanted = dict.fromkeys(cells, visible)
        else:
            raise ValueError(
                f"visible must be 'auto', one of {KINDS} or a dict of columns, got {visible!r}"
            )
        found = {name: decide(one, wanted.get(name), handle_unknown) for name, one in cells.items()}
        forms = {name: one.form for name, one in cells.items()}
        return cls(found, forms, library, cells, handle_unknown)

    @property
    def handle_unknown(self) -> str:
        return self._handle_unknown

    @handle_unknown.setter
    def handle_unknown(self, value: str) -> None:
        check_unknown(value)
        self._handle_unknown = value

    def __getitem__(self, name: str) -> Column | LeftOut:
        if name not in self._decided:
            raise KeyError(f"no column is named {name!r}; wanted one of {list(self._decided)}")
        return self._decided[name]

    def __setitem__(self, name: str, wanted: Any) -> None:
        self[name]  # its KeyError
        if self._frame is None:
            raise ValueError(
                "schema holds no frame any more; wanted Schema.infer(frame, "
                f"visible={{{name!r}: {wanted!r}}})"
            )
        self._plain[name] = decide(self._frame[name], wanted, self.handle_unknown)
        self._decided = with_finer_bins(self._plain, self._frame)

    def refusal(self, name: Any) -> str:
        """What a question about a column that is not modelled is told: that it was left out, why
        and how to keep it, or that there is none of that name."""
        one = self._decided.get(name)
        if isinstance(one, LeftOut):
            return one.refusal(self._forms[name].kind)
        return f"no column is named {name!r}; wanted some of {list(self.names)}"

    @property
    def columns(self) -> tuple[Column, ...]:
        return tuple(one for one in self._decided.values() if isinstance(one, Column))

    @property
    def left_out(self) -> tuple[LeftOut, ...]:
        return tuple(one for one in self._decided.values() if isinstance(one, LeftOut))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the modelled columns."""
        return tuple(one.name for one in self.columns)

    @property
    def all_names(self) -> tuple[str, ...]:
        """Names of all columns, in the frame's order."""
        return tuple(self._decided)

    @property
    def texts(self) -> tuple[str, ...]:
        """Names of columns whose values are texts, also where they look like numbers."""

        def is_text(name: str, one: Column | LeftOut) -> bool:
            categories = getattr(one, "categories", [getattr(one, "value", None) or ""])
            return self._forms[name].kind == "label" and all(isinstance(c, str) for c in categories)

        return tuple(name for name, one in self._decided.items() if is_text(name, one))

    def described(self) -> list[tuple[str, str, str]]:
        """Name, kind and what was decided of each column, left out or not."""
        return [(name, one.kind, self._described(name, one)) for name, one in self._decided.items()]

    def __str__(self) -> str:
        if self.family is not None:
            return str(self.family)
        wide = max(len(name) for name in self._decided)
        lines = [f"{name:<{wide}}  {kind:<11}  {w}" for name, kind, w in self.described()]
        if self.handle_unknown == "missing":
            lines.append("labels never met count as missing")
        return "\n".join(lines)

    def _described(self, name: str, one: Column | LeftOut) -> str:
        if self._forms[name].kind == "date" and isinstance(one, Binned):
            return f"{day(one.low)}..{day(one.high)}, {one.n_states} bins"
        return one.describe()

    def read(
        self, frame: Any, *, handle_unknown: str | None = None, what: str = "X"
    ) -> NDArray[np.float64]:
        """States of a `frame`'s modelled columns ``(n, n_columns)``, NaN where missing.

        Columns may stand in another order. ``ValueError`` (about `what`) for columns missing,
        unknown or not of their type, and for categories never met (`handle_unknown` "missing"
        makes those missing; None: as the schema's attribute says).
        """
        return self.states_of(self.read_values(frame, what=what, handle_unknown=handle_unknown))

    def states_of(self, values: Mapping[str, NDArray[Any]]) -> NDArray[np.float64]:
        """:meth:`read` of the `values` that :meth:`read_values` gave."""
        states = np.empty((len(next(iter(values.values()), ())), len(self.columns)))
        for j, column in enumerate(self.columns):
            states[:, j] = column.states(values[column.name])
        return states

    def read_values(
        self, frame: Any, *, what: str = "X", handle_unknown: str | None = None
    ) -> dict[str, NDArray[Any]]:
        """Values of a `frame`'s modelled columns as :class:`Column` takes them, checked like `read`
        (`what`, `handle_unknown`); labels never met are missing where they count as that."""
        handle_unknown = self.handle_unknown if handle_unknown is None else handle_unknown
        check_unknown(handle_unknown)
        cells = self._checked(frame, what)
        if handle_unknown == "error":
            return {name: cells[name].values for name in self.names}
        return {column.name: column.met(cells[column.name].values) for column in self.columns}

    def _checked(self, frame: Any, what: str) -> dict[str, Cells]:
        _, cells, n_rows = read_columns(frame, what)
        lacking = [name for name in self.names if name not in cells]
        if lacking:
            raise ValueError(f"{what}: column {lacking[0]!r} is missing (of {list(self.names)})")
        extra = [name for name in cells if name not in self._decided and not is_index(name)]
        if extra:
            raise ValueError(f"{what}: column {extra[0]!r} is none of {list(self._decided)}")
        for column in self.columns:
            one = cells[column.name]
            if one.missing.all():
                nothing = np.full(n_rows, np.nan)
                cells[column.name] = Cells(column.name, nothing, self._forms[column.name])
                continue
            was, now = self._forms[column.name].kind, one.form.kind
            if (column.is_number and one.values.dtype.kind != "f") or (
                "date" in (was, now) and was != now
            ):
                raise ValueError(f"{what}: column {column.name!r} holds {one.told}; wanted {was}s")
        return cells

    def write(
        self,
        states: NDArray[np.float64],
        like: Any = None,
        generator: np.random.Generator | None = None,
        means: bool = False,
    ) -> Any:
        """A frame of the rows whose states are ``(n, n_columns)``; NaN is a missing cell.

        Parameters
        ----------
        like : a frame of as many rows, whose library, column order, types, index and left-out
            columns the answer takes. None: those of the frame the schema was inferred from;
            identifiers are missing then.
        generator : draws values inside bins; None gives typical ones.
        means : the mean value of each bin instead.
        """
        states = np.asarray(states, dtype=np.float64)
        if states.ndim != 2 or states.shape[1] != len(self.columns):
            raise ValueError(f"states must have shape (n, {len(self.columns)}), got {states.shape}")
        values: dict[str, NDArray[Any]] = {}
        for j, column in enumerate(self.columns):
            if means and column.is_number:
                known = ~np.isnan(states[:, j])
                cells = np.full(len(states), np.nan)
                cells[known] = column.centres()[states[known, j].astype(np.int64)]
                values[column.name] = cells
            else:
                values[column.name] = column.values(states[:, j], generator)
        return self.write_values(values, len(states), like)

    def write_values(
        self, values: Mapping[str, NDArray[Any]], n_rows: int, like: Any = None
    ) -> Any:
        """A frame of `n_rows` given values, the rest (and `like`) as :meth:`write` says."""
        library, forms, rest = self._library, self._forms, self._carried(n_rows)
        order = list(self._decided)
        if like is not None:
            library, cells, n_like = read_columns(like, "like")
            if n_like != n_rows:
                raise ValueError(f"like has {n_like} rows; wanted {n_rows}, as many as states")
            order = [name for name in cells if name in self._decided]
            # A column with nothing in it does not tell its type.
            known = library in ("dict", self._library)
            forms = {
                name: self._forms[name] if known and cells[name].missing.all() else cells[name].form
                for name in order
            }
            rest = {name: cells[name].values for name in order if name not in values}
        columns: dict[str, tuple[NDArray[Any], Form]] = {}
        for name in order:
            form = forms[name]
            made = rest[name] if name in rest else values[name]
            if made.dtype.kind == "O" and form.kind != "label" and name in values:
                made = np.array([np.nan if v is None else float(v) for v in made.tolist()])
            columns[name] = (made, form)
        return build(
            library, columns, getattr(like, "index", None) if library == "pandas" else None
        )

    def _carried(self, n_rows: int) -> dict[str, NDArray[Any]]:
        """Left-out columns of new rows: constants as they are, the rest missing."""
        out: dict[str, NDArray[Any]] = {}
        for one in self.left_out:
            labels = self._forms[one.name].kind == "label"
            fill = one.value if labels or one.value is not None else np.nan
            out[one.name] = np.full(n_rows, fill, dtype=object if labels else np.float64)
        return out

    def to_facts(self) -> dict[str, Any]:
        """The schema as JSON has it."""
        columns = []
        for name, one in self._decided.items():
            form = self._forms[name]
            facts = (
                one.facts()
                if isinstance(one, Column)
                else {"kind": one.kind, "name": name, "value": one.value}
            )
            outside = [form.kind, form.dtype, form.categories, form.ordered]
            columns.append({**facts, "form": outside})
        found: dict[str, Any] = {"library": self._library, "columns": columns}
        if self.family is not None:
            found["family"] = self.family.facts()
        return found | {"handle_unknown": self.handle_unknown}

    @classmethod
    def from_facts(cls, facts: Any) -> Schema:
        """The inverse of :meth:`to_facts`; ``ValueError`` for facts of no schema."""
        if not isinstance(facts, dict) or not isinstance(facts.get("columns"), list):
            raise ValueError("schema: wanted a dict with a list of columns")
        if not isinstance(facts.get("library"), str) or not facts["columns"]:
            raise ValueError("schema: wanted the name of a library and at least one column")
        decided: dict[str, Column | LeftOut] = {}
        forms: dict[str, Form] = {}
        for one in facts["columns"]:
            name = one.get("name") if isinstance(one, dict) else None
            if not isinstance(name, str) or name in decided:
                raise ValueError(f"schema: wanted a name of each column's own, got {name!r}")
            form = one.get("form")
            if not isinstance(form, list) or len(form) != 4:
                raise ValueError(f"schema: column {name!r} does not say its type")
            forms[name] = Form(str(form[0]), str(form[1]), form[2], bool(form[3]))
            left = one.get("kind") in LEFT_OUT
            decided[name] = (
                LeftOut(name, one["kind"], one.get("value")) if left else from_facts(one)
            )
        family = None if facts.get("family") is None else Family.from_facts(facts["family"])
        if family is not None and family.n_columns != len(decided):
            raise ValueError(f"schema: a family of {family.n_columns} columns, not {len(decided)}")
        # Files of an earlier time do not say it.
        unknown = facts.get("handle_unknown", "error")
        return cls(decided, forms, facts["library"], None, unknown, family)

    def save(self, path: str | PathLike[str]) -> None:
        """Write it as JSON, whole or not at all."""
        write_bytes(path, json.dumps(self.to_facts(), allow_nan=False).encode())

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Schema:
        """Read what :meth:`save` wrote; ``ValueError`` for anything else."""
        try:
            facts = json.loads(Path(path).read_bytes())
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise ValueError(f"{str(path)!r} is no schema: {error}") from None
        return cls.from_facts(facts)
