"""Frames with holes that tell something, labels beside frames, and model files of frames."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from tests.support.statistics import assert_drawn_from
from tests.support.table_oracle import TableOracle, rows_of, small_frame, small_model

import harmonium as hm
from harmonium.units.space import LIMITS

CLOSE = {"atol": 1e-9, "rtol": 0}
LIMIT = 5.1
ABSENT = ("shade", "yes", "n")


def holed() -> pd.DataFrame:
    frame = small_frame().astype({"n": "Int64"})
    gone = np.random.default_rng(3).random((len(frame), len(ABSENT))) < 0.3
    gone[0] = False
    for j, name in enumerate(ABSENT):
        frame.loc[gone[:, j], name] = None
    return frame


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return holed()


@pytest.fixture(scope="module")
def informed(frame: pd.DataFrame) -> hm.RBM:
    return small_model(frame, missing="informative")


@pytest.fixture(scope="module")
def oracle(informed: hm.RBM) -> TableOracle:
    return TableOracle(informed, ABSENT)


@pytest.fixture(params=["exact", "chains"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "chains":
        monkeypatch.setitem(LIMITS, "answer", 1)
    return str(request.param)


# -- a hole as a state -----------------------------------------------------------------------


def test_being_missing_is_a_state_and_counts(informed, oracle, frame):
    rows = oracle.read(frame)
    assert (rows[:, oracle.names.index("yes")] == 2).any()
    wanted = oracle.log_p[np.ravel_multi_index(tuple(rows.astype(int).T), oracle.sizes)]
    np.testing.assert_allclose(
        informed.score_samples(frame), wanted + oracle.inside(frame), **CLOSE
    )


def test_new_rows_have_holes_as_often_as_the_model_says(informed, oracle, way):
    drawn = informed.sample(3_000, random_state=0)
    assert drawn[list(ABSENT)].isna().any().all()
    assert_drawn_from(oracle.numbers(drawn), oracle.p)


def test_a_condition_is_met_by_no_hole(informed, oracle, way):
    drawn = informed.sample(1_500, condition={"yes": ["y", "n"]}, random_state=0)
    assert drawn["yes"].notna().all()
    p = oracle.p * (oracle["yes"] < 2)
    assert_drawn_from(oracle.numbers(drawn), p / p.sum())


@pytest.mark.parametrize("how", ["mode", "mean", "sample"])
def test_no_hole_is_filled_with_a_hole(informed, frame, how, way):
    rows = pd.concat([frame, frame.assign(shade=None, n=pd.array([None] * len(frame), "Int64"))])
    found = informed.complete(rows, how=how, random_state=0)
    assert found.notna().all(axis=None)


def test_fillings_are_drawn_from_what_is_no_hole(informed, oracle, frame, way):
    rows = rows_of(frame, 1_500, shade=None, yes=None)
    found = informed.complete(rows, how="sample", random_state=0)
    row = oracle.read(rows)[0]
    row[[oracle.names.index("shade"), oracle.names.index("yes")]] = np.nan
    p = oracle.given(row) * (oracle["shade"] < 3) * (oracle["yes"] < 2)
    assert_drawn_from(oracle.numbers(found), p / p.sum())


@pytest.mark.parametrize("how", ["mode", "mean", "sample"])
def test_a_channel_without_noise_leaves_holes(informed, frame, how):
    found = informed.correct(frame, noise=hm.noise.Cells(0.0), how=how, random_state=0)
    pd.testing.assert_frame_equal(found, frame)


@pytest.mark.parametrize("how", ["mode", "mean", "sample"])
def test_noise_may_have_made_a_hole_and_filled_one(informed, oracle, frame, how, way):
    """Bayes' rule, with being missing one of a cell's states."""
    rows = rows_of(frame, 1_500, shade=None)
    weight = oracle.p.copy()
    for j, name in enumerate(oracle.names):
        read = int(oracle.read(rows)[0, j])
        other = oracle.rates[name][read]
        weight *= np.where(oracle.states[:, j] == read, 0.6 + 0.4 * other, 0.4 * other)
    p = weight / weight.sum()
    found = informed.correct(rows, noise=hm.noise.Cells(0.4), how=how, random_state=0)
    if how == "sample":
        assert_drawn_from(oracle.numbers(found), p)
        return
    assert np.bincount(oracle["shade"], p)[-1] > 0.6
    assert found["shade"].isna().all()
    if how == "mode":
        with np.errstate(divide="ignore"):
            peaks = [np.append(c.peaks(), 0.0)[oracle[c.name]] for c in oracle.columns]
            best = (np.log(p) + sum(peaks)).argmax()
        assert (oracle.numbers(found) == best).all()


# -- a label beside ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def labelled() -> tuple[hm.RBM, pd.DataFrame, TableOracle]:
    frame = small_frame()
    y = pd.Series(np.random.default_rng(1).choice(["one", "two", "three"], len(frame)), name="y")
    y[3] = None
    model = small_model(frame, y)
    return model, frame, TableOracle(model, n_classes=3)


def by_class(oracle: TableOracle) -> np.ndarray:
    return oracle.p.reshape(-1, 3)


def test_classes_are_told_by_bayes(labelled):
    model, frame, oracle = labelled
    assert model.attribute_classes_ == ["one", "three", "two"]
    joint = by_class(oracle)[oracle.numbers(frame)]
    wanted = joint / joint.sum(1, keepdims=True)
    assert np.ptp(wanted[:, 0]) > 0.2
    np.testing.assert_allclose(model.attribute_proba(frame), wanted, **CLOSE)


def test_scores_sum_the_label_out(labelled):
    model, frame, oracle = labelled
    rows = pd.concat([frame, rows_of(frame, 1, shade=None, x=None)])
    wanted = oracle.log_seen(oracle.read(rows)) + oracle.inside(rows)
    np.testing.assert_allclose(model.score_samples(rows), wanted, **CLOSE)


def test_classes_of_rows_with_holes_are_told_by_bayes(labelled):
    model, frame, oracle = labelled
    rows = rows_of(frame, 300, shade=None, x=None)
    p = oracle.given(oracle.read(rows)[0]).reshape(-1, 3)
    each = by_class(oracle) / by_class(oracle).sum(1, keepdims=True)
    x = p.sum(1)
    spread = np.sqrt(x @ each**2 - (x @ each) ** 2)
    found = model.attribute_proba(rows, random_state=0)
    np.testing.assert_allclose(found.sum(1), 1, **CLOSE)
    error = spread / np.sqrt(20 * len(rows))  # twenty draws a row
    assert (np.abs(found.mean(0) - p.sum(0)) <= LIMIT * error).all()


@pytest.mark.parametrize("condition", [None, {"yes": "y"}])
def test_draws_given_a_label(labelled, condition, way):
    model, _, oracle = labelled
    drawn = model.sample(2_000, attributes="two", condition=condition, random_state=0)
    p = oracle.p * (oracle.states[:, -1] == 2)
    if condition is not None:
        assert (drawn["yes"] == "y").all()
        p = p * (oracle["yes"] == 1)
    p = p.reshape(-1, 3).sum(1)
    assert_drawn_from(oracle.numbers(drawn), p / p.sum())


def test_fillings_sum_the_label_out(labelled, way):
    model, frame, oracle = labelled
    rows = rows_of(frame, 1_500, shade=None, n=None)
    p = oracle.given(oracle.read(rows)[0]).reshape(-1, 3).sum(1)
    found = model.complete(rows, how="sample", random_state=0)
    assert_drawn_from(oracle.numbers(found), p)
    labels = rows_of(frame, 2, shade=None, yes=None)
    best = oracle.given(oracle.read(labels)[0]).reshape(-1, 3).sum(1).argmax()
    mode = model.complete(labels)
    assert (oracle.numbers(mode) == best).all()


def test_a_classifier_takes_frames():
    frame = small_frame(200)
    y = np.where(frame["x"] > 2, "much", "little")
    found = hm.BayesClassifier(hm.RBM(4, n_updates=100, random_state=0)).fit(frame, y)
    assert set(found.classes_) == {"much", "little"}
    assert found.score(frame, y) > 0.9


# -- files -----------------------------------------------------------------------------------------


def answers(model: hm.RBM, frame: pd.DataFrame) -> list[Any]:
    return [
        model.score_samples(frame),
        model.sample(5, random_state=0),
        model.complete(frame.assign(shade=None), random_state=0),
        model.complete(frame.assign(x=np.nan), how="sample", random_state=0),
        model.transform(frame),
        model.correct(frame, noise=hm.noise.Cells(0.2), random_state=0),
    ]


@pytest.mark.parametrize("missing", ["at-random", "informative"])
@pytest.mark.parametrize("labelled", [False, True])
def test_a_file_keeps_every_bit(frame, tmp_path, missing, labelled):
    y = np.arange(len(frame)) % 3 if labelled else None
    model = small_model(frame, y, missing=missing)
    model.save(tmp_path / "model.safetensors")
    loaded = hm.load(tmp_path / "model.safetensors")
    for one, other in zip(answers(model, frame), answers(loaded, frame), strict=True):
        if isinstance(one, pd.DataFrame):
            pd.testing.assert_frame_equal(one, other, check_exact=True)
        else:
            np.testing.assert_array_equal(one, other)
    assert str(loaded.schema_) == str(model.schema_)
    assert list(loaded.feature_names_in_) == list(frame)


def test_a_schema_may_be_given_and_is_in_the_file(frame, tmp_path):
    schema = hm.Schema.infer(frame, {"n": "categorical"})
    model = hm.RBM(2, n_updates=2, visible=schema, random_state=0).fit(frame)
    assert clone(model).visible is not None
    model.save(tmp_path / "model.safetensors")
    loaded = hm.load(tmp_path / "model.safetensors")
    assert loaded.schema_["n"].kind == "categorical"
    np.testing.assert_array_equal(loaded.score_samples(frame), model.score_samples(frame))


class Cut(Exception):
    """The power went."""


@pytest.mark.parametrize("missing", ["at-random", "informative"])
def test_a_fit_with_holes_goes_on_to_the_same_bits(frame, tmp_path, missing, monkeypatch):
    from harmonium.contract import storage

    settings = {"n_updates": 400, "missing": missing, "random_state": 0}
    whole = hm.RBM(4, **settings).fit(frame)
    path, write = tmp_path / "fit.checkpoint", storage.os.replace
    written: list[str] = []

    def replace(source: str, target: str) -> None:
        write(source, target)
        written.append(target)
        if len(written) == 2:
            raise Cut

    with monkeypatch.context() as patch:
        patch.setattr(storage.os, "replace", replace)
        with pytest.raises(Cut):
            hm.RBM(4, checkpoint=path, **settings).fit(frame)
    resumed = hm.RBM(4, checkpoint=path, **settings).fit(frame)
    np.testing.assert_array_equal(resumed.components_, whole.components_)
    np.testing.assert_array_equal(resumed.intercept_visible_, whole.intercept_visible_)
    np.testing.assert_array_equal(resumed.score_samples(frame), whole.score_samples(frame))


def test_hidden_units_of_a_row_do_not_depend_on_its_neighbours(informed, frame):
    """A cell whose being missing is a state stays so where another row has a real hole."""
    told = frame[frame["shade"].isna()].head(1)
    assert told[[name for name in frame if name not in ABSENT]].notna().all(axis=None)
    unknown = frame.tail(1).copy()
    other = next(name for name in frame if name not in ABSENT)
    unknown[other] = np.nan if frame[other].dtype.kind == "f" else None
    together = informed.transform(pd.concat([told, unknown], ignore_index=True))
    np.testing.assert_allclose(together[0], informed.transform(told)[0], **CLOSE)
