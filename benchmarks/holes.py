"""Holes of tables: ``python -m benchmarks.holes FOLDER [WHAT UPDATES TABLE ...]``.

FOLDER is as :mod:`benchmarks.tables` wants it. WHAT is ``masked``, ``intervals``, or both with a
comma (as unless told). UPDATES is how long models learn at most, 0: their default.

- masked: learned from rows of which 30% of the cells are hidden, then a fifth of the cells of
  unseen rows filled, beside fillers that learned from the same holes (at most 8,000 rows); and the
  density of at most 400 unseen rows as they are.
- intervals: how many of the 90% intervals of such cells hold the truth, of an imputer that learned
  from whole rows: as the model has them, and as they are set by the rows that its fit held out.
  Intervals of whole numbers hold more than they say, since both ends are inside; so also by the
  randomised integral transform: how much of [P(number < x), P(number <= x)] is between the levels
  of the interval's ends. Of labels: how often the truth is in the set, what the model says of that,
  and how many labels are in it.

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
from harmonium.models.cells import CellMarginal
from harmonium.questions.calibration import Calibration

Array = NDArray[np.float64]

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
    imputer = hm.Imputer(hm.RBM(n_updates=n_updates, random_state=0)).fit(task.train)
    cells = [
        (cell, mask[:, rows.columns.get_loc(cell.column.name)], rows[cell.column.name])
        for rows, mask in asked(task, MOST_ASKED)
        for cell in imputer.estimator_.cell_marginals(rows.mask(mask), random_state=0)
    ]
    for by, calibration in (("the model", Calibration()), ("held-out rows", imputer.calibration_)):
        inside, sets = [], []  # of each cell what :func:`numbers_held` and :func:`sets_held` tell
        for cell, here, truth in cells:
            name = cell.column.name
            if cell.column.is_number:
                inside.append(numbers_held(cell, truth, calibration.ends(name, LEVEL))[:, here])
            else:
                sets.append(sets_held(cell, truth, calibration.share(name, LEVEL))[:, here])
        print(
            f"{task.name}: {LEVEL:.0%} intervals by {by} hold {share(inside)} (plain, randomised), "
            f"sets of labels {share(sets)} (found, said, labels in them)",
            flush=True,
        )


def numbers_held(cell: CellMarginal, truth: pd.Series, ends: tuple[float, float]) -> Array:
    """Whether each interval holds the truth, and how much of its mass, ``(2, n)``."""
    x = truth.to_numpy(float, na_value=np.nan)
    low, high = cell.between(*ends)
    below, upto = cell.levels(x)
    part = np.minimum(upto, ends[1]) - np.maximum(below, ends[0])
    part = np.clip(part, 0, None) / np.maximum(upto - below, 1e-12)
    return np.array([(low <= x) & (x <= high), part], dtype=float)


def sets_held(cell: CellMarginal, truth: pd.Series, level: float) -> Array:
    """Whether each set holds the truth, what the model says of that, and its size ``(3, n)``."""
    order = np.sort(cell.shares, axis=1)[:, ::-1]
    sets = [one or [] for one in cell.sets(level)]
    sizes = np.array(list(map(len, sets)))
    held = [one in own for one, own in zip(truth, sets, strict=True)]
    said = np.where(np.arange(order.shape[1]) < sizes[:, None], order, 0.0).sum(1)
    return np.array([held, said, sizes], dtype=float)


def share(found: list[Array]) -> str:
    """The means of figures over all cells, and how many cells."""
    if not found:
        return "-"
    table = np.concatenate(found, axis=1)
    return ", ".join(f"{one:.3f}" for one in table.mean(1)) + f" of {table.shape[1]}"


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
