"""Odd rows: ``python -m benchmarks.odd FOLDER [N_COMPONENTS N_UPDATES WHAT SET ...]``.

Wants pyod for ECOD and COPOD (``pip install pyod``). FOLDER holds the tables of
:mod:`benchmarks.tables`. A set is a table without one column, and rows of one class of that column
are odd: a half of the others, at most 4,000, is learned from, and up to 500 more stand beside up to
300 odd ones. ROC AUC of what tells them apart, by IsolationForest (mean of two seeds), ECOD, COPOD,
log P of the row, and ``NoveltyDetector`` as it is by default. Learned by ``RBM(N_COMPONENTS,
n_updates=N_UPDATES)`` (64 and 4,000 unless told). WHAT is ``class``, or ``planted``: instead of a
class rows made of those that belong, by

- cells: two cells drawn from their columns; dependency: all of them;
- global: numbers even over 1.1 of their range; cluster: moved by 1.5 deviations, all the same way;
- local: with normal noise of 0.7 deviations; tail: one number 3 to 6 deviations out.

``CHOSEN_ON`` guided the choice of what detectors score by; the other sets were looked at after it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn import datasets
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score

import harmonium as hm

#: Column of a table that is dropped, and which of its values are odd.
TABLES: dict[str, tuple[str, str, Callable[[pd.Series], pd.Series]]] = {
    "german": ("german", "good", lambda own: own.astype(str) == "2"),
    "hmeq": ("hmeq", "bad", lambda own: own.astype(str) == "1"),
    "abalone": ("abalone", "rings", lambda own: (own < 4) | (own > 20)),
    "shoppers": ("shoppers", "Revenue", lambda own: own.astype(str) == "True"),
    "adult": ("adult", "income", lambda own: own.astype(str) == ">50K"),
    "credit": ("credit", "default", lambda own: own.astype(str) == "1"),
    "heart": ("heart", "num", lambda own: own.astype(float) > 0),
    "winequality": ("wine", "quality", lambda own: own.astype(float) <= 4),
    "diamonds": ("diamonds", "cut", lambda own: own.astype(str) == "Fair"),
    "colic": ("colic", "outcome", lambda own: own.notna() & (own.astype(str) != "1")),
    "titanic": ("titanic", "survived", lambda own: own.astype(str) == "1"),
}
BUNDLED = {
    "cancer": datasets.load_breast_cancer,
    "digits": datasets.load_digits,
    "wine178": datasets.load_wine,
}
CHOSEN_ON = ("abalone", "adult", "cancer", "digits", "german", "hmeq", "shoppers")
OTHERS = ("colic", "credit", "diamonds", "heart", "titanic", "wine178", "winequality")
KINDS = ("cells", "dependency", "global", "tail", "local", "cluster")
MOST_LEARNED, MOST_USUAL, MOST_ODD, N_PLANTED = 4000, 500, 300, 150


def read(name: str, folder: Path) -> tuple[pd.DataFrame, NDArray[np.bool_]]:
    """A frame, and which of its rows are odd."""
    if name in BUNDLED:
        found = BUNDLED[name](as_frame=True)
        return found.data, (found.target == 0).to_numpy()
    table, column, is_odd = TABLES[name]
    parts = [pd.read_parquet(folder / table / f"{part}.parquet") for part in ("train", "valid")]
    frame = pd.concat(parts, ignore_index=True)
    return frame.drop(columns=column), is_odd(frame[column]).to_numpy(bool)


def split(name: str, folder: Path) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Rows to learn from, others that belong, and odd ones."""
    frame, odd = read(name, folder)
    rng = np.random.default_rng(7)
    usual, strange = (rng.permutation(np.flatnonzero(own)) for own in (~odd, odd))
    half = len(usual) // 2
    chosen = (usual[:half][:MOST_LEARNED], usual[half:][:MOST_USUAL], strange[:MOST_ODD])
    learned, unseen, strange = (frame.iloc[rows].reset_index(drop=True) for rows in chosen)
    return learned, unseen, strange


def planted(kind: str, rows: pd.DataFrame, learned: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Odd rows made of `rows`."""
    rng = np.random.default_rng(seed)
    n = N_PLANTED
    found = rows.iloc[rng.integers(0, len(rows), n)].reset_index(drop=True).copy()
    if kind in ("cells", "dependency"):
        changed = np.ones(found.shape, dtype=bool)
        if kind == "cells":
            changed = rng.random(found.shape).argsort(1).argsort(1) < 2
        for j, name in enumerate(found):
            other = learned[name].iloc[rng.integers(0, len(learned), n)].reset_index(drop=True)
            found[name] = found[name].where(~changed[:, j], other)
        return found
    numbers = [
        name
        for name in found
        if pd.api.types.is_numeric_dtype(learned[name]) and learned[name].nunique() > 10
    ]
    one = rng.choice(len(numbers), n)
    for j, name in enumerate(numbers):
        seen, x = learned[name].astype(float), found[name].astype(float)
        low, high, spread = seen.min(), seen.max(), seen.std()
        if kind == "global":
            pad = 0.05 * (high - low)
            x = pd.Series(rng.uniform(low - pad, high + pad, n))
        elif kind == "cluster":
            x = x + 1.5 * spread
        elif kind == "local":
            x = x + rng.normal(0, 0.7 * spread, n)
        else:
            out = rng.choice([-1, 1], n) * rng.uniform(3, 6, n) * spread
            out = np.where((low >= 0) & (seen.mean() + out < 0), np.abs(out), out)
            x = x.where(one != j, seen.mean() + out)
        if low >= 0 and kind == "local":
            x = x.abs()
        whole = bool((seen.dropna() == seen.dropna().round()).all())
        found[name] = (x.round() if whole else x).astype(float)
    return found


def coded(frames: list[pd.DataFrame]) -> list[NDArray[np.float64]]:
    """As numbers: labels one column each, holes the median."""
    together = pd.concat(frames, ignore_index=True)
    parts = []
    for name in together:
        own = together[name]
        try:
            numbers = own.astype(float)
        except (TypeError, ValueError):
            parts.append(pd.get_dummies(own.astype(object).where(own.notna(), "?").astype(str)))
        else:
            parts.append(numbers.fillna(numbers.median()).to_frame())
    table = np.concatenate([part.to_numpy(float) for part in parts], axis=1)
    found = np.split(table, np.cumsum([len(frame) for frame in frames])[:-1])
    varies = found[0].std(0) > 0
    return [part[:, varies] for part in found]


def by_rivals(
    learned: pd.DataFrame, unseen: pd.DataFrame, strange: pd.DataFrame, is_odd: NDArray[np.bool_]
) -> dict[str, float]:
    """AUC of each rival."""
    try:
        from pyod.models.copod import COPOD
        from pyod.models.ecod import ECOD
    except ImportError:
        raise SystemExit("benchmarks.odd wants pyod: pip install pyod") from None
    train, *rest = coded([learned, unseen, strange])
    asked = np.concatenate(rest)
    forests = [
        roc_auc_score(is_odd, -IsolationForest(random_state=seed).fit(train).score_samples(asked))
        for seed in (0, 1)
    ]
    found = {"IsolationForest": float(np.mean(forests))}
    for rival in (ECOD, COPOD):
        odd = rival().fit(train).decision_function(asked)
        found[rival.__name__] = float(roc_auc_score(is_odd, odd))
    return found


def measure(
    name: str, kind: str, data: tuple[pd.DataFrame, ...], detector: hm.NoveltyDetector
) -> dict[str, float]:
    """Print the AUCs of a set."""
    learned, unseen, strange = data
    is_odd = np.repeat([False, True], [len(unseen), len(strange)])
    found = by_rivals(learned, unseen, strange, is_odd)
    for word, scores in (
        ("log P", lambda rows: detector.estimator_.score_samples(rows)),
        ("NoveltyDetector", detector.score_samples),
    ):
        score = np.concatenate([scores(rows) for rows in (unseen, strange)])
        found[word] = float(roc_auc_score(is_odd, -np.maximum(score, -1e9)))
    told = ", ".join(f"{word} {auc:.3f}" for word, auc in found.items())
    print(f"{name} ({kind}): {told}", flush=True)
    return found


def main() -> None:
    """Print every set, and means."""
    folder, words = Path(sys.argv[1]), sys.argv[2:]
    n_components = int(words[0]) if words else 64
    n_updates = int(words[1]) if len(words) > 1 else 4000
    what = words[2] if len(words) > 2 else "class"
    found: dict[str, list[dict[str, float]]] = {"chosen on": [], "others": []}
    for name in words[3:] or [*CHOSEN_ON, *OTHERS]:
        learned, unseen, strange = split(name, folder)
        missing = "informative" if learned.isna().any().any() else "at-random"
        model = hm.RBM(n_components, n_updates=n_updates, missing=missing, random_state=0)
        model.set_params(visible=hm.Schema.infer(learned, handle_unknown="missing"))
        detector = hm.NoveltyDetector(model).fit(learned)
        for kind in KINDS if what == "planted" else ["class"]:
            odd = strange if kind == "class" else planted(kind, unseen, learned, 0)
            own = measure(name, kind, (learned, unseen, odd), detector)
            found["chosen on" if name in CHOSEN_ON else "others"].append(own)
    for part, rows in found.items():
        if rows:
            table = pd.DataFrame(rows)
            best = table.iloc[:, :3].max(axis=1).mean()
            told = ", ".join(f"{word} {auc:.3f}" for word, auc in table.mean().items())
            print(f"{part}, mean of {len(rows)}: {told}; best of three rivals each {best:.3f}")


if __name__ == "__main__":
    main()
