"""Compiled sweeps of Boltzmann machines against their plain twins, on the same random bits."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from harmonium.contract.energy import Chains
from harmonium.contract.evidence import Evidence, TableReadings
from harmonium.models.boltzmann.energy import BoltzmannEnergy
from harmonium.models.boltzmann.kernels import choose, plain
from harmonium.models.boltzmann.kernels.layout import padded
from harmonium.units.base import Units
from harmonium.units.bernoulli import Bernoulli
from harmonium.units.categorical import Categorical
from harmonium.units.mixed import Mixed

UNITS: dict[str, Units] = {
    "bits": Bernoulli(40),
    "letters": Categorical((21,) * 17),
    "few": Categorical((5,) * 23),
    "mixed": Mixed([Bernoulli(6), Categorical((3, 9, 2, 4))]),
    "one": Categorical((4,)),
}
GRAPHS = ("complete", "ring")


def energy_of(name: str, graph: str, dtype: torch.dtype = torch.float32) -> BoltzmannEnergy:
    units, source = UNITS[name], np.random.default_rng(3)
    n, n_statistics = units.n_variables, units.n_statistics
    edges = None
    if graph == "ring":
        edges = np.array([(i, i + 1) for i in range(n - 1)], dtype=np.int64).reshape(-1, 2)
    couplings = torch.from_numpy(source.normal(0, 0.4, (n_statistics,) * 2)).to(dtype)
    fields, base = (torch.from_numpy(source.normal(0, 1, n_statistics)).to(dtype) for _ in "ab")
    energy = BoltzmannEnergy(fields, (couplings + couplings.T) / 2, base, units, edges)
    energy.couplings *= energy.places.mask
    return energy


def states(energy: BoltzmannEnergy, n: int) -> torch.Tensor:
    drawn = np.random.default_rng(4).integers(0, energy.sizes, (n, energy.n_variables))
    return torch.from_numpy(drawn).to(energy.dtype)


def evidence(energy: BoltzmannEnergy, n: int) -> Evidence:
    source, shape = np.random.default_rng(5), (n, energy.n_variables)
    table = torch.from_numpy(source.normal(0, 1, (3, max(energy.sizes)))).float()
    rows = torch.from_numpy(source.integers(0, 3, shape).astype(np.int32))
    slopes = torch.from_numpy(source.normal(0, 0.2, shape)).float()
    return Evidence(
        torch.from_numpy(source.random(shape) < 0.7), TableReadings(rows, table, slopes)
    )


each = pytest.mark.parametrize("name", UNITS)
graphs = pytest.mark.parametrize("graph", GRAPHS)


def both(monkeypatch: pytest.MonkeyPatch, run):
    """What the compiled path gives, and what the plain one does."""
    found = run()
    with monkeypatch.context() as patched:
        patched.setattr(choose, "uses_fast_path", lambda _: False)
        return found, run()


@each
@graphs
@pytest.mark.parametrize("known", [False, True])
def test_sweeps_are_the_same_draw_by_draw(name, graph, known, monkeypatch) -> None:
    energy = energy_of(name, graph)
    x = states(energy, 70)
    given = evidence(energy, 70) if known else None
    beta = torch.linspace(0, 1, 70)

    def run():
        generator = np.random.Generator(np.random.SFC64(6))
        swept = energy.sweep(Chains(x), generator, beta=beta, evidence=given).x
        return swept, *_moved(energy.sweep_means(Chains(x), generator, given))

    for one, other in zip(*both(monkeypatch, run), strict=True):
        torch.testing.assert_close(one, other, atol=2e-5, rtol=1e-5)


def _moved(result):
    return result[0].x, result[1]


@each
@graphs
def test_climbs_conditionals_weights_and_counts_are_the_same(name, graph, monkeypatch) -> None:
    energy = energy_of(name, graph)
    x, given = states(energy, 70), evidence(energy, 70)
    shares = torch.softmax(torch.arange(70.0) / 30, 0)

    def run():
        return (
            energy.ascend(x, given),
            energy.marginals(Chains(x), np.random.default_rng(0), given),
            energy.log_weight(x),
            *energy.moments(x, shares).values(),
        )

    for one, other in zip(*both(monkeypatch, run), strict=True):
        torch.testing.assert_close(one, other, atol=2e-5, rtol=1e-5)


@each
@graphs
def test_threads_change_nothing(name, graph, monkeypatch) -> None:
    energy = energy_of(name, graph)
    x = states(energy, 90)

    def run(n_threads: int):
        generator = np.random.Generator(np.random.SFC64(7))
        monkeypatch.setattr(choose, "_WORK_A_THREAD", 1)
        monkeypatch.setattr(torch, "get_num_threads", lambda: n_threads)
        shares = torch.full((90,), 1 / 90)
        return energy.sweep(Chains(x), generator).x, energy.moments(x, shares)["couplings"]

    for one, other in zip(run(1), run(3), strict=True):
        torch.testing.assert_close(one, other, atol=0, rtol=0)


@each
def test_couplings_that_change_are_seen_by_the_next_sweep(name) -> None:
    energy = energy_of(name, "complete")
    x = states(energy, 50)
    energy.sweep(Chains(x), np.random.default_rng(0))
    energy.couplings.mul_(-3.0)
    again = BoltzmannEnergy(energy.fields, energy.couplings, energy.base_fields, energy.units)
    seeds = [np.random.Generator(np.random.SFC64(1)) for _ in "ab"]
    one, other = (e.sweep(Chains(x), s).x for e, s in zip((energy, again), seeds, strict=True))
    assert torch.equal(one, other)


@each
@graphs
def test_weights_are_sums_over_pairs(name, graph) -> None:
    energy = energy_of(name, graph, torch.float64)
    x = states(energy, 20)
    s = energy.units.statistics(x)
    wanted = s @ energy.fields + 0.5 * ((s @ energy.couplings) * s).sum(1)
    torch.testing.assert_close(energy.log_weight(x), wanted)
    pairs = plain.weigh(x, energy.places, padded(energy.couplings))
    torch.testing.assert_close(pairs, wanted - s @ energy.fields)


@each
@graphs
def test_regressions_are_the_same(name, graph, monkeypatch) -> None:
    """And are the conditional that a sweep draws from."""
    energy = energy_of(name, graph)
    x, places = states(energy, 70), energy.places
    shares = torch.softmax(torch.arange(70.0, dtype=torch.float64) / 30, 0)
    log_p = torch.log(energy.marginals(Chains(x), np.random.default_rng(0)).double())
    if log_p.ndim == 2:
        log_p = torch.stack([torch.log1p(-torch.exp(log_p)), log_p], 2)
    for i, size in enumerate(energy.sizes):
        own = torch.from_numpy(places.of_state[i, :size]).long()
        table, fields = padded(energy.couplings)[:, own], torch.cat([energy.fields, torch.zeros(1)])
        given = (x, places.rows(x), shares, i, places, table, fields[own])
        (value, *slopes), (other, *beside) = both(monkeypatch, lambda g=given: choose.regress(*g))
        assert value == pytest.approx(other, rel=1e-5, abs=1e-6)
        for one, two in zip(slopes, beside, strict=True):
            torch.testing.assert_close(one, two, atol=2e-6, rtol=1e-4)
        wanted = float(shares @ log_p[torch.arange(70), i, x[:, i].long()])
        assert value == pytest.approx(wanted, rel=1e-4)
