"""A fit that over-learns goes back to its best look, and lets the rate fall to zero from there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import harmonium as hm
from harmonium.contract.estimates import Status
from harmonium.contract.stopping import StopReason
from harmonium.learning.ascent import Ascent, Gaussian, Plain
from harmonium.learning.checkpoint import Checkpoint, State
from harmonium.learning.learners.persistent import Persistent
from harmonium.learning.leg import Leg
from harmonium.learning.plan import Plan
from harmonium.learning.record import Record
from harmonium.learning.rows import Batches
from harmonium.learning.snapshot import Snapshot
from harmonium.learning.sources import Memory
from harmonium.learning.trainer import Trainer
from harmonium.learning.watch import Confirmation, Score, Watch
from harmonium.models.rbm.energy import RBMEnergy

ROWS = (np.random.default_rng(0).random((60, 6)) < 0.4).astype(np.uint8)


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.SFC64(seed))


def machine() -> RBMEnergy:
    weights = torch.from_numpy(generator().normal(0, 0.1, (6, 3)).astype(np.float32))
    return RBMEnergy(weights, torch.zeros(6), torch.zeros(3), torch.zeros(6))


class Listed(Watch):
    """Scores from a list, the last of it for ever; keeps how far it has read."""

    def __init__(
        self, scores: list[float], error: float = 0.0, confirmed: tuple[float, ...] = ()
    ) -> None:
        self.scores, self.error, self.at = scores, error, 0
        self.confirmed = list(confirmed)
        self.put_back_to: list[int] = []

    def score(self, parameters: object) -> Score:
        value = self.scores[min(self.at, len(self.scores) - 1)]
        self.at += 1
        return Score({"validation": value, "train": 0.0}, self.error)

    def begin_again(self) -> None:
        raise AssertionError("nothing was lost")

    def confirm(self, parameters: object, n_steps: int) -> Confirmation | None:
        return Confirmation(self.confirmed.pop(0), 0.01, Status.OK) if self.confirmed else None

    def state(self) -> State:
        return State({}, {"at": self.at})

    def restore(self, state: State) -> None:
        self.put_back_to.append(state.facts["at"])


def test_the_rate_of_a_leg_falls_to_zero_by_whichever_runs_out_first() -> None:
    leg = Leg(200, 300, 0.5, seconds=10.0)
    assert leg.rate_at(200) == 0.5
    assert leg.rate_at(250) == pytest.approx(0.25)
    assert leg.rate_at(250, 0.8) == pytest.approx(0.1)
    assert leg.rate_at(300) == 0.0
    assert leg.share_of_time(1e9, None) == 0.0
    assert leg.share_of_time(15.0, 20.0) == pytest.approx(0.5)
    assert leg.share_of_time(20.0, 20.0) == leg.share_of_time(5.0, 5.0) == 1.0
    assert Leg(**leg.facts()) == leg


def test_an_over_learning_run_goes_back_to_its_best_look_once() -> None:
    plan = Plan(4000, 20, 0.1, n_chains=20, n_patient=400, first_look=100)
    energy = machine()
    learner = Persistent.start(energy, plan, generator(1))
    batches = Batches(Memory(ROWS, torch.device("cpu")), np.arange(60), 20, generator(2))
    # The start, the first look, the best, and then nothing as good.
    watch = Listed([-3.0, -2.5, -2.0, -2.4])
    ascent = Ascent(energy, Gaussian(), Plain())
    trainer = Trainer(
        ascent, learner, batches, plan, generator(3), Record(machine().parameters(), watch)
    )
    rates: list[float] = []
    weights: list[torch.Tensor] = []
    chains: list[torch.Tensor] = []
    step = trainer._step

    def noted(rate: float) -> None:
        rates.append(rate)
        weights.append(energy.weights.clone())
        chains.append(learner.chains.x.clone())
        step(rate)

    trainer._step = noted  # type: ignore[method-assign]
    with torch.no_grad():
        result = trainer.run()
    first, last = trainer.leg.first, trainer.leg.last
    best = 150
    assert result.reason is StopReason.OVERFITTING
    assert (last - first, len(rates), result.n_updates) == (best, last, last)
    assert trainer.averaged_from == first
    assert watch.put_back_to == [3]
    # Parameters, chains and rate as they stood after the best look.
    assert torch.equal(weights[first], weights[best])
    assert torch.equal(chains[first], chains[best])
    assert not torch.equal(weights[first], weights[first - 1])
    assert rates[first] == pytest.approx(rates[best])
    assert rates[-1] == pytest.approx(rates[best] / best)
    assert trainer.record.best.update == best


@pytest.mark.parametrize(("error", "reason"), [(0.1, "overfitting"), (0.2, "done")])
def test_what_may_be_an_error_is_no_over_learning(error: float, reason: str) -> None:
    """0.4 behind, with two errors of 0.14 or 0.28 of the difference asked for."""
    plan = Plan(2000, 20, 0.1, n_chains=20, n_patient=400, least_behind=2.0)
    energy = machine()
    learner = Persistent.start(energy, plan, generator(1))
    batches = Batches(Memory(ROWS, torch.device("cpu")), np.arange(60), 20, generator(2))
    watch = Listed([-3.0, -2.5, -2.0, -2.4], error)
    record = Record(machine().parameters(), watch)
    trainer = Trainer(
        Ascent(energy, Gaussian(), Plain()), learner, batches, plan, generator(3), record
    )
    with torch.no_grad():
        assert trainer.run().reason == reason


def test_there_is_no_last_leg_where_no_updates_are_left_for_it() -> None:
    plan = Plan(1000, 20, 0.1)
    whole = plan.whole()
    assert plan.last_leg(500, whole, 950, 1.0) is None
    assert plan.last_leg(500, whole, 800, 1.0) == Leg(800, 1000, whole.rate_at(500), 1.0)
    assert plan.last_leg(150, whole, 800, 1.0) == Leg(800, 950, whole.rate_at(150), 1.0)


def few_rows(**parameters: Any) -> hm.RBM:
    """Two patterns with much noise, of which too much is learned soon."""
    source = np.random.default_rng(1)
    patterns = source.integers(0, 2, (2, 30))[source.integers(0, 2, 120)]
    rows = (patterns ^ (source.random((120, 30)) < 0.25)).astype(np.uint8)
    given = {"n_updates": 20_000, "weight_decay": 0.0, "validation_fraction": 0.2, **parameters}
    return hm.RBM(40, learner="pcd", random_state=0, **given).fit(rows)


def test_a_fit_that_is_cut_off_in_its_last_leg_ends_in_the_same_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = few_rows()
    assert whole.stop_reason_ == "overfitting"
    rates = np.array(whole.history_["learning_rate"])
    assert rates[-1] < 0.2 * rates[0]  # it has fallen
    updates = np.array(whole.history_["update"])
    n_looks = len(updates)
    write = Checkpoint.write
    for cut_at in (n_looks - 1, n_looks - 6):
        path, seen = tmp_path / f"{cut_at}.checkpoint", []

        def cut(self: Checkpoint, *args: Any, at: int = cut_at, seen: list[int] = seen) -> None:
            write(self, *args)
            seen.append(1)
            if len(seen) == at:
                raise SystemExit

        with monkeypatch.context() as patched:
            patched.setattr(Checkpoint, "write", cut)
            with pytest.raises(SystemExit):
                few_rows(checkpoint=path)
        resumed = few_rows(checkpoint=path)
        for name, array in whole.to_state()[0].items():
            np.testing.assert_array_equal(array, resumed.to_state()[0][name], err_msg=name)
        assert resumed.history_["validation"] == whole.history_["validation"]
        assert resumed.stop_reason_ == whole.stop_reason_


@pytest.mark.parametrize(
    ("error", "confirmed", "is_last"),
    [
        (0.1, (-3.5, -3.0), True),  # near, and better by another estimate
        (0.1, (-3.0, -3.5), False),
        (0.01, (-3.5, -3.0), False),  # too far apart to be an error
    ],
)
def test_the_last_look_counts_where_scores_do_not_tell_it_from_the_best(
    error: float, confirmed: tuple[float, float], is_last: bool
) -> None:
    record = Record(machine().parameters(), Listed([-4.0, -3.0, -3.3], error, confirmed))
    record.begin()
    looked = [{name: p + by for name, p in machine().parameters().items()} for by in (1.0, 2.0)]
    for update, parameters in enumerate(looked):
        assert record.look(update + 1, parameters, {}) is not None
    result = record.result(2, StopReason.DONE, 10)
    kept = looked[1] if is_last else looked[0]
    assert torch.equal(result.parameters["weights"], kept["weights"])
    assert result.followed == ((-3.3 if is_last else -3.0), error)
    assert result.confirmed is not None
    assert result.confirmed.validation == (confirmed[1] if is_last else confirmed[0])


def test_a_snapshot_is_kept_apart_from_what_goes_on() -> None:
    ascent = Ascent(machine(), Gaussian(), Plain())
    snapshot = Snapshot({"ascent": ascent})
    snapshot.put_back()  # none was taken
    before = ascent.energy.parameters()["weights"].clone()
    snapshot.take()
    ascent.energy.parameters()["weights"].add_(1.0)
    other = Snapshot({"ascent": ascent})
    other.restore(snapshot.state())
    for one in (snapshot, other, snapshot):
        one.put_back()
        assert torch.equal(ascent.energy.parameters()["weights"], before)
        ascent.energy.parameters()["weights"].add_(1.0)
