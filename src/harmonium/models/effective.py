"""Couplings between visible variables that hidden units bring about."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harmonium.compute.draws import PLAIN_ONLY
from harmonium.compute.threads import in_order

__all__ = ["Behind", "effective_couplings", "rows_averaged_over"]

Array = NDArray[np.float64]
Tables: TypeAlias = Iterator[tuple[tuple[int, int], Array]]

#: Numbers that are worked out together.
_BLOCK_ELEMENTS = 2**23


@dataclass(frozen=True)
class Behind:
    """Hidden units behind rows of states ``x (n, V)``, in float64.

    ``inputs (n, h)`` are what rows lead to them, ``weights``, ``(k_i, h)`` a variable, what each
    of its states adds to that, and `log_partition` what the units sum to, ``(...)`` for inputs
    ``(..., h)``, of ``n_terms`` numbers each. ``are_bits``: they are 0 or 1, and not coupled to
    each other.
    """

    x: Tensor
    inputs: Tensor
    weights: Sequence[Tensor]
    log_partition: Callable[[Tensor], Tensor]
    n_terms: int
    are_bits: bool


def effective_couplings(behind: Behind) -> Array:
    """What each pair of states weighs beyond its two states alone, ``(V, V, k, k)``.

    The second mixed difference of log P(v) in v_i and v_j, with the others as in a row, the mean
    over the rows, in the zero-sum gauge: what hidden units do there in pairs (Decelle,
    Furtlehner, Navas, Seoane 2024 take it over uniform rows, and approximate). What variables
    weigh alone has no part in it, and couplings of their own are beside it. k is the
    largest number of states; states that a variable lacks are zeros. float64.

    Costs n * h * V^2 / 2 * k^2 multiplications on all cores: with 100 rows, 256 hidden units
    and 21 states 3 s for 53 columns on one.
    """
    sizes = [len(own) for own in behind.weights]
    n_variables, most = len(sizes), max(sizes)
    found = np.zeros((n_variables, n_variables, most, most))
    compiled = not PLAIN_ONLY and behind.are_bits
    for (i, j), table in _compiled(behind) if compiled else _plain(behind):
        table = table - table.mean(0) - table.mean(1)[:, None] + table.mean()
        found[i, j, : sizes[i], : sizes[j]] = table
        found[j, i, : sizes[j], : sizes[i]] = table.T
    return found


def rows_averaged_over(
    X: Any,
    n_rows: int,
    sample: Callable[[], Any],
    read: Callable[[Any], Array],
    generator: np.random.Generator,
) -> Tensor:
    """States of `n_rows` of `X` at most, as the model reads them, or of what it samples."""
    states = np.asarray(read(sample() if X is None else X), dtype=np.float64)
    if not len(states):
        raise ValueError("X holds no rows; wanted some to average over")
    if len(states) > n_rows:
        states = states[generator.choice(len(states), n_rows, replace=False)]
    return torch.from_numpy(states)


def _pairs(behind: Behind) -> list[tuple[int, int]]:
    return list(combinations(range(len(behind.weights)), 2))


def _plain(behind: Behind) -> Tables:
    x, weights = behind.x.long(), behind.weights
    for i, j in _pairs(behind):
        rest = behind.inputs - weights[i][x[:, i]] - weights[j][x[:, j]]
        pair = weights[i].unsqueeze(1) + weights[j].unsqueeze(0)
        n_together = max(1, _BLOCK_ELEMENTS // (pair.shape[0] * pair.shape[1] * behind.n_terms))
        total = torch.zeros(pair.shape[:2], dtype=rest.dtype, device=rest.device)
        for some in torch.split(rest, n_together):
            total += behind.log_partition(some[:, None, None] + pair).sum(0)
        yield (i, j), (total / len(x)).cpu().numpy()


def _compiled(behind: Behind) -> Tables:
    from harmonium.compute.cpu_pairs import add_pair_tables

    inputs, rows = behind.inputs.cpu().numpy(), behind.x.long().cpu().numpy()
    weights = [np.ascontiguousarray(own.cpu().numpy().T) for own in behind.weights]

    def one(pair: tuple[int, int]) -> tuple[tuple[int, int], Array]:
        i, j = pair
        table = np.zeros((weights[i].shape[1], weights[j].shape[1]))
        states = np.ascontiguousarray(rows[:, [i, j]])
        add_pair_tables(inputs, states, weights[i], weights[j], table)
        return pair, table

    return in_order(one, _pairs(behind))
