"""Rows out of core: the same rows wherever they lie, and what is wrong with them by its file."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
import pytest
from pyarrow import parquet

from harmonium.data.shards import Shards, is_shards, looks_like_shards
from harmonium.data.states import States

N = 1000
RNG = np.random.default_rng(0)
TABLE = pa.table(
    {
        "job": RNG.choice(["baker", "smith"], N),
        "age": RNG.integers(20, 60, N),
        "height": RNG.normal(size=N),
    }
)
ARRAY = RNG.integers(0, 2, (N, 5)).astype(np.uint8)


def written(kind: str, folder: Path) -> Any:
    """The table, or the array, in three files of a kind."""
    for k, start in enumerate(range(0, N, 400)):
        part = TABLE[start : start + 400]
        if kind == "arrow":
            with pa.ipc.new_file(folder / f"{k}.arrow", part.schema) as file:
                file.write_table(part, max_chunksize=150)
        elif kind == "npy":
            np.save(folder / f"{k}.npy", ARRAY[start : start + 400])
        else:
            parquet.write_table(part, folder / f"{k}.parquet", row_group_size=150)
    if kind == "dataset":
        return ds.dataset(folder, format="parquet")
    if kind == "lazy":
        return pl.scan_parquet(folder / "*.parquet")
    return str(folder / f"*.{kind}")


KINDS = ["parquet", "arrow", "npy", "dataset", "lazy"]


@pytest.mark.parametrize("kind", KINDS)
def test_rows_are_the_same_wherever_they_lie(kind, tmp_path, monkeypatch):
    monkeypatch.setattr("harmonium.data.shards._BLOCK_CELLS", 300)
    X = written(kind, tmp_path)
    assert is_shards(X)
    shards = Shards(X)
    blocks = list(shards.blocks())
    assert max(map(len, blocks)) <= shards.block_rows < 150
    if kind == "npy":
        np.testing.assert_array_equal(np.concatenate(blocks), ARRAY)
        assert shards.shape == (N, 5)
        assert shards.names == ()
        return
    assert pa.concat_tables(blocks).cast(TABLE.schema).equals(TABLE)
    assert shards.shape == (N, 3)
    assert shards.names == ("job", "age", "height")
    seen = [(start, len(block)) for k in range(shards.n_pieces) for start, block in shards.piece(k)]
    assert [start for start, _ in seen] == np.cumsum([0, *(n for _, n in seen)])[:-1].tolist()
    start, block = next(shards.piece(0, 7))
    assert start == 7
    assert block["age"][0] == TABLE["age"][7]


@pytest.mark.parametrize("kind", ["npy", "parquet"])
def test_rows_by_number(kind, tmp_path, monkeypatch):
    monkeypatch.setattr("harmonium.data.shards._BLOCK_CELLS", 300)
    shards = Shards(written(kind, tmp_path))
    whole = ARRAY if kind == "npy" else TABLE["age"].to_numpy()[:, None]

    def encode(block: Any, start: int) -> np.ndarray:
        return block if kind == "npy" else block["age"].to_numpy()[:, None]

    states = States(shards, encode, whole.shape[1], 60)
    index = np.random.default_rng(1).choice(N, 70)  # in any order, some twice
    np.testing.assert_array_equal(states[index], whole[index])
    np.testing.assert_array_equal(states[390:420], whole[390:420])
    np.testing.assert_array_equal(np.concatenate(list(states.blocks())), whole)
    assert states[np.arange(0)].shape == (0, whole.shape[1])


@pytest.mark.parametrize("kind", KINDS)
def test_every_cell_changes_the_digest(kind, tmp_path):
    def digest(X: Any) -> str:
        told = hashlib.sha256()
        Shards(X).digest(told)
        return told.hexdigest()

    X = written(kind, tmp_path)
    before = digest(X)
    assert digest(X) == before
    if kind == "npy":
        np.save(tmp_path / "1.npy", 1 - ARRAY[400:800])
    else:
        last = sorted(tmp_path.iterdir())[-1]
        part = TABLE[800:].set_column(1, "age", pa.array(TABLE["age"].to_numpy()[800:][::-1]))
        with pa.ipc.new_file(last, part.schema) as file:
            file.write_table(part, max_chunksize=150)
        if kind != "arrow":
            parquet.write_table(part, last, row_group_size=150)
    if kind == "lazy":
        X = pl.scan_parquet(tmp_path / "*.parquet")
    if kind == "dataset":
        X = ds.dataset(tmp_path, format="parquet")
    assert digest(X) != before


def test_a_lazy_frame_leaves_no_file(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "spilled"))
    (tmp_path / "spilled").mkdir()
    frame = pl.LazyFrame({"a": [1, 2, 3]}).filter(pl.col("a") > 1)
    shards = Shards(frame)
    assert len(list((tmp_path / "spilled").iterdir())) == 1
    assert len(shards) == 2
    del shards
    assert not list((tmp_path / "spilled").iterdir())


def test_what_is_shown_has_what_is_seldom(tmp_path):
    """A label, an extreme and a hole that few rows would not show."""
    job = np.full(N, "baker", dtype=object)
    job[700], job[701] = "smith", None
    age = np.full(N, 30.0)
    age[[333, 990]] = 12.5, 80.0
    frame = pa.table({"job": pa.array(job), "age": age, "height": np.arange(float(N))})
    parquet.write_table(frame, tmp_path / "rows.parquet", row_group_size=100)
    shown = Shards(tmp_path).shown(10)
    assert set(shown["job"].to_pylist()) == {"baker", "smith", None}
    assert set(shown["age"].to_pylist()) == {30.0, 12.5, 80.0}
    assert len(Shards(tmp_path).shown()) == N


def test_of_columns_of_many_values_the_extremes_are_shown(tmp_path, monkeypatch):
    monkeypatch.setattr("harmonium.data.shards._MOST_VALUES", 20)
    values = np.random.default_rng(0).permutation(np.arange(float(N)))
    names = [f"row {k}" for k in range(N)]
    parquet.write_table(
        pa.table({"x": values, "name": names}), tmp_path / "rows.parquet", row_group_size=100
    )
    shown = Shards(tmp_path).shown(10)
    assert {0.0, N - 1.0} <= set(shown["x"].to_pylist())
    assert len(shown) < 200


def test_paths_that_are_rows_out_of_core(tmp_path):
    written("parquet", tmp_path)
    assert looks_like_shards(str(tmp_path / "*.parquet"))
    assert looks_like_shards(str(tmp_path))
    assert not looks_like_shards(str(tmp_path / "0.parquet"))  # one file fits
    assert not looks_like_shards(str(tmp_path / "pictures.png"))
    assert not is_shards(ARRAY)
    assert not is_shards(TABLE)


def test_what_is_wrong_is_said_by_its_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no file at .*none"):
        Shards(tmp_path / "none*.parquet")
    with pytest.raises(TypeError, match="a path or a glob"):
        Shards(ARRAY)
    (tmp_path / "a.csv").write_text("a\n1\n")
    with pytest.raises(ValueError, match=r"end in \.csv; wanted one of \.parquet"):
        Shards(tmp_path / "*.csv")
    written("parquet", tmp_path)
    (tmp_path / "9.parquet").write_bytes(b"PAR1 cut short")
    with pytest.raises(ValueError, match=r"9\.parquet' cannot be read"):
        Shards(tmp_path / "*.parquet")
    parquet.write_table(TABLE.rename_columns(["job", "age", "size"]), tmp_path / "9.parquet")
    with pytest.raises(ValueError, match=r"9\.parquet.* has columns job, age, size; .*0\.parquet"):
        Shards(tmp_path / "*.parquet")
    np.save(tmp_path / "a.npy", np.zeros((3, 4), order="F"))
    with pytest.raises(ValueError, match="stored by columns"):
        Shards(tmp_path / "a.npy")
    np.save(tmp_path / "a.npy", np.zeros((0, 4)))
    with pytest.raises(ValueError, match="hold no rows"):
        Shards(tmp_path / "a.npy")
    filtered = ds.dataset(tmp_path / "0.parquet").filter(ds.field("age") > 30)
    with pytest.raises(ValueError, match="filter"):
        Shards(filtered)


def test_a_file_that_changes_while_it_is_read_is_found(tmp_path):
    written("parquet", tmp_path)
    shards = Shards(tmp_path)
    parquet.write_table(TABLE[:100], tmp_path / "0.parquet")
    with pytest.raises(ValueError, match=r"0\.parquet', row group 0 has other rows than"):
        list(shards.piece(0))


def test_a_hole_is_shown_wherever_it_is(tmp_path):
    """Null or NaN, in columns of more values than are kept apart, in rows that are not drawn."""
    n = 5000
    numbers = np.arange(n, dtype=np.float64)
    null = pa.array([None if k == 4990 else float(k) for k in range(n)])
    numbers[4980] = np.nan
    table = pa.table({"nan": numbers, "null": null, "whole": np.arange(n)})
    parquet.write_table(table, tmp_path / "a.parquet", row_group_size=500)
    shown = Shards(tmp_path / "a.parquet").shown(10)
    assert shown["null"].null_count == 1
    assert np.isnan(shown["nan"].to_numpy()).sum() == 1
    assert shown["whole"].null_count == 0


def test_columns_are_taken_out_by_name(tmp_path):
    job = pa.array(["a", None, "b"] * 4).dictionary_encode()
    table = pa.table({"x": np.arange(12), "job": job, "w": [1.5, None, 2.0] * 4})
    parquet.write_table(table, tmp_path / "a.parquet", row_group_size=5)
    shards = Shards(tmp_path / "a.parquet")
    found, weights = shards.columns(["job", "w"])
    assert found.tolist() == ["a", None, "b"] * 4
    np.testing.assert_array_equal(weights, [1.5, np.nan, 2.0] * 4)
    rest = shards.without(["job", "w"])
    assert rest.names == ("x",)
    assert rest.shape == (12, 1)
    assert rest.head().column_names == ["x"]
    assert shards.names == ("x", "job", "w")
