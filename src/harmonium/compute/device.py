"""``device="auto"``: one reading of the word for all models; and which device is current."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from torch import Tensor

__all__ = ["device_for", "device_of", "sent"]


def device_for(device: Any) -> torch.device:
    """The torch device that `device` names: ``"auto"`` is CUDA where there is one, else the CPU.

    Raises ``ValueError`` for what is no device, and for CUDA where torch sees none.
    """
    import torch

    if isinstance(device, str) and device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        found = torch.device(device)
    except (RuntimeError, TypeError):
        raise ValueError(
            f"device must be 'auto', 'cpu', 'cuda' or another torch device, got {device!r}"
        ) from None
    if found.type == "cuda" and not torch.cuda.is_available():
        raise ValueError("device='cuda', but torch sees no CUDA device; use device='cpu'")
    return found


def device_of(tensor: Tensor) -> AbstractContextManager[None]:
    """Within it the tensor's CUDA device is the current one, on which kernels are launched and
    graphs are recorded; nothing changes for a tensor elsewhere."""
    import torch

    return torch.cuda.device_of(tensor)  # type: ignore[no-untyped-call, no-any-return]


def sent(tensor: Tensor, device: torch.device) -> Tensor:
    """A tensor of the CPU on this device; on CUDA the copy is not waited for."""
    if device.type == "cuda":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)
