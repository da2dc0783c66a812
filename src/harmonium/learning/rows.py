"""Rows to learn from, wherever they lie, and the order in which batches of them come."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor

from harmonium.compute.random import generator_state, restore_generator, systematic_resampling
from harmonium.data.tables import Table, are_counts, dense_rows
from harmonium.learning.checkpoint import State

__all__ = [
    "Batch",
    "Batches",
    "Mapped",
    "Memory",
    "RowSource",
    "Sparse",
    "Split",
    "n_rows_of",
    "row_source",
]

#: Bytes of rows that are read at once to be hashed.
_HASHED_AT_ONCE = 2**24


@dataclass(slots=True)
class Batch:
    """Rows ``x (n, n_variables)`` on the energy's device; ``weight (n,)``, None: all alike.

    ``observed`` is bool ``(n, n_variables)``: where False, a cell is not known and its number
    means nothing; None: all are known. ``index (n,)`` are the numbers of rows with such cells
    in their source.
    """

    x: Tensor
    weight: Tensor | None = None
    observed: Tensor | None = None
    index: NDArray[np.int64] | None = None

    def shares(self, dtype: torch.dtype | None = None) -> Tensor:
        """The weights, summing to one, in this or the rows' own precision."""
        wanted = self.x.dtype if dtype is None else dtype
        if self.weight is None:
            n = len(self.x)
            return torch.full((n,), 1.0 / n, dtype=wanted, device=self.x.device)
        return (self.weight / self.weight.sum()).to(wanted)


class RowSource(ABC):
    """Rows of states, numbered from 0; ``weights (n_rows,)`` say how many each counts for, with
    1 as the largest; None: all alike. ``observed (n_rows, n_variables)``, bool, says which cells
    are known; None: all."""

    n_rows: int
    device: torch.device
    weights: NDArray[np.float64] | None
    observed: Tensor | None = None

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
            batch.weight = torch.from_numpy(weights).to(batch.x.device)
        return batch

    def usable_weights(self) -> NDArray[np.float64] | None:
        """What those that count, count for."""
        return None if self.weights is None else self.weights[self.usable()]

    def usable(self) -> NDArray[np.int64]:
        """The rows that count."""
        return np.arange(self.n_rows) if self.weights is None else np.flatnonzero(self.weights)


def _digest_of(into: Any, kind: str, shape: Any, weights: NDArray[np.float64] | None) -> None:
    into.update(f"{kind} {tuple(shape)}".encode())
    if weights is not None:
        into.update(np.ascontiguousarray(weights).tobytes())


class Memory(RowSource):
    """Rows of a dense array: one byte a value, on the device, so that a step copies nothing; and
    one more a cell where some are not known."""

    def __init__(
        self,
        table: NDArray[Any],
        device: torch.device,
        weights: NDArray[np.float64] | None = None,
        observed: NDArray[np.bool_] | None = None,
    ) -> None:
        # A copy: torch wants memory that it may write, and rows must not change under the fit.
        kept = np.array(table, dtype=_narrowest(table), order="C")
        self.n_rows, self.weights = len(kept), weights
        self._stored = torch.from_numpy(kept).to(device)
        self.device = device
        if observed is not None and not observed.all():
            self._stored[torch.from_numpy(~observed).to(device)] = 0
            self.observed = torch.from_numpy(np.array(observed, dtype=bool)).to(device)

    def read(self, index: NDArray[np.int64]) -> Batch:
        chosen = torch.from_numpy(index)
        if self.device.type != "cpu":
            chosen = chosen.to(self.device)
        batch = Batch(torch.index_select(self._stored, 0, chosen).float())
        if self.observed is not None:
            batch.observed, batch.index = torch.index_select(self.observed, 0, chosen), index
        return batch

    def digest(self, into: Any) -> None:
        _digest_of(into, "dense", self._stored.shape, self.weights)
        if self.observed is not None:
            into.update(b"observed")
            into.update(np.packbits(self.observed.cpu().numpy()))
        for part in torch.split(self._stored, _rows_at_once(self._stored.shape[1])):
            into.update(_one_type(part.cpu().numpy()))


class Mapped(RowSource):
    """Rows of a memory-mapped file, read batch by batch."""

    def __init__(
        self, table: NDArray[Any], device: torch.device, weights: NDArray[np.float64] | None = None
    ) -> None:
        self.n_rows, self.weights = len(table), weights
        self._table, self.device = table, device

    def read(self, index: NDArray[np.int64]) -> Batch:
        # In the order of the file: the order of rows within a batch makes no difference.
        block = self._table[np.sort(index)]
        return Batch(torch.from_numpy(np.asarray(block, dtype=np.float32)).to(self.device))

    def digest(self, into: Any) -> None:
        _digest_of(into, "dense", self._table.shape, self.weights)
        step = _rows_at_once(self._table.shape[1])
        for start in range(0, self.n_rows, step):
            into.update(_one_type(self._table[start : start + step]))


class Sparse(RowSource):
    """Rows of a CSR matrix, made dense batch by batch."""

    def __init__(
        self, table: Any, device: torch.device, weights: NDArray[np.float64] | None = None
    ) -> None:
        self.n_rows, self.weights = table.shape[0], weights
        self._table, self.device = table, device

    def read(self, index: NDArray[np.int64]) -> Batch:
        block = dense_rows(self._table, index)
        return Batch(torch.from_numpy(np.asarray(block, dtype=np.float32)).to(self.device))

    def digest(self, into: Any) -> None:
        """By where the entries stand: a dense table of the same rows counts as another."""
        _digest_of(into, "sparse", self._table.shape, self.weights)
        table = self._table
        if not table.has_canonical_format or not table.data.all():
            table = table.copy()
            table.sum_duplicates()
            table.eliminate_zeros()
        for part in (table.indptr.astype(np.int64), table.indices.astype(np.int64)):
            into.update(np.ascontiguousarray(part))
        into.update(_one_type(table.data))


def row_source(
    table: Table,
    device: torch.device,
    weights: NDArray[np.float64] | None = None,
    observed: NDArray[np.bool_] | None = None,
) -> RowSource:
    """The source for a checked table, by where it lies.

    `observed`, of the table's shape, says which cells are known, None: all; what stands in the
    others is never looked at. Raises ``ValueError`` where a sparse or memory-mapped table has
    unknown cells.
    """
    if observed is not None and not observed.all():
        if sparse.issparse(table) or isinstance(table, np.memmap):
            raise ValueError(
                "X: rows with missing cells must be a dense array in memory, got "
                f"{type(table).__name__}"
            )
        if observed.shape != table.shape:
            raise ValueError(f"observed must have shape {table.shape}, got {observed.shape}")
        return Memory(table, device, weights, observed)
    kind = Sparse if sparse.issparse(table) else Mapped if isinstance(table, np.memmap) else Memory
    return kind(table, device, weights)


def _narrowest(table: NDArray[Any]) -> type[np.generic]:
    """The smallest type that holds the states."""
    if table.dtype.kind == "b" or table.dtype == np.uint8 or not table.size:
        return np.uint8
    return np.uint8 if table.max() <= 255 else np.int32


def _one_type(block: NDArray[Any]) -> NDArray[Any]:
    return np.ascontiguousarray(block, dtype=_narrowest(block))


def _rows_at_once(width: int) -> int:
    return max(1, _HASHED_AT_ONCE // max(width, 1))


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
