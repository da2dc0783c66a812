"""Tables that learning has failed on: no fit is worse than independent columns on fresh rows.

Judged by exact sums over the hidden states.
"""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import harmonium as hm

KINDS = ("independent", "clusters", "copies", "chain", "hidden", "rare mode", "constant")
N_FRESH = 1000


def rows(kind: str, n: int, n_columns: int, source: np.random.Generator) -> np.ndarray:
    uniform, shape = source.random((n, n_columns)), (n, 1)
    if kind == "clusters":
        drawn = uniform < np.where(source.random(shape) < 0.4, 0.9, 0.05)
    elif kind == "rare mode":
        drawn = uniform < np.where(source.random(shape) < 0.02, 0.95, 0.02)
    elif kind == "copies":  # of a few columns, every other one turned round
        few = source.random((n, max(1, n_columns // 4))) < 0.5
        drawn = np.resize(few.T, (n_columns, n)).T ^ (np.arange(n_columns) % 2 == 1)
    elif kind == "chain":
        drawn = uniform < 0.5
        for column in range(1, n_columns):
            kept = source.random(n) < 0.9
            drawn[:, column] = np.where(kept, drawn[:, column - 1], drawn[:, column])
    elif kind == "hidden":
        weights = np.random.default_rng(n_columns).normal(0, 2, (3, n_columns))
        causes = source.random((n, 3)) < 0.5
        drawn = uniform < 1 / (1 + np.exp(1 - causes @ weights))
    else:
        drawn = uniform < np.random.default_rng(n_columns).choice([0.001, 0.05, 0.5, 0.999])
        if kind == "constant":
            drawn[:, 0] = True
    return drawn.astype(np.uint8)


def check(kind: str, n: int, n_columns: int, seed: int) -> None:
    source = np.random.default_rng(seed)
    X, Y = rows(kind, n, n_columns, source), rows(kind, N_FRESH, n_columns, source)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a fit may say that it could not; it may not be worse
        model = hm.RBM(10, n_updates=1500, random_state=seed).fit(X)
    rates = (X.sum(0) + 0.5) / (n + 1)
    alone = (Y * np.log(rates) + (1 - Y) * np.log(1 - rates)).sum(1)
    scores = model.score_samples(Y)
    noise = 3.0 * (scores - alone).std() / np.sqrt(N_FRESH)
    assert scores.mean() > alone.mean() - 0.05 - noise
    assert max(model.history_.get("validation", [-1.0])) < 1e-6


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("n", "n_columns"), [(20, 60), (600, 120)])
def test_no_fit_is_worse_than_independent_columns(kind: str, n: int, n_columns: int) -> None:
    check(kind, n, n_columns, seed=n)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", [20, 100, 1000, 20_000])
@pytest.mark.parametrize("n_columns", [2, 5, 60, 400, 2000])
def test_no_fit_of_many_is_worse(kind: str, n: int, n_columns: int) -> None:
    for seed in range(2):
        check(kind, n, n_columns, seed)


def test_a_table_of_one_row_is_no_certainty() -> None:
    """Held to where independent columns are, since no second row tells how rows differ."""
    source = np.random.default_rng(0)
    row, fresh = rows("hidden", 1, 30, source), rows("hidden", N_FRESH, 30, source)
    rates = (row.sum(0) + 0.5) / 2.0
    alone = (fresh * np.log(rates) + (1 - fresh) * np.log(1 - rates)).sum(1).mean()
    assert hm.RBM(8, n_updates=2000, random_state=0).fit(row).score(fresh) > alone - 3.0


@pytest.mark.parametrize("decay", [50.0, 1000.0])
def test_no_decay_is_too_strong(decay: float) -> None:
    """Rate times decay above two made weights grow without end."""
    X = rows("hidden", 300, 12, np.random.default_rng(0))
    model = hm.RBM(4, n_updates=1000, weight_decay=decay, random_state=0).fit(X)
    assert np.abs(model.components_).max() < 0.1
    assert -12.0 < model.score(X) < 0.0


@pytest.mark.parametrize("n_updates", [1, 5, 9])
def test_short_fits_move(n_updates: int) -> None:
    X = rows("hidden", 300, 12, np.random.default_rng(0))
    settings = {"validation_fraction": 0.0, "random_state": 0}
    first = hm.RBM(4, n_updates=1, learning_rate=1e-9, **settings).fit(X)
    moved = hm.RBM(4, n_updates=n_updates, learning_rate=0.5, **settings).fit(X)
    assert np.abs(moved.components_ - first.components_).max() > 1e-5


def test_weights_count_as_copies() -> None:
    X = np.array([[0] * 10, [1] * 10, [0, 1] * 5], np.uint8)
    counts = [600, 300, 100]
    weighted = hm.RBM(4, n_updates=3000, random_state=0).fit(X, sample_weight=counts)
    repeated = hm.RBM(4, n_updates=3000, random_state=0).fit(np.repeat(X, counts, 0))
    ours, theirs = np.exp(weighted.score_samples(X)), np.exp(repeated.score_samples(X))
    np.testing.assert_allclose(ours, theirs, atol=0.12)
    assert ours[0] > 0.4
