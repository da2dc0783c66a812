"""Channels are distributions over what is read, whatever the numbers of states."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

import harmonium as hm
from harmonium.contract.evidence import TableReadings


def readings_of(noise, values, sizes) -> TableReadings:
    found = noise.likelihood(np.asarray(values, float), sizes)
    slopes = None if found.slopes is None else torch.from_numpy(found.slopes)
    return TableReadings(torch.from_numpy(found.rows), torch.from_numpy(found.table), slopes)


@pytest.mark.parametrize(
    ("noise", "sizes"),
    [
        (hm.noise.BitFlip(0.1), (2, 2)),
        (hm.noise.BitFlip(0.0), (2, 2)),
        (hm.noise.Replace(0.3), (2, 4)),
        (hm.noise.Replace(0.0), (3, 2)),
        (hm.noise.Gaussian(0.05), (8, 8)),
        (hm.noise.Gaussian(2.0), (8, 3)),
        (hm.noise.Gaussian(60.0), (2, 5)),
    ],
)
def test_all_that_may_be_read_sums_to_one(noise, sizes):
    every = np.array(list(itertools.product(*map(range, sizes))), float)
    readings = readings_of(noise, every, sizes)
    for clean in every:
        x = torch.from_numpy(clean).expand(len(every), -1)
        assert float(readings.log_weight(x).exp().sum()) == pytest.approx(1.0, abs=1e-9)


def test_gaussian_readings_enter_by_their_density():
    free = readings_of(hm.noise.Gaussian(2.0), [[1.5, np.nan]], (8, 8))
    x, y = torch.tensor([[3.0, 5.0]]), torch.tensor([[6.0, 0.0]])
    wanted = (-((1.5 - 3) ** 2) + (1.5 - 6) ** 2) / 8
    assert float(free.log_weight(x) - free.log_weight(y)) == pytest.approx(wanted)


def test_readings_say_the_same_in_every_form():
    noise, sizes = hm.noise.Replace(0.3), (2, 4, 3)
    values = np.array([[1, np.nan, 2], [0, 3, np.nan]])
    readings = readings_of(noise, values, sizes)
    for variable, size in enumerate(sizes):
        own = readings.log_likelihood(slice(variable, variable + 1), size)
        for state in range(size):
            x = torch.zeros((2, 3))
            x[:, variable] = state
            rest = readings.log_weight(x) - own[:, 0, state]
            x[:, variable] = 0
            torch.testing.assert_close(rest, readings.log_weight(x) - own[:, 0, 0])
    half = readings.tempered(0.5).select(torch.tensor([1]))
    x = torch.tensor([[1.0, 2.0, 0.0]])
    assert float(half.log_weight(x)) == pytest.approx(
        0.5 * float(readings.select(torch.tensor([1])).log_weight(x))
    )


def test_typos_are_for_texts():
    model = hm.RBM.from_parameters(np.zeros((2, 1)), [0, 0], [0])
    with pytest.raises(ValueError, match=r"noise must be hm\.noise\.BitFlip or"):
        model.correct([[0, 1]], noise=hm.noise.Typos(0.1))
