"""What the columns of rows are, and rows as states."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from harmonium.contract.checks import check_integer
from harmonium.data.tables import Table, as_array, check_states, has_holes, one_row
from harmonium.models.codec import Codec, TableCodec
from harmonium.models.frames import Layout, is_wanted
from harmonium.models.reading import codec_of, keep_names, layout_of, read_holes
from harmonium.models.settings import check_visible
from harmonium.units.base import Units
from harmonium.units.bernoulli import Bernoulli
from harmonium.units.categorical import Categorical

__all__ = ["Visible", "check_columns", "is_frame_like"]

#: States of a column of integers at most.
MOST_STATES = 2**16


def is_frame_like(X: Any, visible: Any) -> bool:
    """Whether a schema says what the columns of `X` are, rather than one number of states."""
    if isinstance(visible, int | np.integer):
        return False
    if isinstance(visible, str) and visible == "categorical":
        return is_wanted(X, "auto")  # columns of an array have the same states
    return is_wanted(X, visible)


@dataclass(frozen=True)
class Visible:
    """``n_columns`` columns of ``n_states`` states each, or what a `layout` says of a frame."""

    n_columns: int
    n_states: int = 2
    layout: Layout | None = None

    @classmethod
    def read(
        cls, estimator: Any, X: Any, visible: Any, missing: Any
    ) -> tuple[Self, Table, NDArray[np.bool_] | None]:
        """The columns of `X`, its rows as states, and which cells are known (None: all). The
        estimator learns ``n_features_in_`` and names of features."""
        if is_frame_like(X, visible):
            layout, table, observed = layout_of(X, visible, missing)
            _check_counted(layout)
            estimator.n_features_in_ = table.shape[1] + len(layout.schema.left_out)
            keep_names(estimator, X)
            return cls(table.shape[1], 0, layout), table, observed
        if missing != "at-random":
            raise ValueError(f"missing={missing!r} is for frames, got an array of states")
        blanks = has_holes(X)
        n_states = _n_states(X, visible)
        table = check_states(estimator, X, n_states=n_states, reset=True, blanks=blanks)
        found = cls(table.shape[1], n_states)
        if blanks:
            return found, *read_holes(table)
        return found, table, None

    @property
    def units(self) -> Units:
        if self.layout is not None:
            return self.layout.units
        if self.n_states == 2:
            return Bernoulli(self.n_columns)
        return Categorical((self.n_states,) * self.n_columns)

    @property
    def names(self) -> list[Any]:
        """What a user calls the variables."""
        if self.layout is None or self.layout.rows:
            return list(range(self.n_columns))
        return [column.name for column in self.layout.columns]

    def codec(self, estimator: Any, X: Any, rates: tuple[NDArray[np.float64], ...]) -> Codec:
        if self.layout is not None:
            return codec_of(self.layout, X, (), rates)
        return TableCodec(
            (self.n_states,) * self.n_columns,
            lambda X, blanks: check_states(estimator, X, n_states=self.n_states, blanks=blanks),
            lambda condition: one_row(estimator, condition, self.n_states),
        )

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
        return {"n_columns": self.n_columns, "n_states": self.n_states, "table": table}

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
        return cls(n_columns, n_states, layout)


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
    values = np.asarray(as_array(X))
    if values.size == 0 or values.dtype.kind not in "biuf":
        return 2
    top = float(np.nanmax(values)) if np.isfinite(values).any() else 1.0
    if not top < MOST_STATES:
        raise ValueError(
            f"visible='categorical': {top:g} in X would make {MOST_STATES:,} states or more"
        )
    return max(2, int(top) + 1)


def check_columns(name: str, value: Any) -> None:
    """What :meth:`Visible.read` takes: a number of states, or what every model of tables does."""
    if isinstance(value, int | np.integer) and not isinstance(value, bool):
        check_integer(name, value, 2, MOST_STATES)
        return
    check_visible(name, value)
