"""Frames of any columns as states of an energy, and answers as frames again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray

from harmonium.contract.energy import Evidence
from harmonium.contract.evidence import TableReadings
from harmonium.contract.noise import BitFlip, Cells, NoiseChannel, Replace, check_channel
from harmonium.data.columns import Column
from harmonium.data.frames import is_frame
from harmonium.data.schema import Schema
from harmonium.models.codec import Codec
from harmonium.models.question import Question
from harmonium.units.base import Units
from harmonium.units.bernoulli import Bernoulli
from harmonium.units.categorical import Categorical
from harmonium.units.mixed import Mixed

__all__ = ["FrameCodec", "Layout"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Layout:
    """How the columns of a frame are variables of an energy.

    ``schema`` says what they are. ``order`` are their numbers in the order of the variables:
    those of two states come first, which units of 0 or 1 are faster for. ``absent`` says of each
    variable whether it has a state more, the last: the cell is missing.
    """

    schema: Schema
    order: tuple[int, ...]
    absent: tuple[bool, ...]

    @classmethod
    def of(cls, schema: Schema, absent: NDArray[np.bool_]) -> Self:
        """`absent` says of each of the schema's columns whether being missing is a state."""
        columns = schema.columns
        if not columns:
            raise ValueError("X: no column is left to learn from; wanted one that varies")
        sizes = [c.n_states + int(more) for c, more in zip(columns, absent, strict=True)]
        order = sorted(range(len(sizes)), key=lambda j: sizes[j] != 2)
        return cls(schema, tuple(order), tuple(bool(absent[j]) for j in order))

    @property
    def columns(self) -> tuple[Column, ...]:
        """In the order of the variables."""
        return tuple(self.schema.columns[j] for j in self.order)

    @property
    def sizes(self) -> tuple[int, ...]:
        """States of each variable."""
        pairs = zip(self.columns, self.absent, strict=True)
        return tuple(column.n_states + int(more) for column, more in pairs)

    @property
    def units(self) -> Units:
        """What the variables are."""
        n_plain = sum(size == 2 for size in self.sizes)
        groups = self.sizes[n_plain:]
        if not groups:
            return Bernoulli(n_plain)
        return Mixed([Bernoulli(n_plain), Categorical(groups)]) if n_plain else Categorical(groups)

    def states(self, X: Any, handle_unknown: str = "error") -> Array:
        """States of every variable ``(n, n_variables)``; NaN where a cell is missing, unless that
        is a state."""
        states = self.schema.read(X, handle_unknown=handle_unknown)[:, self.order]
        for j, (column, more) in enumerate(zip(self.columns, self.absent, strict=True)):
            if more:
                states[np.isnan(states[:, j]), j] = column.n_states
        return states

    def cells(self, states: Array) -> Array:
        """States as the schema's columns have them: NaN where missing, in the frame's order."""
        found = np.empty((len(states), len(self.order)))
        for j, (column, place) in enumerate(zip(self.columns, self.order, strict=True)):
            own = states[:, j]
            found[:, place] = np.where(own >= column.n_states, np.nan, own)
        return found

    def facts(self) -> dict[str, Any]:
        """What :meth:`from_facts` makes it of again."""
        return {"schema": self.schema.to_facts(), "absent": list(self.absent)}

    @classmethod
    def from_facts(cls, facts: Any) -> Self:
        """The inverse of :meth:`facts`; ``ValueError`` for what is none."""
        if not isinstance(facts, dict) or not isinstance(facts.get("absent"), list):
            raise ValueError("table: wanted a schema and which columns have a state for missing")
        schema = Schema.from_facts(facts.get("schema"))
        absent = np.array(facts["absent"], dtype=bool)
        if len(absent) != len(schema.columns):
            raise ValueError(f"table: {len(absent)} flags for {len(schema.columns)} columns")
        # The flags are in the order of the variables, which depends on them: undo it.
        found = cls.of(schema, np.zeros(len(absent), dtype=bool))
        for _ in range(2):
            by_column = np.zeros(len(absent), dtype=bool)
            by_column[list(found.order)] = absent
            found = cls.of(schema, by_column)
        return found


@dataclass
class FrameCodec(Codec):
    """Rows of a frame.

    ``like`` is the frame that was asked about, whose known cells an answer keeps to the digit;
    None: rows of nobody's. ``generator`` draws values inside states; None gives typical ones.
    ``within`` are conditions by column that new values meet. ``rates`` are shares of each
    variable's states, one array a variable, for a channel that wants them.
    """

    layout: Layout
    beside: tuple[int, ...] = ()
    like: Any = None
    generator: np.random.Generator | None = None
    within: Mapping[str, Any] = field(default_factory=dict)
    rates: tuple[Array, ...] = ()

    def __post_init__(self) -> None:
        self.sizes = self.layout.sizes

    def read(self, X: Any, *, blanks: bool = False) -> Array:
        if not blanks:
            return self.layout.states(X)
        return self.layout.schema.read(X)[:, self.layout.order]

    def read_noisy(self, X: Any, noise: Any) -> tuple[Array, NoiseChannel]:
        channel = check_channel(noise, (BitFlip, Replace, Cells))
        if isinstance(channel, Cells):
            channel = channel.of(self.rates)
        return self.layout.states(X), channel

    def read_condition(self, condition: Any) -> Array:
        """Exact states only: what a condition leaves open is :meth:`conditioned`'s."""
        return np.full(self.n_own, np.nan)

    def begin(self, values: Array) -> Array:
        return values

    def real_only(self, question: Question) -> Question:
        """The question with the states of missing cells ruled out for what is free."""
        weights: dict[int, Array] = {}
        for j, (column, more) in enumerate(zip(self.layout.columns, self.layout.absent)):
            if more:
                weights[j] = np.where(np.arange(self.sizes[j]) < column.n_states, 0.0, -np.inf)
        return with_weights(question, weights) if weights else question

    def conditioned(self, question: Question, condition: Any) -> tuple[Question, Self]:
        """The question under a condition ``{column: value, set or (low, high)}``, and the codec
        that writes what meets it."""
        names = [column.name for column in self.layout.columns]
        weights, within = {}, {}
        for name, wanted in _condition(condition).items():
            if name not in names:
                raise ValueError(f"condition: no column is named {name!r}; wanted some of {names}")
            j = names.index(name)
            column = self.layout.columns[j]
            share, within[name] = column.allowed(wanted)
            weights[j] = np.append(share, -np.inf) if self.layout.absent[j] else share
        asked = with_weights(question, weights) if weights else question
        return asked, replace(self, within=within)

    def write(self, states: Array, *, mean: bool = False) -> Any:
        """Cells that are known of `like` stay as they are there, or the state that they were."""
        columns = self.layout.schema.columns
        cells = self.layout.cells(states)
        given = self._given(len(cells))
        values: dict[str, NDArray[Any]] = {}
        for j, column in enumerate(columns):
            within = self.within.get(column.name)
            made = column.values(cells[:, j], self.generator, within)
            values[column.name] = made
            if given is not None:
                as_was = column.states(given[column.name]) == cells[:, j]
                made = np.array(made, dtype=object if made.dtype.kind == "O" else made.dtype)
                made[as_was] = given[column.name][as_was]
                values[column.name] = made
        return self._frame(values, len(cells))

    def write_marginals(self, states: Array, marginals: Array) -> Any:
        """Posterior means of numbers and the most probable of labels, of ``marginals
        (n, n_variables, n_states)``, where `states` are NaN."""
        values: dict[str, NDArray[Any]] = {}
        given = self._given(len(states))
        for j, column in enumerate(self.layout.columns):
            share = marginals[:, j, : column.n_states]
            share = share / share.sum(1, keepdims=True)
            if column.is_number:
                made = share @ column.centres()
            else:
                made = column.values(share.argmax(1).astype(np.float64), None)
            if given is not None:
                known = ~np.isnan(states[:, j])
                made = np.array(made, dtype=object if made.dtype.kind == "O" else np.float64)
                made[known] = given[column.name][known]
            values[column.name] = made
        return self._frame(values, len(states))

    def _given(self, n_rows: int) -> dict[str, NDArray[Any]] | None:
        if self.like is None:
            return None
        return self.layout.schema.read_values(self.like)

    def _frame(self, values: Mapping[str, NDArray[Any]], n_rows: int) -> Any:
        return self.layout.schema.write_values(values, n_rows, self.like)


def _condition(condition: Any) -> dict[str, Any]:
    """A condition by column: of a dict, a row of a frame, or a series."""
    if isinstance(condition, Mapping):
        return dict(condition)
    if hasattr(condition, "to_dict") and not is_frame(condition):
        condition = condition.to_dict()
        return {name: value for name, value in condition.items() if value == value}
    raise ValueError(
        "condition: of a frame wanted a dict {column: value, [values] or (low, high)}, got "
        f"{type(condition).__name__}"
    )


def with_weights(question: Question, weights: Mapping[int, Array]) -> Question:
    """The question with states of some variables weighed: log weights ``(n_states,)`` by number."""
    n, n_variables = question.start.shape
    known = question.evidence.readings
    if known is not None:
        return _combined(question, known.as_table(), weights)
    width = max(len(own) for own in weights.values())
    table = np.zeros((len(weights) + 1, width))  # the last row says nothing, of any state
    rows = np.full((n, n_variables), len(weights), dtype=np.int32)
    for k, (j, own) in enumerate(weights.items()):
        table[k, len(own) :] = -np.inf
        table[k, : len(own)] = own
        rows[:, j] = k
    return _read(question, rows, table)


def _combined(
    question: Question, known: TableReadings, weights: Mapping[int, Array]
) -> Question:
    """Weights beside readings: what was read of these variables gets rows of its own."""
    table, rows = known.table.numpy(), known.rows.numpy().copy()
    parts = [table]
    n_rows = len(table)
    for j, own in weights.items():
        used, place = np.unique(rows[:, j], return_inverse=True)
        beside = np.full(table.shape[1], -np.inf)
        beside[: len(own)] = own
        parts.append(table[used] + beside)
        rows[:, j] = n_rows + place
        n_rows += len(used)
    return _read(question, rows, np.concatenate(parts))


def _read(question: Question, rows: NDArray[np.int32], table: Array) -> Question:
    """The question with the table's rows as readings."""
    known = TableReadings(torch.from_numpy(rows), torch.from_numpy(table))
    return replace(question, evidence=Evidence(question.evidence.free, known))
