"""Alignments as states of an energy, and answers as alignments again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harmonium.contract.noise import BitFlip, Cells, NoiseChannel, Replace, check_channel
from harmonium.data.columns.categorical import Categorical
from harmonium.data.frames import Form
from harmonium.data.schema import Schema
from harmonium.data.sequences.alignment import Alignment
from harmonium.data.sequences.alphabet import BLANK
from harmonium.data.sequences.family import Family
from harmonium.data.tables import as_array
from harmonium.models.codec import ValueCodec

__all__ = ["SequenceCodec", "aligned", "schema_of"]

Array = NDArray[np.float64]


def schema_of(family: Family) -> Schema:
    """Columns named by their numbers, each of every letter of the alphabet, met or not."""
    letters = list(family.alphabet.letters)
    names = [str(j) for j in range(family.n_columns)]
    columns = {name: Categorical(name, letters) for name in names}
    return Schema(columns, {name: Form("label", "object") for name in names}, "dict", family=family)


def aligned(family: Family, X: Any, what: str = "X") -> Alignment:
    """`X` as an alignment of the family's columns.

    It may be an :class:`~harmonium.Alignment`, which may have all the columns that were read, a
    string, strings, or states ``(n, L)`` with NaN or -1 where unknown. ``ValueError`` else.
    """
    if isinstance(X, str):
        X = [X]
    if not isinstance(X, Alignment) and _are_strings(X):
        X = Alignment.from_sequences(list(X), alphabet=family.alphabet)
    if isinstance(X, Alignment):
        if X.family is family:
            return X
        if X.alphabet != family.alphabet.letters:
            raise ValueError(
                f"{what}: letters {X.alphabet!r}, the model's are {family.alphabet.letters!r}"
            )
        return _of_columns(family, X, what)
    states = np.asarray(as_array(X), dtype=np.float64)
    if states.ndim != 2 or states.shape[1] != family.n_columns:
        raise ValueError(
            f"{what} must be an alignment, strings or states of {family.n_columns} columns, got "
            f"shape {states.shape}"
        )
    states = np.where(np.isnan(states), BLANK, states)
    good = (states >= BLANK) & (states < family.alphabet.n_states) & (states == np.floor(states))
    if not good.all():
        row, j = np.argwhere(~good)[0]
        raise ValueError(
            f"{what}[{row}, {j}] is {states[row, j]}; wanted a state in "
            f"[0, {family.alphabet.n_states - 1}], or NaN or -1 where unknown"
        )
    return Alignment(states.astype(np.int8), [str(i) for i in range(len(states))], family)


def _are_strings(X: Any) -> bool:
    if isinstance(X, np.ndarray):
        return X.dtype.kind == "U" or (X.dtype.kind == "O" and X.ndim == 1)
    return isinstance(X, Sequence) and bool(X) and all(isinstance(one, str) for one in X)


def _of_columns(family: Family, X: Alignment, what: str) -> Alignment:
    """The family's columns of an alignment that has them, or all that were read."""
    if X.shape[1] == family.n_columns:
        return X
    if X.shape[1] == family.n_read == X.family.n_read:
        return X.columns(list(family.columns))
    if X.family.n_columns == X.shape[1] == family.n_read:
        return X.columns(list(family.columns))
    raise ValueError(
        f"{what}: sequences of {X.shape[1]} columns, the model has {family.n_columns}"
        + (f" of {family.n_read}" if family.n_read != family.n_columns else "")
    )


class SequenceCodec(ValueCodec):
    """Rows of an alignment.

    ``like`` is what was asked about, whose names an answer keeps. ``rates`` are shares of each
    column's states, for a channel that wants them.
    """

    def __init__(
        self,
        schema: Schema,
        beside: tuple[int, ...] = (),
        like: Any = None,
        rates: tuple[Array, ...] = (),
    ) -> None:
        assert schema.family is not None
        self.family, self.beside, self._rates = schema.family, beside, rates
        self.sizes = self.family.sizes
        self._like = like if isinstance(like, Alignment) else None

    def read(self, X: Any, *, blanks: bool = False) -> Array:
        """NaN where unknown, also without `blanks`: those are summed out, or filled."""
        return aligned(self.family, X).to_numpy()

    def read_noisy(self, X: Any, noise: Any) -> tuple[Array, NoiseChannel]:
        channel = check_channel(noise, (BitFlip, Replace, Cells))
        if isinstance(channel, Cells):
            channel = channel.of(self._rates)
        return self.read(X), channel

    def read_condition(self, condition: Any) -> Array:
        """A string with ``?`` where free, ``{column: letter}``, or a row of states."""
        if condition is None:
            return np.full(self.n_own, np.nan)
        if isinstance(condition, Mapping):
            return self._held(condition)
        if not isinstance(condition, str | Alignment) and not _are_strings(condition):
            condition = np.atleast_2d(np.asarray(as_array(condition), dtype=np.float64))
        found = self.read(aligned(self.family, condition, "condition"))
        if len(found) != 1:
            raise ValueError(f"condition must be one sequence, got {len(found)}")
        row: Array = found[0]
        return row

    def _held(self, condition: Mapping[Any, Any]) -> Array:
        row, letters = np.full(self.n_own, np.nan), self.family.alphabet.letters
        for place, letter in condition.items():
            if not str(place).isdecimal() or int(place) >= self.n_own:
                raise ValueError(f"condition: no column {place}; wanted 0 to {self.n_own - 1}")
            if not isinstance(letter, str) or len(letter) != 1 or letter not in letters:
                raise ValueError(
                    f"condition: column {place} cannot be {letter!r}; wanted one of {letters!r}"
                )
            row[int(place)] = letters.index(letter)
        return row

    def say(self, variable: int, state: float) -> str:
        if variable >= self.n_own:
            return f"attribute {variable - self.n_own}: {state:g}"
        return f"column {variable}: {self.family.alphabet.letters[int(state)]!r}"

    def begin(self, values: Array) -> Array:
        return values

    def write(self, states: Array, *, mean: bool = False) -> Alignment:
        """With the names of what was asked about, or numbers."""
        own = states[:, : self.n_own]
        codes = np.where(np.isnan(own), BLANK, own).astype(np.int8)
        named = self._like is not None and len(self._like) == len(codes)
        names = self._like.names if named and self._like else [str(i) for i in range(len(codes))]
        return Alignment(codes, names, self.family)

    def write_marginals(self, shares: Array) -> Alignment:
        """The most probable letter of each column."""
        return self.write(shares[:, : self.n_own].argmax(2).astype(np.float64))

    def state_weights(self, how: str, *, read: bool = False) -> dict[int, Array]:
        return {}

    def drawing(self, generator: np.random.Generator) -> SequenceCodec:
        return self
