"""Progress bars on stderr: of a fit, of a count, and of any stage of known length."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib.util import find_spec

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

__all__ = ["FitProgress", "count_progress", "stage_bar"]


def _console() -> Console:
    """Standard error; in a notebook a widget, and without ipywidgets, which rich would ask for,
    the last line alone."""
    console = Console(stderr=True)
    if console.is_jupyter and find_spec("ipywidgets") is None:
        return Console(stderr=True, force_jupyter=False, force_terminal=False)
    return console


class FitProgress(AbstractContextManager["FitProgress"]):
    """Updates a second, time left and the held-out measure.

    A time limit counts where it ends sooner.
    """

    def __init__(self, n_updates: int, time_limit: float | None = None) -> None:
        self.n_updates = n_updates
        self.time_limit = time_limit
        self.started = time.perf_counter()
        self.bar = Progress(
            TextColumn("fit"),
            BarColumn(),
            TextColumn("{task.percentage:3.0f}%"),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[measure]}"),
            console=_console(),
        )
        self.task = self.bar.add_task("fit", total=1.0, rate="", measure="")

    def __enter__(self) -> FitProgress:
        self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.stop()

    def update(self, update: int, facts: dict[str, float]) -> None:
        """Show that `update` updates are done, and the newest `facts` of the history."""
        seconds = time.perf_counter() - self.started
        done = update / self.n_updates
        if self.time_limit is not None:
            done = max(done, min(seconds / self.time_limit, 1.0))
        measure = ""
        if "validation" in facts:
            measure = f"held-out log-likelihood {facts['validation']:.3f} nats"
        self.bar.update(
            self.task,
            completed=done,
            rate=f"{update / max(seconds, 1e-9):.0f} updates/s",
            measure=measure,
        )


@contextmanager
def stage_bar(verbose: int, what: str, total: int) -> Iterator[Callable[[int, float], None] | None]:
    """Gives a function of steps done and a figure to show (NaN: none), or None if not verbose."""
    if not verbose:
        yield None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:3.0f}%"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[figure]}"),
    )
    with Progress(*columns, console=_console()) as bar:
        task = bar.add_task(what, total=total, figure="")

        def show(done: int, figure: float) -> None:
            text = "" if math.isnan(figure) else f"{figure:.4f} nats a pixel"
            bar.update(task, completed=min(done, total), figure=text)

        yield show


class CountProgress:
    """What a count shows: see :func:`count_progress`."""

    def __init__(self, bar: Progress, order: int, n_bytes: int | None) -> None:
        self.bar, self.order, self.n_read = bar, order, 0
        self.reading = bar.add_task("read", total=n_bytes, measure="")
        self.counting = bar.add_task("count", total=order, measure="")

    def read(self, n_bytes: int) -> None:
        """`n_bytes` more were read."""
        self.n_read += n_bytes
        measure = f"{self.n_read / 1e6:.0f} MB"
        self.bar.update(self.reading, completed=self.n_read, measure=measure)

    def counted(self, level: int) -> None:
        """N-grams of `level` words are counted."""
        self.bar.update(self.counting, completed=level, measure=f"{level}-grams of {self.order}")


@contextmanager
def count_progress(order: int, n_bytes: int | None, *, shown: bool) -> Iterator[CountProgress]:
    """Bytes read, of `n_bytes` (None where nobody knows), then n-grams of up to `order` words
    counted; seen where `shown`, on a terminal."""
    console = _console()
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[measure]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, disable=not (shown and console.is_terminal)) as bar:
        yield CountProgress(bar, order, n_bytes)
