"""Answers about rows out of core, written as they come: a row group of Parquet a block.

Of several ranks (``torchrun``) each answers about its own pieces of the rows and writes a part of
the file beside it; the first one joins the parts, so all must see the same folder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # numpy is loaded where there is something to answer
    from harmonium.compute.ranks import Ranks

__all__ = ["Scores", "complete", "encode", "score", "seeded", "together"]


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

    @classmethod
    def together(cls, parts: Sequence[Scores]) -> Scores:
        """Of several ranks."""
        n = sum(part.n for part in parts)
        if len(parts) == 1 or not n:
            return parts[0]
        mean = sum(part.mean * part.n for part in parts) / n
        between = sum((part.mean - mean) ** 2 * part.n for part in parts)
        return cls(n, mean, between + sum(part.squares for part in parts))

    @property
    def std_error(self) -> float:
        """Of the mean: not known of one row, nor where some rows cannot be."""
        from math import isfinite, nan

        known = self.n > 1 and isfinite(self.mean)
        return float((self.squares / (self.n - 1) / self.n) ** 0.5) if known else nan


def score(fitted: Any, rows: Any, out: str | None, ranks: Ranks) -> Scores:
    """The log-likelihoods of `rows`, in a file at `out` where one is named, and what they are
    like on the whole. Of rows out of core no more than a block is in memory, but for answers that
    are not written as ``.parquet``."""
    import numpy as np

    from harmonium.data.files import write_rows

    found = Scores()

    def scored() -> Iterator[Any]:
        for block in _blocks(rows, ranks):
            with np.errstate(invalid="ignore"):  # -inf, of rows that cannot be
                scores = fitted.score_samples(block)
                found.add(scores)
            yield scores

    if out is None:
        for _ in scored():
            pass
    elif Path(out).suffix.lower() == ".parquet":
        import pyarrow as pa

        _write(out, (pa.table({"log_likelihood": scores}) for scores in scored()), ranks)
    else:
        parts = [one for part in ranks.each(list(scored())) for one in part]
        if not ranks.rank and len(scores := np.concatenate(parts)):
            write_rows(out, scores[:, None])
    return Scores.together(ranks.each(found))


def complete(
    fill: Callable[..., Any], rows: Any, kind: Any, place: str, ranks: Ranks, seed: int | None
) -> None:
    """Rows out of core, filled, in a ``.parquet`` at `place`; of a `seed` all blocks are filled by
    one stream of random numbers."""
    if seed is not None:
        fill = partial(fill, random_state=seeded(seed, ranks))
    _write(place, (kind.give_table(fill(block)) for block in _blocks(rows, ranks)), ranks)


def encode(
    transform: Callable[[Any], Any], rows: Any, names: Sequence[str], place: str, ranks: Ranks
) -> None:
    """The hidden units of rows out of core, a column each by these `names` (none: their numbers),
    in a ``.parquet`` at `place`."""
    import pyarrow as pa

    def table(hidden: Any) -> Any:
        own = names or [f"h{j}" for j in range(hidden.shape[1])]
        return pa.table(dict(zip(own, hidden.T, strict=True)))

    _write(place, (table(transform(block)) for block in _blocks(rows, ranks)), ranks)


def seeded(seed: int, ranks: Ranks) -> Any:
    """Random numbers of this rank's own."""
    from harmonium.compute.random import random_generator

    return ranks.own(random_generator(seed))


def together(parts: list[Any]) -> Any:
    """Answers of several ranks as one: rows, tables of Arrow's, or lists."""
    if len(parts) == 1:
        return parts[0]
    if hasattr(parts[0], "column_names"):
        import pyarrow as pa

        return pa.concat_tables(parts)
    if isinstance(parts[0], list):
        return [one for part in parts for one in part]
    import numpy as np

    return np.concatenate(parts)


def _blocks(rows: Any, ranks: Ranks) -> Iterator[Any]:
    from harmonium.data.shards import Shards

    if isinstance(rows, Shards):
        yield from rows.share(ranks.rank, ranks.world).blocks()
    else:
        yield rows


def _write(path: str, tables: Iterator[Any], ranks: Ranks) -> None:
    from itertools import chain

    from harmonium.data.frame_files import join_frames, write_frames

    if ranks.world == 1:
        write_frames(path, tables)
        return
    part, first = f"{path}.{ranks.rank}.part", next(tables, None)
    if first is not None:  # a rank may have no rows
        write_frames(part, chain([first], tables))
    parts = [one for one in ranks.each(None if first is None else part) if one is not None]
    ranks.first(lambda: join_frames(path, parts))
