"""Widgets on a report: the user's own model in the browser, with the model's own numbers."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from tests.support.pages import asked, assert_whole

import harmonium as hm
from harmonium.apps.pages import packing
from harmonium.apps.report.write import write_report

_SCRIPT = """
const wait = (ms) => new Promise((done) => setTimeout(done, ms));
const press = (text) => [...document.querySelectorAll("#latents button")]
  .find((b) => b.textContent === text).click();
const answer = () => document.querySelector("#latents .answer").textContent;
const first = answer();
press("Clear");
const empty = answer();
press("Hold upper half");
press("Run the chain");
const note = () => document.querySelector("#latents .frames > .note").textContent;
for (let k = 0; k < 50 && parseInt(note()) < 1; k++) await wait(100);
press("Pause");
return { first, empty, note: note(), labels: document.querySelectorAll(".labels > div").length };
"""


def _log_p(said: str) -> float:
    found = re.search(r"= ([−\d.]+) nats", said)
    assert found, said
    return float(found[1].replace("−", "-"))


@pytest.mark.parametrize(
    ("with_label", "temperature", "shape"), [(False, 1.0, (4, 4)), (True, 2.0, (2, 8))]
)
def test_a_report_is_played_with(
    with_label: bool, temperature: float, shape: tuple[int, int], tmp_path: Path
) -> None:
    rows = (np.random.default_rng(0).random((60, 16)) < 0.3).astype(np.uint8)
    labels = np.where(rows[:, 0], "yes", "no") if with_label else None
    model = hm.RBM(
        5, n_updates=50, temperature=temperature, validation_fraction=0, random_state=0
    ).fit(rows, labels)
    path = tmp_path / "report.html"
    write_report(model, path, rows, shape)
    assert_whole(path, tmp_path)
    found = asked(path, tmp_path, _SCRIPT)
    own = model.score_samples(rows)
    assert np.abs(own - _log_p(found["first"])).min() < 0.0051
    assert _log_p(found["empty"]) == pytest.approx(
        model.score_samples(np.zeros((1, 16)))[0], abs=0.0051
    )
    assert int(found["note"].split()[0]) >= 1
    assert found["labels"] == (2 if with_label else 0)
    assert "60 rows of the data are less likely" in found["first"]


def test_models_that_a_page_cannot_carry_are_left_out(tmp_path: Path) -> None:
    rows = (np.random.default_rng(0).random((40, 16)) < 0.3).astype(np.uint8)
    ways = {"n_updates": 20, "validation_fraction": 0, "random_state": 0}
    gaussian = hm.RBM(3, hidden="gaussian", **ways).fit(rows)
    attributes = hm.RBM(3, **ways).fit(rows, {"a": rows[:, 0], "b": rows[:, 1]})
    for model in (gaussian, attributes):
        write_report(model, tmp_path / "report.html", rows)
        assert "Play with it" not in (tmp_path / "report.html").read_text("utf-8")


def test_numbers_are_packed_and_come_back() -> None:
    array = np.random.default_rng(0).normal(size=(3, 4))
    kept = packing.rounded(array)
    assert np.abs(kept - array).max() <= np.abs(array).max() / 254 * 1.001
    np.testing.assert_array_equal(packing.rounded(kept), kept)
    assert packing.eight_bits(kept)["scale"] == pytest.approx(np.abs(array).max() / 127, rel=1e-6)
    assert set(packing.floats(array)) == {"bytes"}
    assert packing.eight_bits(np.zeros(2))["scale"] > 0
    assert packing.hexadecimal(np.array([1, 0, 1, 0, 0, 0, 0, 1])) == "a1"
