"""The command line on rows out of core."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet
from tests.support.cli import run

import harmonium as hm

N = 1200


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("shards")
    draw = np.random.default_rng(0)
    kind = draw.integers(0, 2, N)
    job = np.array(["cook", "smith"])[kind]
    table = pa.table({"job": job, "pay": 10 * kind + draw.integers(0, 5, N)})
    (place / "rows").mkdir()
    for k in range(3):
        part = table[400 * k : 400 * k + 400]
        parquet.write_table(part, place / "rows" / f"{k}.parquet", row_group_size=100)
    words = ["--seed", 0, "--quiet", "--set", "n_components=4", "--set", "n_updates=300"]
    done = run("fit", place / "rows" / "*.parquet", "-o", place / "m", *words)
    assert done.returncode == 0, done.stderr
    assert "job" in done.stdout
    return place, table


def test_scores_are_written_shard_by_shard(folder):
    place, table = folder
    out = place / "scores.parquet"
    done = run("score", place / "m", place / "rows" / "*.parquet", "-o", out, "--json")
    assert done.returncode == 0, done.stderr
    scores = parquet.read_table(out)["log_likelihood"].to_numpy()
    model = hm.load(place / "m")
    np.testing.assert_array_equal(scores, model.score_samples(table))
    said = json.loads(done.stdout)
    assert said["rows"] == N
    assert said["mean_log_likelihood"] == pytest.approx(scores.mean(), rel=1e-12)
    assert said["std_error"] == pytest.approx(scores.std(ddof=1) / N**0.5, rel=1e-9)
    assert parquet.ParquetFile(out).metadata.num_row_groups == 12
    done = run("score", place / "m", place / "rows", "-o", place / "scores.npy")
    assert done.returncode == 0, done.stderr
    np.testing.assert_array_equal(np.load(place / "scores.npy")[:, 0], scores)


def test_rows_are_filled_shard_by_shard(folder):
    place, table = folder
    holes = table.set_column(1, "pay", pa.array([None, *table["pay"].to_pylist()[1:]]))
    (place / "holes").mkdir()
    parquet.write_table(holes, place / "holes" / "0.parquet", row_group_size=500)
    done = run("complete", place / "m", place / "holes", "-o", place / "filled.parquet")
    assert done.returncode == 0, done.stderr
    filled = parquet.read_table(place / "filled.parquet")
    assert filled["pay"].null_count == 0
    assert filled[1:].equals(table[1:])


def test_columns_are_told_as_of_one_file(folder):
    place, _ = folder
    words = ["--seed", 0, "--quiet", "--set", "n_updates=50", "--columns", "pay=quantile"]
    done = run("fit", place / "rows", "-o", place / "told", *words)
    assert done.returncode == 0, done.stderr
    assert hm.load(place / "told").schema_["pay"].kind == "quantile"


def test_what_is_not_learned_out_of_core_is_said(folder):
    place, _ = folder
    (place / "net.uai").write_text("MARKOV\n2\n2 2\n1\n2 0 1\n4 1 1 1 1\n")
    words = ["--model", "network", "--structure", place / "net.uai"]
    done = run("fit", place / "rows" / "*.parquet", "-o", place / "no", *words)
    assert done.returncode == 2
    assert "--model network wants rows in memory" in done.stderr


def test_classes_and_couplings_are_learned_out_of_core(folder):
    """A model a class, of a column of labels that is told of, and tells, by its name."""
    place, table = folder
    words = ["--quiet", "--seed", 0, "--model", "boltzmann", "--unknown", "missing"]
    words += ["--set", "n_updates=20", "--set", "weight_decay=0.01"]
    done = run("fit", place / "rows", "-o", place / "classes", *words, "--labels", "job")
    assert done.returncode == 0, done.stderr
    assert "2 classes of 1200 rows" in done.stdout
    done = run("classify", place / "classes", place / "rows", "--labels", "job", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["accuracy"] == {"value": 1.0, "std_error": 0.0, "rows": N}
    done = run("fit", place / "rows", "-o", place / "pairs", *words)
    assert done.returncode == 0, done.stderr
    done = run("classify", place / "pairs", place / "rows", "--column", "job", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["accuracy"]["rows"] == N
    done = run("odd", place / "pairs", place / "rows", "-n", 3, "-o", place / "odd.csv")
    assert done.returncode == 0, done.stderr
    scores = hm.load(place / "pairs").score_samples(table)
    odd = np.genfromtxt(place / "odd.csv", delimiter=",", names=True)
    np.testing.assert_allclose(odd["log_P"], np.sort(scores)[:3], atol=1e-5)


def test_no_files_are_said(folder):
    place, _ = folder
    done = run("score", place / "m", place / "none*.parquet")
    assert done.returncode != 0
    assert "no file at" in done.stderr


def test_hidden_units_are_written_shard_by_shard(folder):
    place, table = folder
    done = run("encode", place / "m", place / "rows", "-o", place / "hidden.parquet")
    assert done.returncode == 0, done.stderr
    model, found = hm.load(place / "m"), parquet.read_table(place / "hidden.parquet")
    assert found.column_names == list(model.get_feature_names_out())
    hidden = np.stack([column.to_numpy() for column in found.columns], axis=1)
    np.testing.assert_array_equal(hidden, model.transform(table))
    assert parquet.ParquetFile(place / "hidden.parquet").metadata.num_row_groups == 12
    done = run("encode", place / "m", place / "rows", "-o", place / "hidden.npy")
    assert done.returncode == 0, done.stderr
    np.testing.assert_array_equal(np.load(place / "hidden.npy"), hidden)


def test_labels_and_weights_are_columns_by_name(folder):
    place, _ = folder
    words = ["--quiet", "--seed", 0, "--set", "n_updates=20"]
    done = run("fit", place / "rows", "-o", place / "both", *words, "--attributes", "job")
    assert done.returncode == 0, done.stderr
    model = hm.load(place / "both")
    assert list(model.attribute_classes_) == ["cook", "smith"]
    done = run("fit", place / "rows", "-o", place / "heavy", *words, "--weights", "pay")
    assert done.returncode == 0, done.stderr
    assert [column.name for column in hm.load(place / "heavy").schema_.columns] == ["job"]
    done = run("fit", place / "rows", "-o", place / "no", *words, "--attributes", "job,nothing")
    assert done.returncode == 2
    assert "job,nothing" in done.stderr


def test_blocks_are_filled_by_one_stream_of_random_numbers(folder):
    """Rows that are alike are filled apart, in whichever block they stand."""
    place, _ = folder
    (place / "blank").mkdir()
    blank = pa.table(
        {"job": pa.array([None] * 400, pa.string()), "pay": pa.array([None] * 400, pa.int64())}
    )
    parquet.write_table(blank, place / "blank" / "0.parquet", row_group_size=100)
    out = place / "blank.parquet"
    words = ["--how", "sample", "--seed", 1]
    done = run("complete", place / "m", place / "blank", "-o", out, *words)
    assert done.returncode == 0, done.stderr
    blocks = np.array(parquet.read_table(out)["job"].to_pylist()).reshape(4, 100)
    assert len({tuple(block) for block in blocks}) == 4
