"""Rows shared out to all cores: kernels that let go of the interpreter's lock, side by side."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

__all__ = ["in_parts"]

#: Below this, starting a thread costs more than it saves.
_SMALL = 512


def in_parts(work: Callable[[int, int], None], n: int) -> None:
    """Call ``work(low, high)`` for parts that cover ``range(n)``, on all cores."""
    n_threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    n_threads = n_threads or 1
    if n < _SMALL or n_threads == 1:
        work(0, n)
        return
    edges = [n * part // n_threads for part in range(n_threads + 1)]
    with ThreadPoolExecutor(n_threads) as pool:
        list(pool.map(work, edges[:-1], edges[1:]))
