"""A finite population that one could visit member by member."""

from __future__ import annotations

from typing import Any

import numpy as np

from harmonium.contract.estimates import Estimate
from harmonium.questions.observable import Observable
from harmonium.sampling.importance import self_normalised

__all__ = ["Population"]


class Population:
    """A finite population: rows that one could visit one by one, likely in equal parts or not.

    Parameters
    ----------
    values : ``(n,)`` or ``(n, n_features)``, a row a member.
    weights : ``(n,)`` numbers of at least 0, not all 0, proportional to the members'
        probabilities; None: every member is equally likely.
    """

    def __init__(self, values: Any, weights: Any = None) -> None:
        self.values = np.asarray(values)
        if self.values.ndim not in (1, 2) or not len(self.values):
            raise ValueError(f"values must be one row a member, got shape {self.values.shape}")
        n = len(self.values)
        self.weights = np.ones(n) if weights is None else np.asarray(weights, dtype=np.float64)
        if self.weights.shape != (n,) or not np.isfinite(self.weights).all():
            raise ValueError(f"weights must be {n} finite numbers, got {weights!r}")
        if (self.weights < 0).any() or not self.weights.sum() > 0:
            raise ValueError("weights must be at least 0 and not all 0")

    def mean(
        self, f: Observable, method: str, n_samples: int, generator: np.random.Generator
    ) -> Estimate:
        """E[f] over the members: ``"exact"``, or from `n_samples` draws, ``"sample"`` by their
        probabilities or ``"uniform"`` and weighted."""
        if method in ("auto", "exact"):
            return f.exact(np.average(f(self.values), axis=0, weights=self.weights))
        n = len(self.values)
        if method == "sample":
            chosen = generator.choice(n, n_samples, p=self.weights / self.weights.sum())
            log_weights = np.zeros(n_samples)
        elif method == "uniform":
            chosen = generator.integers(0, n, n_samples)
            with np.errstate(divide="ignore"):
                log_weights = np.log(self.weights[chosen])
        else:
            raise ValueError(f"method must be 'exact', 'uniform' or 'sample' here, got {method!r}")
        found = self_normalised(f(self.values[chosen]), log_weights)
        return f.weighted(found, method, n_samples)
