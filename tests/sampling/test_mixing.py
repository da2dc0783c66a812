"""Chains that remember where they were are told, and warn where draws are made of them."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch

import harmonium as hm
from harmonium.sampling.mixing import memory

N = 24


def ising(coupling: float) -> hm.BoltzmannMachine:
    """Twenty-four spins, all pairs coupled alike: two modes from about 1 / 24 on."""
    table = coupling * np.array([[1.0, -1.0], [-1.0, 1.0]])
    pairs = {(i, j): table for i in range(N) for j in range(i + 1, N)}
    return hm.BoltzmannMachine.from_parameters([np.zeros(2)] * N, pairs)


def test_memory_of_chains_that_stand_still_or_forget() -> None:
    source = np.random.default_rng(0)
    before, after = (torch.from_numpy(source.integers(0, 3, (200, 10))) for _ in range(2))
    still = memory(before, before)
    assert still is not None
    assert still.share == pytest.approx(1.0, abs=0.02)
    assert still.is_slow
    gone = memory(before, after)
    assert gone is not None
    assert abs(gone.share) < 5 * gone.std_error
    assert not gone.is_slow
    kept = torch.where(torch.arange(200).unsqueeze(1) < 60, before, after)
    part = memory(before, kept)
    assert part is not None
    assert abs(part.share - 0.3) < 5 * part.std_error
    held = memory(before, after, torch.arange(10) < 0)
    assert held is None
    assert memory(before[:3], after[:3]) is None
    assert memory(torch.zeros(50, 4), torch.zeros(50, 4)) is None


def test_draws_of_two_modes_warn_and_others_do_not() -> None:
    with pytest.warns(RuntimeWarning, match="slow_mixing"):
        slow = ising(0.15).sample(60, random_state=0)
    assert 0.2 < (slow.mean(1) > 0.5).mean() < 0.8  # chains are led to both
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        ising(0.01).sample(60, random_state=0)
