"""What cannot be is never recorded: a fit goes back to its best at half the rate, or ends."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from sklearn.exceptions import ConvergenceWarning

from harmonium.contract.energy import Energy, Generator
from harmonium.contract.estimates import LogZ, Status
from harmonium.contract.stopping import StopReason
from harmonium.learning.ascent import Ascent, Gaussian, Plain
from harmonium.learning.checkpoint import State
from harmonium.learning.learners.persistent import Persistent
from harmonium.learning.plan import Plan
from harmonium.learning.record import FitResult, Record
from harmonium.learning.rows import Batch, Batches
from harmonium.learning.sources import Memory
from harmonium.learning.trainer import Trainer
from harmonium.learning.watch import Confirmation, Likelihood, Score, Watch
from harmonium.models.rbm.energy import RBMEnergy
from harmonium.sampling.particles import Trajectory

ROWS = (np.random.default_rng(0).random((60, 6)) < 0.4).astype(np.uint8)
GOOD = Score({"validation": -3.0, "train": -3.0})
IMPOSSIBLE = Score({"validation": 5.0, "train": 5.0}, possible=False)
FALLEN = Score({"validation": -9.0, "train": -9.0})


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.SFC64(seed))


def machine() -> RBMEnergy:
    weights = torch.from_numpy(generator().normal(0, 0.1, (6, 3)).astype(np.float32))
    return RBMEnergy(weights, torch.zeros(6), torch.zeros(3), torch.zeros(6))


class Told(Watch):
    """Says what it was told to, the last of it for ever."""

    def __init__(self, scores: Sequence[Score], confirmed: Confirmation | None = None) -> None:
        self.scores, self.confirmed, self.begun_again = list(scores), confirmed, 0
        self.seen: list[dict[str, torch.Tensor]] = []

    def score(self, parameters: dict[str, torch.Tensor]) -> Score:
        self.seen.append({name: p.clone() for name, p in parameters.items()})
        return self.scores.pop(0) if len(self.scores) > 1 else self.scores[0]

    def begin_again(self) -> None:
        self.begun_again += 1

    def confirm(self, parameters: object, n_steps: int) -> Confirmation | None:
        return self.confirmed

    def state(self) -> State:
        return State()

    def restore(self, state: State) -> None:
        """Nothing was kept."""


class Seen(Persistent):
    """Keeps what it began anew from."""

    again: list[dict[str, torch.Tensor]]

    def begin_again(self, energy: Energy, batch: Batch, generator: Generator) -> None:
        self.again.append({name: p.clone() for name, p in energy.parameters().items()})
        super().begin_again(energy, batch, generator)


def run(watch: Watch, n_updates: int = 1000) -> tuple[FitResult, Trainer, list[float], Seen]:
    energy, plan = machine(), Plan(n_updates, 20, 0.1, n_chains=20)
    table = Memory(ROWS, torch.device("cpu"))
    learner = Seen.start(energy, plan, generator(1))
    learner.again = []
    ascent = Ascent(energy, Gaussian(), Plain())
    batches = Batches(table, np.arange(60), 20, generator(2))
    trainer = Trainer(
        ascent, learner, batches, plan, generator(3), Record(energy.parameters(), watch)
    )
    rates: list[float] = []
    fused = ascent.fused(learner)
    assert fused is not None

    def noted(x: torch.Tensor, rate: float, source: Generator) -> None:
        rates.append(rate)
        fused(x, rate, source)

    trainer._fused = noted
    with torch.no_grad():
        return trainer.run(), trainer, rates, learner


@pytest.mark.parametrize("bad", [IMPOSSIBLE, FALLEN, Score({"validation": math.nan, "train": 0.0})])
def test_a_look_that_cannot_be_sets_the_fit_back(bad: Score) -> None:
    """The start, a good look, a bad one, then good ones for ever."""
    watch = Told([GOOD, GOOD, bad, GOOD])
    result, trainer, rates, learner = run(watch)
    assert result.reason is StopReason.DONE
    assert trainer.setbacks == watch.begun_again == 1
    assert set(result.history["validation"]) == {-3.0}
    first, second = result.history["update"][:2]
    bad_at = round(first + 50)
    assert first == 100.0
    assert second > bad_at
    # From the best parameters, which are those of the first look, at half the rate.
    assert rates[bad_at] == pytest.approx(0.5 * 0.1 * (1 - bad_at / 1000))
    assert rates[bad_at - 1] == pytest.approx(0.1 * (1 - (bad_at - 1) / 1000))
    (back,) = learner.again
    for name, tensor in watch.seen[1].items():
        assert torch.equal(back[name], tensor)
        assert not torch.equal(back[name], watch.seen[0][name])


@pytest.mark.parametrize(
    ("fallen", "error", "setbacks"),
    [(-4.2, 0.0, 1), (-3.9, 0.0, 0), (-4.2, 0.1, 0), (-4.2, 0.01, 1)],
)
def test_rows_learned_from_that_become_less_likely_are_a_loss(
    fallen: float, error: float, setbacks: int
) -> None:
    """Though more likely than at the start: by a nat below the best look, and by what the two may
    err. Held-out rows may fall as far as they will."""
    figures = {"validation": -8.0, "train": fallen}
    known = Score({"validation": -6.0, "train": -6.0})
    _, trainer, _, _ = run(Told([known, GOOD, Score(figures, error), GOOD]))
    assert trainer.setbacks == setbacks


@pytest.mark.parametrize(
    ("train", "setbacks", "reason"), [(-3.2, 2, "done"), (-2.9, 0, "overfitting")]
)
def test_what_is_forgotten_is_not_over_learned(train: float, setbacks: int, reason: str) -> None:
    """Held-out rows have become less likely long since the best look. Where those learned from
    have, too, chains do not follow: the rate is halved, and halved again; else it falls to zero."""
    worse = Score({"validation": -3.3, "train": train})
    result, trainer, _, _ = run(Told([GOOD, GOOD, worse]), 10_000)
    assert result.reason.value == reason
    assert trainer.setbacks == setbacks
    assert trainer.slowed == 0.5**setbacks


def test_of_much_that_was_learned_a_twentieth_may_be_lost() -> None:
    known, good = (Score({"validation": v, "train": v}) for v in (-200.0, -100.0))
    for fallen, setbacks in ((-104.0, 0), (-106.0, 1)):
        score = Score({"validation": fallen, "train": fallen})
        _, trainer, _, _ = run(Told([known, good, score, good]))
        assert trainer.setbacks == setbacks


def test_parameters_go_back_to_those_of_the_best_look() -> None:
    result, trainer, _, learner = run(Told([GOOD, IMPOSSIBLE]))
    start = machine().parameters()
    for back in learner.again:
        for name, tensor in back.items():
            assert torch.equal(tensor, start[name])
    assert len(learner.again) == trainer.plan.n_setbacks
    assert result.reason is StopReason.LOST
    assert trainer.slowed == 0.5**trainer.plan.n_setbacks
    assert result.history == {}
    for name, tensor in result.parameters.items():
        assert torch.equal(tensor, start[name])


def test_new_chains_start_at_rows() -> None:
    learner = Persistent.start(machine(), Plan(1, 4, 0.1, n_chains=10), generator())
    batch = Batch(torch.from_numpy(ROWS[:4]).float())
    learner.begin_again(machine(), batch, generator())
    assert learner.chains.x.shape == (10, 6)
    assert learner.chains.hidden is None
    assert torch.equal(learner.chains.x[4:8], batch.x)
    assert learner.chains.x.data_ptr() != batch.x.data_ptr()


def confirmed(value: float, status: Status = Status.OK) -> Confirmation:
    return Confirmation(value, 0.01, status)


def test_a_model_that_is_confirmed_to_be_worse_than_its_start_is_not_kept() -> None:
    for found, wanted in (
        (confirmed(-3.1), StopReason.DONE),
        (confirmed(-6.0), StopReason.LOST),
        (confirmed(-6.0, Status.FEW_EFFECTIVE_CHAINS), StopReason.DONE),
    ):
        record = Record(machine().parameters(), Told([GOOD], found))
        record.begin()
        better = {name: p + 1.0 for name, p in machine().parameters().items()}
        assert record.look(1, better, {}) is not None
        result = record.result(1, StopReason.DONE, 10)
        kept = machine().parameters() if wanted is StopReason.LOST else better
        assert result.reason is wanted
        assert result.confirmed is found
        assert torch.equal(result.parameters["weights"], kept["weights"])


def test_two_figures_that_differ_are_told() -> None:
    told = FitResult({}, 1, StopReason.DONE, {}, (-3.0, 0.01), confirmed(-8.0))
    with pytest.warns(ConvergenceWarning, match=r"followed to -3 nats .* says -8"):
        told.tell()
    for quiet in (confirmed(-3.02), confirmed(-8.0, Status.FEW_EFFECTIVE_CHAINS), None):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            FitResult({}, 1, StopReason.DONE, {}, (-3.0, 0.01), quiet).tell()


@pytest.mark.parametrize(
    ("log_z", "effective", "possible"),
    [(0.0, 400.0, True), (-60.0, 400.0, False), (0.0, 1.2, False)],
)
def test_figures_that_no_rows_allow_are_known(
    monkeypatch: pytest.MonkeyPatch, log_z: float, effective: float, possible: bool
) -> None:
    """log Z far too low gives rows more than all of probability; few particles give nothing."""
    energy = machine()
    exact = energy.exact_log_partition()
    assert exact is not None
    found = LogZ(exact + log_z, 0.01, "trajectory", effective_chains=effective, n_chains=500)
    monkeypatch.setattr(Trajectory, "advance", lambda *_: found)
    rows = Batch(torch.from_numpy(ROWS).float())
    watch = Likelihood(energy, rows, rows, generator(), exact=False)
    assert watch.score(energy.parameters()).possible is possible


def test_the_most_that_rows_allow_is_their_own_entropy() -> None:
    """Reached by the law that has just these rows, and by no other."""
    x = np.array([[0, 0], [0, 0], [0, 1], [1, 1]])
    for weight in (None, torch.tensor([1.0, 3.0, 2.0, 2.0])):
        share = np.array([0.5, 0.25, 0.25])
        most = float(share @ np.log(share))
        batch = Batch(torch.from_numpy(x).float(), weight)
        watch = Likelihood(machine_of(2), batch, batch, generator(), exact=True)
        assert watch.most == pytest.approx((most, most))


def machine_of(n_visible: int) -> RBMEnergy:
    zeros = torch.zeros(n_visible)
    return RBMEnergy(torch.zeros((n_visible, 1)), zeros, torch.zeros(1), zeros)


def test_no_rate_times_decay_is_too_large_for_one_step() -> None:
    """The weights shrink to 1 / (1 + 50) of themselves, and what the gradient adds is small."""
    energy = machine()
    energy.weights.mul_(1000.0)
    before = energy.weights.clone()
    learner = Persistent.start(energy, Plan(1, 20, 1.0, n_chains=20), generator())
    step = energy.fused(learner, Gaussian({"weights": 50.0}), Plain())
    assert step is not None
    step(torch.from_numpy(ROWS[:20]).float(), 1.0, generator(1))
    assert float((energy.weights - before / 51.0).abs().max()) <= 1.0
    assert float(energy.weights.abs().max()) < 0.1 * float(before.abs().max())


def test_distinct_rows_share_a_probability_of_one() -> None:
    """Two rows of three, each of them often: their mean may be as high as -log 2, though not where
    a third that is seldom seen has as much."""
    energy, plain = machine_of(2), torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    rows = Batch(plain, torch.tensor([50.0, 50.0, 1.0]))
    watch = Likelihood(energy, rows, rows, generator(), exact=False)
    exact = energy.exact_log_partition()
    assert exact is not None
    for log_z, possible in ((exact, True), (exact + math.log(0.76), True), (exact - 0.4, False)):
        found = LogZ(log_z, 1e-9, "trajectory", effective_chains=400.0, n_chains=500)
        watch._log_partition = lambda _, found=found: found  # type: ignore[method-assign]
        score = watch.score(energy.parameters())
        assert score.figures["validation"] < watch.most[0]
        assert score.possible is possible
