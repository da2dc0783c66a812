"""Softmax groups side by side: the one choice between the twins.

Group g has the columns ``starts[g]`` to ``starts[g + 1]``: int64 ``(n_groups + 1,)``, on the
CPU; inputs are ``(n, starts[-1])`` and states ``(n, n_groups)``.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from harmonium.compute import on_device, philox, plain
from harmonium.compute.draws import stream, uses_fast_path
from harmonium.contract.energy import Generator

__all__ = ["draw", "log_partition", "outer", "product", "softmax"]


def _check(found: tuple[int, ...], wanted: tuple[int, ...]) -> None:
    """The compiled loops check no bounds."""
    if found != wanted:
        raise ValueError(f"softmax groups: lengths {found} do not fit, wanted {wanted}")


def draw(inputs: Tensor, starts: Tensor, generator: Generator) -> Tensor:
    """A state of each group, from one uniform number each, in the inputs' dtype."""
    shape = (len(inputs), len(starts) - 1)
    _check(inputs.shape[1:], (int(starts[-1]),))
    if isinstance(generator, torch.Generator):
        if on_device.takes(inputs):
            own = philox.stream(generator, inputs.device)
            return on_device.draw_groups(inputs, starts, own, 0)
        levels = torch.rand(shape, dtype=torch.float64, device=inputs.device, generator=generator)
        return plain.draw_groups(inputs, starts, levels)
    key, step = stream(generator)
    if uses_fast_path(inputs):
        from harmonium.compute import cpu_groups as fast

        out = inputs.new_empty(shape)
        fast.draw(inputs.contiguous().numpy(), starts.numpy(), key, step, out.numpy())
        return out
    index = np.arange(shape[0] * shape[1]).reshape(shape)
    levels = torch.from_numpy(plain.uniform(key, step, index)).to(inputs.device)
    return plain.draw_groups(inputs, starts, levels)


def softmax(inputs: Tensor, starts: Tensor) -> Tensor:
    """P of each state, in the inputs' shape."""
    _check(inputs.shape[1:], (int(starts[-1]),))
    if uses_fast_path(inputs):
        from harmonium.compute import cpu_groups as fast

        out = inputs.new_empty(inputs.shape)
        fast.softmax(inputs.contiguous().numpy(), starts.numpy(), out.numpy())
        return out
    return plain.softmax_groups(inputs, starts)


def log_partition(inputs: Tensor, starts: Tensor) -> Tensor:
    """log of the sum over all joint states, ``(n,)``."""
    _check(inputs.shape[1:], (int(starts[-1]),))
    if uses_fast_path(inputs):
        from harmonium.compute import cpu_groups as fast

        out = inputs.new_empty(len(inputs))
        fast.log_partition(inputs.contiguous().numpy(), starts.numpy(), out.numpy())
        return out
    return plain.log_partition_groups(inputs, starts)


def product(x: Tensor, starts: Tensor, weights: Tensor, bias: Tensor) -> Tensor:
    """`bias` and the rows of ``weights (starts[-1], k)`` of each group's state, ``(n, k)``.

    `bias` is ``(k,)`` or ``(n, k)``.
    Costs ``n * n_groups * k``, whatever the groups' sizes.
    """
    _check((x.shape[1], len(weights)), (len(starts) - 1, int(starts[-1])))
    if uses_fast_path(x) and uses_fast_path(weights):
        from harmonium.compute import cpu_groups as fast

        out = bias.expand(len(x), weights.shape[1]).clone(memory_format=torch.contiguous_format)
        parts = [part.contiguous().numpy() for part in (x, starts, weights)]
        fast.sum_rows(*parts, out.numpy())
        return out
    return torch.addmm(bias, plain.one_hot_groups(x, starts), weights)


def outer(x: Tensor, starts: Tensor, other: Tensor) -> Tensor:
    """For each state the sum of those rows of ``other (n, k)`` that have it: ``(starts[-1], k)``.

    Costs ``n * n_groups * k``, whatever the groups' sizes.
    """
    _check((x.shape[1], len(other)), (len(starts) - 1, len(x)))
    if uses_fast_path(x) and uses_fast_path(other):
        from harmonium.compute import cpu_groups as fast

        out = other.new_zeros((int(starts[-1]), other.shape[1]))
        parts = [part.contiguous().numpy() for part in (x, starts, other)]
        fast.add_outer(*parts, out.numpy())
        return out
    return plain.one_hot_groups(x, starts).T @ other
