"""Swaps on a ladder keep every rung; replica exchange is its state; Bennett's ratio is exact."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import norm
from tests.support.rbm_oracle import RBMOracle, random_rbm
from tests.support.statistics import assert_drawn_from

from harmonium.models.rbm.energy import RBMEnergy
from harmonium.sampling.ladder import bennett_ratio, gains, lower_rungs, swap
from harmonium.sampling.tempering import ReplicaExchange, ReplicaState


def energy_of(W: np.ndarray, b: np.ndarray, c: np.ndarray) -> RBMEnergy:
    tensors = [torch.tensor(p, dtype=torch.float32) for p in (W, b, c)]
    return RBMEnergy(*tensors, base_bias=torch.zeros(len(b)))


def models(n: int = 3) -> tuple[list[RBMOracle], list[RBMEnergy]]:
    """Any list of models over the same four units, some way apart."""
    parameters = [random_rbm(4, 3, 1.0, seed) for seed in range(n)]
    return [RBMOracle(*p) for p in parameters], [energy_of(*p) for p in parameters]


def exact_draws(oracle: RBMOracle, n: int, source: np.random.Generator) -> torch.Tensor:
    chosen = source.choice(len(oracle.V), n, p=oracle.p_v)
    return torch.from_numpy(oracle.V[chosen]).float()


def swapped(sign: float, parity: int) -> tuple[list[RBMOracle], list[torch.Tensor], np.ndarray]:
    """Exact draws of four models after one round of swaps by `sign` times the right log ratio."""
    oracles, energies = models(4)
    source = np.random.default_rng(1)
    x = [exact_draws(oracle, 40_000, source) for oracle in oracles]
    lower = lower_rungs(4, parity)
    work = [gains(energies[i], energies[i + 1], x[i], x[i + 1]) for i in lower]
    up, down = (sign * np.stack(side) for side in zip(*work, strict=True))
    moved, acceptance = swap(x, lower, up, down, source)
    return oracles, moved, acceptance


@pytest.mark.parametrize("parity", [0, 1])
def test_swaps_keep_the_distribution_of_every_rung(parity: int) -> None:
    oracles, moved, acceptance = swapped(1.0, parity)
    assert len(acceptance) == 2 - parity
    assert ((acceptance > 0.05) & (acceptance < 0.95)).all()  # some move, some stay
    for oracle, x in zip(oracles, moved, strict=True):
        assert_drawn_from(oracle.index(x.numpy()), oracle.p_v)


def test_swaps_by_the_inverse_ratio_are_noticed() -> None:
    oracles, moved, _ = swapped(-1.0, 0)
    for oracle, x in zip(oracles, moved, strict=True):
        with pytest.raises(AssertionError, match="chi-square"):
            assert_drawn_from(oracle.index(x.numpy()), oracle.p_v)


def test_gains_are_differences_of_log_weights() -> None:
    oracles, energies = models(2)
    every = torch.from_numpy(oracles[0].V).float()
    up, down = gains(*energies, every, every)
    log_weights = [np.log(oracle.p_v) + oracle.log_z for oracle in oracles]
    np.testing.assert_allclose(up, log_weights[1] - log_weights[0], atol=1e-5)
    np.testing.assert_allclose(down, -up)


# -- replica exchange ------------------------------------------------------------------------


def run(
    energy: RBMEnergy, state: ReplicaState, n_steps: int, source: np.random.Generator, adapt: bool
) -> ReplicaState:
    exchange = ReplicaExchange(adapt=adapt)
    for _ in range(n_steps):
        state, _ = exchange.step(state, energy, source)
    return state


def test_a_step_moves_the_model_it_is_given() -> None:
    """A model that changed while its replicas were kept is followed, not the one of before."""
    oracles, energies = models(2)
    source = np.random.default_rng(0)
    state = ReplicaExchange().init(energies[0], 4000, source)
    state = run(energies[0], state, 20, source, False)
    assert_drawn_from(oracles[0].index(state.cold.numpy()), oracles[0].p_v)
    before = {name: tensor.clone() for name, tensor in state.tensors.items()}
    state_after = run(energies[1], state, 20, source, False)
    assert_drawn_from(oracles[1].index(state_after.cold.numpy()), oracles[1].p_v)
    for name, tensor in state.tensors.items():  # the state that was handed in is as it was
        assert torch.equal(tensor, before[name])


def test_a_restored_state_goes_on_as_if_never_stored() -> None:
    _, (energy, *_) = models(1)
    source = np.random.default_rng(0)
    state = run(energy, ReplicaExchange().init(energy, 20, source), 150, source, True)
    stored = {name: tensor.clone() for name, tensor in state.tensors.items()}
    ends = [
        run(energy, start, 150, np.random.default_rng(5), True)
        for start in (state, ReplicaState.restore(stored))
    ]
    for name, tensor in ends[0].tensors.items():
        assert torch.equal(tensor, ends[1].tensors[name])


def test_a_step_says_what_it_did() -> None:
    """Acceptances of the pairs that tried, even and odd in turn; the ladder moves when known."""
    _, (energy, *_) = models(1)
    source = np.random.default_rng(0)
    exchange = ReplicaExchange(n_replicas=6)
    state = exchange.init(energy, 50, source)
    seen = np.zeros(5)
    for step in range(200):
        state, info = exchange.step(state, energy, source)
        assert info.lower.tolist() == ([0, 2, 4] if step % 2 == 0 else [1, 3])
        assert ((info.acceptance > 0) & (info.acceptance <= 1)).all()
        assert info.moved == (step == 199)
        seen[info.lower] += 1.0 - info.acceptance
        if not info.moved:
            np.testing.assert_allclose(state.rejections, seen)
    assert state.trials.sum() == 0
    assert (state.betas[0], state.betas[-1]) == (0.0, 1.0)
    assert (np.diff(state.betas) > 0).all()
    assert len(state.x) == len(state.betas) * 50


# -- ratios of Z -----------------------------------------------------------------------------


def test_bennett_ratio_of_two_normal_distributions() -> None:
    """log weights -x^2 / 2 and -(x - 1)^2 / (2 s^2): log Z known; the error is as theory has it."""
    generator, s, n = np.random.default_rng(0), 1.7, 20_000
    truth = np.log(s)
    found = []
    for _ in range(30):
        x0, x1 = generator.normal(size=n), 1 + s * generator.normal(size=n)

        def gain(x: np.ndarray) -> np.ndarray:
            return 0.5 * x**2 - 0.5 * (x - 1) ** 2 / s**2

        found.append(bennett_ratio(gain(x0), -gain(x1)))
    found = np.array(found)
    assert abs(found.mean() - truth) < 5 * found.std() / np.sqrt(30)
    # Bennett 1976, equation 10: variance (1 / overlap - 2) / n, overlap = integral p q / (p + q).
    grid = np.linspace(-12, 12, 20_001)
    p, q = norm.pdf(grid), norm.pdf(grid, 1, s)
    overlap = np.trapezoid(p * q / (p + q), grid)
    expected = np.sqrt((1 / overlap - 2) / n)
    assert 0.6 < found.std() / expected < 1.6  # chi-square of 29 degrees, one in 10,000


def test_bennett_ratio_of_a_shift_is_exact() -> None:
    values = np.random.default_rng(0).normal(size=50)
    np.testing.assert_allclose(bennett_ratio(np.full(50, 3.0), np.full(50, -3.0)), 3.0)
    one = bennett_ratio(values, -values)
    np.testing.assert_allclose(bennett_ratio(values + 700, -values - 700), one + 700)
    np.testing.assert_allclose(bennett_ratio(-values, values), -one)
    assert np.isnan(bennett_ratio(np.array([np.inf]), np.array([0.0])))
