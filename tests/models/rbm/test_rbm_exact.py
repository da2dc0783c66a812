"""The RBM against brute force over every state."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.support.rbm_oracle import RBMOracle, random_rbm

import harmonium as hm
from harmonium.contract.energy import Chains
from harmonium.learning.ascent import Ascent, Gaussian, Moments
from harmonium.models.rbm.centring import Centred
from harmonium.models.rbm.energy import RBMEnergy
from harmonium.models.rbm.kernels.choose import Updates


def energy_of(parameters, dtype=torch.float64, base=None) -> RBMEnergy:
    W, b, c = (torch.tensor(p, dtype=dtype) for p in parameters)
    return RBMEnergy(W, b, c, b.clone() if base is None else torch.tensor(base, dtype=dtype))


@pytest.mark.parametrize(("n_visible", "n_hidden"), [(5, 3), (3, 6), (1, 1), (6, 6)])
@pytest.mark.parametrize("temperature", [1.0, 0.5, 3.0])
def test_every_quantity_equals_brute_force(n_visible, n_hidden, temperature):
    parameters = random_rbm(n_visible, n_hidden, 1.5, seed=n_visible)
    oracle = RBMOracle(*parameters, temperature)
    model = hm.RBM.from_parameters(*parameters, temperature=temperature)
    V, H = oracle.V, oracle.H
    assert model.log_partition().value == pytest.approx(oracle.log_z, abs=1e-11)
    assert model.log_partition().method == "exact"
    np.testing.assert_allclose(np.exp(model.score_samples(V)), oracle.p_v, atol=1e-13)
    np.testing.assert_allclose(model.transform(V), oracle.hidden_given_visible(), atol=1e-12)
    np.testing.assert_allclose(
        model.inverse_transform(H), oracle.visible_given_hidden(), atol=1e-12
    )
    pairs = np.repeat(V, len(H), 0), np.tile(H, (len(V), 1))
    np.testing.assert_allclose(model.energy(*pairs), oracle.energy.reshape(-1), atol=1e-12)
    free = -temperature * (np.log(oracle.p_v) + oracle.log_z)
    np.testing.assert_allclose(model.free_energy(V), free, atol=1e-10)
    best_h = H[oracle.joint.argmax(1)]
    np.testing.assert_array_equal(model.most_likely_hidden(V), best_h)
    np.testing.assert_array_equal(model.most_likely_visible(H), V[oracle.joint.argmax(0)])


def test_pseudo_log_likelihood_is_the_sum_of_log_conditionals():
    parameters = random_rbm(5, 4, 1.0, seed=3)
    oracle = RBMOracle(*parameters)
    model = hm.RBM.from_parameters(*parameters)
    expected = np.zeros(len(oracle.V))
    for i in range(5):
        flipped = oracle.V.copy()
        flipped[:, i] = 1 - flipped[:, i]
        expected += np.log(oracle.p_v / (oracle.p_v + oracle.p_v[oracle.index(flipped)]))
    np.testing.assert_allclose(model.pseudo_log_likelihood(oracle.V), expected, atol=1e-11)


def transition_matrix(energy: RBMEnergy, oracle: RBMOracle, beta: float) -> np.ndarray:
    """P(v' given v) of a sweep: the two conditionals the sweep draws from, multiplied out."""
    V = torch.tensor(oracle.V)
    p_h = torch.sigmoid(beta * energy.hidden_logits(V)).numpy()
    p_v = torch.sigmoid(energy.visible_logits(torch.tensor(oracle.H), beta)).numpy()
    to_h = np.prod(np.where(oracle.H[None] == 1, p_h[:, None], 1 - p_h[:, None]), axis=2)
    to_v = np.prod(np.where(oracle.V[None] == 1, p_v[:, None], 1 - p_v[:, None]), axis=2)
    return to_h @ to_v


@pytest.mark.parametrize("beta", [0.0, 0.3, 1.0])
def test_the_sweep_keeps_its_distribution_and_is_reversible(beta):
    parameters = random_rbm(5, 4, 2.0, seed=0)
    energy = energy_of(parameters, base=[0.3, -0.2, 0.1, 0.0, 1.0])
    oracle = RBMOracle(*parameters)
    weights = energy.log_weight(torch.tensor(oracle.V), beta)
    pi = torch.softmax(weights, 0).numpy()
    K = transition_matrix(energy, oracle, beta)
    np.testing.assert_allclose(K.sum(1), 1.0, atol=1e-13)
    assert np.abs(pi @ K - pi).max() < 1e-12
    flow = pi[:, None] * K
    assert np.abs(flow - flow.T).max() < 1e-13


def test_the_base_is_what_it_says():
    parameters = random_rbm(4, 3, 1.0, seed=5)
    energy = energy_of(parameters, base=[0.5, -1.0, 0.0, 2.0])
    V = torch.tensor(RBMOracle(*parameters).V)
    assert energy.base_log_partition() == pytest.approx(
        torch.logsumexp(energy.log_weight(V, 0.0), 0).item(), abs=1e-12
    )
    one = energy.log_weight(V, 0.4)
    each = energy.log_weight(V, torch.full((len(V),), 0.4, dtype=torch.float64))
    torch.testing.assert_close(one, each, atol=1e-12, rtol=0)


@pytest.mark.parametrize("shape", [(6, 3), (3, 6)])
def test_exact_moments_equal_brute_force(shape):
    parameters = random_rbm(*shape, 1.5, seed=9)
    moments = energy_of(parameters).exact_moments()
    assert moments is not None
    for name, expected in RBMOracle(*parameters).moments().items():
        np.testing.assert_allclose(moments[name].numpy(), expected, atol=1e-12)


def test_the_gradient_is_the_derivative_of_the_log_likelihood():
    W, b, c = random_rbm(4, 3, 1.0, seed=2)
    X = np.random.default_rng(0).integers(0, 2, (7, 4)).astype(float)
    energy = energy_of((W, b, c))
    data = energy.moments(torch.tensor(X), torch.full((7,), 1 / 7, dtype=torch.float64))
    model = energy.exact_moments()
    assert model is not None

    def log_likelihood(W, b, c):
        oracle = RBMOracle(W, b, c)
        return np.log(oracle.p_v[oracle.index(X)]).mean()

    step = 1e-6
    for i, j in [(0, 0), (3, 2), (1, 1)]:
        up, down = W.copy(), W.copy()
        up[i, j] += step
        down[i, j] -= step
        slope = (log_likelihood(up, b, c) - log_likelihood(down, b, c)) / (2 * step)
        assert (data["weights"] - model["weights"])[i, j].item() == pytest.approx(slope, abs=1e-8)


def test_expected_update_is_zero_when_the_data_is_the_model():
    """With unequal batch and chains, and weights that differ, the step must not drift."""
    parameters = random_rbm(4, 3, 1.0, seed=4)
    oracle = RBMOracle(*parameters)
    energy = energy_of(parameters)
    V = torch.tensor(oracle.V)
    expected = energy.moments(V, torch.tensor(oracle.p_v))
    exact = energy.exact_moments()
    assert exact is not None
    for name in expected:
        torch.testing.assert_close(expected[name], exact[name], atol=1e-13, rtol=0)


@pytest.mark.parametrize(("n", "m"), [(7, 7), (3, 11), (12, 2)])
def test_the_fused_update_equals_the_plain_one(n, m):
    """Float32 and float64, unequal numbers of rows and chains, centred, with decay."""
    generator = np.random.Generator(np.random.SFC64(0))
    for dtype, tolerance in ((torch.float64, 1e-12), (torch.float32, 2e-5)):
        parameters = random_rbm(9, 5, 1.0, seed=1)
        fused, plain = energy_of(parameters, dtype), energy_of(parameters, dtype)
        positive = torch.tensor(generator.integers(0, 2, (n, 9))).to(dtype)
        negative = Chains(torch.tensor(generator.integers(0, 2, (m, 9))).to(dtype))
        share = torch.full((m,), 1 / m, dtype=dtype)
        moments = Moments(
            plain.moments(positive, torch.full((n,), 1 / n, dtype=dtype)),
            plain.moments(negative.x, share),
        )
        metric, other = Centred(plain.base_mean, 5), Centred(fused.base_mean, 5)
        Ascent(plain, Gaussian({"weights": 0.05}), metric).step(moments, 0.3)
        offsets = (other.visible_mean, other.hidden_mean)
        updates = Updates(fused.weights, fused.visible_bias, fused.hidden_bias, fused.units)
        rates = (0.3, 0.05 / (1.0 + 0.3 * 0.05))  # the weights keep 1 / (1 + rate * decay)
        mean = updates.fused(positive, negative, share, offsets, rates, generator)
        other.follow(mean)
        for name, value in fused.parameters().items():
            torch.testing.assert_close(
                value, plain.parameters()[name], atol=tolerance, rtol=tolerance
            )
        torch.testing.assert_close(
            other.hidden_mean, metric.hidden_mean, atol=tolerance, rtol=tolerance
        )
        assert negative.hidden is not None
        assert negative.hidden.shape == (m, 5)


def test_the_centred_direction_is_invariant_to_flipping_a_unit():
    """Relabelling 0 and 1 of a visible unit changes parameters, not the learned distribution."""
    W, b, c = random_rbm(4, 3, 1.0, seed=8)
    # v_0 -> 1 - v_0: weights change sign, biases move.
    W2, b2, c2 = W.copy(), b.copy(), c.copy()
    W2[0], b2[0] = -W[0], -b[0]
    c2 += W[0]
    X = np.random.default_rng(1).integers(0, 2, (6, 4)).astype(float)
    X2 = X.copy()
    X2[:, 0] = 1 - X2[:, 0]
    results = []
    for (weights, vb, hb), rows in (((W, b, c), X), ((W2, b2, c2), X2)):
        energy = energy_of((weights, vb, hb))
        exact = energy.exact_moments()
        assert exact is not None
        data = energy.moments(torch.tensor(rows), torch.full((6,), 1 / 6, dtype=torch.float64))
        metric = Centred(torch.tensor(rows.mean(0)), 3)
        Ascent(energy, Gaussian(), metric).step(Moments(data, exact), 0.2)
        results.append(energy)
    first, second = results
    V = torch.tensor(RBMOracle(W, b, c).V)
    flipped = V.clone()
    flipped[:, 0] = 1 - flipped[:, 0]
    one = torch.softmax(first.log_weight(V), 0)
    two = torch.softmax(second.log_weight(flipped), 0)
    torch.testing.assert_close(one, two, atol=1e-12, rtol=0)
