"""Rows of a classifier's mixture: drawn, and filled, the class unknown or told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.stats import chisquare
from tests.support.cli import run

import harmonium as hm


def _states(n: int) -> np.ndarray:
    return (np.arange(2**n)[:, None] >> np.arange(n)) & 1


@pytest.fixture(scope="module")
def classifier() -> hm.BayesClassifier:
    draw = np.random.default_rng(0)
    y = draw.choice(["a", "b"], 200, p=[0.3, 0.7])
    X = (draw.random((200, 4)) < np.where(y == "a", 0.8, 0.3)[:, None]).astype(np.uint8)
    return hm.BayesClassifier(hm.RBM(2, n_updates=200, random_state=0)).fit(X, y)


def test_draws_are_those_of_the_mixture(classifier):
    every = _states(4)
    expected = np.exp(classifier.score_samples(every))
    assert expected.sum() == pytest.approx(1, abs=1e-9)
    rows = classifier.sample(5000, random_state=1)
    counts = np.bincount((rows @ (1 << np.arange(4))).astype(int), minlength=16)
    assert chisquare(counts, 5000 * expected).pvalue > 1e-5
    # Classes come as they fall, not one after another.
    halves = [half.mean() for half in np.split(rows, 2)]
    assert abs(halves[0] - halves[1]) < 0.05
    own = classifier.sample(5000, label="b", random_state=1)
    counts = np.bincount((own @ (1 << np.arange(4))).astype(int), minlength=16)
    told = 5000 * np.exp(classifier.estimators_[1].score_samples(every))
    assert chisquare(counts, told).pvalue > 1e-5
    assert chisquare(counts, 5000 * expected).pvalue < 1e-5
    with pytest.raises(ValueError, match=r"label must be one of \['a', 'b'\], got 'c'"):
        classifier.sample(label="c")


def test_the_likeliest_class_and_filling_together(classifier):
    every = _states(4)
    joint = classifier.joint_log_prob(every).max(axis=1)
    for known in ([1, np.nan, np.nan, 0], [np.nan] * 4, [0, 1, 1, 0]):
        row = np.array(known, float)
        fits = (np.isnan(row) | (every == row)).all(axis=1)
        best = every[fits][joint[fits].argmax()]
        np.testing.assert_array_equal(classifier.complete(row[None])[0], best)


def test_fillings_are_draws_given_what_is_seen(classifier):
    every = _states(4)
    fits = every[:, 0] == 1
    weight = np.exp(classifier.score_samples(every)) * fits
    rows = np.full((4000, 4), np.nan)
    rows[:, 0] = 1
    filled = classifier.complete(rows, how="sample", random_state=2)
    counts = np.bincount((filled @ (1 << np.arange(4))).astype(int), minlength=16)
    assert counts[~fits].sum() == 0
    assert chisquare(counts[fits], 4000 * (weight / weight.sum())[fits]).pvalue > 1e-5
    with pytest.raises(ValueError, match="how must be"):
        classifier.complete(rows, how="mean")


@pytest.mark.parametrize("library", [pd, pl])
def test_frames_stay_frames(library):
    draw = np.random.default_rng(0)
    y = draw.integers(0, 2, 60)
    columns = {"job": np.where(draw.random(60) < 0.5, "cook", "clerk").tolist(), "ok": y == 1}
    frame = library.DataFrame(columns)
    quick = hm.RBM(2, n_updates=30, random_state=0)
    fitted = hm.BayesClassifier(quick).fit(frame, np.where(y == 1, "x", "y"))
    drawn = fitted.sample(20, random_state=0)
    assert isinstance(drawn, library.DataFrame)
    assert list(drawn.columns) == ["job", "ok"]
    assert len(drawn) == 20
    holes = library.DataFrame({"job": [None, "cook", None], "ok": [True, None, False]})
    for how in ("mode", "sample"):
        filled = fitted.complete(holes, how=how, random_state=0)
        assert isinstance(filled, library.DataFrame)
        assert filled["job"].to_list()[1] == "cook"
        assert set(filled["job"].to_list()) <= {"cook", "clerk"}


def test_texts():
    texts = ["a good film", "a good play", "a fine film"] * 5 + ["a bad film", "a dull play"] * 5
    labels = ["up"] * 15 + ["down"] * 10
    fitted = hm.BayesClassifier(hm.NGram(2, smoothing="add-k"), tune="off").fit(texts, labels)
    assert len(fitted.sample(5, random_state=0)) == 5
    (filled,) = fitted.complete(["a ___ film"])
    codes = [model.complete(["a ___ film"])[0] for model in fitted.estimators_]
    scores = [fitted.joint_log_prob([one])[0, k] for k, one in enumerate(codes)]
    assert filled == codes[int(np.argmax(scores))]
    with pytest.raises(ValueError, match="how must be 'mode' for texts"):
        fitted.complete(["a ___ film"], how="sample")


def test_on_the_command_line(classifier, tmp_path: Path):
    classifier.save(tmp_path / "c.safetensors")
    out = tmp_path / "x.npy"
    words = ("sample", tmp_path / "c.safetensors", "-n", 6, "--seed", 1, "-o", out)
    done = run(*words, "--given", "label=b")
    assert done.returncode == 0, done.stderr
    np.testing.assert_array_equal(np.load(out), classifier.sample(6, label="b", random_state=1))
    assert "label must be one of a, b" in run(*words, "--given", "label=c").stderr
    (tmp_path / "holes.csv").write_text("1,,,0\n")
    done = run("complete", tmp_path / "c.safetensors", tmp_path / "holes.csv", "-o", out)
    assert done.returncode == 0, done.stderr
    np.testing.assert_array_equal(
        np.load(out), classifier.complete(np.array([[1, np.nan, np.nan, 0]]))
    )
