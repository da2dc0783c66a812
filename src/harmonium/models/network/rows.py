"""Rows of a network: states by their numbers or names, and which of them are known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from harmonium.contract.noise import NoiseChannel
from harmonium.data.shards import check_in_memory
from harmonium.data.tables import Table, as_array, check_states, dense_rows, one_row
from harmonium.models.codec import Codec, TableCodec
from harmonium.models.network.exact.domains import Array
from harmonium.models.network.names import Name, StateNames
from harmonium.models.network.structure import Structure

__all__ = ["codec_of", "patterns", "read_columns"]


class NamedCodec(Codec):
    """A codec of rows whose states go out by their names."""

    def __init__(self, numbers: TableCodec, states: StateNames, names: Sequence[Name]) -> None:
        self.numbers, self.states, self.names = numbers, states, names
        self.sizes, self.beside = numbers.sizes, numbers.beside

    def read(self, X: Any, *, blanks: bool = False) -> Table:
        return self.numbers.read(X, blanks=blanks)

    def read_noisy(self, X: Any, noise: Any) -> tuple[Array, NoiseChannel]:
        return self.numbers.read_noisy(X, noise)

    def read_condition(self, condition: Any) -> Array:
        return self.numbers.read_condition(condition)

    def say(self, variable: int, state: float) -> str:
        return f"{self.names[variable]!r}: {self.states.name(variable, int(state))!r}"

    def begin(self, values: Array) -> Array:
        return self.numbers.begin(values)

    def write(self, states: Array, *, mean: bool = False) -> NDArray[Any]:
        rows = self.numbers.write(states, mean=mean)
        return rows if mean else self.states.write(rows)


def codec_of(estimator: Any, network: Structure) -> Codec:
    """Rows of states, columns as the network's variables; of a frame whose columns are their
    names, in any order. States go in and out by their names, where they have names.
    scikit-learn's checks want the `estimator`."""
    most = max(network.exact.sizes)

    def check(X: Any, blanks: bool) -> NDArray[Any]:
        given = network.in_order(X)
        if network.states.any:
            given = network.states.read(given, "X")
        rows = check_states(estimator, given, n_states=most, blanks=blanks)
        dense = dense_rows(rows, slice(None))
        network.check_states(dense, "X")
        return dense

    def check_row(condition: Any) -> Array:
        if network.states.any and np.ndim(condition) == 1:
            condition = network.states.read([condition], "condition")
        row = one_row(estimator, condition, most)
        network.check_states(row[None, :], "condition")
        return row

    codec = TableCodec(network.exact.sizes, check, check_row, names=network.names)
    return NamedCodec(codec, network.states, network.names) if network.states.any else codec


#: States that a variable may have where the rows alone say how many there are.
_MOST_STATES = 1024


class _Reader(BaseEstimator):
    """Stands in for a network that has no variables yet, in scikit-learn's checks."""


def read_columns(X: Any) -> tuple[NDArray[np.intp], list[Name], dict[Name, list[Name]]]:
    """Rows of variables that rows alone tell of, as numbers of states; the variables' names; and
    of columns of text in a frame what their states are called, sorted."""
    check_in_memory(X, "a table")
    names = list(getattr(X, "columns", ()))
    if not names:
        rows = check_states(_Reader(), as_array(X), n_states=_MOST_STATES, reset=True)
        dense = dense_rows(rows, slice(None)).astype(np.intp)
        return dense, [str(v) for v in range(dense.shape[1])], {}
    called: dict[Name, list[Name]] = {}
    columns = []
    for name in names:
        cells = np.asarray(as_array(X[name]))
        if cells.dtype.kind in "OUST" and all(isinstance(cell, str) for cell in cells.tolist()):
            found, cells = np.unique(cells.astype(str), return_inverse=True)
            called[name] = found.tolist()
        columns.append(cells)
    rows = check_states(_Reader(), np.stack(columns, 1), n_states=_MOST_STATES, reset=True)
    return dense_rows(rows, slice(None)).astype(np.intp), names, called


def patterns(known: NDArray[np.bool_]) -> list[tuple[NDArray[np.intp], frozenset[int]]]:
    """Row numbers that know the same columns, and which columns those are."""
    groups: dict[bytes, list[int]] = {}
    for number, row in enumerate(np.packbits(known, axis=1)):
        groups.setdefault(row.tobytes(), []).append(number)
    return [
        (np.array(numbers), frozenset(np.flatnonzero(known[numbers[0]]).tolist()))
        for numbers in groups.values()
    ]
