"""Rows to learn from that are in memory, by how they lie there."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor

from harmonium.compute.device import sent
from harmonium.data.sparse_rows import ones_of
from harmonium.data.tables import Table, dense_rows
from harmonium.learning.rows import Batch, RowSource

__all__ = ["Mapped", "Memory", "Sparse", "row_source"]

#: Bytes of rows that are read at once to be hashed.
_HASHED_AT_ONCE = 2**24


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
        self._observed: Tensor | None = None
        if observed is not None and not observed.all():
            self._stored[torch.from_numpy(~observed).to(device)] = 0
            self._observed = torch.from_numpy(np.array(observed, dtype=bool)).to(device)
            self.holes = (~self._observed).any(0).nonzero().reshape(-1)

    def read(self, index: NDArray[np.int64]) -> Batch:
        chosen = sent(torch.from_numpy(index), self.device)
        batch = Batch(torch.index_select(self._stored, 0, chosen).float())
        if self._observed is not None:
            batch.observed, batch.index = torch.index_select(self._observed, 0, chosen), index
        return batch

    def digest(self, into: Any) -> None:
        _digest_of(into, "dense", self._stored.shape, self.weights)
        if self._observed is not None:
            into.update(b"observed")
            into.update(np.packbits(self._observed.cpu().numpy()))
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
    """Rows of a CSR matrix: batches are sparse where all that is in them is ones, else dense."""

    def __init__(
        self, table: Any, device: torch.device, weights: NDArray[np.float64] | None = None
    ) -> None:
        self.n_rows, self.weights = table.shape[0], weights
        self._table, self.device = table, device
        self._ones = bool(table.has_canonical_format and (table.data == 1).all())

    def read(self, index: NDArray[np.int64]) -> Batch:
        if self._ones:
            return Batch(ones_of(self._table, index).to(self.device))
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
