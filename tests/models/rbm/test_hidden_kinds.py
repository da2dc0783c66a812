"""Machines with hidden units of every kind, against sums over all rows and quadrature."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.special import logsumexp
from sklearn.datasets import load_digits
from tests.support.hidden_oracle import log_partition, random_layer, told
from tests.support.rbm_oracle import random_rbm

import harmonium as hm
from harmonium.contract.energy import Chains
from harmonium.learning.ascent import Ascent, Gaussian, Moments
from harmonium.models.rbm.energy import RBMEnergy
from harmonium.models.rbm.standardised import Standardised
from harmonium.sampling.annealing import annealed_importance_sampling
from harmonium.units.bernoulli import Bernoulli
from harmonium.units.hidden import HIDDEN

OTHERS = [kind for kind in HIDDEN if kind != "bernoulli"]
REAL = ["gaussian", "relu", "drelu"]
V = np.array(list(itertools.product([0.0, 1.0], repeat=5)))


def fitted(kind: str, temperature: float = 1.0, scale: float = 0.6) -> hm.RBM:
    model = hm.RBM.from_parameters(
        *random_rbm(5, 3, scale, seed=1), hidden=kind, temperature=temperature
    )
    model._hidden_own = random_layer(kind, 3, seed=2)
    return model


def log_weights(model: hm.RBM) -> np.ndarray:
    """Of all rows, hidden units summed out by quadrature."""
    W, b, c = model.components_.T, model.intercept_visible_, model.intercept_hidden_
    T = model.temperature
    own = told(model._hidden_own)
    return V @ b / T + log_partition(model.hidden, (V @ W + c) / T, own)


@pytest.mark.parametrize("temperature", [1.0, 2.5])
@pytest.mark.parametrize("kind", OTHERS)
def test_the_likelihood_is_that_of_sums(kind, temperature):
    model = fitted(kind, temperature)
    weights = log_weights(model)
    log_z = logsumexp(weights)
    assert model.log_partition().value == pytest.approx(log_z, abs=1e-9)
    assert model.log_partition().method == "exact"
    np.testing.assert_allclose(model.score_samples(V), weights - log_z, atol=1e-9)
    np.testing.assert_allclose(model.free_energy(V), -temperature * weights, atol=1e-8)
    pseudo = np.zeros(len(V))
    for i in range(5):
        turned = V.copy()
        turned[:, i] = 1 - turned[:, i]
        other = weights[(turned @ 2 ** np.arange(5)[::-1]).astype(int)]
        pseudo -= np.logaddexp(0, other - weights)
    np.testing.assert_allclose(model.pseudo_log_likelihood(V), pseudo, atol=1e-8)


@pytest.mark.parametrize("kind", REAL)
def test_energies_are_those_that_are_summed(kind):
    """exp(-E / T) over a grid of the only hidden unit is what the row weighs."""
    model = hm.RBM.from_parameters(*random_rbm(3, 1, 1.0, seed=1), hidden=kind, temperature=1.7)
    model._hidden_own = random_layer(kind, 1, seed=2)
    h = np.linspace(0 if kind == "relu" else -40, 40, 80_001)[:, None]
    row = np.tile([1.0, 0.0, 1.0], (len(h), 1))
    density = np.exp(-model.energy(row, h) / 1.7)
    mass = np.trapezoid(density, h[:, 0])
    assert -1.7 * np.log(mass) == pytest.approx(model.free_energy(row[:1])[0], abs=1e-4)
    best = h[density.argmax()]
    np.testing.assert_allclose(model.most_likely_hidden(row[:1])[0], best, atol=2e-3)


@pytest.mark.parametrize("kind", OTHERS)
def test_the_gradient_is_the_derivative_of_the_log_likelihood(kind):
    model = fitted(kind)
    X = torch.tensor(V[[0, 3, 9, 9, 30]])
    energy = model.build_energy(torch.float64)
    data = energy.moments(X, torch.full((5,), 0.2, dtype=torch.float64))
    expected = energy.exact_moments()
    assert expected is not None
    gradient = Moments(data, expected).gradient()

    def value() -> float:
        log_z = energy.exact_log_partition()
        assert log_z is not None
        return float(energy.log_weight(X).mean()) - log_z

    for name, parameter in energy.parameters().items():
        flat, slopes = parameter.reshape(-1), gradient[name].reshape(-1)
        for place in range(0, len(flat), 2):
            before, ends = float(flat[place]), []
            for step in (1e-5, -1e-5):
                flat[place] = before + step
                ends.append(value())
            flat[place] = before
            slope = (ends[0] - ends[1]) / 2e-5
            assert float(slopes[place]) == pytest.approx(slope, abs=1e-8), name


@pytest.mark.parametrize("kind", HIDDEN)
def test_annealing_from_either_base_agrees_with_sums(kind):
    model = fitted(kind)
    exact = model.log_partition().value
    energy = model.build_energy(torch.float32)
    generator = np.random.Generator(np.random.SFC64(0))
    found, _, _ = annealed_importance_sampling(
        energy, n_chains=2000, n_temperatures=60, generator=generator
    )
    assert abs(found.value - exact) < 5 * found.std_error
    for path in (model._bases().own(), model._bases().clustered(generator)):
        chains = path.start(2000, generator)
        total = torch.full((2000,), path.log_partition_at_start(), dtype=torch.float64)
        for step in range(60):
            chains, change = path.step(chains, step / 60, (step + 1) / 60, generator)
            total += change
        weights = torch.exp(total - exact)
        assert abs(float(weights.mean()) - 1.0) < 5 * float(weights.std()) / 2000**0.5


@pytest.mark.parametrize("kind", REAL)
def test_steps_do_not_depend_on_the_scale_of_hidden_units(kind):
    """A visible unit relabelled, or the sign of a hidden one, leaves the learned model as it is."""
    W, b, c = random_rbm(5, 3, 0.5, seed=8)
    W2, b2, c2 = W.copy(), b.copy(), c.copy()
    W2[0], b2[0] = -W[0], -b[0]
    c2 += W[0]
    found = []
    for (weights, visible, hidden), turn in (((W, b, c), False), ((W2, b2, c2), True)):
        rows = V[[1, 5, 6, 20]].copy()
        if turn:
            rows[:, 0] = 1 - rows[:, 0]
        tensors = [torch.tensor(p) for p in (weights, visible, hidden)]
        own = {n: torch.tensor(v) for n, v in random_layer(kind, 3, 0).items()}
        energy = RBMEnergy(*tensors, tensors[1].clone(), Bernoulli(5), HIDDEN[kind](3, own))
        exact = energy.exact_moments()
        assert exact is not None
        x = torch.tensor(rows)
        data = energy.moments(x, torch.full((4,), 0.25, dtype=torch.float64))
        metric = Standardised(x.mean(0), energy.hidden, centred=True)
        Ascent(energy, Gaussian(), metric).step(Moments(data, exact), 0.2)
        every = V.copy()
        if turn:
            every[:, 0] = 1 - every[:, 0]
        found.append(torch.softmax(energy.log_weight(torch.tensor(every)), 0))
    torch.testing.assert_close(found[0], found[1], atol=1e-12, rtol=0)


@pytest.mark.parametrize("kind", OTHERS)
def test_every_question_is_answered_and_files_keep_all(kind, tmp_path):
    rows = np.random.default_rng(0).integers(0, 2, (200, 6))
    model = hm.RBM(4, hidden=kind, n_updates=300, random_state=0).fit(rows)
    hidden = model.transform(rows[:5])
    assert hidden.shape == model.sample_hidden(rows[:5], random_state=0).shape == (5, 4)
    assert model.most_likely_hidden(rows[:5]).shape == (5, 4)
    assert model.inverse_transform(hidden).shape == (5, 6)
    assert np.isin(model.sample_visible(hidden, random_state=0), (0, 1)).all()
    assert np.isin(model.sample(7, random_state=0), (0, 1)).all()
    holes = rows[:5].astype(float)
    holes[:, 2:] = np.nan
    assert not np.isnan(model.complete(holes, how="mean", random_state=0)).any()
    assert np.isfinite(model.score_samples(holes)).all()
    clean = model.correct(rows[:5], noise=hm.noise.BitFlip(0.1), random_state=0)
    assert np.isin(clean, (0, 1)).all()
    assert model.facts()["kind of hidden units"] == kind
    model.save(tmp_path / "model.safetensors")
    again = hm.load(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(again.score_samples(rows), model.score_samples(rows))
    assert again.hidden_parameters_.keys() == model.hidden_parameters_.keys()
    for name, value in model.hidden_parameters_.items():
        np.testing.assert_array_equal(again.hidden_parameters_[name], value)


@pytest.mark.parametrize("learner", ["cd", "pcd", "pt", "exact"])
@pytest.mark.parametrize("kind", OTHERS)
def test_every_learner_learns(kind, learner):
    """Two columns that are always alike, and one at random."""
    source = np.random.default_rng(0)
    rows = source.integers(0, 2, (400, 3))
    rows[:, 1] = rows[:, 0]
    model = hm.RBM(
        3, hidden=kind, learner=learner, n_updates=1500, learning_rate=0.3, random_state=0
    ).fit(rows)
    assert model.score(rows) > -2 * np.log(2) - 0.25


@pytest.mark.parametrize("kind", OTHERS)
def test_a_fit_goes_on_from_its_checkpoint_bit_for_bit(kind, tmp_path):
    rows = np.random.default_rng(0).integers(0, 2, (300, 8))
    rows[:, 4:] = rows[:, :4]
    whole = hm.RBM(4, hidden=kind, n_updates=600, random_state=0).fit(rows)
    path = tmp_path / "fit.safetensors"

    class Cut(Exception):
        pass

    def cut(look):
        if look.facts["update"] >= 300:
            raise Cut

    model = hm.RBM(4, hidden=kind, n_updates=600, random_state=0, checkpoint=path)
    with pytest.raises(Cut):
        model.fit_observed(rows, observers=[cut])
    again = hm.RBM(4, hidden=kind, n_updates=600, random_state=0, checkpoint=path).fit(rows)
    for name, value in whole.build_energy(torch.float32).parameters().items():
        assert torch.equal(value, again.build_energy(torch.float32).parameters()[name])


@pytest.mark.parametrize("kind", OTHERS)
def test_labels_are_learned_beside(kind):
    source = np.random.default_rng(0)
    label = source.integers(0, 3, 400)
    rows = (source.random((400, 6)) < np.array([0.1, 0.5, 0.9])[label][:, None]).astype(int)
    for share in (0.0, 0.5):
        model = hm.RBM(6, hidden=kind, discriminative=share, n_updates=800, random_state=0).fit(
            rows, label
        )
        found = model.attribute_proba(rows).argmax(1)
        assert (found == label).mean() > (0.6 if share else 0.45)
        assert model.transform(rows[:3]).shape == (3, 6)
    if kind != "bernoulli":
        with pytest.raises(ValueError, match="without y"):
            model.most_likely_hidden(rows[:3])


@pytest.mark.parametrize("kind", OTHERS)
def test_partial_fits_go_on(kind):
    rows = np.random.default_rng(0).integers(0, 2, (300, 4))
    rows[:, 2:] = rows[:, :2]
    model = hm.RBM(4, hidden=kind, learning_rate=0.3, random_state=0)
    for _ in range(150):
        model.partial_fit(rows)
    assert model.score(rows) > -4 * np.log(2) + 0.2


@pytest.mark.parametrize("kind", OTHERS)
def test_defaults_beat_independent_columns(kind):
    """On pictures, and on a table of labels with holes; and learning does not run away."""
    digits = (load_digits().data > 7).astype("uint8")
    model = hm.RBM(24, hidden=kind, n_updates=700, random_state=0).fit(digits[:1200])
    rate = (digits[:1200].sum(0) + 0.5) / 1201.0
    held = digits[1200:]
    independent = (held * np.log(rate) + (1 - held) * np.log1p(-rate)).sum(1).mean()
    assert model.score(held) > independent + 2.0
    assert model.stop_reason_ in ("done", "overfitting")

    source = np.random.default_rng(0)
    family = source.integers(0, 3, 1500)
    letters = (family[:, None] + source.integers(0, 2, (1500, 8))) % 5
    frame = pd.DataFrame(letters).astype(str).rename(columns=str)
    holed = frame.mask(source.random(frame.shape) < 0.1)
    model = hm.RBM(8, hidden=kind, n_updates=700, random_state=0).fit(holed[:1200])
    # Columns by themselves cost 10.6 nats; given the family, 5.5, and log 3 for that.
    assert model.score(frame[1200:]) > -9.0


def test_a_mixture_has_a_partition_function_of_any_size_and_parts_that_differ():
    digits = (load_digits().data > 7).astype("uint8")
    model = hm.RBM(40, hidden="categorical", n_updates=300, random_state=0).fit(digits[:1000])
    assert model.log_partition().method == "exact"
    shares = model.transform(digits[1000:])
    np.testing.assert_allclose(shares.sum(1), 1.0, atol=1e-9)
    assert np.exp(-(shares.mean(0) * np.log(shares.mean(0))).sum()) > 20
    drawn = model.sample_hidden(digits[1000:], random_state=0)
    assert set(np.unique(drawn)) == {0.0, 1.0}
    assert (drawn.sum(1) == 1).all()


def test_what_hidden_units_cannot_be_is_said():
    with pytest.raises(ValueError, match="hidden must be one of"):
        hm.RBM(2, hidden="softplus").fit(np.eye(3))
    relu, mixture = fitted("relu"), fitted("categorical")
    with pytest.raises(ValueError, match="at least 0"):
        relu.inverse_transform([[-1.0, 0.0, 0.0]])
    with pytest.raises(ValueError, match="finite"):
        fitted("gaussian").inverse_transform([[np.inf, 0.0, 0.0]])
    with pytest.raises(ValueError, match="sum is 1"):
        mixture.inverse_transform([[1.0, 1.0, 0.0]])
    with pytest.raises(ValueError, match="hidden='bernoulli'"):
        relu.to_network()
    rows = np.random.default_rng(0).integers(0, 2, (60, 30))
    with pytest.raises(ValueError, match="learner='exact'"):
        hm.RBM(2, hidden="gaussian", learner="exact").fit(rows)


def test_a_sweep_keeps_the_model_whatever_is_hidden():
    """From every row, by the mean of a hidden draw's density: P(v' given v) in the long run."""
    for kind in OTHERS:
        model = fitted(kind)
        p = np.exp(model.score_samples(V))
        source = np.random.default_rng(0)
        start = torch.tensor(V[source.choice(len(V), 40_000, p=p)], dtype=torch.float32)
        energy = model.build_energy(torch.float32)
        end = energy.sweep(Chains(start), np.random.Generator(np.random.SFC64(1))).x
        counts = np.bincount((end.numpy() @ 2 ** np.arange(5)[::-1]).astype(int), minlength=32)
        statistic = ((counts - 40_000 * p) ** 2 / (40_000 * p)).sum()
        assert statistic < 85.0  # of 31 degrees: a risk of 1e-6


def test_a_step_that_ran_away_leaves_the_scale_of_steps():
    """What is not finite, or beyond all bounds, must not slow every step that follows."""
    hidden = HIDDEN["drelu"](3)
    metric = Standardised(torch.full((4,), 0.5), hidden, centred=True)
    gradient = {
        "weights": torch.ones(4, 3),
        "visible_bias": torch.ones(4),
        "hidden_bias": torch.ones(3),
        "hidden_gap": torch.ones(3),
        "hidden_skew": torch.ones(3),
    }
    for value in (np.inf, np.nan, 1e30):
        metric.observe(
            {"hidden_bias": torch.full((3,), value), "hidden_square": torch.full((3,), value)}
        )
    for _ in range(1500):
        metric.observe({"hidden_bias": torch.zeros(3), "hidden_square": torch.ones(3)})
    found = metric.direction(gradient)
    assert all(bool(torch.isfinite(value).all()) for value in found.values())
    for name in ("weights", "hidden_gap", "hidden_skew"):
        assert bool((found[name] > 0.01).all())
