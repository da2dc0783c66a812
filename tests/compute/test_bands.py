"""Levels in order made smooth, against the dense solution."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from harmonium.compute import bands


def _dense(weights: np.ndarray, strength: float) -> np.ndarray:
    d = np.diff(np.eye(len(weights)), n=2, axis=0)
    return np.linalg.solve(np.eye(len(weights)) + strength * d.T @ d, weights)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("n", [3, 4, 5, 24, 97])
@pytest.mark.parametrize("strength", [0.0, 1e-3, 1.0, 1e4])
def test_a_run_becomes_the_solution_and_the_rest_stays(n, strength, dtype):
    start = np.random.default_rng(n).normal(size=(n + 5, 7))
    weights = torch.from_numpy(start.copy()).to(dtype)
    bands.smooth(weights, torch.tensor([[2, 2 + n]]), strength)
    wanted = start.copy()
    wanted[2 : 2 + n] = _dense(start[2 : 2 + n], strength)
    error = {torch.float32: 2e-4, torch.float64: 1e-9}[dtype]
    np.testing.assert_allclose(weights.numpy(), wanted, rtol=0, atol=error)


def test_straight_lines_and_short_runs_stay():
    line = torch.arange(10.0).reshape(-1, 1).repeat(1, 3).contiguous()
    found = line.clone()
    bands.smooth(found, torch.tensor([[0, 10]]), 50.0)
    torch.testing.assert_close(found, line, rtol=1e-4, atol=1e-4)
    short = torch.randn(2, 3)
    found = short.clone()
    bands.smooth(found, torch.tensor([[0, 2]]), 50.0)
    assert torch.equal(found, short)


def test_runs_beyond_the_weights_are_refused():
    with pytest.raises(ValueError, match="row 9"):
        bands.smooth(torch.zeros(5, 2), torch.tensor([[0, 9]]), 1.0)
