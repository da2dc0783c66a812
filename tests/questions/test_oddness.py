"""Detectors of tables with numbers: three views of a row, each held to its definition."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet
from tests.support.cli import run

import harmonium as hm
from harmonium.apps.answering import judged
from harmonium.apps.serve.clerk import answer
from harmonium.apps.serve.messages import Limits, Request
from harmonium.models.reading import seen_alone
from harmonium.questions.novelty import _seen_alone
from harmonium.questions.oddness import Views, label_rates, views_of

SETTINGS = {"learner": "exact", "n_updates": 60, "validation_fraction": 0, "random_state": 0}


def people(n: int, seed: int = 0) -> pd.DataFrame:
    """Whole numbers, skew amounts with holes, and labels of unlike shares."""
    rng = np.random.default_rng(seed)
    age = rng.integers(20, 60, n)
    amount = np.exp(rng.normal(age / 20, 0.5)).round(2)
    amount[rng.random(n) < 0.1] = np.nan
    job = rng.choice(["clerk", "cook", "baker"], n, p=[0.8, 0.15, 0.05])
    return pd.DataFrame({"age": age, "amount": amount, "job": job})


@pytest.fixture(scope="module")
def detector() -> hm.NoveltyDetector:
    return hm.NoveltyDetector(hm.RBM(2, **SETTINGS), contamination=0.1).fit(people(300))


def test_views_are_what_they_say(detector: hm.NoveltyDetector) -> None:
    """Tails against shares of the rows learned from, and the copula of a row with one column."""
    train, rows, model = people(300), people(20, seed=1), detector.estimator_
    rates = label_rates(model.schema_, train)
    row, tails, together = views_of(model, rows, rates).T
    np.testing.assert_array_equal(row, model.score_samples(rows))
    counts = train["job"].value_counts() + 0.5
    shares = counts / counts.sum()
    assert rates["job"] == pytest.approx([shares[one] for one in model.schema_["job"].categories])
    rare = rows["job"].map(lambda one: np.log(shares[shares <= shares[one]].sum())).to_numpy()
    near = np.zeros(len(rows))
    for name in ("age", "amount"):
        known = train[name].dropna().to_numpy(float)
        x = rows[name].to_numpy(float)[:, None]
        both = np.minimum((known <= x).mean(1), (known >= x).mean(1))
        near += np.where(np.isnan(x[:, 0]), 0.0, np.log(np.clip(2 * both, 1e-3, 1.0)))
    inner = near > -3  # further out the smooth marginal and the ranks are apart
    assert inner.sum() > 10
    np.testing.assert_allclose(tails[inner] - rare[inner], near[inner], atol=0.5)
    columns = [model.schema_[name] for name in ("age", "amount")]
    alone = sum(one.log_alone(rows[one.name].to_numpy(float)) for one in columns)
    alone = alone + rows["job"].map(lambda one: np.log(shares[one])).to_numpy()
    np.testing.assert_allclose(together, row - alone + tails)


def test_the_density_of_a_column_alone_integrates_to_one(detector: hm.NoveltyDetector) -> None:
    column = detector.estimator_.schema_["amount"]
    x = np.arange(0.0, 400.0, column.width)
    assert np.exp(column.log_alone(x)).sum() * column.width == pytest.approx(1.0, abs=0.03)
    far = column.log_tails(np.array([np.nan, 1e2, 1e3, 1e4, -1.0, np.median(x[:100])]))
    assert far[0] == 0.0
    assert 0 > far[1] > far[2] > far[3]
    assert far[4] == -np.inf  # no amount is below 0


def test_units_of_numbers_do_not_enter(detector: hm.NoveltyDetector) -> None:
    """log P of a row knows the unit by a constant, the other views do not at all."""
    cents = people(300).assign(amount=lambda X: (X["amount"] * 100).round())
    again = hm.NoveltyDetector(hm.RBM(2, **SETTINGS), contamination=0.1)
    again.fit(cents.astype({"amount": float}))
    rows = people(50, seed=2)
    moved = rows.assign(amount=(rows["amount"] * 100).round())
    a, b = (
        views_of(one.estimator_, own, label_rates(one.estimator_.schema_, train))
        for one, own, train in ((detector, rows, people(300)), (again, moved, cents))
    )
    np.testing.assert_allclose(a[:, 1], b[:, 1], atol=1e-3)
    np.testing.assert_allclose(a[:, 2], b[:, 2], atol=0.05)


def test_scores_are_on_the_scale_of_log_p(detector: hm.NoveltyDetector) -> None:
    plain = hm.NoveltyDetector(hm.RBM(2, **SETTINGS), contamination=0.1, score_by="likelihood")
    train, rows = people(300), people(50, seed=3)
    plain.fit(train)
    assert plain.views_ is None
    np.testing.assert_array_equal(plain.score_samples(rows), plain.estimator_.score_samples(rows))
    held = detector.held_out_scores_
    assert held.mean() == pytest.approx(plain.held_out_scores_.mean())
    assert 0.5 < held.std() / plain.held_out_scores_.std() <= 1.0 + 1e-9
    scores = detector.score_samples(rows)
    np.testing.assert_array_equal(detector.decision_function(rows), scores - detector.offset_)
    assert "novel below (log P, tails, nats)" in detector.facts()
    # An amount beyond all that was seen, in a row that is usual else.
    odd = rows.head(1).assign(age=40, amount=3000.0, job="clerk")
    assert detector.predict(odd) == -1
    nothing = rows.head(1).assign(age=None, amount=np.nan, job=None)
    assert np.isfinite(detector.score_samples(nothing)).all()
    impossible = rows.head(1).assign(amount=-5.0)
    assert detector.score_samples(impossible) == -np.inf
    assert detector.predict(impossible) == -1


def test_rows_without_numbers_are_scored_by_log_p() -> None:
    labels = people(100)[["job"]].assign(other=people(100, seed=4)["job"])
    found = hm.NoveltyDetector(hm.RBM(2, **SETTINGS), contamination=0.1).fit(labels)
    assert found.views_ is None
    np.testing.assert_array_equal(
        found.score_samples(labels), found.estimator_.score_samples(labels)
    )


def test_files_and_arrays(detector: hm.NoveltyDetector, tmp_path: Path) -> None:
    rows = people(30, seed=5)
    detector.save(tmp_path / "m")
    again = hm.load(tmp_path / "m")
    np.testing.assert_array_equal(again.score_samples(rows), detector.score_samples(rows))
    numbers = np.random.default_rng(0).normal(size=(100, 2))
    array = hm.NoveltyDetector(hm.RBM(2, visible="quantile", **SETTINGS), contamination=0.1)
    assert array.fit(numbers).predict([[50.0, 0.0]]) == -1
    assert array.views_ is not None
    with pytest.raises(ValueError, match="score_by must be"):
        hm.NoveltyDetector(hm.RBM(2), score_by="tails").fit(rows)


def test_rows_out_of_core_are_seen_the_same_way(tmp_path: Path) -> None:
    train, rows = people(200), people(30, seed=6)
    for name, frame in (("train", train), ("rows", rows)):
        table = pa.Table.from_pandas(frame, preserve_index=False)
        parquet.write_table(table, tmp_path / f"{name}.parquet", row_group_size=50)
    found = hm.NoveltyDetector(hm.RBM(2, **SETTINGS), contamination=0.1)
    found.fit(tmp_path / "train.parquet")
    rates = label_rates(found.estimator_.schema_, train)
    views = views_of(found.estimator_, rows, rates)
    scores = found.score_samples(tmp_path / "rows.parquet")
    np.testing.assert_allclose(scores, found.views_.score(views), rtol=1e-5)
    assert np.isfinite(found.offset_)


def test_log_p_is_told_beside_from_one_pass(
    detector: hm.NoveltyDetector, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = people(30, seed=7)
    rows.loc[0, "amount"] = -5.0  # tails cannot be
    scores, log_p = detector.score_samples(rows), detector.estimator_.score_samples(rows)
    asked, whole = [], type(detector.estimator_).score_samples

    def counted(*given: Any) -> Any:
        asked.append(given)
        return whole(*given)

    monkeypatch.setattr(type(detector.estimator_), "score_samples", counted)
    told = detector.scored(rows)
    assert len(asked) == 1
    np.testing.assert_array_equal(told[0], scores)
    np.testing.assert_array_equal(told[1], log_p)
    asked.clear()
    figures = judged(detector, rows)
    assert list(figures) == ["score", "log P"]
    assert len(asked) == 1


def test_programs_tell_both_scores(detector: hm.NoveltyDetector, tmp_path: Path) -> None:
    """What rows are judged by is not called log P where it is something else."""
    rows = people(30, seed=7)
    log_p, scores = detector.estimator_.score_samples(rows), detector.score_samples(rows)
    order = np.argsort(scores)
    detector.save(tmp_path / "m.safetensors")
    rows.to_csv(tmp_path / "rows.csv", index=False)
    words = (tmp_path / "m.safetensors", tmp_path / "rows.csv")
    done = run("odd", *words, "-o", tmp_path / "odd.csv")
    assert done.returncode == 0, done.stderr
    told = pd.read_csv(tmp_path / "odd.csv")
    np.testing.assert_array_equal(told["row"], order + 1)
    np.testing.assert_allclose(told["score"], scores[order], rtol=1e-5)
    np.testing.assert_allclose(told["log P"], log_p[order], rtol=1e-5)
    done = run("odd", *words, "-n", 1)
    assert f"{scores[order[0]]:.2f}" in done.stdout
    assert f"{log_p[order[0]]:.2f}" in done.stdout
    done = run("score", *words)
    assert f"mean log-likelihood {log_p.mean():.4f}" in done.stdout


def test_a_server_tells_both_scores(detector: hm.NoveltyDetector) -> None:
    rows = people(30, seed=7)
    log_p, scores = detector.estimator_.score_samples(rows), detector.score_samples(rows)
    body = json.dumps({"data": json.loads(rows.to_json(orient="records"))}).encode()
    requests = [Request("it", "odd", body), Request("it", "score", body)]
    odd, score = (json.loads(one.body) for one in answer({"it": detector}, requests, Limits()))
    order = np.argsort(scores)
    np.testing.assert_array_equal(odd["row"], order + 1)
    np.testing.assert_allclose(odd["score"], scores[order], rtol=1e-5)
    np.testing.assert_allclose(odd["log_p"], log_p[order], rtol=1e-5)
    np.testing.assert_allclose(score["log_p"], log_p, rtol=1e-5)


def test_views_that_do_not_vary_have_no_weight() -> None:
    rng = np.random.default_rng(0)
    views = rng.normal([-5.0, -3.0, -2.0], [2.0, 1.0, 4.0], (1000, 3))
    found = Views.fitted(views)
    np.testing.assert_allclose(found.weights * views.std(0), views[:, 0].std() / 3)
    assert found.score(views).mean() == pytest.approx(views[:, 0].mean())
    same = Views.fitted(np.where([False, True, False], -3.0, views))
    assert same.weights[1] == 0.0
    one = Views.fitted(np.full((5, 3), -np.inf))
    np.testing.assert_array_equal(one.score(views), views[:, 0])
    assert one.score(np.full((1, 3), -np.inf)) == -np.inf
    assert Views.from_facts(found.to_facts()).shift == found.shift
    for wrong in ([1.0, 0.0, 0.0], [-1.0, 1.0, 1.0, 0.0], [np.nan, 0.0, 0.0, 0.0]):
        with pytest.raises(ValueError, match="three weights and a shift"):
            Views.from_facts(wrong)


def test_held_out_rows_are_in_no_density() -> None:
    """Bins and densities are those of the other rows; else too many of new rows were novel."""
    train = people(60).drop(columns="job")
    train.loc[[3, 4], "amount"] = [5000.0, 5000.0]
    detector = hm.NoveltyDetector(hm.RBM(2, **SETTINGS), contamination=0.1, score_by="likelihood")
    detector.fit(train)
    learned = detector.estimator_.score_samples(train)
    assert (detector.held_out_scores_[[3, 4]] < learned[[3, 4]] - 1.5).all()
    part, schema = train.iloc[::2], detector.estimator_.schema_
    own = hm.Schema.infer(part, {name: schema[name].kind for name in schema.names})
    assert seen_alone(schema, part).to_facts()["columns"] == own.to_facts()["columns"]
    given = {"visible": schema}
    assert _seen_alone(hm.RBM(visible=schema), given, part) is given
    none = part.assign(amount=np.nan)  # of what is not there the columns stay
    assert seen_alone(schema, none)["amount"].facts() == schema["amount"].facts()
