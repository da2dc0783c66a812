"""What samples: draws held against exact probabilities, and planted faults that must fail."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from tests.support.rbm_oracle import RBMOracle, random_rbm
from tests.support.statistics import assert_drawn_from

import harmonium as hm
from harmonium.compute import cpu as fast
from harmonium.compute import draws, plain
from harmonium.contract.energy import Chains
from harmonium.learning.ascent import Gaussian, Plain
from harmonium.learning.learners.persistent import Persistent
from harmonium.models.rbm.energy import RBMEnergy
from harmonium.sampling.annealing import reverse_annealing
from harmonium.sampling.particles import Trajectory
from harmonium.sampling.tempering import ReplicaExchange


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.SFC64(seed))


def random_energy(n_visible, n_hidden, scale=1.0, seed=0, dtype=torch.float32):
    W, b, c = (torch.tensor(p, dtype=dtype) for p in random_rbm(n_visible, n_hidden, scale, seed))
    return RBMEnergy(W, b, c, torch.linspace(-0.5, 0.5, n_visible, dtype=dtype))


def energy_and_oracle(n_visible=5, n_hidden=4, scale=1.0, seed=0, dtype=torch.float32):
    oracle = RBMOracle(*random_rbm(n_visible, n_hidden, scale, seed))
    return random_energy(n_visible, n_hidden, scale, seed, dtype), oracle


def states_at_equilibrium(oracle: RBMOracle, n: int, seed: int) -> torch.Tensor:
    index = np.random.default_rng(seed).choice(len(oracle.V), size=n, p=oracle.p_v)
    return torch.tensor(oracle.V[index], dtype=torch.float32)


@pytest.mark.parametrize("shape", [(1, 1), (7, 13), (100, 784)])
@pytest.mark.parametrize("scale", [0.0, 3.0, 40.0])
def test_the_compiled_draw_equals_its_plain_twin(shape, scale):
    logits = torch.from_numpy(generator(1).normal(0, 1, shape).astype(np.float32)) * scale
    key, step = draws.stream(generator(2))
    out = torch.empty_like(logits)
    fast.bernoulli(logits.numpy(), key, step, 0, out.numpy())
    other = plain.bernoulli(logits, key, step)
    # The two sigmoids may differ in the last place, which a draw can see once in 2**20.
    assert (out != other).sum().item() <= logits.numel() // 2**16


def test_draws_depend_on_their_row_and_not_on_how_rows_are_shared_out():
    logits = torch.zeros((20, 30))
    key, step = draws.stream(generator(2))
    whole, parts = torch.empty_like(logits), torch.empty_like(logits)
    fast.bernoulli(logits.numpy(), key, step, 0, whole.numpy())
    fast.bernoulli(logits[:7].numpy(), key, step, 0, parts[:7].numpy())
    fast.bernoulli(logits[7:].numpy(), key, step, 7, parts[7:].numpy())
    assert torch.equal(whole, parts)


def test_bits_of_a_stream_are_fair_and_independent():
    """Sixteen-bit numbers of many streams: uniform, and neighbours unrelated."""
    words = np.concatenate(
        [plain.random_words(*draws.stream(generator(s)), np.arange(5000)) for s in range(20)]
    )
    bits = words.view(np.uint16)
    assert_drawn_from(bits >> 8, np.full(256, 1 / 256))
    pairs = (bits[:-1] >> 12).astype(int) * 16 + (bits[1:] >> 12)
    assert_drawn_from(pairs, np.full(256, 1 / 256))


def test_ties_of_sixteen_bits_are_broken_exactly():
    """A probability below 2**-16: every draw of 1 comes out of a tie."""
    probability = 0.3 / 65536
    logits = torch.full((1000, 20_000), float(np.log(probability / (1 - probability))))
    out = torch.empty_like(logits)
    fast.bernoulli(logits.numpy(), *draws.stream(generator(5)), 0, out.numpy())
    expected = probability * logits.numel()
    assert abs(out.sum().item() - expected) < 5 * np.sqrt(expected)


def test_chains_of_the_compiled_update_do_not_drift():
    """With a rate of zero the compiled step is a sampler, and must sample the model."""
    energy, oracle = energy_and_oracle()
    positive = torch.zeros((10, 5))
    chains = Chains(states_at_equilibrium(oracle, 20_000, seed=1))
    source = generator(2)
    step = energy.fused(Persistent(chains, n_gibbs=2), Gaussian(), Plain())
    assert step is not None
    for _ in range(3):
        step(positive, 0.0, source)
    assert_drawn_from(oracle.index(chains.x.numpy()), oracle.p_v)
    hidden = (chains.hidden.numpy() @ (2 ** np.arange(4)[::-1])).astype(int)
    joint = oracle.index(chains.x.numpy()) * 16 + hidden
    assert_drawn_from(joint, oracle.joint.reshape(-1))


def test_hidden_statistics_equal_their_parts():
    logits = torch.from_numpy(generator(1).normal(0, 2, (9, 31)).astype(np.float32))
    scale = torch.linspace(-1, 1, 9)
    probabilities, drawn = torch.empty_like(logits), torch.empty((4, 31))
    sums = draws.hidden_statistics(logits, scale, 5, generator(3), probabilities, drawn)
    expected = torch.sigmoid(logits) * scale[:, None]
    torch.testing.assert_close(probabilities, expected, atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(sums[0], expected[:5].sum(0), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(sums[1], expected[5:].sum(0), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(drawn, plain.bernoulli(logits[5:], *draws.stream(generator(3))))


def test_anneal_hidden_equals_its_plain_twin():
    logits = torch.from_numpy(generator(1).normal(0, 5, (20, 50)).astype(np.float32))
    drawn = torch.empty_like(logits)
    change = draws.anneal_hidden(logits, 0.25, 0.3125, generator(0), drawn)
    expected = plain.softplus_change(logits, 0.25, 0.3125)
    torch.testing.assert_close(change, expected, atol=1e-4, rtol=1e-6)


def test_the_mean_weight_of_a_trajectory_is_z():
    energy, oracle = energy_and_oracle(scale=1.5, dtype=torch.float64)
    final = {k: v.clone() for k, v in energy.parameters().items()}
    halfway = {k: v * 0.5 for k, v in final.items()}
    trajectory = Trajectory(energy.to(torch.float64), 100_000, generator(0))
    trajectory.advance(halfway, 3)
    estimate = trajectory.advance(final, 3)
    assert abs(estimate.value - oracle.log_z) < 4.5 * estimate.std_error
    assert estimate.std_error < 0.02


def test_reverse_annealing_is_a_lower_bound_that_closes():
    energy, oracle = energy_and_oracle(scale=2.0, dtype=torch.float64)
    rows = states_at_equilibrium(oracle, 500, seed=5).double()
    truth = np.log(oracle.p_v[oracle.index(rows.numpy())]).mean()
    gaps = []
    for steps in (2, 50):
        bound = reverse_annealing(
            energy, rows, n_chains=20, n_temperatures=steps, generator=generator(1)
        ).mean()
        gaps.append(truth - bound)
    assert gaps[0] > gaps[1] > -0.01
    assert gaps[1] < 0.05


def test_tempered_chains_follow_the_model_and_cross_between_modes():
    """Two far-apart modes: tempering must visit both in proportion, from either."""
    W = np.full((6, 3), 4.0)
    b, c = W.sum(1) / -2 + 0.03, W.sum(0) / -2
    oracle = RBMOracle(W, b, c)
    tensors = [torch.tensor(p, dtype=torch.float32) for p in (W, b, c)]
    energy = RBMEnergy(*tensors, base_bias=torch.zeros(6))
    source = generator(7)
    replicas = ReplicaExchange(n_replicas=8).init(energy, 2000, source)
    for adapt, n_steps in ((True, 400), (False, 100)):
        exchange = ReplicaExchange(adapt=adapt)
        for _ in range(n_steps):
            replicas, _ = exchange.step(replicas, energy, source)
    assert_drawn_from(oracle.index(replicas.cold.numpy()), oracle.p_v)
    assert np.ptp(replicas.rejection_rates) < 0.25
    assert replicas.betas[0] == 0.0
    assert replicas.betas[-1] == 1.0


def test_samples_follow_the_model_free_and_conditioned():
    parameters = random_rbm(5, 4, 1.0, seed=0)
    oracle = RBMOracle(*parameters)
    model = hm.RBM.from_parameters(*parameters)
    drawn = model.sample(20_000, random_state=0)
    assert_drawn_from(oracle.index(drawn), oracle.p_v)
    condition = np.array([1.0, np.nan, 0.0, np.nan, np.nan])
    drawn = model.sample(20_000, condition=condition, random_state=1)
    fits = (oracle.V[:, 0] == 1) & (oracle.V[:, 2] == 0)
    posterior = np.where(fits, oracle.p_v, 0.0)
    assert (drawn[:, [0, 2]] == [1, 0]).all()
    keep = np.flatnonzero(fits)
    position = np.searchsorted(keep, oracle.index(drawn))
    assert_drawn_from(position, posterior[keep] / posterior.sum())


def wide_model(seed=0):
    """Fourteen visible units: blanks beyond what is enumerated, states still listable."""
    parameters = random_rbm(14, 4, 0.7, seed)
    return hm.RBM.from_parameters(*parameters), RBMOracle(*parameters)


def test_chains_complete_with_the_posterior_mean_and_mode():
    model, oracle = wide_model()
    rng = np.random.default_rng(0)
    X = oracle.V[rng.choice(len(oracle.V), 6, p=oracle.p_v)]
    X[:, :12] = np.nan
    X[0, 3] = 1.0
    mean = model.complete(X, how="mean", random_state=0)
    mode = model.complete(X, how="mode", random_state=0)
    sample = model.complete(np.repeat(X[1:2], 4000, 0), how="sample", random_state=0)
    for i, row in enumerate(X):
        known = ~np.isnan(row)
        fits = (oracle.V[:, known] == row[known]).all(1)
        posterior = np.where(fits, oracle.p_v, 0) / oracle.p_v[fits].sum()
        np.testing.assert_allclose(mean[i], posterior @ oracle.V, atol=0.12)
        np.testing.assert_array_equal(mode[i], oracle.V[posterior.argmax()])
        np.testing.assert_array_equal(mean[i][known], row[known])
        if i == 1:
            error = np.abs(sample.mean(0) - posterior @ oracle.V)
            assert error.max() < 5 * 0.5 / np.sqrt(4000)


def test_few_blanks_are_filled_exactly_whatever_their_pattern():
    model, oracle = wide_model(1)
    rng = np.random.default_rng(1)
    X = oracle.V[rng.choice(len(oracle.V), 40, p=oracle.p_v)]
    X[rng.random(X.shape) < 0.3] = np.nan
    X[0] = oracle.V[7]
    mean, mode = model.complete(X, how="mean"), model.complete(X, how="mode")
    for i, row in enumerate(X):
        known = ~np.isnan(row)
        fits = (oracle.V[:, known] == row[known]).all(1)
        posterior = np.where(fits, oracle.p_v, 0) / oracle.p_v[fits].sum()
        np.testing.assert_allclose(mean[i], posterior @ oracle.V, atol=1e-10)
        np.testing.assert_array_equal(mode[i], oracle.V[posterior.argmax()])


@pytest.mark.parametrize("n_visible", [7, 14])
def test_correction_is_the_posterior_under_the_channel(n_visible):
    """Seven units take the enumerated path, fourteen the chains."""
    parameters = random_rbm(n_visible, 4, 0.8, seed=2)
    model, oracle = hm.RBM.from_parameters(*parameters), RBMOracle(*parameters)
    rng = np.random.default_rng(3)
    clean = oracle.V[rng.choice(len(oracle.V), 8, p=oracle.p_v)]
    noisy = np.where(rng.random(clean.shape) < 0.2, 1 - clean, clean)
    mean = model.correct(noisy, noise=hm.noise.BitFlip(0.2), how="mean", random_state=0)
    mode = model.correct(noisy, noise=hm.noise.BitFlip(0.2), how="mode", random_state=0)
    replaced = model.correct(noisy, noise=hm.noise.Replace(0.4), how="mean", random_state=0)
    tolerance = 1e-10 if n_visible == 7 else 0.12
    for i, row in enumerate(noisy):
        flips = (oracle.V != row).sum(1)
        posterior = oracle.p_v * 0.2**flips * 0.8 ** (n_visible - flips)
        posterior /= posterior.sum()
        np.testing.assert_allclose(mean[i], posterior @ oracle.V, atol=tolerance)
        # Half of all replacements leave a bit as it was: replacing at 0.4 flips at 0.2.
        np.testing.assert_allclose(replaced[i], posterior @ oracle.V, atol=tolerance)
        np.testing.assert_array_equal(mode[i], oracle.V[posterior.argmax()])


def test_hidden_and_visible_draws_follow_the_conditionals():
    parameters = random_rbm(3, 4, 1.0, seed=0)
    oracle = RBMOracle(*parameters)
    model = hm.RBM.from_parameters(*parameters)
    H = model.sample_hidden(np.repeat(oracle.V[5:6], 20_000, 0), random_state=0)
    powers = 2 ** np.arange(4)[::-1]
    assert_drawn_from((H @ powers).astype(int), oracle.joint[5] / oracle.p_v[5])
    V = model.sample_visible(np.repeat(oracle.H[9:10], 20_000, 0), random_state=0)
    assert_drawn_from(oracle.index(V), oracle.joint[:, 9] / oracle.p_h[9])


@pytest.mark.parametrize("largest", [0.05, 1.0, 20.0])
def test_sums_along_a_path_telescope(largest):
    """Rounded alike where a step ends and the next begins, whatever the number of steps."""
    logits = torch.linspace(-largest, largest, 18 * 20).reshape(20, 18)
    total, drawn, source = torch.zeros(20, dtype=torch.float64), logits.clone(), generator(0)
    for low, high in pairwise(np.linspace(0.0, 1.0, 10_001).tolist()):
        total += draws.anneal_hidden(logits, low, high, source, drawn)
    exact = (torch.nn.functional.softplus(logits.double()) - math.log(2.0)).sum(1)
    assert (total - exact).abs().max() < 2e-6 * max(1.0, largest)


def test_rounding_does_not_add_up_over_steps():
    """Nearly independent units: the bar is small, and no smaller than what rounding moves."""
    weights = np.random.default_rng(0).normal(0, 0.02, (4, 18))
    model = hm.RBM.from_parameters(weights, [0.01, -0.01, 0.01, -0.01], np.zeros(18))
    found = model.log_partition("ais", n_temperatures=10_000, random_state=0)
    assert found.std_error < 3e-5
    assert abs(found.value - model.log_partition("exact").value) < 4.5 * found.std_error
