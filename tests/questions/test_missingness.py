"""Whether being missing tells something is told from rows that were not learned from."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import harmonium as hm


def frame(n: int, *, told: bool, seed: int = 0) -> pd.DataFrame:
    """A label, one beside it that has holes: where the label is "yes", or anywhere."""
    rng = np.random.default_rng(seed)
    ill = rng.random(n) < 0.5
    grade = np.array(["low", "mid", "high"], dtype=object)[rng.integers(0, 3, n)]
    hole = rng.random(n) < (np.where(ill, 0.75, 0.05) if told else 0.3)
    grade[hole] = None
    return pd.DataFrame({"ill": np.where(ill, "yes", "no"), "grade": grade})


@pytest.mark.parametrize("told", [True, False])
def test_holes_that_tell_are_found_and_others_are_not(told: bool) -> None:
    model = hm.RBM(4, n_updates=3000, learning_rate=1.0)
    found = hm.compare_missing(model, frame(1500, told=told), test_size=0.4, random_state=0)
    assert found.better == ("informative" if told else "at-random")
    assert found.std_error > 0.0


def test_cells_are_scored_by_enumeration() -> None:
    X = frame(400, told=True)
    model = hm.RBM(3, n_updates=300, missing="informative", random_state=0).fit(X)
    row = X[X["grade"].notna()].head(1)
    cells = np.array([[False, True]])
    grades = ["low", "mid", "high"]
    all_three = pd.concat([row.assign(grade=grade) for grade in grades])
    joint = model.score_samples(all_three)
    wanted = joint[grades.index(row["grade"].iloc[0])] - np.logaddexp.reduce(joint)
    assert model.score_cells(row, cells)[0] == pytest.approx(wanted, abs=1e-9)


def test_what_cannot_be_compared_is_refused() -> None:
    model = hm.RBM(3, n_updates=20)
    with pytest.raises(ValueError, match="X has no missing cells"):
        hm.compare_missing(model, frame(60, told=True).dropna(), random_state=0)
    with pytest.raises(ValueError, match="X must be a frame, got ndarray"):
        hm.compare_missing(model, np.zeros((4, 2)))
    with pytest.raises(ValueError, match="test_size"):
        hm.compare_missing(model, frame(60, told=True), test_size=0.0)


def test_labels_that_only_unseen_rows_have_are_asked_of_neither() -> None:
    """Each of many rare labels is in the rows learned from or in the others, not in both."""
    rng = np.random.default_rng(0)
    rows = pd.DataFrame({"x": rng.normal(size=120), "y": rng.normal(size=120)})
    rows["rare"] = [f"r{i}" if i % 12 == 0 else "common" for i in range(120)]
    rows.loc[::3, "y"] = np.nan
    found = hm.compare_missing(hm.RBM(2, n_updates=20), rows, random_state=1)
    assert np.isfinite([found.at_random, found.informative, found.std_error]).all()
