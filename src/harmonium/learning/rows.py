"""Rows to learn from, parted from those held out, and the order in which batches of them come."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harmonium.compute.random import generator_state, restore_generator, systematic_resampling
from harmonium.data.tables import are_counts
from harmonium.learning.checkpoint import State

__all__ = [
    "Batch",
    "Batches",
    "RowSource",
    "Split",
    "n_rows_of",
]


@dataclass(slots=True)
class Batch:
    """Rows ``x (n, n_variables)`` on the energy's device; ``weight (n,)``, None: all alike.

    ``rows`` are the same as they came: of 0 and 1 they may be sparse, of torch's COO layout, and
    are made dense when ``x`` is asked for.

    ``observed`` is bool ``(n, n_variables)``: where False, a cell is not known and its number
    means nothing; None: all are known. ``index (n,)`` are the numbers of rows with such cells
    in their source.
    """

    rows: Tensor
    weight: Tensor | None = None
    observed: Tensor | None = None
    index: NDArray[np.int64] | None = None

    @property
    def x(self) -> Tensor:
        if self.rows.is_sparse:
            self.rows = self.rows.to_dense()
        return self.rows

    def shares(self, dtype: torch.dtype | None = None) -> Tensor:
        """The weights, summing to one, in this or the rows' own precision."""
        wanted = self.rows.dtype if dtype is None else dtype
        if self.weight is None:
            n = len(self.rows)
            return torch.full((n,), 1.0 / n, dtype=wanted, device=self.rows.device)
        return (self.weight / self.weight.sum()).to(wanted)


class RowSource(ABC):
    """Rows of states, numbered from 0; ``weights (n_rows,)`` say how many each counts for, with
    1 as the largest; None: all alike. ``holes`` are the columns in which some cells are not known,
    in order; None: all are."""

    n_rows: int
    device: torch.device
    weights: NDArray[np.float64] | None
    holes: Tensor | None = None

    @abstractmethod
    def read(self, index: NDArray[np.int64]) -> Batch:
        """The rows with these numbers, float32."""

    @abstractmethod
    def digest(self, into: Any) -> None:
        """Feed all of the rows, their weights, and which cells are known, to a hash."""

    def pick(self, index: NDArray[np.int64], weights: NDArray[np.float64] | None = None) -> Batch:
        """The rows with these numbers, which rise, and what each counts for."""
        batch = self.read(index)
        if weights is not None:
            batch.weight = torch.from_numpy(weights).to(batch.rows.device)
        return batch

    def usable_weights(self) -> NDArray[np.float64] | None:
        """What those that count, count for."""
        return None if self.weights is None else self.weights[self.usable()]

    def usable(self) -> NDArray[np.int64]:
        """The rows that count."""
        return np.arange(self.n_rows) if self.weights is None else np.flatnonzero(self.weights)


@dataclass(frozen=True)
class Split:
    """Numbers of the rows that are learned from and of those held out; both rise.

    Where rows have weights, so have both parts: a row that counts often may be in either with a
    part of its weight, as its copies would be. Of weights that are no counts rows are in one part,
    or what is held out would have been learned, but for those that neither could do without.
    """

    kept: NDArray[np.int64]
    held: NDArray[np.int64]
    kept_weights: NDArray[np.float64] | None = None
    held_weights: NDArray[np.float64] | None = None

    @property
    def unseen(self) -> NDArray[np.int64]:
        """Numbers of the rows that nothing is learned from, not with a part of their weight."""
        if self.held_weights is None:
            return self.held
        return np.setdiff1d(self.held, self.kept, assume_unique=True)

    @classmethod
    def drawn(cls, rows: RowSource, n_held: int, generator: np.random.Generator) -> Split:
        """`n_held` of the usable rows, or copies, at random, and the others."""
        usable = rows.usable()
        if rows.weights is None:
            shuffled = generator.permutation(usable)
            return cls(np.sort(shuffled[n_held:]), np.sort(shuffled[:n_held]))
        weights = rows.weights[usable]
        share = n_held / max(n_rows_of(rows), 1)
        copies = pieces_of(weights, share)
        taken = generator.multivariate_hypergeometric(copies, int(share * copies.sum()))
        held = weights * taken / np.maximum(copies, 1)
        kept = weights - held
        return cls(
            usable[taken < np.maximum(copies, 1)],
            usable[taken > 0],
            kept[taken < np.maximum(copies, 1)],
            held[taken > 0],
        )


#: Weights that are no counts are whole up to this share of what is held out, or times their mean.
_WHOLE_OF_HELD, _WHOLE_OF_MEAN = 0.25, 2.0


def pieces_of(weights: NDArray[np.float64], share: float) -> NDArray[np.int64]:
    """As how many pieces rows are parted, of which a `share` is held out: counts, else mostly 1."""
    if are_counts(weights):
        return weights.astype(np.int64)
    relative = weights / weights.max()
    most = max(_WHOLE_OF_HELD * share * relative.sum(), _WHOLE_OF_MEAN * relative.mean())
    return np.ceil(relative / most).astype(np.int64)


def n_rows_of(rows: RowSource) -> int:
    """Rows that weigh as much: their number; of counts the sum; else Kish's effective number,
    (sum w)^2 / sum w^2."""
    if rows.weights is None:
        return rows.n_rows
    weights = rows.weights[rows.usable()]
    if are_counts(weights):
        return int(weights.sum())
    share = weights / weights.max()
    return max(1, int(share.sum() ** 2 / (share**2).sum()))


class Batches:
    """An endless stream of equally sized batches of the `chosen` rows, which may have `weights`.

    Each round visits every row once in a fresh order, or, where rows have weights, a number of
    times whose expectation is proportional to them (systematic resampling). A batch may span
    two rounds, so none is ever short and each row counts the same. Of several ranks with equal
    generators each is given its own share of every batch; shares differ by one row at most.
    """

    def __init__(
        self,
        rows: RowSource,
        chosen: NDArray[np.int64],
        batch_size: int,
        generator: np.random.Generator,
        weights: NDArray[np.float64] | None = None,
        *,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        if batch_size < world:
            raise ValueError(f"batch_size must be at least {world}, one a rank, got {batch_size}")
        self.rows, self.chosen, self.batch_size = rows, chosen, batch_size
        self.generator = generator
        self.rank, self.world = rank, world
        self.weights = weights
        self.order = self._round()
        self.position = 0

    def _round(self) -> NDArray[np.int64]:
        if self.weights is None:
            return self.chosen[self.generator.permutation(len(self.chosen))]
        n = max(len(self.chosen), self.batch_size)  # few rows may stand for many
        copies = systematic_resampling(self.weights, n, self.generator)
        return self.chosen[self.generator.permutation(copies)]

    def next_index(self) -> NDArray[np.int64]:
        """Numbers of the rows of the next batch, this rank's share of it."""
        stop = self.position + self.batch_size
        if stop <= len(self.order):
            index = self.order[self.position : stop]
            self.position = stop
        else:
            index = self._across_rounds()
        return index if self.world == 1 else index[self.rank :: self.world]

    def _across_rounds(self) -> NDArray[np.int64]:
        parts, missing = [], self.batch_size
        while missing:
            if self.position == len(self.order):
                self.order, self.position = self._round(), 0
            part = self.order[self.position : self.position + missing]
            parts.append(part)
            self.position += len(part)
            missing -= len(part)
        return np.concatenate(parts)

    def __next__(self) -> Batch:
        return self.rows.read(self.next_index())

    def state(self) -> State:
        facts = {"position": self.position, "generator": generator_state(self.generator)}
        return State({"order": torch.from_numpy(self.order)}, facts)

    def restore(self, state: State) -> None:
        self.order = state.tensors["order"].cpu().numpy()
        self.position = state.facts["position"]
        restore_generator(self.generator, state.facts["generator"])
