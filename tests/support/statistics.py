"""Tests of draws against known probabilities, at a stated risk of a false alarm."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

#: Chance that a right sampler fails one such test.
ALPHA = 1e-5


def chi_square_p_value(counts: NDArray, probabilities: NDArray, min_expected: float = 5.0) -> float:
    """p-value of Pearson's test; rare states are pooled so that every cell expects enough."""
    counts, probabilities = np.asarray(counts, float), np.asarray(probabilities, float)
    expected = probabilities * counts.sum()
    order = np.argsort(expected)
    rare = order[np.cumsum(expected[order]) < min_expected]
    keep = np.setdiff1d(np.arange(len(counts)), rare)
    observed, wanted = counts[keep], expected[keep]
    if len(rare):
        smallest = np.argmin(wanted)
        observed[smallest] += counts[rare].sum()
        wanted[smallest] += expected[rare].sum()
    if len(wanted) < 2:
        raise ValueError("too few cells with enough expected counts to test anything")
    statistic = np.sum((observed - wanted) ** 2 / wanted)
    return float(chi2.sf(statistic, len(wanted) - 1))


def assert_drawn_from(indices: NDArray, probabilities: NDArray, alpha: float = ALPHA) -> None:
    """Fail if draws of state numbers do not follow `probabilities`."""
    counts = np.bincount(indices, minlength=len(probabilities))
    if len(probabilities) == 1:
        assert len(counts) == 1, "drew a state that is not there"
        return
    p_value = chi_square_p_value(counts, probabilities)
    assert p_value > alpha, f"chi-square p-value {p_value:.2e} is below {alpha:.0e}"
