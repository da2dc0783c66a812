"""The states of an energy model: how many, all of them, or some at random."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from harmonium.contract.energy import Energy, Generator

__all__ = ["MAX_STATES", "all_states", "state_counts", "uniform_states"]

#: Enumeration visits at most this many states.
MAX_STATES = 2**20
_ROWS_AT_ONCE = 2**14


def state_counts(energy: Energy) -> list[int]:
    """Number of states of each variable; the softmax group of a labelled RBM is one of them."""
    n_classes = getattr(energy, "n_classes", 0)
    sizes = getattr(energy, "sizes", None)
    if sizes is not None:
        return [int(size) for size in sizes]
    free = [energy.n_states] * (energy.n_variables - n_classes)
    return [*free, n_classes] if n_classes else free


def _from_digits(energy: Energy, digits: Tensor) -> Tensor:
    """States from one number a variable, as :func:`state_counts` counts them."""
    n_classes = getattr(energy, "n_classes", 0)
    if not n_classes:
        return digits.to(energy.device, energy.dtype)
    group = torch.nn.functional.one_hot(digits[:, -1].long(), n_classes)
    return torch.cat([digits[:, :-1], group], dim=1).to(energy.device, energy.dtype)


def uniform_states(energy: Energy, n: int, generator: Generator) -> Tensor:
    sizes = np.array(state_counts(energy))
    if isinstance(generator, np.random.Generator):
        return _from_digits(energy, torch.from_numpy(generator.integers(0, sizes, (n, len(sizes)))))
    drawn = torch.rand((n, len(sizes)), generator=generator, device=energy.device)
    return _from_digits(energy, (drawn * torch.from_numpy(sizes).to(energy.device)).long())


def all_states(energy: Energy) -> Iterator[Tensor]:
    sizes = state_counts(energy)
    total = math.prod(sizes)
    if total > MAX_STATES:
        raise ValueError(
            f"method='exact': the model has about 10^{math.log10(total):.0f} states, at most "
            f"{MAX_STATES:,} can be visited; use method='gibbs' or 'tempered'"
        )
    for start in range(0, total, _ROWS_AT_ONCE):
        left = np.arange(start, min(start + _ROWS_AT_ONCE, total))
        yield _from_digits(
            energy, torch.from_numpy(np.stack(np.unravel_index(left, sizes), axis=1))
        )
