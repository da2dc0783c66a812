"""Few rows of columns that exclude each other: a start at columns coupled by pairs."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch

import harmonium as hm
from harmonium.learning.rows import Batch, Batches
from harmonium.models.rbm import paired
from harmonium.models.rbm.energy import RBMEnergy
from harmonium.models.rbm.pairwise_start import coupling_units, pairwise_start


def all_rows(n: int) -> torch.Tensor:
    return torch.tensor(list(itertools.product((0.0, 1.0), repeat=n)))


def one_hot_sites(n_rows: int, n_sites: int, seed: int) -> np.ndarray:
    """Letters of an alphabet of four, three columns each: the fourth letter is all 0."""
    letters = np.random.default_rng(seed).integers(0, 4, (n_rows, n_sites))
    return np.eye(4, dtype=np.uint8)[letters][..., :3].reshape(n_rows, -1)


def base_of(rows: torch.Tensor) -> torch.Tensor:
    return torch.logit((rows.sum(0) + 0.5) / (len(rows) + 1))


def energy_of(rows: torch.Tensor, n_hidden: int, seed: int = 0) -> RBMEnergy:
    source = torch.Generator().manual_seed(seed)
    weights = 0.01 * torch.randn(rows.shape[1], n_hidden, generator=source)
    base = base_of(rows)
    return RBMEnergy(weights, base.clone(), torch.zeros(n_hidden), base.clone())


def test_hidden_units_stand_for_couplings_exactly():
    source = torch.Generator().manual_seed(1)
    J = 3.0 * torch.randn(6, 6, generator=source).double().triu(1)
    J[0, 3] = J[2, 5] = 0.0
    J[1, 2] = -20.0
    J = J + J.T
    b = torch.randn(6, generator=source).double()
    start = coupling_units(J, b)
    assert start.n_units == 13  # a coupling of nothing needs no unit
    x = all_rows(6).double()
    energy = RBMEnergy(start.weights, start.visible_bias, start.hidden_bias, b)
    difference = energy.log_weight(x) - (x @ b + 0.5 * ((x @ J) * x).sum(1))
    assert float(difference.std()) < 1e-9


def test_at_most_as_many_units_as_there_are_and_the_strongest():
    rows = torch.from_numpy(one_hot_sites(1000, 4, 0)).float()
    start = pairwise_start(rows, base_of(rows), 12)
    assert start.n_units == 12
    pairs = {tuple(w.nonzero().flatten().tolist()) for w in start.weights.T}
    within = {pair for s in range(4) for pair in itertools.combinations(range(3 * s, 3 * s + 3), 2)}
    assert pairs == within
    assert pairwise_start(rows, base_of(rows), 5).n_units == 5


def test_columns_of_nothing_have_no_units():
    rows = torch.from_numpy(np.random.default_rng(0).integers(0, 2, (400, 6))).float()
    rows[:, 0] = 0.0  # a constant one too
    start = pairwise_start(rows, base_of(rows), 3)
    assert start.n_units <= 3
    assert torch.isfinite(start.weights).all()
    assert float(start.weights.abs().sum()) < 15.0


def test_the_start_is_near_the_law_of_sites():
    X = torch.from_numpy(one_hot_sites(2000, 5, 3)).float()
    kept, fresh = X[:1000], X[1000:]
    start = pairwise_start(kept, base_of(kept), 15)
    energy = RBMEnergy(start.weights, start.visible_bias, start.hidden_bias, base_of(kept))
    log_z = float(torch.logsumexp(energy.log_weight(all_rows(15)), 0))
    score = float(energy.log_weight(fresh).mean()) - log_z
    law, independent = -5 * np.log(4.0), -15 * 0.5623  # entropies of 4 letters; of 1 in 4
    assert law - 0.15 < score < law + 0.15  # independent columns: -8.4 against -6.9
    assert score > independent + 1.0


def test_it_is_taken_where_it_pays_and_nothing_changes_where_it_does_not():
    X = torch.from_numpy(one_hot_sites(900, 12, 1)).float()
    energy = energy_of(X, 40)
    assert paired.begin_paired(energy, X[:800], X[800:], seed=0)
    assert float(energy.weights.abs().max()) > 2.0

    noise = torch.from_numpy(np.random.default_rng(0).integers(0, 2, (900, 36))).float()
    energy = energy_of(noise, 40)
    before = {name: value.clone() for name, value in energy.parameters().items()}
    assert not paired.begin_paired(energy, noise[:800], noise[800:], seed=0)
    for name, value in energy.parameters().items():
        assert torch.equal(value, before[name])


def test_it_is_left_where_annealing_knows_too_little(monkeypatch: pytest.MonkeyPatch):
    X = torch.from_numpy(one_hot_sites(900, 40, 1)).float()
    monkeypatch.setattr(paired, "_N_TEMPERATURES", 2)
    energy = energy_of(X, 120)
    assert not paired.begin_paired(energy, X[:800], X[800:], seed=0)
    assert float(energy.weights.abs().max()) < 0.1


@pytest.mark.parametrize(
    ("n_rows", "n_held", "sides", "time_limit", "wanted"),
    [
        (1440, 160, (180, 256), None, True),
        (1440, 160, (180, 256), 10.0, False),
        (1440, 160, (180, 179), None, False),  # a coupling for every column does not fit
        (1440, 10, (180, 256), None, False),  # too few to judge by
        (5000, 500, (36, 256), None, False),
        (1440, 160, (20, 256), None, False),
        (1440, 160, (1000, 1000), None, False),  # too much work
    ],
)
def test_tables_that_it_is_tried_for(
    n_rows: int, n_held: int, sides: tuple[int, int], time_limit: float | None, wanted: bool
):
    assert paired.may_pair(n_rows, n_held, sides, time_limit) is wanted


def test_a_fit_of_sites_comes_near_the_law():
    X = one_hot_sites(1400, 12, 5)
    model = hm.RBM(48, n_updates=400, random_state=0).fit(X[:900])
    score = float(model.score(X[900:]))
    assert -12 * np.log(4.0) - 0.5 < score < -12 * np.log(4.0) + 0.5  # independent: -20.2
    # The user's own decay is for weights around nothing, as it says.
    own = hm.RBM(48, n_updates=400, random_state=0, weight_decay=0.001).fit(X[:900])
    assert float(own.score(X[900:])) < score - 1.0


def test_an_interrupted_fit_goes_on_to_the_same_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    X = one_hot_sites(900, 12, 2)

    def fitted(path: Path) -> hm.RBM:
        return hm.RBM(48, n_updates=300, random_state=0, checkpoint=path).fit(X)

    whole = fitted(tmp_path / "whole")
    following, calls = Batches.__next__, 0

    def stopped(self: Batches) -> Batch:
        nonlocal calls
        calls += 1
        if calls == 170:
            raise KeyboardInterrupt
        return following(self)

    monkeypatch.setattr(Batches, "__next__", stopped)
    with pytest.warns(UserWarning, match="interrupted"):
        half = fitted(tmp_path / "half")
    assert half.n_updates_ < 300
    again = fitted(tmp_path / "half")
    assert again.n_updates_ == whole.n_updates_
    np.testing.assert_array_equal(again.components_, whole.components_)
