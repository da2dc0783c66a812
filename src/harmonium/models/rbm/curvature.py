"""Before a fit: whether chains can follow steps of its learning rate.

The largest curvature of an RBM's log-likelihood in its weights is about a quarter of the
leading eigenvalue of the columns' covariance (a hidden unit has a variance of a quarter). Where
that times the rate is no longer small, a step moves the model further than a sweep moves the
chains, and what they tell is then about no model at all.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse

from harmonium.data.states import States
from harmonium.data.tables import Table, dense_rows
from harmonium.units.base import Units

__all__ = ["MOST_STIFFNESS", "followed_rate", "leading_direction", "stiffness"]

Vector: TypeAlias = NDArray[np.float32]

#: Tables below are learned well by plain chains (the largest of eight, binarized MNIST: 0.13),
#: tables above are not (the smallest of six: 0.21). docs/design_notes.md has the figures.
MOST_STIFFNESS = 0.17
#: Rows that tell the covariance: at most so many, and of wide tables fewer.
_MOST_ROWS, _FEWEST_ROWS, _MOST_VALUES = 2000, 200, 2**24
#: Products with the matrix; an eigenvalue's error falls with the square of its vector's.
_ITERATIONS = 30
#: Rate times curvature that chains of softmax groups follow, and the fastest rate there is.
_FOLLOWED, _FASTEST = 0.125, 1.0


def stiffness(
    table: Table | States,
    weights: NDArray[np.float64] | None,
    rate: float,
    observed: NDArray[np.bool_] | None = None,
) -> float:
    """`rate` times the largest curvature, at least 0: ``rate * lambda / 4``, with lambda the
    leading eigenvalue of the covariance of the columns of 0 and 1, as if rows were repeated
    `weights` times. Looks at no more than 2,000 rows, the same ones each time.

    Where cells are not `observed`, columns keep their variance, and what two of them share counts
    as far as both are known together: a lower bound, if cells are lost at random.
    """
    most = min(_MOST_ROWS, max(_FEWEST_ROWS, _MOST_VALUES // max(table.shape[1], 1)))
    usable = _looked_at(table.shape[0], weights, most)
    share = np.full(len(usable), 1.0) if weights is None else weights[usable]
    share = (share / share.sum()).astype(np.float32)
    rows: Any
    rows, seen = _rows_at(table, usable, observed)
    rows = rows.astype(np.float32)
    if seen is not None:
        rows = _known_deviations(rows, share, seen)
    mean = np.asarray(rows.T @ share).reshape(-1)
    norms = np.asarray(rows.sum(1)).reshape(-1)
    # A row far from the mean is not at right angles to the direction that rows lie along.
    far = int(np.abs(norms - norms.mean()).argmax())
    first = dense_rows(rows[far : far + 1], slice(None))[0] - mean

    def covariance(direction: Vector) -> Vector:
        along = np.asarray(rows @ direction).reshape(-1) - mean @ direction
        along *= share
        return np.asarray(rows.T @ along).reshape(-1) - mean * along.sum()

    return rate * leading_direction(covariance, first)[1] / 4.0


def followed_rate(
    table: Table | States,
    weights: NDArray[np.float64] | None,
    units: Units,
    observed: NDArray[np.bool_] | None = None,
) -> float:
    """The rate at which the largest curvature of the units' statistics is 1/8, at most 1: chains
    of tables were seen to follow 1/6 of them and more."""
    usable = _looked_at(table.shape[0], weights, _MOST_ROWS)
    rows, seen = _rows_at(table, usable, observed)
    states = torch.from_numpy(dense_rows(rows, slice(None)).astype(np.float64))
    statistics = units.statistics(states).numpy()
    own = None if weights is None else weights[usable]
    known = None if seen is None else np.repeat(seen, units.widths, axis=1)
    curvature = stiffness(statistics, own, 1.0, known)
    return min(_FASTEST, _FOLLOWED / max(curvature, _FOLLOWED / _FASTEST))


def _rows_at(
    table: Table | States, usable: NDArray[np.int64], observed: NDArray[np.bool_] | None
) -> tuple[Any, NDArray[np.bool_] | None]:
    """Rows by their numbers, sparse ones sparse, and which of their cells are known; None: all."""
    if isinstance(table, States):
        return table.known(table[usable])
    rows = table[usable] if sparse.issparse(table) else dense_rows(table, usable)
    return rows, None if observed is None else observed[usable]


def _looked_at(n: int, weights: NDArray[np.float64] | None, most: int) -> NDArray[np.int64]:
    """The rows that count, or at `most` so many of them, the same ones each time."""
    usable = None if weights is None else np.flatnonzero(weights)
    n_usable = n if usable is None else len(usable)
    if n_usable <= most:
        return np.arange(n) if usable is None else usable
    chosen = np.random.default_rng(0).choice(n_usable, most, replace=False)
    return np.sort(chosen if usable is None else usable[chosen])


def _known_deviations(
    rows: NDArray[np.float32], share: Vector, observed: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Known cells from their column's mean, scaled to its variance; zero in the others."""
    known = np.maximum(share @ observed, np.float32(1e-30))
    deviations = (rows - (share @ (rows * observed)) / known) * observed
    scaled: NDArray[np.float32] = (deviations / np.sqrt(known)).astype(np.float32)
    return scaled


def leading_direction(product: Callable[[Vector], Vector], first: Vector) -> tuple[Vector, float]:
    """The leading eigenvector, of length one, and eigenvalue of a positive semidefinite matrix
    that is known by its `product` with vectors: power iteration from `first`."""
    vector, value = first, 0.0
    for _ in range(_ITERATIONS):
        length = float(np.linalg.norm(vector))
        if not length > 0.0:
            return np.zeros_like(first), 0.0
        vector = product(vector / np.float32(length))
        value = float(np.linalg.norm(vector))
    return vector / np.float32(value or 1.0), value
