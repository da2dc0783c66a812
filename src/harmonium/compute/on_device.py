"""Work on an accelerator, element by element: the one choice between the twins."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec

import torch
from torch import Tensor

from harmonium.compute import gpu_plain, philox, plain
from harmonium.compute.device import device_of, sent
from harmonium.compute.twins import PLAIN_ONLY
from harmonium.contract.warning import warn_caller

__all__ = ["ascend", "ascend_biases", "draw", "draw_groups", "has_kernels", "is_served", "takes"]

#: More than one program takes well; torch then passes over each of them some ten times.
_MOST_BIASES = 2**14


@cache
def _has_triton() -> bool:
    """Whether Triton is there; says so once where it is not."""
    found = find_spec("triton") is not None
    if not found:
        warn_caller(
            "Triton is not installed: draws on the GPU take several passes each, and an update is "
            "not one graph; pip install 'harmonium[gpu]'",
            RuntimeWarning,
        )
    return found


def has_kernels(tensor: Tensor) -> bool:
    """Whether kernels can be run on this tensor: on CUDA where Triton is installed."""
    return tensor.is_cuda and not PLAIN_ONLY and _has_triton()


def is_served(tensor: Tensor) -> bool:
    """Whether work on this tensor is worth its place here: by kernels, or where there is no
    accelerator, and all of it is but a trial."""
    return tensor.device.type in ("cpu", "meta") or has_kernels(tensor)


def takes(tensor: Tensor) -> bool:
    """Whether a kernel takes it as it lies."""
    fits = tensor.dtype == torch.float32 and tensor.dim() == 2 and tensor.is_contiguous()
    return fits and has_kernels(tensor)


def draw_groups(inputs: Tensor, starts: Tensor, stream: Tensor, site: int) -> Tensor:
    """A state of each softmax group, ``(n, n_groups)``; see :mod:`.groups`."""
    shape = (len(inputs), len(starts) - 1)
    if takes(inputs):
        from harmonium.compute import gpu

        states, largest = inputs.new_empty(shape), int(starts.diff().max())
        placed = sent(starts, inputs.device)
        with device_of(inputs):
            gpu.draw_groups(inputs, placed, largest, stream, site, states)
        return states
    return plain.draw_groups(inputs, starts, philox.levels(stream, site, shape))


def draw(
    inputs: Tensor,
    bias: Tensor | None,
    stream: Tensor,
    site: int,
    states: Tensor | None,
    means: Tensor | None = None,
    factor: float = 1.0,
) -> None:
    """See :func:`.gpu_plain.draw`; all tensors are contiguous."""
    if has_kernels(inputs):
        from harmonium.compute import gpu

        with device_of(inputs):
            gpu.draw(inputs, bias, stream, site, states, means, factor)
    else:
        gpu_plain.draw(inputs, bias, stream, site, states, means, factor)


def ascend(
    weights: Tensor,
    gradient: Tensor,
    share: float,
    visible: tuple[Tensor, Tensor],
    hidden: tuple[Tensor, Tensor],
    rates: Tensor,
) -> None:
    """See :func:`.gpu_plain.ascend`; all tensors are contiguous, and of float32."""
    if has_kernels(weights):
        from harmonium.compute import gpu

        with device_of(weights):
            gpu.ascend(weights, gradient, share, visible, hidden, rates)
    else:
        gpu_plain.ascend(weights, gradient, share, visible, hidden, rates)


def ascend_biases(
    biases: tuple[Tensor, Tensor],
    offsets: tuple[Tensor, Tensor],
    means: tuple[Tensor, Tensor],
    products: tuple[Tensor, Tensor],
    changes: tuple[Tensor, Tensor],
    share: float,
    rates: Tensor,
) -> None:
    """See :func:`.gpu_plain.ascend_biases`; all tensors are contiguous, and of float32."""
    if max(map(len, biases)) <= _MOST_BIASES and has_kernels(rates):
        from harmonium.compute import gpu

        with device_of(rates):
            gpu.ascend_biases(biases, offsets, means, products, changes, share, rates)
    else:
        gpu_plain.ascend_biases(biases, offsets, means, products, changes, share, rates)
