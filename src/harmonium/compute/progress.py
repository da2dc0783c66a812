"""Progress bars on stderr: of a fit, of a count, and of any stage of known length."""

from __future__ import annotations

import io
import math
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

__all__ = ["FitProgress", "count_progress", "stage_bar"]

#: Seconds between two looks of a bar in a notebook.
_APART = 0.2


def _sheet() -> Console:
    """A console that keeps what is written on it."""
    nowhere = io.StringIO()
    return Console(file=nowhere, record=True, width=100, force_jupyter=False, force_terminal=False)


class _Bars(AbstractContextManager["_Bars"]):
    """Bars, a line each: on standard error, and in a notebook as HTML that is shown once and
    changed where it stands, which wants no package beside IPython."""

    def __init__(self, *columns: ProgressColumn, seen: bool = True) -> None:
        console = Console(stderr=True)
        self.in_notebook = console.is_jupyter and seen
        self.progress = Progress(
            *columns,
            console=_sheet() if self.in_notebook else console,
            auto_refresh=not self.in_notebook,
            disable=not seen,
        )
        self._shown: Any = None
        self._last = 0.0

    def __enter__(self) -> _Bars:
        if self.in_notebook:
            from IPython.display import display  # type: ignore[import-not-found]

            self._shown = display(self._drawn(), raw=True, display_id=True)
        else:
            self.progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.in_notebook:
            self._shown.update(self._drawn(), raw=True)
        else:
            self.progress.stop()

    def add(self, what: str, total: float | None, **fields: Any) -> TaskID:
        return self.progress.add_task(what, total=total, **fields)

    def update(self, task: TaskID, completed: float, **fields: Any) -> None:
        self.progress.update(task, completed=completed, **fields)
        if self._shown is not None and time.perf_counter() - self._last > _APART:
            self._shown.update(self._drawn(), raw=True)
            self._last = time.perf_counter()

    def _drawn(self) -> dict[str, str]:
        """The bars as they stand, as text and as HTML of the page's own letters."""
        sheet = _sheet()
        sheet.print(self.progress.get_renderable())
        text = sheet.export_text(clear=False).rstrip()
        page = '<pre style="line-height: normal">{code}</pre>'
        return {
            "text/plain": text,
            "text/html": sheet.export_html(inline_styles=True, code_format=page),
        }


class FitProgress(AbstractContextManager["FitProgress"]):
    """Updates a second, time left and the held-out measure.

    A time limit counts where it ends sooner.
    """

    def __init__(self, n_updates: int, time_limit: float | None = None) -> None:
        self.n_updates = n_updates
        self.time_limit = time_limit
        self.started = time.perf_counter()
        self.bar = _Bars(
            TextColumn("fit"),
            BarColumn(),
            TextColumn("{task.percentage:3.0f}%"),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[measure]}"),
        )
        self.task = self.bar.add("fit", 1.0, rate="", measure="")

    def __enter__(self) -> FitProgress:
        self.bar.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.__exit__()

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
    with _Bars(*columns) as bar:
        task = bar.add(what, total, figure="")

        def show(done: int, figure: float) -> None:
            text = "" if math.isnan(figure) else f"{figure:.4f} nats a pixel"
            bar.update(task, completed=min(done, total), figure=text)

        yield show


class CountProgress:
    """What a count shows: see :func:`count_progress`."""

    def __init__(self, bar: _Bars, order: int, n_bytes: int | None) -> None:
        self.bar, self.order, self.n_read = bar, order, 0
        self.reading = bar.add("read", n_bytes, measure="")
        self.counting = bar.add("count", order, measure="")

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
    counted; seen where `shown`, on a terminal or in a notebook."""
    console = Console(stderr=True)
    seen = shown and (console.is_terminal or console.is_jupyter)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[measure]}"),
        TimeElapsedColumn(),
    )
    with _Bars(*columns, seen=seen) as bar:
        yield CountProgress(bar, order, n_bytes)
