"""Columns of normal numbers: against mixtures of normals, and every question of a table."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.integrate import trapezoid
from scipy.special import logsumexp
from scipy.stats import norm
from tests.support.statistics import assert_drawn_from
from tests.support.table_oracle import small_model

import harmonium as hm
from harmonium.data.columns.gaussian import Gaussian


def reals(n: int = 200, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(n, 2))
    return np.stack([10 + 2 * z[:, 0], -3 + 0.5 * (0.8 * z[:, 0] + 0.6 * z[:, 1])], axis=1)


def frame(n: int = 200) -> pd.DataFrame:
    x = reals(n)
    rng = np.random.default_rng(1)
    return pd.DataFrame(
        {
            "height": x[:, 0],
            "side": np.where(x[:, 0] + rng.normal(size=n) > 10, "left", "right"),
            "weight": x[:, 1],
            "mark": rng.choice(["low", "mid", "high"], n),
        }
    )


KINDS = {"height": "gaussian", "weight": "gaussian"}


@pytest.fixture(scope="module")
def model() -> hm.RBM:
    return small_model(frame(), scale=1.0, visible=KINDS)


@pytest.fixture(scope="module")
def plain() -> hm.RBM:
    """Parts with means within two standard deviations and variances near two fifths."""
    model = small_model(reals(), visible="gaussian")
    rng = np.random.default_rng(2)
    model.components_ = rng.normal(0, 1, (3, 4)) * [3.0, 0.4, 3.0, 0.4]
    weights = model.components_.sum(0)
    model.intercept_visible_ = np.array([0.0, -2.2, 0.0, -2.0]) - 0.5 * weights
    model.intercept_hidden_ = rng.normal(0, 0.3, 3)
    return model


def mixture(model: hm.RBM) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Log shares, means and variances of the 2^H normal parts of a model of two columns, on the
    line: the sums over z in closed form."""
    W, b, c = model.components_.T, model.intercept_visible_, model.intercept_hidden_
    h = (np.arange(2 ** len(c))[:, None] >> np.arange(len(c))) & 1
    inputs = b + h @ W.T
    first, second = inputs[:, ::2] / 2, inputs[:, 1::2] / np.sqrt(8)
    precision = 1.0 - 2.0 * second
    assert (precision > 1.0).all()
    mean = first / precision
    log_z = 0.5 * first**2 / precision - 0.5 * np.log(precision) - second
    share = h @ c + log_z.sum(1)
    return share - logsumexp(share), mean, 1.0 / precision


def standard(model: hm.RBM, x: np.ndarray) -> tuple[np.ndarray, float]:
    """Numbers in standard deviations from their means, and the log of what the scale weighs."""
    columns = model.schema_.columns
    means = np.array([one.marginal.centre for one in columns])
    scales = np.array([one.marginal.scale for one in columns])
    return (x - means) / scales, -float(np.log(scales).sum())


def test_scores_are_those_of_a_mixture_of_normals(plain):
    """Within a level, an eighth of a standard deviation, the model has the column's own slope, the
    mixture its own: that errs by the difference times a sixteenth, one way as often as the other.
    """
    shares, means, variances = mixture(plain)
    x = reals(50, 3)
    z, scale = standard(plain, x)
    each = norm.logpdf(z[:, None], means, np.sqrt(variances)).sum(2)
    wanted = logsumexp(shares + each, axis=1) + scale
    inside = (np.abs(z) < 3).all(1)
    found = plain.score_samples(x)
    assert np.abs(found - wanted)[inside].max() < 0.3
    assert abs((found - wanted)[inside].mean()) < 0.05


def test_density_sums_to_one(plain):
    """By quadrature of both columns, far into the tails."""
    columns = plain.schema_.columns
    grids = [c.marginal.centre + c.marginal.scale * np.arange(-7, 7, 1 / 32) for c in columns]
    mesh = np.meshgrid(*grids, indexing="ij")
    p = np.exp(plain.score_samples(np.stack([one.ravel() for one in mesh], axis=1)))
    whole = trapezoid(trapezoid(p.reshape(mesh[0].shape), grids[1]), grids[0])
    # A share of 1 / 201 of each outer level's density is a Cauchy one, with mass beyond.
    assert whole == pytest.approx(1.0, abs=1e-4)


def test_draws_are_those_of_the_mixture(plain):
    shares, means, variances = mixture(plain)
    rows = plain.sample(4_000, random_state=0)
    z, _ = standard(plain, rows)
    edges = np.array([-np.inf, -1.0, -0.25, 0.25, 1.0, np.inf])
    for j in range(2):
        p = np.exp(shares) @ np.diff(
            norm.cdf(edges, means[:, j, None], np.sqrt(variances[:, j, None])), axis=1
        )
        assert_drawn_from(np.searchsorted(edges[1:-1], z[:, j]), p)


def test_a_hole_is_integrated_over(plain):
    x = reals(20, 4)
    x[:, 1] = np.nan
    shares, means, variances = mixture(plain)
    z, _ = standard(plain, x)
    each = norm.logpdf(z[:, :1], means[:, 0], np.sqrt(variances[:, 0]))
    scale = np.log(plain.schema_.columns[0].marginal.scale)
    wanted = logsumexp(shares + each, axis=1) - scale
    assert np.abs(plain.score_samples(x) - wanted).mean() < 0.1
    filled = plain.complete(x, how="mean")
    weights = shares + each
    weights = np.exp(weights - logsumexp(weights, axis=1, keepdims=True))
    column = plain.schema_.columns[1].marginal
    mean = column.centre + column.scale * (weights @ means[:, 1])
    np.testing.assert_allclose(filled[:, 1], mean, atol=0.03 * column.scale)
    np.testing.assert_array_equal(filled[:, 0], x[:, 0])


def test_conditions_are_values_and_ranges(plain):
    drawn = plain.sample(400, condition={"0": (11.0, 12.0)}, random_state=0)
    assert ((drawn[:, 0] >= 11.0) & (drawn[:, 0] <= 12.0)).all()
    drawn = plain.sample(5, condition={"0": 11.25}, random_state=0)
    assert (drawn[:, 0] == 11.25).all()
    far = plain.sample(3, condition={"0": (30.0, 40.0)}, random_state=0)  # never seen
    assert (far[:, 0] >= 30.0).all()


def test_resolution_is_the_mass_of_a_cell(plain):
    x = reals(10, 5)
    fine = plain.score_samples(x, resolution={"0": 1e-4, "1": 1e-4}) - 2 * np.log(1e-4)
    np.testing.assert_allclose(fine, plain.score_samples(x), atol=1e-3)


def test_noise_is_taken_off_as_a_mixture_of_normals_has_it(plain):
    """The posterior mean in closed form; what is read stands for the level that it is in."""
    sigma = 0.6
    x = reals(12, 6)
    x[3, 1] = np.nan
    shares, means, variances = mixture(plain)
    z, _ = standard(plain, x)
    noise = sigma / np.array([c.marginal.scale for c in plain.schema_.columns])
    each = norm.logpdf(z[:, None], means, np.sqrt(variances + noise**2))
    each[3, :, 1] = 0.0
    weights = shares + each.sum(2)
    weights = np.exp(weights - logsumexp(weights, axis=1, keepdims=True))
    pull = variances / (variances + noise**2)
    mean = means + pull * (z[:, None] - means)
    mean[3, :, 1] = means[:, 1]
    wanted = np.einsum("nk,nkj->nj", weights, mean)
    found, _ = standard(
        plain, plain.correct(x, noise=hm.noise.Gaussian(sigma), how="mean", random_state=0)
    )
    assert np.abs(found - wanted).max() < 0.1
    assert np.sqrt(((found - wanted) ** 2).mean()) < 0.03


def test_hardly_any_noise_leaves_numbers_as_they_were(plain):
    x = reals(5, 7)
    x[0] = [500.0, 20.0]  # far from all that was seen
    for how in ("mode", "mean", "sample"):
        found = plain.correct(x, noise=hm.noise.Gaussian(1e-9), how=how, random_state=0)
        np.testing.assert_allclose(found, x)


def test_labels_beside_noisy_numbers_are_as_they_were_read(model):
    rows = frame(6)
    found = model.correct(rows, noise=hm.noise.Gaussian(0.5), random_state=0)
    assert (found[["side", "mark"]] == rows[["side", "mark"]]).all().all()
    other = small_model(frame(), visible={"height": "gaussian"})
    with pytest.raises(ValueError, match="column 'weight' is of kind 'quantile'"):
        other.correct(rows, noise=hm.noise.Gaussian(0.5))


@pytest.mark.parametrize("missing", ["at-random", "informative"])
def test_every_question_is_answered_beside_other_kinds(missing, tmp_path):
    rows = frame()
    if missing == "informative":
        rows.loc[::7, "weight"] = np.nan
    model = small_model(rows, scale=0.5, visible=KINDS, missing=missing)
    assert "levels" in str(model.schema_)
    holes = rows.iloc[:12].copy()
    holes.loc[holes.index[::2], "height"] = np.nan
    holes.loc[holes.index[::3], "side"] = None
    assert np.isfinite(model.score_samples(holes)).all()
    for how in ("mode", "mean", "sample"):
        whole = model.complete(holes, how=how, random_state=0)
        assert whole["height"].notna().all()
        assert list(whole.columns) == list(rows.columns)
    corrected = model.correct(rows.iloc[:5], noise=hm.noise.Cells(0.05), random_state=0)
    assert list(corrected.columns) == list(rows.columns)
    whole = model.complete(holes, random_state=0)
    assert model.transform(whole).shape == (12, 3)
    hidden = model.sample_hidden(whole, random_state=0)
    assert np.isfinite(model.energy(whole, hidden)).all()
    assert np.isfinite(model.pseudo_log_likelihood(whole)).all()
    assert len(model.inverse_transform(hidden)) == len(model.sample_visible(hidden)) == 12
    assert len(model.effective_couplings(whole, n_rows=3)) == 4
    model.save(tmp_path / "m.safetensors")
    again = hm.load(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(again.score_samples(holes), model.score_samples(holes))


def test_free_energy_is_minus_log_density_with_labels_summed_out():
    rows = frame()
    y = (rows["height"] > 10).to_numpy().astype(int)
    model = small_model(rows, y, scale=0.7, visible=KINDS)
    proba = model.attribute_proba(rows.iloc[:5])
    np.testing.assert_allclose(proba.sum(1), 1.0)
    # log P(x) = log sum over y of P(x, y): differences between rows need no log Z.
    drawn = rows.iloc[:5]
    energy = model.build_energy(torch.float64)
    states = torch.from_numpy(model._layout.states(drawn))
    each = [
        energy.log_weight(torch.cat([states, torch.full((5, 1), float(k)).double()], 1))
        for k in range(2)
    ]
    wanted = torch.logsumexp(torch.stack(each), 0).numpy()
    np.testing.assert_allclose(-model.free_energy(drawn), wanted, rtol=1e-10)


@pytest.mark.slow
def test_two_modes_and_a_slope_are_learned():
    """The mean log density of unseen rows comes near the one they were drawn from."""
    rng = np.random.default_rng(0)
    z, side = rng.normal(size=(6_000, 2)), rng.integers(0, 2, 6_000)
    x = np.stack([z[:, 0], 0.8 * z[:, 0] + 0.6 * z[:, 1], 5 + 2 * side + 0.5 * z[:, 1]], axis=1)
    model = hm.RBM(16, visible="gaussian", random_state=0, n_updates=3_000, weight_decay=1e-3)
    model.fit(x[:4_000])
    alone = hm.RBM(16, visible="gaussian", random_state=0, n_updates=1).fit(x[:4_000])
    assert model.score(x[4_000:]) > alone.score(x[4_000:]) + 0.5


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ([1.0, 1.0, 1.0], "two different"),
        ([1.0, np.inf, 2.0], "inf"),
        ([1.0, 1e200, 2.0], "1e\\+150"),
        ([1.0, 1.0 + 1e-15, 1.0], "too little"),
    ],
)
def test_columns_that_cannot_be_are_refused(values, says):
    with pytest.raises(ValueError, match=says):
        hm.RBM(2, visible={"a": "gaussian"}, n_updates=1).fit(pd.DataFrame({"a": values}))


def test_a_boltzmann_machine_of_normal_numbers_is_refused():
    with pytest.raises(ValueError, match=r"column '0' of kind 'gaussian' is for hm\.RBM"):
        hm.BoltzmannMachine(visible="gaussian", n_updates=1).fit(reals())


def test_facts_of_no_column_are_refused():
    facts = Gaussian.fit("a", reals()[:, 0]).facts()
    assert Gaussian.from_facts(facts).facts() == facts
    for change in ({"spread": 0.0}, {"mean": "x"}, {"tail": 1.0}, {"low": 1e9}, {"high": None}):
        with pytest.raises(ValueError, match="column 'a'"):
            Gaussian.from_facts(facts | change)
