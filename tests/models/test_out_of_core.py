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
    for wrong in ({"y": "no"}, {"sample_weight": "no"}, {"y": ["job", "no"]}):
        with pytest.raises(ValueError, match="X has no column 'no'; it has 'job', 'age'"):
            hm.RBM(3).fit(folder, **wrong)
    with pytest.raises(ValueError, match="column 'job' is asked for twice"):
        hm.RBM(3).fit(folder, "job", "job")
    with pytest.raises(ValueError, match="no column is left beside 'job', 'age', 'out', 'rare'"):
        hm.RBM(3).fit(folder, ["job", "age", "out", "rare"])
    with pytest.raises(ValueError, match="sample_weight"):
        hm.RBM(3).fit(folder, sample_weight=np.ones(N - 1))
    age = [None if k == 2999 else a for k, a in enumerate(table["age"].to_pylist())]
    parquet.write_table(table.set_column(1, "age", pa.array(age)), tmp_path / "rows.parquet")
    with pytest.raises(ValueError, match="partial_fit takes no missing cells"):
        hm.RBM(3).partial_fit(tmp_path)
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
    network = hm.MarkovNetwork([hm.Factor(["job", "age"], np.ones((2, 2)))])
    for X in (str(folder), hm.Shards(folder)):
        with pytest.raises(ValueError, match="wanted a table in memory"):
            network.fit(X)
        with pytest.raises(ValueError, match="wanted images in memory"):
            hm.GridMRF(n_levels=2).fit(X)
        with pytest.raises(ValueError, match="learner='pseudo' wants rows in memory"):
            hm.BoltzmannMachine(learner="pseudo").fit(X)
        with pytest.raises(ValueError, match=r"learner='exact' and hidden units .* wants"):
            hm.BoltzmannMachine(learner="exact", n_components=1).fit(X)


def boltzmann(**more: object) -> hm.BoltzmannMachine:
    """Of which nothing is left to chance, or nothing but chains, by the order of rows."""
    settings = {"weight_decay": 0.01, "validation_fraction": 0.0, "random_state": 0}
    return hm.BoltzmannMachine(**{**settings, "n_updates": 20, "visible": {"age": "count"}, **more})


@pytest.mark.parametrize(
    "more", [{"learner": "exact"}, {}, {"n_components": 2, "batch_size": N, "n_updates": 4}]
)
def test_a_boltzmann_machine_is_that_of_rows_in_memory(table, folder, more):
    """Rows are counted once, or are all of a batch: sums differ by rounding alone."""
    found, wanted = boltzmann(**more).fit(folder), boltzmann(**more).fit(table)
    assert str(found.schema_) == str(wanted.schema_)
    np.testing.assert_array_equal(found._base, wanted._base)
    for name, value in wanted.to_state()[0].items():
        np.testing.assert_allclose(found.to_state()[0][name], value, atol=1e-4, err_msg=name)
    np.testing.assert_array_equal(found.free_energy(folder), found.free_energy(table))
    if more.get("n_components"):
        np.testing.assert_array_equal(found.transform(folder), found.transform(table))
    before = found.n_updates_
    assert found.partial_fit(folder).n_updates_ > before


def test_a_boltzmann_machine_holds_rows_out(table, folder):
    """The pull is chosen, and the best kept, by rows that were held out, weighed by a column."""
    rest = table.select(["job", "out", "rare"])
    settings = {"weight_decay": "auto", "validation_fraction": 0.2, "n_updates": 200}
    settings["visible"] = "auto"
    model = boltzmann(**settings).fit(folder, sample_weight="age")
    other = boltzmann(**settings).fit(rest, sample_weight=table["age"].to_numpy())
    np.testing.assert_array_equal(model._base, other._base)
    weights = table["age"].to_numpy()
    scores = [np.average(one.score_samples(rest), weights=weights) for one in (model, other)]
    assert scores[0] == pytest.approx(scores[1], abs=0.02)
    assert model.history_["validation"][-1] > model.history_["validation"][0]


def test_states_of_arrays_are_counted_out_of_core(tmp_path):
    X = np.random.default_rng(0).integers(0, 3, (900, 4)).astype(np.uint8)
    X[:, 1] = X[:, 0]
    np.save(tmp_path / "a.npy", X[:500])
    np.save(tmp_path / "b.npy", X[500:])
    wanted = boltzmann(visible="categorical", learner="exact").fit(X)
    found = boltzmann(visible="categorical", learner="exact").fit(tmp_path)
    np.testing.assert_allclose(found._tables.couplings, wanted._tables.couplings, atol=1e-5)
    rare = sparse.csr_array(X)
    found = boltzmann(visible="categorical", learner="exact").fit(rare)
    np.testing.assert_allclose(found._tables.couplings, wanted._tables.couplings, atol=1e-5)
    holes = np.where(np.random.default_rng(1).random(X.shape) < 0.1, np.nan, X)
    np.save(tmp_path / "holes.npy", holes)
    for more in ({}, {"n_components": 2}):
        wanted = boltzmann(visible=3, n_updates=10, **more).fit(holes)
        found = boltzmann(visible=3, n_updates=10, **more).fit(tmp_path / "holes.npy")
        np.testing.assert_allclose(found._base, wanted._base, atol=1e-6)
        np.testing.assert_allclose(found._tables.couplings, wanted._tables.couplings, atol=0.05)
    with pytest.raises(ValueError, match="partial_fit takes no missing cells"):
        found.partial_fit(tmp_path / "holes.npy")
    X[700, 2] = 9
    np.save(tmp_path / "b.npy", X[500:])
    for learn in (boltzmann(visible=3).fit, boltzmann(visible=3).partial_fit):
        with pytest.raises(ValueError, match=r"X\[700, 2\] is 9; wanted 0, 1, 2 .* of '.*b\.npy'"):
            learn(tmp_path / "[ab].npy")


def test_a_model_a_class_is_learned_from_that_class_of_the_shards(table, folder):
    """Classes are counted, weighed, and read out of every piece; labels are a column or in
    memory."""
    rest = hm.Shards(folder).without(["out", "age"])
    classifier = hm.BayesClassifier(boltzmann(learner="exact", visible="auto"))
    found = classifier.fit(folder, "out", "age")
    labels, weights = table["out"].to_numpy(zero_copy_only=False), table["age"].to_numpy()
    wanted = hm.BayesClassifier(classifier.estimator).fit(
        table.select(["job", "rare"]), labels, weights
    )
    np.testing.assert_array_equal(found.class_log_prior_, wanted.class_log_prior_)
    np.testing.assert_allclose(
        found.predict_log_proba(rest), wanted.predict_log_proba(rest), atol=1e-3
    )
    again = hm.BayesClassifier(classifier.estimator).fit(rest, labels, weights)
    np.testing.assert_array_equal(again.predict_proba(rest), found.predict_proba(rest))
    assert found.complete(rest).num_rows == N
    with pytest.raises(ValueError, match="y must be one column of labels, got 'out', 'job'"):
        classifier.fit(folder, ["out", "job"])
    with pytest.raises(ValueError, match=r"rows must be numbers in .* that rise"):
        rest.picked(np.array([3, 2]))


def test_odd_rows_and_holes_are_asked_about_out_of_core(table, folder, tmp_path):
    estimator, table = boltzmann(learner="exact"), table[:900]
    parquet.write_table(table, tmp_path / "rows.parquet", row_group_size=300)
    found = hm.NoveltyDetector(estimator).fit(tmp_path / "rows.parquet")
    wanted = hm.NoveltyDetector(estimator).fit(table)
    np.testing.assert_allclose(found.held_out_scores_, wanted.held_out_scores_, atol=1e-3)
    holes = table[:9].set_column(0, "job", pa.array([None, *table["job"].to_pylist()[1:9]]))
    parquet.write_table(holes, tmp_path / "holes.parquet", row_group_size=5)
    folder = tmp_path / "holes.parquet"
    imputer = hm.Imputer(estimator, random_state=0).fit(tmp_path / "rows.parquet")
    np.testing.assert_array_equal(found.predict(folder), found.predict(holes))
    same(found.explain(folder), found.explain(holes))
    for one, other in zip(found.alternatives(folder), found.alternatives(holes), strict=True):
        same(one, other)
    same(imputer.transform(folder), imputer.transform(holes))
    same(imputer.intervals(folder), imputer.intervals(holes))


def same(found: pa.Table, wanted: pa.Table) -> None:
    """Tables alike, NaN where NaN."""
    assert found.column_names == wanted.column_names
    for name in wanted.column_names:
        one, other = (table[name].to_pylist() for table in (found, wanted))
        assert [str(cell) for cell in one] == [str(cell) for cell in other]


def whole_batches(n_rows: int, **more: object) -> dict[str, object]:
    """Settings by which every step is exact and of all rows: nothing is left to chance but what is
    drawn for missing cells."""
    steps = {"learner": "exact", "n_updates": 8, "batch_size": n_rows, "validation_fraction": 0.0}
    return {**steps, "random_state": 0, "learning_rate": 0.2, **more}


@pytest.mark.parametrize("kind", ["plain", "label", "attributes", "discriminative", "weights"])
def test_steps_of_all_rows_are_those_in_memory(table, folder, kind):
    """Labels and weights by the names of their columns, in memory by themselves."""
    asked: dict[str, object] = {}
    given, settings, left = {}, {}, list(table.column_names)
    if kind == "weights":
        asked["sample_weight"], left = "age", ["job", "out", "rare"]
        given["sample_weight"] = table["age"].to_numpy()
        settings["batch_size"] = int(given["sample_weight"].sum())
    elif kind == "attributes":
        asked["y"], left = ["out", "rare"], ["job", "age"]
        given["y"] = {name: table[name].to_numpy() for name in asked["y"]}
    elif kind != "plain":
        asked["y"], left = "job", ["age", "out", "rare"]
        given["y"] = table["job"].to_numpy()
        settings["discriminative"] = 0.5 * (kind == "discriminative")
    model = hm.RBM(3, **whole_batches(N, **settings))
    found = model.fit(folder, **asked).to_state()[0]
    wanted = model.fit(table.select(left), **given).to_state()[0]
    for name, value in wanted.items():
        if value.dtype.kind == "f":
            np.testing.assert_allclose(found[name], value, atol=2e-5, err_msg=name)
        else:
            np.testing.assert_array_equal(found[name], value)


@pytest.fixture(scope="module")
def holed(table: pa.Table) -> pa.Table:
    """A tenth of the jobs and ages missing, and the label of some rows."""
    rng = np.random.default_rng(1)
    columns = {name: table[name].to_pylist() for name in ("job", "age", "out")}
    lost = rng.random((N, 3)) < 0.1
    for j, (name, values) in enumerate(columns.items()):
        columns[name] = [None if gone else v for v, gone in zip(values, lost[:, j], strict=True)]
    return pa.table({**columns, "n": rng.integers(0, 3, N)})


def test_rows_with_holes_are_learned_as_in_memory(holed, tmp_path):
    """Base rates are those of what is known, to the digit; what is learned differs by the noise
    of fillings: held-out likelihoods of two fits are alike."""
    for k, start in enumerate(range(0, N, 1500)):
        parquet.write_table(holed[start : start + 1500], tmp_path / f"{k}.parquet")
    settings = {"n_updates": 300, "learning_rate": 0.3, "random_state": 0}
    model = hm.RBM(3, **settings).fit(tmp_path, "out", "n")
    rows = holed.select(["job", "age"])
    label = np.array(holed["out"].to_pylist(), dtype=object)
    weights = holed["n"].to_numpy()
    other = hm.RBM(3, **settings).fit(rows, label, weights)
    np.testing.assert_allclose(model._base_bias, other._base_bias, atol=1e-5)
    assert model.attribute_classes_ == other.attribute_classes_
    seen = np.average(model.score_samples(rows), weights=weights)
    assert seen == pytest.approx(np.average(other.score_samples(rows), weights=weights), abs=0.05)


def test_arrays_with_holes_are_learned(tmp_path):
    rng = np.random.default_rng(0)
    X = (rng.random((600, 6)) < 0.3).astype(np.float32)
    X[rng.random(X.shape) < 0.1] = np.nan
    X[:, 5] = 1.0
    np.save(tmp_path / "a.npy", X)
    settings = {"n_updates": 100, "random_state": 0}
    model = hm.RBM(2, **settings).fit(tmp_path / "a.npy", np.arange(600) % 3)
    other = hm.RBM(2, **settings).fit(X, np.arange(600) % 3)
    np.testing.assert_allclose(model._base_bias, other._base_bias, atol=1e-5)
    X[7, 2] = 3.0
    np.save(tmp_path / "a.npy", X)
    with pytest.raises(ValueError, match=r"X\[7, 2\] is 3.0; wanted 0 or 1 .*or NaN for a blank"):
        hm.RBM(2).fit(tmp_path / "a.npy")


def _mixed(folder: Path, table: pa.Table, name: str, own: pa.Array) -> str:
    """Two files, in the second of which a column is another."""
    place = table.column_names.index(name)
    for k, part in enumerate((table, table.set_column(place, name, own))):
        parquet.write_table(part, folder / f"{k}.parquet")
    return str(folder / "*.parquet")


def test_columns_of_other_types_in_other_files(model, table, tmp_path):
    """Labels that are numbered are labels; what is of two kinds is said by its name."""
    table = table[:400]
    jobs = table.column("job").combine_chunks()
    schema = hm.Schema.infer(hm.Shards(_mixed(tmp_path, table, "job", jobs)).shown())
    numbered = hm.Shards(_mixed(tmp_path, table, "job", jobs.dictionary_encode()))
    assert str(hm.Schema.infer(numbered.shown())) == str(schema)
    rows = _mixed(tmp_path, table, "age", jobs)
    with pytest.raises(ValueError, match=r"column 'age' is of type int64 .*string"):
        hm.RBM(2, n_updates=1).fit(rows)
    where = f"from row 0 of '{tmp_path}/1.parquet'"
    with pytest.raises(ValueError, match=f"column 'age' holds labels.*{where}"):
        model.score_samples(rows)
    with pytest.raises(ValueError, match="'job' holds no numbers"):
        hm.RBM(2, n_updates=1).fit(rows, None, "job")


def test_a_class_that_is_missing_is_told(table):
    y = [None, *table.column("job").to_pylist()[1:]]
    with pytest.raises(ValueError, match="y: the label of row 0 is missing"):
        hm.BayesClassifier(hm.RBM(2, n_updates=1)).fit(table.drop_columns(["job"]), y)
