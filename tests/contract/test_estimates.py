"""Estimates: their words are known ones, and they print shortly."""

from __future__ import annotations

import json
import math
import pickle

import numpy as np
import pytest

import harmonium as hm
from harmonium.contract.estimates import Bound, Estimate, Status


def test_words_are_plain_text_with_a_sentence() -> None:
    estimate = hm.LogZ(99.0995, 0.0128, "ais", "lower", "few_effective_chains", 8.4, 100, 2000)
    assert estimate.status == "few_effective_chains"
    assert estimate.status is Status.FEW_EFFECTIVE_CHAINS
    assert estimate.bound is Bound.LOWER
    assert "10" in estimate.status.sentence
    assert f"{estimate.status}" == "few_effective_chains"
    assert "bound='lower', status='few_effective_chains'" in repr(estimate)
    assert pickle.loads(pickle.dumps(estimate)) == estimate
    assert hm.LogZ(**json.loads(json.dumps(vars(estimate)))) == estimate
    for word in (*Status, *Bound):
        assert word.sentence.endswith(".")


@pytest.mark.parametrize("wrong", [{"status": "fine"}, {"bound": "above"}])
def test_unknown_words_are_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="is not a valid"):
        hm.LogZ(1.0, **wrong)


def test_an_expectation_refuses_unknown_words() -> None:
    assert Estimate(1.0, status="constant").status is Status.CONSTANT
    with pytest.raises(ValueError, match="is not a valid Status"):
        Estimate(1.0, status="fine")


@pytest.mark.parametrize(
    ("estimate", "text"),
    [
        (hm.LogZ(99.0995, 0.0128, "ais", "lower"), "99.10 +- 0.01 (ais, ok)"),
        (hm.LogZ(99.0995, 0.00031, "ais", "lower"), "99.0995 +- 0.0003 (ais, ok)"),
        (hm.LogZ(-3.0, 2.5, "raise", "upper"), "-3.00 +- 2.50 (raise, ok)"),
        (hm.LogZ(2.0 / 3.0), "0.6667 (exact, ok)"),
        (
            hm.LogZ(math.nan, math.nan, "ais", "lower", "nonfinite"),
            "nan +- nan (ais, nonfinite)",
        ),
        (hm.LogZ(1.0, math.inf, "ais", "lower"), "1.00 +- inf (ais, ok)"),
    ],
)
def test_a_short_text(estimate: hm.LogZ, text: str) -> None:
    assert str(estimate) == text


@pytest.mark.parametrize(
    ("estimate", "written"),
    [
        (hm.LogZ(99.1, 0.01, "ais", "lower"), "99.10 +- 0.01 (ais, ok)"),
        (Estimate(99.1, 0.01, 50.0, "gibbs", n_samples=100), "99.10 +- 0.01 (gibbs, ok)"),
        (Estimate(0.5), "0.5000 (exact, ok)"),
        (Estimate(1.0, math.nan, method="uniform"), "1.00 +- nan (uniform, ok)"),
        (Estimate(np.array([1.0, 2.0]), np.array([0.1, 0.002])), "[1.00 +- 0.10, 2.000 +- 0.002]"),
        (Estimate(np.zeros(9)), "0.0000, ...] (exact, ok)"),
    ],
)
def test_estimates_are_printed_with_their_errors(estimate, written):
    assert written in str(estimate)
    assert f"<td>{estimate}</td>" in estimate._repr_html_()


def test_notebooks_show_what_a_status_means():
    shown = hm.LogZ(1.0, 0.5, "ais", "lower", "few_effective_chains")._repr_html_()
    assert "fewer than 10 chains" in shown
    assert "lower: Too low on average" in shown
    shown = Estimate(1.0, 0.1, 50.0, "<b>", n_samples=1000)._repr_html_()
    assert "50 of 1,000" in shown
    assert "&lt;b&gt;" in shown
