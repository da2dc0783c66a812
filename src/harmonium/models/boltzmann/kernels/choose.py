"""Sweeps, weights and counts of Boltzmann machines: the one choice between the twins."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from harmonium.compute import plain as bits
from harmonium.compute.draws import stream, uses_fast_path
from harmonium.compute.threads import in_slices, threads_worth
from harmonium.contract.energy import Generator
from harmonium.models.boltzmann.kernels import plain
from harmonium.models.boltzmann.kernels.layout import Places, padded
from harmonium.models.boltzmann.kernels.plain import Given

__all__ = ["ascend", "conditionals", "count_pairs", "regress", "sweep", "weigh"]

#: Rows whose slopes are summed in float32.
_ROWS_AT_ONCE = 4096
#: Products of chains and pairs below which a second thread costs more than it saves.
_WORK_A_THREAD = 2**16


def sweep(
    x: Tensor, places: Places, tables: Tensor, given: Given, generator: Generator, means: bool
) -> tuple[Tensor, Tensor | None]:
    """x ``(n, n_variables)`` after one sweep, and where wanted the mean of what each variable was
    drawn from."""
    if isinstance(generator, torch.Generator):
        levels = torch.rand(x.shape, dtype=torch.float64, device=x.device, generator=generator)
    else:
        key, step = stream(generator)
        if uses_fast_path(x) and uses_fast_path(tables):
            mean = torch.empty(x.shape if means else (0, 0))
            return _fast(x, places, tables, given, (key, step), mean), mean if means else None
        index = np.arange(x.numel()).reshape(x.shape)
        levels = torch.from_numpy(bits.uniform(key, step, index)).to(x.device)
    moved, mean = plain.sweep(x, places, tables, given, levels)
    return moved, mean if means else None


def ascend(x: Tensor, places: Places, tables: Tensor, given: Given) -> Tensor:
    """x with each variable in turn in its most probable state."""
    if uses_fast_path(x) and uses_fast_path(tables):
        return _fast(x, places, tables, given, None, torch.empty((0, 0)))
    return plain.ascend(x, places, tables, given)


def _fast(
    x: Tensor,
    places: Places,
    tables: Tensor,
    given: Given,
    words: tuple[int, int] | None,
    means: Tensor,
) -> Tensor:
    """The compiled sweep by the stream `words`, or, for None, up; fills `means`."""
    from harmonium.models.boltzmann.kernels import cpu as fast

    moved = x.clone(memory_format=torch.contiguous_format)
    rows, sizes = places.rows(x).contiguous().numpy(), np.array(places.sizes)
    near = (places.of_state, sizes, places.first, places.neighbours)

    def part(some: slice) -> None:
        field, mean = _field(given, some), means[some].numpy()
        begin = (*(words or (0, 0)), some.start)
        states = moved[some].numpy()
        fast.sweep(states, rows[some], *near, tables.numpy(), field, *begin, mean, words is None)

    _in_threads(part, len(x), len(places.neighbours) + x.shape[1])
    return moved


def conditionals(x: Tensor, places: Places, tables: Tensor, given: Given) -> Tensor:
    """P of each state given all other variables, ``(n, n_variables, states)``."""
    if not (uses_fast_path(x) and uses_fast_path(tables)):
        return plain.conditionals(x, places, tables, given)
    from harmonium.models.boltzmann.kernels import cpu as fast

    out = torch.zeros((*x.shape, max(places.sizes)))
    rows, sizes = places.rows(x).contiguous().numpy(), np.array(places.sizes)
    near = (places.of_state, sizes, places.first, places.neighbours)

    def part(some: slice) -> None:
        field = _field(given, some)
        states = x[some].contiguous().numpy()
        fast.conditionals(states, rows[some], *near, tables.numpy(), field, out[some].numpy())

    _in_threads(part, len(x), len(places.neighbours) + x.shape[1])
    return out


def weigh(x: Tensor, places: Places, couplings: Tensor) -> Tensor:
    """The sum over pairs of the couplings that states pick, float64 ``(n,)``."""
    wide = padded(couplings)
    if x.device.type != "cpu" or not uses_fast_path(x.float()):
        return plain.weigh(x, places, wide)
    from harmonium.models.boltzmann.kernels import cpu as fast

    rows, out = places.rows(x).contiguous().numpy(), torch.empty(len(x), dtype=torch.float64)

    def part(some: slice) -> None:
        near = (places.first, places.neighbours)
        fast.weigh(rows[some], *near, wide.numpy(), out[some].numpy())

    _in_threads(part, len(x), len(places.neighbours))
    return out


def count_pairs(x: Tensor, shares: Tensor, places: Places) -> Tensor:
    """Shares of rows in each pair of states of coupled variables, ``(n_statistics,) * 2``, and in
    single states on the diagonal, in the dtype of x; sums are float64."""
    if x.device.type != "cpu" or not uses_fast_path(x.float()):
        return plain.count_pairs(x, shares, places)
    from harmonium.models.boltzmann.kernels import cpu as fast

    states = np.ascontiguousarray(x.numpy().T.astype(np.int32))
    share, n = shares.double().numpy(), places.n_variables
    out = torch.zeros((places.n_statistics + 1,) * 2, dtype=x.dtype)
    near = (places.of_state, places.first, places.neighbours)
    # Each variable with those before it: parts write to entries of their own, and are as large.
    work = len(x) * max(1, len(places.neighbours) // n)
    order = np.concatenate([np.arange(k, n, 8) for k in range(8)])

    def part(some: slice) -> None:
        for i in order[some].tolist():
            fast.count_pairs(states, share, *near, i, i + 1, out.numpy())

    _in_threads(part, n, work)
    return out[:-1, :-1]


def regress(
    x: Tensor,
    rows: Tensor,
    shares: Tensor,
    i: int,
    places: Places,
    table: Tensor,
    fields: Tensor,
) -> tuple[float, Tensor, Tensor]:
    """The sum of shares times log P(x_i given all others), of states x with the statistics `rows`
    that they pick, and its slopes by what statistics add
    to the states of variable i, ``(n_statistics + 1, size)``, and by its fields ``(size,)``;
    float64 sums of float32 products over blocks of rows."""
    if not uses_fast_path(x):
        return plain.regress(x, rows, shares, i, places, table.to(x), fields.to(x))
    from harmonium.models.boltzmann.kernels import cpu as fast

    size, width = len(fields), places.width
    wide = torch.nn.functional.pad(table.float(), (0, width - size)).reshape(-1).numpy()
    own = torch.nn.functional.pad(fields.float(), (0, width - size)).numpy()
    states, near = x[:, i].to(torch.int32).numpy(), places.near(i)
    share, picked = shares.double().numpy(), rows.contiguous().numpy()

    def part(some: slice) -> tuple[float, Any, Any]:
        value, slopes, field = 0.0, np.zeros(len(wide)), np.zeros(width)
        for start in range(some.start, some.stop, _ROWS_AT_ONCE):
            block = slice(start, min(start + _ROWS_AT_ONCE, some.stop))
            now, seen = np.zeros(len(wide), np.float32), np.zeros(width, np.float32)
            given = (states[block], picked[block], share[block], size, near, wide, own)
            value += fast.regress(*given, now, seen)
            slopes += now
            field += seen
        return value, slopes, field

    found = in_slices(part, len(x), threads_worth(len(x), x.shape[1] * width, _WORK_A_THREAD))
    value = sum(one[0] for one in found)
    slopes = torch.from_numpy(np.sum([one[1] for one in found], axis=0)).reshape(-1, width)
    field = torch.from_numpy(np.sum([one[2] for one in found], axis=0))
    return value, slopes[:, :size], field[:size]


def _field(given: Given, some: slice) -> Any:
    """The field of some rows, as the compiled kernels take it."""
    from harmonium.models.boltzmann.kernels.cpu import Field

    free = torch.zeros((0, 0), dtype=torch.bool) if given.free is None else given.free[some]
    rows, slopes = torch.zeros((0, 0), dtype=torch.int32), torch.zeros((0, 0))
    table = torch.zeros((0, 0))
    if given.readings is not None:
        known = given.readings.as_table()
        rows, table = known.rows[some].to(torch.int32), known.table.float()
        slopes = torch.zeros(rows.shape) if known.slopes is None else known.slopes[some].float()
    return Field(
        given.fields.contiguous().numpy(),
        given.base.contiguous().numpy(),
        given.beta[some].float().contiguous().numpy(),
        free.contiguous().numpy(),
        rows.contiguous().numpy(),
        table.contiguous().numpy(),
        slopes.contiguous().numpy(),
    )


def _in_threads(part: Callable[[slice], None], n: int, work: int) -> None:
    """`part` on parts of n, each `work` large."""
    in_slices(part, n, threads_worth(n, work, _WORK_A_THREAD))
