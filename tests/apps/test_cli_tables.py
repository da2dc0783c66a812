"""The command line on tables whose columns have names and kinds."""

from __future__ import annotations

import csv

import numpy as np
import polars as pl
import pytest
from tests.support.cli import run

import harmonium as hm


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("tables")
    draw = np.random.default_rng(3)
    job = draw.choice(["clerk", "cook", "smith"], 1000, p=[0.5, 0.3, 0.2])
    pay = np.round(np.where(job == "smith", 30, 10) + draw.normal(0, 3, 1000), 1)
    ok = draw.random(1000) < np.where(job == "cook", 0.9, 0.2)
    people = pl.DataFrame({"zip": [f"{k:05d}" for k in range(1000)], "job": job, "pay": pay})
    people = people.with_columns(pl.Series("ok", ok), pl.lit(1950).alias("born"))
    people = people.with_columns(
        pl.when(pl.Series(draw.random(1000) < 0.1)).then(None).otherwise(pl.col("pay")).alias("pay")
    )
    people[:800].write_csv(place / "people.csv")
    people[800:].write_csv(place / "new.csv", separator=";", include_bom=True)
    people[800:].write_parquet(place / "new.parquet")
    words = ["--seed", 0, "--quiet", "--set", "n_components=8", "--set", "n_updates=6000"]
    words += ["--set", "weight_decay=0.0005", "--set", "learning_rate=0.3"]
    done = run("fit", place / "people.csv", "-o", place / "people.safetensors", *words)
    assert done.returncode == 0, done.stderr
    lines = done.stdout[done.stdout.index("columns:") :].splitlines()
    kinds = dict(line.split()[:2] for line in lines[1:])
    assert kinds == {
        "zip": "identifier", "job": "categorical", "pay": "quantile", "ok": "bernoulli",
        "born": "constant",
    }  # fmt: skip
    return place


def _table(text, delimiter=","):
    head, *rows = csv.reader(text.splitlines(), delimiter=delimiter)
    return [dict(zip(head, row, strict=True)) for row in rows]


NAMES = ["zip", "job", "pay", "ok", "born"]


def test_new_rows_have_the_columns_and_meet_what_is_given(folder):
    model = folder / "people.safetensors"
    given = ["--given", "pay=12..15.5", "--given", "job=clerk,cook"]
    done = run("sample", model, "-n", 40, "--seed", 1, *given)
    assert done.returncode == 0, done.stderr
    rows = _table(done.stdout)
    assert len(rows) == 40
    assert list(rows[0]) == NAMES
    assert all(12 <= float(row["pay"]) <= 15.5 for row in rows)
    assert {row["job"] for row in rows} == {"clerk", "cook"}
    assert {row["zip"] for row in rows} == {""}
    assert run("sample", model, "-n", 3, "--seed", 1, "-o", folder / "s.parquet").returncode == 0
    drawn = pl.read_parquet(folder / "s.parquet")
    assert drawn.columns == NAMES
    assert drawn["pay"].dtype == pl.Float64


def test_holes_are_filled_and_the_rest_stays(folder):
    model = folder / "people.safetensors"
    for name in ("new.csv", "new.parquet"):
        done = run("complete", model, folder / name, "-o", folder / "full.tsv")
        assert done.returncode == 0, done.stderr
        filled = _table((folder / "full.tsv").read_text(), "\t")
        was = pl.read_parquet(folder / "new.parquet")
        assert was["pay"].null_count() > 0
        for row, pay, place in zip(filled, was["pay"], was["zip"], strict=True):
            assert row["zip"] == place
            assert row["pay"] != "" if pay is None else float(row["pay"]) == pay


def test_scores_are_those_of_the_model(folder):
    model = folder / "people.safetensors"
    done = run("score", model, folder / "new.csv", "-o", folder / "scores.csv")
    assert done.returncode == 0, done.stderr
    wanted = hm.load(model).score_samples(pl.read_parquet(folder / "new.parquet"))
    np.testing.assert_allclose(np.loadtxt(folder / "scores.csv"), wanted, rtol=1e-6)


def test_a_column_is_told_from_the_others(folder):
    model = folder / "people.safetensors"
    out = folder / "told.csv"
    done = run("classify", model, folder / "new.csv", "--column", "job", "-o", out)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout.split()[1]) > 0.7
    rows = _table(out.read_text())
    assert len(rows) == 200
    chances = [[float(row[f"P({one})"]) for one in ("clerk", "cook", "smith")] for row in rows]
    np.testing.assert_allclose(np.sum(chances, axis=1), 1, atol=1e-4)
    assert run("classify", model, folder / "new.csv", "--column", "pay").returncode == 2


def test_odd_rows_and_cells(folder):
    model = folder / "people.safetensors"
    lines = (folder / "people.csv").read_text().splitlines()[:20]
    lines[7] = "00000,clerk,30.4,false,1950"
    (folder / "typo.csv").write_text("\n".join(lines))
    done = run("odd", model, folder / "typo.csv", "-n", 1)
    assert done.returncode == 0, done.stderr
    assert " 7 " in done.stdout
    assert "pay = 30.4" in done.stdout
    done = run("odd", model, folder / "typo.csv", "-o", folder / "odd.csv")
    assert done.returncode == 0, done.stderr
    rows = _table((folder / "odd.csv").read_text())
    assert [rows[0]["row"], len(rows)] == ["7", 19]
    values = [float(row["log P"]) for row in rows]
    assert values == sorted(values)
    assert float(rows[0]["log P(pay | rest)"]) < -3


def test_noisy_cells_are_mended(folder):
    model = folder / "people.safetensors"
    (folder / "bad.csv").write_text("zip,job,pay,ok,born\n00001,clerk,30.4,false,1950\n")
    done = run("correct", model, folder / "bad.csv", "--noise", "cells:0.2")
    assert done.returncode == 0, done.stderr
    (row,) = _table(done.stdout)
    assert (row["job"], float(row["pay"])) != ("clerk", 30.4)


def test_info_prints_the_schema(folder):
    done = run("info", folder / "people.safetensors")
    assert done.returncode == 0, done.stderr
    assert "job   categorical  clerk, cook, smith" in done.stdout


def test_columns_and_missing_are_told(folder):
    words = ["--seed", 0, "--quiet", "--set", "n_components=2", "--set", "n_updates=5"]
    words += ["--columns", "zip=identifier", "--columns", "job=cook,clerk,smith"]
    words += ["--missing", "informative"]
    out = folder / "told.safetensors"
    done = run("fit", folder / "people.csv", "-o", out, *words)
    assert done.returncode == 0, done.stderr
    assert "job   ordinal      cook < clerk < smith" in done.stdout
    model = hm.load(out)
    assert model.missing == "informative"
    done = run("odd", out, folder / "new.csv", "-n", 2)
    assert done.returncode == 0, done.stderr
    assert "oddest cells" in done.stdout
    done = run("odd", out, folder / "new.csv", "-o", folder / "cells.csv")
    assert done.returncode == 0, done.stderr
    rows = _table((folder / "cells.csv").read_text())
    assert all(float(row["log P(job | rest)"]) <= 0 for row in rows)


def test_classes_share_one_schema(folder):
    labels = folder / "labels.txt"
    jobs = pl.read_csv(folder / "people.csv", schema_overrides={"zip": pl.String})["job"]
    labels.write_text("\n".join(jobs))
    rows = pl.read_csv(folder / "people.csv", schema_overrides={"zip": pl.String}).drop("job")
    rows.write_csv(folder / "rows.csv")
    words = ["--seed", 0, "--quiet", "--set", "n_components=2", "--set", "n_updates=50"]
    out = folder / "classes.safetensors"
    done = run("fit", folder / "rows.csv", "-o", out, "--labels", labels, *words)
    assert done.returncode == 0, done.stderr
    one, *others = hm.load(out).estimators_
    assert all(str(other.schema_) == str(one.schema_) for other in others)
    done = run("classify", out, folder / "rows.csv", "--labels", labels)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout.split()[1]) > 0.5


def test_zeros_and_ones_without_names_stay_arrays(tmp_path):
    rows = np.random.default_rng(0).integers(0, 2, (30, 4))
    np.savetxt(tmp_path / "bits.csv", rows, delimiter=",", fmt="%d")
    words = ["--seed", 0, "--quiet", "--set", "n_components=2", "--set", "n_updates=5"]
    done = run("fit", tmp_path / "bits.csv", "-o", tmp_path / "bits.safetensors", *words)
    assert done.returncode == 0, done.stderr
    assert "columns:" not in done.stdout
    done = run("sample", tmp_path / "bits.safetensors", "-o", tmp_path / "x.npy")
    assert done.returncode == 0, done.stderr
    assert np.load(tmp_path / "x.npy").shape == (10, 4)
    done = run("odd", tmp_path / "bits.safetensors", tmp_path / "bits.csv", "-n", 2)
    assert done.returncode == 0, done.stderr


WRONG = [
    (["fit", "people.csv", "-o", "x.safetensors", "--columns", "age=count"], "among zip, job"),
    (["fit", "people.csv", "-o", "x.safetensors", "--columns", "job=odd"], "'job' cannot be"),
    (["fit", "people.csv", "-o", "x.safetensors", "--columns", "job=count"], "'job' holds labels"),
    (["fit", "people.csv", "-o", "x.safetensors", "--missing", "x"], "missing must"),
    (["fit", "ragged.csv", "-o", "x.safetensors"], "Expected 2 columns"),
    (["fit", "bits.csv", "-o", "x.safetensors", "--columns", "a=count"], "names its columns"),
    (["sample", "people.safetensors", "--given", "pay=x"], "wants a number"),
    (["sample", "people.safetensors", "--given", "job=king"], "never was 'king'"),
    (["sample", "people.safetensors", "--given", "zip=1"], "left out"),
    (["sample", "people.safetensors", "--given", "age=1"], "no column of the model's"),
    (["sample", "people.safetensors", "-o", "x.npy"], "--out must end in .csv, .tsv, .parquet"),
    (["complete", "people.safetensors", "other.csv", "-o", "x.csv"], "column 'job' is missing"),
    (["score", "people.safetensors", "new.txt"], "tables come from"),
    (["score", "people.safetensors", "bits.csv"], "must name the columns"),
    (["classify", "people.safetensors", "new.csv"], "without --labels or --attributes"),
    (["classify", "people.safetensors", "new.csv", "--column", "age"], "none of labels"),
    (["odd", "people.safetensors", "new.csv", "-o", "x.npy"], "--out must end in"),
]  # fmt: skip


@pytest.mark.parametrize(("words", "said"), WRONG, ids=[said for _, said in WRONG])
def test_wrong_input_is_one_line(folder, monkeypatch, words, said):
    monkeypatch.chdir(folder)
    (folder / "ragged.csv").write_text("a,b\n1,2\n3\n")
    (folder / "bits.csv").write_text("0,1\n1,0\n")
    (folder / "other.csv").write_text("pay,ok\n1.5,true\n")
    before = set(folder.iterdir())
    done = run(*words)
    assert done.returncode == 2, done.stdout
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert set(folder.iterdir()) == before
