"""(1 - d) * log P(x, y) + d * log P(y | x): its gradient, what is watched, what it is for."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

import harmonium as hm
from harmonium.apps.report.write import write_report
from harmonium.learning.hybrid_watch import HybridWatch
from harmonium.learning.learners.contrastive import Contrastive
from harmonium.learning.learners.exact import Exact
from harmonium.learning.learners.hybrid import Hybrid
from harmonium.learning.rows import Batch
from harmonium.learning.watch import Likelihood
from harmonium.models.rbm.attributes import Attributes, joint_units
from harmonium.models.rbm.conditional import AttributesGivenRows, attributes_given_rows
from harmonium.models.rbm.energy import RBMEnergy
from harmonium.units.bernoulli import Bernoulli

N_X, N_H = 4, 3
LABEL = Attributes(("sky",), ("sun", "rain", "snow"))
COLUMNS = Attributes(("beach", "day", "people"))
KINDS = pytest.mark.parametrize("attributes", [LABEL, COLUMNS], ids=["label", "columns"])


def machine(attributes: Attributes, seed: int = 0) -> tuple[RBMEnergy, AttributesGivenRows]:
    """Random parameters, float64."""
    rng = np.random.default_rng(seed)
    units = joint_units(Bernoulli(N_X), attributes)
    n = units.n_statistics
    parts = [torch.from_numpy(rng.normal(0, 1.5, shape)) for shape in ((n, N_H), n, N_H, n)]
    given = attributes_given_rows(0.5, Bernoulli(N_X), attributes)
    assert given is not None
    return RBMEnergy(*parts, units), given


def rows_of(attributes: Attributes, n: int = 9, seed: int = 1) -> torch.Tensor:
    rng = np.random.default_rng(seed)
    beside = [rng.integers(0, size, n) for size in attributes.units.sizes]
    return torch.from_numpy(np.column_stack([rng.integers(0, 2, (n, N_X)), *beside])).double()


def objective(
    attributes: Attributes,
    parameters: dict[str, torch.Tensor],
    rows: torch.Tensor,
    shares: torch.Tensor,
    labelled: torch.Tensor,
    d: float,
) -> torch.Tensor:
    """By listing every x, y and h: (1 - d) times log P(x, y) of all rows, d times log P(y | x)
    of those labelled; differentiable."""
    units = joint_units(Bernoulli(N_X), attributes)
    hs = torch.tensor(list(itertools.product((0.0, 1.0), repeat=N_H))).double()
    ys = torch.tensor(list(itertools.product(*map(range, attributes.units.sizes)))).double()
    xs = torch.tensor(list(itertools.product((0.0, 1.0), repeat=N_X))).double()

    def log_weight(x: torch.Tensor) -> torch.Tensor:
        s = units.statistics(x)
        linear = (s @ parameters["visible_bias"]).unsqueeze(1) + hs @ parameters["hidden_bias"]
        return torch.logsumexp(linear + s @ parameters["weights"] @ hs.T, 1)

    every = torch.cat([torch.cat([xs, y.expand(len(xs), -1)], 1) for y in ys])
    log_joint = log_weight(rows) - torch.logsumexp(log_weight(every), 0)
    beside = torch.stack(
        [log_weight(torch.cat([rows[:, :N_X], y.expand(len(rows), -1)], 1)) for y in ys], 1
    )
    log_given = log_weight(rows) - torch.logsumexp(beside, 1)
    part = shares * labelled
    given = (part * log_given).sum() / part.sum() if labelled.any() else torch.tensor(0.0)
    return (1.0 - d) * (shares * log_joint).sum() + d * given


@KINDS
@pytest.mark.parametrize("d", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("known", ["all", "some", "none"])
def test_the_gradient_is_the_objectives(attributes: Attributes, d: float, known: str) -> None:
    """Against automatic differentiation of the enumerated objective, rows of unlike weight."""
    energy, given = machine(attributes)
    rows = rows_of(attributes)
    weight = torch.from_numpy(np.random.default_rng(2).random(len(rows)))
    labelled = torch.tensor({"all": [1.0], "some": [1.0, 0.0, 1.0], "none": [0.0]}[known])
    labelled = labelled.repeat(len(rows))[: len(rows)].double()
    batch: object = Batch(rows, weight)
    if known != "all":
        observed = torch.ones_like(rows, dtype=torch.bool)
        observed[:, -1] = labelled.bool()
        batch = _with_holes(batch, observed)
    learner = Hybrid(Exact(), given, d)
    found = learner.gradient(energy, batch, np.random.default_rng(0)).gradient()  # type: ignore[arg-type]
    parameters = {k: v.clone().requires_grad_() for k, v in energy.parameters().items()}
    value = objective(attributes, parameters, rows, weight / weight.sum(), labelled, d)
    wanted = torch.autograd.grad(value, list(parameters.values()), allow_unused=True)
    for (name, parameter), gradient in zip(parameters.items(), wanted, strict=True):
        expected = torch.zeros_like(parameter) if gradient is None else gradient
        torch.testing.assert_close(found[name], expected, rtol=1e-9, atol=1e-12)


class _Holes:
    """A batch that says which cells are known."""

    def __init__(self, batch: Batch, observed: torch.Tensor) -> None:
        self.x, self.weight, self.observed = batch.x, batch.weight, observed
        self.shares = batch.shares


def _with_holes(batch: Batch, observed: torch.Tensor) -> object:
    return _Holes(batch, observed)


@KINDS
def test_rows_in_blocks_are_the_same_rows(attributes: Attributes, monkeypatch) -> None:
    energy, given = machine(attributes)
    rows = rows_of(attributes, 50)
    shares = Batch(rows).shares()
    whole = given.moments(energy, rows, shares), given.log_probability(energy, rows)
    monkeypatch.setattr("harmonium.models.rbm.conditional._BLOCK_ELEMENTS", 60)
    parts = given.moments(energy, rows, shares), given.log_probability(energy, rows)
    for name, value in whole[0].items():
        torch.testing.assert_close(parts[0][name], value, rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(parts[1], whole[1])


def test_with_a_share_of_one_no_chain_moves() -> None:
    class Refuses(Contrastive):
        def advance(self, *args: object) -> None:  # type: ignore[override]
            raise AssertionError("a chain moved")

    energy, given = machine(LABEL)
    Hybrid(Refuses(), given, 1.0).gradient(energy, Batch(rows_of(LABEL)), np.random.default_rng(0))
    with pytest.raises(AssertionError, match="a chain moved"):
        Hybrid(Refuses(), given, 0.9).gradient(
            energy, Batch(rows_of(LABEL)), np.random.default_rng(0)
        )


@KINDS
@pytest.mark.parametrize("d", [0.3, 1.0])
def test_what_is_watched_is_the_objective(attributes: Attributes, d: float) -> None:
    energy, given = machine(attributes)
    held, shown = Batch(rows_of(attributes, 12, 3)), Batch(rows_of(attributes, 7, 4))
    joint = Likelihood(energy, held, shown, np.random.default_rng(0), exact=True)
    watch = HybridWatch(None if d == 1.0 else joint, energy, (held, shown), given, d)
    figures = watch.score(energy.parameters()).figures
    for name, rows in (("validation", held.x), ("train", shown.x)):
        shares, known = Batch(rows).shares(), torch.ones(len(rows))
        parts = [
            float(objective(attributes, energy.parameters(), rows, shares, known, share))
            for share in (d, 1.0, 0.0)
        ]
        assert figures[name] == pytest.approx(parts[0], rel=1e-9)
        if name == "validation":
            assert figures["conditional"] == pytest.approx(parts[1], rel=1e-9)
            assert figures.get("joint", parts[2]) == pytest.approx(parts[2], rel=1e-9)
    assert ("joint" in figures) == (d < 1.0)


@pytest.mark.parametrize("learner", ["pcd", "cd", "pt"])
def test_a_share_of_nought_changes_no_bit(digits, learner: str) -> None:
    X, y = digits[0][:300], digits[1][:300]
    fits = [
        hm.RBM(8, n_updates=60, learner=learner, random_state=0, **given).fit(X, y)
        for given in ({}, {"discriminative": 0.0})
    ]
    np.testing.assert_array_equal(fits[0].components_, fits[1].components_)
    assert fits[0].history_["validation"] == fits[1].history_["validation"]
    assert "conditional" not in fits[1].history_


class _Stop(Exception):
    pass


@pytest.mark.parametrize(("learner", "d"), [("pcd", 0.9), ("pt", 0.5), ("cd", 0.7), ("pcd", 1.0)])
def test_a_fit_cut_off_goes_on_bit_for_bit(digits, tmp_path, learner: str, d: float) -> None:
    X, y = digits[0][:400], digits[1][:400]

    def model(**more: object) -> hm.RBM:
        given = {"n_updates": 400, "learner": learner, "discriminative": d, "random_state": 0}
        return hm.RBM(8, **given, **more)

    whole = model().fit(X, y)

    def stop(look: object) -> None:
        if look.update >= 200:  # type: ignore[attr-defined]
            raise _Stop

    path = tmp_path / "fit"
    with pytest.raises(_Stop):
        model(checkpoint=path).fit_observed(X, y, observers=[stop])
    assert path.exists()
    again = model(checkpoint=path).fit(X, y)
    np.testing.assert_array_equal(again.components_, whole.components_)
    for name in ("validation", "conditional"):
        assert again.history_[name] == whole.history_[name]


def test_classes_are_told_apart_better(digits) -> None:
    """Digits of 8x8 bits: fewer mistakes than P(x, y) alone makes, and than logistic regression."""
    X, y = digits
    order = np.random.default_rng(0).permutation(len(X))
    kept, held = order[:1200], order[1200:]

    def accuracy(d: float) -> float:
        model = hm.RBM(100, n_updates=1500, discriminative=d, random_state=0).fit(X[kept], y[kept])
        said = np.array(model.attribute_classes_)[model.attribute_proba(X[held]).argmax(1)]
        return float(np.mean(said == y[held]))

    linear = LogisticRegression(max_iter=1000, C=0.1).fit(X[kept], y[kept]).score(X[held], y[held])
    found = accuracy(0.9)
    assert found > accuracy(0.0)
    assert found > linear


@pytest.mark.parametrize("value", [-0.1, 1.1, np.nan])
def test_a_share_is_a_number_from_nought_to_one(value: float) -> None:
    with pytest.raises(ValueError, match=r"discriminative must be a number in \[0.0, 1.0\]"):
        hm.RBM(2, discriminative=value).fit(np.eye(4), [0, 1, 0, 1])


def test_what_cannot_be_told_apart_is_refused() -> None:
    rows = np.eye(4)
    with pytest.raises(ValueError, match=r"discriminative=0.5 .* got y=None"):
        hm.RBM(2, discriminative=0.5).fit(rows)
    with pytest.raises(ValueError, match=r"at most 12 yes/no attributes.* got 13"):
        hm.RBM(2, discriminative=0.5).fit(rows, np.ones((4, 13)))
    with pytest.raises(ValueError, match="discriminative must be 0 for partial_fit"):
        hm.RBM(2, discriminative=0.5).partial_fit(rows)


@pytest.mark.parametrize("d", [0.5, 1.0])
def test_what_is_told_of_it_names_both_parts(digits, d: float, tmp_path) -> None:
    """Not the objective's value as if it were rows' likelihood; and a report can be written."""
    X, y = digits[0][:300], digits[1][:300]
    model = hm.RBM(8, n_updates=150, discriminative=d, random_state=0).fit(X, y)
    best = int(np.argmax(model.history_["validation"]))
    told = model.facts()
    given = told["held-out labels given their rows at best, along the fit (nats)"]
    assert given == model.history_["conditional"][best]
    rows = told.get("held-out rows at best, along the fit (nats)")
    assert rows == (None if d == 1.0 else model.history_["joint"][best])
    write_report(model, tmp_path / "report.html", data=X)
    assert (tmp_path / "report.html").exists()


def test_filled_labels_are_not_taken_for_known_ones():
    """Rows whose label is drawn take part in the generative half alone: with a share of 1 they
    change nothing."""
    rng = np.random.default_rng(0)
    X = (rng.random((60, 6)) < 0.5).astype(np.uint8)
    y = X[:, 0].astype(float)
    settings = {"discriminative": 1.0, "n_updates": 30, "validation_fraction": 0, "random_state": 0}
    with_all = hm.RBM(4, batch_size=60, **settings).fit(X, y)
    y[30:] = np.nan
    partly = hm.RBM(4, batch_size=60, **settings).fit(X, y)
    other = X.copy()
    other[30:] = 1 - other[30:]
    changed = hm.RBM(4, batch_size=60, **settings).fit(other, y)
    np.testing.assert_allclose(partly.components_, changed.components_, atol=2e-2)
    assert not np.allclose(partly.components_, with_all.components_, atol=1e-3)
