"""Few joint states are listed: modes, means and draws of tiny grids against brute force."""

from __future__ import annotations

import itertools

import numpy as np
from tests.support.statistics import assert_drawn_from

import harmonium as hm
from harmonium.models.grid import answers

LEVELS = 3


def rough_grid(seed: int, shape: tuple[int, int]) -> hm.GridMRF:
    """Random potentials that neither attract nor repel throughout, each place with its own."""
    rng = np.random.default_rng(seed)
    images = rng.integers(0, LEVELS, (30, *shape))
    model = hm.GridMRF(n_levels=LEVELS, places=True, learner="pseudo", random_state=0).fit(images)
    model.knots_ = rng.normal(0, 2, model.knots_.shape)
    model.level_ = rng.normal(0, 1, model.level_.shape)
    model.place_ = rng.normal(0, 1, model.place_.shape)
    return model


def posterior(model: hm.GridMRF, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """All fillings of an image's blanks, and their probabilities."""
    blank = np.isnan(image)
    every = np.repeat(image[None], LEVELS ** blank.sum(), 0)
    every[:, blank] = list(itertools.product(range(LEVELS), repeat=int(blank.sum())))
    p = np.exp(model.score_samples(every.astype(int)))
    return every, p / p.sum()


def test_blanks_with_few_fillings_are_filled_exactly():
    for seed in range(25):
        model = rough_grid(seed, (3, 3))
        image = np.random.default_rng(seed).integers(0, LEVELS, (3, 3)).astype(float)
        image.flat[np.random.default_rng(seed).permutation(9)[:6]] = np.nan
        every, p = posterior(model, image)
        np.testing.assert_array_equal(model.complete(image[None])[0], every[p.argmax()])
        mean = model.complete(image[None], how="mean")[0]
        np.testing.assert_allclose(mean, np.tensordot(p, every, 1), atol=1e-5)


def test_noise_on_a_tiny_grid_is_taken_out_exactly():
    for seed in range(25):
        model = rough_grid(seed, (2, 3))
        noisy = np.random.default_rng(seed).integers(0, LEVELS, (2, 3))
        every, p = posterior(model, np.full((2, 3), np.nan))
        kept = (every == noisy).reshape(len(every), -1)
        weight = p * np.where(kept, 1 - 0.4 + 0.4 / LEVELS, 0.4 / LEVELS).prod(1)
        found = model.correct(noisy[None], noise=hm.noise.Replace(0.4))
        np.testing.assert_array_equal(found[0], every[weight.argmax()])
        mean = model.correct(noisy[None], noise=hm.noise.Replace(0.4), how="mean")[0]
        np.testing.assert_allclose(mean, np.tensordot(weight / weight.sum(), every, 1), atol=1e-5)


def test_draws_of_few_fillings_follow_the_posterior():
    model = rough_grid(3, (2, 3))
    image = np.array([[0.0, np.nan, 1.0], [np.nan, 2.0, np.nan]])
    every, p = posterior(model, image)
    found = model.sample(4000, condition=image, random_state=0).reshape(4000, -1)
    number = {tuple(row): i for i, row in enumerate(every.reshape(len(every), -1).tolist())}
    assert_drawn_from(np.array([number[tuple(row)] for row in found.tolist()]), p)


def test_a_search_that_is_named_is_used(monkeypatch):
    monkeypatch.setattr(answers, "enumerate_free", None)
    model = rough_grid(0, (2, 2))
    assert model.complete(np.full((1, 2, 2), np.nan), search="annealing").shape == (1, 2, 2)
