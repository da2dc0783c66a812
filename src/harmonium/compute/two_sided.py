"""Two rectified normal distributions back to back, each with a width of its own.

The density is exp(x h - gap |h| - h^2 / (2 s^2)) up to its mass, with s the `width` w for h > 0 and
1 / w below. Inputs x are ``(..., d)``, `gap` and `width` ``(d,)``.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from harmonium.compute import draws, plain, rectified

__all__ = ["log_partition", "moments", "sample"]


def _sides(x: Tensor, gap: Tensor, width: Tensor) -> tuple[Tensor, Tensor]:
    """Either side as a rectified normal of width one."""
    return (x - gap) * width, (-x - gap) / width


def log_partition(x: Tensor, gap: Tensor, width: Tensor) -> Tensor:
    """log of the integral over all h, summed over the d, float64 ``(...)``."""
    wide, gap, width = x.double(), gap.double(), width.double()
    if rectified.has_fast_path(wide):
        from harmonium.compute import cpu_rectified as fast

        out = torch.empty(wide.shape[:-1], dtype=torch.float64)
        flat = wide.contiguous().reshape(-1, wide.shape[-1]).numpy()
        fast.two_sided_log_partition(flat, gap.numpy(), width.numpy(), out.reshape(-1).numpy())
        return out
    above, below = map(rectified.log_mass, _sides(wide, gap, width))
    own = torch.log(width)
    return torch.logaddexp(above + own, below - own).sum(-1)


def moments(x: Tensor, gap: Tensor, width: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """E[h], E[|h|], half the mean of h^2 / s^2 above zero less that below, and E[h^2]: each of
    the shape and precision of `x`."""
    if draws.uses_fast_path(x):
        from harmonium.compute import cpu_rectified as fast

        found = torch.empty((4, *x.shape))
        flat = found.reshape(4, -1, x.shape[-1]).numpy()
        rows = x.contiguous().reshape(-1, x.shape[-1]).numpy()
        fast.two_sided_moments(rows, gap.numpy(), width.numpy(), *flat)
        return found[0], found[1], found[2], found[3]
    each = [rectified.moments(side) for side in _sides(x.double(), gap.double(), width.double())]
    (mass, up, wide), (mass_below, down, narrow) = each
    odds = mass - mass_below + 2.0 * torch.log(width.double())
    share, other = torch.sigmoid(odds), torch.sigmoid(-odds)
    up, down = share * up * width, other * down / width
    wide, narrow = share * wide, other * narrow
    squares = wide * width.square() + narrow / width.square()
    return tuple(one.to(x.dtype) for one in (up - down, up + down, 0.5 * (wide - narrow), squares))  # type: ignore[return-value]


def sample(
    x: Tensor, gap: Tensor, width: Tensor, generator: np.random.Generator | torch.Generator
) -> Tensor:
    """A draw for each x ``(n, d)``, of its precision, from two uniform numbers each."""
    if isinstance(generator, torch.Generator):
        levels = torch.rand(
            (2, *x.shape), dtype=torch.float64, device=x.device, generator=generator
        )
    else:
        key, step = draws.stream(generator)
        if draws.uses_fast_path(x):
            from harmonium.compute import cpu_rectified as fast

            out = torch.empty(x.shape)
            rows, how = x.contiguous().numpy(), (rectified.LOW, rectified.N_STEPS)
            fast.two_sided_sample(rows, gap.numpy(), width.numpy(), key, step, *how, out.numpy())
            return out
        words = plain.uniform(key, step, np.arange(2 * x.numel()))
        levels = torch.from_numpy(words).reshape(*x.shape, 2).movedim(-1, 0).to(x.device)
    width = width.double()
    above, below = _sides(x.double(), gap.double(), width)
    odds = rectified.log_mass(above) - rectified.log_mass(below) + 2.0 * torch.log(width)
    up = levels[0] < torch.sigmoid(odds)
    found = rectified.quantile(torch.where(up, above, below), levels[1].clamp(min=2.0**-54))
    return torch.where(up, found * width, -found / width).to(x.dtype)
