"""Models of frames, judged by sums over every joint state of the columns."""

from __future__ import annotations

import itertools
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from tests.support.statistics import ALPHA, assert_drawn_from
from tests.support.table_oracle import TableOracle, rows_of, small_frame, small_model

import harmonium as hm
from harmonium.models import open_states, scoring
from harmonium.models.scoring import FrameRows, log_weights_of_frame
from harmonium.units.space import LIMITS

CLOSE = {"atol": 1e-9, "rtol": 0}
#: Of the largest of some twenty normal numbers, at a risk of 1e-5.
LIMIT = 5.1
PATTERNS = list(itertools.product([False, True], repeat=5))


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return small_frame()


@pytest.fixture(scope="module")
def model(frame: pd.DataFrame) -> hm.RBM:
    return small_model(frame)


@pytest.fixture(scope="module")
def oracle(model: hm.RBM) -> TableOracle:
    return TableOracle(model)


@pytest.fixture(params=["exact", "chains"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Sums over states, or the chains that answer where there are too many to sum."""
    if request.param == "chains":
        monkeypatch.setitem(LIMITS, "answer", 1)
    return str(request.param)


def every_state(model: hm.RBM, oracle: TableOracle) -> pd.DataFrame:
    return model.schema_.write(oracle.states.astype(float))


def with_holes(frame: pd.DataFrame) -> pd.DataFrame:
    """A row for every pattern of holes."""
    rows = frame.iloc[: len(PATTERNS)].astype({"n": "Int64"}).reset_index(drop=True)
    for i, pattern in enumerate(PATTERNS):
        rows.loc[i, [c for c, gone in zip(rows, pattern, strict=True) if gone]] = None
    return rows


# -- how likely? -----------------------------------------------------------------------------


def scores_are_those_of_all_states(model: hm.RBM, oracle: TableOracle) -> None:
    rows = every_state(model, oracle)
    states = model.score_samples(rows) - oracle.inside(rows)
    np.testing.assert_allclose(states, oracle.log_p, **CLOSE)
    assert np.exp(states).sum() == pytest.approx(1, abs=1e-9)


def test_a_score_is_p_of_the_states_and_the_density_inside(model, oracle):
    scores_are_those_of_all_states(model, oracle)


def masses_sum(model: hm.RBM, frame: pd.DataFrame) -> None:
    """Cells of one column beside each other, all of the line: P of the others."""
    n = 1_000
    lattice = [(0.1 * np.arange(n), 0.1), (99.95 + 10 * np.arange(n) + 5, 10.0), ([1e8], 1.9998e8)]
    rows = rows_of(frame, 1)
    wanted = model.score_samples(rows_of(frame, 1, x=None), resolution={"n": 1})
    total = 0.0
    for middles, width in lattice:
        rows = rows_of(frame, len(middles)).assign(x=middles)
        total += np.exp(model.score_samples(rows, resolution={"n": 1, "x": width})).sum()
    np.testing.assert_allclose(np.log(total), wanted, atol=1e-4)
    counts = rows_of(frame, 3_000).assign(n=np.arange(3_000))
    total = np.exp(model.score_samples(counts, resolution={"n": 1})).sum()
    np.testing.assert_allclose(
        np.log(total), model.score_samples(rows_of(frame, 1, n=None)), atol=1e-4
    )


def test_masses_of_cells_sum_to_p_of_the_other_columns(model, frame):
    masses_sum(model, frame)


def density_integrates(model: hm.RBM, frame: pd.DataFrame) -> None:
    """Over steps of the width that it is told over, in every bin that ends."""
    column = model.schema_["x"]
    for k in range(1, column.n_states - 1):
        low, high = column.ends[k : k + 2]
        n = round((high - low) / column.width)
        middles = low + (np.arange(n) + 0.5) * (high - low) / n
        density = np.exp(model.score_samples(rows_of(frame, n).assign(x=middles)))
        # What is known of the bin alone: its mass, whatever lies inside.
        cell = rows_of(frame, 1).assign(x=(low + high) / 2)
        mass = np.exp(model.score_samples(cell, resolution={"x": high - low}))
        assert density.sum() * (high - low) / n == pytest.approx(mass[0], rel=0.01)


def test_the_density_of_numbers_integrates_to_p_of_the_other_columns(model, frame):
    density_integrates(model, frame)


def test_a_row_with_holes_is_the_sum_over_what_may_stand_there(model, oracle, frame):
    rows = with_holes(frame)
    wanted = oracle.log_seen(oracle.read(rows)) + oracle.inside(rows)
    np.testing.assert_allclose(model.score_samples(rows), wanted, **CLOSE)
    assert model.score_samples(rows)[-1] == 0.0  # of which nothing is known


@pytest.mark.parametrize("resolution", [{}, {"x": 3.0, "n": 1.0}])
def test_annealed_scores_of_holes_are_as_exact_ones(model, frame, monkeypatch, resolution):
    rows = with_holes(frame)
    exact = model.score_samples(rows, resolution=resolution)
    log_z = model.log_partition("exact").value
    monkeypatch.setitem(LIMITS, "answer", 1)
    monkeypatch.setattr(open_states, "_COMPILED", 1)
    given = (FrameRows.read(model._layout, rows), model.build_energy(torch.float64), resolution)
    value, error = log_weights_of_frame(*given, np.random.default_rng(0))
    assert (error > 0).sum() >= len(rows) - 2  # chains have met them
    assert (np.abs(value - log_z - exact) <= LIMIT * error + 1e-9).all()
    assert error.max() < 0.1
    annealed = model.score_samples(rows, resolution=resolution, random_state=0)
    assert (np.abs(annealed - exact) <= LIMIT * error + 1e-9).all()
    assert annealed[-1] == 0.0


def test_cells_over_many_bins_are_drawn_as_they_are_summed(model, frame, monkeypatch):
    """By compiled loops, by the energy itself, and by draws where there are too many."""
    rows, resolution = rows_of(frame, 40), {"x": 6.0, "n": 3.0}
    exact = model.score_samples(rows, resolution=resolution)
    with monkeypatch.context() as plain:
        plain.setattr(open_states._Tables, "of", lambda energy: None)
        np.testing.assert_allclose(
            model.score_samples(rows, resolution=resolution), exact, atol=1e-10
        )
    monkeypatch.setitem(LIMITS, "answer", 1)
    monkeypatch.setattr(open_states, "_COMPILED", 1)
    given = (FrameRows.read(model._layout, rows), model.build_energy(torch.float64), resolution)
    value, error = log_weights_of_frame(*given, np.random.default_rng(0))
    assert (error > 0).sum() > 30
    off = value - model.log_partition("exact").value - exact
    assert (np.abs(off) <= LIMIT * error + 1e-9).all()
    assert error.max() < 0.05


def test_resolution_of_a_hole_says_nothing(model, frame):
    rows = rows_of(frame, 1, x=None)
    np.testing.assert_allclose(
        model.score_samples(rows, resolution={"x": 5.0}), model.score_samples(rows), **CLOSE
    )


# -- new rows -----------------------------------------------------------------------------------


def test_draws_are_from_the_joint_distribution(model, oracle, way):
    drawn = model.sample(4_000, random_state=1)
    assert_drawn_from(oracle.numbers(drawn), oracle.p)


def share_of(column: Any, low: float, high: float) -> np.ndarray:
    """The share of each bin that lies in [low, high], from the marginal alone."""
    a, b = np.maximum(low, column.ends[:-1]), np.minimum(high, column.ends[1:])
    return column.marginal.mass(a, b) / column.marginal.mass(column.ends[:-1], column.ends[1:])


def conditioned(model: hm.RBM, oracle: TableOracle) -> list[tuple[dict, np.ndarray]]:
    """Conditions and what they leave of every joint state's weight."""
    x = oracle.columns[oracle.names.index("x")]
    n = oracle.columns[oracle.names.index("n")]
    at_two = share_of(n, 1.5, 2.5)[oracle["n"]]
    grades = oracle.columns[oracle.names.index("grade")].categories
    return [
        ({"yes": "y"}, oracle["yes"] == 1),
        ({"shade": ["r", "g"], "yes": "n"}, (oracle["shade"] != 0) & (oracle["yes"] == 0)),
        ({"x": (0.5, 4.0)}, share_of(x, 0.5, 4.0)[oracle["x"]]),
        ({"grade": ("mid", "high"), "n": 2}, (oracle["grade"] >= grades.index("mid")) * at_two),
        ({"n": [0, 2], "x": (1.0, 2.0), "shade": {"b"}},
         (share_of(n, -0.5, 0.5)[oracle["n"]] + at_two)
         * share_of(x, 1.0, 2.0)[oracle["x"]] * (oracle["shade"] == 0)),
    ]  # fmt: skip


def follow_conditions(model: hm.RBM, oracle: TableOracle) -> None:
    for condition, weight in conditioned(model, oracle):
        drawn = model.sample(1_000, condition=condition, random_state=2)
        p = oracle.p * weight
        assert_drawn_from(oracle.numbers(drawn), p / p.sum())
        for name, wanted in condition.items():
            if isinstance(wanted, tuple) and name == "x":
                assert drawn[name].between(*wanted).all()
            elif isinstance(wanted, tuple):
                assert set(drawn[name]) == set(wanted)
            else:
                many = isinstance(wanted, list | set)
                assert set(drawn[name]) == (set(wanted) if many else {wanted})


def test_draws_follow_conditions(model, oracle, way):
    follow_conditions(model, oracle)


def test_values_never_seen_together_are_drawn(frame, way):
    alone = frame.assign(shade=np.where(frame["yes"] == "y", "r", "g"))
    model = small_model(alone)
    oracle = TableOracle(model)
    condition = {"yes": "y", "shade": "g", "n": 3, "x": (0.0, 0.0)}
    drawn = model.sample(500, condition=condition, random_state=0)
    assert (drawn[["yes", "shade", "n", "x"]] == ["y", "g", 3, 0.0]).all(axis=None)
    x, n = model.schema_["x"], model.schema_["n"]
    zero, three = share_of(x, 0, 0)[oracle["x"]], share_of(n, 2.5, 3.5)[oracle["n"]]
    p = oracle.p * zero * three * (oracle["yes"] == 1) * (oracle["shade"] == 0)
    assert_drawn_from(oracle.numbers(drawn), p / p.sum())


# -- what stands in a hole? ---------------------------------------------------------------------

HOLES = [("shade",), ("x",), ("yes", "n"), ("shade", "grade", "n", "x")]


def fill(model: hm.RBM, frame: pd.DataFrame, names: tuple[str, ...], how: str, n: int = 1) -> Any:
    rows = rows_of(frame, n, **dict.fromkeys(names))
    return rows, model.complete(rows, how=how, random_state=3)


@pytest.mark.parametrize("names", HOLES)
def test_the_most_probable_filling_is_that_of_all(model, oracle, frame, names, way):
    rows, found = fill(model, frame, names, "mode")
    with np.errstate(divide="ignore"):
        weight = np.log(oracle.given(oracle.read(rows)[0]))
    for name in names:  # of numbers the densest value, not the widest bin
        column = oracle.columns[oracle.names.index(name)]
        if column.is_number:
            weight = weight + column.peaks()[oracle[name]]
    np.testing.assert_array_equal(oracle.read(found)[0], oracle.states[weight.argmax()])
    known = [name for name in frame if name not in names]
    pd.testing.assert_frame_equal(found[known], rows[known])


def means_are_those_of_all(
    model: hm.RBM, oracle: TableOracle, frame: pd.DataFrame, names: tuple[str, ...], slack: float
) -> None:
    rows = rows_of(frame, 41, **dict.fromkeys(names))
    rows.loc[40, list(names)] = frame.loc[0, list(names)]  # or a column has no type of its own
    found = model.complete(rows, how="mean", random_state=3)[:40]
    p = oracle.given(oracle.read(rows)[0])
    for name in names:
        column = oracle.columns[oracle.names.index(name)]
        marginal = np.bincount(oracle[name], p)
        if column.is_number:
            centres = column.centres()
            spread = np.sqrt(marginal @ centres**2 - (marginal @ centres) ** 2)
            assert abs(found[name].mean() - marginal @ centres) <= slack * spread
        else:
            assert found[name].mode()[0] == column.categories[marginal.argmax()]


@pytest.mark.parametrize("names", HOLES)
def test_means_are_those_of_all_fillings(model, oracle, frame, names, way):
    means_are_those_of_all(model, oracle, frame, names, 1e-5 if way == "exact" else 0.03)


@pytest.mark.parametrize("names", HOLES)
def test_drawn_fillings_follow_the_rest_of_the_row(model, oracle, frame, names, way):
    rows, found = fill(model, frame, names, "sample", 1_500)
    assert_drawn_from(oracle.numbers(found), oracle.given(oracle.read(rows)[0]))


def test_known_cells_are_kept_to_the_digit(model, frame, way):
    rows = frame.assign(shade=None, x=frame["x"] * np.pi)
    for how in ("mode", "mean", "sample"):
        found = model.complete(rows, how=how, random_state=0)
        kept = ["yes", "grade", "n", "x"]
        pd.testing.assert_frame_equal(found[kept], rows[kept], check_exact=True)
        assert found["shade"].isin(list("rgb")).all()


# -- hidden units, channels ---------------------------------------------------------------------


def test_hidden_units_are_those_of_the_states(model, oracle, frame):
    np.testing.assert_allclose(
        model.transform(frame), oracle.hidden[oracle.numbers(frame)], **CLOSE
    )
    rows = rows_of(frame, 400, shade=None, x=None)
    p = oracle.given(oracle.read(rows)[0])
    wanted, spread = p @ oracle.hidden, np.sqrt(p @ oracle.hidden**2 - (p @ oracle.hidden) ** 2)
    error = spread / np.sqrt(20 * len(rows))  # twenty draws a row
    assert (np.abs(model.transform(rows).mean(0) - wanted) <= LIMIT * error).all()


def noisy_posterior(oracle: TableOracle, row: np.ndarray, p: float) -> np.ndarray:
    """Bayes' rule over every joint state: a cell is as read, or a draw of its column."""
    weight = oracle.p.copy()
    for j, name in enumerate(oracle.names):
        if not np.isnan(row[j]):
            other = oracle.rates[name][int(row[j])]
            weight *= np.where(oracle.states[:, j] == row[j], 1 - p + p * other, p * other)
    return weight / weight.sum()


def cleaned_as_by_bayes(model: hm.RBM, oracle: TableOracle, frame: pd.DataFrame) -> None:
    noise = hm.noise.Cells(0.4)
    rows = rows_of(frame, 2_000, grade=None)
    read = oracle.read(rows)[0]
    p = noisy_posterior(oracle, read, 0.4)
    assert 0.02 < p[(np.isnan(read) | (oracle.states == read)).all(1)].sum() < 0.9
    found = model.correct(rows, noise=noise, how="sample", random_state=5)
    assert_drawn_from(oracle.numbers(found), p)
    for j, name in enumerate(oracle.names):
        assert_drawn_from(oracle.read(found)[:, j].astype(int), np.bincount(oracle[name], p))
    mean = model.correct(rows.head(1), noise=noise, how="mean", random_state=0)
    for name in ("shade", "yes", "grade"):
        share = np.bincount(oracle[name], p)
        chosen = oracle.columns[oracle.names.index(name)].categories.index(mean[name][0])
        assert share[chosen] > share.max() - 0.05  # chains do not tell what is nearly as likely
    mode = model.correct(rows.head(1), noise=noise)
    weight = np.log(p) + sum(c.peaks()[oracle[c.name]] for c in oracle.columns if c.is_number)
    np.testing.assert_array_equal(oracle.read(mode)[0], oracle.states[weight.argmax()])


def test_cells_replaced_at_random_are_cleaned_as_by_bayes(model, oracle, frame, way):
    cleaned_as_by_bayes(model, oracle, frame)


def test_the_channel_draws_cells_as_their_columns_had_them(model, oracle, frame):
    for name in oracle.names:
        seen = np.bincount(oracle.read(frame)[:, oracle.names.index(name)].astype(int))
        np.testing.assert_allclose(oracle.rates[name], seen / len(frame), atol=0.02)


@pytest.mark.parametrize("how", ["mode", "mean", "sample"])
def test_a_channel_without_noise_changes_nothing(model, frame, how):
    found = model.correct(frame, noise=hm.noise.Cells(0.0), how=how, random_state=0)
    pd.testing.assert_frame_equal(found, frame)


# -- planted faults -------------------------------------------------------------------------------


def planted(patch: pytest.MonkeyPatch, fault: str) -> None:
    from harmonium.data.columns.binned import Binned
    from harmonium.models.frames import FrameCodec, Layout

    if fault == "density forgotten":
        patch.setattr(Binned, "log_density", lambda self, values, states: np.zeros(len(states)))
    elif fault == "a state off":
        states = Binned.states
        patch.setattr(
            Binned, "states", lambda self, v, unknown="error": np.maximum(states(self, v) - 1, 0)
        )
    elif fault == "columns as they stand":
        patch.setattr(Layout, "cells", lambda self, states: states)
    elif fault == "conditions forgotten":
        patch.setattr(FrameCodec, "conditioned", lambda self, question, condition: (question, self))
    elif fault == "shares of bins forgotten":
        allowed = Binned.allowed

        def whole(self: Any, condition: Any) -> Any:
            share, within = allowed(self, condition)
            return np.where(np.isfinite(share), 0.0, share), within

        patch.setattr(Binned, "allowed", whole)
    else:
        patch.setattr(hm.RBM, "_rates", lambda self: tuple(
            np.full(size, 1 / size) for size in self._layout.sizes))  # fmt: skip


@pytest.mark.parametrize(
    ("fault", "check"),
    [
        ("density forgotten", density_integrates),
        ("a state off", scores_are_those_of_all_states),
        ("columns as they stand", follow_conditions),
        ("conditions forgotten", follow_conditions),
        ("shares of bins forgotten", follow_conditions),
        ("every value as often", cleaned_as_by_bayes),
    ],
)
def test_planted_faults_are_caught(frame, fault, check, monkeypatch):
    model = small_model(frame)
    oracle = TableOracle(model)
    given = {density_integrates: (model, frame), cleaned_as_by_bayes: (model, oracle, frame)}
    with monkeypatch.context() as patch:
        planted(patch, fault)
        with pytest.raises((AssertionError, ValueError)):
            check(*given.get(check, (model, oracle)))


def test_the_risk_of_a_false_alarm_is_stated():
    assert ALPHA == 1e-5


def test_rough_figures_of_rows_are_told(model, frame, monkeypatch):
    rows = rows_of(frame, 2, x=None, shade=None)
    monkeypatch.setitem(LIMITS, "answer", 1)
    monkeypatch.setattr(open_states, "_COMPILED", 1)
    annealed = scoring._annealed
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        close = model.score_samples(rows)

    def rough(*args):
        value, error = annealed(*args)
        return value, error + np.array([0.0, 0.4])

    monkeypatch.setattr(scoring, "_annealed", rough)
    with pytest.warns(RuntimeWarning, match=r"log P of 1 of 2 rows .* 0.4. at most"):
        np.testing.assert_array_equal(model.score_samples(rows), close)
