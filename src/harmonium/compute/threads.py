"""How many threads a piece of work is worth."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch

__all__ = ["threads_for"]


#: Products of this many multiplications are not worth a second thread.
_SMALL_PRODUCT = 2**20


class _OneThread(AbstractContextManager[None]):
    """torch on one thread, and afterwards on as many as before."""

    def __init__(self) -> None:
        self.before = torch.get_num_threads()

    def __enter__(self) -> None:
        torch.set_num_threads(1)

    def __exit__(self, *_: object) -> None:
        torch.set_num_threads(self.before)


def threads_for(learner: str, work: int) -> AbstractContextManager[None]:
    """One thread where products are small (they lose more to a second than they gain), or
    where the compiled update shares rows out by itself; else as many as torch has."""
    return _OneThread() if learner == "pcd" or work < _SMALL_PRODUCT else nullcontext()
