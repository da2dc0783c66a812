"""What the columns of rows are, rows as states, and the hidden units behind them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from harmonium.contract.checks import check_integer
from harmonium.data.shards import Shards
from harmonium.data.states import States
from harmonium.data.tables import Table, as_array, check_states, has_holes, one_row
from harmonium.models.codec import Codec, TableCodec
from harmonium.models.frames import Layout, is_wanted
from harmonium.models.out_of_core import holed, states_of
from harmonium.models.reading import codec_of, keep_names, layout_of, read_holes
from harmonium.models.settings import check_visible
from harmonium.units.base import Units
from harmonium.units.bernoulli import Bernoulli
from harmonium.units.categorical import Categorical
from harmonium.units.mixed import Mixed

__all__ = ["Visible", "are_whole", "check_columns", "checked_hidden", "is_frame_like"]

#: States of a column of integers at most.
MOST_STATES = 2**16


def is_frame_like(X: Any, visible: Any) -> bool:
    """Whether a schema says what the columns of `X` are, rather than one number of states."""
    X = X.head() if isinstance(X, Shards) else X
    if isinstance(visible, int | np.integer):
        return False
    if isinstance(visible, str) and visible == "categorical":
        return is_wanted(X, "auto")  # columns of an array have the same states
    return is_wanted(X, visible)


def are_whole(table: Table | States, observed: NDArray[np.bool_] | None) -> bool:
    """Whether every cell of rows, as :meth:`Visible.read` gives them, is known."""
    return not len(table.holes) if isinstance(table, States) else observed is None


@dataclass(frozen=True)
class Visible:
    """``n_columns`` columns of ``n_states`` states each, or what a `layout` says of a frame; and
    behind them ``n_hidden`` variables of 0 or 1 that no row knows."""

    n_columns: int
    n_states: int = 2
    layout: Layout | None = None
    n_hidden: int = 0

    @classmethod
    def read(
        cls, estimator: Any, X: Any, visible: Any, missing: Any, n_hidden: int = 0
    ) -> tuple[Self, Table | States, NDArray[np.bool_] | None]:
        """The columns of `X`, its rows as states, and which cells are known (None: all, or as rows
        out of core say). The estimator learns ``n_features_in_`` and names of features."""
        if isinstance(X, Shards):
            return *cls._read_shards(estimator, X, visible, missing, n_hidden), None
        if is_frame_like(X, visible):
            layout, table, observed = layout_of(X, visible, missing)
            _check_counted(layout)
            estimator.n_features_in_ = table.shape[1] + len(layout.schema.left_out)
            keep_names(estimator, X)
            return cls(table.shape[1], 0, layout, n_hidden), table, observed
        if missing != "at-random":
            raise ValueError(f"missing={missing!r} is for frames, got an array of states")
        blanks = has_holes(X)
        n_states = _n_states(X, visible)
        table = check_states(estimator, X, n_states=n_states, reset=True, blanks=blanks)
        found = cls(table.shape[1], n_states, None, n_hidden)
        if blanks:
            return found, *read_holes(table)
        return found, table, None

    @classmethod
    def _read_shards(
        cls, estimator: Any, X: Shards, visible: Any, missing: Any, n_hidden: int
    ) -> tuple[Self, States]:
        """Of rows out of core: what the columns are is told by some of the rows."""
        if is_frame_like(X, visible):
            found, _, observed = cls.read(estimator, X.shown(), visible, missing, n_hidden)
            return found, states_of(X, found.layout, holed(observed))
        holes, n_states = X.holes(), _n_states(X, visible)
        head = np.nan_to_num(X.head()) if len(holes) else X.head()
        found, *_ = cls.read(estimator, head, n_states, missing, n_hidden)
        return found, states_of(X, None, holes, n_states)

    def more(
        self, estimator: Any, X: Any, missing: Any
    ) -> tuple[Self, Table | States, NDArray[np.bool_] | None]:
        """More rows of the same columns, as :meth:`read`."""
        if self.layout is not None and isinstance(X, Shards):
            return self, states_of(X, self.layout), None
        visible = self.n_states if self.layout is None else estimator.visible
        found = self.read(estimator, X, visible, missing, self.n_hidden)
        if found[0].n_columns != self.n_columns:
            raise ValueError(f"X has {found[0].n_columns} columns, this model has {self.n_columns}")
        return found

    @property
    def units(self) -> Units:
        """Of all variables, the hidden ones last."""
        own = self._own_units()
        if not self.n_hidden:
            return own
        if isinstance(own, Bernoulli):
            return Bernoulli(own.n_variables + self.n_hidden)
        parts = own.parts if isinstance(own, Mixed) else (own,)
        return Mixed([*parts, Bernoulli(self.n_hidden)])

    def _own_units(self) -> Units:
        if self.layout is not None:
            return self.layout.units
        if self.n_states == 2:
            return Bernoulli(self.n_columns)
        return Categorical((self.n_states,) * self.n_columns)

    @property
    def names(self) -> list[Any]:
        """What a user calls the variables; hidden ones have the numbers after the columns' or,
        beside names, are ``"hidden 0"`` and so on."""
        if self.layout is None or self.layout.rows:
            return list(range(self.n_columns + self.n_hidden))
        own = [column.name for column in self.layout.columns]
        return own + [f"hidden {k}" for k in range(self.n_hidden)]

    def codec(self, estimator: Any, X: Any, rates: tuple[NDArray[np.float64], ...]) -> Codec:
        if self.layout is not None:
            return codec_of(self.layout, X, self._beside, rates[: self.n_columns])
        return TableCodec(
            (self.n_states,) * self.n_columns,
            lambda X, blanks: check_states(estimator, X, n_states=self.n_states, blanks=blanks),
            lambda condition: one_row(estimator, condition, self.n_states),
            self._beside,
        )

    @property
    def _beside(self) -> tuple[int, ...]:
        return (2,) * self.n_hidden

    def whole(self, estimator: Any, X: Any) -> NDArray[Any]:
        """Rows as states, none missing."""
        if self.layout is None:
            return np.asarray(as_array(check_states(estimator, X, n_states=self.n_states)))
        states = self.layout.states(X)
        if np.isnan(states).any():
            row, j = np.argwhere(np.isnan(states))[0]
            raise ValueError(f"X: column {self.names[int(j)]!r}, row {row} is missing")
        return states

    def facts(self) -> dict[str, Any]:
        table = None if self.layout is None else self.layout.facts()
        found = {"n_columns": self.n_columns, "n_states": self.n_states, "table": table}
        return found | {"n_hidden": self.n_hidden}

    @classmethod
    def from_facts(cls, facts: dict[str, Any]) -> Self:
        """The inverse of :meth:`facts`."""
        table = facts["table"]
        layout = None if table is None else Layout.from_facts(table)
        n_columns, n_states = int(facts["n_columns"]), int(facts["n_states"])
        if n_columns < 1 or (layout is None and not 2 <= n_states <= MOST_STATES):
            raise ValueError(f"columns: {n_columns} of {n_states} states cannot be")
        if layout is not None and len(layout.sizes) != n_columns:
            raise ValueError(f"columns: the schema has {len(layout.sizes)}, wanted {n_columns}")
        n_hidden = check_integer("n_hidden", facts.get("n_hidden", 0), 0)
        return cls(n_columns, n_states, layout, n_hidden)


def _check_counted(layout: Layout) -> None:
    """Refuse columns whose couplings would not be tables of their states."""
    for column, size, width in zip(layout.columns, layout.sizes, layout.units.widths, strict=True):
        if width not in (size, size - 1):
            raise ValueError(
                f"visible: column {column.name!r} of kind {column.kind!r} is for hm.RBM, a "
                "BoltzmannMachine couples states one by one; wanted 'quantile' or 'count'"
            )


def _n_states(X: Any, visible: Any) -> int:
    """Of every column of an array: as many as were asked for, or one more than its largest
    number."""
    if isinstance(visible, int | np.integer):
        return int(visible)
    if isinstance(visible, str) and visible != "categorical":
        return 2
    if isinstance(X, Shards):
        top = max(_top(block) for block in X.blocks())
    else:
        top = _top(X.data if sparse.issparse(X) else as_array(X))
    if not top < MOST_STATES:
        raise ValueError(
            f"visible='categorical': {top:g} in X would make {MOST_STATES:,} states or more"
        )
    return max(2, int(top) + 1)


def _top(X: Any) -> float:
    """The largest number of an array; 1 where there is none."""
    values = np.asarray(X)
    if values.size == 0 or values.dtype.kind not in "biuf":
        return 1.0
    return float(np.nanmax(values)) if np.isfinite(values).any() else 1.0


def check_columns(name: str, value: Any) -> None:
    """What :meth:`Visible.read` takes: a number of states, or what every model of tables does."""
    if isinstance(value, int | np.integer) and not isinstance(value, bool):
        check_integer(name, value, 2, MOST_STATES)
        return
    check_visible(name, value)


def checked_hidden(H: Any, n_hidden: int, n_rows: int | None = None) -> NDArray[np.float64]:
    """States of hidden units, ``(n_rows, n_hidden)`` of 0 and 1."""
    wanted = f"a table (n_samples, {n_hidden}) of 0 and 1"
    if not n_hidden:
        raise ValueError("H: this machine has no hidden units (n_components=0)")
    if H is None:
        raise ValueError(f"H must be {wanted}: this machine has hidden units")
    hidden = np.asarray(H)
    if hidden.dtype.kind not in "buif" or hidden.ndim != 2 or hidden.shape[1] != n_hidden:
        raise ValueError(f"H must be {wanted}, got {type(H).__name__} of shape {hidden.shape}")
    if not np.isin(hidden, (0, 1)).all():
        raise ValueError(f"H must be {wanted}, got other numbers")
    if n_rows is not None and len(hidden) != n_rows:
        raise ValueError(f"X and H must have as many rows, got {n_rows}, {len(hidden)}")
    return hidden.astype(np.float64)
