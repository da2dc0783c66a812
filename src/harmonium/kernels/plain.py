"""The plain twins: what the compiled kernels compute, in a few lines of torch."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import softplus

__all__ = ["bernoulli", "softplus_change", "tie_uniform"]

_GOLDEN = 0x9E3779B97F4A7C15
_MASK = (1 << 64) - 1


def tie_uniform(key: int, index: int) -> float:
    """A uniform in [0, 1) for the tie at `index`: SplitMix64 (Steele, Lea, Flood 2014)."""
    z = (key + _GOLDEN * (index + 1)) & _MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    return float((z ^ (z >> 31)) >> 11) * 2.0**-53


def bernoulli(logits: Tensor, bits: NDArray[np.uint16], key: int) -> Tensor:
    """1 where (bits + u) / 65536 < sigmoid(logits), u uniform, looked at only on a tie.

    16 bits settle all but one draw in 65,536; the tie then takes 53 more, so no probability
    is rounded to a multiple of 2**-16.
    """
    grid = torch.from_numpy(bits.astype(np.float64)).to(logits.device).reshape(logits.shape)
    excess = torch.sigmoid(logits).double() * 65536.0 - grid
    draws = excess >= 1.0
    for index in torch.nonzero(((excess > 0.0) & (excess < 1.0)).reshape(-1)).reshape(-1).tolist():
        draws.view(-1)[index] = tie_uniform(key, index) < excess.view(-1)[index].item()
    return draws.to(logits.dtype)


def softplus_change(logits: Tensor, beta_from: float, beta_to: float) -> Tensor:
    """sum_j softplus(beta_to * logits) - softplus(beta_from * logits), float64 ``(n,)``."""
    wide = logits.double()
    return (softplus(wide * beta_to) - softplus(wide * beta_from)).sum(1)
