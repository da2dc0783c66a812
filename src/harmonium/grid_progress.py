"""A progress bar for a stage of known length, on stderr."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["progress_bar"]


@contextmanager
def progress_bar(
    verbose: int, what: str, total: int
) -> Iterator[Callable[[int, float], None] | None]:
    """Gives a function of steps done and a figure to show (NaN: none), or None if not verbose."""
    if not verbose:
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:3.0f}%"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[figure]}"),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(what, total=total, figure="")

        def show(done: int, figure: float) -> None:
            text = "" if math.isnan(figure) else f"{figure:.4f} nats a pixel"
            bar.update(task, completed=min(done, total), figure=text)

        yield show
