"""Tables with names in files: what is read, what is written, what is wrong."""

from __future__ import annotations

import datetime as dt

import pandas as pd
import pyarrow as pa
import pytest

from harmonium.data.frame_files import has_names, read_frame, write_frame


def _read(tmp_path, text, name="a.csv", texts=()):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_frame(str(path), texts).to_pydict()


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('﻿age,job,ok\n30,"clerk, senior",true\n,NA,false\n', "a.csv"),
        ("age;job;ok\n30;clerk, senior;true\n;NA;false\n", "a.csv"),
        ("age\tjob\tok\n30\tclerk, senior\ttrue\nNA\t\tfalse\n", "a.csv"),
        ("age\tjob\tok\r\n30\tclerk, senior\ttrue\r\n\t\tfalse\r\n", "a.tsv"),
    ],
)
def test_delimiters_quotes_marks_and_missing_cells(tmp_path, text, name):
    assert _read(tmp_path, text, name) == {
        "age": [30, None],
        "job": ["clerk, senior", None],
        "ok": [True, False],
    }


def test_types_of_text_columns(tmp_path):
    found = _read(tmp_path, "zip,day,at,x\n00123,2020-01-02,12:30,1.5\n45678,2020-02-03,13:00,2\n")
    assert found["zip"] == ["00123", "45678"]  # leading zeros are no number's
    assert found["day"] == [dt.date(2020, 1, 2), dt.date(2020, 2, 3)]
    assert found["at"] == ["12:30", "13:00"]
    assert found["x"] == [1.5, 2.0]
    assert _read(tmp_path, "a,b\n1,2\n", texts=["a"]) == {"a": ["1"], "b": [2]}


def test_decimal_commas_stand_beside_semicolons_only(tmp_path):
    assert _read(tmp_path, "x;n\n1,5;3\n2,25;4\n") == {"x": [1.5, 2.25], "n": [3, 4]}
    assert _read(tmp_path, "x;n\n1.5;3\n2.25;4\n") == {"x": [1.5, 2.25], "n": [3, 4]}


def test_which_files_have_names(tmp_path):
    for text, wanted in (("a,b\n1,0\n", True), ("1,0\n0,1\n", False), ("1;0\n0;1\n", False)):
        (tmp_path / "a.csv").write_text(text)
        assert has_names(str(tmp_path / "a.csv")) is wanted
    assert not has_names(str(tmp_path / "absent.csv"))
    (tmp_path / "a.npy").write_bytes(b"a,b\n")
    assert not has_names(str(tmp_path / "a.npy"))


TABLE = {
    "job": ["clerk, senior", None, '"cook"', "=1+1"],
    "age": [30, None, 41, 0],
    "pay": [0.1, 1e-300, None, 1 / 3],
    "ok": [True, False, None, True],
    "day": [dt.date(2020, 1, 2), None, dt.date(1969, 12, 31), dt.date(2020, 1, 1)],
}


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.parquet"])
def test_what_is_written_is_read_again(tmp_path, name):
    path = str(tmp_path / name)
    write_frame(path, pa.table(TABLE))
    assert read_frame(path).to_pydict() == TABLE


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", b"", "empty"),
        ("a.csv", b"a,b\n1,2\n3\n", "Expected 2 columns, got 1"),
        ("a.csv", b"a,a\n1,2\n", "two columns are named 'a'"),
        ("a.csv", b"a,b\n1,\xe9\n", "utf-8"),
        ("a.parquet", b"PAR1", "cannot be read"),
    ],
)
def test_wrong_files_are_named(tmp_path, name, content, said):
    with pytest.raises(ValueError, match=said) as caught:
        _read(tmp_path, content, name)
    assert name in str(caught.value)


def test_a_small_file_does_not_fill_the_memory(tmp_path, monkeypatch):
    from harmonium.data import packed

    monkeypatch.setattr(packed, "_LARGEST_UNPACKED", 2**16)
    path = tmp_path / "bomb.parquet"
    write_frame(str(path), pa.table({"a": [0] * 2**20}))
    with pytest.raises(ValueError, match="unpacks to"):
        read_frame(str(path))


def test_an_index_that_pandas_wrote_is_no_column(tmp_path):
    frame = pd.DataFrame({"a": [1, 2, 3], "b": ["x", "y", "z"]}, index=[7, 5, 9])
    frame.to_parquet(tmp_path / "rows.parquet")
    assert read_frame(str(tmp_path / "rows.parquet")).column_names == ["a", "b"]
    frame.rename_axis("key").to_parquet(tmp_path / "named.parquet")
    assert read_frame(str(tmp_path / "named.parquet")).column_names == ["a", "b", "key"]
