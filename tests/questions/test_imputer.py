"""The imputer: what it keeps, what it fills with, intervals, scikit-learn's manners, files."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import stats
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks
from tests.support.frames import people, quick

import harmonium as hm


@pytest.fixture(scope="module")
def fitted() -> hm.Imputer:
    return hm.Imputer(quick()).fit(people(holes=0.15))


@pytest.mark.parametrize("how", ["mean", "mode", "sample"])
def test_known_cells_stay_and_holes_are_filled(fitted: hm.Imputer, how: str) -> None:
    X = people(40, seed=1, holes=0.3)
    made = clone(fitted).set_params(how=how).fit(people(holes=0.15)).transform(X)
    assert not made.isna().any().any()
    assert made.index.equals(X.index)
    assert list(made.columns) == list(X.columns)
    assert (made.dtypes == X.dtypes).all()
    for name in X:
        known = X[name].notna()
        assert known.sum() < len(X)
        assert (made[name][known] == X[name][known]).all()


def test_other_columns_order_and_holes(fitted: hm.Imputer) -> None:
    X = people(30, seed=2, holes=0.3)
    turned = fitted.transform(X[X.columns[::-1]])
    assert list(turned.columns) == list(X.columns[::-1])
    assert turned["job"].equals(fitted.transform(X)["job"])
    with pytest.raises(ValueError, match="'job' is missing"):
        fitted.transform(X.drop(columns="job"))
    with pytest.raises(ValueError, match="'more' is none of"):
        fitted.transform(X.assign(more=1.0))


def test_means_are_those_of_the_posterior(fitted: hm.Imputer) -> None:
    """The mean of many draws of a number, and the share of labels, within sampling error."""
    X = people(1, seed=3).astype({"owner": "boolean"})
    X.loc[100, "age"] = np.nan
    X.loc[100, "owner"] = pd.NA
    drawing = hm.Imputer(fitted.estimator, how="sample", n_imputations=2000, random_state=1)
    drawing.estimator_, drawing._n_columns = fitted.estimator_, 4
    many = pd.concat([X] * 4000)
    drawn = drawing.transform(many)
    mean = fitted.transform(X)
    error = drawn["age"].std() / np.sqrt(len(many))
    assert abs(drawn["age"].mean() - mean["age"].iloc[0]) < stats.norm.isf(5e-6) * error
    most = drawn["owner"].mode().iloc[0]
    assert mean["owner"].iloc[0] == most


def test_draws_are_independent_and_the_first_is_the_transform() -> None:
    X = people(60, seed=1, holes=0.3)
    imputer = hm.Imputer(quick(), how="sample", n_imputations=3, random_state=5).fit(X)
    tables = imputer.draws(X)
    assert len(tables) == 3
    assert tables[0].equals(imputer.transform(X))
    assert not tables[0].equals(tables[1])
    assert not tables[1].equals(tables[2])


def test_constant_columns_are_filled_and_empty_ones_are_not() -> None:
    X = people(50, holes=0.2).assign(land="here", nothing=np.nan)
    X.loc[X.index[:5], "land"] = None
    made = hm.Imputer(quick()).fit(X).transform(X)
    assert (made["land"] == "here").all()
    assert made["nothing"].isna().all()
    table = np.column_stack([np.random.default_rng(0).normal(size=(50, 2)), np.full(50, 3.0)])
    table[:5, 2] = table[5:9, 0] = np.nan
    filled = hm.Imputer(quick()).fit_transform(table)
    assert (filled[:, 2] == 3.0).all()
    assert not np.isnan(filled).any()


# -- intervals ----------------------------------------------------------------------------------


def test_intervals_hold_what_they_say(fitted: hm.Imputer) -> None:
    """The model's own mass of each interval, by the likelihood of rows and not by marginals."""
    X = people(20, seed=4)
    X["age"] = np.nan
    found = fitted.intervals(X, level=0.8)
    assert found.index.equals(X.index)
    assert list(found) == [
        "age_low",
        "age_high",
        "job_set",
        "owner_set",
        "children_low",
        "children_high",
    ]
    assert found.drop(columns=["age_low", "age_high"]).isna().all().all()
    model = fitted.estimator_
    blank = model.score_samples(X)
    for row in range(5):
        low, high = found["age_low"].iloc[row], found["age_high"].iloc[row]
        one = X.iloc[[row]].assign(age=(low + high) / 2)
        inside = model.score_samples(one, resolution={"age": high - low})[0]
        assert np.exp(inside - blank[row]) == pytest.approx(0.8, abs=2e-3)


def test_sets_are_the_fewest_labels(fitted: hm.Imputer) -> None:
    X = people(20, seed=4)
    jobs = ["baker", "clerk", "cook"]
    scores = np.stack([fitted.estimator_.score_samples(X.assign(job=job)) for job in jobs], 1)
    shares = np.exp(scores - np.logaddexp.reduce(scores, axis=1, keepdims=True))
    X["job"] = None
    for level in (0.5, 0.9):
        for share, chosen in zip(shares, fitted.intervals(X, level)["job_set"], strict=True):
            held = sum(share[jobs.index(job)] for job in chosen)
            assert held >= level
            assert held - min(share[jobs.index(job)] for job in chosen) < level


@pytest.mark.parametrize("name", ["age", "children"])
def test_intervals_cover_what_the_model_draws(fitted: hm.Imputer, name: str) -> None:
    """Rows of the model itself, two cells of each hidden: 90% intervals cover 90%, of whole
    numbers as nearly as their masses allow, and not those of another level (the planted fault)."""
    X = fitted.estimator_.sample(3000, random_state=0)
    hidden = X.assign(job=None, **{name: pd.Series([None] * 3000, dtype=X[name].dtype)})
    for level, good in ((0.9, True), (0.7, False)):
        found = fitted.intervals(hidden, level)
        inside = X[name].between(found[f"{name}_low"], found[f"{name}_high"])
        slack = 0.0 if name == "age" else 0.05  # six masses cannot hold just 90%
        p = min(
            stats.binom.cdf(inside.sum(), 3000, 0.9 - slack),
            stats.binom.sf(inside.sum() - 1, 3000, 0.9 + slack),
        )
        assert (p > 5e-6) == good


# -- libraries ----------------------------------------------------------------------------------


@pytest.mark.parametrize("library", ["polars", "pyarrow", "dict"])
def test_other_libraries(library: str) -> None:
    X = people(60, holes=0.2).reset_index(drop=True)
    frame = pl.from_pandas(X)
    given: Any = {
        "polars": frame,
        "pyarrow": frame.to_arrow(),
        "dict": frame.to_dict(as_series=False),
    }[library]
    imputer = hm.Imputer(quick()).fit(given)
    made, bounds = imputer.transform(given), imputer.intervals(given)
    assert type(made) is type(given)
    assert type(bounds) is type(given)
    as_before = hm.Imputer(quick()).fit(X).transform(X)
    columns = (
        made
        if library == "dict"
        else made.to_pydict()
        if library == "pyarrow"
        else (made.to_dict(as_series=False))
    )
    assert list(columns["job"]) == as_before["job"].tolist()
    np.testing.assert_allclose(np.array(columns["age"]), as_before["age"])


def test_arrays() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 3))
    X[:, 2] = X[:, 0] + 0.1 * X[:, 2]
    holed = np.where(rng.random(X.shape) < 0.2, np.nan, X)
    holed[np.isnan(holed).all(1), 0] = 0.0
    imputer = hm.Imputer(quick()).fit(holed)
    made = imputer.transform(holed)
    assert isinstance(made, np.ndarray)
    np.testing.assert_array_equal(made[~np.isnan(holed)], holed[~np.isnan(holed)])
    assert not np.isnan(made).any()
    assert set(imputer.intervals(holed)) == {
        f"{j}_{end}" for j in range(3) for end in ("low", "high")
    }
    bits = (rng.random((60, 4)) < 0.4).astype(float)
    bits[0, 0] = np.nan
    filled = hm.Imputer(quick(), how="mode").fit_transform(bits)
    assert set(np.unique(filled)) == {0.0, 1.0}


def test_a_network_fills_too() -> None:
    network = hm.MarkovNetwork([hm.Factor(["a", "b"], [[0.4, 0.1], [0.1, 0.4]])])
    X = np.array([[0.0, np.nan], [np.nan, 1.0], [1.0, 1.0]] * 10)
    imputer = hm.Imputer(network, how="mode").fit(np.array([[0, 0], [1, 1]] * 10))
    np.testing.assert_array_equal(imputer.transform(X)[:3], [[0, 0], [1, 1], [1, 1]])
    assert imputer.intervals(X, 0.5)["0_set"][1] == [1.0]


# -- scikit-learn -------------------------------------------------------------------------------


def test_pipelines_and_column_transformers() -> None:
    X = people(120, holes=0.1)
    y = np.arange(120) % 2
    numbers = ColumnTransformer(
        [("numbers", hm.Imputer(quick(visible={"age": "quantile"})), ["age", "children"])],
        remainder="drop",
    ).set_output(transform="pandas")
    made = numbers.fit_transform(X)
    assert list(made.columns) == ["numbers__age", "numbers__children"]
    assert not made.isna().any().any()
    pipeline = make_pipeline(
        hm.Imputer(quick()).set_output(transform="pandas"),
        ColumnTransformer([("age", "passthrough", ["age"])]),
        LogisticRegression(),
    ).fit(X, y)
    assert len(pipeline.predict(X)) == 120


def test_set_output_and_names(fitted: hm.Imputer) -> None:
    assert fitted.get_feature_names_out().tolist() == ["age", "job", "owner", "children"]
    assert fitted.n_features_in_ == 4
    X = np.random.default_rng(0).normal(size=(40, 2))
    for library, kind in (("pandas", pd.DataFrame), ("polars", pl.DataFrame)):
        imputer = hm.Imputer(quick()).set_output(transform=library).fit(X)
        made = imputer.transform(X)
        assert isinstance(made, kind)
        assert list(made.columns) == ["x0", "x1"]


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"how": "median"}, "how must be one of"),
        ({"n_imputations": 0}, "n_imputations"),
        ({"n_imputations": 3}, "n_imputations is 3, which wants how='sample'"),
        ({"estimator": LogisticRegression()}, "estimator must be a joint distribution"),
    ],
)
def test_what_is_refused(settings: dict, told: str) -> None:
    with pytest.raises((ValueError, TypeError), match=told):
        hm.Imputer(**settings).fit(people(20))


def test_level_is_checked_and_other_models_give_no_intervals(fitted: hm.Imputer) -> None:
    with pytest.raises(ValueError, match="level"):
        fitted.intervals(people(5), level=1.0)
    grid = hm.Imputer(hm.GridMRF())
    grid.estimator_ = hm.GridMRF()
    with pytest.raises(TypeError, match="gives no P of single cells"):
        grid.intervals(np.zeros((4, 9)))


EXPECTED_FAILURES = {
    "check_dtype_object": "cells that hold dicts are refused in words that name the column"
}


@parametrize_with_checks(
    [hm.Imputer(quick(n_updates=5), random_state=0)],
    expected_failed_checks=lambda _: EXPECTED_FAILURES,
)
def test_scikit_learn_checks(estimator: Any, check: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check(estimator)


def test_file(fitted: hm.Imputer, tmp_path: Path) -> None:
    X = people(20, seed=7, holes=0.3)
    fitted.save(tmp_path / "m")
    again = hm.load(tmp_path / "m")
    assert isinstance(again, hm.Imputer)
    assert repr(again) == repr(fitted)
    assert again.transform(X).equals(fitted.transform(X))
    own = hm.Imputer(quick(visible={"children": "quantile"}), how="mode", random_state=3)
    own.fit(X).save(tmp_path / "m")
    again = hm.load(tmp_path / "m")
    assert repr(again) == repr(own)
    assert again.transform(X).equals(own.transform(X))
