"""Joint states of a few places: the compiled twins beside the plain ones."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from harmonium.compute import draws, joint

compiled = pytest.mark.skipif(draws.PLAIN_ONLY, reason="the compiled twins are switched off")


def row(n_units: int, sizes: list[int], scale: float) -> tuple:
    rng = np.random.default_rng(n_units)
    starts = np.cumsum([0, *sizes])
    own = rng.normal(0, 2, starts[-1])
    own[1] = -np.inf  # a state that cannot be
    return rng.normal(0, scale, n_units), rng.normal(0, scale, (starts[-1], n_units)), own, starts


@compiled
@pytest.mark.parametrize("scale", [1.0, 300.0])
@pytest.mark.parametrize(("n_units", "sizes"), [(1, [2]), (21, [3, 1, 4, 2]), (64, [7])])
def test_the_compiled_twins_equal_the_plain_ones(n_units, sizes, scale, monkeypatch):
    given = row(n_units, sizes, scale)
    states = np.array(list(product(*map(range, sizes))))[::-1]
    found = joint.sum_joint(*given), joint.draw_weights(*given, states)
    monkeypatch.setattr(joint, "PLAIN_ONLY", True)
    wanted = joint.sum_joint(*given), joint.draw_weights(*given, states)
    for mine, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-13, atol=1e-10)
    assert np.logaddexp.reduce(found[1]) == pytest.approx(found[0], rel=1e-13)
    assert np.isneginf(found[1]).any()


def test_what_cannot_be_and_what_does_not_fit():
    base, adds, own, starts = row(5, [2, 3], 1.0)
    assert joint.sum_joint(base, adds, np.full(5, -np.inf), starts) == -np.inf
    for wrong in ((base, adds[:4], own, starts), (base, adds, own, np.array([0, 0, 5]))):
        with pytest.raises(ValueError, match="do not fit"):
            joint.sum_joint(*wrong)
    with pytest.raises(ValueError, match="not one that its place has"):
        joint.draw_weights(base, adds, own, starts, np.array([[2, 0]]))
