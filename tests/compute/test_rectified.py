"""The normal distribution above zero: compiled forms and plain ones, and extremes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.integrate import quad

from harmonium.compute import draws, rectified, two_sided


def generator() -> np.random.Generator:
    return np.random.Generator(np.random.SFC64(0))


@pytest.fixture
def plain(monkeypatch):
    def use() -> None:
        monkeypatch.setattr(draws, "PLAIN_ONLY", True)

    return use


@pytest.mark.parametrize("z", [-60.0, -12.0, -5.0, -0.3, 0.0, 2.0, 20.0])
def test_mass_and_moments_are_integrals(z):
    centre = max(z, 0.0)
    peak = z * centre - 0.5 * centre**2

    def integral(power: int) -> float:
        end = centre + (40.0 if z > -1 else 40.0 / -z)
        parts = [
            quad(lambda h: h**power * np.exp(z * h - 0.5 * h * h - peak), a, b, epsabs=0)[0]
            for a, b in ((0.0, centre), (centre, end))
            if b > a
        ]
        return sum(parts)

    own = torch.tensor([[z]], dtype=torch.float64)
    mass, mean, square = (float(one) for one in rectified.moments(own))
    assert mass == pytest.approx(np.log(integral(0)) + peak, abs=1e-9)
    assert float(rectified.log_mass(own)) == pytest.approx(mass, abs=1e-11)
    assert mean == pytest.approx(integral(1) / integral(0), rel=1e-8)
    assert square == pytest.approx(integral(2) / integral(0), rel=1e-7)


def test_compiled_moments_are_the_plain_ones(plain):
    z = torch.cat([torch.linspace(-60, 60, 4001), torch.tensor([-1e6, -1e4, 1e3])]).unsqueeze(0)
    found, mass = rectified.moments(z), rectified.log_mass(z)
    plain()
    for one, other, slack in zip(found, rectified.moments(z), (2e-7, 3e-5, 1e-3), strict=True):
        torch.testing.assert_close(one, other, rtol=slack, atol=1e-6)
    torch.testing.assert_close(mass, rectified.log_mass(z), rtol=1e-12, atol=1e-12)


def test_compiled_draws_are_the_plain_ones(plain):
    z = torch.linspace(-200, 60, 5200).reshape(52, 100)
    found = rectified.sample(z, generator())
    plain()
    torch.testing.assert_close(found, rectified.sample(z, generator()), rtol=1e-5, atol=1e-7)


def test_two_sides_compiled_are_the_plain_ones(plain):
    source = torch.Generator().manual_seed(0)
    x = 4.0 * torch.randn((200, 50), generator=source)
    shape = torch.randn(50, generator=source), torch.exp(0.5 * torch.randn(50, generator=source))

    def found():
        drawn = two_sided.sample(x, *shape, generator())
        return *two_sided.moments(x, *shape), two_sided.log_partition(x, *shape), drawn

    compiled = found()
    plain()
    *others, drawn = found()
    for one, other in zip(compiled[:-2], others[:-1], strict=True):
        torch.testing.assert_close(one, other, rtol=2e-3, atol=1e-5)
    torch.testing.assert_close(compiled[-2], others[-1], rtol=1e-12, atol=1e-10)
    # A level that falls between float32 and float64 shares lands on the other side.
    apart = (compiled[-1] - drawn).abs() > 1e-5 * (1.0 + drawn.abs())
    assert int(apart.sum()) <= 1
