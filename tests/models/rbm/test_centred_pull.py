"""Weights of tables that are pulled to zero, and biases that go along."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

import harmonium as hm
from harmonium.contract.energy import Chains
from harmonium.learning.ascent import Gaussian
from harmonium.learning.learners.persistent import Persistent
from harmonium.models.rbm.centring import Centred, CentredPull
from harmonium.models.rbm.energy import RBMEnergy
from harmonium.models.rbm.fused import fused_step
from harmonium.units.categorical import Categorical


def _dependent(n_rows: int) -> pd.DataFrame:
    """Three columns of three labels, of which two mostly agree, seldom the third label."""
    random = np.random.default_rng(0)
    first = random.choice(3, n_rows, p=[0.6, 0.3, 0.1])
    second = np.where(random.random(n_rows) < 0.8, first, random.integers(0, 3, n_rows))
    third = np.where(random.random(n_rows) < 0.8, second, random.integers(0, 3, n_rows))
    labels = np.array(["a", "b", "c"])
    return pd.DataFrame({"x": labels[first], "y": labels[second], "z": labels[third]})


def test_shares_of_labels_are_those_of_the_rows_however_strong_the_pull():
    """The gradient by a bias is zero at rest. A pull on weights alone rests elsewhere: there
    the shares are up to 0.03 off, and 1e-3 is what is left of the rate's fall."""
    rows = _dependent(500)
    model = hm.RBM(
        6,
        learner="exact",
        weight_decay=0.05,
        n_updates=3000,
        learning_rate=0.5,
        batch_size=500,
        validation_fraction=0.0,
        random_state=0,
    ).fit(rows)
    assert np.abs(model.components_).max() > 0.5  # something was learned
    for name in rows.columns:
        for label, share in rows[name].value_counts(normalize=True).items():
            one = pd.DataFrame({c: [label if c == name else None] for c in rows.columns})
            assert np.exp(model.score_samples(one)[0]) == pytest.approx(share, abs=2e-3)


def _energy() -> RBMEnergy:
    torch.manual_seed(0)
    units = Categorical((3, 4))
    bias = torch.randn(7)
    return RBMEnergy(torch.randn(7, 5), bias.clone(), torch.randn(5), bias.clone(), units)


def _offsets(metric: Centred) -> tuple[torch.Tensor, torch.Tensor]:
    return metric.visible_mean, metric.hidden_mean


def test_the_compiled_step_takes_biases_along_as_the_plain_one():
    """One step with the pull and one with weights' pull alone, from the same random bits: they
    differ by what the biases gain, which leaves the centred ones as they were."""
    x = torch.tensor([[0.0, 1.0], [2.0, 3.0]] * 10)
    found = []
    for along in (True, False):
        energy = _energy()
        metric = Centred(energy.base_mean, 5)
        prior = Gaussian({"weights": 0.3})
        pull = CentredPull(0.3, _offsets(metric), Gaussian()) if along else prior
        expected = CentredPull(0.3, _offsets(metric), Gaussian()).along(energy.parameters(), 0.4)
        generator = np.random.Generator(np.random.SFC64(0))
        step = fused_step(energy, energy.updates, Persistent(Chains(x.clone()), 1), pull, metric)
        assert step is not None
        step(x, 0.4, generator)
        found.append({name: value.clone() for name, value in energy.parameters().items()})
    assert torch.equal(found[0]["weights"], found[1]["weights"])
    for name, change in expected.items():
        assert change.abs().max() > 0.01
        torch.testing.assert_close(found[0][name] - found[1][name], change, rtol=0, atol=1e-6)


def test_a_pull_leaves_centred_biases_as_they_were():
    energy = _energy()
    metric = Centred(energy.base_mean, 5)
    before = {name: value.clone() for name, value in energy.parameters().items()}
    CentredPull(0.3, _offsets(metric), Gaussian()).pull(energy.parameters(), 0.4)
    after = energy.parameters()
    torch.testing.assert_close(after["weights"], before["weights"] / 1.12)
    for parameters in (before, after):
        parameters["visible"] = parameters["visible_bias"] + (
            parameters["weights"] @ metric.hidden_mean
        )
        parameters["hidden"] = parameters["hidden_bias"] + (
            metric.visible_mean @ parameters["weights"]
        )
    for side in ("visible", "hidden"):
        torch.testing.assert_close(after[side], before[side], rtol=0, atol=1e-5)


def _rough(metric: Centred, roughness: float) -> CentredPull:
    return CentredPull(0.3, _offsets(metric), Gaussian(), roughness, ((3, 7),))


def test_the_gradient_of_the_prior_is_that_of_its_value():
    wide = {name: value.double() for name, value in _energy().parameters().items()}
    prior = _rough(Centred(_energy().base_mean, 5), 0.7)
    gradient = prior.gradient(wide)["weights"]
    step = 1e-4
    for i in range(7):
        moved = [{**wide, "weights": wide["weights"].clone()} for _ in range(2)]
        moved[0]["weights"][i, 2] += step
        moved[1]["weights"][i, 2] -= step
        slope = (prior.value(moved[0]) - prior.value(moved[1])) / (2 * step)
        assert slope == pytest.approx(float(gradient[i, 2]), abs=1e-6)


def test_a_pull_to_straight_lines_is_implicit_and_leaves_centred_biases():
    """Of the two halves of the prior, the second at the place that the first led to."""
    energy = _energy()
    metric = Centred(energy.base_mean, 5)
    before = {name: value.clone() for name, value in energy.parameters().items()}
    _rough(metric, 2.5).pull(energy.parameters(), 0.4)
    after = energy.parameters()
    differences = np.diff(np.eye(4), n=2, axis=0)
    shrunk = before["weights"].numpy() / 1.12
    shrunk[3:] = np.linalg.solve(np.eye(4) + differences.T @ differences, shrunk[3:])
    torch.testing.assert_close(after["weights"], torch.from_numpy(shrunk), rtol=0, atol=1e-5)
    for one in ("visible", "hidden"):
        mean = metric.hidden_mean if one == "visible" else metric.visible_mean
        old, new = (
            part[f"{one}_bias"]
            + (part["weights"] @ mean if one == "visible" else mean @ part["weights"])
            for part in (before, after)
        )
        torch.testing.assert_close(new, old, rtol=0, atol=1e-5)


def test_the_compiled_step_makes_levels_smooth_as_the_plain_one():
    x = torch.tensor([[0.0, 1.0], [2.0, 3.0]] * 10)
    found = []
    for roughness in (0.0, 2.5):
        energy = _energy()
        metric = Centred(energy.base_mean, 5)
        pull = _rough(metric, roughness)
        generator = np.random.Generator(np.random.SFC64(0))
        step = fused_step(energy, energy.updates, Persistent(Chains(x.clone()), 1), pull, metric)
        assert step is not None
        step(x, 0.4, generator)
        found.append(energy.parameters()["weights"].clone())
    differences = np.diff(np.eye(4), n=2, axis=0)
    smooth = np.linalg.solve(np.eye(4) + differences.T @ differences, found[0][3:].numpy())
    torch.testing.assert_close(found[1][3:], torch.from_numpy(smooth).float(), rtol=0, atol=1e-5)
    assert torch.equal(found[1][:3], found[0][:3])
