"""The ladder of a fit: exact draws, exact ratios, errors that hold."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from tests.support.statistics import assert_drawn_from

import harmonium as hm
from harmonium.contract.energy import Chains
from harmonium.questions.trajectory_tempering import (
    TrajectoryTempering,
    fit_with_path,
)


def two_modes(n: int = 8, strength: float = 1.5) -> hm.RBM:
    """Nearly all on (seven parts of ten) or nearly all off; Gibbs sampling hardly crosses."""
    bias = np.full(n, -strength) + np.log(7 / 3) / n
    return hm.RBM.from_parameters(np.full((n, 2), strength), bias, np.full(2, -n / 2 * strength))


def state_probabilities(model: hm.RBM) -> np.ndarray:
    """P(v) of every state, first column fastest, by summing exp(-E)."""
    W, b, c = model.components_.T, model.intercept_visible_, model.intercept_hidden_
    v = np.array(list(product([0, 1], repeat=len(b))), dtype=float)[:, ::-1]
    h = np.array(list(product([0, 1], repeat=len(c))), dtype=float)
    weight = np.exp((v @ b)[:, None] + v @ W @ h.T + h @ c).sum(axis=1)
    return weight / weight.sum()


def numbers(x: np.ndarray) -> np.ndarray:
    return (x @ 2 ** np.arange(x.shape[1])).astype(int)


@pytest.fixture(scope="module")
def fitted(digits: Any) -> tuple[hm.RBM, list[Any]]:
    model = hm.RBM(8, n_updates=1500, random_state=0)
    return model, fit_with_path(model, digits[0])


# -- the path -----------------------------------------------------------------------------------


def test_the_path_changes_nothing_about_the_fit(fitted: Any, digits: Any) -> None:
    model, path = fitted
    plain = hm.RBM(8, n_updates=1500, random_state=0).fit(digits[0])
    np.testing.assert_array_equal(model.components_, plain.components_)
    assert model.history_["validation"] == plain.history_["validation"]
    assert len(path) >= 5
    for entry in path:
        assert entry["weights"].shape == (64, 8)
    # From small weights to the model's own: the entries are distinct, and end near it.
    sizes = [float(entry["weights"].norm()) for entry in path]
    assert sizes[0] < 0.7 * sizes[-1]
    last = np.linalg.norm(path[-1]["weights"].numpy().T - model.components_)
    assert last < np.linalg.norm(path[0]["weights"].numpy().T - model.components_)


def test_the_path_survives_beside_a_checkpoint(tmp_path: Any, digits: Any) -> None:
    settings = {"n_updates": 1500, "random_state": 0}
    file = tmp_path / "fit.safetensors"
    with_file = fit_with_path(hm.RBM(4, checkpoint=file, **settings), digits[0])
    without = fit_with_path(hm.RBM(4, **settings), digits[0])
    assert file.exists()
    assert len(with_file) == len(without) > 0
    for one, other in zip(with_file, without, strict=True):
        assert torch.equal(one["weights"], other["weights"])


# -- sampling -----------------------------------------------------------------------------------


def test_every_rung_keeps_its_own_distribution() -> None:
    """Chains begun at exact draws of each rung are still such draws after sweeps and swaps."""
    model = two_modes(6, 1.6)
    ladder = TrajectoryTempering(model, [], n_chains=40_000, acceptance=0.8, random_state=0)
    assert ladder.n_rungs >= 3
    generator = np.random.default_rng(1)
    states = np.array(list(product([0, 1], repeat=6)))[:, ::-1].copy()
    every = torch.from_numpy(states).float()
    wanted = []
    for rung, energy in enumerate(ladder.energies):
        log_p = energy.log_weight(every).numpy()
        p = np.exp(log_p - log_p.max())
        wanted.append(p / p.sum())
        ladder.x[rung] = every[generator.choice(64, 40_000, p=wanted[-1])]
    ladder.run(4)
    for rung, p in enumerate(wanted):
        assert_drawn_from(numbers(ladder.x[rung].numpy()), p)
    np.testing.assert_allclose(wanted[-1], state_probabilities(model), rtol=1e-4)


def test_swaps_with_a_wrong_sign_would_be_noticed() -> None:
    """The test above has the power to see it: the same chains, swapped by the inverse ratio."""
    model = two_modes(6, 1.6)
    ladder = TrajectoryTempering(model, [], n_chains=40_000, acceptance=0.8, random_state=0)
    generator = np.random.default_rng(1)
    states = np.array(list(product([0, 1], repeat=6)))[:, ::-1].copy()
    every = torch.from_numpy(states).float()
    for rung, energy in enumerate(ladder.energies):
        p = torch.softmax(energy.log_weight(every), 0).numpy()
        ladder.x[rung] = every[generator.choice(64, 40_000, p=p / p.sum())]
    low, high = ladder.energies[-2:]
    gain = high.log_weight(ladder.x[-2]) - low.log_weight(ladder.x[-2])
    gain += low.log_weight(ladder.x[-1]) - high.log_weight(ladder.x[-1])
    wrong = (torch.rand(40_000) < torch.exp(-gain)).unsqueeze(1)
    cold = torch.where(wrong, ladder.x[-2], ladder.x[-1]).numpy()
    with pytest.raises(AssertionError, match="chi-square"):
        assert_drawn_from(numbers(cold), state_probabilities(model))


def test_chains_cross_between_modes_that_gibbs_sampling_does_not_join() -> None:
    """Begun wholly in one mode, the cold chains find the other in its proportion."""
    model = two_modes(14, 2.4)
    p = state_probabilities(model)
    ones = np.array([bin(i).count("1") for i in range(len(p))])
    truth = p[ones > 7].sum()
    ladder = TrajectoryTempering(model, [], n_chains=200, random_state=0)
    ladder.burn_in(80)
    for rung in range(ladder.n_rungs):
        ladder.x[rung] = torch.zeros_like(ladder.x[rung])
    shares: list[float] = []
    ladder.run(200)
    ladder.run(200, observe=lambda now: shares.append(float((now.cold.sum(1) > 7).mean())))
    energy = model.build_energy(torch.float32)
    chains = Chains(torch.zeros(200, 14))
    generator = np.random.default_rng(0)
    for _ in range(400):
        chains = energy.sweep(chains, generator)
    assert float((chains.x.sum(1) > 7).float().mean()) < truth / 2  # Gibbs has not arrived
    assert abs(np.mean(shares) - truth) < 0.05
    assert ladder.cold.shape == (200, 14)


# -- log Z --------------------------------------------------------------------------------------


def test_log_z_against_enumeration(fitted: Any) -> None:
    """(estimate - truth) / error over repetitions has mean square about one."""
    model, path = fitted
    truth = model.log_partition("exact").value
    z = []
    for seed in range(12):
        ladder = TrajectoryTempering(model, path, n_chains=60, random_state=seed)
        ladder.burn_in(40)
        ladder.run(40)
        found = ladder.log_partition()
        assert (found.status, found.method) == ("ok", "trajectory_tempering")
        assert found.std_error < 0.2
        z.append((found.value - truth) / found.std_error)
    # Student's t with 19 degrees; 12 of them exceed this mean square once in about 10,000.
    assert np.mean(np.square(z)) < 4.0
    assert abs(np.mean(z)) < 4.4 * np.sqrt(19 / 17) / np.sqrt(12)


def test_temperature_and_missing_path() -> None:
    """Without a path the ladder is made of models between the base and this one."""
    generator = np.random.default_rng(0)
    model = hm.RBM.from_parameters(
        3 * generator.normal(size=(8, 4)),
        generator.normal(size=8),
        generator.normal(size=4),
        temperature=2.0,
    )
    ladder = TrajectoryTempering(model, [], n_chains=100, random_state=0)
    ladder.burn_in(100)
    ladder.run(100)
    found = ladder.log_partition()
    assert abs(found.value - model.log_partition("exact").value) < 5 * found.std_error


def test_the_ladder_accepts_as_often_as_asked(fitted: Any) -> None:
    model, path = fitted
    lengths = []
    for acceptance in (0.25, 0.6):
        ladder = TrajectoryTempering(
            model, path, n_chains=300, acceptance=acceptance, random_state=0
        )
        ladder.burn_in(120)
        ladder.run(60)
        # Each pair has passed a block of its own; what is left is noise and a little drift.
        assert (ladder.acceptance_ > 0.7 * acceptance).all()
        lengths.append(ladder.n_rungs)
    assert lengths[1] > lengths[0]


def test_same_seed_same_chains(fitted: Any) -> None:
    model, path = fitted
    runs = []
    for seed in (0, 0, 1):
        ladder = TrajectoryTempering(model, path, n_chains=10, random_state=seed)
        ladder.run(5)
        runs.append(ladder.cold)
    assert np.array_equal(runs[0], runs[1])
    assert not np.array_equal(runs[0], runs[2])


def test_bad_input_is_named(fitted: Any) -> None:
    model, path = fitted
    other = hm.RBM.from_parameters(np.zeros((3, 2)), np.zeros(3), np.zeros(2))
    with pytest.raises(ValueError, match=r"path\[0\] must hold parameters of the shapes"):
        TrajectoryTempering(other, path)
    with pytest.raises(TypeError, match="model must be a fitted RBM, got MarkovNetwork"):
        TrajectoryTempering(other.to_network(), [])
    with pytest.raises(ValueError, match="n_chains"):
        TrajectoryTempering(model, path, n_chains=1)
    with pytest.raises(ValueError, match="acceptance"):
        TrajectoryTempering(model, path, acceptance=1.0)
    ladder = TrajectoryTempering(model, path, n_chains=4, random_state=0)
    with pytest.raises(ValueError, match="run"):
        ladder.log_partition()
    for wrong in (ladder.run, ladder.burn_in):
        with pytest.raises(ValueError, match="n_steps"):
            wrong(0)


def test_burn_in_puts_rungs_where_swaps_fail(fitted: Any) -> None:
    """A ladder robbed of its middle gets it back."""
    model, path = fitted
    ladder = TrajectoryTempering(model, path, n_chains=100, acceptance=0.6, random_state=0)
    full = ladder.n_rungs
    for part in (ladder.energies, ladder.x, ladder._places):
        del part[1:-1]
    ladder.forget()
    ladder.run(20)
    robbed = ladder.acceptance_.min()
    assert robbed < 0.4
    ladder.burn_in(240)
    ladder.run(20)
    assert full <= ladder.n_rungs <= 2 * full + 1
    assert ladder.acceptance_.min() > max(robbed, 0.4)
