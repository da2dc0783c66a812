"""P(x, y, h): every question about x and y against enumeration of all three."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from scipy.special import logsumexp
from sklearn.datasets import load_digits
from tests.support.statistics import assert_drawn_from

import harmonium as hm
from harmonium.contract.storage import ModelFileError
from harmonium.learning.checkpoint import Checkpoint
from harmonium.models.answers import GibbsChains

N_X, N_H = 4, 3


def bits(n: int) -> np.ndarray:
    return np.array(list(itertools.product((0, 1), repeat=n)), dtype=float)


def machine(kind: str, seed: int = 0) -> hm.RBM:
    """A model with a label of three values, or two yes/no attributes, and random parameters."""
    rng = np.random.default_rng(seed)
    X = rng.integers(0, 2, (40, N_X))
    if kind == "label":
        y = np.array(["sun", "rain", "snow"])[rng.integers(0, 3, 40)]
    else:
        y = {"beach": rng.integers(0, 2, 40), "day": rng.integers(0, 2, 40)}
    model = hm.RBM(N_H, n_updates=1, random_state=0, validation_fraction=0, temperature=1.3)
    model.fit(X, y)
    model.components_ = rng.normal(0, 1, (N_H, N_X))
    model.attribute_components_ = rng.normal(0, 1, model.attribute_components_.shape)
    for name in ("intercept_visible_", "intercept_hidden_", "intercept_attributes_"):
        setattr(model, name, rng.normal(0, 1, getattr(model, name).shape))
    return model


def joint(model: hm.RBM, kind: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """All x, all y, all h, and P(x, y, h) as ``(X, Y, H)``."""
    xs, hs = bits(N_X), bits(N_H)
    ys = np.eye(3) if kind == "label" else bits(2)
    linear = (
        (xs @ model.intercept_visible_)[:, None, None]
        + (ys @ model.intercept_attributes_)[None, :, None]
        + (hs @ model.intercept_hidden_)[None, None, :]
        + (xs @ model.components_.T @ hs.T)[:, None, :]
        + (ys @ model.attribute_components_.T @ hs.T)[None, :, :]
    ) / model.temperature
    return xs, ys, hs, np.exp(linear - logsumexp(linear))


@pytest.mark.parametrize("kind", ["label", "bits"])
def test_every_number_sums_the_rest_out(kind: str) -> None:
    model = machine(kind)
    xs, ys, hs, p = joint(model, kind)
    np.testing.assert_allclose(model.score_samples(xs), np.log(p.sum((1, 2))), rtol=1e-10)
    given_x = p.sum(2) / p.sum((1, 2))[:, None]
    np.testing.assert_allclose(model.attribute_proba(xs), given_x @ ys, rtol=1e-10)
    hidden = p.sum(1) / p.sum((1, 2))[:, None]
    np.testing.assert_allclose(model.transform(xs), hidden @ hs, rtol=1e-10)
    # Energies differ from -T log P(x, h) and -T log P(x) by constants.
    pairs = np.array(list(itertools.product(range(len(xs)), range(len(hs)))))
    difference = model.energy(xs[pairs[:, 0]], hs[pairs[:, 1]]) + model.temperature * np.log(
        p.sum(1)[pairs[:, 0], pairs[:, 1]]
    )
    np.testing.assert_allclose(difference, difference[0], rtol=1e-9)
    difference = model.free_energy(xs) + model.temperature * np.log(p.sum((1, 2)))
    np.testing.assert_allclose(difference, difference[0], rtol=1e-9)


@pytest.mark.parametrize("kind", ["label", "bits"])
def test_draws_given_attributes(kind: str) -> None:
    model = machine(kind, seed=1)
    xs, _, _, p = joint(model, kind)
    number = {tuple(x): i for i, x in enumerate(xs)}

    def indices(rows: np.ndarray) -> np.ndarray:
        assert rows.shape[1] == N_X
        return np.array([number[tuple(row)] for row in rows])

    assert_drawn_from(indices(model.sample(4000, random_state=0)), p.sum((1, 2)))
    if kind == "label":
        wanted, some = p[:, 1].sum(1), {"label": "snow"}
        assert model.attribute_classes_ == ["rain", "snow", "sun"]
    else:
        wanted, some = p[:, 2:].sum((1, 2)), {"beach": 1}
        assert model.attributes_ == ["beach", "day"]
    wanted = wanted / wanted.sum()
    assert_drawn_from(indices(model.sample(4000, attributes=some, random_state=1)), wanted)
    held = xs[:, 0] == 1
    condition = np.array([1, np.nan, np.nan, np.nan])
    drawn = model.sample(4000, attributes=some, condition=condition, random_state=2)
    given = np.where(held, wanted, 0)
    assert_drawn_from(indices(drawn), given / given.sum())


@pytest.mark.parametrize("kind", ["label", "bits"])
def test_filled_and_corrected_with_attributes_summed_out(kind: str) -> None:
    model = machine(kind, seed=2)
    xs, _, _, p = joint(model, kind)
    px = p.sum((1, 2))
    row = np.array([[1, np.nan, 0, np.nan]])
    fits = (xs[:, 0] == 1) & (xs[:, 2] == 0)
    mean = (px[fits] @ xs[fits]) / px[fits].sum()
    np.testing.assert_allclose(model.complete(row, how="mean")[0], mean, rtol=1e-6)
    noisy, flip = np.array([[1, 0, 0, 1]]), 0.2
    off = np.abs(xs - noisy).sum(1)
    posterior = px * flip**off * (1 - flip) ** (N_X - off)
    mean = posterior @ xs / posterior.sum()
    found = model.correct(noisy, noise=hm.noise.BitFlip(flip), how="mean")[0]
    np.testing.assert_allclose(found, mean, rtol=1e-6)


@pytest.mark.parametrize("kind", ["label", "bits"])
def test_modes_sum_the_attributes_out(kind: str) -> None:
    """The most probable x, not the x of the most probable (x, y): the two differ for some."""
    differ = 0
    for seed in range(40):
        model = machine(kind, seed)
        xs, _, _, p = joint(model, kind)
        px, pxy = p.sum((1, 2)), p.sum(2).max(1)
        blank = np.full((1, N_X), np.nan)
        assert tuple(model.complete(blank)[0]) == tuple(xs[px.argmax()])
        differ += px.argmax() != pxy.argmax()
        noisy, flip = xs[[seed % 16]], 0.3
        off = np.abs(xs - noisy).sum(1)
        posterior = px * flip**off * (1 - flip) ** (N_X - off)
        found = model.correct(noisy, noise=hm.noise.BitFlip(flip))
        assert tuple(found[0]) == tuple(xs[posterior.argmax()])
    assert differ > 0


def test_few_blanks_beside_a_label_are_counted_without_it(monkeypatch) -> None:
    """One blank beside ten classes is two states, not 2**11: no chain may run."""
    rng = np.random.default_rng(0)
    X, y = rng.integers(0, 2, (60, N_X)), np.arange(60) % 10
    model = hm.RBM(N_H, n_updates=50, random_state=0).fit(X, y)

    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError("chains ran")

    monkeypatch.setattr(GibbsChains, "answer", refuse)
    row = np.array([[1, 0, np.nan, 1]])
    both = np.array([[1, 0, 0, 1], [1, 0, 1, 1]])
    p = np.exp(model.score_samples(both))
    np.testing.assert_allclose(model.complete(row, how="mean")[0, 2], p[1] / p.sum(), rtol=1e-6)
    assert model.complete(row)[0, 2] == p.argmax()


def test_modes_by_chains_are_local_modes_with_attributes_summed_out() -> None:
    """Too many blanks to list: no single change may raise P(x)."""
    rng = np.random.default_rng(1)
    n_x = 11
    X, y = rng.integers(0, 2, (60, n_x)), np.arange(60) % 3
    model = hm.RBM(6, n_updates=1, random_state=0, validation_fraction=0).fit(X, y)
    model.components_ = rng.normal(0, 2, model.components_.shape)
    model.attribute_components_ = rng.normal(0, 3, model.attribute_components_.shape)
    found = model.complete(np.full((1, n_x), np.nan), random_state=0)
    every = bits(n_x)
    assert model.score_samples(found)[0] == pytest.approx(model.score_samples(every).max())


def test_many_attributes_are_sampled() -> None:
    """Thirteen attributes: Gibbs against the exact posterior of the same machine's halves."""
    rng = np.random.default_rng(0)
    X = rng.integers(0, 2, (50, N_X))
    y = rng.integers(0, 2, (50, 13))
    model = hm.RBM(N_H, n_updates=1, random_state=0, validation_fraction=0).fit(X, y)
    model.attribute_components_ = rng.normal(0, 0.7, model.attribute_components_.shape)
    model.components_ = rng.normal(0, 0.7, model.components_.shape)
    x = X[:1].astype(float)
    # P(h | x) sums y in closed form, because units of y are independent given h.
    hs = bits(N_H)
    log_h = hs @ (model.intercept_hidden_ + model.components_ @ x[0]) + np.logaddexp(
        0, hs @ model.attribute_components_ + model.intercept_attributes_
    ).sum(1)
    given = 1 / (1 + np.exp(-(hs @ model.attribute_components_ + model.intercept_attributes_)))
    exact = np.exp(log_h - logsumexp(log_h)) @ given
    rows = np.repeat(x, 500, axis=0)
    found = model.attribute_proba(rows, random_state=0)
    error = found.std(0) / np.sqrt(len(found))
    assert (np.abs(found.mean(0) - exact) < 6 * error).all()
    with pytest.raises(ValueError, match="at most 12"):
        model.score_samples(x)


def test_learning_with_labels_separates_them() -> None:
    """Two clusters and their names: P(y | x) follows, and draws given a name keep to it."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 600)
    X = (rng.random((600, 10)) < np.where(y[:, None], 0.9, 0.1)).astype(int)
    model = hm.RBM(4, n_updates=2000, random_state=0).fit(X, np.array(["low", "high"])[y])
    said = np.array(model.attribute_classes_)[model.attribute_proba(X).argmax(1)]
    bayes = np.where(X.sum(1) > 5, "high", np.where(X.sum(1) < 5, "low", said))
    assert np.mean(said == bayes) > 0.97  # Bayes' rule for these clusters counts the ones
    assert model.sample(200, attributes="high", random_state=0).mean() > 0.8
    assert model.sample(200, attributes="low", random_state=0).mean() < 0.2


def test_saved_with_attributes(tmp_path) -> None:
    model = machine("label")
    model.save(tmp_path / "m")
    back = hm.load(tmp_path / "m")
    x = bits(N_X)
    np.testing.assert_array_equal(back.attribute_proba(x), model.attribute_proba(x))
    assert back.attribute_classes_ == model.attribute_classes_


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.zeros(3), "3 rows"),
        (np.full(40, 0.5), "fractions"),
        (np.full((40, 2), 2), "0 and 1"),
        (np.zeros((40, 2, 2)), "column of labels"),
    ],
)
def test_bad_y_is_refused(y: np.ndarray, message: str) -> None:
    X = np.random.default_rng(0).integers(0, 2, (40, N_X))
    with pytest.raises(ValueError, match=message):
        hm.RBM(2, n_updates=1).fit(X, y)


def test_bad_attributes_are_refused() -> None:
    label, columns = machine("label"), machine("bits")
    for model, wanted, message in [
        (label, "fog", "must be one of rain, snow, sun"),
        (label, {"sky": "sun"}, "not among 'label'"),
        (columns, {"beach": 2}, "must be 0 or 1"),
        (columns, 1, "must be a dict"),
        (hm.RBM.from_parameters(np.zeros((2, 1)), [0, 0], [0]), {"a": 1}, "without y"),
    ]:
        with pytest.raises(ValueError, match=message):
            model.sample(1, attributes=wanted)
    with pytest.raises(ValueError, match="partial_fit"):
        label.partial_fit(bits(N_X))


def test_labels_of_unlike_kinds_are_refused_by_name() -> None:
    rows = np.eye(4, dtype=np.uint8)
    with pytest.raises(ValueError, match="labels of one kind, got int, str together"):
        hm.RBM(2, n_updates=10).fit(rows, np.array([0, "a", 1, 1], dtype=object))


# -- attributes of some rows only --------------------------------------------------------------


def clusters(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Rows of two clusters, and which."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n)
    return (rng.random((n, 10)) < np.where(y[:, None], 0.9, 0.1)).astype(np.uint8), y


def some_missing(y: np.ndarray, n_known: int) -> dict[str, object]:
    """The same labels, with what stands for a missing one in every form."""
    names = np.array(["no", "yes"])[y]
    known = np.arange(len(y)) < n_known
    return {
        "None": [str(name) if k else None for name, k in zip(names, known, strict=True)],
        "NaN in a list": [str(n) if k else float("nan") for n, k in zip(names, known, strict=True)],
        "floats": np.where(known, y, np.nan),
        "a series": pd.Series(np.where(known, names, None), name="kind"),
        "NA": pd.Series([int(v) if k else pd.NA for v, k in zip(y, known, strict=True)]),
        "Int64": pd.array([int(v) if k else None for v, k in zip(y, known, strict=True)], "Int64"),
    }


@pytest.mark.parametrize("form", some_missing(np.zeros(1, dtype=int), 0))
def test_labels_are_missing_in_every_form(form: str) -> None:
    X, y = clusters(60)
    model = hm.RBM(4, n_updates=40, random_state=0).fit(X, some_missing(y, 40)[form])
    same = hm.RBM(4, n_updates=40, random_state=0).fit(X, some_missing(y, 40)["floats"])
    assert len(model.attribute_classes_) == 2
    np.testing.assert_array_equal(model.components_, same.components_)
    np.testing.assert_array_equal(model.attribute_components_, same.attribute_components_)
    assert model.attributes_ == (["kind"] if form == "a series" else ["label"])


def test_tables_of_attributes_have_holes_too() -> None:
    X, y = clusters(300)
    known = np.random.default_rng(1).random((300, 2)) < 0.5
    table = np.where(known, np.stack([y, 1 - y], axis=1), np.nan)
    model = hm.RBM(4, n_updates=800, random_state=0).fit(X, table)
    found = model.attribute_proba(X)
    assert ((found[:, 0] > 0.5) == y).mean() > 0.95
    assert ((found[:, 1] < 0.5) == y).mean() > 0.95
    columns = {"a": list(table[:, 0]), "b": [None if v != v else v for v in table[:, 1]]}
    same = hm.RBM(4, n_updates=800, random_state=0).fit(X, columns)
    np.testing.assert_array_equal(model.components_, same.components_)
    assert np.isfinite(model.score_samples(X)).all()


def test_missing_attributes_that_cannot_be() -> None:
    X, y = clusters(40)
    two = np.stack([y, np.full(40, np.nan)], axis=1)
    for rows, given, message in [
        (X, [None] * 40, "y: every label is missing; leave y out"),
        (X, np.full(40, np.nan), "y: every label is missing; leave y out"),
        (X, pd.DataFrame(two, columns=["sun", "rain"]), "y: every value of 'rain' is missing"),
        (X, np.where(y, 0.5, np.nan), "fractions"),
        (X, [None, "a", *[1] * 38], "labels of one kind, got int, str together"),
        (sparse.csr_matrix(X), [None, *y[1:]], "y: with missing values X must be a dense array"),
    ]:
        with pytest.raises(ValueError, match=message):
            hm.RBM(2, n_updates=1).fit(rows, given)


@pytest.mark.parametrize("learner", ["pcd", "cd", "pt", "exact"])
@pytest.mark.parametrize("kind", ["label", "table"])
def test_a_cut_off_fit_with_missing_attributes_ends_in_the_same_bits(
    learner: str, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    X, y = clusters(120)
    known = np.random.default_rng(1).random((120, 9)) < 0.4
    # Nine of them: too many joint states to be drawn exactly, so these are swept.
    given = np.where(known, y[:, None] ^ (np.arange(9) % 2), np.nan)
    given = given[:, 0] if kind == "label" else given

    def fitted(path: Path | None = None) -> hm.RBM:
        model = hm.RBM(6, learner=learner, n_updates=160, random_state=0, checkpoint=path)
        return model.fit(X, given)

    whole, path, write = fitted(), tmp_path / "fit.checkpoint", Checkpoint.write

    def cut(self: Checkpoint, *args: object) -> None:
        write(self, *args)
        raise SystemExit  # the machine goes down

    with monkeypatch.context() as patched:
        patched.setattr(Checkpoint, "write", cut)
        with pytest.raises(SystemExit):
            fitted(path)
    resumed = fitted(path)
    for name, array in whole.to_state()[0].items():
        np.testing.assert_array_equal(array, resumed.to_state()[0][name], err_msg=name)
    assert whole.history_["validation"] == resumed.history_["validation"]
    other = np.where(np.isnan(given), 1.0, given)
    with pytest.raises(ModelFileError, match="other settings or data"):
        hm.RBM(6, learner=learner, n_updates=160, random_state=0, checkpoint=path).fit(X, other)


@pytest.mark.slow
def test_digits_without_a_label_help_those_with_one() -> None:
    """130 of 1,300 have one: wrong on 14.7% of fresh digits, and 19.3% without the others."""
    X, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(X))
    rows, fresh, n = (X > 7)[order[:1300]].astype(np.uint8), order[1300:], 130
    some = np.where(np.arange(1300) < n, y[order[:1300]], np.nan)

    def wrong(rows: np.ndarray, labels: np.ndarray) -> float:
        model = hm.RBM(64, random_state=0, n_updates=12_000).fit(rows, labels)
        best = model.attribute_proba((X > 7)[fresh].astype(np.uint8)).argmax(1)
        return float((np.array(model.attribute_classes_)[best] != y[fresh]).mean())

    assert wrong(rows, some) < wrong(rows[:n], some[:n]) - 0.02
