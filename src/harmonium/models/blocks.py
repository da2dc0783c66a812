"""A table a block of dense rows at a time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from harmonium.data.tables import Table, dense_rows

__all__ = ["by_rows"]

#: Numbers in one block of dense rows; bounds memory, however many rows there are.
_BLOCK_ELEMENTS, _ROWS_AT_ONCE = 2**21, 2048


def by_rows(table: Table, result: Callable[[NDArray[np.float64]], Tensor]) -> NDArray[np.float64]:
    """`result` of float64 rows, a block at a time: sparse ones are never dense as a whole."""
    step = int(np.clip(_BLOCK_ELEMENTS // max(table.shape[1], 1), 1, _ROWS_AT_ONCE))
    parts = [
        result(dense_rows(table, slice(start, start + step)).astype(np.float64)).numpy()
        for start in range(0, max(table.shape[0], 1), step)  # no rows have a shape, too
    ]
    return np.concatenate(parts)
