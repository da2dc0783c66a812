"""Sweeps of grid models: chooses between the compiled kernels and their plain twin."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harmonium.compute.draws import uses_fast_path
from harmonium.compute.threads import in_slices, threads_worth
from harmonium.models.grid.cliques import Cliques
from harmonium.models.grid.kernels import plain as grid_plain
from harmonium.models.grid.kernels.plain import TensorField

__all__ = ["Draws", "conditional_sums", "conditionals", "potentials", "sweep"]

#: Pixels below which a second thread costs more than it saves.
_PIXELS_A_THREAD = 8192
#: Pixels summed by one call, so that the kernel's float32 sums stay sums of few numbers.
_PIXELS_AT_ONCE = 4096


class Draws(NamedTuple):
    """The randomness of a sweep, see :func:`harmonium.models.grid.kernels.cpu.sweep`."""

    uniforms: Tensor
    shifts: Tensor
    window: int


def sweep(
    x: Tensor,
    shape: tuple[int, int],
    cliques: Cliques,
    tables: Tensor,
    field: TensorField,
    draws: Draws,
    means: Tensor,
) -> Tensor:
    """x ``(n, V)`` after one sweep; ``means`` (n, V) or (0, 0) is filled."""
    images = x.reshape(len(x), *shape)
    if not uses_fast_path(x):
        states = images.long().clone()
        grid_plain.sweep(states, cliques, tables, field, *draws, means)
        return states.reshape(x.shape).to(x.dtype)
    from harmonium.models.grid.kernels import cpu as fast

    moved = images.to(torch.int32).numpy()
    prepared = arranged(cliques, tables)

    def part(rows: slice) -> None:
        fast.sweep(
            moved[rows],
            cliques.layout,
            prepared,
            rows_of(field, rows),
            draws.uniforms[rows].numpy(),
            draws.shifts[rows].numpy(),
            draws.window,
            means[rows].numpy(),
        )

    _in_threads(part, len(x), x.shape[1])
    return torch.from_numpy(moved).reshape(x.shape).to(x.dtype)


def conditionals(
    x: Tensor, shape: tuple[int, int], cliques: Cliques, tables: Tensor, field: TensorField
) -> Tensor:
    """P(pixel = k given the others), ``(n, V, L)``."""
    images = x.reshape(len(x), *shape)
    if not uses_fast_path(x):
        return grid_plain.conditionals(images.long(), cliques, tables, field)
    from harmonium.models.grid.kernels import cpu as fast

    states = images.to(torch.int32).numpy()
    out = torch.empty((*x.shape, cliques.n_levels))
    prepared = arranged(cliques, tables)

    def part(rows: slice) -> None:
        fast.conditionals(
            states[rows], cliques.layout, prepared, rows_of(field, rows), out[rows].numpy()
        )

    _in_threads(part, len(x), x.shape[1])
    return out


def potentials(
    x: Tensor, shape: tuple[int, int], cliques: Cliques, tables: Tensor, bias: Tensor, base: Tensor
) -> Tensor:
    """Sum of all potentials of each image, and its log-weight in the base: float64 ``(n, 2)``."""
    images = x.reshape(len(x), *shape)
    tables, bias, base = tables.double(), bias.double(), base.double()
    if x.device.type != "cpu" or not uses_fast_path(x.float()):
        return grid_plain.potentials(images.long(), cliques, tables, bias, base)
    from harmonium.models.grid.kernels import cpu as fast

    states = images.to(torch.int32).numpy()
    zeros = cliques.offsets[:-1] + np.asarray(cliques.radii, dtype=np.int64)
    out = torch.empty((len(x), 2), dtype=torch.float64)
    arrays = (tables.numpy(), bias.numpy(), base.numpy())

    def part(rows: slice) -> None:
        fast.potentials(states[rows], cliques.layout, zeros, *arrays, out[rows].numpy())

    _in_threads(part, len(x), x.shape[1])
    return out


def conditional_sums(
    x: Tensor,
    shape: tuple[int, int],
    cliques: Cliques,
    tables: Tensor,
    field: TensorField,
    weights: Tensor,
) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
    """Weighted log pseudo-likelihood, and what the conditionals expect: of the tables' entries
    ``(R,)`` (a clique counted from each of its pixels) and of levels ``(1 or V, L)``.

    Float32 on the CPU only; elsewhere automatic differentiation of the plain twin serves.
    """
    from harmonium.models.grid.kernels import cpu as fast

    prepared = arranged(cliques, tables)
    images = x.reshape(len(x), *shape).to(torch.int32).numpy()
    share = weights.float().numpy()
    step = max(1, _PIXELS_AT_ONCE // x.shape[1])

    def part(starts: list[int]) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
        value, entries = 0.0, np.zeros(len(prepared))
        levels = np.zeros(tuple(field.bias.shape))
        for start in starts:
            rows = slice(start, start + step)
            now, seen = np.zeros(len(prepared), np.float32), np.zeros(levels.shape, np.float32)
            value += fast.conditional_moments(
                images[rows],
                cliques.layout,
                prepared,
                rows_of(field, rows),
                share[rows],
                now,
                seen,
            )
            entries += now
            levels += seen
        return value, entries, levels

    starts = list(range(0, len(x), step))
    n_threads = min(torch.get_num_threads(), len(starts))
    with ThreadPoolExecutor(n_threads) as pool:
        parts = list(pool.map(part, [starts[i::n_threads] for i in range(n_threads)]))
    entries = np.sum([p[1] for p in parts], axis=0)
    counts = np.bincount(cliques.gather, entries, int(cliques.offsets[-1]))
    total = float(np.sum([p[0] for p in parts]))
    return total, counts.astype(np.float64), np.sum([p[2] for p in parts], axis=0)


def arranged(cliques: Cliques, tables: Tensor) -> NDArray[np.float32]:
    """The tables as the compiled kernels read them."""
    return np.ascontiguousarray(tables.numpy()[cliques.gather])


def rows_of(field: TensorField, rows: slice) -> Any:
    """The field of some rows, as the compiled kernels take it."""
    from harmonium.models.grid.kernels.cpu import Field

    return Field(
        field.bias.numpy(),
        field.base.numpy(),
        field.beta[rows].numpy(),
        field.free[rows].numpy(),
        field.rows[rows].numpy(),
        field.readings.numpy(),
        field.slopes[rows].numpy(),
    )


def _in_threads(work: Callable[[slice], None], n: int, n_variables: int) -> None:
    """`work` on parts of n rows, on as many threads as torch would use and the size is worth."""
    in_slices(work, n, threads_worth(n, n_variables, _PIXELS_A_THREAD))
