"""Answers about rows out of core, written as they come: a row group of Parquet a block."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Scores", "complete", "score"]


@dataclass
class Scores:
    """Mean and spread of log-likelihoods, a block after the other."""

    n: int = 0
    mean: float = 0.0
    squares: float = 0.0  #: the sum of squared deviations from the mean

    def add(self, scores: Any) -> None:
        """Take in a block (Chan, Golub, LeVeque 1983)."""
        import numpy as np

        if not len(scores):
            return
        own, before = float(np.mean(scores)), self.n
        self.n += len(scores)
        if not before:
            self.mean = own
        else:
            self.squares += (own - self.mean) ** 2 * before * len(scores) / self.n
            self.mean += (own - self.mean) * len(scores) / self.n
        self.squares += float(np.var(scores)) * len(scores)

    @property
    def std_error(self) -> float:
        """Of the mean: not known of one row, nor where some rows cannot be."""
        from math import isfinite, nan

        known = self.n > 1 and isfinite(self.mean)
        return float((self.squares / (self.n - 1) / self.n) ** 0.5) if known else nan


def score(fitted: Any, rows: Any, out: str | None) -> Scores:
    """The log-likelihoods of `rows`, in a file at `out` where one is named, and what they are
    like on the whole. Of rows out of core no more than a block is in memory, but for answers that
    are not written as ``.parquet``."""
    import numpy as np

    from harmonium.data.files import write_rows

    found = Scores()

    def blocks() -> Iterator[Any]:
        for block in _blocks(rows):
            with np.errstate(invalid="ignore"):  # -inf, of rows that cannot be
                scores = fitted.score_samples(block)
                found.add(scores)
            yield scores

    if out is None:
        for _ in blocks():
            pass
    elif Path(out).suffix.lower() == ".parquet":
        import pyarrow as pa

        _write(out, (pa.table({"log_likelihood": scores}) for scores in blocks()))
    else:
        scores = np.concatenate(list(blocks()))
        if len(scores):
            write_rows(out, scores[:, None])
    return found


def complete(fill: Callable[[Any], Any], rows: Any, kind: Any, place: str) -> None:
    """Rows out of core, filled, in a ``.parquet`` at `place`."""
    _write(place, (kind.give_table(fill(block)) for block in _blocks(rows)))


def _blocks(rows: Any) -> Iterator[Any]:
    from harmonium.data.shards import Shards

    if isinstance(rows, Shards):
        yield from rows.blocks()
    else:
        yield rows


def _write(path: str, tables: Iterator[Any]) -> None:
    from harmonium.data.frame_files import write_frames

    write_frames(path, tables)
