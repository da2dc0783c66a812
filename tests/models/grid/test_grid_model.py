"""hm.GridMRF as a user meets it: learning, questions, files, bad input."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from scipy.ndimage import uniform_filter
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from tests.support.grid_oracle import GridOracle, random_grid
from tests.support.statistics import assert_drawn_from

import harmonium as hm
from harmonium.models.grid import questions, stages
from harmonium.models.grid.energy import GridEnergy
from harmonium.models.grid.model import GridMRF
from harmonium.sampling.gibbs import Schedule


def blobs(n: int, shape=(12, 12), seed: int = 0) -> np.ndarray:
    """Smooth random shapes in black and white."""
    source = np.random.default_rng(seed)
    noise = source.normal(size=(n, *shape))
    return np.stack([uniform_filter(image, 3) > 0 for image in noise]).astype(np.int64)


def model_of(energy, **parameters) -> GridMRF:
    """A fitted GridMRF with the parameters of an energy."""
    model = GridMRF(n_levels=energy.n_states, places=energy.place is not None, **parameters)
    model._take(energy, 0.0)
    model.history_, model.n_updates_, model.stop_reason_ = {}, 0, "given"
    return model


@pytest.fixture(scope="module")
def fitted() -> GridMRF:
    return GridMRF(n_levels=2, n_updates=60, random_state=0).fit(blobs(150))


def attracting(seed: int, shape=(3, 4), n_levels: int = 2):
    """Random levels and places, and pairs that would rather be equal."""
    energy = random_grid(shape, n_levels, "difference", 8, True, seed=seed)
    for tables in (energy.knots.view(4, -1),):
        tables.copy_(tables.abs().cumsum(1).neg())
    return energy


def test_scores_are_normalised(fitted):
    energy = random_grid((2, 3), 3, "block", 8, True)
    model = model_of(energy, potential="block", neighbours=8)
    oracle = GridOracle(energy)
    scores = model.score_samples(oracle.X.reshape(-1, 2, 3))
    np.testing.assert_allclose(scores, np.log(oracle.p), atol=1e-6)
    assert fitted.log_partition().method == "exact"


def test_the_exact_learner_matches_the_data():
    X = np.random.default_rng(0).integers(0, 3, (400, 2, 3))
    X[:, :, 1] = X[:, :, 0]  # two columns that always agree
    model = GridMRF(
        n_levels=3, learner="exact", n_updates=1500, learning_rate=1.0, random_state=0
    ).fit(X)
    energy = model.build_energy(torch.float64)
    rows = torch.from_numpy(X.reshape(400, -1)).double()
    data = energy.moments(rows, torch.full((400,), 1 / 400, dtype=torch.float64))
    expected = energy.exact_moments()
    for name in ("knots", "level"):
        # A count of 1 in 400 images is the least that data can show.
        np.testing.assert_allclose(expected[name], data[name], atol=0.02)


@pytest.mark.parametrize("n_start", [400, 100])
def test_persistent_chains_reach_the_likelihood_of_exact_gradients(monkeypatch, n_start):
    X = blobs(400, (3, 6))
    monkeypatch.setattr(stages, "_PSEUDO_WORK", n_start * 18 * 2)  # images to start from
    exact, chains = (
        GridMRF(n_levels=2, learner=learner, n_updates=400, random_state=0).fit(X)
        for learner in ("exact", "pcd")
    )
    start = GridMRF(n_levels=2, learner="pseudo", random_state=0).fit(X)
    assert exact.score(X) > start.score(X)
    # Within what 400 images can tell: a quarter of a nat for each parameter, over all of them.
    assert 400 * (exact.score(X) - chains.score(X)) < 0.25 * (len(exact.knots_) + 2)


def test_learning_beats_independent_pixels(fitted):
    alone = GridMRF(n_levels=2, potential="independent", random_state=0).fit(blobs(150))
    unseen = blobs(50, seed=1)
    assert fitted.score(unseen) > alone.score(unseen) + 5
    assert alone.score(unseen) == pytest.approx(-144 * np.log(2), rel=0.02)


def test_pseudo_log_likelihood_of_independent_pixels_is_their_log_likelihood():
    X = blobs(30)
    model = GridMRF(n_levels=2, potential="independent", places=True, random_state=0).fit(X)
    np.testing.assert_allclose(model.pseudo_log_likelihood(X), model.score_samples(X), rtol=1e-4)


@pytest.mark.parametrize("method", ["auto", "gibbs"])
def test_means_equal_enumeration(monkeypatch, method):
    energy = random_grid((3, 3), 3, "block", 8, True)
    model = model_of(energy, potential="block", neighbours=8)
    monkeypatch.setattr(questions, "_SCHEDULE", Schedule(300, 200, 200, 60))
    oracle = GridOracle(energy)
    image = np.array([[0, 1, 2], [2, 1, 0], [1, 1, 2]], dtype=float)
    blank = image.copy()
    blank[1:, 1:] = np.nan
    agrees = (oracle.X == image.reshape(-1))[:, ~np.isnan(blank.reshape(-1))].all(1)
    wanted = (oracle.p[agrees] @ oracle.X[agrees] / oracle.p[agrees].sum()).reshape(3, 3)
    found = model.complete(blank[None], how="mean", method=method, random_state=0)[0]
    np.testing.assert_allclose(found, wanted, atol=0.03)
    table = np.log(np.full((3, 3), 0.1) + 0.7 * np.eye(3))
    posterior = oracle.posterior(table[image.astype(int).reshape(-1)])
    found = model.correct(
        image[None], noise=hm.noise.Replace(0.3), how="mean", method="gibbs", random_state=0
    )
    np.testing.assert_allclose(found[0].reshape(-1), posterior @ oracle.X, atol=0.03)


@pytest.mark.parametrize("seed", range(6))
def test_the_mode_of_two_levels_is_exact(seed):
    pytest.importorskip("maxflow")
    energy = attracting(seed)
    model, oracle = model_of(energy, neighbours=8), GridOracle(energy)
    noisy = np.random.default_rng(seed).integers(0, 2, (1, 3, 4))
    table = np.log(np.array([[0.8, 0.2], [0.2, 0.8]]))[noisy.reshape(-1)]
    best = oracle.X[oracle.posterior(table).argmax()]
    found = model.correct(noisy, noise=hm.noise.BitFlip(0.2), method="graphcut")
    np.testing.assert_array_equal(found[0].reshape(-1), best)
    half = noisy.astype(float)
    half[0, :, 2:] = np.nan
    agrees = (oracle.X.reshape(-1, 3, 4)[:, :, :2] == noisy[0, :, :2]).all((1, 2))
    best = oracle.X[np.where(agrees, oracle.p, 0).argmax()]
    np.testing.assert_array_equal(model.complete(half, method="graphcut")[0].reshape(-1), best)


def test_annealing_finds_the_mode_of_most_small_grids():
    right = 0
    for seed in range(20):
        energy = random_grid((3, 4), 2, "multiscale", 8, True, seed=seed)
        model, oracle = model_of(energy, potential="multiscale", neighbours=8), GridOracle(energy)
        noisy = np.random.default_rng(seed).integers(0, 2, (1, 3, 4))
        table = np.log(np.array([[0.8, 0.2], [0.2, 0.8]]))[noisy.reshape(-1)]
        posterior = oracle.posterior(table)
        found = model.correct(noisy, noise=hm.noise.BitFlip(0.2), random_state=0)
        right += int(oracle.index(found.reshape(1, -1))[0] == posterior.argmax())
    assert right >= 17


@pytest.mark.parametrize("seed", range(4))
def test_expansion_is_no_worse_than_annealing(seed):
    pytest.importorskip("maxflow")
    energy = attracting(seed, (8, 8), 5)
    model = model_of(energy, neighbours=8)
    noisy = np.random.default_rng(seed).integers(0, 5, (1, 8, 8))
    noise = hm.noise.Replace(0.4)
    heights = {}
    for method in ("graphcut", "annealing"):
        x = model.correct(noisy, noise=noise, method=method, random_state=0)
        same = np.where(x == noisy, np.log(0.68), np.log(0.08)).sum()
        heights[method] = float(energy.log_weight(torch.from_numpy(x.reshape(1, -1)))) + same
    start = float(energy.log_weight(torch.from_numpy(noisy.reshape(1, -1)))) + 64 * np.log(0.68)
    assert heights["graphcut"] > start
    assert heights["graphcut"] >= heights["annealing"] - 1e-4  # float32 weights


def drawn_and_wanted():
    """States drawn by chains (4,096 and 2,048 are too many to list), and their probabilities."""
    energy = random_grid((3, 4), 2, "block", 8, True, seed=1)
    for parameter in energy.parameters().values():
        parameter *= 1.5
    model, oracle = model_of(energy, potential="block", neighbours=8), GridOracle(energy)
    condition = np.full((3, 4), np.nan)
    condition[1, 1] = 1
    free = model.sample(8000, random_state=0).reshape(-1, 12)
    held = model.sample(8000, condition=condition, random_state=1).reshape(-1, 12)
    assert (held[:, 5] == 1).all()
    given = np.where(oracle.X[:, 5] == 1, oracle.p, 0)
    return (oracle.index(free), oracle.p), (oracle.index(held), given / given.sum())


@pytest.mark.slow
def test_samples_follow_the_condition_and_the_model():
    for drawn, wanted in drawn_and_wanted():
        assert_drawn_from(drawn, wanted)


@pytest.mark.slow
def test_sweeps_a_little_too_hot_are_caught(monkeypatch):
    right = GridEnergy.sweep

    def hot(self, chains, generator, *, beta=1.0, evidence=None):
        return right(self, chains, generator, beta=0.9 * beta, evidence=evidence)

    monkeypatch.setattr(GridEnergy, "sweep", hot)
    for drawn, wanted in drawn_and_wanted():
        with pytest.raises(AssertionError, match="chi-square"):
            assert_drawn_from(drawn, wanted)


def test_correcting_and_completing_help(fitted):
    clean = blobs(40, seed=2)
    noisy = np.where(np.random.default_rng(0).random(clean.shape) < 0.1, 1 - clean, clean)
    before = (noisy != clean).mean()
    for how in ("mode", "mean"):
        found = fitted.correct(noisy, noise=hm.noise.BitFlip(0.1), how=how, random_state=0)
        assert (np.round(found) != clean).mean() < before
    holes = clean.astype(float)
    holes[:, 5, 5] = np.nan
    filled = fitted.complete(holes, how="mode", random_state=0)
    assert (filled[:, 5, 5] == clean[:, 5, 5]).mean() > 0.6
    assert (
        np.delete(filled.reshape(40, -1), 65, 1) == np.delete(clean.reshape(40, -1), 65, 1)
    ).all()


def test_blanks_may_be_nan_minus_one_or_masked(fitted):
    clean = blobs(3, seed=3)
    hole = np.zeros(clean.shape, bool)
    hole[:, 2:5, 2:5] = True
    forms = (
        np.where(hole, np.nan, clean),
        np.where(hole, -1, clean),
        np.ma.masked_array(clean, hole),
    )
    answers = [fitted.complete(form, how="sample", random_state=0) for form in forms]
    np.testing.assert_array_equal(answers[0], answers[1])
    np.testing.assert_array_equal(answers[0], answers[2])


def test_a_model_without_places_takes_images_of_any_size(fitted):
    big = blobs(1, (30, 41), seed=4)
    found = fitted.correct(big, noise=hm.noise.BitFlip(0.05), random_state=0)
    assert found.shape == big.shape
    assert fitted.sample(2, shape=(5, 20), random_state=0).shape == (2, 5, 20)
    placed = GridMRF(n_levels=2, places=True, learner="pseudo").fit(blobs(20))
    with pytest.raises(ValueError, match=r"shape \(12, 12\)"):
        placed.correct(big, noise=hm.noise.BitFlip(0.05))


def test_gaussian_noise_of_many_levels_is_removed():
    source = np.random.default_rng(0)
    clean = 50 + 150 * blobs(6, (40, 40)) + source.integers(0, 3, (6, 40, 40))
    model = GridMRF(neighbours=8, learner="pseudo", patch_size=16, n_patches=20, random_state=0)
    model.fit(clean[:5])
    noisy = clean[5:] + source.normal(0, 20, (1, 40, 40))
    rounded = np.clip(np.round(noisy), 0, 255)
    for readings in (noisy, rounded):
        found = model.correct(readings, noise=hm.noise.Gaussian(20), how="mean", random_state=0)
        assert np.mean((found - clean[5:]) ** 2) < 0.25 * np.mean((readings - clean[5:]) ** 2)
    half = noisy.copy()
    half[0, ::4] = np.nan
    found = model.correct(half, noise=hm.noise.Gaussian(20), how="mean", random_state=0)
    read = ~np.isnan(half)
    assert np.mean((found - clean[5:])[read] ** 2) < 100
    assert np.isfinite(found).all()


@pytest.mark.parametrize("verbose", [0, 1])
def test_long_means_show_how_far_they_are(fitted, verbose, capsys):
    model = copy.copy(fitted).set_params(verbose=verbose)
    capsys.readouterr()
    model.correct(blobs(2, (20, 20)), noise=hm.noise.BitFlip(0.1), how="mean", random_state=0)
    said = capsys.readouterr()
    assert ("posterior mean" in said.err) == bool(verbose)
    assert said.out == ""


@pytest.mark.parametrize("potential", ["difference", "block", "independent"])
def test_files_and_seeds(tmp_path, potential):
    X = np.random.default_rng(0).integers(0, 8, (30, 6, 5))
    model = GridMRF(n_levels=8, potential=potential, places=True, n_updates=20, random_state=3).fit(
        X
    )
    again = clone(model).fit(X)
    np.testing.assert_array_equal(model.level_, again.level_)
    np.testing.assert_array_equal(model.knots_, again.knots_)
    model.log_partition("ais", n_chains=10, n_temperatures=10, random_state=0)
    model.save(tmp_path / "grid.safetensors")
    loaded = hm.load(tmp_path / "grid.safetensors")
    np.testing.assert_array_equal(model.sample(3, random_state=1), loaded.sample(3, random_state=1))
    assert loaded.get_params() == model.get_params()
    assert loaded.pseudo_log_likelihood(X) == pytest.approx(model.pseudo_log_likelihood(X))


def test_the_network_is_the_same_distribution():
    network = pytest.importorskip("harmonium.models.network.model")
    energy = random_grid((3, 3), 3, "block", 8, True)
    model = model_of(energy, potential="block", neighbours=8)
    other = model.to_network()
    assert isinstance(other, network.MarkovNetwork)
    assert other.log_partition().value == pytest.approx(GridOracle(energy).log_z, abs=1e-6)


def test_weights_count_rows(tmp_path):
    X = np.concatenate([blobs(20), 1 - blobs(20, seed=9)])
    weights = np.r_[np.full(20, 2.0), np.zeros(20)]
    weighted = GridMRF(n_levels=2, learner="pseudo").fit(X, sample_weight=weights)
    doubled = GridMRF(n_levels=2, learner="pseudo").fit(np.concatenate([X[:20], X[:20]]))
    np.testing.assert_allclose(weighted.knots_, doubled.knots_, atol=0.02)


def test_images_of_many_sizes_are_learned_from_patches():
    images = [blobs(1, shape, seed=i)[0] for i, shape in enumerate([(40, 50), (70, 30), (33, 33)])]
    model = GridMRF(n_levels=2, learner="pseudo", n_patches=9, random_state=0).fit(images)
    assert model.image_shape_ == (30, 30)
    with pytest.raises(ValueError, match="one shape"):
        GridMRF(n_levels=2, patch_size=None).fit(images)


GOOD = blobs(4)
BAD_FITS = [
    ({"n_levels": 1}, GOOD, r"n_levels must be an integer in \[2, 256\], got 1"),
    ({"n_levels": 257}, GOOD, "n_levels"),
    ({"neighbours": 6}, GOOD, "neighbours must be 4 or 8, got 6"),
    ({"potential": "cubic"}, GOOD, "potential must be one of"),
    ({"learner": "sgd"}, GOOD, "learner must be one of"),
    ({"learning_rate": 0.0}, GOOD, "learning_rate"),
    ({"n_updates": 0}, GOOD, "n_updates"),
    ({"patch_size": 1}, GOOD, "patch_size"),
    ({"n_levels": 2}, GOOD[0], r"for one image, pass X\[None\]"),
    ({"n_levels": 2}, GOOD + 1, r"X\[0, \d+, \d+\] is 2; wanted an integer in \[0, 1\]"),
    ({"n_levels": 2}, GOOD * 0.5, r"is 0\.5; wanted an integer"),
    ({"n_levels": 2}, np.where(GOOD, np.nan, 0.0), "is nan; wanted an integer"),
    ({"n_levels": 2}, GOOD[:0], "at least one pixel"),
    ({"n_levels": 2}, np.array([[["a"]]]), "images of numbers"),
]


@pytest.mark.parametrize(("parameters", "X", "message"), BAD_FITS, ids=lambda v: str(v)[:40])
def test_bad_fits_are_refused(parameters, X, message):
    with pytest.raises(ValueError, match=message):
        GridMRF(**parameters).fit(X)


def test_bad_questions_are_refused(fitted):
    X = blobs(2)
    with pytest.raises(NotFittedError):
        GridMRF(n_levels=2).sample()
    with pytest.raises(ValueError, match="how must be one of"):
        fitted.complete(X, how="best")
    with pytest.raises(ValueError, match="method must be one of"):
        fitted.complete(X, method="luck")
    with pytest.raises(ValueError, match="noise must be"):
        fitted.correct(X, noise=hm.noise.Typos(0.1))
    with pytest.raises(ValueError, match="finite number or NaN"):
        fitted.correct(np.where(X, np.inf, 0.0), noise=hm.noise.Gaussian(1.0))
    with pytest.raises(ValueError, match=r"shape \(12, 12\)"):
        fitted.score_samples(X[:, :5])
    with pytest.raises(ValueError, match="condition"):
        fitted.sample(condition=X[0] + 5)
    with pytest.raises(ValueError, match="n_samples"):
        fitted.sample(0)
    with pytest.raises(ValueError, match="pairs"):
        GridMRF(n_levels=2, potential="block", learner="pseudo").fit(X).complete(
            X, method="graphcut"
        )
    many = GridMRF(n_levels=4, learner="pseudo").fit(X)
    with pytest.raises(ValueError, match="two states"):
        many.correct(X, noise=hm.noise.BitFlip(0.1))
