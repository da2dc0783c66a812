"""Labels that were never met: an error that says what to do, or a missing cell everywhere."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.support.cli import run
from tests.support.table_oracle import small_frame

import harmonium as hm
from harmonium.questions.cells import cell_log_proba, column_proba

N_ROWS = 120


def _fitted(frame: pd.DataFrame, missing: str = "at-random", **parameters: Any) -> hm.RBM:
    schema = hm.Schema.infer(frame, handle_unknown="missing")
    parameters = {"n_updates": 200, "random_state": 0, "visible": schema, **parameters}
    return hm.RBM(3, missing=missing, **parameters).fit(frame)


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    rows = small_frame(N_ROWS)
    rows.loc[::7, "shade"] = None
    return rows


@pytest.fixture(scope="module", params=["at-random", "informative"])
def model(request, frame):
    return _fitted(frame, request.param)


@pytest.fixture(scope="module")
def strange(frame):
    """Rows whose labels were never met, and the same rows with holes there."""
    rows = frame.iloc[1:6].astype({"shade": object, "yes": object})
    return rows.assign(shade="violet", yes="perhaps"), rows.assign(shade=None, yes=None)


QUESTIONS = {
    "score_samples": lambda m, X: m.score_samples(X),
    "complete": lambda m, X: m.complete(X, random_state=0),
    "complete mean": lambda m, X: m.complete(X, how="mean", random_state=0),
    "complete sample": lambda m, X: m.complete(X, how="sample", random_state=0),
    "correct": lambda m, X: m.correct(X, noise=hm.noise.Cells(0.1), random_state=0),
    "correct mean": lambda m, X: m.correct(
        X, noise=hm.noise.Cells(0.1), how="mean", random_state=0
    ),
    "transform": lambda m, X: m.transform(X),
    "sample_hidden": lambda m, X: m.sample_hidden(X, random_state=0),
    "pseudo_log_likelihood": lambda m, X: m.pseudo_log_likelihood(X),
    "cells": lambda m, X: cell_log_proba(m, X),
    "a column": lambda m, X: column_proba(m, X, "grade"),
    "score_cells": lambda m, X: m.score_cells(X, np.tile(np.arange(5) == 3, (len(X), 1))),
}


def _same(one: Any, other: Any) -> None:
    if isinstance(one, pd.DataFrame):
        pd.testing.assert_frame_equal(one, other, check_dtype=False)
    else:
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_label_never_met_is_a_missing_cell(model, strange, question):
    unseen, holes = strange
    wanted = QUESTIONS[question](model, holes)
    _same(QUESTIONS[question](model, unseen), wanted)


def test_known_labels_are_no_missing_cells(model, frame, strange):
    assert (model.score_samples(frame.iloc[1:6]) != model.score_samples(strange[1])).all()


def test_without_it_the_error_says_exactly_what_to_do(frame, strange):
    model = hm.RBM(2, n_updates=20, random_state=0).fit(frame)
    with pytest.raises(ValueError, match="'violet'") as told:
        model.score_samples(strange[0])
    assert 'visible=hm.Schema.infer(frame, handle_unknown="missing")' in str(told.value)
    (advice,) = re.findall(r"model\.schema_\.handle_unknown = \"missing\"", str(told.value))
    exec(advice, {"model": model})
    _same(model.score_samples(strange[0]), model.score_samples(strange[1]))


def test_it_is_kept_printed_and_saved(tmp_path, frame, strange):
    schema = hm.Schema.infer(frame, handle_unknown="missing")
    assert str(schema).endswith("\nlabels never met count as missing")
    schema.save(tmp_path / "schema.json")
    assert hm.Schema.load(tmp_path / "schema.json").handle_unknown == "missing"
    model = _fitted(frame)
    model.save(tmp_path / "model.safetensors")
    loaded = hm.load(tmp_path / "model.safetensors")
    assert loaded.schema_.handle_unknown == "missing"
    _same(loaded.score_samples(strange[0]), model.score_samples(strange[1]))
    loaded.schema_.handle_unknown = "error"
    assert "never met" not in str(loaded.schema_)
    with pytest.raises(ValueError, match="a category never met"):
        loaded.score_samples(strange[0])
    with pytest.raises(ValueError, match="handle_unknown must be 'error' or 'missing', got 'no'"):
        loaded.schema_.handle_unknown = "no"
    with pytest.raises(ValueError, match="handle_unknown must be 'error' or 'missing', got 'no'"):
        hm.Schema.infer(frame, handle_unknown="no")
    earlier = schema.to_facts()
    del earlier["handle_unknown"]
    assert hm.Schema.from_facts(earlier).handle_unknown == "error"


def test_labels_left_off_a_list_are_holes_to_learn_from(frame):
    told = {"shade": ["r", "b"]}
    schema = hm.Schema.infer(frame, told, handle_unknown="missing")
    others = frame.assign(shade=frame["shade"].where(frame["shade"].isin(["r", "b"]), None))
    assert others["shade"].isna().sum() > frame["shade"].isna().sum()
    parameters = {"n_updates": 100, "random_state": 0}
    one = hm.RBM(3, visible=schema, **parameters).fit(frame)
    other = hm.RBM(3, visible=told, **parameters).fit(others)
    np.testing.assert_array_equal(one.components_, other.components_)
    schema["shade"] = ["b", "r"]
    assert schema["shade"].categories == ["b", "r"]


def test_numbers_as_labels(strange):
    rows = pd.DataFrame({"pay": np.arange(40) % 3, "n": np.arange(40) % 7})
    schema = hm.Schema.infer(rows, {"pay": "categorical"}, handle_unknown="missing")
    model = hm.RBM(2, visible=schema, n_updates=20, random_state=0).fit(rows)
    unseen = rows.head(4).assign(pay=[9, 1, 8, 2])
    filled = model.complete(unseen, random_state=0)
    assert filled["pay"].isin([0, 1, 2]).all()
    assert filled["pay"].tolist()[1::2] == [1, 2]


def test_estimators_over_models_count_it_as_missing(tmp_path, frame, strange):
    unseen, holes = strange
    schema = hm.Schema.infer(frame, handle_unknown="missing")
    parts = {"visible": schema, "n_updates": 60, "random_state": 0}
    imputer = hm.Imputer(hm.RBM(2, **parts)).fit(frame)
    _same(imputer.transform(unseen), imputer.transform(holes))
    _same(imputer.intervals(unseen), imputer.intervals(holes))
    detector = hm.NoveltyDetector(hm.RBM(2, **parts)).fit(frame)
    _same(detector.decision_function(unseen), detector.decision_function(holes))
    _same(detector.explain(unseen), detector.explain(holes))
    y = np.arange(N_ROWS) % 2
    classifier = hm.BayesClassifier(hm.RBM(2, **parts)).fit(frame, y)
    classifier.save(tmp_path / "classes.safetensors")
    for one in (classifier, hm.load(tmp_path / "classes.safetensors")):
        _same(one.predict_proba(unseen), classifier.predict_proba(holes))


def test_the_command_line_takes_it(tmp_path, frame, strange):
    unseen, holes = (rows.drop(columns="yes") for rows in strange)
    rows = frame.drop(columns="yes")
    for name, own in {"rows": rows, "unseen": unseen, "holes": holes}.items():
        own.to_csv(tmp_path / f"{name}.csv", index=False)
    plain, told = tmp_path / "plain.safetensors", tmp_path / "told.safetensors"
    words = ["--seed", 0, "--quiet", "--set", "n_components=2", "--set", "n_updates=30"]
    assert run("fit", tmp_path / "rows.csv", "-o", plain, *words).returncode == 0
    done = run("fit", tmp_path / "rows.csv", "-o", told, "--unknown", "missing", *words)
    assert done.returncode == 0, done.stderr
    assert "labels never met count as missing" in done.stdout
    asked = {
        "score": [],
        "complete": [],
        "correct": ["--noise", "cells:0.1"],
        "encode": ["-o", tmp_path / "hidden.csv"],
        "odd": [],
        "classify": ["--column", "grade"],
    }
    for command, own in asked.items():
        refused = run(command, plain, tmp_path / "unseen.csv", *own)
        assert refused.returncode == 2
        assert "'violet', a category never met" in refused.stderr
        done = run(command, plain, tmp_path / "unseen.csv", *own, "--unknown", "missing")
        assert done.returncode == 0, done.stderr
        same = run(command, told, tmp_path / "unseen.csv", *own)
        assert same.stdout == done.stdout
        if command in ("score", "complete"):
            assert run(command, plain, tmp_path / "holes.csv", *own).stdout == done.stdout
    for command in (["score", plain, tmp_path / "rows.csv"], ["fit", tmp_path / "rows.csv"]):
        out = [] if command[0] == "score" else ["-o", tmp_path / "x.safetensors"]
        wrong = run(*command, *out, "--unknown", "drop")
        assert wrong.returncode == 2
        assert "--unknown must be error or missing, got 'drop'" in wrong.stderr
    np.savetxt(tmp_path / "bits.csv", np.eye(8), delimiter=",", fmt="%d")
    bits = tmp_path / "bits.safetensors"
    wrong = run("fit", tmp_path / "bits.csv", "-o", bits, "--unknown", "missing", *words)
    assert "--unknown wants a table whose first line" in wrong.stderr
    assert run("fit", tmp_path / "bits.csv", "-o", bits, *words).returncode == 0
    wrong = run("score", bits, tmp_path / "bits.csv", "--unknown", "missing")
    assert "--unknown wants a model that was fitted on a table" in wrong.stderr
