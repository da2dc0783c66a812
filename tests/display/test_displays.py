"""Displays: what is drawn is what the model answers, into axes given or new ones."""

from __future__ import annotations

import ast
import operator
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

import harmonium as hm
from harmonium import display
from harmonium.display.sheets import rows_image

mpl.use("Agg")


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    plt.close("all")


def _axes(n: int = 1) -> Any:
    found = Figure(figsize=(4, 3)).subplots(1, n)
    return found


@pytest.fixture(scope="module")
def rows() -> Any:
    return (np.random.default_rng(0).random((120, 16)) < np.linspace(0.1, 0.9, 16)).astype(np.uint8)


@pytest.fixture(scope="module")
def rbm(rows: Any) -> Any:
    return hm.RBM(4, n_updates=60, random_state=0).fit(rows)


@pytest.fixture(scope="module")
def network() -> Any:
    pairs = [
        hm.Factor(["rain", "wet"], [[9, 1], [1, 20]]),
        hm.Factor(["wet", "slip"], [[5, 1], [2, 2]]),
    ]
    return hm.MarkovNetwork(pairs)


@pytest.fixture(scope="module")
def family(tmp_path_factory: pytest.TempPathFactory) -> Any:
    source = np.random.default_rng(1)
    letters = np.array(list("-ACDEF"))[source.integers(0, 6, (40, 9))]
    path = tmp_path_factory.mktemp("family") / "family.fasta"
    path.write_text("".join(f">{i}\n{''.join(row)}\n" for i, row in enumerate(letters)))
    return hm.RBM(3, n_updates=30, random_state=0).fit(hm.Alignment.read(path))


@pytest.fixture(scope="module")
def grid() -> Any:
    pictures = np.random.default_rng(2).integers(0, 4, (3, 12, 12))
    return hm.GridMRF(n_levels=4, n_updates=10, n_patches=4, random_state=0).fit(pictures)


def test_a_figure_of_its_own_or_axes_given(rbm: Any, rows: Any) -> None:
    own = display.WeightsDisplay.from_estimator(rbm)
    assert own.figure_.number in plt.get_fignums()
    given = _axes()
    shown = display.WeightsDisplay.from_estimator(rbm, ax=given)
    assert shown.ax_ is given
    assert shown.figure_ is given.figure
    again = _axes()
    assert shown.plot(again) is shown
    assert shown.ax_ is again


def test_learning_curves_are_the_history(rbm: Any) -> None:
    shown = display.LearningCurveDisplay.from_estimator(rbm, baseline=-9.0, ax=_axes())
    train, held, base = shown.ax_.lines
    np.testing.assert_array_equal(train.get_ydata(), rbm.history_["train"])
    np.testing.assert_array_equal(held.get_ydata(), rbm.history_["validation"])
    assert base.get_ydata()[0] == -9.0
    assert len(held.get_xdata()) == len(rbm.history_["validation"])


def test_a_curve_alone_and_one_of_a_single_look() -> None:
    alone = display.LearningCurveDisplay(update=[1, 10], train=[-3.0, -2.0]).plot(_axes())
    assert [line.get_marker() for line in alone.ax_.lines] == ["None"]
    once = {"update": [5], "train": [-3.0], "validation": [-4.0], "std_error": [0.1]}
    shown = display.LearningCurveDisplay(**once).plot(_axes())
    assert [line.get_marker() for line in shown.ax_.lines] == ["o", "o"]


def test_a_fit_without_watch_has_no_curves(rows: Any) -> None:
    model = hm.RBM(2, n_updates=5, validation_fraction=0, random_state=0).fit(rows)
    with pytest.raises(ValueError, match="watched no held-out rows"):
        display.LearningCurveDisplay.from_estimator(model)


def test_weights_are_the_strongest_units(rbm: Any) -> None:
    shown = display.WeightsDisplay.from_estimator(rbm, n_units=3, ax=_axes())
    norms = np.linalg.norm(rbm.components_, axis=1)
    np.testing.assert_array_equal(norms[shown.units], np.sort(norms)[::-1][:3])
    cell = np.asarray(display.WeightsDisplay(weights=[[1.0, -1.0, 0.0]]).image())
    assert {tuple(colour) for colour in cell.reshape(-1, 3)} == {
        (255, 0, 0),
        (0, 0, 255),
        (255, 255, 255),
    }
    with pytest.raises(TypeError, match="no hidden units"):
        display.WeightsDisplay.from_estimator(hm.NGram(2).fit(["a b", "a c"]))


def test_samples_are_the_models_own(rbm: Any, grid: Any) -> None:
    shown = display.SamplesDisplay.from_estimator(rbm, 5, random_state=3, ax=_axes())
    np.testing.assert_array_equal(shown.rows, rbm.sample(5, random_state=3))
    held = np.full(16, np.nan)
    held[:8] = 1
    asked = {"condition": held, "random_state": 0}
    shown = display.SamplesDisplay.from_estimator(rbm, 4, **asked, ax=_axes())
    assert (np.asarray(shown.rows)[:, :8] == 1).all()
    pictures = display.SamplesDisplay.from_estimator(grid, 2, random_state=0, ax=_axes())
    assert pictures.shape == (12, 12)
    assert pictures.top == 3.0
    with pytest.raises(TypeError, match="no picture"):
        display.SamplesDisplay.from_estimator(hm.NGram(2).fit(["a b", "a c"]), 2)


def test_rows_that_are_no_pictures_are_lines_of_cells() -> None:
    sheet = np.asarray(rows_image([[0.0, 1.0, np.nan], [1.0, 0.0, 0.5]], None, 12))
    colours = {tuple(colour) for colour in sheet.reshape(-1, 3)}
    assert {(0, 0, 0), (255, 255, 255), (240, 150, 40), (127, 127, 127)} <= colours


def test_completions_stand_beside_the_truth(rbm: Any, rows: Any) -> None:
    asked: dict[str, Any] = {"how": "mode", "n_rows": 6, "random_state": 0}
    shown = display.CompletionsDisplay.from_estimator(rbm, rows, **asked, ax=_axes())
    np.testing.assert_array_equal(shown.truth, rows[:6])
    assert np.isnan(shown.given[:, 8:]).all()
    np.testing.assert_array_equal(shown.given[:, :8], rows[:6, :8])
    np.testing.assert_array_equal(shown.answer[:, :8], rows[:6, :8])
    wanted = rbm.complete(shown.given, how="mode", random_state=0)
    np.testing.assert_array_equal(shown.answer, wanted)
    with pytest.raises(ValueError, match="missing must be bool"):
        display.CompletionsDisplay.from_estimator(rbm, rows, missing=np.zeros(16))
    with pytest.raises(ValueError, match="at least one"):
        display.CompletionsDisplay.from_estimator(rbm, rows[:0])
    with pytest.raises(ValueError, match="one shape"):
        display.CompletionsDisplay.from_predictions(rows[:3], rows[:3], rows[:2])


def test_chains_that_agree_and_chains_that_cannot(rbm: Any) -> None:
    on = operator.methodcaller("sum", axis=1)
    asked: dict[str, Any] = {"n_chains": 4, "n_sweeps": 200, "random_state": 0}
    shown = display.ChainsDisplay.from_estimator(rbm, on, name="on", **asked, ax=_axes())
    assert shown.draws.shape == (4, 200)
    assert shown.r_hat is not None
    assert shown.r_hat < 1.1
    assert "agree" in shown.ax_.get_title()
    far = hm.RBM.from_parameters(np.full((16, 2), 3.0), np.full(16, -3.0), np.full(2, -20.0))
    parted = display.ChainsDisplay.from_estimator(far, on, **asked, ax=_axes())
    assert parted.r_hat is not None
    assert parted.r_hat > 1.1
    assert "disagree" in parted.ax_.get_title()
    with pytest.raises(ValueError, match="one finite number a row"):
        display.ChainsDisplay.from_estimator(rbm, lambda x: x, **asked)


def test_couplings_of_a_frame_stand_at_their_names() -> None:
    pd = pytest.importorskip("pandas")
    source = np.random.default_rng(0)
    one, other = source.integers(0, 2, 400), source.integers(0, 3, 400)
    frame = pd.DataFrame({"a": other.astype(str), "b": one.astype(str), "c": other.astype(str)})
    model = hm.BoltzmannMachine(learner="exact", random_state=0).fit(frame)
    shown = display.CouplingsDisplay.from_estimator(model, ax=_axes())
    assert shown.names == ["a", "b", "c"]
    first = {shown.names[shown.i[0]], shown.names[shown.j[0]]}
    assert first == {"a", "c"}
    drawn = shown.ax_.images[0].get_array()
    assert drawn[0, 2] == drawn.max() == drawn[2, 0]


def test_contacts_far_along_the_sequence_are_drawn(family: Any) -> None:
    shown = display.CouplingsDisplay.from_estimator(family, n=4, separation=3, ax=_axes())
    assert shown.kind == "contacts"
    places = shown.ax_.collections[0].get_offsets()
    assert len(places) == 8
    assert (abs(places[:, 0] - places[:, 1]) >= 3).all()
    known = np.zeros((9, 9), dtype=bool)
    wrong = display.CouplingsDisplay.from_estimator(family, known=known, separation=3, ax=_axes())
    assert [len(c.get_offsets()) for c in wrong.ax_.collections] == [0, 0, 18]
    with pytest.raises(ValueError, match="known has shape"):
        display.CouplingsDisplay.from_estimator(family, known=known[:3], ax=_axes())


def test_logos_and_mutations_of_a_family(family: Any) -> None:
    logos = display.LogosDisplay.from_estimator(family, n_units=2, ax=_axes(2))
    np.testing.assert_allclose(logos.weights.sum(2), 0.0, atol=1e-5)
    assert len(logos.ax_) == 2
    shown = display.MutationsDisplay.from_estimator(family, "ACDEFACDE", ax=_axes())
    frame = hm.sequences.mutations(family, "ACDEFACDE")
    drawn = np.asarray(shown.ax_.images[0].get_array())
    assert np.nanmax(np.abs(drawn)) == pytest.approx(np.abs(frame["score"]).max())


def test_marginals_with_and_without_evidence(network: Any) -> None:
    shown = display.MarginalsDisplay.from_estimator(network, evidence={"wet": 1}, ax=_axes())
    assert list(shown.names) == ["rain", "slip"]
    np.testing.assert_allclose(
        shown.probabilities[0], network.marginal("rain", evidence={"wet": 1})
    )
    assert shown.before is not None
    np.testing.assert_allclose(shown.before[0], network.marginal("rain"))
    widths = [bar.get_width() for bar in shown.ax_.patches[:2]]
    np.testing.assert_allclose(widths, shown.probabilities[0])
    with pytest.raises(ValueError, match="'snow' is none of"):
        display.MarginalsDisplay.from_estimator(network, ["snow"])
    with pytest.raises(TypeError, match="to_network"):
        display.MarginalsDisplay.from_estimator(hm.RBM(2))


def test_blanks_are_ranked_by_the_model() -> None:
    words = hm.NGram(2).fit(["the film was good", "the film was bad", "a film is good"])
    text = "the ___ was ___"
    shown = display.BlanksDisplay.from_estimator(words, text, n_best=3)
    assert [list(one) for one in shown.ranked] == [list(one) for one in words.blanks(text, 3)]
    assert len(shown.ax_) == 2
    heights = [bar.get_width() for bar in shown.ax_[1].patches]
    assert heights == [p for _, p in shown.ranked[1]]
    with pytest.raises(ValueError, match="no blank"):
        display.BlanksDisplay.from_estimator(words, "the film was good")
    with pytest.raises(TypeError, match="NGram"):
        display.BlanksDisplay.from_estimator(hm.RBM(2), text)


def test_potentials_and_networks(grid: Any, network: Any) -> None:
    shown = display.PotentialsDisplay.from_estimator(grid, ax=_axes())
    assert len(shown.ax_.lines) == len(grid.filters_)
    assert max(curve.max() for curve in shown.log_factors) == 0.0
    graph = display.NetworkDisplay.from_estimator(network, ax=_axes())
    assert {text.get_text() for text in graph.ax_.texts} >= {"rain", "wet", "slip"}


def test_scores_of_several_sets(rbm: Any, rows: Any) -> None:
    shown = display.ScoresDisplay.from_estimator(
        rbm, {"rows": rows, "others": 1 - rows}, ax=_axes()
    )
    np.testing.assert_array_equal(shown.scores["others"], rbm.score_samples(1 - rows))
    assert len(shown.ax_.get_legend().get_texts()) == 2
    with pytest.raises(ValueError, match="finite"):
        display.ScoresDisplay(scores={"": np.array([-np.inf])}).plot(_axes())


def test_columns_of_a_table_beside_new_ones() -> None:
    pd = pytest.importorskip("pandas")
    source = np.random.default_rng(0)
    frame = pd.DataFrame({"x": source.normal(size=80), "job": source.choice(["a", "b"], 80)})
    model = hm.RBM(2, n_updates=20, random_state=0).fit(frame)
    shown = display.ColumnsDisplay.from_estimator(model, frame, random_state=0)
    assert [len(own) for own in shown.drawn.values()] == [80, 80]
    assert [axes.get_title() for axes in shown.ax_] == ["x", "job"]
    with pytest.raises(TypeError, match="ColumnsDisplay"):
        display.SamplesDisplay.from_estimator(model, 3)
    with pytest.raises(TypeError, match="ColumnsDisplay"):
        display.CompletionsDisplay.from_estimator(model, frame)
    weights = display.WeightsDisplay.from_estimator(model, ax=_axes())
    assert weights.shape == (1, model.components_.shape[1])


def test_models_have_scikit_learns_html(rbm: Any, network: Any, grid: Any) -> None:
    for model in (rbm, network, grid, hm.NGram(2), hm.BoltzmannMachine()):
        html = model._repr_html_()
        assert type(model).__name__ in html
        assert "sk-" in html


def test_units_are_how_often_they_are_on_or_what_they_tell(rbm: Any, rows: Any) -> None:
    shown = display.UnitsDisplay.from_estimator(rbm, rows, ax=_axes())
    np.testing.assert_allclose(shown.values, rbm.transform(rows).mean(0))
    drawn = shown.ax_.patches[0].get_data().values
    np.testing.assert_array_equal(drawn, np.sort(shown.values)[::-1])
    told = display.UnitsDisplay.from_estimator(rbm, rows, rows[:, 0], ax=_axes())
    assert "label" in told.ax_.get_ylabel()


def test_errors_are_those_of_averages(rbm: Any) -> None:
    on = operator.methodcaller("sum", axis=1)
    asked: dict[str, Any] = {"sizes": (4, 100), "n_repeats": 30, "random_state": 0}
    shown = display.ErrorsDisplay.from_estimator(rbm, on, **asked, ax=_axes())
    draws = rbm.sample(4_000, random_state=1).sum(axis=1)
    few, many = shown.errors["the model's draws"]
    # Of n independent draws the standard deviation over the root of n.
    assert few == pytest.approx(draws.std() / 2, rel=0.5)
    assert many == pytest.approx(draws.std() / 10, rel=0.5)
    assert shown.errors["uniform, weighed"][0] > few
    with pytest.raises(ValueError, match="sizes is empty"):
        display.ErrorsDisplay.from_estimator(rbm, on, sizes=())


def test_annealing_comes_to_the_truth(rbm: Any) -> None:
    truth = rbm.log_partition("exact").value
    shown = display.PartitionDisplay.from_estimator(
        rbm, (5, 200), truth=truth, random_state=0, ax=_axes()
    )
    assert [one.n_temperatures for one in shown.estimates] == [5, 200]
    last = shown.estimates[1]
    assert abs(last.value - truth) < 6 * last.std_error
    with pytest.raises(ValueError, match="n_temperatures is empty"):
        display.PartitionDisplay.from_estimator(rbm, ())


def test_correlations_fall_with_the_distance(grid: Any) -> None:
    stripes = np.tile(np.arange(12) // 3 % 2, (5, 12, 1))
    noise = np.random.default_rng(0).random((5, 12, 12))
    shown = display.CorrelationsDisplay.from_images(
        {"stripes": stripes, "noise": noise}, distances=(1, 3, 6), ax=_axes()
    )
    assert shown.correlations["stripes"][1] == pytest.approx(-1.0)
    assert shown.correlations["stripes"][2] == pytest.approx(1.0)
    assert max(map(abs, shown.correlations["noise"])) < 0.3
    flat = display.CorrelationsDisplay.from_images({"flat": np.zeros((2, 3, 4))}, ax=_axes())
    assert np.isnan(flat.correlations["flat"]).all()
    pictures = np.random.default_rng(2).integers(0, 4, (3, 12, 12))
    own = display.CorrelationsDisplay.from_estimator(grid, pictures, n_samples=2, ax=_axes())
    assert list(own.correlations) == ["real", "drawn"]
    with pytest.raises(ValueError, match="pictures"):
        display.CorrelationsDisplay.from_images({"rows": np.zeros((2, 9))})


def test_levels_have_potentials_too(grid: Any) -> None:
    shown = display.PotentialsDisplay.from_estimator(grid, of="levels", ax=_axes())
    np.testing.assert_allclose(shown.log_factors[0], grid.level_ - grid.level_.max())
    with pytest.raises(ValueError, match="of must be one of"):
        display.PotentialsDisplay.from_estimator(grid, of="pixels")


#: What draws marks; arranging figures and naming axes is no drawing.
_MARKS = {
    *("hist", "loglog", "semilogx", "semilogy", "errorbar", "scatter", "bar", "barh", "imshow"),
    *("stem", "stairs", "fill_between", "axhline", "axvline", "pcolormesh", "contour"),
}


def test_apps_and_gallery_draw_with_displays_alone() -> None:
    found = []
    for place in ("src/harmonium/apps", "examples"):
        for path in sorted((Path(__file__).parents[2] / place).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                    of = node.func.value
                    on_axes = isinstance(of, ast.Name) and of.id.startswith("ax")
                    on_axes |= isinstance(of, ast.Attribute) and of.attr == "ax_"
                    if node.func.attr in _MARKS or (on_axes and node.func.attr == "plot"):
                        found.append(f"{path.name}:{node.lineno}")
    assert found == []
