"""Fast paths with one plain twin each, and the one place that chooses between them.

``plain`` says what each kernel computes, in torch, for any device and precision. ``fast`` says
the same to numba for float32 on the CPU. Random bits are drawn outside and handed to both, so
that the twins can be held against each other draw by draw. On an accelerator torch's own
random numbers are used where they are made.
"""

from __future__ import annotations

import os

import numpy as np
import torch
from torch import Tensor

from harmonium.kernels import plain

__all__ = ["anneal_hidden", "bernoulli", "categorical", "hidden_statistics", "uses_fast_path"]

# Set to anything but 0 to compute with the plain twins alone.
_PLAIN_ONLY = os.environ.get("HARMONIUM_PLAIN", "0") != "0"


def uses_fast_path(tensor: Tensor) -> bool:
    """Whether a kernel on this tensor takes the compiled path."""
    return tensor.device.type == "cpu" and tensor.dtype == torch.float32 and not _PLAIN_ONLY


def _bits(count: int, generator: np.random.Generator) -> tuple[np.ndarray, int]:
    """`count` uniform 16-bit numbers, and one 64-bit key from which ties are broken."""
    words = generator.integers(0, 2**64, size=(count + 3) // 4 + 1, dtype=np.uint64)
    return words[:-1].view(np.uint16)[:count], int(words[-1])


def bernoulli(
    logits: Tensor, generator: np.random.Generator | torch.Generator, out: Tensor | None = None
) -> Tensor:
    """Draws of 0 or 1 with P(1) = sigmoid(logits), exact to the precision of the sigmoid.

    ``logits`` is a contiguous ``(n, d)`` tensor; `out` may be the same tensor.
    """
    if out is None:
        out = torch.empty_like(logits)
    if isinstance(generator, torch.Generator):
        uniform = torch.rand(
            logits.shape, dtype=logits.dtype, device=logits.device, generator=generator
        )
        return torch.lt(uniform, torch.sigmoid(logits), out=out)
    bits, key = _bits(logits.numel(), generator)
    if uses_fast_path(logits) and logits.is_contiguous() and out.is_contiguous():
        from harmonium.kernels import fast

        fast.bernoulli(logits.numpy().reshape(-1), bits, np.uint64(key), out.numpy().reshape(-1))
        return out
    return out.copy_(plain.bernoulli(logits, bits, key))


def categorical(logits: Tensor, generator: np.random.Generator | torch.Generator) -> Tensor:
    """A draw from softmax(logits) for each row, int64 ``(n,)``: Gumbel's arg-max."""
    if isinstance(generator, torch.Generator):
        uniform = torch.rand(
            logits.shape, dtype=torch.float64, device=logits.device, generator=generator
        )
    else:
        uniform = torch.from_numpy(generator.random(tuple(logits.shape))).to(logits.device)
    gumbel = -torch.log(-torch.log(uniform.clamp_min(2.0**-1074)))
    return (logits.double() + gumbel).argmax(1)


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
    if uses_fast_path(logits) and isinstance(generator, np.random.Generator):
        from harmonium.kernels import fast

        bits, key = _bits(draws.numel(), generator)
        sums = torch.empty((2, logits.shape[1]), dtype=logits.dtype)
        fast.hidden_statistics(
            logits.numpy(),
            scale.numpy(),
            n_positive,
            bits,
            np.uint64(key),
            probabilities.numpy(),
            draws.numpy(),
            sums.numpy(),
        )
        return sums[0], sums[1]
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
        from harmonium.kernels import fast

        bits, key = _bits(logits.numel(), generator)
        change = torch.empty(logits.shape[0], dtype=torch.float64)
        fast.anneal_hidden(
            logits.numpy(), beta_from, beta_to, bits, np.uint64(key), draws.numpy(), change.numpy()
        )
        return change
    bernoulli(logits * beta_to, generator, out=draws)
    return plain.softplus_change(logits, beta_from, beta_to)
