"""A model for each class, and which settings of it tell the classes of rows held out best."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from sklearn.base import clone

from harmonium.contract.joint import JointDistribution
from harmonium.questions.over_models import Reading, Sharing, picked, put_together

__all__ = [
    "Choice",
    "Offering",
    "chosen",
    "drawn",
    "filled_by",
    "fitted_models",
    "log_posterior",
    "scores_of",
]

#: A class of at most this many rows is named when its model cannot be fitted.
_FEW_ROWS = 2
#: Share of each class that is held out, and its rows below which nothing is chosen.
_HELD_SHARE, _LEAST_HELD = 0.2, 10
#: Between these the sharpness is sought: half a class's evidence may count for a hundredth.
_SHARPNESS = (0.01, 2.0)


@runtime_checkable
class Offering(Protocol):
    """A model that knows of other settings of its own which may tell classes apart better."""

    def alternatives(self) -> list[dict[str, Any]]:
        """Constructor parameters to try; what was set by hand is in none of them."""


@dataclass(frozen=True)
class Choice:
    """What rows held out chose: constructor parameters, and how far evidence is to be believed."""

    settings: dict[str, Any] = field(default_factory=dict)
    sharpness: float = 1.0


def _by_class(codes: NDArray[np.int64], ask: Callable[[int, NDArray[np.int64]], Any]) -> Any:
    """What each class answers for the rows of its code, in the rows' order."""
    rows = [np.flatnonzero(codes == code) for code in np.unique(codes)]
    parts = [ask(int(codes[own[0]]), own) for own in rows]
    return put_together(parts, np.argsort(np.concatenate(rows), kind="stable"))


def drawn(
    models: Sequence[JointDistribution], codes: NDArray[np.int64], generator: np.random.Generator
) -> Any:
    """A draw from the model of each code."""
    return _by_class(codes, lambda k, own: models[k].sample(len(own), random_state=generator))


def filled_by(
    models: Sequence[JointDistribution],
    codes: NDArray[np.int64],
    X: Any,
    generator: np.random.Generator,
) -> Any:
    """Each row's blanks drawn by the model of its code."""

    def ask(k: int, own: NDArray[np.int64]) -> Any:
        return models[k].complete(picked(X, own), how="sample", random_state=generator)

    return _by_class(codes, ask)


def scores_of(models: Sequence[JointDistribution], X: Any) -> NDArray[np.float64]:
    """log P(x given class) in nats: ``(n, n_classes)``."""
    return np.stack([model.score_samples(X) for model in models], axis=1)


def log_posterior(
    scores: NDArray[np.float64], log_prior: NDArray[np.float64], sharpness: float
) -> NDArray[np.float64]:
    """log of P(y) P(x | y)**sharpness, normalised over classes; impossible rows get the prior."""
    joint = sharpness * scores + log_prior
    joint[np.isneginf(joint).all(axis=1)] = log_prior
    total: NDArray[np.float64] = joint - np.logaddexp.reduce(joint, axis=1, keepdims=True)
    return total


def fitted_models(
    estimator: Any, X: Any, codes: NDArray[np.int64], classes: NDArray[Any], weight: Any
) -> tuple[list[JointDistribution], dict[str, Any]]:
    """A clone fitted to each class's rows, and the parameters that all of them share."""
    # What scores must share to be comparable, such as the words that probability covers.
    shared = estimator.shared_parameters(X) if isinstance(estimator, Sharing) else {}
    if isinstance(estimator, Reading):  # categories, bins and holes that a class may lack
        shared = shared | estimator.reading_parameters(X)
    models = []
    for code, label in enumerate(classes):
        rows = np.flatnonzero(codes == code)
        model = clone(estimator).set_params(**shared)
        own = None if weight is None else weight[rows]
        try:
            models.append(model.fit(picked(X, rows), sample_weight=own))
        except ValueError as error:
            if len(rows) > _FEW_ROWS:
                raise
            raise ValueError(
                f"class {label!r} has too few rows ({len(rows)}) to fit: {error}"
            ) from error
    return models, shared


def chosen(
    estimator: Any,
    X: Any,
    codes: NDArray[np.int64],
    classes: NDArray[Any],
    weight: Any,
    log_prior: NDArray[np.float64],
) -> Choice:
    """The settings and the sharpness of least log loss on rows held out.

    A fifth of each class is held out, the same rows in each call; with fewer than 50 rows in a
    class, or nothing to choose among, the estimator stays as it is. Costs a fit of four fifths
    of the rows for each setting.
    """
    offered = estimator.alternatives() if isinstance(estimator, Offering) else []
    held = _held_out(codes)
    if not offered or held is None:
        return Choice()
    kept = np.setdiff1d(np.arange(len(codes)), held)
    parts = [None if weight is None else weight[rows] for rows in (kept, held)]
    if weight is not None and min(np.bincount(codes[kept], parts[0], len(classes))) == 0:
        return Choice()
    learned, judged = picked(X, kept), picked(X, held)
    found = []
    for settings in [{}, *offered]:
        candidate = clone(estimator).set_params(**settings)
        models, _ = fitted_models(candidate, learned, codes[kept], classes, parts[0])
        sharpness, loss = _sharpness(scores_of(models, judged), codes[held], parts[1], log_prior)
        found.append((loss, Choice(settings, sharpness)))
    return min(found, key=lambda pair: pair[0])[1]


def _held_out(codes: NDArray[np.int64]) -> NDArray[np.int64] | None:
    """Numbers of a fifth of each class's rows, rising; None where a class has too few."""
    counts = (np.bincount(codes) * _HELD_SHARE).astype(int)
    if min(counts) < _LEAST_HELD:
        return None
    generator = np.random.default_rng(0)
    parts = [
        generator.permutation(np.flatnonzero(codes == code))[:n] for code, n in enumerate(counts)
    ]
    return np.sort(np.concatenate(parts))


def _sharpness(
    scores: NDArray[np.float64], codes: NDArray[np.int64], weight: Any, log_prior: Any
) -> tuple[float, float]:
    """The sharpness of least mean log loss in nats, and that loss."""

    def loss(log_sharpness: float) -> float:
        posterior = log_posterior(scores, log_prior, float(np.exp(log_sharpness)))
        return -float(np.average(posterior[np.arange(len(codes)), codes], weights=weight))

    if weight is not None and not weight.sum():
        return 1.0, np.inf
    best = minimize_scalar(loss, bounds=np.log(_SHARPNESS), method="bounded")
    # Where a class is impossible (-inf) for rows of its own, no sharpness mends it.
    return (float(np.exp(best.x)), float(best.fun)) if np.isfinite(best.fun) else (1.0, np.inf)
