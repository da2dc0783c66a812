"""The plain twins: what the compiled kernels of Boltzmann machines compute, in torch."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from harmonium.compute import plain
from harmonium.contract.evidence import Readings
from harmonium.models.boltzmann.kernels.layout import Places

__all__ = ["Given", "ascend", "conditionals", "count_pairs", "regress", "sweep", "weigh"]


@dataclass(frozen=True)
class Given:
    """What acts on single variables: ``fields`` and ``base`` ``(n_variables, width)`` at beta = 1
    and 0, ``beta (n,)``; what is free ``(n, n_variables)`` and what was read, None: all,
    nothing."""

    fields: Tensor
    base: Tensor
    beta: Tensor
    free: Tensor | None = None
    readings: Readings | None = None


def _logits(rows: Tensor, i: int, places: Places, tables: Tensor, given: Given) -> Tensor:
    near = torch.from_numpy(places.near(i)).to(rows.device)
    size = places.sizes[i]
    if places.bits:
        one = (rows[:, near] < places.n_statistics).to(tables) @ tables[i, near.long()]
        inputs = torch.stack([torch.zeros_like(one), one], 1)
    else:
        table = tables[i].reshape(-1, places.width)
        inputs = table[rows[:, near].long()].sum(1)[:, :size]
    inputs = inputs + given.fields[i, :size]
    beta = given.beta.to(inputs).unsqueeze(1)
    logits = beta * inputs + (1 - beta) * given.base[i, :size]
    if given.readings is not None:
        logits = logits + given.readings.log_likelihood(slice(i, i + 1), size)[:, 0].to(logits)
    return logits


def sweep(
    x: Tensor, places: Places, tables: Tensor, given: Given, levels: Tensor
) -> tuple[Tensor, Tensor]:
    """x ``(n, n_variables)`` after one sweep by ``levels (n, n_variables)``, and the mean of what
    each variable was drawn from."""
    x, means, rows = x.clone(), x.clone(), places.rows(x)
    for i, size in enumerate(places.sizes):
        logits = _logits(rows, i, places, tables, given)
        state = plain.categorical(logits, levels[:, i]).to(x.dtype)
        mean = torch.softmax(logits, 1) @ torch.arange(size, dtype=x.dtype, device=x.device)
        if given.free is not None:
            state = torch.where(given.free[:, i], state, x[:, i])
            mean = torch.where(given.free[:, i], mean, x[:, i])
        x[:, i], means[:, i] = state, mean
        rows[:, i] = torch.from_numpy(places.of_state[i]).to(x.device)[state.long()]
    return x, means


def ascend(x: Tensor, places: Places, tables: Tensor, given: Given) -> Tensor:
    """Each variable in turn to its most probable state; of two alike it stays in its own."""
    x, rows = x.clone(), places.rows(x)
    for i in range(places.n_variables):
        logits = _logits(rows, i, places, tables, given)
        state = x[:, i].long()
        higher = logits.max(1).values > logits.gather(1, state.unsqueeze(1)).squeeze(1)
        if given.free is not None:
            higher = higher & given.free[:, i]
        state = torch.where(higher, logits.argmax(1), state)
        x[:, i] = state.to(x.dtype)
        rows[:, i] = torch.from_numpy(places.of_state[i]).to(x.device)[state]
    return x


def conditionals(x: Tensor, places: Places, tables: Tensor, given: Given) -> Tensor:
    """P of each state given all other variables, ``(n, n_variables, states)``."""
    rows = places.rows(x)
    found = x.new_zeros((*x.shape, max(places.sizes)))
    for i, size in enumerate(places.sizes):
        found[:, i, :size] = torch.softmax(_logits(rows, i, places, tables, given), 1)
    return found


def weigh(x: Tensor, places: Places, wide: Tensor) -> Tensor:
    """The sum over pairs of the couplings that states pick, float64 ``(n,)``; `wide` has a row and
    a column of zeros at the end."""
    rows, total = places.rows(x).long(), x.new_zeros(len(x), dtype=torch.float64)
    for i in range(1, places.n_variables):
        near = places.near(i)
        before = torch.from_numpy(near[near < i].astype("int64")).to(x.device)
        total += wide[rows[:, i].unsqueeze(1), rows[:, before]].double().sum(1)
    return total


def count_pairs(x: Tensor, shares: Tensor, places: Places) -> Tensor:
    """Shares of rows in each pair of states, float64 ``(n_statistics, n_statistics)``; of single
    ones on the diagonal. Other pairs of one variable, and those not coupled, are zero."""
    one = x.new_zeros((len(x), places.n_statistics + 1), dtype=torch.float64)
    one.scatter_(1, places.rows(x).long(), 1.0)
    one = one[:, :-1]
    counts = one.T @ (shares.double().unsqueeze(1) * one)
    kept = places.mask.to(x.device) | torch.eye(len(counts), dtype=torch.bool, device=x.device)
    return torch.where(kept, counts, 0.0)


def regress(
    x: Tensor,
    rows: Tensor,
    shares: Tensor,
    i: int,
    places: Places,
    table: Tensor,
    fields: Tensor,
) -> tuple[float, Tensor, Tensor]:
    """The sum of shares times log P(x_i given all others), float64, and its slopes by the `table`
    ``(n_statistics + 1, size)`` of what statistics add to the states of variable i, and by its
    `fields` ``(size,)``."""
    near = torch.from_numpy(places.near(i)).to(x.device).long()
    rows = rows[:, near].long()
    log_p = torch.log_softmax((table[rows].sum(1) + fields).double(), 1)
    own = x[:, i].long().unsqueeze(1)
    residual = -torch.exp(log_p).scatter_add(1, own, -torch.ones_like(own, dtype=torch.float64))
    residual *= shares.double().unsqueeze(1)
    slopes = torch.zeros(table.shape, dtype=torch.float64, device=x.device)
    each = residual.unsqueeze(1).expand(-1, len(near), -1).reshape(-1, table.shape[1])
    slopes.index_add_(0, rows.reshape(-1), each)
    value = float(shares.double() @ log_p.gather(1, own).squeeze(1))
    return value, slopes, residual.sum(0)
