"""Does it tell something that a cell is missing? A check on rows that were not learned from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from harmonium.compute.random import random_generator
from harmonium.contract.checks import check_number
from harmonium.data.frames import is_frame
from harmonium.questions.over_models import n_rows_of, picked

__all__ = ["Missingness", "compare_missing"]

#: Share of the known cells of the rows held out that are hidden, and asked for.
_HIDDEN = 0.2


@dataclass(frozen=True)
class Missingness:
    """Mean log P(hidden cell given what is seen of its row), in nats, of models that learn with
    ``missing="at-random"`` and ``"informative"``; ``std_error`` of their difference, by rows."""

    at_random: float
    informative: float
    std_error: float

    @property
    def better(self) -> str:
        """The one to fit with: ``"informative"`` only where it is ahead by two errors."""
        ahead = self.informative - self.at_random > 2.0 * self.std_error
        return "informative" if ahead else "at-random"


def compare_missing(
    estimator: Any, X: Any, *, test_size: float = 0.2, random_state: Any = None
) -> Missingness:
    """Fit `estimator` (an RBM) both ways on most rows of a frame, and ask both for a fifth of the
    known cells of the others, which are hidden.

    Parameters
    ----------
    estimator : an unfitted RBM.
    X : a frame with missing cells.
    test_size : share of rows that are asked about, in (0, 1).
    random_state : int, Generator or None.

    Returns
    -------
    Missingness

    Costs two fits. Raises ``ValueError`` for a frame without missing cells.
    """
    check_number("test_size", test_size, 0.0, 1.0, low_open=True)
    if not is_frame(X):
        raise ValueError(f"X must be a frame, got {type(X).__name__}")
    generator = random_generator(random_state)
    order = generator.permutation(n_rows_of(X))
    n_test = max(1, round(test_size * len(order)))
    if len(order) - n_test < 2:
        raise ValueError(f"X has {len(order)} rows; wanted at least three")
    known, asked = picked(X, order[n_test:]), picked(X, order[:n_test])
    hidden: NDArray[np.bool_] | None = None
    scores = []
    seed = int(generator.integers(2**31))
    for missing in ("at-random", "informative"):
        model = clone(estimator).set_params(missing=missing, random_state=seed).fit(known)
        model.schema_.handle_unknown = "missing"  # such cells are asked of neither
        if hidden is None:
            seen = ~np.isnan(model.schema_.read(asked))
            if seen.all() and not np.isnan(model.schema_.read(known)).any():
                raise ValueError("X has no missing cells; both ways are the same")
            hidden = seen & (generator.random(seen.shape) < _HIDDEN)
        scores.append(model.score_cells(asked, hidden, random_state=seed))
    weight = hidden.sum(1) if hidden is not None else np.ones(1)
    total = max(int(weight.sum()), 1)
    apart = scores[1] - scores[0]
    mean = apart.sum() / total
    error = float(np.sqrt(((apart - mean * weight) ** 2).sum()) / total)
    return Missingness(float(scores[0].sum()) / total, float(scores[1].sum()) / total, error)
