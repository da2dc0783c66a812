"""What hidden units stand for: when they are on, what they tell, what they paint; who is near.

Functions of a fitted RBM. Abstraction one can check: every claim about a unit is a number over
rows one hands in.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import mutual_info_score
from sklearn.model_selection import cross_val_score
from sklearn.neighbors import NearestNeighbors
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted, column_or_1d

from harmonium.compute.random import random_generator
from harmonium.contract.checks import check_choice, check_integer
from harmonium.data.tables import check_states, dense_rows

if TYPE_CHECKING:
    from harmonium.models.rbm.model import RBM

__all__ = [
    "Space",
    "Switched",
    "UnitSummary",
    "neighbour_table",
    "switch_unit",
    "unit_summary",
    "walk",
]

Array: TypeAlias = NDArray[np.float64]

#: A unit whose probability varies less than this over the rows says nothing about them.
DEAD_SPREAD = 1e-3
#: Units whose probabilities correlate beyond this, one way or the other, say the same.
DUPLICATE_CORRELATION = 0.99


@dataclass(frozen=True)
class UnitSummary:
    """Hidden units over rows: one entry a unit.

    Attributes
    ----------
    on : ``(n_units,)``, the share of rows for which the unit is on (mean of P(h = 1 given v)).
    spread : ``(n_units,)``, standard deviation of P(h = 1 given v) over the rows.
    exciting : ``(n_units, n_rows)``, numbers of the rows that excite it most, strongest first.
    information : ``(n_units,)`` nats that "more likely on than not" tells about the labels
        (plug-in mutual information, which is high by about (n_labels - 1) / (2 n) for n rows);
        nan without labels.
    dead : units that are the same for every row.
    duplicates : groups of units that say the same thing, or its exact opposite.
    """

    on: Array
    spread: Array
    exciting: NDArray[np.int64]
    information: Array
    dead: list[int] = field(default_factory=list)
    duplicates: list[list[int]] = field(default_factory=list)


@dataclass(frozen=True)
class Switched:
    """P(v = 1) with one hidden unit off and on, each ``(n, n_features)``."""

    off: Array
    on: Array

    @property
    def change(self) -> Array:
        """What switching the unit on adds, ``(n, n_features)``."""
        return self.on - self.off


@dataclass(frozen=True)
class Space:
    """How well a space of features keeps labels together.

    Attributes
    ----------
    name : ``"pixels"``, ``"PCA"`` or ``"RBM"``.  n_dimensions : its size.
    same_label : mean share of the nearest neighbours that have the row's own label.
    std_error : of `same_label`, over rows.
    linear_accuracy : of logistic regression on it, cross-validated.
    """

    name: str
    n_dimensions: int
    same_label: float
    std_error: float
    linear_accuracy: float


def unit_summary(model: RBM, X: Any, y: Any = None, *, n_rows: int = 10) -> UnitSummary:
    """What each hidden unit does on the rows of `X`.

    Parameters
    ----------
    model : a fitted RBM.
    X : rows of 0 and 1, ``(n, n_features)``.
    y : labels ``(n,)``, if the units' information about them is wanted.
    n_rows : how many of the most exciting rows to name, at least 1.
    """
    n_rows = check_integer("n_rows", n_rows, 1)
    hidden = np.asarray(model.transform(X))
    n, n_units = hidden.shape
    spread = hidden.std(axis=0)
    information = np.full(n_units, np.nan)
    if y is not None:
        labels = _labels(y, n)
        states = hidden > 0.5
        information = np.array([mutual_info_score(labels, states[:, j]) for j in range(n_units)])
    order = np.argsort(-hidden, axis=0, kind="stable")[: min(n_rows, n)].T
    return UnitSummary(
        hidden.mean(axis=0),
        spread,
        order,
        information,
        np.flatnonzero(spread < DEAD_SPREAD).tolist(),
        _duplicates(hidden, spread),
    )


def _duplicates(hidden: Array, spread: Array) -> list[list[int]]:
    alive = np.flatnonzero(spread >= DEAD_SPREAD)
    if len(alive) < 2:
        return []
    same = np.abs(np.corrcoef(hidden[:, alive].T)) > DUPLICATE_CORRELATION
    groups, seen = [], np.zeros(len(alive), dtype=bool)
    for first in range(len(alive)):
        members = np.flatnonzero(same[first] & ~seen)
        if not seen[first] and len(members) > 1:
            groups.append(alive[members].tolist())
        seen[members] |= not seen[first]
    return groups


def switch_unit(
    model: RBM,
    H: Any,
    unit: int,
    *,
    n_gibbs: int = 0,
    how: str = "mean",
    random_state: Any = None,
) -> Switched:
    """What one hidden unit paints: the visible units with it off and with it on.

    Parameters
    ----------
    H : hidden states to start from, ``(n, n_components)``; ``model.transform(X)``.
    unit : which one to switch, off being 0 and on 1, whatever else its kind may be.
    n_gibbs : sweeps in which all other units respond, the switched one held fast. 0: only the
        one unit differs. After many, the difference is E[v | unit on] - E[v | unit off].
    how : ``"mean"``: P(v = 1 given h); ``"sample"``: a draw.
    random_state : for the sweeps and draws; off and on use the same numbers, so that they
        differ by the switch rather than by luck.
    """
    hidden = _hidden(model, H)
    unit = check_integer("unit", unit, 0, hidden.shape[1] - 1)
    n_gibbs = check_integer("n_gibbs", n_gibbs, 0)
    check_choice("how", how, ("mean", "sample"))
    seed = int(random_generator(random_state).integers(0, 2**63))
    return Switched(
        *(
            _paint(model, hidden, n_gibbs, how, np.random.default_rng(seed), (unit, value))
            for value in (0.0, 1.0)
        )
    )


def walk(
    model: RBM,
    start: Any,
    end: Any,
    *,
    n_steps: int = 10,
    n_gibbs: int = 0,
    random_state: Any = None,
) -> Array:
    """Pictures on the way from one row's hidden state to another's: ``(n_steps, n_features)``.

    Parameters
    ----------
    start, end : rows of 0 and 1, ``(n_features,)``.
    n_steps : pictures, both ends included; at least 2.
    n_gibbs : sweeps that each picture on the way may take towards what the model finds likely;
        0 gives E[v given h] along the straight line between the two hidden probabilities.
    random_state : for the sweeps; every picture uses the same numbers.
    """
    n_steps = check_integer("n_steps", n_steps, 2)
    n_gibbs = check_integer("n_gibbs", n_gibbs, 0)
    rows = np.stack([_row(model, "start", start), _row(model, "end", end)])
    ends = np.asarray(model.transform(rows))
    share = np.linspace(0.0, 1.0, n_steps)[:, None]
    line = (1.0 - share) * ends[0] + share * ends[1]
    if model.hidden == "bernoulli":
        line = np.clip(line, 0.0, 1.0)
    seed = int(random_generator(random_state).integers(0, 2**63))
    return np.concatenate(
        [_paint(model, h[None], n_gibbs, "mean", np.random.default_rng(seed)) for h in line]
    )


def _paint(
    model: RBM,
    hidden: Array,
    n_gibbs: int,
    how: str,
    generator: np.random.Generator,
    held: tuple[int, float] | None = None,
) -> Array:
    """P(v = 1 given h), or a draw, after `n_gibbs` sweeps from hidden probabilities."""
    h = np.array(hidden)

    def hold() -> None:
        if held is None:
            return
        unit, value = held
        if model.hidden == "categorical":  # one of all is on: the others share what is left
            rest = np.delete(h, unit, axis=1) + np.finfo(np.float64).tiny
            h[:] = np.insert((1.0 - value) * rest / rest.sum(1, keepdims=True), unit, value, axis=1)
        else:
            h[:, unit] = value

    if n_gibbs and model.hidden == "bernoulli":
        h = (generator.random(h.shape) < h).astype(np.float64)
    hold()
    for _ in range(n_gibbs):
        v = model.sample_visible(h, random_state=generator)
        h = model.sample_hidden(v, random_state=generator)
        hold()
    if how == "sample":
        return model.sample_visible(h, random_state=generator)
    return model.inverse_transform(h)


def neighbour_table(
    model: RBM,
    X: Any,
    y: Any,
    *,
    fitted_on: Any = None,
    n_neighbours: int = 10,
    n_folds: int = 5,
) -> list[Space]:
    """Near in latent space? Pixels, PCA of the same size, and the RBM's hidden probabilities.

    Parameters
    ----------
    X, y : rows of 0 and 1 with their labels, best rows that the model was not fitted to.
    fitted_on : the rows that PCA learns its axes from, best those of the RBM; by default `X`.
    n_neighbours : nearest rows by Euclidean distance, the row itself left out.
    n_folds : of the cross-validated logistic regression (standardised features).

    Cost: all pairs of rows, and `n_folds` regressions in each space.
    """
    check_is_fitted(model)
    hidden = np.asarray(model.transform(X))
    rows = _visible(model, X)
    labels = _labels(y, len(rows))
    n_neighbours = check_integer("n_neighbours", n_neighbours, 1, len(rows) - 1)
    n_folds = check_integer("n_folds", n_folds, 2)
    source = rows if fitted_on is None else _visible(model, fitted_on)
    pca = PCA(min(hidden.shape[1], *source.shape), random_state=0).fit(source)
    spaces = {"pixels": rows, "PCA": pca.transform(rows), "RBM": hidden}
    return [_space(name, points, labels, n_neighbours, n_folds) for name, points in spaces.items()]


def _space(name: str, points: Array, labels: Any, n_neighbours: int, n_folds: int) -> Space:
    # Without a query, scikit-learn leaves each point out of its own neighbours.
    near = NearestNeighbors(n_neighbors=n_neighbours).fit(points).kneighbors(return_distance=False)
    same = (labels[near] == labels[:, None]).mean(axis=1)
    linear = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=1000))
    return Space(
        name,
        points.shape[1],
        float(same.mean()),
        float(same.std() / np.sqrt(len(same))),
        float(cross_val_score(linear, points, labels, cv=n_folds).mean()),
    )


def _hidden(model: RBM, H: Any) -> Array:
    model.inverse_transform(H)  # says what is wrong with H, if anything is
    return np.array(H, dtype=np.float64)


def _visible(model: RBM, X: Any) -> Array:
    return np.asarray(dense_rows(check_states(model, X), slice(None)), dtype=np.float64)


def _labels(y: Any, n: int) -> NDArray[Any]:
    labels = column_or_1d(y)
    if len(labels) != n:
        raise ValueError(f"y must have a label for each of the {n} rows of X, got {len(labels)}")
    return labels


def _row(model: RBM, name: str, row: Any) -> Array:
    check_is_fitted(model)
    values = np.asarray(row, dtype=np.float64).reshape(-1)
    if values.shape != (model.n_features_in_,):
        raise ValueError(
            f"{name} must be one row of {model.n_features_in_} values, got {values.size}"
        )
    return values
