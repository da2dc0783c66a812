"""A table a block of rows at a time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor

from harmonium.data.sparse_rows import sparse_tensor
from harmonium.data.tables import Table, dense_rows

__all__ = ["by_rows"]

#: Numbers in one block of dense rows; bounds memory, however many rows there are.
_BLOCK_ELEMENTS, _ROWS_AT_ONCE = 2**21, 2048


def by_rows(
    table: Table, result: Callable[[Tensor], Tensor], *, of_sparse: bool = False
) -> NDArray[np.float64]:
    """`result` of float64 rows, a block at a time: sparse ones are never dense as a whole, and not
    at all where `result` is `of_sparse` rows too, of torch's COO layout."""
    step = int(np.clip(_BLOCK_ELEMENTS // max(table.shape[1], 1), 1, _ROWS_AT_ONCE))
    block = _sparse if of_sparse and sparse.issparse(table) else _dense
    parts = [
        result(block(table, slice(start, start + step))).numpy()
        for start in range(0, max(table.shape[0], 1), step)  # no rows have a shape, too
    ]
    return np.concatenate(parts)


def _dense(table: Table, chosen: slice) -> Tensor:
    return torch.from_numpy(dense_rows(table, chosen).astype(np.float64))


def _sparse(table: Table, chosen: slice) -> Tensor:
    return sparse_tensor(table[chosen], torch.float64)
