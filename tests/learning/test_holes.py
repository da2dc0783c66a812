"""Learning from rows of which some cells are not known, judged by sums over all states."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from tests.support.statistics import assert_drawn_from

import harmonium as hm
from harmonium.contract.energy import Evidence
from harmonium.learning import fillings as module
from harmonium.learning.ascent import Ascent
from harmonium.learning.fillings import Fillings
from harmonium.learning.fit import fit
from harmonium.learning.learners.exact import Exact
from harmonium.learning.learners.pseudo import Pseudo
from harmonium.learning.plan import Plan, Streams, asked
from harmonium.learning.rows import Batch, Batches, Split
from harmonium.learning.sources import Memory, row_source
from harmonium.learning.watch import Likelihood
from harmonium.models.rbm import start as start_module
from harmonium.models.rbm.energy import RBMEnergy
from harmonium.models.rbm.plan import RBMParameters
from harmonium.models.rbm.start import Start, fit_energy
from harmonium.sampling.seen import log_weight_seen
from harmonium.units.bernoulli import Bernoulli
from harmonium.units.categorical import Categorical
from harmonium.units.mixed import Mixed

CPU = torch.device("cpu")
#: Of the largest of some 25 normal numbers, at a risk of 1e-5.
LIMIT = 5.1


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def states_of(sizes: tuple[int, ...]) -> torch.Tensor:
    return torch.tensor(list(itertools.product(*map(range, sizes))), dtype=torch.float64)


UNITS = {"bits": Bernoulli(5), "label": Mixed([Bernoulli(3), Categorical([3])])}


def machine(units: Any, n_hidden: int = 3, seed: int = 0) -> RBMEnergy:
    source, n = generator(seed), units.n_statistics
    shapes = ((n, n_hidden), (n,), (n_hidden,), (n,))
    return RBMEnergy(*(torch.from_numpy(source.normal(0, 1, s)) for s in shapes), units)


def seen(energy: RBMEnergy, x: torch.Tensor, observed: torch.Tensor) -> torch.Tensor:
    """log P of what is known of each row, by all states; can be differentiated."""
    states = states_of(energy.sizes)
    log_weights = energy.log_weight(states)
    fits = ((states[None] == x[:, None]) | ~observed[:, None]).all(2)
    each = torch.where(fits, log_weights, -torch.inf)
    return torch.logsumexp(each, 1) - torch.logsumexp(log_weights, 0)


def exact_gradient(energy: RBMEnergy, x: torch.Tensor, observed: torch.Tensor) -> list[np.ndarray]:
    for parameter in energy.parameters().values():
        parameter.requires_grad_(True)
    found = torch.autograd.grad(
        seen(energy, x, observed).mean(), list(energy.parameters().values())
    )
    for parameter in energy.parameters().values():
        parameter.requires_grad_(False)
    return [part.numpy() for part in found]


def holed(energy: RBMEnergy, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows of a pattern that is unlike the model, nothing known in some and all in others."""
    source = generator(4)
    x = np.stack([source.integers(0, size, n) for size in energy.sizes], axis=1)
    x[:, 1] = x[:, 0]
    observed = source.random(x.shape) < 0.6
    observed[: n // 20], observed[n // 20 : n // 10] = False, True
    return x.astype(np.uint8), observed


def largest_z(units: Any, n: int = 6000) -> float:
    """How far the estimated gradient is from the exact one, in its standard errors."""
    energy = machine(units)
    x, observed = holed(energy, n)
    rows = Memory(x, CPU, None, observed)
    source = generator(5)
    moved = energy.to(torch.float32)
    filler = Fillings(rows.n_rows, rows.holes, moved, source)
    everything = np.arange(n)
    for _ in range(40):  # each row's filling is then a draw of its own
        batch = filler.fill(moved, rows.read(everything), source)
    assert torch.equal(batch.observed, rows.read(everything).observed)
    known = torch.from_numpy(observed)
    assert torch.equal(batch.x[known], torch.from_numpy(x).float()[known])
    states = batch.x.double()
    found = Exact().gradient(energy, Batch(states), source).gradient()
    wanted = exact_gradient(energy, torch.from_numpy(x).double(), known)
    hidden, statistics = energy.hidden_mean(states), units.statistics(states)
    each = [statistics.unsqueeze(2) * hidden.unsqueeze(1), statistics, hidden]
    z = []
    for estimate, exact, rowwise in zip(found.values(), wanted, each, strict=True):
        # The spread within rows is smaller than over them: errors are no smaller than is true.
        z.append(np.abs(estimate.numpy() - exact) / (rowwise.std(0).numpy() / np.sqrt(n)))
    return float(max(part.max() for part in z))


@pytest.mark.parametrize("few", [0, 64])
@pytest.mark.parametrize("units", UNITS)
def test_the_gradient_is_that_of_what_is_seen(
    units: str, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By Gibbs sweeps, and drawn exactly."""
    monkeypatch.setattr(module, "_FEW", few or 0.5)
    assert largest_z(UNITS[units]) < LIMIT


@pytest.mark.parametrize("units", UNITS)
def test_fillings_that_stay_at_the_base_are_caught(
    units: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The planted fault; as bad are fillings of the row beside."""
    monkeypatch.setattr(module, "_FEW", 0.5)
    with monkeypatch.context() as patched:
        patched.setattr(module, "_swept", lambda energy, x, free, source: x)
        assert largest_z(UNITS[units]) > 1.5 * LIMIT
    sweep = module._swept

    def beside(energy, x, free, source):
        return torch.where(free, sweep(energy, x, free, source).roll(1, 0), x)

    monkeypatch.setattr(module, "_swept", beside)
    assert largest_z(UNITS[units]) > 1.5 * LIMIT


@pytest.mark.parametrize("few", [0, 64])
def test_fillings_are_draws_given_the_rest(few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_FEW", few or 0.5)
    energy, n = machine(UNITS["label"]), 4000
    x = np.tile(np.array([1, 0, 1, 2], dtype=np.uint8), (n, 1))
    observed = np.tile([True, False, True, False], (n, 1))
    rows, source, moved = Memory(x, CPU, None, observed), generator(1), energy.to(torch.float32)
    filler = Fillings(rows.n_rows, rows.holes, moved, source)
    for _ in range(30):
        batch = filler.fill(moved, rows.read(np.arange(n)), source)
    states = states_of(energy.sizes)
    fits = (states[:, 0] == 1) & (states[:, 2] == 1)
    p = torch.softmax(energy.log_weight(states[fits]), 0).numpy()
    assert_drawn_from((batch.x[:, 1] * 3 + batch.x[:, 3]).long().numpy(), p)


# -- fits --------------------------------------------------------------------------------------


def learned(
    x: np.ndarray, observed: np.ndarray | None, n_hidden: int = 2, **parameters: Any
) -> tuple[Any, RBMEnergy]:
    given = {"n_components": n_hidden, "random_state": 0, "weight_decay": 0.0, **parameters}
    wanted = asked(RBMParameters, vars(hm.RBM(**given)))
    start = Start(CPU, Bernoulli(x.shape[1]), observed)
    result, energy, _ = fit_energy(wanted, x, None, start)
    energy.set_parameters(result.parameters)
    return result, energy.to(torch.float64)


def correlated(n: int, seed: int = 0) -> np.ndarray:
    """Two clusters of four columns."""
    source = generator(seed)
    return (source.random((n, 4)) < np.where(source.random((n, 1)) < 0.4, 0.85, 0.2)).astype(
        np.uint8
    )


def best_seen(x: np.ndarray, observed: np.ndarray) -> float:
    """The largest mean log P(what is known) that a machine of two hidden units reaches."""
    patterns, counts = np.unique(np.where(observed, x, 2), axis=0, return_counts=True)
    states, known = torch.from_numpy(patterns).double(), torch.from_numpy(patterns < 2)
    share = torch.from_numpy(counts / counts.sum())

    def minus(flat: np.ndarray) -> tuple[float, np.ndarray]:
        parts = torch.from_numpy(flat).requires_grad_(True)
        energy = RBMEnergy(
            parts[:8].reshape(4, 2), parts[8:12], parts[12:14], torch.zeros(4, dtype=torch.float64)
        )
        value = -(share @ seen(energy, states, known))
        return value.item(), torch.autograd.grad(value, parts)[0].numpy()

    found = [minimize(minus, generator(s).normal(0, 1, 14), jac=True).fun for s in range(6)]
    return -min(found)


@pytest.mark.parametrize("learner", ["exact", "pcd"])
def test_a_fit_reaches_the_optimum_of_what_is_seen(learner: str) -> None:
    x = correlated(1500)
    observed = generator(1).random(x.shape) < 0.65
    _, energy = learned(
        x, observed, learner=learner, n_updates=3000, validation_fraction=0, learning_rate=0.5
    )
    states, known = torch.from_numpy(x).double(), torch.from_numpy(observed)
    found = float(seen(energy, states, known).mean())
    best = best_seen(x, observed)
    assert best - 0.01 < found <= best + 1e-9
    # What stands in unknown cells would be learned otherwise: zeros are far from it.
    _, wrong = learned(np.where(observed, x, 0), None, learner="exact", n_updates=2000)
    assert float(seen(wrong, states, known).mean()) < best - 0.1


def test_a_watched_fit_is_scored_by_what_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    x = correlated(900)
    observed = generator(2).random(x.shape) < 0.6
    kept: list[Batch] = []
    begin = Likelihood.__init__

    def spy(self, energy, held, shown, source, **given):
        kept.append(held)
        begin(self, energy, held, shown, source, **given)

    monkeypatch.setattr(Likelihood, "__init__", spy)
    result, energy = learned(x, observed, n_updates=600)
    held = kept[0]
    value = float(seen(energy, held.x.double(), held.observed).mean())
    assert result.followed[0] == pytest.approx(value, abs=1e-5)
    assert result.followed[0] > result.history["validation"][0] - 1e-9


def test_nothing_unknown_changes_no_bit() -> None:
    x = correlated(300)
    plain, one = learned(x, None, n_updates=200)
    full, other = learned(x, np.ones(x.shape, dtype=bool), n_updates=200)
    for name, value in one.parameters().items():
        assert torch.equal(value, other.parameters()[name])
    assert plain.history["validation"] == full.history["validation"]


def test_what_stands_in_unknown_cells_is_never_looked_at() -> None:
    x = correlated(300)
    observed = generator(3).random(x.shape) < 0.7
    _, one = learned(x, observed, n_updates=150)
    _, other = learned(np.where(observed, x, 1 - x), observed, n_updates=150)
    for name, value in one.parameters().items():
        assert torch.equal(value, other.parameters()[name])


def test_base_rates_are_those_of_known_cells() -> None:
    x = np.array([[1, 0]] * 30 + [[0, 1]] * 70, dtype=np.uint8)
    observed = np.ones(x.shape, dtype=bool)
    observed[50:, 0] = False
    _, energy = learned(x, observed, n_updates=1, validation_fraction=0)
    rates = torch.sigmoid(energy.base_bias).numpy()
    np.testing.assert_allclose(rates, [30.5 / 51, 70.5 / 101], rtol=1e-6)


# -- set-backs, rows and bounds ------------------------------------------------------------------


def test_fillings_begin_again_at_the_base() -> None:
    energy = machine(UNITS["bits"])
    observed = torch.zeros((3000, 5), dtype=torch.bool)
    filler = Fillings(len(observed), (~observed).any(0).nonzero().reshape(-1), energy, generator())
    filler.drawn.fill_(1)
    filler.begin_again(energy, generator(1))
    rates, p = filler.drawn.double().mean(0), torch.sigmoid(energy.base_bias)
    assert ((rates - p).abs() / torch.sqrt(p * (1 - p) / 3000)).max() < LIMIT


def test_a_row_that_comes_twice_in_a_batch_keeps_one_of_its_fillings() -> None:
    energy = machine(UNITS["bits"]).to(torch.float32)
    rows = Memory(np.zeros((3, 5), np.uint8), CPU, None, np.zeros((3, 5), bool))
    filler = Fillings(rows.n_rows, rows.holes, energy, generator())
    batch = filler.fill(energy, rows.read(np.array([2, 0, 2, 2])), generator(1))
    assert torch.equal(filler.drawn[2].float(), batch.x[0])
    assert torch.equal(filler.drawn[0].float(), batch.x[1])


def test_columns_that_are_always_known_take_no_memory() -> None:
    observed = torch.ones((10, 5), dtype=torch.bool)
    observed[3, 4] = False
    filler = Fillings(10, torch.tensor([4]), machine(UNITS["bits"]), generator())
    assert filler.drawn.shape == (10, 1)
    assert filler.drawn.dtype == torch.uint8


def test_the_mask_is_part_of_what_a_checkpoint_is_tied_to() -> None:
    class Hash:
        def __init__(self) -> None:
            self.seen = b""

        def update(self, part: Any) -> None:
            self.seen += bytes(part)

    def digest(observed: np.ndarray | None) -> bytes:
        found = Hash()
        Memory(np.zeros((4, 3), np.uint8), CPU, None, observed).digest(found)
        return found.seen

    one, other = np.ones((4, 3), bool), np.ones((4, 3), bool)
    one[1, 2], other[2, 1] = False, False
    assert len({digest(None), digest(one), digest(other)}) == 3
    assert digest(np.ones((4, 3), bool)) == digest(None)


def test_rows_that_cannot_have_holes_say_so(tmp_path: Any) -> None:
    from scipy import sparse

    table, observed = np.zeros((4, 3), np.uint8), np.zeros((4, 3), bool)
    with pytest.raises(ValueError, match=r"X: rows with missing cells must be a dense array"):
        row_source(sparse.csr_matrix(table), CPU, None, observed)
    np.save(tmp_path / "rows.npy", table)
    with pytest.raises(ValueError, match=r"got memmap"):
        row_source(np.load(tmp_path / "rows.npy", mmap_mode="r"), CPU, None, observed)
    with pytest.raises(ValueError, match=r"observed must have shape \(4, 3\), got \(4, 2\)"):
        row_source(table, CPU, None, observed[:, :2])


def test_pseudo_likelihood_refuses_holes() -> None:
    energy, plan = machine(UNITS["bits"]), Plan(2, 2, 0.1)
    rows = Memory(np.zeros((4, 5), np.uint8), CPU, None, np.zeros((4, 5), bool))
    split, streams = Split(np.arange(4), np.arange(0)), Streams.drawn(0)
    with pytest.raises(ValueError, match="learner='pseudo' cannot learn from rows with missing"):
        fit(Ascent(energy), Pseudo(), rows, split, plan, streams=streams, generator=generator())


def bound(x: np.ndarray, observed: np.ndarray | None, weight: Any = None) -> float:
    rows = torch.from_numpy(x).float()
    mask = None if observed is None else torch.from_numpy(observed)
    units = Bernoulli(x.shape[1])
    held = Batch(rows, weight, mask)
    return Likelihood(machine(units), held, held, generator(), exact=True).most[0]


def test_what_rows_with_holes_allow_at_most() -> None:
    x = correlated(400)
    observed = generator(1).random(x.shape) < 0.6
    most = bound(x, observed)
    assert best_seen(x, observed) <= most < -0.1
    # Of one pattern it is the entropy of the columns known, whatever stands in the others.
    observed[:] = [True, False, True, False]
    assert bound(x, observed) == pytest.approx(bound(x[:, ::2], None), rel=1e-6)
    assert bound(x, np.zeros(x.shape, bool)) == pytest.approx(0.0, abs=1e-9)
    # Two patterns: a mean of both.
    observed[:200] = True
    mean = (bound(x[:200], None) + bound(x[200:, ::2], None)) / 2
    assert bound(x, observed) == pytest.approx(mean, rel=1e-6)
    weight = torch.rand(400, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert bound(x, observed, weight) != pytest.approx(mean, rel=1e-4)


def test_rows_with_too_much_unknown_are_annealed_and_few(monkeypatch: pytest.MonkeyPatch) -> None:
    """A look's figure is that of annealed rows, within its error, and the error is told."""
    units = Bernoulli(12)
    energy = machine(units, 3)
    source = generator(1)
    x = torch.from_numpy(source.integers(0, 2, (700, 12))).double()
    observed = torch.zeros((700, 12), dtype=torch.bool)
    observed[:, 0] = True
    held = Batch(x, None, observed)
    watch = Likelihood(energy, held, held, generator(2), exact=True)
    assert len(watch.held.x) == 300
    score = watch.score(energy.parameters())
    wanted = float(seen(energy, watch.held.x, watch.held.observed).mean())
    assert 0.0 < score.error < 0.1
    assert abs(score.figures["validation"] - wanted) < 5 * score.error + 0.02


def test_batches_of_rows_with_holes_say_which_rows_they_are() -> None:
    observed = np.ones((6, 2), bool)
    observed[4, 1] = False
    rows = Memory(np.arange(12).reshape(6, 2), CPU, None, observed)
    batch = next(Batches(rows, np.arange(6), 4, generator()))
    assert batch.index is not None
    np.testing.assert_array_equal(batch.x[:, 0].numpy(), 2 * batch.index)
    np.testing.assert_array_equal(batch.observed.numpy(), observed[batch.index])


def test_a_set_back_draws_fillings_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    again: list[int] = []
    begin = Fillings.begin_again

    def spy(self: Fillings, energy: Any, source: Any) -> None:
        again.append(1)
        begin(self, energy, source)

    monkeypatch.setattr(Fillings, "begin_again", spy)
    score = Likelihood.score

    def impossible(self: Likelihood, parameters: Any) -> Any:
        found = score(self, parameters)
        looks.append(1)
        return found if len(looks) != 3 else replace(found, possible=False)

    looks: list[int] = []
    monkeypatch.setattr(Likelihood, "score", impossible)
    x = correlated(300)
    result, _ = learned(x, generator(3).random(x.shape) < 0.7, n_updates=400)
    assert len(again) == 2  # at the start, and then
    assert result.reason == "done"
    assert np.isfinite(result.followed[0])


def test_strongly_correlated_rows_with_holes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chains with weights, from a start that is summed: both clusters are found, as likely as
    they are."""
    begun: list[int] = []
    begin = start_module.begin_summed
    monkeypatch.setattr(
        start_module, "begin_summed", lambda *given: (begun.append(1), begin(*given))[1]
    )
    source, d = generator(0), 150
    cluster = source.random((1200, 1)) < 0.33
    x = (source.random((1200, d)) < np.where(cluster, 0.9, 0.1)).astype(np.uint8)
    observed = source.random(x.shape) < 0.7
    _, energy = learned(x[:900], observed[:900], 8, n_updates=400)
    assert begun
    fresh, known = torch.from_numpy(x[900:]).double(), torch.from_numpy(observed[900:])
    found, _ = log_weight_seen(energy, fresh, Evidence(~known), source, n_chains=10)
    log_z = energy.exact_log_partition()
    each = [
        (torch.where(known, fresh * np.log(p) + (1 - fresh) * np.log(1 - p), 0.0)).sum(1)
        for p in (0.9, 0.1)
    ]
    law = torch.logaddexp(each[0] + np.log(0.33), each[1] + np.log(0.67)).mean()
    assert law - 2.0 < found.mean() - log_z < law + 0.5
