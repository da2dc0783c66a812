"""Work on an accelerator, element by element: the one choice between the twins."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec

from torch import Tensor

from harmonium.compute import philox
from harmonium.compute.device import device_of
from harmonium.compute.twins import PLAIN_ONLY
from harmonium.contract.warning import warn_caller

__all__ = ["ascend", "draw", "has_kernels", "is_served"]


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


def draw(
    inputs: Tensor,
    bias: Tensor | None,
    stream: Tensor,
    site: int,
    states: Tensor | None,
    means: Tensor | None = None,
    factor: float = 1.0,
) -> None:
    """See :func:`.philox.draw`; all tensors are contiguous."""
    if has_kernels(inputs):
        from harmonium.compute import gpu

        with device_of(inputs):
            gpu.draw(inputs, bias, stream, site, states, means, factor)
    else:
        philox.draw(inputs, bias, stream, site, states, means, factor)


def ascend(
    weights: Tensor,
    gradient: Tensor,
    share: float,
    visible: tuple[Tensor, Tensor],
    hidden: tuple[Tensor, Tensor],
    rates: Tensor,
) -> None:
    """See :func:`.philox.ascend`; all tensors are contiguous, and of float32."""
    if has_kernels(weights):
        from harmonium.compute import gpu

        with device_of(weights):
            gpu.ascend(weights, gradient, share, visible, hidden, rates)
    else:
        philox.ascend(weights, gradient, share, visible, hidden, rates)
