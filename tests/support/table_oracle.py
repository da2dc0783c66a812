"""A small RBM of a frame by brute force: every joint state of its columns listed."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import logsumexp

import harmonium as hm

Array = NDArray[np.float64]


def small_frame(n: int = 60, seed: int = 0) -> pd.DataFrame:
    """Two labels, levels, a count and an amount that is often zero: 432 joint states."""
    rng = np.random.default_rng(seed)
    twos = rng.integers(0, 2, n)
    return pd.DataFrame(
        {
            "shade": rng.choice(list("rgb"), n, p=[0.2, 0.3, 0.5]),
            "yes": np.where(rng.random(n) < 0.3 + 0.4 * twos, "y", "n"),
            "grade": pd.Categorical(
                rng.choice(["low", "mid", "high"], n), ["low", "mid", "high"], ordered=True
            ),
            "n": np.minimum(rng.poisson(1 + twos), 3),
            "x": np.where(rng.random(n) < 0.2, 0.0, rng.gamma(2.0, 1 + twos)),
        }
    )


def small_model(
    frame: pd.DataFrame, y: Any = None, scale: float = 0.8, **parameters: Any
) -> hm.RBM:
    """A fit of no length, then couplings at random that are strong enough to tell."""
    given = {"n_updates": 2, "random_state": 0, "validation_fraction": 0, **parameters}
    model = hm.RBM(3, **given).fit(frame, y)
    rng = np.random.default_rng(7)
    model.components_ = rng.normal(0, scale, model.components_.shape)
    model.intercept_hidden_ = rng.normal(0, 0.5, 3)
    model.intercept_visible_ = model.intercept_visible_ + rng.normal(
        0, 0.4, model.intercept_visible_.shape
    )
    model.attribute_components_ = rng.normal(0, scale, model.attribute_components_.shape)
    return model


class TableOracle:
    """P of every joint state of a model's columns, in the order of its schema.

    ``absent`` are the columns whose last state is that the cell is missing; a label learned from
    `y` is the last column.
    """

    def __init__(self, model: hm.RBM, absent: tuple[str, ...] = (), n_classes: int = 0) -> None:
        self.columns = model.schema_.columns
        self.names = list(model.schema_.names)
        self.absent = absent
        own = [c.n_states + (c.name in absent) for c in self.columns]
        self.sizes = [*own, n_classes] if n_classes else own
        self.states = np.array(list(itertools.product(*map(range, self.sizes))))
        # Two states are one number, more are one of so many; those of two come first.
        order = sorted(range(len(own)), key=lambda j: own[j] != 2)
        parts = [
            self.states[:, [j]] if own[j] == 2 else np.eye(own[j])[self.states[:, j]] for j in order
        ]
        weights, bias = model.components_.T, model.intercept_visible_
        if n_classes:
            parts.append(np.eye(n_classes)[self.states[:, -1]])
            weights = np.concatenate([weights, model.attribute_components_.T])
            bias = np.concatenate([bias, model.intercept_attributes_])
        # Shares of states among the rows learned from, which the base has.
        groups = np.split(model._base_bias, np.cumsum([part.shape[1] for part in parts])[:-1])
        each = [np.append(0.0, own) if len(own) == 1 else own for own in groups]
        self.rates = {
            self.names[j]: np.exp(own - logsumexp(own)) for j, own in zip(order, each, strict=False)
        }
        #: Statistics of each joint state, in the order of the model's parameters.
        self.statistics = v = np.hstack(parts).astype(float)
        log_weights = v @ bias + np.logaddexp(0, v @ weights + model.intercept_hidden_).sum(1)
        self.log_p = log_weights - logsumexp(log_weights)
        self.p = np.exp(self.log_p)
        self.weights, self.bias = weights, bias
        self.hidden = 1 / (1 + np.exp(-(v @ weights + model.intercept_hidden_)))

    def __getitem__(self, name: str) -> NDArray[np.int64]:
        """The column's state in each joint state."""
        return self.states[:, self.names.index(name)]

    def read(self, frame: pd.DataFrame) -> Array:
        """States of the cells ``(n, n_columns)``, NaN where nothing is known."""
        found = np.empty((len(frame), len(self.columns)))
        for j, column in enumerate(self.columns):
            values = frame[column.name]
            if column.is_number:
                known = values.to_numpy(dtype=float, na_value=np.nan)
                found[:, j] = np.digitize(known, column.edges)
                found[np.isnan(known), j] = np.nan
            else:
                place = {one: float(k) for k, one in enumerate(column.categories)}
                found[:, j] = [place.get(one, np.nan) for one in values]
            if column.name in self.absent:
                found[np.isnan(found[:, j]), j] = column.n_states
        return found

    def numbers(self, frame: pd.DataFrame) -> NDArray[np.int64]:
        """Which joint state of the own columns each row is, where nothing is missing."""
        own = self.sizes[: len(self.columns)]
        rows = self.read(frame)
        assert not np.isnan(rows).any()
        return np.ravel_multi_index(tuple(rows.astype(int).T), own)

    def given(self, row: Array) -> Array:
        """P of every joint state given the known cells of a row."""
        fits = (np.isnan(row) | (self.states[:, : len(row)] == row)).all(1)
        p = np.where(fits, self.p, 0.0)
        return p / p.sum()

    def log_seen(self, rows: Array) -> Array:
        """log P of the states of what is known of each row."""
        fits = (np.isnan(rows)[:, None] | (self.states[:, : rows.shape[1]] == rows[:, None])).all(2)
        return logsumexp(np.where(fits, self.log_p, -np.inf), axis=1)

    def inside(self, frame: pd.DataFrame) -> Array:
        """log density of the numbers inside their states, summed over what is known of a row."""
        rows, total = self.read(frame), np.zeros(len(frame))
        for j, column in enumerate(self.columns):
            if column.is_number:
                known = ~np.isnan(rows[:, j]) & (rows[:, j] < column.n_states)
                values = frame[column.name].to_numpy(dtype=float, na_value=np.nan)
                total += np.where(
                    known, column.log_density(values, np.where(known, rows[:, j], np.nan)), 0.0
                )
        return total


def rows_of(frame: pd.DataFrame, how_many: int, /, **cells: Any) -> pd.DataFrame:
    """The frame's first row so many times, with some cells changed; None: a hole."""
    found = frame.iloc[np.zeros(how_many, dtype=int)].reset_index(drop=True)
    for name, value in cells.items():
        number = frame[name].dtype.kind in "if"
        kind = "float64" if number and value is None else frame[name].dtype
        found[name] = pd.Series([value] * how_many, dtype=kind)
    return found
