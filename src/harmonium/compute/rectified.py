"""The part of a normal distribution above zero, at any distance of its mean below it.

Its density is exp(-h^2 / 2 + z h) up to its mass, for h >= 0 and z of either sign. The plain forms
are in float64: far below zero what is wanted is a small difference of large numbers.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from harmonium.compute import draws, plain

__all__ = ["LOW", "N_STEPS", "has_fast_path", "log_mass", "moments", "normal", "quantile", "sample"]

#: Below, moments are their asymptotic series, better than a part in 1e10 there.
_FAR = -100.0
#: Below, draws are found by Newton's steps on the log of the tail, above by the quantile.
LOW, N_STEPS = -5.0, 6
_ROOT_2 = math.sqrt(2.0)
_LOG_HALF = math.log(0.5)
_LOG_ROOT_2_PI = 0.5 * math.log(2.0 * math.pi)


def has_fast_path(wide: Tensor) -> bool:
    """Whether float64 numbers are worked out by the compiled twins."""
    return draws.uses_fast_path(wide.new_empty(0, dtype=torch.float32))


def log_mass(z: Tensor) -> Tensor:
    """log of the integral of exp(-h^2 / 2 + z h) over h >= 0, float64, of any shape."""
    wide = z.double()
    if has_fast_path(wide):
        from harmonium.compute import cpu_rectified as fast

        out = torch.empty(wide.shape, dtype=torch.float64)
        fast.log_mass(wide.contiguous().reshape(-1).numpy(), out.reshape(-1).numpy())
        return out
    return _log_mass(wide)


def _log_mass(wide: Tensor) -> Tensor:
    # exp(z^2 / 2) Phi(z): a scaled complement below zero, which neither over- nor underflows.
    below = torch.log(torch.special.erfcx(-wide.clamp(max=0.0) / _ROOT_2)) + _LOG_HALF
    above = wide.clamp(min=0.0)
    above = 0.5 * above * above + torch.special.log_ndtr(above)
    return torch.where(wide > 0.0, above, below) + _LOG_ROOT_2_PI


def moments(z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """:func:`log_mass`, E[h] and E[h^2], each of the shape and precision of `z`."""
    if draws.uses_fast_path(z):
        from harmonium.compute import cpu_rectified as fast

        found = torch.empty((3, *z.shape))
        fast.moments(z.contiguous().reshape(-1).numpy(), *found.reshape(3, -1).numpy())
        return found[0], found[1], found[2]
    wide = z.double()
    mass = _log_mass(wide)
    mean = wide + torch.exp(-mass)
    r = 1.0 / wide.clamp(max=_FAR).square()
    fall = r * (-2.0 + r * (10.0 + r * (-74.0 + r * 706.0)))
    far = wide < _FAR
    square = torch.where(far, -fall, (1.0 + wide * mean).clamp_(min=0.0))
    mean = torch.where(far, torch.sqrt(r) * (1.0 + fall), mean)
    return mass.to(z.dtype), mean.to(z.dtype), square.to(z.dtype)


def sample(z: Tensor, generator: np.random.Generator | torch.Generator) -> Tensor:
    """A draw for each z ``(n, d)``, of its precision, from one uniform number each."""
    if isinstance(generator, torch.Generator):
        wide = z.double()
        level = torch.rand(z.shape, dtype=wide.dtype, device=z.device, generator=generator)
        return quantile(wide, level.clamp_(min=2.0**-54)).to(z.dtype)
    key, step = draws.stream(generator)
    if draws.uses_fast_path(z):
        from harmonium.compute import cpu_rectified as fast

        out = torch.empty(z.shape)
        flat = z.contiguous().reshape(-1).numpy()
        fast.sample(flat, key, step, LOW, N_STEPS, out.reshape(-1).numpy())
        return out
    level = torch.from_numpy(plain.uniform(key, step, np.arange(z.numel()))).reshape(z.shape)
    return quantile(z.double(), level.to(z.device).clamp_(min=2.0**-54)).to(z.dtype)


def quantile(z: Tensor, level: Tensor) -> Tensor:
    """h above which there is `level` of the mass, in (0, 1)."""
    found = z - torch.special.ndtri(level * torch.special.ndtr(z))
    low = z < LOW
    if bool(low.any()):
        found[low] = _quantile_low(z[low], torch.log(level[low]))
    return found.clamp_(min=0.0)


def _quantile_low(z: Tensor, log_level: Tensor) -> Tensor:
    """log of the tail falls the faster the farther: after the first, steps come from above."""
    mass = _log_mass(z)
    found = torch.zeros_like(z)
    for _ in range(N_STEPS):
        there = _log_mass(z - found)
        tail = there - mass + found * (z - 0.5 * found)
        found = found + (tail - log_level) * torch.exp(there)
    return found


def normal(like: Tensor, generator: np.random.Generator | torch.Generator) -> Tensor:
    """Standard normal numbers of the shape, precision and device of `like`."""
    if isinstance(generator, torch.Generator):
        return torch.randn(like.shape, dtype=like.dtype, device=like.device, generator=generator)
    kind = np.float32 if like.dtype == torch.float32 else np.float64
    found = generator.standard_normal(tuple(like.shape), dtype=kind)
    return torch.from_numpy(found).to(like.device, like.dtype)
