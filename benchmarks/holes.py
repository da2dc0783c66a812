"""Holes of tables: ``python -m benchmarks.holes FOLDER [WHAT UPDATES TABLE ...]``.

FOLDER is as :mod:`benchmarks.tables` wants it. WHAT is ``masked``, ``intervals``, or both with a
comma (as unless told). UPDATES is how long models learn at most, 0: their default.

- masked: learned from rows of which 30% of the cells are hidden, then a fifth of the cells of
  unseen rows filled, beside fillers that learned from the same holes (at most 8,000 rows); and the
  density of at most 400 unseen rows as they are.
- intervals: how many of the 90% intervals of such cells hold the truth, of a model of whole rows.
  Intervals of whole numbers hold more than they say, since both ends are inside; so also by the
  randomised integral transform: how much of [P(number < x), P(number <= x)] is in [0.05, 0.95].
  Of labels: how often the truth is in the set, and what the model says of that.

Cells are hidden three times over, once where there are 5,000 rows and more; means of these.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from benchmarks.fillers import fill
from benchmarks.tables import MOST_ROWS, PUBLISHED, Task, filling_error, hidden, log_masses
from numpy.typing import NDArray

import harmonium as hm

WHAT = ("masked", "intervals")
RIVALS = ("nearest 15", "MissForest")
LEVEL = 0.9
#: Rows of a table whose cells are hidden once; unseen rows asked about, and scored.
LARGE, MOST_ASKED, MOST_SCORED = 5000, 1500, 400


def asked(task: Task, most: int | None = None) -> Iterator[tuple[pd.DataFrame, NDArray[np.bool_]]]:
    """Unseen rows and which of their cells are hidden, so often as the table is asked about."""
    rows = task.valid[:most]
    for seed in range(3 if len(task.train) < LARGE else 1):
        yield rows, hidden(rows, seed)


def masked(task: Task, n_updates: int | str) -> None:
    """Print how far fillings are off that were learned from rows with holes."""
    seen = task.train.mask(task.mask)
    started = time.process_time()
    model = hm.RBM(n_updates=n_updates, random_state=0).fit(seen)
    taken = time.process_time() - started
    errors: dict[str, list[float]] = {}
    for rows, mask in asked(task):
        holed, numbers = rows.mask(mask), list(task.deviations)
        filled = {"RBM": model.complete(holed, how="mean", random_state=0)}
        filled |= {name: fill(name, seen[:MOST_ROWS], holed, numbers) for name in RIVALS}
        for name, guess in filled.items():
            errors.setdefault(name, []).append(filling_error(guess, rows, mask, task))
    figures = ", ".join(f"{name} {np.mean(own):.3f}" for name, own in errors.items())
    score = log_masses(model, task, task.valid[:MOST_SCORED]).mean()
    print(
        f"{task.name}: masked {figures}; {model.n_updates_} updates ({model.stop_reason_}), "
        f"{taken:.0f} s of processor time, density {score:.2f}",
        flush=True,
    )


def intervals(task: Task, n_updates: int | str) -> None:
    """Print how many intervals hold the truth."""
    model = hm.RBM(n_updates=n_updates, random_state=0).fit(task.train)
    inside: list[NDArray[np.float64]] = []  # plain and randomised, (2, n) a column
    sets: list[NDArray[np.float64]] = []  # held and said
    for rows, mask in asked(task, MOST_ASKED):
        for cell in model.cell_marginals(rows.mask(mask), random_state=0):
            here = mask[:, rows.columns.get_loc(cell.column.name)]
            truth = rows[cell.column.name]
            if cell.column.is_number:
                x = truth.to_numpy(float, na_value=np.nan)
                low, high = cell.interval(LEVEL)
                held = (low <= x) & (x <= high), randomised(*cell.levels(x))
                inside.append(np.array([own[here] for own in held], dtype=float))
            else:
                labels = cell.column.values(np.arange(float(cell.column.n_states)))
                chances = [dict(zip(labels, own, strict=True)) for own in cell.shares[here]]
                sets_of = cell.sets(LEVEL)
                chosen = [sets_of[k] or [] for k in np.flatnonzero(here)]
                held = [one in own for one, own in zip(truth[here], chosen, strict=True)]
                said = [
                    sum(chance[one] for one in own) / sum(chance.values())
                    for chance, own in zip(chances, chosen, strict=True)
                ]
                sets.append(np.array([held, said], dtype=float))
    print(
        f"{task.name}: {LEVEL:.0%} intervals hold {share(inside)} (plain, randomised), sets of "
        f"labels {share(sets)} (found, said)",
        flush=True,
    )


def randomised(below: NDArray[np.float64], upto: NDArray[np.float64]) -> NDArray[np.float64]:
    """The share of [below, upto] that the central interval has."""
    width = np.maximum(upto - below, 1e-12)
    outside = (1 - LEVEL) / 2
    return np.clip(np.minimum(upto, 1 - outside) - np.maximum(below, outside), 0, None) / width


def share(found: list[NDArray[np.float64]]) -> str:
    """The means of two figures over all cells, and how many cells."""
    if not found:
        return "-"
    table = np.concatenate(found, axis=1)
    first, second = table.mean(1)
    return f"{first:.3f}, {second:.3f} of {table.shape[1]}"


def main() -> None:
    """Print figures of every table."""
    folder, words = Path(sys.argv[1]), sys.argv[2:]
    what = words[0].split(",") if words else list(WHAT)
    n_updates = (int(words[1]) if len(words) > 1 else 0) or "auto"
    for name in words[2:] or PUBLISHED:
        task = Task(folder / name)
        if "masked" in what:
            masked(task, n_updates)
        if "intervals" in what:
            intervals(task, n_updates)


if __name__ == "__main__":
    main()
