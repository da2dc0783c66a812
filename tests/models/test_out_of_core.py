"""Rows out of core: fits and answers are those of the same rows in memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pytest
from pyarrow import parquet
from scipy import sparse

import harmonium as hm

N = 3000


@pytest.fixture(scope="module")
def table() -> pa.Table:
    rng = np.random.default_rng(0)
    kind = rng.integers(0, 2, N)
    job = np.array(["baker", "smith", "weaver"])[kind + rng.integers(0, 2, N)]
    age = np.round(np.where(kind, rng.normal(50, 5, N), rng.normal(30, 5, N))).astype(int)
    rare = np.zeros(N, dtype=int)
    rare[-3] = 1
    return pa.table({"job": job, "age": age, "out": (kind ^ (rng.random(N) < 0.1)), "rare": rare})


@pytest.fixture(scope="module")
def folder(table: pa.Table, tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("rows")
    for k, start in enumerate(range(0, N, 1000)):
        part = table[start : start + 1000]
        parquet.write_table(part, found / f"{k}.parquet", row_group_size=300)
    return found


@pytest.fixture(scope="module")
def model(folder: Path) -> hm.RBM:
    return hm.RBM(4, n_updates=1200, learning_rate=0.5, random_state=0).fit(
        str(folder / "*.parquet")
    )


def test_a_table_is_learned_from_its_shards(model, table, folder):
    in_memory = hm.RBM(4, n_updates=1200, learning_rate=0.5, random_state=0).fit(table)
    assert str(model.schema_) == str(in_memory.schema_)
    assert list(model.feature_names_in_) == table.column_names
    assert model.n_features_in_ == 4
    assert model.history_["validation"][-1] > model.history_["validation"][0] + 0.05
    # Other batches, the same table: two fits differ by the noise of learning.
    assert model.score(table) == pytest.approx(in_memory.score(table), abs=0.1)


def test_a_fit_is_the_same_each_time_and_by_any_name(folder):
    names = (str(folder / "*.parquet"), ds.dataset(folder, format="parquet"), hm.Shards(folder))
    fits = [hm.RBM(4, n_updates=50, random_state=0).fit(X).components_ for X in names]
    np.testing.assert_array_equal(fits[1], fits[0])
    np.testing.assert_array_equal(fits[2], fits[0])


def test_answers_are_those_in_memory(model, table, folder, tmp_path):
    np.testing.assert_array_equal(model.score_samples(folder), model.score_samples(table))
    np.testing.assert_array_equal(model.transform(folder), model.transform(table))
    holes = table[:500].set_column(1, "age", pa.array([None] * 250 + [40] * 250))
    parquet.write_table(holes, tmp_path / "holes.parquet")
    for how in ("mode", "sample"):
        found = model.complete(tmp_path, how=how, random_state=0)
        assert found.equals(model.complete(holes, how=how, random_state=0))


def test_arrays_are_learned_from_their_shards(tmp_path):
    X = np.random.default_rng(0).integers(0, 2, (N, 6)).astype(np.uint8)
    np.save(tmp_path / "a.npy", X[:1000])
    np.save(tmp_path / "b.npy", X[1000:])
    model = hm.RBM(3, n_updates=100, random_state=0).fit(tmp_path)
    np.testing.assert_array_equal(model.score_samples(tmp_path), model.score_samples(X))
    model.partial_fit(tmp_path / "a.npy")
    assert model.n_updates_ == 100 + 10
    X[2500, 3] = 7
    np.save(tmp_path / "b.npy", X[1000:])
    for learn in (hm.RBM(3).fit, model.partial_fit):
        with pytest.raises(ValueError, match=r"X\[2500, 3\] is 7; .* of '.*b\.npy'"):
            learn(tmp_path)
    with pytest.raises(ValueError, match="X has 6 columns, the model 4"):
        hm.RBM(3).partial_fit(X[:5, :4] % 2).partial_fit(tmp_path)


def test_a_table_is_gone_on_from(table, folder):
    model = hm.RBM(4, random_state=0).partial_fit(folder)
    before = model.components_.copy()
    model.partial_fit(hm.Shards(folder / "0.parquet"))
    assert model.n_updates_ == 30 + 10
    assert (model.components_ != before).any()
    assert np.isfinite(model.score(table))


def test_what_cannot_be_learned_is_said_before_any_work(table, folder, tmp_path):
    with pytest.raises(ValueError, match="sample_weight must be None for rows out of core"):
        hm.RBM(3).fit(folder, sample_weight=np.ones(N))
    with pytest.raises(ValueError, match="y must be None for rows out of core"):
        hm.RBM(3).fit(folder, np.ones(N))
    age = [None if k == 2999 else a for k, a in enumerate(table["age"].to_pylist())]
    parquet.write_table(table.set_column(1, "age", pa.array(age)), tmp_path / "rows.parquet")
    with pytest.raises(ValueError, match=r"'age' is missing in row 2999; .*rows\.parquet"):
        hm.RBM(3).fit(tmp_path)
    model = hm.RBM(3, n_updates=50, missing="informative", random_state=0).fit(tmp_path)
    assert np.isfinite(model.score(tmp_path))


def test_sparse_rows_are_filled_a_block_at_a_time():
    rng = np.random.default_rng(0)
    X = (rng.random((5000, 30)) < 0.05).astype(float)
    model = hm.RBM(4, n_updates=100, random_state=0).fit(sparse.csr_array(X))
    X[::7, 3] = np.nan
    for how in ("mode", "sample", "mean"):
        found = model.complete(sparse.csr_array(X), how=how, random_state=0)
        assert sparse.issparse(found)
        wanted = model.complete(X, how=how, random_state=0)
        np.testing.assert_array_equal(found.toarray(), wanted)


def test_what_wants_rows_in_memory_says_so(model, folder):
    for X in (str(folder), hm.Shards(folder)):
        with pytest.raises(ValueError, match="wanted a table in memory"):
            hm.BoltzmannMachine().fit(X)
        with pytest.raises(ValueError, match="wanted images in memory"):
            hm.GridMRF(n_levels=2).fit(X)
