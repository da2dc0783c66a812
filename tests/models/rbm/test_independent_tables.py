"""A small table whose columns have nothing to do with each other: nothing is to be learned."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import harmonium as hm

pytestmark = pytest.mark.slow

N_ROWS, N_HELD = 180, 18


def table(n: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "size": rng.normal(size=n),
            "pay": np.round(rng.lognormal(3, 1, n), 1),
            "visits": rng.poisson(2, n),
            "town": rng.choice(list("abcdef"), n, p=[0.35, 0.25, 0.2, 0.1, 0.06, 0.04]),
            "yes": rng.choice(["y", "n"], n, p=[0.3, 0.7]),
            "rare": rng.choice(["y", "n"], n, p=[0.05, 0.95]),
        }
    )


def ahead(seed: int, **parameters: Any) -> tuple[float, float]:
    """Nats a row by which a fit is ahead of independent columns on 4,000 unseen rows, and the
    error of that figure on as many rows as the fit holds out: what it can see of itself."""
    train, unseen = table(N_ROWS, seed), table(4000, 1000 + seed)
    schema = hm.Schema.infer(train)
    model = hm.RBM(visible=schema, random_state=0, **parameters).fit(train)
    alone = hm.RBM(1, visible=schema, n_updates=1, validation_fraction=0, random_state=0).fit(train)
    # Without couplings: the columns' own shares among all the rows.
    alone.components_ = np.zeros_like(alone.components_)
    alone.intercept_visible_ = alone._base_bias.copy()
    found = model.score_samples(unseen) - alone.score_samples(unseen)
    return float(found.mean()), float(found.std() / np.sqrt(N_HELD))


def test_nothing_is_learned_where_there_is_nothing() -> None:
    """With the default settings. A tenth of the rows is held out and not learned from, which
    costs independent columns fitted likewise about 0.015 nats."""
    found = [ahead(seed) for seed in range(4)]
    for mean, error in found:
        assert mean > -2 * error
    assert np.mean([mean for mean, _ in found]) > -0.03


def test_a_fit_that_learns_on_is_caught() -> None:
    """Without a prior and rows held out, chance is learned."""
    mean, error = ahead(0, validation_fraction=0, weight_decay=0.0, n_updates=3000)
    assert mean < -2 * error
    assert mean < -0.03
