"""Estimators over models of tables: bad frames are refused by name, odd ones answered right."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.support.table_oracle import small_frame

import harmonium as hm


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return small_frame(60)


@pytest.fixture(scope="module")
def asked(frame: pd.DataFrame) -> dict[str, Any]:
    model = hm.RBM(2, n_updates=10, random_state=0)
    detector = hm.NoveltyDetector(model, contamination=0.1).fit(frame)
    return {
        "transform": hm.Imputer(model).fit(frame).transform,
        "predict": detector.decision_function,
        "explain": detector.explain,
        "classes": hm.BayesClassifier(model).fit(frame, np.arange(60) % 2).predict_proba,
    }


QUESTIONS = ("transform", "predict", "explain", "classes")
BAD = {
    "missing column": (lambda f: f.drop(columns="n"), "column 'n' is missing"),
    "another column": (lambda f: f.assign(age=1), "column 'age' is none of"),
    "twice": (lambda f: pd.concat([f, f[["x"]]], axis=1), "two columns are named 'x'"),
    "infinity": (lambda f: f.assign(x=np.inf), "column 'x', row 0 is inf"),
    "beyond 2^53": (lambda f: f.assign(n=f["n"] + 2**60), r"'n' holds integers beyond 2\^53"),
    "mixed": (lambda f: f.assign(shade=[1, "r"] * 30), "column 'shade' mixes int, str"),
    "bytes": (lambda f: f.assign(shade=b"r"), "column 'shade' holds bytes; wanted"),
    "unseen": (lambda f: f.assign(shade="violet"), "column 'shade', row 0 is 'violet'"),
    "numbered": (lambda f: f.set_axis(range(5), axis=1), "names must be strings, got 0"),
    "nothing": (lambda f: None, "X must be rows or texts, got None"),
}


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize("name", BAD)
def test_bad_frames_are_refused_by_name(asked, frame, question, name):
    change, says = BAD[name]
    with pytest.raises((ValueError, TypeError), match=says):
        asked[question](change(frame))


def _as_arrays(found: Any, frame: pd.DataFrame) -> np.ndarray:
    if isinstance(found, pd.DataFrame):
        found = found[[name for name in frame if name in found]].astype(object).fillna("missing")
    return np.asarray(found)


@pytest.mark.parametrize("question", QUESTIONS)
def test_order_and_index_change_no_answer(asked, frame, question):
    rows = frame.assign(shade=[None, "b"] * 30)
    wanted = _as_arrays(asked[question](rows), frame)
    indexed = rows.set_index("yes", drop=False)[list(frame)[::-1]]
    found = asked[question](indexed)
    np.testing.assert_array_equal(_as_arrays(found, frame), wanted)
    if isinstance(found, pd.DataFrame):
        assert found.index.equals(indexed.index)
        assert list(found) == list(indexed)


@pytest.mark.parametrize("question", QUESTIONS)
def test_no_rows_and_rows_of_nothing(asked, frame, question):
    assert len(asked[question](frame.head(0))) == 0
    nothing = frame.head(2).astype({"n": "float64"}).assign(**dict.fromkeys(frame))
    found = _as_arrays(asked[question](nothing), frame)
    assert (found[0] == found[1]).all()


def test_too_few_rows_to_learn_from_are_refused(frame):
    model = hm.RBM(2, n_updates=10, random_state=0)
    for n in (0, 1):
        with pytest.raises(ValueError, match=f"at least two rows, got n_samples={n}"):
            hm.Imputer(model).fit(frame.head(n))
        with pytest.raises(ValueError, match=f"at least two rows, got n_samples={n}"):
            hm.NoveltyDetector(model).fit(frame.head(n))


def test_names_of_rows_and_empty_columns_are_carried_through(frame):
    wide = frame.assign(who=[f"u{i}" for i in range(60)], nothing=np.nan)
    filled = hm.Imputer(hm.RBM(2, n_updates=10, random_state=0)).fit(wide)
    holed = wide.assign(shade=None)
    found = filled.transform(holed)
    pd.testing.assert_frame_equal(found.drop(columns="shade"), wide.drop(columns="shade"))
    assert found["shade"].isin(list("rgb")).all()
