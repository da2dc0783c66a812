"""The plain twin of :mod:`.grid`: the same sweep in a few lines of torch, for any device."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from harmonium.models.grid.cliques import Cliques

__all__ = [
    "TensorField",
    "conditional_logits",
    "conditionals",
    "potentials",
    "responses",
    "sweep",
]


class TensorField(NamedTuple):
    """:class:`harmonium.models.grid.kernels.cpu.Field` as tensors."""

    bias: Tensor
    base: Tensor
    beta: Tensor
    free: Tensor
    rows: Tensor
    readings: Tensor
    slopes: Tensor


def conditional_logits(
    images: Tensor, cliques: Cliques, tables: Tensor, field: TensorField, y: Tensor, x: Tensor
) -> Tensor:
    """log P(pixel = k given the others) up to a constant, for the pixels (y, x): ``(n, P, L)``.

    ``images`` int64 ``(n, H, W)``; ``tables`` as they are, not arranged.
    """
    n, height, width = images.shape
    levels = torch.arange(cliques.n_levels, device=images.device)
    pixels = y * width + x
    total = torch.zeros((n, len(y), cliques.n_levels), dtype=tables.dtype, device=images.device)
    for index, kernel in enumerate(cliques.filters):
        taps = [(dy, dx, int(kernel[dy, dx])) for dy, dx in kernel_taps(kernel)]
        zero = int(cliques.offsets[index]) + cliques.radii[index]
        for dy, dx, weight in taps:
            top, left = y - dy, x - dx
            whole = (top >= 0) & (left >= 0)
            whole &= (top + kernel.shape[0] <= height) & (left + kernel.shape[1] <= width)
            top, left = top[whole], left[whole]
            rest = sum(w * images[:, top + ty, left + tx] for ty, tx, w in taps)
            rest = rest - weight * images[:, y[whole], x[whole]]
            total[:, whole] += tables[zero + rest.unsqueeze(2) + weight * levels]
    beta = field.beta.to(tables.dtype).view(-1, 1, 1)
    bias, base = (_at(table, pixels).to(tables.dtype) for table in (field.bias, field.base))
    logits = beta * (total + bias) + (1 - beta) * base
    logits += field.readings[field.rows[:, pixels].long()].to(tables.dtype)
    return logits + field.slopes[:, pixels].to(tables.dtype).unsqueeze(2) * levels


def kernel_taps(kernel) -> list[tuple[int, int]]:  # type: ignore[no-untyped-def]
    """Places of a filter's non-zero weights."""
    return [(int(dy), int(dx)) for dy, dx in zip(*kernel.nonzero(), strict=True)]


def _at(table: Tensor, pixels: Tensor) -> Tensor:
    return table[pixels] if len(table) > 1 else table[0]


def sweep(
    images: Tensor,
    cliques: Cliques,
    tables: Tensor,
    field: TensorField,
    uniforms: Tensor,
    shifts: Tensor,
    window: int,
    means: Tensor,
) -> None:
    """See :func:`harmonium.models.grid.kernels.cpu.sweep`; in place on int64 ``images``."""
    _, height, width = images.shape
    a, b, m = cliques.colour
    rows = torch.arange(height, device=images.device).repeat_interleave(width)
    columns = torch.arange(width, device=images.device).repeat(height)
    levels = torch.arange(cliques.n_levels, device=images.device)
    for colour in range(m):
        y, x = (part[(a * rows + b * columns) % m == colour] for part in (rows, columns))
        pixels = y * width + x
        logits = conditional_logits(images, cliques, tables, field, y, x)
        now = images[:, y, x]
        free = field.free[:, pixels]
        if window < cliques.n_levels:
            low = (now - shifts[:, pixels]).unsqueeze(2)
            logits.masked_fill_((levels < low) | (levels >= low + window), -torch.inf)
        weights = torch.softmax(logits, 2)
        u = uniforms[:, pixels]
        drawn = (weights.cumsum(2) <= u.unsqueeze(2)).sum(2).clamp_max(cliques.n_levels - 1)
        if window < cliques.n_levels:
            drawn = torch.minimum(drawn, low.squeeze(2) + window - 1)
        height_now = logits.gather(2, now.unsqueeze(2)).squeeze(2)
        peak, highest = logits.max(2)
        drawn = torch.where(u < 0, torch.where(peak > height_now, highest, now), drawn)
        if len(means):
            means[:, pixels] = torch.where(
                free, (weights @ levels.to(weights.dtype)).to(means.dtype), means[:, pixels]
            )
        images[:, y, x] = torch.where(free, drawn, now)


def responses(images: Tensor, cliques: Cliques) -> list[Tensor]:
    """Of each filter at each place, as positions in the tables: ``(n, places)`` each."""
    found = []
    for index, kernel in enumerate(cliques.filters):
        rows, columns = (w - k + 1 for w, k in zip(images.shape[1:], kernel.shape, strict=True))
        zero = int(cliques.offsets[index]) + cliques.radii[index]
        if min(rows, columns) < 1:
            continue
        total = torch.full((len(images), rows, columns), zero, device=images.device)
        for dy, dx in kernel_taps(kernel):
            total += int(kernel[dy, dx]) * images[:, dy : dy + rows, dx : dx + columns]
        found.append(total.reshape(len(images), -1))
    return found


def potentials(
    images: Tensor, cliques: Cliques, tables: Tensor, bias: Tensor, base: Tensor
) -> Tensor:
    """See :func:`harmonium.models.grid.kernels.cpu.potentials`."""
    levels = images.reshape(len(images), -1)
    total, easy = (_look_up(part, levels) for part in (bias, base))
    for places in responses(images, cliques):
        total = total + tables[places].sum(1)
    return torch.stack([total, easy], 1)


def _look_up(table: Tensor, levels: Tensor) -> Tensor:
    """Sum over pixels of ``table (1 or V, L)`` at their levels, ``(n,)``."""
    if len(table) == 1:
        return table[0][levels].sum(1)
    return torch.gather(table.T, 0, levels).sum(1)


def conditionals(images: Tensor, cliques: Cliques, tables: Tensor, field: TensorField) -> Tensor:
    """P(pixel = k given the others), ``(n, H * W, L)``."""
    _, height, width = images.shape
    y = torch.arange(height, device=images.device).repeat_interleave(width)
    x = torch.arange(width, device=images.device).repeat(height)
    return torch.softmax(conditional_logits(images, cliques, tables, field, y, x), 2)
