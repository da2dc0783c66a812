"""Figures of new rows against real ones: known answers, and planted faults that must show."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from harmonium.questions.copies import check_copies
from harmonium.questions.quality import (
    column_pairs,
    column_shapes,
    detect,
    missing_similarity,
    trained_on,
    with_holes_of,
)


def _people(n, seed, strength=2.0):
    draw = np.random.default_rng(seed)
    age = draw.normal(40, 10, n).round(1)
    pay = strength * (age - 40) + draw.normal(0, 5, n)
    job = np.where(pay + draw.normal(0, 5, n) > 0, "smith", "clerk")
    pay[draw.random(n) < 0.1] = np.nan
    return pd.DataFrame({"age": age, "pay": pay, "job": job})


@pytest.fixture(scope="module")
def real():
    return _people(800, 0)


@pytest.fixture(scope="module")
def apart(real):
    """The same columns, each shuffled by itself."""
    draw = np.random.default_rng(1)
    return pd.DataFrame({name: draw.permutation(real[name].to_numpy()) for name in real})


def test_shapes_by_hand():
    real = {"x": [1.0, 2.0, 3.0, 4.0], "c": ["a", "a", "b", None]}
    new = {"x": [1.0, 2.0, 30.0, 40.0], "c": ["a", "b", "z", "b"]}
    found = column_shapes(real, new)
    assert found["x"] == ("KSComplement", 0.5)
    assert found["c"] == ("TVComplement", pytest.approx(1 - (abs(2 / 3 - 0.25) + 1 / 6 + 0.25) / 2))
    assert missing_similarity(real, new) == {"x": 1.0, "c": 0.75}


def test_pairs_see_what_shapes_do_not(real, apart):
    assert all(value == 1 for _, value in column_shapes(real, apart).values())
    alike, unlike = column_pairs(real, _people(800, 5)), column_pairs(real, apart)
    measure, value, before, after = unlike["age", "pay"]
    assert measure == "rank correlations"
    assert value == pytest.approx(1 - abs(before - after) / 2)
    assert before > 0.9
    assert abs(after) < 0.15
    measure, value, before, after = unlike["age", "job"]
    assert measure == "shares of pairs"
    assert before > 0.2 > 0.05 > after
    assert all(alike[pair][1] > unlike[pair][1] + 0.05 for pair in alike)


def test_mutual_information_of_equal_columns():
    frame = {"a": ["x", "y"] * 50, "b": ["u", "v"] * 50}
    _, value, before, after = column_pairs(frame, frame)["a", "b"]
    assert value == 1
    assert before == after == pytest.approx(np.log(2))


def test_a_tree_tells_shuffled_rows_and_not_fresh_ones(real, apart):
    fresh = detect(real, _people(800, 7))
    # Five folds of 320 rows: a standard error of .02 where nothing can be told.
    assert abs(fresh.auc - 0.5) < 0.1
    assert detect(real, apart).auc > 0.7
    assert detect(real, _people(800, 7, strength=1.0)).auc > 0.6


def test_training_on_new_rows(real, apart):
    fresh = _people(800, 9)
    name, value = trained_on(real, fresh, "job")
    assert (name, value > 0.85) == ("AUC", True)
    assert trained_on(apart, fresh, "job")[1] < 0.65
    name, value = trained_on(real, fresh, "pay")
    assert (name, value > 0.8) == ("R2", True)
    with pytest.raises(ValueError, match="'town'"):
        trained_on(real, fresh, "town")


def test_several_labels_are_each_held_against_the_rest():
    draw = np.random.default_rng(0)
    x = draw.random(600)
    frame = pd.DataFrame({"x": x, "c": np.array(["a", "b", "c"])[(3 * x).astype(int)]})
    assert trained_on(frame[:300], frame[300:], "c")[1] > 0.98


def test_copies_show_and_fresh_rows_do_not(real):
    train, fresh = _people(1000, 11), _people(800, 12)
    check = check_copies(real, fresh, train)
    # Rounded ages meet by chance where pay is missing, among real rows as among new ones.
    assert max(check.copies, check.held_out_copies) < 0.03
    assert check.near < 0.09
    assert check.p_value > 1e-5
    copied = fresh.copy()
    copied.iloc[:200] = train.iloc[:200].to_numpy()
    check = check_copies(real, copied.astype(fresh.dtypes), train)
    assert check.copies == pytest.approx(0.25, abs=0.03)
    assert check.near > 0.25
    assert check.p_value < 1e-5
    # Copies with a little noise are none to the letter, and near all the same.
    close = train.iloc[:800].copy()
    close["age"] += 0.01
    check = check_copies(real, close, train)
    assert check.copies == 0
    assert check.near > 0.9


def test_beyond_the_training_rows_nothing_is_a_copy():
    train = {"x": [1.0, 2.0, 3.0]}
    check = check_copies({"x": [9.0, 9.0]}, {"x": [8.0, 3.0]}, train)
    assert (check.copies, check.held_out_copies) == (0.5, 0.0)


def test_holes_are_those_of_real_rows(real):
    new = _people(800, 3).fillna(0.0)
    holed = with_holes_of(new, real, random_state=0)
    share = np.mean([one is None for one in holed["pay"]])
    assert 0.05 < share < 0.15
    assert None not in holed["age"]
    assert None not in with_holes_of(new, real, 0, ["age"])["pay"]


def test_wrong_frames_are_named(real):
    with pytest.raises(ValueError, match="new: column 'job' is missing"):
        column_shapes(real, real.drop(columns="job"))
    with pytest.raises(ValueError, match="train has 1 rows"):
        check_copies(real, real, real[:1])
    with pytest.raises(ValueError, match="at least 10"):
        detect(real[:5], real)
