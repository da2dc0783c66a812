"""What draws of chains are worth."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chi2

from harmonium.sampling.diagnosis import arviz_diagnosis


@pytest.mark.parametrize(("n_chains", "n_draws", "slow"), [(16, 50, 0.2), (64, 60, 0.1)])
def test_error_bars_hold_where_a_part_of_the_draws_is_slow(
    n_chains: int, n_draws: int, slow: float
) -> None:
    """Each chain adds to independent noise an own constant, too small for R-hat to see.

    The mean's error over its bar is about standard normal; autocorrelations alone gave a mean
    square of 2 to 3.
    """
    diagnose, generator, n = arviz_diagnosis(), np.random.default_rng(0), 120
    z = []
    for _ in range(n):
        draws = generator.normal(size=(n_chains, n_draws, 1))
        draws += slow * generator.normal(size=(n_chains, 1, 1))
        effective, r_hat = diagnose(draws)
        assert r_hat[0] < 1.1
        z.append(draws.mean() / (draws.std(ddof=1) / np.sqrt(effective[0])))
    assert np.mean(np.square(z)) < chi2.isf(1e-5, n) / n


def test_independent_draws_are_worth_their_number() -> None:
    draws = np.random.default_rng(0).normal(size=(16, 100, 20))
    effective, _ = arviz_diagnosis()(draws)
    assert 0.6 * 1600 < np.median(effective) < 1.2 * 1600
