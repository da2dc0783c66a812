"""Rows of a network answered together, exactly, by elimination."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from torch import Tensor

from harmonium.contract.noise import NoiseChannel
from harmonium.data.shards import check_in_memory
from harmonium.data.tables import Table, as_array, check_states, dense_rows, one_row
from harmonium.models.answers import Answerer
from harmonium.models.codec import Codec, TableCodec
from harmonium.models.network.exact.domains import Array
from harmonium.models.network.exact.plan import Reach
from harmonium.models.network.names import Name, StateNames
from harmonium.models.network.structure import Structure
from harmonium.models.question import Question

__all__ = ["Elimination", "codec_of", "patterns", "read_columns"]


class Elimination(Answerer):
    """Variables taken out one at a time: exact, where the tables met on the way fit memory.

    Rows that know the same columns share one pass.
    """

    name = "elimination"
    wants = "tables that fit max_memory"

    def __init__(self, network: Structure) -> None:
        self.network = network

    def covers(self, question: Question) -> Tensor:
        found = torch.zeros(len(question.start), dtype=torch.bool)
        for rows, known in patterns(~question.free.numpy()):
            found[torch.from_numpy(rows)] = self.network.fits(known)
        return found

    def answer(self, question: Question, generator: np.random.Generator) -> Tensor:
        states = question.start.numpy().astype(np.intp)
        found = np.empty((len(states), question.n_draws, states.shape[1]))
        read = (
            frozenset() if question.evidence.readings is None else frozenset(range(states.shape[1]))
        )
        reach: Reach = "down" if question.how == "mean" else "up"
        for numbers, known in patterns(~question.free.numpy()):
            for piece in self.network.exact.batches(len(numbers), known, read - known, reach=reach):
                rows = numbers[piece]
                found[rows] = self._filled(question, rows, known, generator)
        return torch.from_numpy(found.reshape(-1, states.shape[1]))

    def _filled(
        self,
        question: Question,
        rows: NDArray[np.intp],
        known: frozenset[int],
        generator: np.random.Generator,
    ) -> NDArray[Any]:
        """Rows of one pattern: ``(n, n_draws, n_variables)``."""
        exact, readings = self.network.exact, self._by_column(question, rows, known)
        states = question.start.numpy()[rows].astype(np.intp)
        if len(known) == states.shape[1]:
            self._check(self.network.log_weight(states), states, known)
            return np.repeat(states.astype(np.float64)[:, None], question.n_draws, axis=1)
        if question.how == "mean":
            log_p = np.broadcast_to(exact.log_sum(states, known, readings), len(rows))
            self._check(log_p, states, known)
            free = [v for v in range(states.shape[1]) if v not in known]
            result = states.astype(np.float64)
            tables = exact.marginals([(v,) for v in free], states, known, readings)
            for v, p in zip(free, tables, strict=True):
                result[:, v] = p @ np.arange(exact.sizes[v])
            return result[:, None]
        draw = generator if question.how == "sample" else None
        filled, log_p = exact.fill(states, known, readings, draw, question.n_draws)
        self._check(log_p, states, known)
        return filled.reshape(len(rows), question.n_draws, -1)

    def _by_column(
        self, question: Question, rows: NDArray[np.intp], known: frozenset[int]
    ) -> dict[int, Array] | None:
        """Readings of these rows, ``(n, n_states)`` for each column that is not known."""
        if question.evidence.readings is None:
            return None
        own = question.evidence.readings.select(torch.from_numpy(rows))
        return {
            v: own.log_likelihood(slice(v, v + 1), size)[:, 0].numpy()
            for v, size in enumerate(self.network.exact.sizes)
            if v not in known
        }

    def _check(self, log_p: Array, states: NDArray[np.intp], known: frozenset[int]) -> None:
        """Refuse rows that cannot be."""
        if np.isneginf(log_p).any():
            row = states[int(np.argmin(log_p))]
            shown = {
                self.network.names[v]: self.network.states.name(v, row[v])
                for v in sorted(known)[:10]
            }
            raise ValueError(
                f"X: what is known of a row ({shown}{', ...' if len(known) > 10 else ''}) has "
                "probability zero under the factors"
            )


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
