"""What learners climb on tables, by sums over all joint states of the columns.

Columns of two and of more states side by side, with holes or with being missing as a state.
The gradient of mean log P of what is seen is E[v h] given what is seen less that under the model;
contrastive divergence puts one sweep from the rows in place of the model.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from tests.support.table_oracle import TableOracle, small_frame, small_model

import harmonium as hm
from harmonium.learning.fillings import Fillings
from harmonium.learning.learners import LEARNERS
from harmonium.learning.plan import Plan
from harmonium.learning.rows import Batch
from harmonium.learning.sources import Memory
from harmonium.models.rbm.energy import RBMEnergy

CPU = torch.device("cpu")
#: Rows that differ, how often each is there, and chains.
N_ROWS, N_EACH = 40, 600
#: Of the largest of some 100 normal numbers, at a risk of 1e-5.
LIMIT = 5.4
#: Sums of fewer draws than this are not normal.
FEWEST = 30
ABSENT = ("shade", "yes", "n")

Parts = list[np.ndarray]


def moments(oracle: TableOracle, p: np.ndarray) -> tuple[Parts, Parts]:
    """Means and variances of v h, v and P(h | v) over states with probabilities `p`."""
    v, h = oracle.statistics, oracle.hidden
    each = [v[:, :, None] * h[:, None, :], v, h]
    means = [np.tensordot(p, one, 1) for one in each]
    squares = [np.tensordot(p, one**2, 1) for one in each]
    return means, [s - m**2 for s, m in zip(squares, means, strict=True)]


def swept(oracle: TableOracle, p: np.ndarray) -> np.ndarray:
    """The distribution after one sweep of all hidden and then all visible units."""
    on = np.array(list(itertools.product([0.0, 1.0], repeat=oracle.hidden.shape[1])))
    h_given_v = np.prod(
        np.where(on[None] == 1, oracle.hidden[:, None], 1 - oracle.hidden[:, None]), 2
    )
    logits = oracle.statistics @ (oracle.bias[:, None] + oracle.weights @ on.T)
    v_given_h = np.exp(logits - logits.max(0))
    v_given_h /= v_given_h.sum(0)
    return v_given_h @ (p @ h_given_v)


class Case:
    """A model of a table, rows with holes, and P of joint states given what is seen of them."""

    def __init__(self, missing: str) -> None:
        rows = small_frame(N_ROWS).astype({"n": "Int64"})
        rows.loc[::4, ["shade", "n"]] = None
        rows.loc[1::3, "yes"] = None
        if missing == "at-random":
            rows.loc[2::5, "x"] = None
            rows.loc[7] = None
        model = small_model(rows, missing=missing)
        self.oracle = TableOracle(model, ABSENT if missing == "informative" else ())
        self.energy: RBMEnergy = model.build_energy(torch.float32)
        states = model._layout.states(rows)
        self.observed = np.repeat(~np.isnan(states), N_EACH, axis=0)
        self.x = np.repeat(np.nan_to_num(states), N_EACH, axis=0).astype(np.uint8)
        self.seen = np.mean([self.oracle.given(row) for row in self.oracle.read(rows)], axis=0)

    def batch(self, source: np.random.Generator, n_rounds: int = 40) -> Batch:
        """The rows, with holes filled by draws that have moved so often."""
        memory = Memory(self.x, CPU, None, None if self.observed.all() else self.observed)
        everything = np.arange(len(self.x))
        batch = memory.read(everything)
        if memory.holes is None:
            return batch
        filler = Fillings(memory.n_rows, memory.holes, self.energy, source)
        batch = Batch(filler.put(batch), None, batch.observed, batch.index)
        for _ in range(n_rounds):
            batch = filler.fill(self.energy, memory.read(everything), source)
        return batch

    def largest_z(
        self, learner: str, n_rounds: int = 20, change: Callable[[Any], None] | None = None
    ) -> float:
        """How far the learner's gradient is from the exact one, in standard errors."""
        source = np.random.default_rng(3)
        batch = self.batch(source)
        plan = Plan(n_updates=1, batch_size=len(self.x), rate=0.1, n_chains=len(self.x))
        asked = LEARNERS[learner].start(self.energy, plan, source)
        for _ in range(n_rounds if learner in ("pcd", "pt") else 0):
            asked.gradient(self.energy, Batch(batch.x[:10]), source)
        found = asked.gradient(self.energy, batch, source)
        if change is not None:
            change(found)
        p = swept(self.oracle, self.seen) if learner == "cd" else self.oracle.p
        (shown, spread), (expected, its_spread) = (moments(self.oracle, q) for q in (self.seen, p))
        if learner == "exact":
            its_spread = [np.zeros_like(one) for one in its_spread]
        z = [0.0]
        gradient = found.gradient()
        for k, name in enumerate(("weights", "visible_bias", "hidden_bias")):
            error = np.sqrt((spread[k] + its_spread[k]) / len(self.x))
            apart = np.abs(gradient[name].double().numpy() - (shown[k] - expected[k]))
            enough = np.minimum(shown[k], expected[k]) * len(self.x) >= FEWEST
            assert enough.mean() > 0.8
            z += (apart / error)[enough].tolist()
        return max(z)


@pytest.fixture(scope="module", params=["at-random", "informative"])
def case(request: pytest.FixtureRequest) -> Case:
    return Case(request.param)


@pytest.mark.parametrize("learner", ["exact", "cd", "pcd", "pt"])
def test_the_gradient_is_that_of_what_is_seen(case: Case, learner: str) -> None:
    assert case.largest_z(learner) < LIMIT


def test_the_exact_learner_has_the_models_moments_to_rounding(case: Case) -> None:
    batch = Batch(torch.from_numpy(case.x[:5]).float())
    plan = Plan(n_updates=1, batch_size=5, rate=0.1)
    source = np.random.default_rng(0)
    exact = LEARNERS["exact"].start(case.energy, plan, source)
    found = exact.gradient(case.energy, batch, source).model
    wanted, _ = moments(case.oracle, case.oracle.p)
    for name, own in zip(("weights", "visible_bias", "hidden_bias"), wanted, strict=True):
        np.testing.assert_allclose(found[name].numpy(), own, atol=1e-6)


def test_wrong_gradients_are_caught(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    assert case.largest_z("pcd", 0) > LIMIT  # one sweep from the base is not the model

    def swapped(found: Any) -> None:
        """Two states of one column taken for each other."""
        own = found.data["visible_bias"]
        own[-2:] = own[-2:].flip(0)

    assert case.largest_z("exact", change=swapped) > LIMIT
    monkeypatch.setattr(
        Fillings, "fill", lambda self, energy, batch, source: Batch(self.put(batch))
    )
    if not case.observed.all():  # fillings that stay at the base
        assert case.largest_z("exact") > LIMIT


# -- and where it leads ---------------------------------------------------------------------------


def mean_seen(model: hm.RBM, frame: pd.DataFrame) -> float:
    oracle = TableOracle(model)
    return float(oracle.log_seen(oracle.read(frame)).mean())


def test_fits_climb_as_far_as_the_exact_one() -> None:
    """log P of what is seen, by enumeration: well above the start, and near the exact ascent."""
    frame = small_frame(300).astype({"n": "Int64"})
    frame["grade"] = frame["shade"].map({"r": "low", "g": "mid", "b": "high"}).astype(object)
    frame.loc[::5, "grade"] = None
    parts = {"n_updates": 1500, "random_state": 0, "validation_fraction": 0, "weight_decay": 0.01}
    start = hm.RBM(4, **{**parts, "n_updates": 1}).fit(frame)
    reached = {
        learner: mean_seen(hm.RBM(4, learner=learner, **parts).fit(frame), frame)
        for learner in ("exact", "pcd", "pt")
    }
    assert reached["exact"] > mean_seen(start, frame) + 0.3
    assert reached["pcd"] > reached["exact"] - 0.05
    assert reached["pt"] > reached["exact"] - 0.05
