"""Questions about single cells put to an energy, a block of rows at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from harmonium.contract.energy import Energy
from harmonium.data.columns.categorical import Categorical
from harmonium.models.cells import CellMarginal
from harmonium.models.codec import Codec, ValueCodec
from harmonium.models.frames import FrameCodec
from harmonium.models.marginals import posterior_marginals
from harmonium.models.question import Question, blanks, with_weights
from harmonium.models.sequences import SequenceCodec

__all__ = ["cell_marginals"]

Array = NDArray[np.float64]

#: Rows asked about at once; bounds memory.
_ROWS_AT_ONCE = 4096


def cell_marginals(
    codec: Codec,
    X: Any,
    of: str | NDArray[np.bool_],
    build: Callable[[torch.dtype], Energy],
    generator: np.random.Generator,
) -> list[CellMarginal]:
    """P(cell = state) of the missing or the known cells (`of`) of rows, or of those that it
    marks, by the model's energy."""
    each = isinstance(of, str) and of == "known"
    table = codec.read(X, blanks=not (each and isinstance(codec, FrameCodec)))
    states = np.array(table, dtype=np.float64)

    def answered(question: Question) -> Array:
        parts = torch.split(torch.arange(len(states)), _ROWS_AT_ONCE)
        found = [posterior_marginals(question.select(part), build, generator) for part in parts]
        return np.concatenate(found)

    never = codec.state_weights("mean") if isinstance(codec, ValueCodec) else {}
    shares: list[Array] = []
    if not each:
        asked = np.isnan(states) if isinstance(of, str) else _marked(of, states.shape, codec)
        left = np.where(asked, np.nan, states)
        every = answered(with_weights(blanks(left, codec, "mean"), never, codec))
        shares = [np.where(asked[:, j, None], every[:, j], np.nan) for j in range(codec.n_own)]
    else:
        for j in range(codec.n_own):
            left = states.copy()
            left[:, j] = np.nan
            own = {j: never[j]} if j in never else {}
            every = answered(with_weights(blanks(left, codec, "mean"), own, codec))
            known = states[:, j] < codec.sizes[j] - (j in never)
            shares.append(np.where(known[:, None], every[:, j], np.nan))
    return _by_column(codec, states, shares)


def _marked(cells: NDArray[np.bool_], shape: tuple[int, ...], codec: Codec) -> NDArray[np.bool_]:
    """`cells` in the order of the variables."""
    cells = np.asarray(cells)
    if cells.dtype != bool or cells.shape != shape:
        raise ValueError(f"of must be bool of shape {shape}, got {cells.dtype} of {cells.shape}")
    return cells[:, codec.layout.order] if isinstance(codec, FrameCodec) else cells


def _by_column(codec: Codec, states: Array, shares: list[Array]) -> list[CellMarginal]:
    """In the order of the columns, with what their cells hold."""
    if isinstance(codec, FrameCodec):
        values = codec.layout.schema.read_values(codec.like)
        found = [
            CellMarginal(column, values[column.name], share[:, : column.n_states])
            for column, share in zip(codec.layout.columns, shares, strict=True)
        ]
        return [found[codec.layout.order.index(j)] for j in range(len(found))]
    if isinstance(codec, SequenceCodec):
        letters = list(codec.family.alphabet.letters)
        columns = [Categorical(str(j), letters) for j in range(codec.n_own)]
        return [
            CellMarginal(column, column.values(own), share[:, : len(letters)])
            for column, own, share in zip(columns, states.T, shares, strict=True)
        ]
    return [
        CellMarginal(
            Categorical(str(j), list(map(float, range(size)))), states[:, j], share[:, :size]
        )
        for j, (size, share) in enumerate(zip(codec.sizes, shares, strict=True))
    ]
