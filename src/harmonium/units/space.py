"""The states that variables have together: how many, all of them, or some at random."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from harmonium.contract.energy import Energy, Generator

__all__ = ["LIMITS", "all_states", "log2_states", "n_states", "states_of", "uniform_states"]

#: Joint states up to which each kind of sum is made by visiting them one by one.
LIMITS = {
    "log_partition": 2**22,  # once a model
    "gradient": 2**20,  # once an update
    "expectation": 2**20,  # once a question
    "watch": 2**12,  # at each look of a fit
    "answer": 2**10,  # once a row
}
#: Numbers in one block of states; keeps a block of float64 in tens of megabytes.
_BLOCK_ELEMENTS = 2**22


def log2_states(sizes: Sequence[int]) -> float:
    """log2 of the number of joint states; infinite where one variable's cannot be counted."""
    return sum(math.log2(size) if size else math.inf for size in sizes)


def n_states(sizes: Sequence[int]) -> int:
    """The number of joint states of variables with these numbers of states."""
    if not all(sizes):
        raise ValueError("states that cannot be counted cannot be summed one by one")
    return math.prod(sizes)


def states_of(sizes: Sequence[int], n_columns: int = 0) -> Iterator[Tensor]:
    """All joint states in float64 blocks ``(block, len(sizes))``, the last variable fastest.

    `n_columns` is the width of what the caller makes of a row; blocks shrink as it grows.
    """
    total = n_states(sizes)
    block = max(1, min(total, _BLOCK_ELEMENTS // max(n_columns, len(sizes), 1)))
    for start in range(0, total, block):
        left = np.arange(start, min(start + block, total))
        if sizes:
            yield torch.from_numpy(np.stack(np.unravel_index(left, tuple(sizes)), 1)).double()
        else:
            yield torch.zeros((1, 0), dtype=torch.float64)


def all_states(energy: Energy, limit: str = "expectation") -> Iterator[Tensor]:
    """All states of an energy, in blocks of its own dtype on its device.

    Raises ``ValueError`` for more than ``LIMITS[limit]``.
    """
    if log2_states(energy.sizes) > math.log2(LIMITS[limit]):
        raise ValueError(
            f"method='exact': the model has about 10^{log2_states(energy.sizes) * 0.30103:.0f} "
            f"states, at most {LIMITS[limit]:,} can be visited; use method='gibbs' or 'tempered'"
        )
    for block in states_of(energy.sizes):
        yield block.to(energy.device, energy.dtype)


def uniform_states(energy: Energy, n: int, generator: Generator) -> Tensor:
    """`n` states, each as likely as any other."""
    sizes = np.array(energy.sizes)
    if isinstance(generator, np.random.Generator):
        drawn = torch.from_numpy(generator.integers(0, sizes, (n, len(sizes))))
    else:
        uniform = torch.rand((n, len(sizes)), generator=generator, device=energy.device)
        drawn = (uniform * torch.from_numpy(sizes).to(energy.device)).long()
    return drawn.to(energy.device, energy.dtype)
