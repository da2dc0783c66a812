"""log P of what is known of a row, against sums over every state."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from scipy.special import logsumexp
from tests.support.small_energies import MAKERS, small_energy

from harmonium.contract.energy import Evidence
from harmonium.contract.evidence import TableReadings
from harmonium.models.rbm.energy import RBMEnergy
from harmonium.sampling.seen import log_weight_seen
from harmonium.units.space import LIMITS

#: Energies whose base knows evidence, so that rows can be annealed.
ANNEALED = [name for name in MAKERS if name.startswith("rbm")]


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def readings_of(sizes: tuple[int, ...], n: int, *, forbid: bool) -> TableReadings:
    """A row of the table for each variable; with `forbid` the last states cannot be."""
    source = generator(7)
    table = torch.from_numpy(source.normal(0.0, 1.0, (len(sizes), max(sizes)))).float()
    if forbid:
        for variable, size in enumerate(sizes[::2]):
            if size > 1:
                table[2 * variable, size - 1] = -math.inf
    rows = torch.arange(len(sizes), dtype=torch.int32).expand(n, len(sizes))
    slopes = torch.from_numpy(source.normal(0.0, 0.3, len(sizes))).float()
    return TableReadings(rows, table, slopes.expand(n, len(sizes)))


def asked(name: str, *, read: str) -> tuple[torch.Tensor, Evidence, np.ndarray]:
    """States of an energy in all patterns of what is free, evidence, and the sums wanted."""
    small = small_energy(name)
    sizes, n_variables = small.energy.sizes, small.energy.n_variables
    patterns = np.array(list(itertools.product([False, True], repeat=n_variables)))
    x = small.draw(len(patterns), small.log_p(), 3)
    readings = None if read == "nothing" else readings_of(sizes, len(x), forbid=read == "forbidden")
    each = small.path(1.0)
    if readings is not None:
        table = readings.table.double().numpy()
        places = np.arange(n_variables)
        slopes = readings.slopes.double().numpy()[0]
        each = each + table[places, small.X].sum(1) + small.X @ slopes
    same = small.X[None] == x.numpy().astype(int)[:, None]
    fits = (same | patterns[:, None]).all(2)
    with np.errstate(divide="ignore"):
        wanted = logsumexp(np.where(fits, each, -np.inf), axis=1)
    # What stands in a free cell means nothing.
    free = torch.from_numpy(patterns)
    return torch.where(free, 0.0, x), Evidence(free, readings), wanted


@pytest.mark.parametrize("read", ["nothing", "noisy", "forbidden"])
@pytest.mark.parametrize("name", MAKERS)
def test_few_free_states_are_summed_exactly(name: str, read: str) -> None:
    x, evidence, wanted = asked(name, read=read)
    value, error = log_weight_seen(small_energy(name).energy, x, evidence, generator())
    can = wanted > -700.0  # a network's zeros are as good as never
    np.testing.assert_allclose(value.numpy()[can], wanted[can], rtol=1e-5, atol=2e-5)
    assert (value.numpy()[~can] < -700.0).all()
    assert can.any()
    assert read == "forbidden" or name == "network with zeros" or can.all()
    assert (error == 0.0).all()


def z_scores(energy: RBMEnergy, x: torch.Tensor, evidence: Evidence, wanted: np.ndarray):
    """Of annealed mean weights: exp(estimate - wanted) less 1, over its error."""
    possible = np.isfinite(wanted)
    value, error = log_weight_seen(
        energy, x, evidence, generator(5), n_chains=3000, n_temperatures=6
    )
    np.testing.assert_array_equal(np.isfinite(value.numpy()), possible)
    ratio = np.exp(value.numpy()[possible] - wanted[possible])
    relative = np.maximum(error.numpy()[possible] * ratio, 1e-4)  # float32
    return (ratio - 1.0) / relative, value.numpy()[possible], error.numpy()[possible]


#: |z| of the largest of 100 normal numbers at this risk.
LIMIT = 5.6


@pytest.mark.parametrize("read", ["nothing", "noisy", "forbidden"])
@pytest.mark.parametrize("name", ANNEALED)
def test_annealed_rows_are_unbiased(name: str, read: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """From nothing known to all known; errors are those that are seen."""
    monkeypatch.setitem(LIMITS, "answer", 0.5)
    x, evidence, wanted = asked(name, read=read)
    z, _, error = z_scores(small_energy(name).energy, x, evidence, wanted)
    assert abs(z).max() < LIMIT
    assert error.max() < 0.2
    free = evidence.free.any(1).numpy()[np.isfinite(wanted)]
    assert error[free].max() > 0.0


def test_a_wrong_base_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted fault: the clamped variables' own weight at the base is left out of its sum."""
    monkeypatch.setitem(LIMITS, "answer", 0.5)
    right = RBMEnergy.base_given

    def wrong(self, x, evidence, generator):
        drawn, total = right(self, x, evidence, generator)
        return drawn, total - torch.where(
            evidence.free, 0.0, drawn
        ).double() @ self.base_bias.double()

    monkeypatch.setattr(RBMEnergy, "base_given", wrong)
    x, evidence, wanted = asked("rbm", read="noisy")
    z, _, _ = z_scores(small_energy("rbm").energy, x, evidence, wanted)
    assert abs(z).max() > 2 * LIMIT


def test_the_error_covers_a_row_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LIMITS, "answer", 0.5)
    x, evidence, wanted = asked("rbm", read="nothing")
    one = len(x) - 1  # nothing known
    index = torch.full((400,), one)
    value, error = log_weight_seen(
        small_energy("rbm").energy,
        x[index],
        evidence.select(index),
        generator(1),
        n_chains=200,
        n_temperatures=10,
    )
    z = ((value - wanted[one]) / error).numpy()
    assert 0.8 < z.std() < 1.25
    assert abs(z.mean()) < 0.3


def test_no_free_is_given_means_all_are() -> None:
    small = small_energy("rbm")
    x = torch.zeros((2, small.energy.n_variables))
    value, _ = log_weight_seen(small.energy, x, Evidence(), generator())
    np.testing.assert_allclose(value.numpy(), logsumexp(small.path(1.0)), rtol=1e-6)


def test_many_states_of_a_base_that_knows_no_evidence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LIMITS, "answer", 2)
    x, evidence, _ = asked("grid of 2 levels", read="nothing")
    with pytest.raises(ValueError, match=r"11 of the rows have more than 2 joint states of what"):
        log_weight_seen(small_energy("grid of 2 levels").energy, x, evidence, generator())
