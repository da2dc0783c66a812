"""What models say of themselves: plain words, JSON, the same after a file, and nothing guessed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

import harmonium as hm
from harmonium.apps.facts import written, written_facts
from harmonium.contract.registry import MODELS

ROWS = (np.random.default_rng(0).random((40, 4)) < 0.4).astype(np.uint8)
IMAGES = np.random.default_rng(0).integers(0, 3, (6, 3, 4))
TEXTS = ["a b c", "b c a", "c a b b", "a a"] * 3


def _fitted(name: str) -> Any:
    table = hm.Factor(["a", "b"], [[1, 2], [3, 1]])
    match name:
        case "RBM":
            return hm.RBM(3, n_updates=20, random_state=0).fit(ROWS, ROWS[:, 0] + ROWS[:, 1])
        case "BoltzmannMachine":
            return hm.BoltzmannMachine(n_updates=20, n_chains=20, random_state=0).fit(ROWS)
        case "NGram":
            return hm.NGram(2, smoothing="witten-bell").fit(TEXTS)
        case "GridMRF":
            return hm.GridMRF(n_levels=3, learner="pseudo", random_state=0).fit(IMAGES)
        case "MarkovNetwork":
            return hm.MarkovNetwork([table, hm.Factor(["c"], [1, 2, 3])])
        case "BayesClassifier":
            return hm.BayesClassifier(hm.NGram(1, smoothing="add-k")).fit(TEXTS, [0, 1, 1, 1] * 3)
        case "NoveltyDetector":
            return hm.NoveltyDetector(hm.NGram(1, smoothing="add-k")).fit(TEXTS * 4)
        case "Imputer":
            holes = np.where(ROWS[:, :1] > 0, np.nan, ROWS)
            return hm.Imputer(hm.RBM(2, n_updates=20, random_state=0)).fit(holes)
    raise AssertionError(f"a new model: {name}; what does it say of itself?")


@pytest.mark.parametrize("name", [entry.name for entry in MODELS])
def test_facts_are_json_and_kept_in_a_file(name: str, tmp_path: Path) -> None:
    model = _fitted(name)
    facts = model.facts()
    assert json.loads(json.dumps(facts, allow_nan=False)) == facts
    assert all(written(value) for value in facts.values())
    model.save(tmp_path / "m")
    assert hm.load(tmp_path / "m").facts() == facts


@pytest.mark.parametrize("model", [hm.RBM(2), hm.NGram(2), hm.GridMRF()])
def test_who_has_learned_nothing_has_nothing_to_say(model: Any) -> None:
    with pytest.raises(NotFittedError):
        model.facts()


def test_facts_are_those_of_the_model() -> None:
    rbm = _fitted("RBM")
    facts = rbm.facts()
    assert "log Z" not in facts  # nothing is worked out for it
    log_z = rbm.log_partition()
    assert rbm.facts() == facts | {
        "log Z": {"value": log_z.value, "std_error": 0.0, "method": "exact", "status": "ok"}
    }
    assert facts.pop("held-out rows at best, along the fit (nats)", 0.0) <= 0.0
    assert facts == {
        "visible units": 4,
        "hidden units": 3,
        "attributes": ["label"],
        "classes": ["0", "1", "2"],
        "updates": 20,
        "fit ended": "done",
    }
    assert hm.RBM.from_parameters(np.zeros((2, 3)), [0, 0], [0, 0, 0]).facts() == {
        "visible units": 2,
        "hidden units": 3,
        "updates": 0,
        "fit ended": "given",
    }
    ngram = _fitted("NGram").facts()
    assert (ngram["words known"], ngram["texts counted"], ngram["words counted"]) == (3, 12, 36)
    assert "texts counted" not in hm.NGram.from_tables({"": {"a": 0.5, "b": 0.5}}).facts()
    grid = _fitted("GridMRF").facts()
    assert grid["height, width (pixels)"] == [3, 4]
    network = hm.MarkovNetwork([hm.Factor(["a", "b"], [[1, 2], [3, 1]]), hm.Factor(["c"], [1] * 3)])
    assert network.facts()["states of a variable, fewest and most"] == [2, 3]
    assert "fit ended" not in network.facts()
    assert "updates" not in network.facts()
    network.fit(np.array([[0, 1, 2], [1, 1, 0]]))
    assert network.facts()["updates"] == network.n_updates_
    assert network.facts()["fit ended"] == network.stop_reason_
    novelty = _fitted("NoveltyDetector")
    assert novelty.facts()["novel below (log P, nats)"] == novelty.offset_
    novelty.offset_ = -np.inf  # of too few rows
    assert "novel below (log P, nats)" not in novelty.facts()
    assert _fitted("BayesClassifier").facts()["P(class)"] == pytest.approx([0.25, 0.75])


def test_facts_are_written_for_people() -> None:
    log_z = {"value": -1234.5, "std_error": 0.25, "method": "ais", "status": "ok"}
    facts = {"n": 12345, "x": 1234.5678, "sizes": [2, 3], "lists": [[0.5], [1, 2]], "log Z": log_z}
    assert written_facts(facts, leave_out=["n"]) == [
        ("x", "1,234.568"),
        ("sizes", "2, 3"),
        ("lists", "0.500; 1, 2"),
        ("log Z", "-1,234.5000 ± 0.2500 (ais, ok)"),
    ]
    assert written(log_z | {"std_error": None}) == "-1,234.5000 ± not finite (ais, ok)"
    assert (written(12345), written(True), written({"a": 1})) == ("12,345", "True", "a: 1")
