"""Tables as they come: delimiters, names, yes, no and nothing, an index, standard input."""

from __future__ import annotations

import io
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.support.cli import run

from harmonium.data.files import read_labels, read_named_rows
from harmonium.data.frame_files import has_names, read_frame
from harmonium.data.text_tables import layout_of

N = np.nan


def _file(folder: Path, text: str, name: str = "t.csv") -> str:
    (folder / name).write_text(text, encoding="utf-8")
    return str(folder / name)


@pytest.mark.parametrize(
    ("text", "wanted", "names"),
    [
        ("True,False\nFalse,True\n", [[1, 0], [0, 1]], []),
        ("yes,no,NA\nno,,yes\n", [[1, 0, N], [0, N, 1]], []),
        ("1;0\n0;1\n", [[1, 0], [0, 1]], []),
        ("0,5;1,25\n2;NA\n", [[0.5, 1.25], [2, N]], []),
        ("1\t0\n0\tn/a\n", [[1, 0], [0, N]], []),
        ("1.0e+00 0.0e+00\n0.0e+00 1.0e+00\n", [[1, 0], [0, 1]], []),
        ("1, 0\n0, 1\n", [[1, 0], [0, 1]], []),
        ("\ufeffa,b\r\n1,TRUE\r\n0,false\r\n", [[1, 1], [0, 0]], ["a", "b"]),
        (",a,b\n7,1,0\n5,0,1\n", [[1, 0], [0, 1]], ["a", "b"]),
        ('"a;b","c"\n1,0\n0,1\n', [[1, 0], [0, 1]], ["a;b", "c"]),
        ("yes,no\n1,0\n0,1\n", [[1, 0], [0, 1]], ["yes", "no"]),
    ],
)
def test_rows_as_they_come(tmp_path, text, wanted, names):
    rows, found = read_named_rows(_file(tmp_path, text))
    np.testing.assert_array_equal(rows, wanted)
    assert found == names


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("0,1,2\n1,0,0\n0,0,1\n", ["0", "1", "2"]),  # no cell below is as large
        ("0,1\n0.5,0.25\n1.5,0.125\n", ["0", "1"]),
        ("0,1,2,3\n9,9,0,1\n0,1,2,3\n", ["0", "1", "2", "3"]),  # so many that chance is out
        (",0,1,2\n0,1,0,0\n1,0,0,1\n", ["0", "1", "2"]),
        ("0,1\nTrue,False\n", ["0", "1"]),
        ("0,1\n1,0\n", []),
        ("0,1,2\n2,2,1\n", []),
    ],
)
def test_names_that_count(tmp_path, text, names):
    """As pandas names the columns of an array; what might be either is said."""
    with pytest.warns(UserWarning, match="names the columns" if names else "is read as a row"):
        rows, found = read_named_rows(_file(tmp_path, text))
    assert found == names
    n_lines = text.count("\n")
    assert len(rows) == (n_lines - 1 if names else n_lines)


def test_rows_that_do_not_count_are_rows_without_a_word(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for text in ("0,0,1\n1,0,0\n", "0\n1\n", "1,2,3\n0,0,0\n"):
            assert read_named_rows(_file(tmp_path, text))[1] == []


def test_what_pandas_writes_of_an_array_is_read_again(tmp_path):
    X = np.random.default_rng(0).random((20, 6)) < 0.4
    for index in (True, False):
        pd.DataFrame(X).to_csv(tmp_path / "t.csv", index=index)
        with pytest.warns(UserWarning, match="names the columns"):
            rows, names = read_named_rows(str(tmp_path / "t.csv"))
        np.testing.assert_array_equal(rows, X)
        assert names == list("012345")


def test_names_of_the_model_are_names(tmp_path):
    """A table of two columns called 0 and 1 that a model of such columns reads."""
    path = _file(tmp_path, "0,1\n1,0\n")
    assert not has_names(path)
    assert has_names(path, ["1", "0"])
    assert read_frame(path, known=["0", "1"]).to_pydict() == {"0": [1], "1": [0]}
    assert layout_of(path, ["0", "1"]).note == ""


def test_labels_begin_without_a_mark(tmp_path):
    assert read_labels(_file(tmp_path, "\ufeffcat\ndog\n", "l.txt")).tolist() == ["cat", "dog"]
    (tmp_path / "bad.txt").write_bytes(b"caf\xe9\n")
    with pytest.raises(ValueError, match=r"--labels: .*bad\.txt' is not text in UTF-8"):
        read_labels(str(tmp_path / "bad.txt"))


def test_standard_input_is_read_once(monkeypatch):
    for text, wanted in (("a,b\n1,0\n", True), ("1,0\n", False)):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
        assert has_names("-") is wanted
        np.testing.assert_array_equal(read_named_rows("-")[0], [[1, 0]])


QUICK = ("--set", "n_components=2", "--set", "n_updates=20", "--seed", 0, "--quiet")


def _table(index: bool = False) -> pd.DataFrame:
    draw = np.random.default_rng(0)
    frame = pd.DataFrame(draw.random((40, 3)) < 0.5, columns=["sun", "rain", "wind"])
    return pd.concat([frame, frame]) if index else frame


def test_a_table_through_a_pipe(tmp_path):
    text = _table().to_csv(index=False)
    model = tmp_path / "m.safetensors"
    done = run("fit", "-", "-o", model, *QUICK, stdin=text)
    assert done.returncode == 0, done.stderr
    assert "rain  bernoulli    False, True" in done.stdout
    done = run("score", model, "-", stdin=text)
    assert "over 40 rows" in done.stdout
    done = run("complete", model, "-", stdin="sun,rain,wind\nTrue,,\n")
    assert done.stdout.startswith("sun,rain,wind\nTrue,"), done.stderr


def test_an_index_without_a_name_is_left_out(tmp_path):
    """Its numbers come twice, as in frames put together, and would look like counts."""
    path = str(tmp_path / "rows.csv")
    _table(index=True).to_csv(path)
    model = tmp_path / "m.safetensors"
    done = run("fit", path, "-o", model, *QUICK)
    assert done.returncode == 0, done.stderr
    assert "an index: a column without a name, left out" in done.stdout
    _table().to_csv(path, index=False)
    assert run("score", model, path).returncode == 0
    done = run("fit", path, "-o", model, *QUICK)
    assert done.returncode == 0, done.stderr
    _table(index=True).to_csv(path)  # an index that the model was fitted without
    assert run("score", model, path).returncode == 0


def test_names_that_count_are_kept(tmp_path):
    path = str(tmp_path / "rows.csv")
    pd.DataFrame(_table().to_numpy().astype(int)).to_csv(path, index=False)
    model = tmp_path / "m.safetensors"
    done = run("fit", path, "-o", model, *QUICK)
    assert done.returncode == 0, done.stderr
    assert "note: DATA" in done.stderr
    done = run("sample", model, "-n", 2, "--seed", 0)
    assert done.stdout.splitlines()[0] == "0,1,2"
