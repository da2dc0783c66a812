"""The plain twins: what the compiled kernels compute, in a few lines of numpy and torch."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import softplus

from harmonium.compute.splitmix import mix, unit

__all__ = ["bernoulli", "random_words", "softplus_change"]


def random_words(key: int, step: int, index: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Words of the stream (key, step) by number; arithmetic wraps at 64 bits."""
    with np.errstate(over="ignore"):
        return mix(np.uint64(key) + np.uint64(step) * index.astype(np.uint64))


def bernoulli(logits: Tensor, key: int, step: int) -> Tensor:
    """1 where (bits + u) / 65536 < sigmoid(logits), u uniform, looked at only on a tie.

    ``logits`` is ``(n, d)``. 16 bits settle all but one draw in 65,536; the tie then takes 53
    more, so no probability is rounded to a multiple of 2**-16.
    """
    n, d = logits.shape
    n_words = (d + 3) // 4
    words = random_words(key, step, np.arange(n * n_words)).reshape(n, n_words)
    bits = words.view(np.uint16)[:, :d].astype(np.float64)
    excess = (torch.sigmoid(logits).double().cpu().numpy() * 65536.0) - bits
    draws = excess >= 1.0
    ties = np.flatnonzero((excess > 0.0) & (excess < 1.0))
    uniform = unit(random_words(~key & (2**64 - 1), step, ties))
    draws.reshape(-1)[ties] = uniform < excess.reshape(-1)[ties]
    return torch.from_numpy(draws).to(logits.device, logits.dtype)


def softplus_change(logits: Tensor, beta_from: float, beta_to: float) -> Tensor:
    """sum_j softplus(beta_to * logits) - softplus(beta_from * logits), float64 ``(n,)``."""
    wide = logits.double()
    return (softplus(wide * beta_to) - softplus(wide * beta_from)).sum(1)
