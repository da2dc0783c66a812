"""Noise of probability zero: what is read is what it was, whatever the factors would rather."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import harmonium as hm

HOWS = ("mode", "mean", "sample")


def strong_chain() -> hm.MarkovNetwork:
    """Three variables of 2, 3 and 2 states that want to be equal by a factor of 1e600 each."""
    rng = np.random.default_rng(0)
    wide = np.where(rng.random((2, 3)) < 0.5, 1e300, 1e-300)
    wide[1, 2] = 1e-300
    narrow = np.array([[1e300, 1e-300], [1e300, 1e-300], [1e300, 1e-300]])
    return hm.MarkovNetwork([hm.Factor(["a", "b"], wide), hm.Factor(["b", "c"], narrow)])


@pytest.mark.parametrize("how", HOWS)
def test_a_networks_factors_do_not_overrule_certain_readings(how):
    rows = np.array(list(itertools.product(range(2), range(3), range(2))), float)
    found = strong_chain().correct(rows, noise=hm.noise.Replace(0), how=how, random_state=0)
    np.testing.assert_array_equal(found, rows)


@pytest.mark.parametrize("how", HOWS)
def test_an_rbm_does_not_overrule_certain_readings(how):
    model = hm.RBM.from_parameters(np.full((3, 2), 900.0), [900.0] * 3, [0.0] * 2)
    rows = np.array(list(itertools.product((0, 1), repeat=3)))
    for p, wanted in ((0, rows), (1, 1 - rows)):
        found = model.correct(rows, noise=hm.noise.BitFlip(p), how=how, random_state=0)
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("how", HOWS)
def test_a_grid_does_not_overrule_certain_readings(how):
    images = np.random.default_rng(0).integers(0, 3, (20, 4, 4))
    model = hm.GridMRF(n_levels=3, learner="pseudo", random_state=0).fit(images)
    model.level_[0] = 2000.0
    found = model.correct(images, noise=hm.noise.Replace(0), how=how, random_state=0)
    np.testing.assert_array_equal(found, images)


@pytest.mark.parametrize("how", HOWS)
def test_certain_readings_that_factors_forbid_are_refused(how):
    network = hm.MarkovNetwork([hm.Factor(["a", "b"], np.eye(2)), hm.Factor(["c"], [1.0, 1.0])])
    noise = hm.noise.BitFlip(0)
    with pytest.raises(ValueError, match="probability zero"):
        network.correct([[0, 0, 0], [0, 1, 0]], noise=noise, how=how)
    with pytest.raises(ValueError, match="probability zero"):
        network.correct([[0.0, 1.0, np.nan]], noise=noise, how=how)
    found = network.correct([[0.0, np.nan, 1.0]], noise=noise, how=how, random_state=0)
    np.testing.assert_array_equal(found, [[0, 0, 1]])
    # Flipped for certain, (0, 1) reads as the forbidden (1, 0).
    with pytest.raises(ValueError, match="probability zero"):
        network.correct([[0, 1, 0]], noise=hm.noise.BitFlip(1), how=how)


def test_noise_of_the_wrong_kind_is_still_refused():
    network = strong_chain()
    with pytest.raises(ValueError, match="two states"):
        network.correct([[0, 0, 0]], noise=hm.noise.BitFlip(0))
