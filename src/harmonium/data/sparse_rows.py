"""Sparse rows as tensors that stay sparse."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

__all__ = ["sparse_tensor"]


def sparse_tensor(rows: Any, dtype: torch.dtype) -> Tensor:
    """Rows of a SciPy CSR matrix without double entries as a tensor of torch's COO layout, row
    after row. Costs what there is in them, not what there could be."""
    own = np.repeat(np.arange(rows.shape[0]), np.diff(rows.indptr))
    places = torch.from_numpy(np.stack([own, rows.indices]).astype(np.int64, copy=False))
    values = torch.from_numpy(np.asarray(rows.data)).to(dtype)
    # Rows come out of a checked matrix: to check them again would take longer than to use them.
    return torch.sparse_coo_tensor(
        places, values, rows.shape, is_coalesced=True, check_invariants=False
    )
