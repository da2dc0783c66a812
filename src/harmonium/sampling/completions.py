"""Rows of which some variables are free: the weights of every joint state that these may take.

Exact sums and exact draws of what is not known of a row, where few states are possible.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from harmonium.contract.energy import Energy
from harmonium.contract.evidence import Evidence
from harmonium.units.space import states_of

__all__ = ["Completions", "are_few", "completions", "weighing"]

#: Numbers in one block of enumerated states, and rows of them that are weighed together.
_BLOCK_ELEMENTS, _ROWS_AT_ONCE = 2**22, 2048


@dataclass(frozen=True)
class Completions:
    """Rows, by their numbers ``rows (n,)``, whose free variables have the same numbers of states.

    ``places (n, n_free)`` are the free variables, ``states (n_joint, n_free)`` what they may be
    together, the last fastest, and ``log_weights (n, n_joint)`` log of the unnormalised P of the
    row with these, times what was read of it: float64, all on the CPU. ``n_first`` of the free
    variables are among the first that were asked about, and come first.
    """

    rows: Tensor
    places: Tensor
    states: Tensor
    log_weights: Tensor
    n_first: int


def weighing(energy: Energy) -> Callable[[Tensor], Tensor]:
    """What :func:`completions` takes of an energy."""
    return lambda states: energy.log_weight(states.to(energy.device, energy.dtype))


def are_few(free: Tensor, sizes: Sequence[int], most: int) -> Tensor:
    """Which rows have at most so many joint states of what is ``free (n, n_variables)``."""
    each = torch.log2(torch.tensor(sizes, dtype=torch.float64, device=free.device))
    each[each == -np.inf] = np.inf  # states that cannot be counted
    wide = torch.where(free, each, torch.zeros_like(each))
    return wide.sum(1) <= np.log2(most) + 1e-9


def completions(
    log_weight: Callable[[Tensor], Tensor],
    x: Tensor,
    evidence: Evidence,
    sizes: Sequence[int],
    n_first: int | None = None,
) -> Iterator[Completions]:
    """Every row of float64 ``x (n, n_variables)`` on the CPU with its completions, in blocks.

    ``evidence.free`` must be given; of free variables x says nothing. Costs a weight a
    completion. What cannot be weighs -inf.
    """
    assert evidence.free is not None
    free = evidence.free
    own = x.shape[1] if n_first is None else n_first
    for (kinds, n_own), rows in _groups(free, sizes, own).items():
        states = torch.cat(list(states_of(kinds)))
        step = max(1, _BLOCK_ELEMENTS // (len(states) * x.shape[1]))
        for block in torch.split(torch.tensor(rows), step):
            places = free[block].nonzero()[:, 1].reshape(len(block), len(kinds))
            weights = _weights(log_weight, x[block], evidence.select(block), places, states)
            yield Completions(block, places, states, weights, n_own)


def _groups(
    free: Tensor, sizes: Sequence[int], n_first: int
) -> dict[tuple[tuple[int, ...], int], list[int]]:
    """Rows whose free variables have the same numbers of states; and how many are first."""

    def key(own: Tensor) -> tuple[tuple[int, ...], int]:
        places = np.flatnonzero(own.numpy()).tolist()
        return tuple(sizes[place] for place in places), sum(place < n_first for place in places)

    if len(free) and bool((free == free[0]).all()):  # of a label, say: no loop over rows
        return {key(free[0]): list(range(len(free)))}
    groups: dict[tuple[tuple[int, ...], int], list[int]] = {}
    for row, own in enumerate(free):
        groups.setdefault(key(own), []).append(row)
    return groups


def _weights(
    log_weight: Callable[[Tensor], Tensor],
    x: Tensor,
    evidence: Evidence,
    places: Tensor,
    states: Tensor,
) -> Tensor:
    n, n_joint = len(places), len(states)
    filled = x.repeat_interleave(n_joint, 0)
    filled.scatter_(1, places.repeat_interleave(n_joint, 0), states.repeat(n, 1))
    weights = torch.cat([log_weight(part).cpu() for part in torch.split(filled, _ROWS_AT_ONCE)])
    if evidence.readings is not None:
        many = evidence.select(torch.arange(n).repeat_interleave(n_joint))
        weights = weights + many.log_weight(filled)
    return weights.reshape(n, n_joint)
