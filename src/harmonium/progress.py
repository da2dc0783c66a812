"""A progress bar for a fit: updates a second, time left, and the held-out measure."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

__all__ = ["FitProgress"]


class FitProgress(AbstractContextManager["FitProgress"]):
    """Shown on stderr while the context is open; a time limit counts where it ends sooner."""

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
            console=Console(stderr=True),
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
