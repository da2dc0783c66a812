"""Minutes of statistics: ``make test-slow``."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.stats import binom
from tests.support.statistics import ALPHA

import harmonium as hm

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("coupling", "n_temperatures"), [(0.3, 100), (1.0, 500), (2.0, 2000)], ids=str
)
def test_intervals_of_log_z_cover_the_truth(coupling: float, n_temperatures: int) -> None:
    """200 random models small enough to sum: the 95% interval holds as often as it says.

    Where the status warns, nothing is claimed. The count may fall short by chance, and the
    normal approximation of a log may cost two points in a hundred.
    """
    covered = trusted = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        shape = (rng.integers(5, 15), rng.integers(5, 13))
        model = hm.RBM.from_parameters(
            rng.normal(0, coupling, shape),
            rng.normal(0, coupling, shape[0]),
            rng.normal(0, coupling, shape[1]),
        )
        truth = model.log_partition("exact").value
        found = model.log_partition("ais", n_temperatures=n_temperatures, random_state=seed)
        if found.status == "ok":
            trusted += 1
            low, high = found.interval
            covered += low <= truth <= high
    print(f"coupling {coupling}: {covered} of {trusted} trusted intervals hold")
    assert trusted >= 100
    assert binom.cdf(covered, trusted, 0.93) > ALPHA
    assert covered < trusted or trusted < 150  # intervals that always hold are too wide


def bars_and_stripes(side: int) -> np.ndarray:
    rows = np.array(list(itertools.product((0, 1), repeat=side)))
    bars = np.repeat(rows, side, axis=1)
    stripes = np.tile(rows, side)
    return np.concatenate([bars, stripes])


@pytest.mark.parametrize(("side", "n_hidden"), [(3, 10), (4, 16)])
def test_exact_learning_reaches_the_optimum_of_bars_and_stripes(side: int, n_hidden: int) -> None:
    """The optimum of the log-likelihood is minus the entropy of the rows themselves."""
    rows = bars_and_stripes(side)
    _, counts = np.unique(rows, axis=0, return_counts=True)
    share = counts / counts.sum()
    optimum = float(share @ np.log(share))
    model = hm.RBM(
        n_hidden,
        learner="exact",
        n_updates=20_000,
        learning_rate=0.5,
        weight_decay=0.0,
        validation_fraction=0.0,
        random_state=0,
        batch_size=len(rows),
    ).fit(rows)
    assert model.score(rows) <= optimum + 1e-9
    assert model.score(rows) > optimum - 0.1
