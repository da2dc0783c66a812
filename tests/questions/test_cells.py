"""Odd cells and their alternatives; detectors and classifiers of frames."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import stats
from tests.support.frames import people, quick

import harmonium as hm


@pytest.fixture(scope="module")
def detector() -> hm.NoveltyDetector:
    return hm.NoveltyDetector(quick(), contamination=0.1).fit(people())


def _width(frame: pd.DataFrame, name: str, resolution: float) -> float:
    return max(resolution, 0.02 * float(frame[name].std(ddof=0)))


# -- explain ------------------------------------------------------------------------------------


def test_cells_are_told_by_the_likelihood_of_rows(detector: hm.NoveltyDetector) -> None:
    """log P(cell given the rest) is log P(row) - log P(row without the cell), holes elsewhere
    summed out: the likelihood of rows with holes is another piece of code."""
    X = people(12, seed=1, holes=0.25)
    model = detector.estimator_
    found = detector.explain(X)
    assert found.index.equals(X.index)
    assert list(found) == list(X)
    columns = {column.name: column for column in model.schema_.columns}
    for name in X:
        known = X[name].notna().to_numpy()
        assert found[name].isna().to_numpy().tolist() == (~known).tolist()
        rest = X.assign(**{name: pd.Series([None] * len(X), index=X.index, dtype=X[name].dtype)})
        width = {}
        if columns[name].is_number:  # the widths are those of the cells asked about
            cells = {c.column.name: c for c in model.cell_marginals(X, of="known")}
            width = {name: cells[name].width}
        wanted = model.score_samples(X, resolution=width) - model.score_samples(rest)
        np.testing.assert_allclose(found[name].to_numpy()[known], wanted[known], atol=1e-6)


def test_the_width_of_cells(detector: hm.NoveltyDetector) -> None:
    """2% of the standard deviation, as near as the bins' means tell it; whole numbers keep 1."""
    X = people()
    cells = {c.column.name: c for c in detector.estimator_.cell_marginals(X, of="known")}
    assert cells["age"].width == pytest.approx(_width(X, "age", 0.0), rel=0.1)
    assert cells["children"].width == 1.0
    assert cells["job"].width is None


def test_a_typing_error_is_found_and_mended() -> None:
    """Two columns that say the same: where they disagree, either cell is odd, and the likeliest
    other value is the other's."""
    rng = np.random.default_rng(0)
    kinds = np.array(["a", "b", "c"])[rng.integers(0, 3, 400)]
    X = pd.DataFrame({"one": kinds, "two": np.char.upper(kinds), "noise": rng.random(400)})
    model = hm.RBM(8, n_updates=1500, validation_fraction=0, random_state=0)
    detector = hm.NoveltyDetector(model).fit(X)
    wrong = X.head(6).copy()
    wrong["two"] = ["A" if one != "a" else "B" for one in wrong["one"]]
    log_p = detector.explain(wrong)
    good = detector.explain(X.head(6))
    assert (log_p[["one", "two"]] < -2).all().all()
    assert (good[["one", "two"]] > -0.5).all().all()
    other, log_other = detector.alternatives(wrong)
    assert (other["two"] == wrong["one"].str.upper()).all()
    assert (log_other["two"] > log_p["two"] + 2).all()
    third, log_third = detector.alternatives(wrong, 2)
    assert (log_third["two"] <= log_other["two"]).all()
    assert (third["two"] != other["two"]).all()
    assert (third["two"] != wrong["two"]).all()
    none, log_none = detector.alternatives(wrong, 3)  # of three labels two are others
    assert none["two"].isna().all()
    assert log_none["two"].isna().all()
    with pytest.raises(ValueError, match="n must be"):
        detector.alternatives(wrong, 0)


def test_alternatives_are_told_as_cells_are(detector: hm.NoveltyDetector) -> None:
    """With an alternative put in its place, explain says of the cell what alternatives said."""
    X = people(10, seed=3)
    other, logs = detector.alternatives(X)
    for name in X:
        changed = X.assign(**{name: other[name]})
        assert (changed[name] != X[name]).all()
        np.testing.assert_allclose(detector.explain(changed)[name], logs[name], atol=1e-6)


def test_bits_and_networks() -> None:
    """Arrays in, arrays out; of a chain of two bits the answer by hand."""
    table = np.array([[0.4, 0.1], [0.2, 0.3]])
    network = hm.MarkovNetwork([hm.Factor(["a", "b"], table)])
    detector = hm.NoveltyDetector(hm.RBM(2))
    detector.estimator_ = network
    X = np.array([[0, 0], [1, 0], [1, 1]])
    given_b = table / table.sum(0)
    given_a = table / table.sum(1, keepdims=True)
    wanted = np.log([[given_b[a, b], given_a[a, b]] for a, b in X])
    np.testing.assert_allclose(detector.explain(X), wanted, atol=1e-12)
    other, logs = detector.alternatives(X)
    np.testing.assert_array_equal(other, 1 - X)
    np.testing.assert_allclose(logs, np.log1p(-np.exp(wanted)), atol=1e-9)
    bits = (np.random.default_rng(0).random((50, 5)) < 0.4).astype(float)
    fitted = hm.NoveltyDetector(quick()).fit(bits)
    model = fitted.estimator_
    assert fitted.explain(bits).sum(1) == pytest.approx(model.pseudo_log_likelihood(bits))


def test_missing_is_a_fact_where_it_tells_something() -> None:
    X = people(150, holes=0.2)
    model = quick(missing="informative").fit(X)
    detector = hm.NoveltyDetector(model)
    detector.estimator_ = model
    found = detector.explain(X.head(20))
    assert (found.isna() == X.head(20).isna()).all().all()
    job = X["job"].notna().to_numpy()[:20]
    named = np.stack(
        [model.score_samples(X.head(20).assign(job=one)) for one in ("baker", "clerk", "cook")], 1
    )
    wanted = model.score_samples(X.head(20)) - np.logaddexp.reduce(named, axis=1)
    np.testing.assert_allclose(found["job"].to_numpy()[job], wanted[job], atol=1e-6)


def test_models_without_cells_are_refused() -> None:
    detector = hm.NoveltyDetector(hm.NGram(1, smoothing="add-k")).fit(["a b", "b a"] * 20)
    with pytest.raises(TypeError, match="NGram gives no P of single cells"):
        detector.explain(["a b"])


# -- detectors of frames ------------------------------------------------------------------------


def test_frames_throughout(detector: hm.NoveltyDetector, tmp_path: Path) -> None:
    X = people(100, seed=2)
    scores = detector.score_samples(X)
    np.testing.assert_array_equal(detector.decision_function(X), scores - detector.offset_)
    np.testing.assert_array_equal(detector.predict(X), np.where(scores < detector.offset_, -1, 1))
    detector.save(tmp_path / "m")
    again = hm.load(tmp_path / "m")
    np.testing.assert_array_equal(again.score_samples(X), scores)
    assert repr(again) == repr(detector)
    pd.testing.assert_frame_equal(again.explain(X.head(3)), detector.explain(X.head(3)))


def test_a_category_of_one_row_stops_no_fold() -> None:
    X = people(60)
    X.iloc[0, 1] = "astronaut"
    detector = hm.NoveltyDetector(quick(), contamination=0.1).fit(X)
    assert np.isfinite(detector.held_out_scores_).all()
    assert {"astronaut"} < set(detector.estimator_.schema_["job"].categories)


@pytest.mark.parametrize("library", ["polars", "pyarrow", "dict"])
def test_other_libraries(library: str) -> None:
    frame = pl.from_pandas(people(60, holes=0.1).reset_index(drop=True))
    given: Any = {
        "polars": frame,
        "pyarrow": frame.to_arrow(),
        "dict": frame.to_dict(as_series=False),
    }[library]
    detector = hm.NoveltyDetector(quick(n_updates=20)).fit(given)
    assert len(detector.predict(given)) == 60
    found, (other, _) = detector.explain(given), detector.alternatives(given)
    assert type(found) is type(given)
    assert type(other) is type(given)
    as_pandas = hm.NoveltyDetector(quick(n_updates=20)).fit(frame.to_pandas())
    wanted = as_pandas.explain(frame.to_pandas())["age"]
    np.testing.assert_allclose(np.array(found["age"], dtype=float), wanted)


def test_the_share_called_novel() -> None:
    """Rows like those of fit are called novel as often as asked: at most, over many rows."""
    detector = hm.NoveltyDetector(quick(), contamination=0.1).fit(people(400, seed=5))
    novel = int((detector.predict(people(4000, seed=6)) < 0).sum())
    # the threshold itself is the 40th of 400 scores: its share has a beta distribution
    low, high = stats.betabinom(4000, 40, 361).ppf([5e-6, 1 - 5e-6])
    assert low <= novel <= high


# -- classifiers of frames ----------------------------------------------------------------------


def test_classes_share_one_schema(tmp_path: Path) -> None:
    """A class may lack a category, or vary in nothing, and be judged on it."""
    X = people(200).drop(columns="owner")
    y = np.where(X["job"] == "clerk", "desk", "kitchen")
    classifier = hm.BayesClassifier(quick(n_updates=400)).fit(X, y)
    assert classifier.score(X, y) == 1.0
    schemas = [model.schema_ for model in classifier.estimators_]
    assert str(schemas[0]) == str(schemas[1])
    assert schemas[0]["job"].categories == ["baker", "clerk", "cook"]
    classifier.save(tmp_path / "m")
    again = hm.load(tmp_path / "m")
    np.testing.assert_array_equal(again.predict_proba(X), classifier.predict_proba(X))
    assert repr(again) == repr(classifier)


def test_classes_share_where_missing_is_a_state() -> None:
    """Only one class has holes: a hole then speaks for that class, and never for the other."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"a": rng.normal(size=300), "b": rng.normal(size=300)})
    y = np.arange(300) % 2
    X.loc[(y == 1) & (rng.random(300) < 0.5), "a"] = np.nan
    model = quick(missing="informative", n_updates=500)
    classifier = hm.BayesClassifier(model).fit(X, y)
    assert [one.missing for one in classifier.estimators_] == [["a"], ["a"]]
    p = classifier.predict_proba(X)[:, 1]
    assert p[X["a"].isna()].min() > 0.8
    assert p[X["a"].notna()].mean() < 0.5


def test_columns_where_missing_is_a_state_are_named() -> None:
    X = people(60, holes=0.2)
    model = quick(missing=["job"], n_updates=20).fit(X)
    assert model.complete(X).notna().all().all()
    with pytest.raises(ValueError, match="missing: no column is named 'wage'"):
        quick(missing=["wage"]).fit(X)
    for wrong in ("never", 3, [1]):
        with pytest.raises(ValueError, match="missing must be"):
            quick(missing=wrong).fit(X)


def test_settings_by_column_are_kept_in_files(tmp_path: Path) -> None:
    model = quick(visible={"children": "quantile", "job": ["baker", "cook", "clerk"]}, n_updates=5)
    model.fit(people(50)).save(tmp_path / "m")
    again = hm.load(tmp_path / "m")
    assert again.visible == model.visible
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        hm.NoveltyDetector(model, contamination=0.1).fit(people(50)).save(tmp_path / "d")
    assert hm.load(tmp_path / "d").estimator.visible == model.visible
