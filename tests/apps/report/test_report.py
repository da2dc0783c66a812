"""Reports: what they say is true, they warn in plain words, and they open in a browser."""

from __future__ import annotations

import re
from copy import deepcopy
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from tests.support.pages import assert_whole

import harmonium as hm
from harmonium.apps.pages.blocks import Caution
from harmonium.apps.report.ending import ending, ending_cautions
from harmonium.apps.report.learning import held_out, overfitting
from harmonium.apps.report.likelihood import log_z_cautions
from harmonium.apps.report.units import unit_cautions
from harmonium.apps.report.write import write_report
from harmonium.contract.estimates import LogZ, Status
from harmonium.contract.stopping import StopReason
from harmonium.questions.latents import unit_summary

_TEXTS = [
    "the movie was a waste of time",
    "the movie was a delight and a joy to watch",
    "a waste of money and of time",
    "a joy to watch",
] * 3


def _read(path: Path) -> str:
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", path.read_text("utf-8"))))


@pytest.fixture(scope="module")
def rbm(digits: tuple[np.ndarray, np.ndarray]) -> hm.RBM:
    return hm.RBM(16, n_updates=500, random_state=0).fit(digits[0][:1000])


@pytest.fixture(scope="module")
def models(rbm: hm.RBM, digits: tuple[np.ndarray, np.ndarray]) -> dict[str, tuple[Any, Any]]:
    """A fitted model of each kind, and data it has not seen."""
    images = (digits[0].reshape(-1, 8, 8) * 3)[:80]
    network = hm.MarkovNetwork.grid(3, 3, n_states=3, pair=np.eye(3) + 0.5)
    return {
        "RBM": (rbm, digits[0][1000:1200]),
        "NGram": (hm.NGram(3, smoothing="witten-bell").fit(_TEXTS), _TEXTS[:4]),
        "GridMRF": (
            hm.GridMRF(n_levels=4, n_updates=10, random_state=0).fit(images[:60]),
            images[60:],
        ),
        "MarkovNetwork": (network, network.sample(50, random_state=0)),
    }


@pytest.mark.parametrize("kind", ["RBM", "NGram", "GridMRF", "MarkovNetwork"])
@pytest.mark.parametrize("with_data", [True, False])
def test_reports_open_in_a_browser(
    models: dict[str, tuple[Any, Any]], kind: str, with_data: bool, tmp_path: Path
) -> None:
    model, data = models[kind]
    path = tmp_path / "report.html"
    write_report(model, path, data if with_data else None)
    assert_whole(path, tmp_path)


@pytest.mark.parametrize("kind", ["RBM", "NGram", "GridMRF", "MarkovNetwork"])
def test_a_model_read_from_its_file_reports_the_same(
    models: dict[str, tuple[Any, Any]], kind: str, tmp_path: Path
) -> None:
    model, data = models[kind]
    model.save(tmp_path / "model.safetensors")
    write_report(model, tmp_path / "a.html", data)
    write_report(hm.load(tmp_path / "model.safetensors"), tmp_path / "b.html", data)
    assert _read(tmp_path / "a.html") == _read(tmp_path / "b.html")


def test_figures_are_the_models_own(models: dict[str, tuple[Any, Any]], tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    for kind in ("RBM", "MarkovNetwork"):
        model, data = models[kind]
        write_report(model, path, data)
        said = _read(path)
        assert f"{model.log_partition().value:,.2f}" in said
        assert f"{model.score(data):,.2f}" in said
    model, texts = models["NGram"]
    write_report(model, path, texts)
    said = _read(path)
    assert f"{model.perplexity(texts):,.1f}" in said
    assert f"{len(model.vocabulary_) - 3:,} words" in said


def test_rows_that_are_no_square_are_reported_without_pictures(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).integers(0, 2, (60, 6))
    model = hm.RBM(3, learner="exact", n_updates=20, random_state=0).fit(rows)
    path = tmp_path / "report.html"
    write_report(model, path, rows)
    assert_whole(path, tmp_path)
    assert "bits that differ" in _read(path)
    write_report(model, path, rows, shape=(2, 3))
    assert "Weights of the 3 hidden units" in _read(path)


def test_a_single_row_is_data_enough(rbm: hm.RBM, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    write_report(rbm, path, np.ones((1, 64), dtype=int))
    said = _read(path)
    assert "(1 row)" in said
    assert "Neighbours" not in said


def test_a_model_given_by_its_parameters_is_reported(tmp_path: Path) -> None:
    model = hm.RBM.from_parameters(np.zeros((4, 2)), np.zeros(4), np.zeros(2))
    write_report(model, tmp_path / "report.html")
    assert "the parameters were given" in _read(tmp_path / "report.html")


def test_labels_and_attributes(
    digits: tuple[np.ndarray, np.ndarray], rbm: hm.RBM, tmp_path: Path
) -> None:
    X, y = digits
    page = tmp_path / "report.html"
    write_report(rbm, page, X[1000:], labels=y[1000:])
    told = _read(page)
    assert "Known labels" in told
    information = unit_summary(rbm, X[1000:], y[1000:]).information
    assert f"{information.argmax()} {information.max():.3f}" in told
    with pytest.raises(ValueError, match="labels: got 3 for 797 rows"):
        write_report(rbm, page, X[1000:], labels=y[:3])
    with pytest.raises(ValueError, match="labels: wanted only together with data"):
        write_report(rbm, page, labels=y)
    taught = hm.RBM(16, n_updates=300, random_state=0).fit(X[:500], y[:500])
    write_report(taught, page, X[1000:])
    told = _read(page)
    assert "trained with the attribute label" in told
    assert "label 0, label 1, label 2" in told


@pytest.mark.parametrize("kind", ["NGram", "GridMRF", "MarkovNetwork"])
def test_what_a_report_does_not_take_is_refused(
    models: dict[str, tuple[Any, Any]], kind: str, tmp_path: Path
) -> None:
    model, data = models[kind]
    page = tmp_path / "report.html"
    with pytest.raises(ValueError, match=rf"shape: the report of a {kind} takes none, got \(2, 3"):
        write_report(model, page, data, (2, 3))
    with pytest.raises(ValueError, match=rf"labels: the report of a {kind} takes none"):
        write_report(model, page, data, labels=[0] * len(data))
    assert not page.exists()


def test_a_log_z_that_is_dear_is_told_once_it_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harmonium.apps.report.grid._CHEAP", 0)
    images = np.random.default_rng(0).integers(0, 2, (20, 4, 4))
    grid = hm.GridMRF(n_levels=2, n_updates=2, random_state=0).fit(images)
    page = tmp_path / "report.html"
    assert grid.known_log_partition is None
    write_report(grid, page)
    assert grid.known_log_partition is None
    assert "has not been computed" in _read(page)
    known = grid.log_partition()
    assert grid.known_log_partition == known
    write_report(grid, page)
    assert f"{known.value:,.2f}" in _read(page)
    assert "has not been computed" not in _read(page)
    grid.level_ = grid.level_ + np.array(
        [0.0, 1.0]
    )  # another model, whose log Z nobody has computed
    assert grid.known_log_partition is None
    write_report(grid, page)
    assert "has not been computed" in _read(page)


def test_warnings_in_plain_words() -> None:
    few = LogZ(1.0, 0.5, "ais", "lower", "few_effective_chains", 4.2, 100, 1000)
    (warning,) = log_z_cautions(few)
    assert warning.words.startswith("AIS kept 4 of 100 chains: do not trust")
    (warning,) = log_z_cautions(LogZ(np.nan, np.nan, "ais", "lower", "nonfinite"))
    assert "no finite log Z" in warning.words
    (caution,) = log_z_cautions(LogZ(1.0, 0.5, "raise", "none", "unproven"))
    assert caution.words.startswith(
        "Do not trust the log-likelihood, which rests on log Z by RAISE"
    )
    assert caution.words.endswith(Status.UNPROVEN.sentence)
    assert log_z_cautions(LogZ(1.0)) == []


def test_each_reason_to_stop_is_a_sentence_and_only_bad_ones_are_cautions() -> None:
    assert {r.value for r in StopReason if ending_cautions({"fit ended": r.value})} == {
        "diverged",
        "interrupted",
        "lost",
    }
    for reason in StopReason:
        assert ending(reason.value) == ("the fit ended because", reason.sentence)
    assert ending("a word of tomorrow")[1] == "a word of tomorrow"
    assert ending_cautions({"fit ended": "a word of tomorrow"}) == ending_cautions({}) == []


@pytest.mark.parametrize("kind", ["RBM", "GridMRF", "MarkovNetwork"])
def test_a_fit_that_ended_badly_is_told(
    models: dict[str, tuple[Any, Any]], kind: str, tmp_path: Path
) -> None:
    model = deepcopy(models[kind][0])
    model.n_iter_, model.stop_reason_ = 3, "diverged"
    write_report(model, tmp_path / "report.html")
    said = _read(tmp_path / "report.html")
    assert "The fit diverged (parameters are no longer finite)" in said
    assert "the fit ended because the parameters stopped being finite" in said


def test_dead_and_twin_units_are_named_and_live_ones_are_not() -> None:
    generator = np.random.default_rng(0)
    weights, bias = generator.normal(0, 2, (8, 6)), np.zeros(6)
    rows = generator.integers(0, 2, (200, 8))

    def found() -> list[Caution]:
        return unit_cautions(unit_summary(hm.RBM.from_parameters(weights, np.zeros(8), bias), rows))

    assert found() == []
    weights[:, 2] = 0.0  # on half the time, whatever the row
    bias[4] = 1000.0
    weights[:, 5] = weights[:, 1]
    dead, twins = found()
    assert dead.words.startswith("2 (2, 4) of 6 hidden units are the same for every row")
    assert "1 and 5" in twins.words


def test_overfitting_is_noticed_only_where_it_is() -> None:
    def history(validation: list[float]) -> dict[str, list[float]]:
        n = len(validation)
        return {
            "update": [100.0 * (i + 1) for i in range(n)],
            "validation": validation,
            "train": [-20.0 + i for i in range(n)],
            "std_error": [0.01] * n,
        }

    assert overfitting(history([-20, -19, -18.5])) == []
    assert overfitting(history([-20, -19, -19.01])) == []  # within the error
    (warning,) = overfitting(history([-20, -19, -21]))
    assert "after update 200" in warning.words
    assert "lost 2.0 nats" in warning.words


def test_a_curve_that_flatters_is_called_so() -> None:
    history = {"validation": [-20.0, -10.0], "log_partition": [5.0, 6.0], "std_error": [0.1, 0.1]}
    (_, figure), found = held_out(history, LogZ(6.2, 0.1, "ais", "lower"))
    assert (figure, found) == ("-10.20", [])
    (_, figure), (warning,) = held_out(history, LogZ(9.0, 0.1, "ais", "lower"))
    assert figure == "-13.00"
    assert "3.0 nats too low" in warning.words
    few = LogZ(9.0, 0.1, "ais", "lower", "few_effective_chains")
    (_, figure), found = held_out(history, few)
    assert (figure, found) == ("-10.00 ± 0.10", [])


def test_bad_input(rbm: hm.RBM, tmp_path: Path) -> None:
    with pytest.raises(NotFittedError):
        write_report(hm.RBM(), tmp_path / "report.html")
    with pytest.raises(TypeError, match="model must be one of RBM"):
        write_report("model.safetensors", tmp_path / "report.html")  # type: ignore[arg-type]
    novelty = hm.NoveltyDetector(hm.RBM(2, n_updates=2)).fit(np.eye(20, dtype=int))
    with pytest.raises(TypeError, match=r"there are reports of RBM, .*, got NoveltyDetector"):
        write_report(novelty, tmp_path / "report.html")
    with pytest.raises(FileNotFoundError, match="does not exist"):
        write_report(rbm, tmp_path / "nowhere" / "report.html")
    with pytest.raises(ValueError, match="shape: rows of 64 values are no 7x9 picture"):
        write_report(rbm, tmp_path / "report.html", shape=(7, 9))
    assert list(tmp_path.iterdir()) == []


def test_an_error_leaves_the_old_report(rbm: hm.RBM, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text("old", encoding="utf-8")
    with pytest.raises(ValueError):
        write_report(rbm, path, np.full((3, 64), 7))
    assert path.read_text("utf-8") == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_words_of_texts_are_not_markup(tmp_path: Path) -> None:
    model = hm.NGram(2, smoothing="witten-bell").fit(["<script>alert(1)</script> is no word"] * 2)
    path = tmp_path / "report.html"
    write_report(model, path)
    assert "<script>" not in path.read_text("utf-8")
    assert "&lt;script&gt;" in path.read_text("utf-8")
