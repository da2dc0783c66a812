"""Intervals set by rows that were not learned from: right whatever the model holds for true."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import stats
from tests.support.frames import people, quick

import harmonium as hm
from harmonium.questions.calibration import Calibration

LEVELS = (0.001, 0.2, 0.5, 0.8, 0.9, 0.99, 0.9999)


def _cells(frame: pd.DataFrame, seed: int) -> np.ndarray:
    """A fifth of the cells."""
    return np.random.default_rng(seed).random(frame.shape) < 0.2


def _held(imputer: hm.Imputer, frame: pd.DataFrame, level: float) -> dict[str, np.ndarray]:
    """Whether the true value of each hidden cell is inside, by column."""
    gone = _cells(frame, 3)
    wide = frame.astype({"owner": "boolean", "children": "Int64"})
    found, inside = imputer.intervals(wide.mask(gone), level), {}
    for j, name in enumerate(frame):
        truth = frame[name]
        if f"{name}_set" in found:
            sets = found[f"{name}_set"]
            held = [one in (own or []) for one, own in zip(truth, sets, strict=True)]
        else:
            held = truth.between(found[f"{name}_low"], found[f"{name}_high"]).tolist()
        inside[name] = np.array(held)[gone[:, j]]
    return inside


@pytest.fixture(scope="module")
def sure() -> hm.Imputer:
    """Much too sure on purpose: the temperature of what it learned is lowered."""
    imputer = hm.Imputer(quick(n_updates=600)).fit(people(400))
    imputer.estimator_.temperature = 0.1
    return imputer


# -- what it is for -----------------------------------------------------------------------------


def test_a_model_that_is_too_sure_is_set_right(sure: hm.Imputer) -> None:
    """Of fresh rows; sets and whole numbers, which are masses, hold at least what is said."""
    fresh = people(1500, seed=11)
    sure.calibration_ = Calibration()
    before = _held(sure, fresh, 0.9)
    assert before["age"].mean() < 0.75
    assert before["owner"].mean() < 0.85
    sure.calibrate(people(500, seed=12))
    after = _held(sure, fresh, 0.9)
    # of the 200 ranks or so that a level is read from, and of the fresh cells, five deviations
    slack = 5 * np.sqrt(0.09 * (1 / 200 + 1 / len(after["age"])))
    assert abs(after["age"].mean() - 0.9) < slack
    for name in ("job", "owner", "children"):
        assert after[name].mean() > 0.9 - slack, name
    assert abs(_held(sure, fresh, 0.5)["age"].mean() - 0.5) < slack * 5 / 3


def test_intervals_grow_with_the_level_and_stay_in_the_column(sure: hm.Imputer) -> None:
    sure.calibrate(people(500, seed=12))
    X = people(30, seed=4).assign(age=np.nan, job=None)
    bounds = people(400)["age"].agg(["min", "max"])
    low, high, sets = np.inf, -np.inf, 0
    for level in LEVELS:
        found = sure.intervals(X, level)
        assert (found["age_low"] <= low).all()
        assert (found["age_high"] >= high).all()
        assert (found["job_set"].map(len) >= sets).all()
        low, high, sets = found["age_low"], found["age_high"], found["job_set"].map(len)
    assert low.min() >= bounds["min"]
    assert high.max() <= bounds["max"]
    sure.calibration_ = Calibration({"age": np.repeat([0.0, 1.0], 50)}, frozenset({"age"}), 100)
    found = sure.intervals(X)  # no truth lay where the model said: all of the range seen
    assert found["age_low"].to_numpy() == pytest.approx(bounds["min"])
    assert found["age_high"].to_numpy() == pytest.approx(bounds["max"])


# -- ranks --------------------------------------------------------------------------------------


def test_ranks_of_a_models_own_rows_are_uniform() -> None:
    """And those of a model that is too sure are not: the planted fault."""
    model = quick().fit(people(300))
    rows = model.sample(1500, random_state=0)
    hidden = np.zeros(rows.shape, dtype=bool)
    hidden[np.arange(1500), np.arange(1500) % 4] = True  # one a row: exact sums
    for temperature, good in ((1.0, True), (0.2, False)):
        model.temperature = temperature
        cells = model.cell_marginals(rows, of=hidden)
        ranks = np.concatenate([cell.ranks(np.random.default_rng(1)) for cell in cells])
        assert np.isnan(ranks).sum() == 3 * 1500
        p = stats.kstest(ranks[~np.isnan(ranks)], "uniform").pvalue
        assert (p > 1e-5) == good


def test_cells_that_are_marked_are_told_as_if_missing() -> None:
    X = people(60, seed=5, holes=0.1)[["job", "children", "age", "owner"]]
    model = quick().fit(people(150, holes=0.1))
    gone = np.zeros(X.shape, dtype=bool)
    gone[np.arange(60), np.arange(60) % 4] = True
    names = [column.name for column in model.schema_.columns]
    blank = X.mask(gone[:, [names.index(name) for name in X]])
    marked, missing = model.cell_marginals(X, of=gone), model.cell_marginals(blank)
    for j, (one, other) in enumerate(zip(marked, missing, strict=True)):
        assert one.column.name == names[j]
        np.testing.assert_allclose(one.shares[gone[:, j]], other.shares[gone[:, j]])
        assert (one.asked == gone[:, j]).all()
        truth = pd.isna(np.asarray(one.values, dtype=object))
        assert (truth == X[names[j]].isna().to_numpy()).all()
    with pytest.raises(ValueError, match=r"of must be bool of shape \(60, 4\)"):
        model.cell_marginals(X, of=gone[:, :3])
    with pytest.raises(ValueError, match="of must be"):
        model.cell_marginals(X, of="all")


# -- from ranks to levels -----------------------------------------------------------------------


@pytest.mark.parametrize("n", [0, 1, 5, 400])
def test_levels_rise_and_stay_between_0_and_1(n: int) -> None:
    source = np.random.default_rng(n)
    ranks = {
        "age": np.sort(source.beta(0.2, 0.2, n)),
        "wage": np.repeat([0.0, 1.0], n),
        "job": np.sort(source.beta(3.0, 0.3, n)),
    }
    found = Calibration(ranks, frozenset({"age", "wage"}), n)
    for name in (*ranks, "never met"):
        ends = np.array([found.ends(name, level) for level in LEVELS])
        shares = [found.share(name, level) for level in LEVELS]
        assert (np.diff(ends[:, 0]) <= 0).all()
        assert (np.diff(ends[:, 1]) >= 0).all()
        assert (np.diff(shares) >= 0).all()
        assert 0 <= ends.min()
        assert ends.max() <= 1
        assert 0 <= min(shares) <= max(shares) <= 1


def test_nothing_to_go_by_changes_nothing() -> None:
    for found in (
        Calibration(),
        Calibration({"age": np.empty(0)}, frozenset({"age"}), 3),
    ):
        for level in LEVELS:
            assert found.ends("age", level) == pytest.approx(((1 - level) / 2, (1 + level) / 2))
            assert found.share("job", level) == pytest.approx(level)


@pytest.mark.parametrize("n", [60, 1000])
def test_one_more_rank_is_inside_as_often_as_said(n: int) -> None:
    """Over many draws of ranks of the same law, however wrong; few are drawn to uniform ones, so
    that what the model says counts for some of it."""
    source, law = np.random.default_rng(0), stats.beta(0.4, 0.5)
    held = []
    for _ in range(300):
        ranks = {"a": np.sort(law.rvs(n, random_state=source))}
        low, high = Calibration(ranks, frozenset({"a"}), n).ends("a", 0.9)
        held.append(law.cdf(high) - law.cdf(low))
    alone = law.cdf(0.95) - law.cdf(0.05)
    assert alone < 0.75
    error = 4.5 * np.std(held) / np.sqrt(300)
    assert abs(np.mean(held) - 0.9) < error + 0.2 * (0.9 - alone) * 60 / n


# -- fits ---------------------------------------------------------------------------------------


def test_a_fit_is_set_by_the_rows_that_it_held_out(tmp_path: Path) -> None:
    X, asked = people(200, holes=0.1), people(25, seed=8, holes=0.3)
    imputer = hm.Imputer(quick(validation_fraction=0.2)).fit(X)
    model = imputer.estimator_
    assert len(model.held_out_) == 40
    assert (np.diff(model.held_out_) > 0).all()
    assert imputer.calibration_.n_rows == 40
    told = imputer.facts()["intervals set by"]
    assert told == f"{imputer.calibration_.n_cells} hidden cells of 40 rows held out"
    known = X.iloc[model.held_out_].notna().to_numpy().sum()
    assert imputer.calibration_.n_cells == known  # each once
    again = hm.Imputer(model).fit(X)
    again.estimator_, again.calibration_ = model, Calibration()
    plain = again.intervals(asked)
    again.calibrate(X.iloc[model.held_out_])
    found = imputer.intervals(asked)
    pd.testing.assert_frame_equal(again.intervals(asked), found)
    assert not found.equals(plain)
    imputer.save(tmp_path / "m")
    pd.testing.assert_frame_equal(hm.load(tmp_path / "m").intervals(asked), found)


def test_without_rows_held_out_intervals_are_the_models_own(tmp_path: Path) -> None:
    imputer = hm.Imputer(quick()).fit(people(60))
    assert imputer.calibration_.n_rows == 0
    assert imputer.facts()["intervals set by"] == "the model alone, of which no rows were held out"
    imputer.save(tmp_path / "m")
    assert hm.load(tmp_path / "m").calibration_.n_rows == 0
    grid = hm.Imputer(hm.GridMRF())
    grid.estimator_ = hm.GridMRF()
    with pytest.raises(TypeError, match="calibrate: GridMRF gives no P of single cells"):
        grid.calibrate(np.zeros((4, 9)))
    with pytest.raises(ValueError, match="X has no rows"):
        imputer.calibrate(people(60).iloc[:0])
    with pytest.raises(ValueError, match="'job' is missing"):
        imputer.calibrate(people(60).drop(columns="job"))


def test_rows_of_any_kind_are_held_out_and_asked_about(tmp_path: Path) -> None:
    """Other libraries, rows out of core, arrays, sequences, tables where missing is a state."""
    X = people(80, holes=0.1).reset_index(drop=True)
    frame = pl.from_pandas(X)
    frame.write_parquet(tmp_path / "rows.parquet")
    bits = (np.random.default_rng(0).random((60, 5)) < 0.4).astype(float)
    family = hm.Alignment.from_sequences(["ACGT", "ACGA", "TCGA", "AC?T"] * 10)
    short = quick(validation_fraction=0.25, n_updates=20)
    network = hm.MarkovNetwork([hm.Factor(["a", "b"], [[1.0, 1.0], [1.0, 1.0]])])
    cases: list[tuple[Any, Any, int]] = [
        (short, frame, 20),
        (short, frame.to_dict(as_series=False), 20),
        (short, str(tmp_path / "rows.parquet"), 20),
        (quick(validation_fraction=0.25, missing="informative", n_updates=20), X, 20),
        (short, X.drop(columns=["owner", "job"]).to_numpy(float, na_value=np.nan), 20),
        (short, bits, 15),
        (hm.BoltzmannMachine(n_updates=20, validation_fraction=0.25, random_state=0), bits, 15),
        (network.set_params(validation_fraction=0.25), bits[:, :2], 15),
        (short, family, 10),
    ]
    for model, rows, n in cases:
        imputer = hm.Imputer(model).fit(rows)
        assert imputer.calibration_.n_rows == n, (model, type(rows))
        assert imputer.calibration_.n_cells > 0
        assert len(imputer.estimator_.held_out_) == n


def test_rows_that_are_learned_with_a_part_of_their_weight_are_not_held_out() -> None:
    model = quick(validation_fraction=0.3)
    weights = np.repeat([9.0, 1.0], [5, 45])
    model.fit(people(50), sample_weight=weights)
    assert 0 < len(model.held_out_) < 30
    assert (model.held_out_ >= 5).all()


@pytest.mark.parametrize(
    "facts",
    [
        {"columns": ["a"], "counts": [3], "numbers": [], "n_rows": 1},
        {"columns": ["a", "b"], "counts": [2], "numbers": [], "n_rows": 1},
    ],
)
def test_files_that_do_not_fit_are_refused(facts: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="calibration"):
        Calibration.from_state({"ranks": np.array([0.2, 0.7])}, facts)
    right = {"columns": ["a"], "counts": [2], "numbers": [], "n_rows": 1}
    with pytest.raises(ValueError, match=r"ranks in \[0, 1\]"):
        Calibration.from_state({"ranks": np.array([0.2, 1.7])}, right)
