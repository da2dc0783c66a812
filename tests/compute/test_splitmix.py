"""SplitMix64 against the numbers of its authors' program, as arrays and compiled."""

from __future__ import annotations

import numpy as np
import pytest
from numba import njit

from harmonium.compute.splitmix import GAMMA, mix, unit

#: The first numbers of the program at seed 0 (https://prng.di.unimi.it/splitmix64.c).
FIRST = [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F, 0xF88BB8A8724C81EC]


def test_the_first_numbers_are_the_authors():
    with np.errstate(over="ignore"):
        counter = np.arange(1, 5, dtype=np.uint64) * GAMMA
    assert mix(counter).tolist() == FIRST


def test_compiled_numbers_are_the_same():
    compiled_mix, compiled_unit = njit(mix), njit(unit)
    words = np.random.default_rng(0).integers(2**64, size=200, dtype=np.uint64)
    assert [int(compiled_mix(word)) for word in words] == mix(words).tolist()
    assert [compiled_unit(word) for word in words] == unit(words).tolist()


@pytest.mark.parametrize(
    ("word", "wanted"), [(0, 0.0), (2**11 - 1, 0.0), (2**63, 0.5), (2**64 - 1, 1.0 - 2.0**-53)]
)
def test_a_unit_number_is_below_one(word, wanted):
    assert unit(np.uint64(word)) == wanted
