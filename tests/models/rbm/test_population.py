"""Draws by a population: every mode with its own share, against sums over all states."""

from __future__ import annotations

import itertools
import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.special import softmax
from tests.support.hidden_oracle import random_layer
from tests.support.rbm_oracle import random_rbm
from tests.support.statistics import assert_drawn_from
from tests.support.table_oracle import TableOracle, small_frame, small_model
from tests.support.two_modes import second_mode_of

import harmonium as hm
from harmonium.contract.estimates import LogZ, Status
from harmonium.models.answers import Enumeration
from harmonium.sampling.population import drawn_along

N = 4000
#: Standard errors off at a risk of 1e-5.
LIMIT = 4.4


def share_on(model: hm.RBM, n: int = N) -> float:
    return float((model.sample(n, random_state=0).mean(1) > 0.5).mean())


def test_a_rare_mode_has_its_share_though_no_chain_goes_there(monkeypatch):
    """Chains that nobody weighs end where they fell."""
    model, _ = second_mode_of(0.1, 12, 3.0)
    assert share_on(model) == pytest.approx(0.1, abs=0.03)

    def unweighed(energy, way, n, generator):
        chains = way[0].start(n, generator)
        for low, high in zip(way[1], way[1][1:], strict=False):
            chains, _ = way[0].step(chains, low, high, generator)
        return chains.x, drawn_along(energy, way, 100, generator)[1]

    monkeypatch.setattr("harmonium.models.population.drawn_along", unweighed)
    assert share_on(model) > 0.15


@pytest.mark.parametrize("kind", ["bernoulli", "gaussian", "relu", "drelu", "categorical"])
def test_draws_follow_the_model_with_hidden_units_of_every_kind(kind):
    model = hm.RBM.from_parameters(*random_rbm(11, 3, 0.4, seed=1), hidden=kind)
    model._hidden_own = random_layer(kind, 3, seed=2)
    states = np.array(list(itertools.product([0.0, 1.0], repeat=11)))
    p = softmax(model.build_energy(torch.float64).log_weight(torch.from_numpy(states)).numpy())
    drawn = model.sample(N, random_state=1)
    pairs, wanted = drawn.T @ drawn / N, states.T @ (p[:, None] * states)
    assert np.abs(pairs - wanted).max() < LIMIT * 0.5 / np.sqrt(N)


def test_a_population_of_mixed_columns_follows_the_joint(monkeypatch):
    frame = small_frame()
    model = small_model(frame)
    oracle = TableOracle(model)
    monkeypatch.setattr(Enumeration, "covers", lambda _, q: torch.zeros(len(q.start)) > 0)
    assert_drawn_from(oracle.numbers(model.sample(N, random_state=1)), oracle.p)


def test_what_was_drawn_is_drawn_again_and_a_changed_model_is_another():
    model, _ = second_mode_of(0.5, 12, 3.0)
    first = model.sample(50, random_state=3)
    np.testing.assert_array_equal(first, model.sample(50, random_state=3))
    np.testing.assert_array_equal(first, clone_of(model).sample(50, random_state=3))
    model.intercept_hidden_ = model.intercept_hidden_ + 30.0  # all on
    assert model.sample(50, random_state=3).mean() > 0.9


def clone_of(model: hm.RBM) -> hm.RBM:
    return pickle.loads(pickle.dumps(model))


def test_modes_that_chains_miss_are_told():
    """As draws near rows know them."""
    model, _ = second_mode_of(0.5, 12, 3.0)
    found = model.log_partition("exact").value
    model._keep_near(LogZ(found + 2.0, 0.01, "near_rows", "lower", "ok", 400.0, 500, 1))
    with pytest.warns(RuntimeWarning, match="missed_states"):
        model.sample(50, random_state=0)


def test_one_population_of_several_that_misses_modes_is_told(monkeypatch):
    """Whichever it is; and none is of the few draws that are left over."""
    model, _ = second_mode_of(0.5, 12, 3.0)
    sizes: list[int] = []

    def counted(energy, way, n, generator):
        x, found = drawn_along(energy, way, n, generator)
        sizes.append(n)
        few = replace(found, status=Status.FEW_EFFECTIVE_CHAINS, effective_chains=1.0)
        return x, few if len(sizes) == 2 else found

    monkeypatch.setattr("harmonium.models.population.drawn_along", counted)
    monkeypatch.setattr("harmonium.models.population._MOST_CHAINS", 120)
    with pytest.warns(RuntimeWarning, match="1.0 of"):
        assert len(model.sample(361, random_state=0)) == 361
    assert sizes == [91, 90, 90, 90]
