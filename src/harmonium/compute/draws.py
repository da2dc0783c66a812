"""Fast paths with one plain twin each, and the one place that chooses between them.

``plain`` says what each kernel computes, in torch, for any device and precision. ``fast`` says
the same to numba for float32 on the CPU. Both make their random bits from a key that is drawn
outside, so that the twins can be held against each other draw by draw. On CUDA units of 0 and 1
are drawn by kernels of their own (:mod:`.gpu`), else on an accelerator by torch's random numbers.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from harmonium.compute import on_device, philox, plain
from harmonium.compute.twins import PLAIN_ONLY

__all__ = [
    "N_THREADS",
    "PLAIN_ONLY",
    "anneal_hidden",
    "bernoulli",
    "categorical",
    "hidden_statistics",
    "stream",
    "uses_fast_path",
]

#: Threads that torch takes by itself (OMP_NUM_THREADS included), before anyone changes it.
N_THREADS = torch.get_num_threads()


def uses_fast_path(tensor: Tensor) -> bool:
    """Whether a kernel on this tensor takes the compiled path."""
    return tensor.device.type == "cpu" and tensor.dtype == torch.float32 and not PLAIN_ONLY


def stream(generator: np.random.Generator) -> tuple[int, int]:
    """A fresh stream of random bits: its key, and the odd step of its counter."""
    # 63 bits each, so that both fit a signed machine word on their way into compiled code.
    key, step = generator.bit_generator.random_raw(2).tolist()
    return key >> 1, (step >> 1) | 1


def bernoulli(
    logits: Tensor, generator: np.random.Generator | torch.Generator, out: Tensor | None = None
) -> Tensor:
    """Draws of 0 or 1 with P(1) = sigmoid(logits), exact to the precision of the sigmoid.

    ``logits`` is ``(n, d)``; `out` may be the same tensor.
    """
    if out is None:
        out = torch.empty_like(logits)
    if isinstance(generator, torch.Generator):
        if on_device.takes(logits) and on_device.takes(out):
            on_device.draw(logits, None, philox.stream(generator, logits.device), 0, out)
            return out
        uniform = torch.rand(
            logits.shape, dtype=logits.dtype, device=logits.device, generator=generator
        )
        return torch.lt(uniform, torch.sigmoid(logits), out=out)
    key, step = stream(generator)
    if uses_fast_path(logits):
        from harmonium.compute import cpu as fast

        fast.bernoulli(logits.numpy(), key, step, 0, out.numpy())
        return out
    return out.copy_(plain.bernoulli(logits, key, step))


def categorical(logits: Tensor, generator: np.random.Generator | torch.Generator) -> Tensor:
    """A draw from softmax(logits) for each row, int64 ``(n,)``, from one uniform number a row.

    ``logits`` is ``(n, k)``; -inf is a state that is never drawn.
    """
    if isinstance(generator, torch.Generator):
        levels = torch.rand(
            len(logits), dtype=torch.float64, device=logits.device, generator=generator
        )
        return plain.categorical(logits, levels)
    key, step = stream(generator)
    if uses_fast_path(logits):
        from harmonium.compute import cpu as fast

        out = torch.empty(len(logits), dtype=torch.int64)
        fast.categorical(logits.contiguous().numpy(), key, step, out.numpy())
        return out
    levels = torch.from_numpy(plain.uniform(key, step, np.arange(len(logits))))
    return plain.categorical(logits, levels.to(logits.device))


def hidden_statistics(
    logits: Tensor,
    scale: Tensor,
    n_positive: int,
    generator: np.random.Generator | torch.Generator,
    probabilities: Tensor,
    draws: Tensor,
) -> tuple[Tensor, Tensor]:
    """One pass over the hidden units of a gradient step.

    ``logits`` is ``(n, d)``, data rows first, then the chains'. Fills ``probabilities`` with
    ``scale[:, None] * sigmoid(logits)`` and ``draws`` ``(n - n_positive, d)`` with a draw for
    each chain; returns the column sums of the two parts of ``probabilities``, each ``(d,)``.
    """
    torch.sigmoid(logits, out=probabilities)
    bernoulli(logits[n_positive:], generator, out=draws)
    probabilities.mul_(scale.unsqueeze(1))
    return probabilities[:n_positive].sum(0), probabilities[n_positive:].sum(0)


def anneal_hidden(
    logits: Tensor,
    beta_from: float,
    beta_to: float,
    generator: np.random.Generator | torch.Generator,
    draws: Tensor,
) -> Tensor:
    """The hidden half of a step of annealed importance sampling.

    Returns ``sum_j softplus(beta_to * logits) - softplus(beta_from * logits)``, float64 ``(n,)``,
    and fills ``draws`` with a draw of each hidden unit at ``beta_to``.
    """
    if uses_fast_path(logits) and isinstance(generator, np.random.Generator):
        from harmonium.compute import cpu as fast

        key, step = stream(generator)
        change = torch.empty(logits.shape[0], dtype=torch.float64)
        fast.anneal_hidden(
            logits.numpy(), beta_from, beta_to, key, step, draws.numpy(), change.numpy()
        )
        return change
    bernoulli(logits * beta_to, generator, out=draws)
    return plain.softplus_change(logits, beta_from, beta_to)
