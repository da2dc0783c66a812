"""The plain twins: what the compiled kernels compute, in a few lines of numpy and torch."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import softplus

from harmonium.compute.device import sent
from harmonium.compute.splitmix import mix, unit

__all__ = [
    "bernoulli",
    "categorical",
    "draw_groups",
    "log_partition_groups",
    "one_hot_groups",
    "random_words",
    "smoothing",
    "softmax_groups",
    "softplus_change",
    "uniform",
]


def random_words(key: int, step: int, index: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Words of the stream (key, step) by number; arithmetic wraps at 64 bits."""
    with np.errstate(over="ignore"):
        return mix(np.uint64(key) + np.uint64(step) * index.astype(np.uint64))


def uniform(key: int, step: int, index: NDArray[np.int64]) -> NDArray[np.float64]:
    """In [0, 1), 53 bits: words of the stream by number."""
    words: NDArray[np.float64] = unit(random_words(key, step, index))
    return words


def bernoulli(logits: Tensor, key: int, step: int, spare: int = 0) -> Tensor:
    """1 where (bits + u) / 65536 < sigmoid(logits), u uniform, looked at only on a tie.

    ``logits`` is ``(n, d)``. 16 bits settle all but one draw in 65,536; the tie then takes 53
    more, so no probability is rounded to a multiple of 2**-16. Each row leaves `spare` words
    of the stream to somebody else.
    """
    n, d = logits.shape
    n_words = (d + 3) // 4
    index = np.arange(n)[:, None] * (n_words + spare) + np.arange(n_words)
    bits = random_words(key, step, index).view(np.uint16)[:, :d].astype(np.float64)
    excess = (torch.sigmoid(logits).double().cpu().numpy() * 65536.0) - bits
    draws = excess >= 1.0
    ties = np.flatnonzero((excess > 0.0) & (excess < 1.0))
    settled = uniform(~key & (2**64 - 1), step, ties) < excess.reshape(-1)[ties]
    draws.reshape(-1)[ties] = settled
    return torch.from_numpy(draws).to(logits.device, logits.dtype)


def categorical(logits: Tensor, levels: Tensor) -> Tensor:
    """The first state at which the sum of probabilities passes the row's level, int64 ``(n,)``.

    ``logits`` is ``(n, k)``, ``levels`` ``(n,)`` in [0, 1).
    """
    weights = torch.softmax(logits.double(), 1)
    sums = weights.cumsum(1)
    found = (sums <= levels.unsqueeze(1) * sums[:, -1:]).sum(1)
    # Rounding may leave a level at the very end: the last state that is possible.
    last = (logits.shape[1] - 1) - (weights.flip(1) > 0).double().argmax(1)
    return torch.minimum(found, last)


def softplus_change(logits: Tensor, beta_from: float, beta_to: float) -> Tensor:
    """sum_j softplus(beta_to * logits) - softplus(beta_from * logits), float64 ``(n,)``."""
    wide = logits.double()
    return (softplus(wide * beta_to) - softplus(wide * beta_from)).sum(1)


def _groups(inputs: Tensor, starts: Tensor) -> tuple[Tensor, ...]:
    return torch.split(inputs, starts.diff().tolist(), dim=1)


def draw_groups(inputs: Tensor, starts: Tensor, levels: Tensor) -> Tensor:
    """:func:`categorical` of each group, ``levels (n, n_groups)``; in the inputs' dtype."""
    pairs = zip(_groups(inputs, starts), levels.unbind(1), strict=True)
    return torch.stack([categorical(*pair) for pair in pairs], dim=1).to(inputs.dtype)


def softmax_groups(inputs: Tensor, starts: Tensor) -> Tensor:
    """Softmax of each group by itself."""
    return torch.cat([torch.softmax(group, 1) for group in _groups(inputs, starts)], dim=1)


def log_partition_groups(inputs: Tensor, starts: Tensor) -> Tensor:
    """The sum of the groups' logsumexp, ``(n,)``."""
    each = [torch.logsumexp(group, 1) for group in _groups(inputs, starts)]
    return torch.stack(each, dim=1).sum(1)


def one_hot_groups(x: Tensor, starts: Tensor) -> Tensor:
    """Each group's state ``(n, n_groups)`` as a one among zeros, ``(n, starts[-1])``."""
    found = x.new_zeros((len(x), int(starts[-1])))
    return found.scatter_(1, x.long() + sent(starts[:-1], x.device), 1.0)


def smoothing(n: int, strength: float) -> Tensor:
    """``I + strength * D'D`` with D the second differences of `n` levels, float64 ``(n, n)``."""
    differences = torch.diff(torch.eye(n, dtype=torch.float64), n=2, dim=0)
    return torch.eye(n, dtype=torch.float64) + strength * (differences.T @ differences)
