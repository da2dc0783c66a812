"""Frames of any columns as states of an energy, and answers as frames again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from harmonium.contract import noise as noises
from harmonium.contract.noise import BitFlip, Cells, NoiseChannel, Replace, check_channel
from harmonium.data.columns import Column
from harmonium.data.columns.gaussian import Gaussian as GaussianColumn
from harmonium.data.frames import is_frame
from harmonium.data.numbered import has_names, numbered
from harmonium.data.schema import Schema
from harmonium.data.sequences.alignment import Alignment
from harmonium.models.codec import ValueCodec
from harmonium.models.noisy import NoisyNumbers
from harmonium.models.question import Question, with_weights
from harmonium.models.sequences import SequenceCodec
from harmonium.units.base import Units
from harmonium.units.bernoulli import Bernoulli
from harmonium.units.categorical import Categorical
from harmonium.units.gaussian import Gaussian
from harmonium.units.mixed import Mixed

__all__ = ["FrameCodec", "Layout", "framed", "is_wanted"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Layout:
    """How the columns of a frame are variables of an energy.

    ``schema`` says what they are. ``order`` are their numbers in the order of the variables:
    those of two states come first, which units of 0 or 1 are faster for, then labels and bins,
    then normal numbers. ``absent`` says of each
    variable whether it has a state more, the last: the cell is missing. ``rows`` says that
    columns were an array's, and answers are arrays.
    """

    schema: Schema
    order: tuple[int, ...]
    absent: tuple[bool, ...]
    rows: bool = False

    @classmethod
    def of(cls, schema: Schema, absent: NDArray[np.bool_], rows: bool = False) -> Self:
        """`absent` says of each of the schema's columns whether being missing is a state."""
        columns = schema.columns
        if not columns:
            raise ValueError("X: no column is left to learn from; wanted one that varies")
        sizes = [c.n_states + int(more) for c, more in zip(columns, absent, strict=True)]
        order = sorted(
            range(len(sizes)), key=lambda j: (sizes[j] != 2, _rank(columns[j], bool(absent[j])))
        )
        return cls(schema, tuple(order), tuple(bool(absent[j]) for j in order), rows)

    @property
    def columns(self) -> tuple[Column, ...]:
        """In the order of the variables."""
        own = self.schema.columns
        return tuple(own[j] for j in self.order)

    @property
    def sizes(self) -> tuple[int, ...]:
        """States of each variable."""
        pairs = zip(self.columns, self.absent, strict=True)
        return tuple(column.n_states + int(more) for column, more in pairs)

    @property
    def units(self) -> Units:
        """What the variables are."""
        ranks = [_rank(*pair) for pair in zip(self.columns, self.absent, strict=True)]
        n_plain = sum(size == 2 for size in self.sizes)
        n_states = ranks.count(0)
        parts: list[Units] = [Bernoulli(n_plain)] if n_plain else []
        if n_states > n_plain:
            groups = slice(n_plain, n_states)
            levels = [one.n_states if one.ordered else 0 for one in self.columns[groups]]
            parts.append(Categorical(self.sizes[groups], levels))
        for rank in (1, 2):
            if rank in ranks:
                parts.append(Gaussian(ranks.count(rank), absent=rank == 2))
        return parts[0] if len(parts) == 1 else Mixed(parts)

    def values(self, X: Any) -> dict[str, NDArray[Any]]:
        """Values of the columns of a frame, or an array, by name."""
        return self.schema.read_values(framed(X, self))

    def states(self, X: Any) -> Array:
        """States of every variable ``(n, n_variables)``; NaN where a cell is missing, unless that
        is a state."""
        if self.schema.family is not None:
            return SequenceCodec(self.schema).read(X)
        return self.arranged(self.schema.states_of(self.values(X)))

    def arranged(self, cells: Array) -> Array:
        """States of the schema's columns ``(n, n_columns)`` as the variables have them: the
        inverse of :meth:`cells`."""
        states = cells[:, self.order]
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
        absent = np.zeros(len(self.order), dtype=bool)
        absent[list(self.order)] = self.absent
        facts = self.schema.to_facts()
        return {"schema": facts, "absent": absent.tolist(), "rows": self.rows}

    @classmethod
    def from_facts(cls, facts: Any) -> Self:
        """The inverse of :meth:`facts`; ``ValueError`` for what is none."""
        if not isinstance(facts, dict) or not isinstance(facts.get("absent"), list):
            raise ValueError("table: wanted a schema and which columns have a state for missing")
        schema = Schema.from_facts(facts.get("schema"))
        absent = np.array(facts["absent"], dtype=bool)
        if len(absent) != len(schema.columns):
            raise ValueError(f"table: {len(absent)} flags for {len(schema.columns)} columns")
        return cls.of(schema, absent, bool(facts.get("rows")))


def _rank(column: Column, absent: bool) -> int:
    """Where units of a column stand: normal numbers last, of which those with a state for a
    missing cell are units of their own."""
    return 1 + absent if isinstance(column, GaussianColumn) else 0


def is_wanted(X: Any, visible: Any) -> bool:
    """Whether rows are read through a schema: frames are, and arrays whose columns' kinds are
    given, and alignments."""
    if isinstance(X, Alignment):
        return True
    if not (isinstance(visible, str) and visible in ("auto", "bernoulli")):
        return True
    return has_names(X)


def framed(X: Any, layout: Layout | None = None) -> Any:
    """Rows of an array as columns named by their numbers, where a model was fitted on such, as
    are the letters of an alignment; a frame as it is."""
    if isinstance(X, Alignment):
        letters = [[None if one == "?" else one for one in row] for row in X]
        return {str(j): list(own) for j, own in enumerate(zip(*letters, strict=True))}
    if X is None or has_names(X) or (layout is not None and not layout.rows):
        return X
    if layout is None:
        return numbered(X)
    return numbered(X, len(layout.schema.columns) + len(layout.schema.left_out))


@dataclass
class FrameCodec(ValueCodec):
    """Rows of a frame.

    ``like`` is the frame that was asked about, whose known cells an answer keeps to the digit;
    None: rows of nobody's. ``generator`` draws values inside states; None gives typical ones.
    ``within`` are conditions by column that new values meet. ``rates`` are shares of each
    variable's states, one array a variable, for a channel that wants them.
    """

    layout: Layout
    beside: tuple[int, ...] = ()
    like: Any = None
    rates: tuple[Array, ...] = ()
    generator: np.random.Generator | None = None
    within: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.sizes = self.layout.sizes

    def read(self, X: Any, *, blanks: bool = False) -> Array:
        if not blanks:
            return self.layout.states(X)
        return self.layout.schema.read(framed(X, self.layout))[:, self.layout.order]

    def read_noisy(self, X: Any, noise: Any) -> tuple[Array, NoiseChannel]:
        channel = check_channel(noise, (BitFlip, Replace, Cells, noises.Gaussian))
        if isinstance(channel, noises.Gaussian):
            read, columns = self.layout.values(X), self.layout.columns
            values = tuple(read[column.name] for column in columns)
            channel = NoisyNumbers(channel.sigma, columns, values)
        if isinstance(channel, Cells):
            channel = channel.of(self.rates)
        return self.layout.states(X), channel

    def read_condition(self, condition: Any) -> Array:
        """Exact states only: what a condition leaves open is :meth:`conditioned`'s."""
        return np.full(self.n_own, np.nan)

    def say(self, variable: int, state: float) -> str:
        if variable >= self.n_own:
            return f"attribute {variable - self.n_own}: {state:g}"
        column = self.layout.columns[variable]
        if state >= column.n_states:
            return f"{column.name!r}: missing"
        (value,) = column.values(np.array([state])).tolist()
        return (
            f"{column.name!r}: about {value:g}"
            if column.is_number
            else f"{column.name!r}: {value!r}"
        )

    def begin(self, values: Array) -> Array:
        return values

    def state_weights(self, how: str, *, read: bool = False) -> dict[int, Array]:
        """Being missing fills no hole, but may have been read; and the most probable value is
        sought, not the bin that most values are in, which depends on how bins are cut."""
        weights: dict[int, Array] = {}
        pairs = zip(self.layout.columns, self.layout.absent, strict=True)
        for j, (column, more) in enumerate(pairs):
            own = column.peaks() if how == "mode" else np.zeros(column.n_states)
            if more:
                weights[j] = np.append(own, 0.0 if read else -np.inf)
            elif own.any():
                weights[j] = own
        return weights

    def conditioned(self, question: Question, condition: Any) -> tuple[Question, Self]:
        """The question under a condition ``{column: value, set or (low, high)}``, and the codec
        that writes what meets it."""
        names = [column.name for column in self.layout.columns]
        weights, within = {}, {}
        for name, wanted in _condition(condition).items():
            if name not in names:
                raise ValueError(f"condition: {self.layout.schema.refusal(name)}")
            j = names.index(name)
            column = self.layout.columns[j]
            share, within[name] = column.allowed(wanted)
            weights[j] = np.append(share, -np.inf) if self.layout.absent[j] else share
        asked = with_weights(question, weights, self)
        return asked, replace(self, within=within)

    def drawing(self, generator: np.random.Generator) -> FrameCodec:
        return replace(self, generator=generator)

    def write(self, states: Array, *, mean: bool = False) -> Any:
        """Cells of `like` that keep their state keep their value."""
        cells = self.layout.cells(states[:, : self.n_own])
        given = self._given()
        values: dict[str, NDArray[Any]] = {}
        for j, column in enumerate(self.layout.schema.columns):
            within = self.within.get(column.name)
            made = column.values(cells[:, j], self.generator, within)
            if given is not None:
                as_was = column.states(given[column.name]) == cells[:, j]
                made = _kept(made, given[column.name], as_was)
            values[column.name] = made
        return self._frame(values, len(cells))

    def write_marginals(self, shares: Array) -> Any:
        """Numbers: the mean over states, of which the one that `like` was in keeps its value.
        Labels: the most probable. What is rather missing than not is missing."""
        given = self._given()
        values: dict[str, NDArray[Any]] = {}
        for j, column in enumerate(self.layout.columns):
            share = shares[:, j, : column.n_states]
            total = share.sum(1, keepdims=True)
            gone = total[:, 0] < 0.5
            share = np.divide(share, total, out=np.zeros_like(share), where=total > 0)
            was = np.full(len(share), np.nan)
            if given is not None:
                was = column.states(given[column.name])
            here = np.flatnonzero(~np.isnan(was))
            at = was[here].astype(np.int64)
            if column.is_number:
                made = share @ column.centres()
                if given is not None:
                    shift = given[column.name][here] - column.centres()[at]
                    made[here] += share[here, at] * shift
                    certain = np.zeros(len(share), dtype=bool)
                    certain[here] = share[here, at] == 1.0
                    made = _kept(made, given[column.name], certain)
                made[gone] = np.nan
            else:
                best = np.where(gone, np.nan, share.argmax(1))
                made = column.values(best)
                if given is not None:
                    made = _kept(made, given[column.name], best == was)
            values[column.name] = made
        return self._frame(values, len(shares))

    def _given(self) -> dict[str, NDArray[Any]] | None:
        """Values of the frame that was asked about."""
        if self.like is None:
            return None
        return self.layout.schema.read_values(self.like)

    def _frame(self, values: Mapping[str, NDArray[Any]], n_rows: int) -> Any:
        found = self.layout.schema.write_values(values, n_rows, self.like)
        return _stacked(list(found.values())) if self.layout.rows else found


def _stacked(columns: list[Any]) -> NDArray[Any]:
    """Columns of a frame as an array: of floats, NaN where missing, unless some are texts."""
    found = np.column_stack([np.array(own, dtype=object) for own in columns])
    texts = any(isinstance(one, str) for one in found.ravel().tolist())
    return found if texts else found.astype(np.float64)


def _kept(made: NDArray[Any], given: NDArray[Any], where: NDArray[np.bool_]) -> NDArray[Any]:
    """`made` with what was `given` in some rows."""
    mixed = "O" in (made.dtype.kind, given.dtype.kind)
    found = made.astype(object if mixed else np.float64)
    found[where] = given[where]
    return found


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
