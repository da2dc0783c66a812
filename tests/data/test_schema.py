"""Frames to states and back: kinds decided, types kept, bad frames refused by name."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import harmonium as hm

N = 60


def _frame() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "key": [f"u{i}" for i in range(N)],
            "truth": pd.array(rng.random(N) < 0.5, dtype="boolean"),
            "years": pd.array(rng.integers(17, 90, N), dtype="Int64"),
            "size": np.round(rng.normal(size=N), 2),
            "shade": pd.Categorical(rng.choice(list("xyz"), N), categories=list("wxyz")),
            "grade": pd.Categorical(
                rng.choice(["low", "mid"], N), categories=["low", "mid", "high"], ordered=True
            ),
            "town": rng.choice(["a", "b", "c"], N),
            "day": pd.date_range("2020-01-01", periods=N),
            "zoned": pd.date_range("2020-01-01", periods=N, tz="Europe/Berlin"),
            "same": 3,
            "nothing": np.nan,
            "small": rng.integers(0, 5, N).astype("int8"),
        },
        index=np.arange(N) * 2 + 7,
    )
    gaps = ["truth", "years", "size", "shade", "grade", "town", "day", "zoned"]
    frame.loc[11, gaps] = None
    return frame


KINDS = {
    "key": "identifier",
    "truth": "bernoulli",
    "years": "count",
    "size": "quantile",
    "shade": "categorical",
    "grade": "ordinal",
    "town": "categorical",
    "day": "quantile",
    "zoned": "quantile",
    "same": "constant",
    "nothing": "empty",
    "small": "count",
}


def test_kinds_are_told_from_types_and_values() -> None:
    frame = _frame()
    schema = hm.Schema.infer(frame)
    assert {name: schema[name].kind for name in frame} == KINDS
    assert schema.names == tuple(
        name for name, kind in KINDS.items() if kind not in ("identifier", "constant", "empty")
    )
    assert [one.name for one in schema.left_out] == ["key", "same", "nothing"]
    lines = str(schema).splitlines()
    assert len(lines) == len(KINDS)
    assert lines[2].split()[:2] == ["years", "count"]
    assert lines[5].endswith("low < mid < high")
    assert "2020-01-01..2020-02-29" in lines[7]


def _same_labels(answer: pd.DataFrame, frame: pd.DataFrame) -> None:
    labels = ["key", "truth", "shade", "grade", "town", "same", "nothing"]
    pd.testing.assert_frame_equal(answer[labels], frame[labels])
    assert (answer.dtypes == frame.dtypes).all()
    pd.testing.assert_frame_equal(answer.isna(), frame.isna())


@pytest.mark.parametrize("means", [False, True])
def test_a_pandas_frame_comes_back_as_it_was(means: bool) -> None:
    frame = _frame()
    schema = hm.Schema.infer(frame)
    states = schema.read(frame)
    assert states.shape == (N, 9)
    assert np.isnan(states[2]).sum() == 8
    _same_labels(schema.write(states, frame, np.random.default_rng(1), means), frame)


def test_values_drawn_lie_in_their_states() -> None:
    frame = _frame()
    schema = hm.Schema.infer(frame)
    states = schema.read(frame)
    drawn = schema.write(states, frame, np.random.default_rng(1))
    np.testing.assert_array_equal(schema.read(drawn), states)
    assert drawn["size"].equals(drawn["size"].round(2))
    assert drawn["day"].dropna().dt.normalize().equals(drawn["day"].dropna())
    assert (drawn["zoned"].dropna().dt.minute == 0).all()


def test_new_rows_have_the_types_of_the_frame_also_from_a_file(tmp_path: Path) -> None:
    frame = _frame()
    schema = hm.Schema.infer(frame)
    schema.save(tmp_path / "schema.json")
    loaded = hm.Schema.load(tmp_path / "schema.json")
    assert str(loaded) == str(schema)
    states = schema.read(frame)[3:]
    np.testing.assert_array_equal(loaded.read(frame)[3:], states)
    new = loaded.write(states, generator=np.random.default_rng(0))
    pd.testing.assert_frame_equal(new, schema.write(states, generator=np.random.default_rng(0)))
    assert (new.dtypes == frame.dtypes).all()
    assert list(new) == list(frame)
    assert (new["same"] == 3).all()
    assert new["key"].isna().all()
    with pytest.raises(ValueError, match="holds no frame"):
        loaded["years"] = "quantile"


def test_polars_comes_back_as_it_was() -> None:
    whole = pl.from_pandas(_frame().drop(columns=["nothing"]))
    frame = whole.with_columns(
        level=pl.Series(["p", "q"] * (N // 2), dtype=pl.Enum(["p", "q", "r"])),
        date=pl.Series([dt.date(2020, 1, 1 + i % 20) for i in range(N)]),
    )
    schema = hm.Schema.infer(frame)
    assert schema["level"].kind == "ordinal"
    states = schema.read(frame)
    for like in (frame, None):
        answer = schema.write(states, like, np.random.default_rng(0))
        assert isinstance(answer, pl.DataFrame)
        assert answer.schema == frame.schema
        np.testing.assert_array_equal(schema.read(answer), states)


def test_arrow_comes_back_as_it_was() -> None:
    frame = pa.Table.from_pandas(_frame(), preserve_index=False)
    schema = hm.Schema.infer(frame)
    states = schema.read(frame)
    for like in (frame, None):
        answer = schema.write(states, like, np.random.default_rng(0))
        assert answer.schema.remove_metadata() == frame.schema.remove_metadata()
        np.testing.assert_array_equal(schema.read(answer), states)


def test_types_of_all_libraries_come_back() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "text": pd.array(["a", "b", "c", None] * 10, dtype="string"),
            "arrow text": pd.array(["a", "b", "c", None] * 10, dtype="string[pyarrow]"),
            "real": pd.array([1.5, None, 2, 3] * 10, dtype="Float64"),
            "arrow": pd.array([1, 2, 3, None] * 10, dtype="int64[pyarrow]"),
            "nano": pd.date_range("2020", periods=40).astype("datetime64[ns]"),
            "maybe": pd.Series([True, None, False, True] * 10, dtype=object),
            "dates": pd.Series([dt.date(2020, 1, 1 + i % 9) for i in range(40)], dtype=object),
            "single": rng.normal(size=40).astype("float32"),
            "numbered": pd.Categorical(rng.integers(1, 5, 40)),
        }
    )
    schema = hm.Schema.infer(frame)
    answer = schema.write(schema.read(frame), frame, rng)
    assert (answer.dtypes == frame.dtypes).all()
    pd.testing.assert_frame_equal(answer.isna(), frame.isna())
    assert type(answer["dates"][0]) is dt.date
    price = [Decimal("1.25") + i for i in range(40)]
    for table in (
        pa.table({"price": pa.array(price), "on": pa.array([True, None] * 20), "no": pa.nulls(40)}),
        pl.DataFrame({"price": price}, schema={"price": pl.Decimal(9, 2)}),
    ):
        schema = hm.Schema.infer(table)
        assert schema.write(schema.read(table), table, rng).schema == table.schema


def test_a_dict_of_columns_comes_back_as_a_dict() -> None:
    frame = {"a": [1, 2, None, 3], "b": ["x", "y", "x", None], "c": [dt.date(2020, 1, 1)] * 3}
    frame["c"] += [dt.date(2021, 1, 1)]
    schema = hm.Schema.infer(frame)
    answer = schema.write(schema.read(frame), frame)
    assert answer["b"] == frame["b"]
    assert answer["a"][2] is None
    assert all(type(one) is dt.date for one in answer["c"])


def test_kinds_are_corrected() -> None:
    frame = _frame().drop(columns="nothing")
    schema = hm.Schema.infer(frame, visible={"years": "quantile", "town": ["c", "a", "b"]})
    assert schema["years"].kind == "quantile"
    assert schema["town"].kind == "ordinal"
    assert schema["town"].categories == ["c", "a", "b"]
    schema["years"] = "count"
    schema["town"] = "categorical"
    assert (schema["years"].kind, schema["town"].kind) == ("count", "categorical")
    every = hm.Schema.infer(frame[["small", "town"]], visible="categorical")
    assert [one.kind for one in every.columns] == ["categorical"] * 2
    assert every["small"].categories == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("frame", "visible", "said"),
    [
        ({"a": [1, "x"]}, None, "column 'a' mixes int, str"),
        ({"a": [1.0, np.inf, 2.0]}, None, "column 'a', row 1 is inf"),
        ({"a": [1, 2**53 + 2, 4, 4]}, None, r"column 'a' holds integers beyond 2\^53"),
        (pd.DataFrame({"a": [1, 2**53 + 2, 4, 4]}), None, r"'a' holds integers beyond 2\^53"),
        ({"a": [f"v{i % 10_000}" for i in range(20_000)]}, None, "'a' has 10000 categories"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), None, "two columns are named 'a'"),
        (pd.DataFrame({0: [1, 2]}), None, "names must be strings, got 0"),
        (pd.DataFrame({"a": []}), None, "no rows"),
        (pd.DataFrame(), None, "no columns"),
        ({"a": [1, 2], "b": [1]}, None, "one length"),
        ({"a": [None, None]}, "count", "column 'a' is all missing"),
        ({"a": ["x", "y"]}, "count", "column 'a' holds labels"),
        ({"a": [1.5, 2.0]}, {"a": "count"}, "column 'a', row 0 is 1.5"),
        ({"a": ["x", "y", "z"]}, "bernoulli", "column 'a' has 3 values"),
        ({"a": ["x", "y"]}, {"b": "count"}, "no column is named 'b'"),
        ({"a": ["x", "y"]}, {"a": "normal"}, "cannot be 'normal'"),
        ({"a": ["x", "y"]}, {"a": ["x", "z"]}, "row 1 is 'y', a category never met"),
        ({"a": ["x", "y"]}, 3, "visible must be"),
    ],
)
def test_bad_frames_are_refused_by_name(frame: Any, visible: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        hm.Schema.infer(frame, visible)


def test_what_is_no_frame_is_refused() -> None:
    with pytest.raises(TypeError, match="must be a frame"):
        hm.Schema.infer(np.zeros((3, 2)))


def test_what_does_not_fit_the_schema_is_refused() -> None:
    frame = _frame()
    schema = hm.Schema.infer(frame)
    np.testing.assert_array_equal(schema.read(frame[list(frame)[::-1]]), schema.read(frame))
    with pytest.raises(ValueError, match="column 'years' is missing"):
        schema.read(frame.drop(columns="years"))
    with pytest.raises(ValueError, match="column 'more' is none of"):
        schema.read(frame.assign(more=1))
    with pytest.raises(ValueError, match="column 'years' holds labels; wanted integers"):
        schema.read(frame.assign(years="x"))
    with pytest.raises(ValueError, match="column 'day' holds numbers; wanted dates"):
        schema.read(frame.assign(day=1.5))
    strange = frame.assign(town="elsewhere")
    with pytest.raises(ValueError, match="column 'town', row 0 is 'elsewhere', a category never"):
        schema.read(strange)
    assert np.isnan(schema.read(strange, handle_unknown="missing")[:, 5]).all()
    with pytest.raises(ValueError, match="handle_unknown"):
        schema.read(frame, handle_unknown="ignore")
    with pytest.raises(ValueError, match=r"shape \(n, 9\)"):
        schema.write(np.zeros((2, 3)))
    with pytest.raises(ValueError, match="like has 60 rows"):
        schema.write(np.zeros((2, 9)), frame)
    assert schema.read(frame.iloc[:0]).shape == (0, 9)
    assert np.isnan(schema.read(frame.assign(years=None))[:, 1]).all()


def test_columns_with_nothing_in_them_are_filled_with_their_type() -> None:
    frame = _frame()
    schema = hm.Schema.infer(frame)
    states = schema.read(frame)
    filled = schema.write(states, frame.assign(years=None, town=None))
    assert filled["years"].dtype == frame["years"].dtype
    assert filled["town"].equals(frame["town"])


def test_bad_facts_are_refused(tmp_path: Path) -> None:
    good = hm.Schema.infer(_frame()).to_facts()
    json.dumps(good, allow_nan=False)
    for spoil in (
        lambda f: f.pop("library"),
        lambda f: f["columns"].clear(),
        lambda f: f["columns"][1].pop("name"),
        lambda f: f["columns"][1].update(kind="normal"),
        lambda f: f["columns"][1].update(name="years"),
        lambda f: f["columns"][4].update(categories=None),
        lambda f: f["columns"][2].update(edges=[3, 1]),
        lambda f: f["columns"][2].update(edges="x"),
        lambda f: f["columns"][2].update(low=None),
        lambda f: f["columns"][2]["marginal"].update(heights=[0.0, 2.0]),
        lambda f: f["columns"][2]["marginal"].update(scale=0),
        lambda f: f["columns"][2].update(form=3),
    ):
        facts = json.loads(json.dumps(good))
        spoil(facts)
        with pytest.raises(ValueError, match=r"schema|column|marginal"):
            hm.Schema.from_facts(facts)
    (tmp_path / "bad.json").write_bytes(b"{")
    with pytest.raises(ValueError, match="is no schema"):
        hm.Schema.load(tmp_path / "bad.json")


def test_identifiers_may_be_large_and_categories_rare() -> None:
    big = [2**60 + i for i in range(30)]
    frame = pd.DataFrame({"number": big, "rare": ["x"] * 29 + ["y"], "v": range(0, 300, 10)})
    schema = hm.Schema.infer(frame, {"number": "identifier"})
    assert schema["rare"].kind == "bernoulli"
    assert schema.write(schema.read(frame), frame)["number"].tolist() == big
