"""Levels inside coarse ones, against every image of a tiny grid."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import norm
from tests.support.statistics import assert_drawn_from

import harmonium as hm

SHAPE, N_LEVELS = (2, 2), 6
ALL = np.array(list(itertools.product(range(N_LEVELS), repeat=4))).reshape(-1, *SHAPE)


@pytest.fixture(scope="module")
def model() -> hm.GridMRF:
    source = np.random.default_rng(0)
    X = np.clip(source.integers(0, N_LEVELS, (40, 1, 1)) + source.integers(-1, 2, (40, 2, 2)), 0, 5)
    return hm.GridMRF(
        n_levels=N_LEVELS, n_coarse=3, places=True, learner="pseudo", random_state=0
    ).fit(X)


@pytest.fixture(scope="module")
def log_p(model):
    return model.score_samples(ALL)


def test_scores_sum_to_one_and_split_as_the_shares_say(model, log_p) -> None:
    assert logsumexp(log_p) == pytest.approx(0.0, abs=1e-9)
    shares = np.exp(model.inside_)
    assert shares.reshape(3, 2).sum(1) == pytest.approx(1.0)
    one, other = np.array([[[0, 3], [4, 5]], [[1, 3], [4, 5]]])
    apart = model.score_samples([one])[0] - model.score_samples([other])[0]
    assert apart == pytest.approx(np.log(shares[0] / shares[1]))


def test_draws(model, log_p) -> None:
    drawn = model.sample(6000, random_state=0).reshape(-1, 4)
    index = np.ravel_multi_index(drawn.T, (N_LEVELS,) * 4)
    # Joint states are rare each; what is judged is the first row with the coarse level below it.
    pairs = lambda images: (images[:, 0] * N_LEVELS + images[:, 1]) * 3 + images[:, 2] // 2  # noqa: E731
    p = np.bincount(pairs(ALL.reshape(-1, 4)), np.exp(log_p), 108)
    assert len(index) == 6000
    assert_drawn_from(pairs(drawn), p)


@pytest.mark.parametrize("method", ["enumeration", "gibbs"])
def test_holes_and_noise(model, log_p, method) -> None:
    holes = np.array([[[0.0, np.nan], [4.0, 5.0]]])
    fits = (ALL[:, 0, 0] == 0) & (ALL[:, 1, 0] == 4) & (ALL[:, 1, 1] == 5)
    p = np.where(fits, np.exp(log_p), 0.0)
    mean = (p @ ALL[:, 0, 1]) / p.sum()
    found = model.complete(np.repeat(holes, 300, 0), how="mean", method=method, random_state=0)
    assert found[:, 0, 1].mean() == pytest.approx(mean, abs=0.02)
    assert (found[:, 1] == [4, 5]).all()
    best = model.complete(holes, how="mode", method=method if method != "gibbs" else "auto")
    assert (best == ALL[p.argmax()]).all()
    noisy = np.array([[[0.3, 1.6], [4.2, 3.7]]])
    p = np.exp(log_p + norm.logpdf(noisy - ALL, scale=0.8).sum((1, 2)))
    mean = np.tensordot(p / p.sum(), ALL, 1)
    if method == "gibbs":
        given = {"noise": hm.noise.Gaussian(0.8), "how": "mean", "method": method}
        found = model.correct(np.repeat(noisy, 300, 0), random_state=0, **given)
        assert found.mean(0) == pytest.approx(mean, abs=0.03)
    best = model.correct(noisy, noise=hm.noise.Gaussian(0.8), random_state=0)
    assert (best == ALL[p.argmax()]).all()


def test_pseudo_likelihood_networks_and_files(model, log_p, tmp_path) -> None:
    p = np.exp(log_p).reshape((N_LEVELS,) * 4)
    image = (1, 3, 4, 5)
    each = [
        p[image] / p[tuple(slice(None) if i == j else image[i] for i in range(4))].sum()
        for j in range(4)
    ]
    found = model.pseudo_log_likelihood(np.array(image).reshape(1, 2, 2))
    assert found == pytest.approx(np.log(each).sum(), abs=1e-4)
    network = model.to_network()
    rows = ALL.reshape(-1, 4)
    names = [f"{y},{x}" for y in range(2) for x in range(2)]
    rows = rows[:, [names.index(name) for name in network.variables_]]
    assert network.score_samples(rows) == pytest.approx(log_p, abs=1e-6)
    model.save(tmp_path / "coarse.safetensors")
    again = hm.load(tmp_path / "coarse.safetensors")
    assert (again.score_samples(ALL) == log_p).all()
    cut = model.complete(np.full((1, 2, 2), np.nan), how="sample", random_state=0)
    assert (again.complete(np.full((1, 2, 2), np.nan), how="sample", random_state=0) == cut).all()


def test_classes_share_what_is_inside() -> None:
    source = np.random.default_rng(1)
    y = np.repeat([0, 1], 30)
    X = np.clip(source.integers(0, 40, (60, 3, 3)) + 12 * y[:, None, None], 0, 63)
    plain = hm.GridMRF(n_levels=64, places=True, n_updates=3, random_state=0)
    models = hm.BayesClassifier(plain).fit(X, y).estimators_
    assert models[0].n_coarse == 12
    assert (models[0].inside_ == models[1].inside_).all()
    assert models[0].level_.shape == (12,)
    moved = X[:1].copy()
    moved[0, 1, 1] ^= 1  # pixel 32..63 of 64 levels: widths of 5 and 6, even starts among them
    moved[0, 1, 1] = 32 if X[0, 1, 1] == 33 else 33
    own, other = (m.score_samples(np.concatenate([X[:1], moved])) for m in models)
    same = X[0, 1, 1] * 12 // 64 == moved[0, 1, 1] * 12 // 64
    if same:
        assert own[1] - own[0] == pytest.approx(other[1] - other[0])
    levels = hm.BayesClassifier(hm.GridMRF(n_levels=64, places=True, n_coarse=None, n_updates=3))
    assert levels.fit(X, y).estimators_[0].inside_ is None
    assert hm.GridMRF(n_levels=64, places=True, n_updates=3).fit(X).inside_ is None
    alike = hm.BayesClassifier(hm.GridMRF(n_levels=64, n_updates=3, patch_size=None))
    assert alike.fit(X, y).estimators_[0].inside_ is None


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"n_coarse": 7}, "n_coarse must be at most n_levels=6, got 7"),
        ({"n_coarse": 1}, "n_coarse"),
        ({"n_coarse": "some"}, "n_coarse"),
        ({"n_coarse": 3, "level_shares": [1.0] * 5}, "level_shares must have n_levels=6"),
        ({"n_coarse": 3, "level_shares": [1.0] * 5 + [0.0]}, "level_shares"),
        ({"n_coarse": 3, "level_shares": "even"}, "level_shares"),
    ],
)
def test_wrong_levels_are_refused(wrong, told) -> None:
    with pytest.raises((TypeError, ValueError), match=told):
        hm.GridMRF(n_levels=N_LEVELS, **wrong).fit(ALL[:10])
