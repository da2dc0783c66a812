"""How strongly weights are pulled, said by held-out rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import ConvergenceWarning

import harmonium as hm
from harmonium.contract.stopping import StopReason
from harmonium.learning.checkpoint import Checkpoint
from harmonium.learning.plan import asked
from harmonium.learning.record import FitResult
from harmonium.models.rbm import start, trials
from harmonium.models.rbm.plan import RBMParameters, plan_for


def _numbers(n: int, seed: int) -> pd.DataFrame:
    """Three columns of numbers that follow one another loosely and smoothly."""
    random = np.random.default_rng(seed)
    first = random.normal(size=n)
    second = first + random.normal(size=n)
    third = np.sin(second) + 0.5 * random.normal(size=n)
    return pd.DataFrame({"a": first, "b": second, "c": third})


SETTINGS = {"n_components": 12, "n_updates": 3000, "random_state": 0}


def test_smooth_levels_know_more_of_few_rows_than_rough_ones():
    train, unseen = _numbers(400, 0), _numbers(3000, 1)
    fitted = [
        hm.RBM(**SETTINGS, **more).fit(train)
        for more in ({}, {"smoothing": 0.0, "weight_decay": 2 / 360})
    ]
    smooth, rough = (model.score_samples(unseen) for model in fitted)
    gain = smooth - rough
    assert gain.mean() > 0.03 + 4 * gain.std() / len(gain) ** 0.5
    bends = [
        np.diff(model.components_, n=2, axis=1).std() / model.components_.std() for model in fitted
    ]
    assert bends[0] < bends[1] / 2


def test_given_strengths_are_those_learned_with(monkeypatch):
    train = _numbers(200, 0)

    def never(*_):
        raise AssertionError("a run was made")

    monkeypatch.setattr(trials, "_trial", never)
    hm.RBM(**SETTINGS, smoothing=0.01, weight_decay=0.001).fit(train)
    hm.RBM(**{**SETTINGS, "n_updates": 500}).fit(train)  # too short to be told anything by
    rows = (np.random.default_rng(0).random((100, 6)) < 0.5).astype(float)
    hm.RBM(**SETTINGS).fit(rows)  # 0 and 1
    with pytest.raises(AssertionError, match="a run was made"):
        hm.RBM(**SETTINGS).fit(train)


def test_the_best_strength_is_found_from_where_the_search_begins(monkeypatch):
    tried = []

    def score(wanted, ground):
        tried.append((wanted.weight_decay * 180, wanted.smoothing * 180))
        decay, smoothing = tried[-1]
        found = -abs(np.log(smoothing / wished)) - (abs(decay - 2.0) if heavy else decay)
        return trials.Trial(found, 0.05)

    monkeypatch.setattr(trials, "_trial", score)
    kept = []
    prior_for = trials.prior_for
    monkeypatch.setattr(
        "harmonium.models.rbm.start.prior_for",
        lambda wanted, *more: kept.append(wanted) or prior_for(wanted, *more),
    )
    train = _numbers(200, 0)
    for wished, heavy in ((10.0, False), (100.0, True), (3.0, False)):
        tried.clear()
        hm.RBM(**{**SETTINGS, "n_updates": 1500}).fit(train)
        assert kept[-1].smoothing * 180 == pytest.approx(wished)
        assert kept[-1].weight_decay * 180 == pytest.approx(2.0 if heavy else 0.2)
        assert len(tried) == len(set(tried))


def test_labels_learn_at_the_rate_that_does_better(monkeypatch):
    """Four times faster and at most at 1.5; the strengths are then tried at that rate."""
    tried, kept = [], []

    def score(wanted, ground):
        tried.append((wanted.weight_decay * 180, ground.plan.rate))
        found = (1.0 if (tried[-1][1] > 1.0) == faster else 0.0) - tried[-1][0] / 10.0
        return trials.Trial(found, 0.05)

    def fit(ascent, learner, rows, split, plan, **more):
        kept.append(plan.rate)
        return learned(ascent, learner, rows, split, plan, **more)

    learned = start.fit
    monkeypatch.setattr(trials, "_trial", score)
    monkeypatch.setattr(start, "fit", fit)
    letters = np.random.default_rng(0).integers(0, 3, (200, 4))
    settings = {**SETTINGS, "n_updates": 1500, "visible": "categorical"}
    for faster in (True, False):
        tried.clear()
        hm.RBM(**settings).fit(letters)
        rates = [rate for _, rate in tried]
        assert rates[1] == pytest.approx(min(4.0 * rates[0], 1.5))
        assert kept[-1] == (rates[1] if faster else rates[0])
        assert [decay for decay, _ in tried] == pytest.approx([0.2, 0.2, 2.0])
        assert rates[2] == kept[-1]
    tried.clear()
    hm.RBM(**settings, learning_rate=0.1).fit(letters)
    assert {rate for _, rate in tried} == {0.1}
    for visible in ("auto", "gaussian"):
        tried.clear()
        hm.RBM(**SETTINGS, visible=visible).fit(_numbers(200, 0))
        assert len({rate for _, rate in tried}) == 1


def test_rows_with_holes_learn_at_the_whole_rate_that_chains_follow():
    """Twice and a half that of few whole rows; of many it is the same; in half the updates."""
    wanted = asked(RBMParameters, hm.RBM().get_params())
    few, many = 4000, 9000
    plans = [plan_for(wanted, n, 0.6, holes=holes) for n in (few, many) for holes in (False, True)]
    assert [plan.rate for plan in plans] == pytest.approx([0.24, 0.6, 0.6, 0.6])
    assert [plan.n_updates for plan in plans] == [40_000, 20_000, 100_000, 50_000]
    assert [plan.least_behind for plan in plans] == [0.0, 2.0, 0.0, 2.0]
    assert plan_for(wanted, few, holes=True) == plan_for(wanted, few)  # rows of 0 and 1
    given = replace(wanted, learning_rate=0.1, n_updates=70)
    plan = plan_for(given, few, 0.6, holes=True)
    assert (plan.rate, plan.n_updates) == (0.1, 70)


def test_a_fit_of_rows_with_holes_is_planned_so(monkeypatch):
    plans = []

    def fit(ascent, learner, rows, split, plan, **more):
        plans.append(plan)
        return learned(ascent, learner, rows, split, plan, **more)

    learned = start.fit
    monkeypatch.setattr(start, "fit", fit)
    train = _numbers(60, 0)
    settings = {"n_updates": 20, "weight_decay": 0.01, "smoothing": 0.01}
    for frame in (train, train.mask(np.random.default_rng(0).random(train.shape) < 0.3)):
        hm.RBM(4, **settings).fit(frame)
    assert plans[1].rate > 2.0 * plans[0].rate


def test_the_same_seed_finds_the_same_model_and_other_streams_are_untouched():
    train = _numbers(200, 0)
    first, again = (hm.RBM(**{**SETTINGS, "n_updates": 1500}).fit(train) for _ in range(2))
    np.testing.assert_array_equal(first.components_, again.components_)


def test_smoothing_must_be_a_number_or_auto():
    with pytest.raises(ValueError, match="smoothing"):
        hm.RBM(smoothing=-1.0).fit(_numbers(20, 0))


@pytest.mark.parametrize(("slack", "wanted"), [(0.05, 30.0), (0.0, 3.0)])
def test_a_stronger_prior_may_be_behind_where_its_run_still_learned(slack, wanted):
    """At 3 the best by a little; 100 is well behind."""
    figures = {3.0: 0.0, 10.0: -0.02, 30.0: -0.04, 100.0: -0.09}
    assert trials._climbed(lambda one: trials.Trial(figures[one], slack)) == wanted


def _first_of(monkeypatch, reason):
    """The weakest pull does best in short runs, and a run by it ends for this reason; returns what
    each run was made with."""
    made = []

    def score(wanted, ground):
        return trials.Trial(-wanted.weight_decay, 0.05)

    def fit(ascent, learner, rows, split, plan, **more):
        result = learned(ascent, learner, rows, split, plan, **more)
        made.append((ascent.prior.precision * 180, plan.rate, plan.n_setbacks, plan.n_updates))
        return replace(result, reason=reason) if len(made) == 1 else result

    learned = start.fit
    monkeypatch.setattr(trials, "_trial", score)
    monkeypatch.setattr(start, "fit", fit)
    return made


def test_chains_that_lose_few_rows_begin_anew_with_weights_held_smaller(monkeypatch):
    """At the whole rate, and for longer where that was left to us."""
    train = _numbers(200, 0)
    plan = replace(asked(RBMParameters, hm.RBM().get_params()), n_updates=1500)
    made = _first_of(monkeypatch, StopReason.LOST)
    model = hm.RBM(12, n_updates=plan.n_updates, random_state=0).fit(train)
    (weak, slow, patient, n), (firm, fast, more_patient, longer) = made
    assert (weak, firm) == (pytest.approx(0.2), pytest.approx(2.0))
    assert fast == pytest.approx(2.5 * slow)
    assert (patient, more_patient) == (0, 6)
    assert n == longer == model.n_updates_ == 1500
    assert model.stop_reason_ == "done"
    made = _first_of(monkeypatch, StopReason.DONE)
    hm.RBM(12, n_updates=1500, random_state=0).fit(train)
    assert len(made) == 1
    made = _first_of(monkeypatch, StopReason.LOST)
    with pytest.warns(ConvergenceWarning, match="could not follow"):
        hm.RBM(12, n_updates=1500, weight_decay=1e-3, random_state=0).fit(train)
    assert len(made) == 1


def test_a_second_run_goes_on_from_its_checkpoint(monkeypatch, tmp_path):
    """Bit for bit, and without the first."""
    train, path = _numbers(200, 0), tmp_path / "run.safetensors"

    def fitted(checkpoint, last=None):
        made = _first_of(monkeypatch, StopReason.LOST)
        if last is not None:
            made.append(None)  # what comes next is not the first
        return hm.RBM(12, n_updates=1500, random_state=0, checkpoint=checkpoint).fit(train), made

    whole, made = fitted(path)
    assert len(made) == 2
    assert Checkpoint(path).stage == "firmer"
    again, made = fitted(path, "second")
    assert len(made) == 2  # the one that was noted beforehand
    assert np.array_equal(whole.components_, again.components_)


def test_the_second_of_two_runs_is_longer_where_that_was_left_to_us(monkeypatch):
    """And is gone on with also where short runs, made again, choose the strong pull at once."""
    train, plans = _numbers(200, 0), []

    class Enough(Exception):
        pass

    def learned(wanted, ground, given, stiff, run):
        plans.append((run.keywords["stage"], ground.plan))
        if len(plans) == 2:
            raise Enough
        return FitResult({}, 0, StopReason.LOST, {}), None

    monkeypatch.setattr(start, "_learned", learned)
    monkeypatch.setattr(trials, "_trial", lambda wanted, _: trials.Trial(-wanted.weight_decay, 0.0))
    with pytest.raises(Enough):
        hm.RBM(12, random_state=0).fit(train)
    (first, plan), (second, longer) = plans
    assert (first, second) == ("learning", "firmer")
    assert (plan.n_updates, longer.n_updates) == (40_000, 60_000)

    weak, strong = ("weak", plan), ("strong", longer)
    for ways, reached, wanted in (
        ([weak, strong], "", [("learning", weak), ("firmer", strong)]),
        ([weak, strong], "learning", [("learning", weak), ("firmer", strong)]),
        ([weak, strong], "firmer", [("firmer", strong)]),
        ([strong], "firmer", [("firmer", strong)]),
        ([strong], "", [("learning", strong)]),
    ):
        assert start._left(ways, reached) == wanted
