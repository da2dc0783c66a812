"""Pairs of columns scored as SDV's report does: its own figures, and cases that it has none for."""

from __future__ import annotations

import numpy as np
import pytest

from harmonium.questions.pair_trends import pair_trends


def _rows(n, seed, tie):
    """Four columns that hang together, with holes in two of them."""
    draw = np.random.default_rng(seed)
    x = draw.exponential(3.0, n)
    y = tie * x + draw.normal(0, 1, n)
    c = np.where(x > 2 + draw.normal(0, 0.5, n), "high", "low")
    d = np.where(draw.random(n) < 0.8, c, draw.choice(["low", "none"], n))
    cells = {"x": x, "y": y, "c": c, "d": d}
    holes = {"y": draw.random(n) < 0.1, "d": draw.random(n) < 0.2}
    return {
        name: [
            None if name in holes and holes[name][k] else own[k].item() for k in range(n)
        ]
        for name, own in cells.items()
    }  # fmt: skip


#: Of ``_rows(200, 0, 2.0)`` and ``_rows(150, 1, 0.5)``, by sdmetrics 0.32.0's QualityReport.
THEIRS = {
    ("x", "y"): 0.9501286350215933,
    ("x", "c"): 0.8066666666666666,
    ("x", "d"): 0.7716666666666666,
    ("y", "c"): 0.7633333333333333,
    ("y", "d"): 0.77,
    ("c", "d"): 0.8716666666666667,
}


def test_scores_are_those_of_sdv():
    found = pair_trends(_rows(200, 0, 2.0), _rows(150, 1, 0.5))
    assert {pair: value for pair, (_, value) in found.items()} == pytest.approx(THEIRS, abs=1e-9)
    assert [measure for measure, _ in found.values()].count("CorrelationSimilarity") == 1
    assert set(pair_trends(_rows(200, 0, 2.0), _rows(200, 0, 2.0)).values()) == {
        ("CorrelationSimilarity", 1.0),
        ("ContingencySimilarity", 1.0),
    }


def test_a_pair_that_says_nothing_has_no_score():
    draw = np.random.default_rng(0)
    real = {
        "x": draw.normal(size=300),
        "y": draw.normal(size=300),
        "c": draw.choice(["a", "b"], 300),
        "same": ["a"] * 300,
        "one": np.ones(300),
        "huge": 1e308 * np.repeat([-1.0, 0.0, 1.0], 100),  # a range beyond float64
    }
    found = pair_trends(real, real)
    scored = {pair for pair, (_, value) in found.items() if not np.isnan(value)}
    assert scored == set()


def test_numbers_of_any_size_are_correlated():
    x = np.linspace(-1.0, 1.0, 50)
    real = {"a": 1e300 * x, "b": -1e-300 * x}
    new = {"a": x, "b": x}
    assert pair_trends(real, new)["a", "b"] == ("CorrelationSimilarity", pytest.approx(0.0))


def test_labels_that_are_all_different_take_little_memory():
    names = [f"n{k}" for k in range(5000)]
    found = pair_trends({"a": names, "b": names}, {"a": names, "b": names[::-1]})
    assert found["a", "b"] == ("ContingencySimilarity", 0.0)
