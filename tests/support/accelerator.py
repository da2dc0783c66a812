"""Where tests of a device's path run: on the CPU, and with ``TRITON_INTERPRET=0`` on a GPU."""

from __future__ import annotations

import os

import torch

#: conftest.py sets the variable to 1 where nobody has.
AT = torch.device("cuda" if os.environ.get("TRITON_INTERPRET") == "0" else "cpu")


def source(seed: int = 0) -> torch.Generator:
    """Randomness of the device's own."""
    return torch.Generator(device=AT).manual_seed(seed)


def same(one: torch.Tensor, other: torch.Tensor) -> bool:
    """Whether draws are the same; on a GPU exponentials may differ in the last place, which a draw
    can see once in some million."""
    return int((one != other).sum()) <= (0 if AT.type == "cpu" else 1)
