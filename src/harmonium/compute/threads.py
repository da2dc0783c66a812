"""How many threads a piece of work is worth."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["one_thread"]


@contextmanager
def one_thread(wanted: bool) -> Iterator[None]:
    """torch on one thread while this lasts, if `wanted`; then on as many as before."""
    import torch  # here, so that models without torch can use this room

    before = torch.get_num_threads()
    if wanted:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
