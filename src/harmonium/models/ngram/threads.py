"""Rows shared out to all cores: kernels that let go of the interpreter's lock, side by side."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

__all__ = ["in_order", "in_parts"]

Given = TypeVar("Given")
Made = TypeVar("Made")

#: Below this, starting a thread costs more than it saves.
_SMALL = 512


def _n_threads() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def in_order(work: Callable[[Given], Made], items: Iterable[Given]) -> Iterator[Made]:
    """``map(work, items)`` on all cores; few items are read ahead."""
    n_threads = _n_threads()
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
    n_threads = _n_threads()
    if n < _SMALL or n_threads == 1:
        work(0, n)
        return
    edges = [n * part // n_threads for part in range(n_threads + 1)]
    with ThreadPoolExecutor(n_threads) as pool:
        list(pool.map(work, edges[:-1], edges[1:]))
