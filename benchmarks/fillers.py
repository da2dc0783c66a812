"""Fillers of missing cells of a frame, to be measured beside a model."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer

__all__ = ["FILLERS", "fill"]

Array = NDArray[np.float64]

FILLERS = ("mean/mode", "iterative", "nearest 15", "MissForest")
#: Rounds of forests over all columns.
_ROUNDS = 4


def fill(
    filler: str, train: pd.DataFrame, rows: pd.DataFrame, numbers: Sequence[str]
) -> pd.DataFrame:
    """`rows` without missing cells, by a `filler` fitted on `train`; all but `numbers` are labels.

    Number columns are standardised and labels a column of 0 and 1 each, but for MissForest
    (Stekhoven, Bühlmann 2012), whose forests are told codes: 100 trees of at least 5 (numbers) or
    1 (labels) rows a leaf, a column after another, four rounds.
    """
    columns = [_Column(train[name], name in numbers) for name in train.columns]
    known = [np.column_stack([c.codes(frame[c.name]) for c in columns]) for frame in (train, rows)]
    if filler == "MissForest":
        filled = _forests(known[0], known[1], [c.categories is None for c in columns])
    else:
        wide = [
            np.hstack([c.wide(own) for c, own in zip(columns, k.T, strict=True)]) for k in known
        ]
        filled = _narrow(_by_sklearn(filler, *wide), columns)
        filled = np.where(np.isnan(known[1]), filled, known[1])
    pairs = zip(columns, filled.T, strict=True)
    return pd.DataFrame({c.name: c.values(own) for c, own in pairs}, rows.index)


class _Column:
    """A column as one of numbers: standardised, or codes of labels."""

    def __init__(self, values: pd.Series, is_number: bool) -> None:
        self.name = values.name
        self.categories: list[object] | None = None
        if is_number:
            x = values.to_numpy(float, na_value=np.nan)
            self.mean, self.deviation = float(np.nanmean(x)), float(np.nanstd(x)) or 1.0
        else:
            self.categories = sorted(values.dropna().unique())

    def codes(self, values: pd.Series) -> Array:
        if self.categories is None:
            return (values.to_numpy(float, na_value=np.nan) - self.mean) / self.deviation
        codes = pd.Categorical(values, categories=self.categories).codes.astype(float)
        return np.where(codes < 0, np.nan, codes)

    def wide(self, codes: Array) -> Array:
        if self.categories is None:
            return codes[:, None]
        shown = (codes[:, None] == np.arange(len(self.categories))).astype(float)
        shown[np.isnan(codes)] = np.nan
        return shown

    def values(self, codes: Array) -> NDArray[np.object_] | Array:
        if self.categories is None:
            return codes * self.deviation + self.mean
        return np.array(self.categories, dtype=object)[codes.astype(int)]


def _narrow(wide: Array, columns: Sequence[_Column]) -> Array:
    """The most likely label of each group of columns."""
    found, start = [], 0
    for column in columns:
        if column.categories is None:
            found.append(wide[:, start])
            start += 1
        else:
            stop = start + len(column.categories)
            found.append(wide[:, start:stop].argmax(1).astype(float))
            start = stop
    return np.column_stack(found)


def _by_sklearn(filler: str, train: Array, rows: Array) -> Array:
    imputer = {
        "mean/mode": SimpleImputer(),
        "iterative": IterativeImputer(random_state=0),
        "nearest 15": KNNImputer(n_neighbors=15),
    }[filler]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        found: Array = imputer.fit(train).transform(rows)
    return found


def _forests(train: Array, rows: Array, is_number: Sequence[bool]) -> Array:
    """Both tables filled by forests, those with the fewest holes first."""
    holes, gaps = np.isnan(train), np.isnan(rows)
    seen, asked = train.copy(), rows.copy()
    for j, number in enumerate(is_number):
        known = train[~holes[:, j], j]
        start = known.mean() if number else float(np.bincount(known.astype(int)).argmax())
        seen[holes[:, j], j] = asked[gaps[:, j], j] = start
    complete, kept = not holes.any(), {}
    for _ in range(_ROUNDS):
        for j in np.argsort(holes.sum(0), kind="stable"):
            others = np.delete(np.arange(train.shape[1]), j)
            if j not in kept or not complete:
                kind = RandomForestRegressor if is_number[j] else RandomForestClassifier
                leaf = 5 if is_number[j] else 1
                forest = kind(100, min_samples_leaf=leaf, max_features="sqrt", random_state=0)
                here = ~holes[:, j]
                kept[j] = forest.fit(seen[np.ix_(here, others)], train[here, j])
            for table, missing in ((seen, holes), (asked, gaps)):
                if missing[:, j].any():
                    table[missing[:, j], j] = kept[j].predict(table[np.ix_(missing[:, j], others)])
    return asked
