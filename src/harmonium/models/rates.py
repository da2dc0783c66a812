"""How often each state is met among rows: where learning and annealing start."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor

from harmonium.data.states import States
from harmonium.data.tables import Table, dense_rows
from harmonium.units.base import Units
from harmonium.units.bernoulli import Bernoulli
from harmonium.units.mixed import Mixed

__all__ = ["initial_bias"]

Array: TypeAlias = NDArray[np.float64]


def initial_bias(
    table: Any,
    weights: NDArray[np.float64] | None,
    n_rows: int,
    units: Units,
    observed: NDArray[np.bool_] | None = None,
) -> Tensor:
    """Where learning and annealing start: visible biases that match the base rates of rows that
    weigh as much as `n_rows`, each column's over the rows in which it is `observed`."""
    if isinstance(table, States):
        return _of_blocks(table, weights, n_rows, units)
    share = np.full(table.shape[0], 1.0 / table.shape[0]) if weights is None else weights
    share = share / share.sum()
    if observed is None:
        rates = _mean_statistics(table, share, units)
        return units.base_inputs(torch.from_numpy(rates), n_rows)
    return _of_sums(*_sums_observed(table, share, units, observed), n_rows, units)


def _of_blocks(
    table: States, weights: NDArray[np.float64] | None, n_rows: int, units: Units
) -> Tensor:
    """:func:`initial_bias` of rows out of core, in one pass."""
    total, known, start = np.zeros(units.n_statistics), np.zeros(units.n_statistics), 0
    scale = 1.0 / (len(table) if weights is None else weights.sum())
    for block in table.blocks():
        rows, observed = table.known(block)
        own = np.ones(len(block)) if weights is None else weights[start : start + len(block)]
        start += len(block)
        if observed is None:
            total += _mean_statistics(rows, scale * own, units)
        else:
            parts = _sums_observed(rows, scale * own, units, observed)
            total, known = total + parts[0], known + parts[1]
    if table.blank is None:
        return units.base_inputs(torch.from_numpy(total), n_rows)
    return _of_sums(total, known, n_rows, units)


def _of_sums(total: Array, known: Array, n_rows: int, units: Units) -> Tensor:
    rates = total / np.maximum(known, np.finfo(np.float64).tiny)
    return units.base_inputs(torch.from_numpy(rates), torch.from_numpy(known * n_rows))


def _sums_observed(
    table: Table, share: NDArray[np.float64], units: Units, observed: NDArray[np.bool_] | None
) -> tuple[Array, Array]:
    """Each statistic's sum over the rows that are known of its column (None: all), and the sum of
    shares; dense, whatever the table is, are a block of rows at once."""
    total, known = np.zeros(units.n_statistics), np.zeros(units.n_statistics)
    step = max(1, 2**22 // units.n_statistics)
    for start in range(0, len(share), step):
        block = slice(start, start + step)
        rows = dense_rows(table, block)
        own = np.ones(rows.shape, dtype=bool) if observed is None else observed[block]
        rows = np.where(own, rows, 0).astype(np.float64)
        seen = np.repeat(own, units.widths, axis=1)
        total += share[block] @ (units.statistics(torch.from_numpy(rows)).numpy() * seen)
        known += share[block] @ seen
    return total, known


def _mean_statistics(table: Table, share: NDArray[np.float64], units: Units) -> NDArray[np.float64]:
    """The statistics' mean over rows, each with its share; rows of 0 and 1 stay as they are
    stored, sparse ones sparse."""
    parts = units.parts if isinstance(units, Mixed) else (units,)
    if not isinstance(parts[0], Bernoulli):
        return _sums_observed(table, share, units, None)[0]
    n_plain = parts[0].n_variables
    # All columns as they are: a slice of a sparse table would be a copy of it.
    plain: Any = table if n_plain == table.shape[1] else table[:, :n_plain]
    if sparse.issparse(plain):
        mean = np.asarray(plain.T @ share, dtype=np.float64).reshape(-1)
    else:  # in blocks: a product would copy the whole table as float64
        step = max(1, 2**22 // n_plain)
        blocks = [slice(start, start + step) for start in range(0, len(share), step)]
        mean = np.sum([share[b] @ plain[b].astype(np.float64) for b in blocks], axis=0)
    if not isinstance(units, Mixed):
        return mean
    rest = dense_rows(table[:, n_plain:], slice(None)).astype(np.float64)
    beside = share @ Mixed(units.parts[1:]).statistics(torch.from_numpy(rest)).numpy()
    return np.concatenate([mean, beside])
