"""How many threads a piece of work is worth, and work shared out to all cores."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from itertools import pairwise
from typing import Protocol, TypeVar, runtime_checkable

__all__ = [
    "SMALL_PRODUCT",
    "cores",
    "in_order",
    "in_parts",
    "in_slices",
    "one_thread",
    "threads_for",
    "threads_worth",
]

Given = TypeVar("Given")
Made = TypeVar("Made")

#: Products of fewer multiplications than this lose more to a second thread than they gain: on a
#: busy machine, where the second one waits for a core, most of all.
SMALL_PRODUCT = 2**20
#: Below so many rows, starting a thread costs more than it saves.
_FEW_ROWS = 512


@contextmanager
def one_thread(wanted: bool) -> Iterator[None]:
    """torch on one thread while this lasts, if `wanted`; then on as many as before."""
    import torch  # loaded here: chains of words share their work out without it

    before = torch.get_num_threads()
    if wanted:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@runtime_checkable
class Multiplying(Protocol):
    """An energy whose sweeps are products of torch's, of so many multiplications a row."""

    @property
    def product_size(self) -> int: ...


def threads_for(n_rows: int, energy: object) -> AbstractContextManager[None]:
    """torch on one thread where sweeps of `n_rows` rows are too small for more."""
    small = isinstance(energy, Multiplying) and n_rows * energy.product_size < SMALL_PRODUCT
    return one_thread(small)


def cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def in_order(work: Callable[[Given], Made], items: Iterable[Given]) -> Iterator[Made]:
    """``map(work, items)`` on all cores, in kernels that let go of the interpreter's lock.

    Few items are read ahead.
    """
    n_threads = cores()
    with ThreadPoolExecutor(n_threads) as pool:
        waiting: deque[Future[Made]] = deque()
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) > n_threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def in_parts(work: Callable[[int, int], None], n: int) -> None:
    """Call ``work(low, high)`` for parts that cover ``range(n)``, on all cores."""
    in_slices(lambda part: work(part.start, part.stop), n, 1 if n < _FEW_ROWS else cores())


def threads_worth(n: int, work: int, least: int) -> int:
    """As many threads as torch would use and `n` pieces of `work` each are worth, where less than
    `least` costs more to start a thread for than it saves; at most one a piece."""
    import torch

    return min(torch.get_num_threads(), n, max(1, n * work // least))


def in_slices(work: Callable[[slice], Made], n: int, n_threads: int) -> list[Made]:
    """What `work` makes of the slices that part ``range(n)`` evenly, one a thread, in order."""
    if n_threads <= 1:
        return [work(slice(0, n))]
    edges = [n * part // n_threads for part in range(n_threads + 1)]
    with ThreadPoolExecutor(n_threads) as pool:
        return list(pool.map(work, [slice(low, high) for low, high in pairwise(edges)]))
