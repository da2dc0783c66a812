"""A progress bar while counting: bytes read, then n-grams counted."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from harmonium.data.texts import TextFile

__all__ = ["CountProgress"]


class CountProgress(AbstractContextManager["CountProgress"]):
    """Shown on stderr while the context is open, where `shown`."""

    def __init__(self, order: int, source: Any, *, shown: bool) -> None:
        self._bytes = 0
        self._whole: float | None = None
        if isinstance(source, TextFile) and str(source.path) != "-":
            packed = str(source.path).endswith(".gz")
            self._whole = None if packed else max(1, Path(source.path).stat().st_size)
        self._order = order
        console = Console(stderr=True)
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[measure]}"),
            TimeElapsedColumn(),
            console=console,
            disable=not (shown and console.is_terminal),
        )
        self._reading = self._bar.add_task("read", total=self._whole, measure="")
        self._counting = self._bar.add_task("count", total=order, measure="")

    def __enter__(self) -> CountProgress:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def read(self, n_bytes: int) -> None:
        """`n_bytes` more were read."""
        self._bytes += n_bytes
        self._bar.update(
            self._reading, completed=self._bytes, measure=f"{self._bytes / 1e6:.0f} MB"
        )

    def counted(self, level: int) -> None:
        """N-grams of `level` words are counted."""
        self._bar.update(self._counting, completed=level, measure=f"{level}-grams of {self._order}")
