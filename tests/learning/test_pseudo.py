"""Pseudo-likelihood of any energy, from its weights and moments alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.support.small_energies import MAKERS

from harmonium.learning.learners.pseudo import Pseudo, conditional_moments
from harmonium.learning.rows import Batch
from harmonium.models.grid.energy import GridEnergy
from harmonium.models.grid.pseudo import pseudo_moments


def states(name: str) -> tuple[object, torch.Tensor, torch.Tensor]:
    small = MAKERS[name]()
    energy = small.energy.to(torch.float64)
    x = torch.from_numpy(small.X[:: max(1, len(small.X) // 12)]).double()
    weights = torch.from_numpy(np.random.default_rng(0).random(len(x)))
    return energy, x, weights


@pytest.mark.parametrize("name", [n for n in MAKERS if "zeros" not in n])
def test_the_gradient_is_that_of_the_value(name: str) -> None:
    energy, x, weights = states(name)
    _, found = conditional_moments(energy, x, weights)
    gradient, step = found.gradient(), 1e-6
    for key, parameter in energy.parameters().items():
        for k in range(0, parameter.numel(), max(1, parameter.numel() // 4)):
            way = torch.zeros_like(parameter)
            way.view(-1)[k] = step
            if key == "couplings":  # which are symmetric
                way = way + way.T
            before, ends = parameter.clone(), []
            for side in (before + way, before - way):
                parameter.copy_(side)
                ends.append(conditional_moments(energy, x, weights)[0])
            parameter.copy_(before)
            slope = (ends[0] - ends[1]) / (2 * step)
            told = float((gradient[key] * way).sum()) / step
            assert told == pytest.approx(slope, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("name", [n for n in MAKERS if "grid" in n and "coarse" not in n])
def test_a_faster_form_says_the_same(name: str) -> None:
    energy, x, weights = states(name)
    assert isinstance(energy, GridEnergy)
    value, found = conditional_moments(energy, x, weights)
    other, faster = pseudo_moments(energy, x, weights)
    assert other == pytest.approx(value, rel=1e-9)
    gradient, same = found.gradient(), faster.gradient()
    for key in gradient:
        torch.testing.assert_close(gradient[key], same[key], atol=1e-9, rtol=1e-7)
    slow, quick = (
        learner.gradient(energy, Batch(x), np.random.default_rng(0)).gradient()
        for learner in (Pseudo(), Pseudo(pseudo_moments))
    )
    for key, value in slow.items():
        torch.testing.assert_close(value, quick[key], atol=1e-9, rtol=1e-7)
