"""Tables: ``python -m benchmarks.tables FOLDER [N_COMPONENTS SECONDS WHAT TABLE ...]``.

FOLDER holds a folder a table with ``train.parquet``, ``valid.parquet``, ``schema.json`` and, for
:mod:`benchmarks.holes`, ``train_mask30.npz``. Learned from ``train`` by
``RBM(N_COMPONENTS, time_limit=SECONDS)`` (256 and 60 unless told), judged on ``valid``. WHAT is
some of ``density,holes,peers,new`` (all unless told), with commas:

- density: nats a row. Every column is a mass, of whole numbers as of labels. A real number is
  rounded to cells as wide as the coarser of its resolution and 2% of its standard deviation, and
  log(deviation / width) is added.
- holes: a fifth of the cells of unseen rows filled again; the mean over columns of RMSE / deviation
  (numbers) and of the share that is wrong (labels); with ``peers`` beside other fillers, fitted on
  at most 8,000 of the same rows.
- new: how well a boosted tree tells draws from unseen rows (AUC, 0.5: not at all), and how well
  one that learned the target from draws does on unseen rows, beside one that learned from real
  rows.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
from benchmarks.fillers import FILLERS, fill
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_val_predict

import harmonium as hm

#: What is to reach: density, and the filling error of MissForest and of the nearest 15.
PUBLISHED = {
    "adult": (-8.76, 0.524, 0.571),
    "credit": (6.27, 0.431, 0.501),
    "randhie": (9.10, 0.573, 0.533),
    "diamonds": (-1.34, 0.365, 0.421),
    "shoppers": (-6.58, 0.469, 0.492),
    "hmeq": (-10.61, 0.558, 0.617),
    "wine": (-7.01, 0.590, 0.586),
    "abalone": (-0.80, 0.296, 0.307),
    "german": (-22.75, 0.412, 0.463),
    "heart": (-12.64, 0.502, 0.546),
    "titanic": (-4.79, 0.585, 0.530),
    "colic": (-22.00, 0.449, 0.520),
}
#: Rows that fillers other than the model are fitted on, at most.
MOST_ROWS = 8000
WHAT = ("density", "holes", "peers", "new")


class Task:
    """A table: rows to learn from and rows to judge on, and what its columns are."""

    def __init__(self, folder: Path) -> None:
        self.name = folder.name
        facts = json.loads((folder / "schema.json").read_text())
        self.target: str = facts["target"]
        columns = {column["name"]: column for column in facts["columns"]}
        # Also the categories that no row to learn from is of.
        kinds = {
            name: pd.CategoricalDtype(column["categories"], column["kind"] == "ordinal")
            for name, column in columns.items()
            if "categories" in column
        }
        self.train, self.valid = (
            pd.read_parquet(folder / f"{part}.parquet").astype(kinds) for part in ("train", "valid")
        )
        self.mask = np.load(folder / "train_mask30.npz")["mask"]
        #: Standard deviation of each column of numbers.
        self.deviations = {
            name: float(self.train[name].astype(float).std())
            for name, column in columns.items()
            if column["kind"] in ("real", "count")
        }
        #: Cells of the real ones that densities are judged over.
        self.widths = {
            name: max(float(columns[name]["resolution"]), 0.02 * deviation)
            for name, deviation in self.deviations.items()
            if columns[name]["kind"] == "real"
        }


def learned(rows: pd.DataFrame, n_components: int, seconds: float, missing: str) -> hm.RBM:
    """A model of the rows."""
    return hm.RBM(n_components, time_limit=seconds, missing=missing, random_state=0).fit(rows)


# -- density ------------------------------------------------------------------


def log_masses(model: hm.RBM, task: Task, rows: pd.DataFrame) -> NDArray[np.float64]:
    """log P of each row's cell, plus log(deviation / width) a known number ``(n,)``."""
    judged, extra = rows.copy(), np.zeros(len(rows))
    # A column of few numbers may be labels to the model, whose values must stay as they are.
    masses = {column.name for column in model.schema_.columns if column.is_number}
    resolution = dict.fromkeys(task.deviations.keys() & masses, 1.0)  # whole numbers
    for name, width in task.widths.items():
        x = rows[name].astype(float)
        extra += np.where(x.notna(), np.log(task.deviations[name] / width), 0.0)
        if name in masses:
            judged[name], resolution[name] = np.round(x / width) * width, width
    return model.score_samples(judged, resolution=resolution) + extra


def density(model: hm.RBM, task: Task) -> None:
    """Print the mean over unseen rows."""
    started = time.perf_counter()
    log_z = model.log_partition()
    found = log_masses(model, task, task.valid)
    error = found.std() / np.sqrt(len(found))
    print(
        f"{task.name}: density {found.mean():.2f} +- {error:.2f}, to reach "
        f"{PUBLISHED[task.name][0]:.2f}; log Z +- {log_z.std_error:.3f} ({log_z.status}), "
        f"{time.perf_counter() - started:.0f} s",
        flush=True,
    )


# -- cells that are hidden ----------------------------------------------------


def hidden(rows: pd.DataFrame, seed: int) -> NDArray[np.bool_]:
    """A fifth of the cells that are known."""
    chosen = np.random.default_rng(seed).random(rows.shape) < 0.2
    return chosen & rows.notna().to_numpy()


def filling_error(
    filled: pd.DataFrame, rows: pd.DataFrame, mask: NDArray[np.bool_], task: Task
) -> float:
    """Mean over columns of RMSE / deviation and share wrong, of the cells in the mask."""
    errors = []
    for j, name in enumerate(rows.columns):
        here = mask[:, j]
        if not here.any():
            continue
        truth, guess = rows[name][here], filled[name][here]
        if name in task.deviations:
            off = guess.to_numpy(float) - truth.to_numpy(float)
            errors.append(np.sqrt(np.mean(off**2)) / task.deviations[name])
        else:
            errors.append(np.mean(guess.astype(object).to_numpy() != truth.to_numpy(object)))
    return float(np.mean(errors))


def holes(model: hm.RBM, task: Task, peers_of: pd.DataFrame | None) -> None:
    """Print how far filled cells are off: by the model, and by others fitted on `peers_of`."""
    mask = hidden(task.valid, 0)
    holed = task.valid.mask(mask)
    started = time.perf_counter()
    filled = model.complete(holed, how="mean", random_state=0)
    taken = time.perf_counter() - started
    figures = [f"RBM {filling_error(filled, task.valid, mask, task):.3f} ({taken:.0f} s)"]
    for name in FILLERS if peers_of is not None else ():
        started = time.perf_counter()
        guess = fill(name, peers_of[:MOST_ROWS], holed, list(task.deviations))
        taken = time.perf_counter() - started
        error = filling_error(guess, task.valid, mask, task)
        figures.append(f"{name} {error:.3f} ({taken:.0f} s)")
    known = "MissForest {1:.3f}, nearest 15 {2:.3f}".format(*PUBLISHED[task.name])
    print(f"{task.name}: holes {', '.join(figures)}; published {known}", flush=True)


# -- new rows -----------------------------------------------------------------


def coded(frames: list[pd.DataFrame], task: Task) -> tuple[list[NDArray[np.float64]], list[bool]]:
    """Frames as numbers for trees, and which columns are codes of labels."""
    together = pd.concat(frames, ignore_index=True)
    columns, labels = [], []
    for name in together.columns:
        if name in task.deviations:
            columns.append(together[name].to_numpy(float, na_value=np.nan))
        else:
            codes = pd.Categorical(together[name].astype(object)).codes.astype(float)
            columns.append(np.where(codes < 0, np.nan, codes))
        labels.append(name not in task.deviations)
    table = np.column_stack(columns)
    ends = np.cumsum([len(frame) for frame in frames])[:-1]
    return np.split(table, ends), labels


def told_apart(real: pd.DataFrame, drawn: pd.DataFrame, task: Task) -> float:
    """AUC of a boosted tree on which rows are drawn, cross-validated in five parts."""
    (a, b), labels = coded([real, drawn], task)
    X, y = np.concatenate([a, b]), np.repeat([0, 1], [len(a), len(b)])
    order = np.random.default_rng(0).permutation(len(X))
    tree = HistGradientBoostingClassifier(categorical_features=labels, random_state=0)
    chances = cross_val_predict(tree, X[order], y[order], cv=5, method="predict_proba")[:, 1]
    return float(roc_auc_score(y[order], chances))


def targets(rows: pd.DataFrame, task: Task) -> tuple[pd.DataFrame, NDArray[np.bool_]]:
    """Rows without the target's column, and whether each is in the class that is asked for."""
    for sign in ("==", ">"):
        if sign in task.target:
            name, value = task.target.split(sign)
            column = rows[name].astype(float)
            found = column == float(value) if sign == "==" else column > float(value)
            return rows.drop(columns=name), found.to_numpy(bool, na_value=False)
    first = sorted(task.train[task.target].dropna().unique())[0]
    return rows.drop(columns=task.target), (rows[task.target] != first).to_numpy(bool)


def usefulness(train: pd.DataFrame, task: Task) -> float:
    """AUC on unseen rows of a boosted tree that learned the target from `train`."""
    (X, y), (held, truth) = targets(train, task), targets(task.valid, task)
    (a, b), labels = coded([X, held], task)
    tree = HistGradientBoostingClassifier(categorical_features=labels, random_state=0).fit(a, y)
    return float(roc_auc_score(truth, tree.predict_proba(b)[:, 1]))


def new_rows(model: hm.RBM, task: Task) -> None:
    """Print what draws are good for."""
    started = time.perf_counter()
    drawn = model.sample(len(task.train), random_state=0)[list(task.train.columns)]
    taken = time.perf_counter() - started
    drawn = drawn.astype(task.train.dtypes.to_dict())
    apart = told_apart(task.valid, drawn[: len(task.valid)], task)
    print(
        f"{task.name}: new rows told apart {apart:.3f} ({taken:.0f} s), trained on them "
        f"{usefulness(drawn, task):.3f}, on real ones {usefulness(task.train, task):.3f}",
        flush=True,
    )


def measure(task: Task, n_components: int, seconds: float, what: list[str]) -> None:
    """Print everything of one table."""
    missing = "informative" if task.train.isna().any().any() else "at-random"
    started = time.perf_counter()
    model = learned(task.train, n_components, seconds, missing)
    best = max(model.history_["validation"], default=np.nan)
    print(
        f"{task.name}: {len(task.train)} rows x {task.train.shape[1]}, {n_components} hidden, "
        f"{model.n_updates_} updates ({model.stop_reason_}), best held-out {best:.2f}, "
        f"{time.perf_counter() - started:.0f} s",
        flush=True,
    )
    if "density" in what:
        density(model, task)
    if "holes" in what:
        holes(model, task, task.train if "peers" in what else None)
    if "new" in what:
        new_rows(model, task)


def main() -> None:
    """Print figures of every table."""
    folder, words = Path(sys.argv[1]), sys.argv[2:]
    n_components = int(words[0]) if words else 256
    seconds = float(words[1]) if len(words) > 1 else 60.0
    what = words[2].split(",") if len(words) > 2 else list(WHAT)
    for name in words[3:] or PUBLISHED:
        measure(Task(folder / name), n_components, seconds, what)


if __name__ == "__main__":
    main()
