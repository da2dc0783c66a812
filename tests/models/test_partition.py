"""How long log Z is sought for, and what it is where chains end at what cannot be."""

from __future__ import annotations

import numpy as np
import pytest

import harmonium as hm
from harmonium.contract.estimates import Bound, Status
from harmonium.models.partition import _bounded
from harmonium.sampling.annealing import summarise


def test_a_weight_of_zero_counts_as_zero() -> None:
    weights = np.array([-np.inf, np.log(2), np.log(4)])
    found = summarise(weights, "ais", Bound.LOWER, 10)
    assert found.value == pytest.approx(np.log(2.0))
    assert found.effective_chains == pytest.approx(36 / 20)
    for wrong in ([-np.inf, -np.inf], [0.0, np.nan], [0.0, np.inf]):
        assert summarise(np.array(wrong), "ais", Bound.LOWER, 10).status == Status.NONFINITE


def test_chains_that_end_at_zeros_leave_log_z_right() -> None:
    different = np.where(np.eye(3, dtype=bool), 0.0, 1.0)
    ring = [hm.Factor([i, (i + 1) % 5], different) for i in range(5)]
    model = hm.MarkovNetwork(ring)
    found = model.log_partition(method="ais", n_chains=4000, n_temperatures=3, random_state=0)
    assert 0 < found.effective_chains < 4000
    # Colourings of a ring of five by three: 2**5 - 2. The bound: risk 1e-5 of a false alarm.
    assert abs(found.value - np.log(30)) < 4.5 * found.std_error


def test_further_runs_are_bounded() -> None:
    assert _bounded((2000, 20000), 1000) == [2000, 20000]
    assert _bounded((2000, 20000), 126_000) == [2000, 8521]
    assert _bounded((2000, 20000), 10**6) == [2000]
    assert _bounded((1000,), 10**12) == [1000]
