"""Mixtures of patches: learned, and posterior means under Gaussian noise by them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

import harmonium as hm
from harmonium.contract.evidence import TableReadings
from harmonium.models.grid import patch_mixture
from harmonium.models.grid.patch_means import normal_readings
from harmonium.models.grid.patch_mixture import SIDE, PatchMixture, learn_mixture
from harmonium.models.grid.readings import ImageCodec

SIZE = SIDE * SIDE


@pytest.fixture(autouse=True)
def few(monkeypatch):
    """Fewer patches and steps than photographs want."""
    monkeypatch.setattr(patch_mixture, "_N_LEARNED", 4000)
    monkeypatch.setattr(patch_mixture, "_N_A_STEP", 2000)
    monkeypatch.setattr(patch_mixture, "_N_STEPS", 8)


def smooth(n: int, side: int = 80, seed: int = 0) -> np.ndarray:
    """Smooth pictures with an edge, in 256 levels."""
    source = np.random.default_rng(seed)
    made = gaussian_filter(source.normal(size=(n, side, side)), (0, 4, 4))
    made = 128 + 50 * made / made.std() + 40 * (np.arange(side) > side // 2)
    return np.clip(np.round(made), 0, 255).astype(np.int64)


def mixture(n_kinds: int = 2, seed: int = 0) -> PatchMixture:
    source = np.random.default_rng(seed)
    root = source.normal(size=(n_kinds, SIZE, SIZE)) * np.geomspace(30, 0.1, SIZE)
    covariances = np.einsum("kij,klj->kil", root, root)
    return PatchMixture(torch.full((n_kinds,), 1 / n_kinds).double(), torch.tensor(covariances))


def test_the_mean_of_one_patch_is_that_of_a_mixture_of_gaussians():
    made, variance = mixture(), 20.0
    seen = np.random.default_rng(1).normal(100, 40, (SIDE, SIDE))
    rest = (seen - seen.mean()).reshape(-1)
    log_share, means = [], []
    for share, own in zip(made.shares.numpy(), made.covariances.numpy(), strict=True):
        noisy = own + variance * np.eye(SIZE)
        solved = np.linalg.solve(noisy, rest)
        log_share.append(np.log(share) - 0.5 * np.linalg.slogdet(noisy)[1] - 0.5 * rest @ solved)
        means.append(own @ solved)
    weight = np.exp(np.array(log_share) - max(log_share))
    wanted = seen.mean() + (weight / weight.sum()) @ np.array(means)
    found = made.means(torch.tensor(seen).float(), variance).numpy().reshape(-1)
    # Directions with less than a twenty-fifth of the noise's variance are left at their mean.
    np.testing.assert_allclose(found, wanted, atol=0.05 * np.abs(rest).max())


def test_a_stage_averages_the_patches_that_hold_a_pixel():
    made, shape = mixture(), (SIDE + 1, SIDE + 2)
    seen = torch.from_numpy(np.random.default_rng(2).normal(100, 30, shape)).float()
    total, count = np.zeros(shape), np.zeros(shape)
    for y in range(2):
        for x in range(3):
            window = np.s_[y : y + SIDE, x : x + SIDE]
            total[window] += made.means(seen[window], 50.0).numpy()
            count[window] += 1
    np.testing.assert_allclose(made.means(seen, 50.0).numpy(), total / count, rtol=1e-4)


def test_learning_finds_the_kinds_that_made_the_patches():
    source = np.random.default_rng(0)
    rows = np.where(source.random((400, 1)) < 0.5, 40.0, 2.0)
    picture = 128 + np.repeat(rows, 400, 1) * source.normal(size=(400, 400))
    found = learn_mixture([picture], None, 2, 256, np.random.default_rng(1))
    spread = found.covariances.diagonal(dim1=1, dim2=2).mean(1)
    assert found.shares.sum() == pytest.approx(1.0)
    assert torch.isfinite(spread).all()
    assert torch.linalg.eigvalsh(found.covariances).min() > 0


def test_readings_are_known_to_be_normal_however_they_come():
    source = np.random.default_rng(0)
    clean = source.integers(20, 200, (2, 50)).astype(float)
    noisy = clean + source.normal(0, 10, clean.shape)
    sizes = (256,) * 50

    def told(values, channel):
        rows, table, slopes = channel.likelihood(values, sizes)
        slopes = None if slopes is None else torch.from_numpy(slopes)
        readings = TableReadings(torch.from_numpy(rows), torch.from_numpy(table), slopes)
        return normal_readings(readings, 255.0)

    real, whole = told(noisy, hm.noise.Gaussian(10)), told(np.round(noisy), hm.noise.Gaussian(10))
    np.testing.assert_allclose(real.values, noisy)
    np.testing.assert_array_equal(whole.values, np.round(noisy))
    assert real.variance == pytest.approx(100)
    assert whole.variance == pytest.approx(100, rel=0.01)
    assert not real.clipped
    assert whole.clipped
    assert told(np.clip(noisy - 60, 0, 255), hm.noise.Gaussian(10)).clipped
    assert told(clean, hm.noise.Replace(0.1)) is None
    assert told(clean, hm.noise.Gaussian(0.2)) is None
    noisy[1, 3] = np.nan
    assert told(noisy, hm.noise.Gaussian(10)).everywhere.tolist() == [True, False]


def test_photographs_are_cleaned_by_patches_and_files_keep_them(tmp_path):
    pictures = smooth(4)
    model = hm.GridMRF(n_updates=2, n_patches=4, n_patch_kinds=4, random_state=0).fit(pictures[:3])
    noise = hm.noise.Gaussian(25)
    noisy = pictures[3:] + np.random.default_rng(3).normal(0, 25, (1, 80, 80))
    found = model.correct(noisy, noise=noise, how="mean")
    assert np.mean((found - pictures[3:]) ** 2) < 0.15 * 25**2
    np.testing.assert_array_equal(
        found, model.correct(noisy, noise=noise, how="mean", method="patches")
    )
    model.save(tmp_path / "m.safetensors")
    again = hm.load(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(again.correct(noisy, noise=noise, how="mean"), found)
    with pytest.raises(ValueError, match="wants a mean"):
        model.correct(noisy, noise=noise, how="sample", method="patches")
    noisy[0, 0, 0] = np.nan
    with pytest.raises(ValueError, match="n_patch_kinds"):
        model.correct(noisy, noise=noise, how="mean", method="patches")


def test_who_learns_kinds_of_patches():
    assert hm.GridMRF(n_levels=4, n_updates=1).fit(smooth(2) // 64).patches_ is None
    small = [np.full((6, 9), 3), np.full((80, 80), 4)]
    assert hm.GridMRF(n_updates=1, n_patches=2).fit(small).patches_ is None
    with pytest.raises(ValueError, match=r"X\[0\] has shape \(6, 9\)"):
        hm.GridMRF(n_updates=1, n_patches=2, n_patch_kinds=2).fit(small)


def test_channels_of_colours_are_answered_one_by_one():
    colours = np.stack([smooth(4, 40, seed) for seed in range(3)], axis=-1) // 32
    model = hm.GridMRF(n_levels=8, learner="pseudo", random_state=0).fit(colours)
    by_channel = hm.GridMRF(n_levels=8, learner="pseudo", random_state=0).fit(
        np.concatenate([np.moveaxis(one, -1, 0) for one in colours])
    )
    np.testing.assert_array_equal(model.knots_, by_channel.knots_)
    torn = colours[:2].astype(float)
    torn[0, 10:20, 10:20] = np.nan
    torn[1, 5, 5, 1] = np.nan
    found = model.complete(torn, how="mean", random_state=0)
    assert found.shape == torn.shape
    seen = ~np.isnan(torn)
    np.testing.assert_array_equal(found[seen], torn[seen])
    assert np.abs(found - colours[:2])[~seen].mean() < 1
    cleaned = model.correct(colours[:1], noise=hm.noise.Replace(0.1), random_state=0)
    assert cleaned.shape == (1, 40, 40, 3)
    assert (cleaned == colours[:1]).mean() > 0.9
    with pytest.raises(ValueError, match="one channel at a time"):
        model.score_samples(colours)


@pytest.mark.parametrize(
    ("X", "message"),
    [
        ([np.zeros((5, 5), int), np.zeros((5, 5, 3), int)], r"X\[0\] has shape \(5, 5\), X\[1\]"),
        ([np.zeros((5, 5), int), np.zeros((4, 5, 4), int)], r"X\[1\] has shape \(4, 5, 4\)"),
        ([np.zeros((5, 5), int), np.full((4, 5), 300)], r"X\[1:2\]\[0, 0, 0\] is 300"),
        (np.full((2, 5, 5), 0.5), r"between 0 and 1 pass np.round\(255 \* X\)"),
    ],
)
def test_pictures_of_unlike_depths_are_refused_in_one_line(X, message):
    with pytest.raises(ValueError, match=message) as caught:
        hm.GridMRF(n_updates=1).fit(X)
    assert "\n" not in str(caught.value)


def test_chains_in_a_hole_start_at_a_membrane_without_a_seam():
    ramp = np.add.outer(2.0 * np.arange(40), 3.0 * np.arange(50))
    torn = ramp.copy()
    torn[5:35, 4:47] = np.nan
    torn[0, 0] = np.nan  # a corner has two neighbours, of 2 and 3
    codec = ImageCodec(ramp.shape, 256)
    found = codec.begin(torn.reshape(1, -1)).reshape(ramp.shape)
    np.testing.assert_array_equal(found[1:], ramp[1:])
    assert found[0, 0] in (2, 3)
    nothing = np.full((1, 2000), np.nan)
    assert np.isnan(codec.begin(nothing)).all()
