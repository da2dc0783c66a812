"""Sparse rows as tensors that stay sparse."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["ones_of", "sparse_tensor"]


def sparse_tensor(rows: Any, dtype: torch.dtype) -> Tensor:
    """Rows of a SciPy CSR matrix without double entries as a tensor of torch's COO layout, row
    after row. Costs what there is in them, not what there could be."""
    values = torch.from_numpy(np.asarray(rows.data)).to(dtype)
    return _tensor(np.diff(rows.indptr), rows.indices, values, rows.shape)


def ones_of(table: Any, index: NDArray[np.int64]) -> Tensor:
    """The rows of a CSR matrix with these numbers as :func:`sparse_tensor`, float32, if all that is
    in them is ones. Quicker than SciPy's own choice of rows, which is made for large ones."""
    starts = table.indptr[index]
    counts = table.indptr[index + 1] - starts
    ends = np.cumsum(counts)
    places = np.arange(ends[-1] if len(ends) else 0) + np.repeat(starts - ends + counts, counts)
    columns = table.indices[places]
    return _tensor(counts, columns, torch.ones(len(columns)), (len(index), table.shape[1]))


def _tensor(
    counts: NDArray[Any], columns: NDArray[Any], values: Tensor, shape: tuple[int, int]
) -> Tensor:
    places = np.empty((2, len(columns)), dtype=np.int64)
    places[0], places[1] = np.repeat(np.arange(len(counts)), counts), columns
    # Rows come out of a checked matrix: to check them again would take longer than to use them.
    return torch.sparse_coo_tensor(
        torch.from_numpy(places), values, shape, is_coalesced=True, check_invariants=False
    )
