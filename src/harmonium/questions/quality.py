"""How good new rows of a table are: measured against real rows.

Figures are functions of a frame of real rows that the model has not seen and a frame of new
rows; :mod:`harmonium.questions.copies` wants the rows that were learned from beside them. Frames
may be of any library; only what stands in them counts, and of a column only whether it holds
numbers (dates too) or labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from harmonium.data.frames import as_lists, read_columns
from harmonium.questions.coding import Array, Coded, coded_frames
from harmonium.questions.over_models import n_rows_of

__all__ = [
    "Detection",
    "column_pairs",
    "column_shapes",
    "detect",
    "missing_similarity",
    "trained_on",
    "with_holes_of",
]

#: Numbers are cut into so many parts of equal rows where they stand beside labels.
_N_PARTS = 10
_N_FOLDS = 5
#: More labels than this a boosted tree takes as numbers.
_MOST_LABELS = 250


def with_holes_of(
    new: Any, real: Any, random_state: int = 0, columns: Sequence[str] | None = None
) -> dict[str, list[Any]]:
    """The new rows with cells missing where they are in real rows drawn at random, for models
    that take holes for chance and so draw none. A dict of columns.

    columns : those that get holes; None: all. Columns whose holes the model draws itself, as with
        ``missing="informative"``, want none of these.

    Holes stand together as they do in real rows, but whatever stands in the row: where cells are
    missing more often for some values than for others, new rows with these holes differ from
    real ones though the model were perfect, and a detector may tell them apart by that. Only a
    model with ``missing="informative"`` gives rows the holes that go with their content.
    """
    made = as_lists(new, "new")
    n_new = n_rows_of(made)
    _, theirs, n_real = read_columns(real, "real")
    drawn = np.random.default_rng(random_state).integers(0, max(n_real, 1), n_new)
    found: dict[str, list[Any]] = {}
    for name, values in made.items():
        given = name in theirs and (columns is None or name in columns)
        hole = theirs[name].missing[drawn] if given else np.zeros(n_new, dtype=bool)
        found[name] = [None if gone else v for gone, v in zip(hole, values, strict=True)]
    return found


def column_shapes(
    real: Any, new: Any, columns: Sequence[str] | None = None
) -> dict[str, tuple[str, float]]:
    """How alike each column is in the real and the new rows: ``{name: (measure, value)}``.

    Numbers: ``"KSComplement"``, 1 - the largest distance of the two cumulative distributions.
    Labels: ``"TVComplement"``, 1 - half the summed distances of their shares. 1 is alike;
    missing cells are left out (see :func:`missing_similarity`). NaN where a column is all
    missing on one side.
    """
    from scipy.stats import ks_2samp

    coded = coded_frames([real, new], columns)
    found = {}
    for j, name in enumerate(coded.names):
        a, b = (table[~np.isnan(table[:, j]), j] for table in coded.tables)
        if coded.is_label[j]:
            found[name] = ("TVComplement", 1.0 - _total_variation(a, b, int(coded.n_labels[j])))
        else:
            known = len(a) and len(b)
            value = 1.0 - float(ks_2samp(a, b, method="asymp").statistic) if known else np.nan
            found[name] = ("KSComplement", value)
    return found


def _total_variation(a: Array, b: Array, n: int) -> float:
    """Half the summed distances of the shares of codes 0..n-1; NaN where one has none."""
    if not len(a) or not len(b):
        return float("nan")
    shares = [np.bincount(one.astype(np.int64), minlength=n) / len(one) for one in (a, b)]
    return float(np.abs(shares[0] - shares[1]).sum() / 2)


def missing_similarity(
    real: Any, new: Any, columns: Sequence[str] | None = None
) -> dict[str, float]:
    """1 - the difference of the shares of missing cells, by column (``MissingValueSimilarity``)."""
    coded = coded_frames([real, new], columns)
    a, b = (np.isnan(table).mean(0) for table in coded.tables)
    return dict(zip(coded.names, (1.0 - np.abs(a - b)).tolist(), strict=True))


def column_pairs(
    real: Any, new: Any, columns: Sequence[str] | None = None
) -> dict[tuple[str, str], tuple[str, float, float, float]]:
    """How alike pairs of columns hang together: ``{(a, b): (measure, value, real, new)}``.

    Two columns of numbers: ``"rank correlations"``, 1 - half the difference of their rank
    correlations (Spearman), which are given beside it. Others: ``"shares of pairs"``,
    1 - half the summed distances of the shares of pairs, numbers cut at deciles of the real
    rows; beside it the mutual information, in nats, of either. Rows that lack one of the two
    are left out; NaN where none is left. What SDV's report scores is
    :func:`harmonium.questions.pair_trends.pair_trends`.
    """
    coded = coded_frames([real, new], columns)
    parts = [_parts(coded, j) for j in range(len(coded.names))]
    found: dict[tuple[str, str], tuple[str, float, float, float]] = {}
    for i, j in combinations(range(len(coded.names)), 2):
        pair = (coded.names[i], coded.names[j])
        if not coded.is_label[i] and not coded.is_label[j]:
            a, b = (_rank_correlation(table[:, i], table[:, j]) for table in coded.tables)
            found[pair] = ("rank correlations", 1.0 - abs(a - b) / 2, a, b)
            continue
        shares = [_joint_shares(parts[i], parts[j], side) for side in (0, 1)]
        alike = 1.0 - float(np.abs(shares[0] - shares[1]).sum()) / 2
        a, b = (_mutual_information(own) for own in shares)
        found[pair] = ("shares of pairs", alike, a, b)
    return found


def _parts(coded: Coded, j: int) -> tuple[tuple[Array, ...], int]:
    """A column's codes of the real and the new rows, numbers cut at deciles of the real ones."""
    columns = tuple(table[:, j] for table in coded.tables)
    if coded.is_label[j]:
        return columns, int(coded.n_labels[j])
    known = columns[0][~np.isnan(columns[0])]
    if not len(known):
        return columns, 1
    edges = np.unique(np.quantile(known, np.linspace(0, 1, _N_PARTS + 1)[1:-1]))
    cut = [np.where(np.isnan(c), np.nan, np.searchsorted(edges, c, side="left")) for c in columns]
    return tuple(cut), len(edges) + 1


def _joint_shares(
    one: tuple[tuple[Array, ...], int], other: tuple[tuple[Array, ...], int], side: int
) -> Array:
    a, b = one[0][side], other[0][side]
    known = ~np.isnan(a) & ~np.isnan(b)
    if not known.any():
        return np.full((one[1], other[1]), np.nan)
    table = np.zeros((one[1], other[1]))
    np.add.at(table, (a[known].astype(np.int64), b[known].astype(np.int64)), 1.0)
    shares: Array = table / known.sum()
    return shares


def _mutual_information(shares: Array) -> float:
    apart = shares.sum(1, keepdims=True) * shares.sum(0)
    seen = shares > 0
    value = float((shares[seen] * np.log(shares[seen] / apart[seen])).sum())
    return float("nan") if np.isnan(shares).any() else max(value, 0.0)


def _rank_correlation(a: Array, b: Array) -> float:
    from scipy.stats import rankdata

    known = ~np.isnan(a) & ~np.isnan(b)
    if known.sum() < 2:
        return float("nan")
    ranks = [rankdata(one[known]) for one in (a, b)]
    if min(own.std() for own in ranks) == 0:
        return 0.0  # a constant hangs together with nothing
    return float(np.corrcoef(*ranks)[0, 1])


@dataclass(frozen=True)
class Detection:
    """Whether new rows can be told from real ones: the area under the ROC curve of a boosted
    tree, 0.5 where they cannot, and its standard error over the folds."""

    auc: float
    std_error: float


def detect(
    real: Any, new: Any, columns: Sequence[str] | None = None, random_state: int = 0
) -> Detection:
    """Train gradient boosted trees to tell new rows from real ones, in five folds.

    As many rows of either are taken. Missing cells count as what they are. Cost: about a
    second for a thousand rows of ten columns.
    """
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedKFold

    coded = coded_frames([real, new], columns)
    draw = np.random.default_rng(random_state)
    n = min(len(table) for table in coded.tables)
    if n < 2 * _N_FOLDS:
        raise ValueError(f"wanted at least {2 * _N_FOLDS} real and new rows, got {n}")
    X = np.concatenate([table[draw.permutation(len(table))[:n]] for table in coded.tables])
    y = np.repeat([0, 1], n)
    folds = StratifiedKFold(_N_FOLDS, shuffle=True, random_state=random_state)
    areas = []
    for seen, unseen in folds.split(X, y):
        tree = _boosted(coded, list(range(X.shape[1])), random_state).fit(X[seen], y[seen])
        areas.append(roc_auc_score(y[unseen], tree.predict_proba(X[unseen])[:, 1]))
    return Detection(float(np.mean(areas)), float(np.std(areas, ddof=1) / np.sqrt(_N_FOLDS)))


def _boosted(coded: Coded, columns: Sequence[int], seed: int, number: bool = False) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    small = coded.is_label & (coded.n_labels <= _MOST_LABELS)
    make = HistGradientBoostingRegressor if number else HistGradientBoostingClassifier
    return make(categorical_features=small[list(columns)], random_state=seed)


def trained_on(
    rows: Any, tested_on: Any, target: str, columns: Sequence[str] | None = None, seed: int = 0
) -> tuple[str, float]:
    """What gradient boosted trees that learned `target` from `rows` are worth on other rows.

    ``("AUC", value)`` for labels (of several the mean, each against the rest), ``("R2", value)``
    for numbers.

    With new rows and real rows to test on, the "trained on synthetic, tested on real" of
    the field. Rows that lack the target are left out. NaN where the test has one label only.
    """
    from sklearn.metrics import r2_score, roc_auc_score

    coded = coded_frames([tested_on, rows], columns)
    if target not in coded.names:
        raise ValueError(f"target: no column is named {target!r}; wanted one of {coded.names}")
    j = coded.names.index(target)
    others = [i for i in range(len(coded.names)) if i != j]
    test, train = (table[~np.isnan(table[:, j])] for table in coded.tables)
    name = "AUC" if coded.is_label[j] else "R2"
    if not len(test) or len(np.unique(train[:, j])) < 2:
        return name, float("nan")
    tree = _boosted(coded, others, seed, number=name == "R2").fit(train[:, others], train[:, j])
    if name == "R2":
        return name, float(r2_score(test[:, j], tree.predict(test[:, others])))
    chances = np.zeros((len(test), int(coded.n_labels[j])))
    chances[:, tree.classes_.astype(np.int64)] = tree.predict_proba(test[:, others])
    areas = [
        roc_auc_score(test[:, j] == label, chances[:, int(label)])
        for label in np.unique(test[:, j])
        if 0 < (test[:, j] == label).mean() < 1
    ]
    if coded.n_labels[j] == 2:
        areas = areas[:1]
    return name, float(np.mean(areas)) if areas else float("nan")
