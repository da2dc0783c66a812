"""Clusters of the rows learned from: every mode of theirs, whatever is missing, kept in files."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.support.statistics import assert_drawn_from
from tests.support.table_oracle import TableOracle, small_frame, small_model

import harmonium as hm
from harmonium.learning.rows import Split
from harmonium.learning.sources import row_source
from harmonium.models.answers import Enumeration
from harmonium.models.rbm.clusters import Clusters, clusters_of
from harmonium.models.rbm.energy import RBMEnergy

N_COLUMNS, SHARES = 40, (0.55, 0.25, 0.15, 0.05)


def modes() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 2, (len(SHARES), N_COLUMNS)).astype(float)


def rows_of_modes(n: int = 600) -> np.ndarray:
    rng = np.random.default_rng(1)
    x = modes()[rng.choice(len(SHARES), n, p=SHARES)]
    return np.abs(x - (rng.random(x.shape) < 0.05))


def found(x, weights=None, observed=None, kept=None) -> tuple[np.ndarray, Clusters]:
    """The weight of the clusters nearest to each mode, and all of them."""
    blank = hm.RBM.from_parameters(np.zeros((N_COLUMNS, 2)), np.zeros(N_COLUMNS), np.zeros(2))
    energy = blank.build_energy(torch.float32)
    assert isinstance(energy, RBMEnergy)
    source = row_source(x.astype(np.uint8), energy.device, weights, observed)
    kept = np.arange(len(x)) if kept is None else kept
    split = Split(kept, np.arange(0), None if weights is None else weights[kept])
    clusters = clusters_of(energy, energy.parameters(), source, split)
    assert clusters is not None
    means = torch.sigmoid(clusters.inputs).numpy()
    off = np.abs(means[:, None] - modes()).mean(2)
    near = np.bincount(off.argmin(1), clusters.shares.numpy() * (off.min(1) < 0.3), len(SHARES))
    return near, clusters


@pytest.mark.parametrize("holes", [False, True])
def test_every_mode_of_the_rows_is_a_cluster_with_about_its_share(holes):
    x = rows_of_modes()
    observed = np.random.default_rng(2).random(x.shape) > 0.1 if holes else None
    near, clusters = found(x, observed=observed)
    assert np.abs(near - SHARES).max() < 0.2
    assert near.min() > 0.03
    assert float(clusters.shares.sum()) == pytest.approx(1.0)


def test_rows_count_as_their_weights_say_and_rows_held_out_not_at_all():
    x = rows_of_modes()
    rare = np.abs(x - modes()[3]).mean(1) < 0.2
    near, _ = found(x, weights=np.where(rare, 1.0, 0.001))
    assert near[3] > 0.9
    near, _ = found(x, kept=np.flatnonzero(~rare))
    assert near[3] < 0.01


def test_few_rows_have_no_clusters():
    model = hm.RBM(2, n_updates=2, random_state=0).fit(rows_of_modes(30))
    assert model._clusters is None
    assert model.sample(3, random_state=0).shape == (3, N_COLUMNS)


def test_clusters_are_kept_in_files_and_draws_are_the_same(tmp_path):
    model = hm.RBM(4, n_updates=20, random_state=0).fit(rows_of_modes(200))
    model.save(tmp_path / "model.safetensors")
    again = hm.load(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(again._clusters.inputs, model._clusters.inputs)
    drawn = model.sample(20, random_state=1)
    np.testing.assert_array_equal(again.sample(20, random_state=1), drawn)


@pytest.mark.parametrize(
    ("inputs", "shares"),
    [
        (np.zeros((2, 4), "f4"), np.array([0.5, 0.5])),
        (np.zeros((2, 3), "f4"), np.array([0.5, 0.6])),
        (np.zeros((2, 3), "f4"), np.array([1.0, 0.0])),
        (np.zeros((2, 3), "f4"), np.array([1.0])),
        (np.full((2, 3), np.nan, "f4"), np.array([0.5, 0.5])),
        (np.zeros((0, 3), "f4"), np.zeros(0)),
    ],
)
def test_a_file_whose_clusters_are_none_is_refused(inputs, shares):
    with pytest.raises(ValueError, match="cluster"):
        Clusters.from_arrays({"cluster_inputs": inputs, "cluster_shares": shares}, 3)


def test_draws_follow_the_model_from_clusters_that_are_far_off(monkeypatch):
    """Weights of the chains mend what clusters do not know, to the last state."""
    model = small_model(small_frame())
    assert model._clusters is not None
    inputs = model._clusters.inputs + torch.linspace(-1.5, 1.5, model._clusters.inputs.shape[1])
    model._clusters = Clusters(inputs, torch.tensor([0.9, 0.05, 0.05], dtype=torch.float64))
    monkeypatch.setattr(Enumeration, "covers", lambda _, q: torch.zeros(len(q.start)) > 0)
    oracle = TableOracle(model)
    assert_drawn_from(oracle.numbers(model.sample(4000, random_state=1)), oracle.p)
