"""Questions about unknown variables: rows of states of which something is unknown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harmonium.contract.energy import Energy, Evidence, Generator
from harmonium.contract.evidence import TableReadings
from harmonium.contract.noise import Likelihood
from harmonium.models.codec import Codec, ValueCodec

__all__ = ["Question", "blanks", "readings", "weighed", "with_weights"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Question:
    """Rows of which something is unknown, and how it is to be filled.

    ``start (n, n_variables)`` float64: the states of what is clamped, and where chains begin
    elsewhere, but for what is ``unread`` (bool, same shape), which begins at draws from the base.
    ``how``: ``"mode"`` the most probable filling of the first ``n_own`` variables together, all
    others summed out; ``"mean"``; or ``"sample"``, ``n_draws`` independent draws of each row.
    ``say`` names a variable and its state in errors.
    """

    start: Tensor
    unread: Tensor
    evidence: Evidence
    how: str
    n_own: int
    say: Callable[[int, float], str]
    n_draws: int = 1

    @property
    def free(self) -> Tensor:
        """What is not clamped."""
        assert self.evidence.free is not None
        return self.evidence.free

    def select(self, index: Tensor) -> Question:
        """The rows at `index`."""
        return replace(
            self,
            start=self.start[index],
            unread=self.unread[index],
            evidence=self.evidence.select(index),
        )

    def repeated(self, n: int) -> Question:
        """Each row `n` times, in a row."""
        index = torch.arange(len(self.start)).repeat_interleave(n)
        return replace(self.select(index), n_draws=1)

    def begun(self, energy: Energy, generator: Generator) -> Tensor:
        """States that a chain a row begins at, ``(n, n_variables)``; the question's tensors must
        be where the energy's are."""
        drawn = energy.base_sample(len(self.start), generator)
        return torch.where(self.unread, drawn, self.start)

    def to(self, device: torch.device, dtype: torch.dtype) -> Question:
        """The same where an energy's tensors are."""
        known = None
        if self.evidence.readings is not None:
            table = self.evidence.readings.as_table()
            slopes = None if table.slopes is None else table.slopes.to(device)
            known = TableReadings(table.rows.to(device), table.table.to(device), slopes)
        return replace(
            self,
            start=self.start.to(device, dtype),
            unread=self.unread.to(device),
            evidence=Evidence(self.free.to(device), known),
        )


def blanks(values: Array, codec: Codec, how: str, n_draws: int = 1) -> Question:
    """What stands where `values` ``(n, n_own)`` are NaN? Variables beside those may follow;
    where they do not, they are unknown."""
    own = codec.n_own
    n_missing = own + len(codec.beside) - values.shape[1]
    values = np.pad(values, ((0, 0), (0, n_missing)), constant_values=np.nan)
    begin = np.concatenate([codec.begin(values[:, :own]), values[:, own:]], axis=1)
    return Question(
        torch.from_numpy(np.nan_to_num(begin)),
        torch.from_numpy(np.isnan(begin)),
        Evidence(torch.from_numpy(np.isnan(values))),
        how,
        own,
        codec.say,
        n_draws,
    )


def readings(values: Array, likelihood: Likelihood, codec: Codec, how: str) -> Question:
    """What clean states are behind noisy `values` ``(n, n_own)``?

    Where the channel leaves one state only, the variable is clamped to it: what is certain is
    not for sampling to overrule.
    """
    n, own = values.shape
    n_variables = own + len(codec.beside)
    begin = np.full((n, n_variables), np.nan)
    top = np.asarray(codec.sizes) - 1
    begin[:, :own] = np.clip(np.round(codec.begin(values)), 0, top)
    free = np.ones((n, n_variables), dtype=bool)
    rows = np.full((n, n_variables), len(likelihood.table) - 1, dtype=np.int32)
    rows[:, :own] = likelihood.rows
    possible = np.isfinite(likelihood.table)
    table = np.full((len(possible), max((*codec.sizes, *codec.beside))), -np.inf)
    table[:, : likelihood.table.shape[1]] = likelihood.table
    table[-1] = 0.0  # nothing was read, whatever the variable
    single = possible.sum(1) == 1
    if single.any():
        certain = single[rows]
        begin[certain] = possible.argmax(1)[rows[certain]]
        free[certain] = False
        rows[certain] = len(likelihood.table) - 1
    slopes = None
    if likelihood.slopes is not None:
        slopes = torch.zeros((n, n_variables), dtype=torch.float64)
        slopes[:, :own] = torch.from_numpy(likelihood.slopes)
    known = TableReadings(torch.from_numpy(rows), torch.from_numpy(table), slopes)
    return Question(
        torch.from_numpy(np.nan_to_num(begin)),
        torch.from_numpy(np.isnan(begin)),
        Evidence(torch.from_numpy(free), known),
        how,
        own,
        codec.say,
    )


def weighed(question: Question, codec: Codec, how: str, read: bool = False) -> Question:
    """The question with states of values weighed as `how` wants."""
    if not isinstance(codec, ValueCodec):
        return question
    return with_weights(question, codec.state_weights(how, read=read), codec)


def with_weights(question: Question, weights: Mapping[int, Array], codec: Codec) -> Question:
    """The question with states of some variables weighed: log weights ``(n_states,)`` by number."""
    if not weights:
        return question
    n, n_variables = question.start.shape
    known = question.evidence.readings
    if known is not None:
        return _combined(question, known.as_table(), weights)
    width = max((*codec.sizes, *codec.beside))
    table = np.zeros((len(weights) + 1, width))  # the last row says nothing, of any state
    rows = np.full((n, n_variables), len(weights), dtype=np.int32)
    for k, (j, own) in enumerate(weights.items()):
        table[k, len(own) :] = -np.inf
        table[k, : len(own)] = own
        rows[:, j] = k
    return _read(question, rows, table)


def _combined(question: Question, known: TableReadings, weights: Mapping[int, Array]) -> Question:
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
