"""log Z by draws near known rows: unbiased, against sums over all states, and what it is for.

A mode that chains never come to makes every likelihood too high, and no chain tells.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
import torch
from tests.support.hidden_oracle import random_layer
from tests.support.rbm_oracle import random_rbm
from tests.support.table_oracle import small_frame, small_model
from tests.support.two_modes import second_mode_of

import harmonium as hm
from harmonium.contract.energy import Evidence
from harmonium.contract.estimates import LogZ, Status
from harmonium.learning.rows import Batch
from harmonium.learning.watch import Likelihood, Near
from harmonium.models.rbm.near import NEAR, _near_one, log_partition_near, log_weight_near
from harmonium.sampling.completions import are_few
from harmonium.sampling.paths import raised
from harmonium.sampling.seen import log_weight_seen

N_DRAWS = 20_000
#: Standard errors off at a risk of 1e-5.
LIMIT = 4.4


def batch(rows: np.ndarray) -> Batch:
    known = ~np.isnan(rows)
    observed = None if known.all() else torch.from_numpy(known)
    return Batch(torch.from_numpy(np.nan_to_num(rows)), None, observed)


def off_by(model: hm.RBM, rows: np.ndarray) -> float:
    """Standard errors from log Z by sums."""
    energy = model.build_energy(torch.float64)
    exact = energy.exact_log_partition()
    found = log_partition_near(energy, batch(rows), N_DRAWS)
    assert found.effective_chains > 500
    assert found.status == "ok"
    assert found.std_error < 0.1
    return (found.value - exact) / found.std_error


@pytest.mark.parametrize("kind", ["bernoulli", "gaussian", "relu", "drelu", "categorical"])
def test_draws_near_rows_weigh_z_with_hidden_units_of_every_kind(kind):
    model = hm.RBM.from_parameters(*random_rbm(6, 3, 0.6, seed=1), hidden=kind)
    model._hidden_own = random_layer(kind, 3, seed=2)
    rows = (np.random.default_rng(0).random((40, 6)) < 0.5).astype(float)
    assert abs(off_by(model, rows)) < LIMIT


@pytest.mark.parametrize("holes", [False, True])
def test_draws_near_rows_weigh_z_of_columns_of_every_kind(holes):
    frame = small_frame()
    model = small_model(frame)
    rows = np.array(model._codec().read(frame.dropna()), dtype=float)[:200]
    if holes:
        rows[np.random.default_rng(0).random(rows.shape) < 0.3] = np.nan
    assert abs(off_by(model, rows)) < LIMIT


def test_normal_numbers_have_weights_of_their_own():
    random = np.random.default_rng(0)
    frame = pd.DataFrame({"a": random.normal(size=100), "b": random.choice(list("xyz"), 100)})
    model = small_model(frame, visible={"a": "gaussian"})
    assert abs(off_by(model, np.array(model._codec().read(frame), dtype=float))) < LIMIT


def test_what_is_known_of_a_row_says_where_the_rest_of_it_is():
    """Of each row half, all off or all on: filled, they are still in both modes."""
    model, _ = second_mode_of(0.5, 12, 3.0)
    energy = model.build_energy(torch.float64)
    rows = np.repeat([0.0, 1.0], 50)[:, None] * np.ones(12)
    rows[:, ::2] = np.nan
    found = log_partition_near(energy, batch(rows), N_DRAWS)
    assert found.value == pytest.approx(energy.exact_log_partition(), abs=0.1)


def test_rows_of_a_mode_bring_it_into_the_figure():
    """Of half of all probability, none of which is near the other rows."""
    model, _ = second_mode_of(0.5, 12, 3.0)
    energy = model.build_energy(torch.float64)
    truth = energy.exact_log_partition()
    both, one = np.repeat([0.0, 1.0], 50)[:, None] * np.ones(12), np.zeros((100, 12))
    found = log_partition_near(energy, batch(both), N_DRAWS)
    assert abs(found.value - truth) < LIMIT * found.std_error
    alone = log_partition_near(energy, batch(one), N_DRAWS)
    assert alone.value == pytest.approx(truth - math.log(2.0), abs=0.1)


def seen_and_wanted(model: hm.RBM, rows: np.ndarray) -> tuple[torch.Tensor, ...]:
    """Rows, which of their cells are free, and log P~ of the rest, by sums over all states."""
    energy = model.build_energy(torch.float64)
    free = torch.from_numpy(np.isnan(rows))
    x = torch.from_numpy(np.nan_to_num(rows))
    wanted, error = log_weight_seen(energy, x, Evidence(free), np.random.default_rng(0))
    assert (error == 0).all()
    return x, free, wanted


def check_seen(model: hm.RBM, rows: np.ndarray, n_draws: int = 12) -> None:
    """Weights of many small sets of draws are right on average, and as far off as they say."""
    x, free, wanted = seen_and_wanted(model, rows)
    source, n = np.random.default_rng(1), 400
    log_weights = _near_one(
        model.build_energy(torch.float64), x.repeat(n, 1), free.repeat(n, 1), n_draws, source
    ).reshape(n, len(rows), n_draws)
    means = torch.exp(log_weights - wanted.unsqueeze(1)).mean(2).numpy()
    errors = np.maximum(means.std(0) / math.sqrt(n), 1e-7)
    assert np.abs((means.mean(0) - 1) / errors).max() < LIMIT


@pytest.mark.parametrize("kind", ["bernoulli", "gaussian", "relu", "drelu", "categorical"])
def test_draws_near_a_row_weigh_what_is_known_of_it_with_hidden_units_of_every_kind(kind):
    model = hm.RBM.from_parameters(*random_rbm(6, 3, 0.6, seed=1), hidden=kind)
    model._hidden_own = random_layer(kind, 3, seed=2)
    rows = (np.random.default_rng(0).random((6, 6)) < 0.5).astype(float)
    rows[np.random.default_rng(1).random(rows.shape) < 0.5] = np.nan
    check_seen(model, rows)


def test_draws_near_a_row_weigh_what_is_known_of_columns_of_every_kind():
    frame = small_frame()
    model = small_model(frame)
    rows = np.array(model._codec().read(frame.dropna()), dtype=float)[:6]
    rows[np.random.default_rng(0).random(rows.shape) < 0.6] = np.nan
    x, free, wanted = seen_and_wanted(model, rows)
    check_seen(model, rows)
    energy = model.build_energy(torch.float32)
    value, error, told = log_weight_near(energy, x.float(), free, 24, np.random.default_rng(0))
    assert told.all()
    exact = are_few(free, energy.sizes, 24)
    assert exact.any()
    assert not exact.all()
    assert ((error == 0) == exact).all()
    assert ((value - wanted).abs() <= 6.0 * error + 1e-4).all()


def test_of_a_row_of_which_hundreds_of_cells_are_free_draws_near_it_tell_nothing():
    energy = hm.RBM.from_parameters(*random_rbm(300, 100, 0.3, seed=1)).build_energy(torch.float32)
    x, free = torch.zeros((3, 300)), torch.ones((3, 300), dtype=torch.bool)
    free[0, 2:] = False
    told = log_weight_near(energy, x, free, 32, np.random.default_rng(0))[2]
    assert told.tolist() == [True, False, False]


def test_a_watch_weighs_rows_with_holes_by_draws_and_few_rows_by_more(monkeypatch):
    """And anneals those that draws do not tell."""
    model = small_model(small_frame())
    energy = model.build_energy(torch.float32)
    random = np.random.default_rng(0)
    rows = np.array(model._codec().read(small_frame(400, 1).dropna()), dtype=np.float32)
    rows[random.random(rows.shape) < 0.6] = np.nan
    asked = []

    def near(energy, x, free, n_draws, generator):
        value, error, told = log_weight_near(energy, x, free, n_draws, generator)
        asked.append((len(x), n_draws))
        told[::2] = False
        value[::2] = np.nan  # which nobody may use
        return value, error, told

    for n, draws_a_row in ((300, 16), (60, 80), (10, 128)):
        held = batch(rows[:n])
        watch = Likelihood(
            energy, held, held, random, exact=True, near=Near(log_partition_near, near)
        )
        asked.clear()
        score = watch.score(energy.parameters())
        assert asked[0] == (n, draws_a_row)
        wanted = seen_and_wanted(model, rows[:n].astype(float))[2].mean().item()
        found = score.figures["validation"] + score.figures["log_partition"]
        assert found == pytest.approx(wanted, abs=6.0 * score.error + 1e-4)


def particles_at(value: float) -> LogZ:
    return LogZ(value, 0.01, "trajectory", "lower", "ok", 400.0, 500, 40)


def test_a_look_whose_particles_have_lost_a_mode_cannot_be(monkeypatch):
    model, _ = second_mode_of(0.5, 12, 3.0)
    energy = model.build_energy(torch.float32)
    truth = model.log_partition("exact").value
    rows = batch(np.repeat([0.0, 1.0], 50)[:, None].astype(np.float32) * np.ones(12, np.float32))
    watch = Likelihood(energy, rows, rows, np.random.default_rng(0), exact=False, near=NEAR)
    for value, possible in ((truth, True), (truth - 0.3, True), (truth - 1.0, False)):
        monkeypatch.setattr(Likelihood, "_log_partition", lambda *_, v=value: particles_at(v))
        score = watch.score(energy.parameters())
        assert score.possible is possible
        # What is told is never the flattering one.
        assert score.figures["log_partition"] == pytest.approx(truth, abs=0.1)
    confirmed = watch.confirm(energy.parameters(), 100)
    assert confirmed is not None
    assert confirmed.near is not None
    assert confirmed.near.value == pytest.approx(truth, abs=0.1)


def test_the_higher_of_two_that_fall_short_is_kept():
    found = particles_at(3.0)
    near = LogZ(5.0, 0.1, "near_rows", "lower", "ok", 50.0, 1000, 1)
    assert raised(found, None) is found
    assert raised(near, found) is near
    assert raised(found, near) == near
    few = LogZ(5.0, 0.1, "near_rows", "lower", "few_effective_chains", 2.0, 1000, 1)
    assert raised(found, few).status is Status.MISSED_STATES
    assert raised(found, LogZ(3.2, 0.1, "near_rows", "lower", "ok", 50.0, 1000, 1)) is found


def test_a_fit_keeps_what_its_rows_show_for_its_parameters_alone(tmp_path, monkeypatch):
    """Annealing that finds too little is raised, in the file's model too."""
    random = np.random.default_rng(0)
    first = random.normal(size=(200, 1))
    frame = pd.DataFrame(first + random.normal(size=(200, 6)), columns=list("abcdef"))
    settings = {"weight_decay": 0.01, "smoothing": 0.01, "n_updates": 200, "random_state": 0}
    model = hm.RBM(60, **settings).fit(frame)
    right = model.log_partition()
    assert model.confirmed_.near.value == pytest.approx(right.value, abs=0.1)
    model.save(tmp_path / "m.safetensors")
    low = LogZ(right.value - 4.0, 0.01, "ais", "lower", "ok", 90.0, 100, 1000)
    monkeypatch.setattr("harmonium.models.partition.estimated", lambda *_: low)
    for one in (model, hm.load(tmp_path / "m.safetensors", hm.RBM)):
        one._keep_log_partition(None)
        found = one.log_partition()
        assert (found.method, found.status) == ("near_rows", "ok")
        assert found.value == pytest.approx(right.value, abs=0.1)
    model.components_ *= 0.5
    assert model.log_partition().method == "ais"
