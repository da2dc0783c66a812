"""Rubin's rules: by hand, by simulation, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import harmonium as hm


def test_by_hand() -> None:
    """Three tables: mean 2, within 0.5, between 1, variance 0.5 + 4/3."""
    found = hm.pool([1.0, 2.0, 3.0], [0.4, 0.5, 0.6], level=0.9)
    assert found.estimate == 2.0
    assert found.within == pytest.approx(0.5)
    assert found.between == pytest.approx(1.0)
    assert found.variance == pytest.approx(0.5 + 4 / 3)
    assert found.std_error == pytest.approx(np.sqrt(0.5 + 4 / 3))
    degrees = 2 * (1 + 0.5 / (4 / 3)) ** 2
    assert found.degrees_of_freedom == pytest.approx(degrees)
    half = stats.t.ppf(0.95, degrees) * np.sqrt(0.5 + 4 / 3)
    assert (found.low, found.high) == pytest.approx((2 - half, 2 + half))


def test_tables_that_agree_leave_the_normal_interval() -> None:
    found = hm.pool(np.full((4, 2), 3.0), np.full((4, 2), 0.25))
    np.testing.assert_allclose(found.high - found.low, 2 * 1.959964 * 0.5, rtol=1e-6)
    few = hm.pool(np.full((4, 2), 3.0), np.full((4, 2), 0.25), complete_degrees=9.0)
    observed = 10 / 12 * 9
    np.testing.assert_allclose(few.degrees_of_freedom, observed)


def test_coverage_of_a_mean_half_of_it_imputed() -> None:
    """Proper imputations of a normal mean, 40 of 80 values missing: 95% intervals cover 95%,
    and do not where the variance between tables is left out (the planted fault)."""
    rng = np.random.default_rng(0)
    n, seen, m, n_trials = 80, 40, 20, 3000
    x = rng.normal(size=(n_trials, seen))
    mean, spread = x.mean(1), x.var(1, ddof=1)
    sigma2 = (seen - 1) * spread / rng.chisquare(seen - 1, (m, n_trials))
    mu = mean + np.sqrt(sigma2 / seen) * rng.normal(size=(m, n_trials))
    drawn = mu[..., None] + np.sqrt(sigma2)[..., None] * rng.normal(size=(m, n_trials, n - seen))
    whole = np.concatenate([np.broadcast_to(x, (m, *x.shape)), drawn], axis=2)
    estimates, variances = whole.mean(2), whole.var(2, ddof=1) / n
    found = hm.pool(estimates, variances, complete_degrees=n - 1)
    covered = int(((found.low <= 0) & (found.high >= 0)).sum())
    assert stats.binomtest(covered, n_trials, 0.95).pvalue > 1e-5
    naive = np.abs(found.estimate) <= 1.96 * np.sqrt(found.within)
    assert stats.binomtest(int(naive.sum()), n_trials, 0.95).pvalue < 1e-5


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"estimates": [1.0], "variances": [1.0]}, "at least two tables"),
        ({"estimates": [1.0, 2.0], "variances": [1.0]}, "shape"),
        ({"estimates": [1.0, 2.0], "variances": [1.0, -1.0]}, "at least 0"),
        ({"estimates": [1.0, np.nan], "variances": [1.0, 1.0]}, "estimates must be finite"),
        ({"estimates": [1.0, 2.0], "variances": ["a", "b"]}, "variances must be numbers"),
        ({"estimates": [1.0, 2.0], "variances": [1.0, 1.0], "level": 1.0}, "level"),
        ({"estimates": [1.0, 2.0], "variances": [1.0, 1.0], "complete_degrees": 0.0}, "degrees"),
    ],
)
def test_what_is_refused(given: dict, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        hm.pool(**given)
