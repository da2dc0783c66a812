"""Frames that are odd, bad or small: one clear error that names the column, or the right answer."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from tests.support.table_oracle import TableOracle, small_frame

import harmonium as hm
from harmonium.models.frames import Layout


def quick(X: Any, y: Any = None, **parameters: Any) -> hm.RBM:
    return hm.RBM(3, **{"n_updates": 20, "random_state": 0, **parameters}).fit(X, y)


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return small_frame(100)


@pytest.fixture(scope="module")
def model(frame: pd.DataFrame) -> hm.RBM:
    return quick(frame)


QUESTIONS = {
    "score_samples": lambda model, X: model.score_samples(X),
    "complete": lambda model, X: model.complete(X),
    "complete mean": lambda model, X: model.complete(X, how="mean"),
    "transform": lambda model, X: model.transform(X),
    "sample_hidden": lambda model, X: model.sample_hidden(X),
    "free_energy": lambda model, X: model.free_energy(X),
    "pseudo_log_likelihood": lambda model, X: model.pseudo_log_likelihood(X),
    "correct": lambda model, X: model.correct(X, noise=hm.noise.Cells(0.1)),
}


# -- to learn from ---------------------------------------------------------------------------


def with_infinity(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(x=np.where(np.arange(len(frame)) == 5, np.inf, frame["x"]))


BAD: dict[str, tuple[Any, dict[str, Any], str]] = {
    "infinity": (with_infinity, {}, "column 'x', row 5 is inf"),
    "huge": (lambda f: f.assign(x=f["x"] * 1e300), {}, r"column 'x', row \d+ is .*e\+30"),
    "mixed": (lambda f: f.assign(x=pd.Series([1, "a"] * 50, dtype=object)), {}, "'x' mixes int"),
    "twice": (lambda f: pd.concat([f, f[["x"]]], axis=1), {}, "two columns are named 'x'"),
    "numbered": (lambda f: f.set_axis(range(5), axis=1), {}, "names must be strings, got 0"),
    "beyond 2^53": (lambda f: f.assign(n=f["n"] + 2**60), {}, r"'n' holds integers beyond 2\^53"),
    "offset": (lambda f: f.assign(x=1e18 + 1e3 * f["n"]), {}, "'x' varies by 2944 around 1e\\+18"),
    "bytes": (lambda f: f.assign(x=[b"a", b"b"] * 50), {}, "column 'x' holds bytes; wanted"),
    "unused categories": (
        lambda f: f.assign(shade=pd.Categorical(f["shade"], [*"rgb", *map(str, range(5000))])),
        {},
        "column 'shade' has 5003 categories",
    ),
    "names alone": (
        lambda f: f[[]].assign(u=[f"u{i}" for i in range(100)]),
        {},
        "no column is left",
    ),
    "no rows": (lambda f: f.iloc[:0], {}, "X has no rows"),
    "no columns": (lambda f: f[[]], {}, "X has no columns"),
    "constants alone": (lambda f: f[[]].assign(c=1), {}, "no column is left to learn from"),
    "nothing known": (lambda f: f.assign(**dict.fromkeys(f)), {}, "no column is left"),
    "lists": (lambda f: f.assign(x=[[1]] * len(f)), {}, "column 'x' holds list; wanted"),
    "durations": (lambda f: f.assign(x=pd.to_timedelta(f["n"], unit="D")), {}, "column 'x' is of"),
    "no such column": (lambda f: f, {"visible": {"age": "count"}}, "no column is named 'age'"),
    "no such kind": (lambda f: f, {"visible": {"x": "real"}}, "column 'x' cannot be 'real'"),
    "no kind at all": (lambda f: f, {"visible": 3}, "visible must be one of"),
    "labels as counts": (lambda f: f, {"visible": {"shade": "count"}}, "'shade' holds labels"),
    "amounts as counts": (lambda f: f, {"visible": {"x": "count"}}, "column 'x', row"),
    "a category untold": (lambda f: f, {"visible": {"shade": ["r", "g"]}}, "'shade', row 0 is 'b'"),
    "no such missing": (lambda f: f, {"missing": "ignored"}, "missing must be 'at-random'"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_learned_from_is_refused_before_any_work(frame, name):
    change, parameters, says = BAD[name]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ValueError, match=says):
            quick(change(frame), n_updates=10**6, **parameters)


def test_ten_thousand_categories_are_too_many():
    rows = pd.DataFrame({"who": [f"c{i % 10_000}" for i in range(20_000)], "n": [0, 1] * 10_000})
    with pytest.raises(ValueError, match="column 'who' has 10000 categories"):
        quick(rows)


def test_a_schema_of_other_columns_is_refused(frame, model):
    for missing in ("at-random", "informative"):
        with pytest.raises(ValueError, match="column 'n' is missing"):
            quick(frame.drop(columns="n"), visible=model.schema_, missing=missing)
    with pytest.raises(ValueError, match="every value of column 'n' is missing"):
        quick(frame.assign(n=np.nan), visible=model.schema_)


def test_partial_fit_and_networks_are_not_for_frames(frame, model):
    with pytest.raises(ValueError, match="partial_fit learns from arrays of states"):
        hm.RBM(2).partial_fit(frame)
    with pytest.raises(ValueError, match="to_network wants a model of rows of 0 and 1"):
        model.to_network()


def test_labels_beside_must_be_as_many(frame):
    with pytest.raises(ValueError, match="y has 3 rows, X has 100"):
        quick(frame, frame["yes"][:3])


# -- to ask about --------------------------------------------------------------------------------


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda f: f.drop(columns="n"), "column 'n' is missing"),
        (lambda f: f.assign(age=1), "column 'age' is none of"),
        (lambda f: f.assign(shade="violet"), "column 'shade', row 0 is 'violet', a category never"),
        (lambda f: f.assign(x="much"), "column 'x' holds labels; wanted numbers"),
        (lambda f: f.assign(x=-np.inf), "column 'x', row 0 is -inf"),
        (lambda f: f.assign(n=f["n"] + 2**60), r"'n' holds integers beyond 2\^53; wanted integers"),
        (lambda f: f.assign(x=pd.Timestamp("2020")), "column 'x' holds dates; wanted numbers"),
        (lambda f: f.assign(shade=[1, "r"] * 50), "column 'shade' mixes int, str"),
        (
            lambda f: f.to_dict("list") | {"n": [1]},
            r"columns must be of one length, got \[1, 100\]",
        ),
        (lambda f: pd.concat([f, f[["x"]]], axis=1), "two columns are named 'x'"),
    ],
)
def test_what_cannot_be_asked_names_the_column(model, frame, question, change, says):
    with pytest.raises(ValueError, match=says):
        QUESTIONS[question](model, change(frame))


@pytest.mark.parametrize("question", QUESTIONS)
def test_columns_may_stand_in_another_order(model, frame, question):
    there, back = frame.head(5), frame[list(frame)[::-1]].head(5)
    # The number of draws is the same, whatever the order of the columns.
    one, other = (QUESTIONS[question](model, X) for X in (there, back))
    if isinstance(one, pd.DataFrame):
        assert list(other) == list(back)
        pd.testing.assert_frame_equal(one, other[list(one)])
    elif question != "sample_hidden":
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("question", QUESTIONS)
def test_no_rows_get_no_answers(model, frame, question):
    found = QUESTIONS[question](model, frame.head(0))
    assert len(found) == 0
    if isinstance(found, pd.DataFrame):
        assert list(found) == list(frame)


@pytest.mark.parametrize(
    ("condition", "says"),
    [
        ({"age": 40}, "no column is named 'age'"),
        ({"shade": "violet"}, "column 'shade' never was 'violet'"),
        ({"shade": None}, "column 'shade' never was None"),
        ({"shade": []}, "column 'shade' allows nothing"),
        ({"x": "much"}, "column 'x' wants numbers, got 'much'"),
        ({"x": (3, 1)}, "range of column 'x' must rise"),
        ({"x": np.nan}, "column 'x' is NaN"),
        ({"x": -5.0}, "column 'x' allows nothing"),
        ([1, 2], "wanted a dict"),
    ],
)
def test_conditions_that_cannot_be_are_refused(model, condition, says):
    with pytest.raises(ValueError, match=says):
        model.sample(condition=condition)


@pytest.mark.parametrize(
    ("resolution", "says"),
    [
        ({"shade": 1.0}, "'shade' is no column of numbers"),
        ({"age": 1.0}, "'age' is no column of numbers"),
        ({"x": 0.0}, r"resolution\['x'\] must be a number"),
        (0.1, "must be a dict"),
    ],
)
def test_resolutions_that_cannot_be_are_refused(model, frame, resolution, says):
    with pytest.raises(ValueError, match=says):
        model.score_samples(frame, resolution=resolution)


def test_answerers_are_named_for_means_too(model, frame):
    rows = frame.head(3).assign(shade=None)
    with pytest.raises(ValueError, match="method must be one of 'auto'"):
        model.complete(rows, how="mean", method="guess")
    wide = small_frame(400)
    hole, much = wide.head(1).assign(**dict.fromkeys(wide)), quick(wide)
    with pytest.raises(ValueError, match="cannot answer 1 of the rows"):
        much.complete(hole, how="mean", method="enumeration")


# -- odd columns and rows -------------------------------------------------------------------------


def right(X: pd.DataFrame, **parameters: Any) -> hm.RBM:
    """Everything is answered, without a warning; probabilities sum to 1."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = quick(X, **parameters)
        assert np.isfinite(model.score_samples(X)).all()
        drawn = model.sample(30, random_state=0)
        holed = X.copy()
        holed[model.schema_.names[0]] = pd.Series([None] * len(X), index=X.index, dtype=object)
        filled = model.complete(holed, random_state=0)
    assert list(drawn) == list(filled) == list(X)
    names = list(model.schema_.names)
    assert drawn[names].notna().all(axis=None)
    assert filled[names].notna().all(axis=None)
    oracle = TableOracle(model)
    assert len(oracle.p) <= 100_000
    states = model.schema_.write(oracle.states[:: max(1, len(oracle.p) // 200)].astype(float))
    found = model.score_samples(states) - oracle.inside(states)
    np.testing.assert_allclose(
        found, oracle.log_p[:: max(1, len(oracle.p) // 200)], atol=1e-6, rtol=0
    )
    return model


@pytest.mark.parametrize("n", [2, 3, 5, 12])
def test_few_rows(frame, n):
    assert len(right(frame.head(n)).schema_.names) >= 2


def test_one_row_is_all_constants(frame):
    with pytest.raises(ValueError, match="no column is left"):
        quick(frame[["shade", "yes", "n", "x"]].head(1))


@pytest.mark.parametrize("name", ["shade", "yes", "grade", "n", "x"])
def test_one_column(frame, name):
    right(frame[[name]])
    model = right(frame[[name]].assign(same=1))
    assert (model.sample(4)["same"] == 1).all()


def test_a_category_with_one_row(frame):
    model = right(frame.assign(shade=["violet", *["b"] * 99]))
    drawn = model.sample(20, condition={"shade": "violet"}, random_state=0)
    assert (drawn["shade"] == "violet").all()


@pytest.mark.parametrize("spread", [5.0, 20.0, 50.0])
def test_heavy_tails(frame, spread):
    """A hundred powers of ten are more than bins are told apart by, but still have densities."""
    x = np.exp(np.random.default_rng(0).normal(size=100) * spread)
    wide = frame.assign(x=x, n=-x)
    model = right(wide) if spread < 50 else quick(wide)
    assert np.isfinite(model.score_samples(wide)).all()
    drawn = model.sample(200, random_state=0)
    assert drawn["x"].between(x.min(), x.max()).all()
    assert drawn["n"].between(-x.max(), -x.min()).all()
    far = frame.head(3).assign(x=[1e-200, x.max() * 1e6, x.max() * 1e12], n=-x[:3])
    assert np.isfinite(model.score_samples(far)).all()


@pytest.mark.parametrize("missing", ["at-random", "informative"])
def test_what_is_left_out_is_carried_through(frame, missing):
    wide = frame.assign(who=[f"u{i}" for i in range(100)], same="k", one=7, nothing=np.nan)
    model = quick(wide, missing=missing)
    assert [one.name for one in model.schema_.left_out] == ["who", "same", "one", "nothing"]
    np.testing.assert_array_equal(
        model.score_samples(wide), quick(frame, missing=missing).score_samples(frame)
    )
    holed = wide.assign(shade=None)
    for how in ("mode", "mean", "sample"):
        found = model.complete(holed, how=how, random_state=0)
        pd.testing.assert_frame_equal(found.drop(columns="shade"), wide.drop(columns="shade"))
    drawn = model.sample(5, random_state=0)
    assert (drawn["same"] == "k").all()
    assert (drawn["one"] == 7).all()
    assert drawn[["who", "nothing"]].isna().all(axis=None)


def test_a_row_of_which_nothing_is_known(frame):
    rows = frame.astype({"n": "float64"})
    rows.loc[3] = None
    model = quick(rows)
    assert model.score_samples(rows)[3] == 0.0
    assert model.complete(rows, random_state=0).notna().all(axis=None)
    wide = quick(small_frame(400)).score_samples(rows.iloc[[3]])  # too many states to sum
    assert wide[0] == 0.0
    bits = np.random.default_rng(0).integers(0, 2, (50, 14)).astype(float)
    bits[0] = np.nan
    assert quick(bits).score_samples(bits)[0] == 0.0


def test_an_index_is_kept(model, frame):
    rows = frame.head(4).set_axis(list("wxyz"), axis=0).assign(shade=None)
    for how in ("mode", "mean", "sample"):
        assert list(model.complete(rows, how=how, random_state=0).index) == list("wxyz")
    two = frame.head(4).set_index(["yes", "n"], drop=False, append=True)
    found = model.correct(two, noise=hm.noise.Cells(0.0))
    pd.testing.assert_frame_equal(found, two)


LIBRARIES = {
    "polars": (pl.from_pandas, pl.DataFrame),
    "arrow": (lambda f: pa.Table.from_pandas(f, preserve_index=False), pa.Table),
    "dict": (lambda f: {name: f[name].tolist() for name in f}, dict),
}


@pytest.mark.parametrize("library", LIBRARIES)
def test_frames_of_every_library(model, frame, library):
    make, kind = LIBRARIES[library]
    rows = make(frame)
    np.testing.assert_array_equal(model.score_samples(rows), model.score_samples(frame))
    own = quick(rows)
    assert list(own.feature_names_in_) == list(frame)
    holed = make(frame.assign(shade=pd.Series([None] + ["b"] * 99, dtype=object)))
    for answer in (own.sample(4, random_state=0), own.complete(holed), model.complete(holed)):
        assert isinstance(answer, kind)
        names = getattr(answer, "column_names", None) or list(getattr(answer, "columns", answer))
        assert names == list(frame)
    drawn = own.sample(4, condition={"shade": "r", "x": (1.0, 3.0)}, random_state=0)
    assert set(drawn["shade"].to_pylist() if library == "arrow" else drawn["shade"]) == {"r"}
    assert own.transform(rows).shape == (100, 3)


def test_arrays_of_other_kinds_are_answered_with_arrays():
    rows = np.random.default_rng(0).integers(0, 4, (200, 3))
    model = quick(rows, visible="categorical")
    assert model.sample(7, random_state=0).shape == (7, 3)
    holed = rows.astype(float)
    holed[:, 1] = np.nan
    assert np.isin(model.complete(holed, random_state=0)[:, 1], range(4)).all()
    with pytest.raises(ValueError, match="X has 4 features"):
        model.score_samples(np.ones((2, 4)))
    with pytest.raises(ValueError, match="column '0', row 0 is 9"):
        model.score_samples(np.full((2, 3), 9))
    bits = quick(rows % 2)
    assert isinstance(bits.sample(2), np.ndarray)
    with pytest.raises(AttributeError, match="not a frame"):
        bits.schema_  # noqa: B018


# -- the layout -----------------------------------------------------------------------------------


@pytest.mark.parametrize("missing", [False, True])
def test_columns_are_variables_and_back(frame, missing):
    rows = frame.astype({"n": "Int64"})
    rows.loc[4, ["shade", "n", "yes"]] = None
    schema = hm.Schema.infer(rows)
    absent = np.array([missing and rows[name].isna().any() for name in rows])
    layout = Layout.of(schema, absent)
    states = layout.states(rows)
    assert layout.columns[0].name == ("shade" if missing else "yes")  # of two states first
    assert np.isnan(states).any() != missing
    assert (np.nanmax(states, 0) < layout.sizes).all()
    np.testing.assert_array_equal(layout.cells(states), schema.read(rows))
    again = Layout.from_facts(layout.facts())
    assert again.sizes == layout.sizes
    assert again.units.sizes == layout.sizes
    np.testing.assert_array_equal(again.states(rows), states)


@pytest.mark.parametrize("facts", [None, {}, {"schema": {}, "absent": []}, {"absent": [True]}])
def test_facts_of_no_layout_are_refused(facts):
    with pytest.raises(ValueError, match=r"table|schema"):
        Layout.from_facts(facts)
