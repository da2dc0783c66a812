"""The compiled update beside its plain halves, with and without labels."""

from __future__ import annotations

import itertools
import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch
from tests.support.statistics import ALPHA, chi_square_p_value
from torch import Tensor

from harmonium.compute import draws
from harmonium.contract.energy import Chains
from harmonium.learning.ascent import Ascent, Gaussian, Moments
from harmonium.learning.learners.persistent import Persistent
from harmonium.models.rbm.centring import Centred
from harmonium.models.rbm.energy import RBMEnergy
from harmonium.models.rbm.kernels import plain
from harmonium.models.rbm.kernels.choose import Updates
from harmonium.models.rbm.kernels.forms import KINDS, Form
from harmonium.models.rbm.kernels.layout import starts_of
from harmonium.models.rbm.kernels.persistent import PersistentUpdate
from harmonium.units.bernoulli import Bernoulli
from harmonium.units.categorical import Categorical
from harmonium.units.mixed import Mixed

pytestmark = pytest.mark.skipif(
    not draws.uses_fast_path(torch.empty(0)), reason="the compiled twins are switched off"
)

LAYOUTS = {
    "plain": Bernoulli(37),
    "label": Mixed([Bernoulli(37), Categorical([5])]),
    "labels": Mixed([Bernoulli(33), Categorical([3, 7]), Categorical([2])]),
}


def generator(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.SFC64(seed))


def machine(units, n_hidden=21, scale=0.5, dtype=torch.float32) -> RBMEnergy:
    rng = np.random.default_rng(3)
    shapes = ((units.n_statistics, n_hidden), (units.n_statistics,), (n_hidden,))
    W, b, c = (torch.tensor(rng.normal(0, scale, shape), dtype=dtype) for shape in shapes)
    return RBMEnergy(W, b, c, 0.5 * b, units)


def rows(units, n: int, seed: int) -> torch.Tensor:
    states = generator(seed).integers(0, np.array(units.sizes), (n, units.n_variables))
    return torch.from_numpy(states.astype(np.float32))


def update_of(energy: RBMEnergy, shape: tuple[int, int], form: str) -> PersistentUpdate:
    """The compiled update in one of its forms, whatever is the fastest."""
    starts = starts_of(energy.units)
    assert starts is not None
    return PersistentUpdate(*energy.parameters().values(), starts, shape, Form(form, 1))


def offsets_of(energy: RBMEnergy) -> tuple[Tensor, Tensor]:
    """Of the centred gradient at its start."""
    metric = Centred(energy.base_mean, energy.n_hidden)
    return metric.visible_mean, metric.hidden_mean


def step(
    energy: RBMEnergy, batch: Tensor, chains: Chains, rate: float, source: np.random.Generator
) -> None:
    """What the training loop does with these persistent chains, which move in place."""
    metric = Centred(energy.base_mean, energy.n_hidden)
    fused = energy.fused(Persistent(chains), Gaussian(), metric)
    assert fused is not None
    fused(batch, rate, source)


@pytest.mark.parametrize("form", KINDS)
@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.parametrize("n_gibbs", [1, 2])
def test_the_compiled_update_equals_sweeps_and_a_plain_step(name, form, n_gibbs):
    """Draws by the plain twins on the same streams, then the step of the training loop."""
    units = LAYOUTS[name]
    energy, other = machine(units), machine(units)
    positive = rows(units, 9, 1)
    chains = Chains(
        rows(units, 14, 2), torch.from_numpy(generator(4).integers(0, 2, (14, 21))).float()
    )
    update, starts = update_of(energy, (9, 14), form), starts_of(units)
    offsets = offsets_of(energy)
    hidden = chains.hidden.clone()
    rates = (0.3, 0.05 / (1.0 + 0.3 * 0.05))  # the weights keep 1 / (1 + rate * decay)
    data_mean = update(positive, chains, n_gibbs, offsets, rates, generator(6)).clone()
    source = generator(6)
    for _ in range(n_gibbs):
        visible = plain.draw_visible(other.visible_logits(hidden), starts, *draws.stream(source))
        hidden = draws.plain.bernoulli(other.hidden_logits(visible), *draws.stream(source))
    assert torch.equal(chains.x, visible)
    assert torch.equal(chains.hidden, hidden)
    torch.testing.assert_close(data_mean, other.hidden_mean(positive).mean(0))
    moments = Moments(
        other.moments(positive, torch.full((9,), 1 / 9)),
        other.moments(visible, torch.full((14,), 1 / 14)),
    )
    metric = Centred(other.base_mean, 21)
    Ascent(other, Gaussian({"weights": 0.05}), metric).step(moments, 0.3)
    for key, value in energy.parameters().items():
        torch.testing.assert_close(value, other.parameters()[key], atol=2e-5, rtol=2e-5)


@pytest.mark.parametrize("form", KINDS)
@pytest.mark.parametrize("name", LAYOUTS)
def test_sparse_rows_give_what_the_same_rows_give_dense(name, form):
    """Bit for bit; an empty row and a full one included."""
    units, results = LAYOUTS[name], []
    positive = (rows(units, 9, 1) > 0).float()
    positive[3], positive[8] = 0.0, 1.0
    for batch in (positive, positive.to_sparse()):
        energy = machine(units)
        chains = Chains(rows(units, 14, 2), torch.zeros(14, 21))
        update = update_of(energy, (9, 14), form)
        for k in range(3):  # places of an earlier batch must not count
            rates, offsets = (0.3, 0.01), offsets_of(energy)
            update(batch if k else batch.to_dense(), chains, 1, offsets, rates, generator(k))
        results.append((*energy.parameters().values(), chains.x))
    for dense, own in zip(*results, strict=True):
        assert torch.equal(own, dense)


@pytest.mark.parametrize("kind", ["sums", "products"])
def test_large_updates_are_shared_out_without_a_trace(kind):
    """Two threads and one give the same chains; parameters up to the order of a sum."""
    units = Mixed([Bernoulli(190), Categorical([10])])
    results = []
    for n_threads in (1, 2):
        energy = machine(units, 120, 0.05)
        chains = Chains(rows(units, 100, 1), torch.zeros((100, 120)))
        starts, offsets = starts_of(units), offsets_of(energy)
        form = Form(kind, n_threads)
        update = PersistentUpdate(*energy.parameters().values(), starts, (90, 100), form)
        for seed in range(3):
            update(rows(units, 90, seed), chains, 1, offsets, (0.01, 0.0), generator(seed))
        results.append((chains.x, chains.hidden, energy.weights, energy.hidden_bias))
    assert torch.equal(results[0][0], results[1][0])
    assert torch.equal(results[0][1], results[1][1])
    torch.testing.assert_close(results[0][2:], results[1][2:], atol=1e-6, rtol=1e-5)


def equilibrium(form: str, shift: float) -> float:
    """p-value of x, label and hidden units after many sweeps with a rate of zero, from a start
    that is not at equilibrium, against enumeration of all three; `shift` is added to a
    label's bias once the law is worked out."""
    units = Mixed([Bernoulli(3), Categorical([3])])
    energy = machine(units, 3, 0.8)
    sizes = (2, 2, 2, 3, 2, 2, 2)
    table = torch.tensor(list(itertools.product(*map(range, sizes))), dtype=torch.float64)
    wide, h = units.statistics(table[:, :4]), table[:, 4:]
    weights, b, c = (value.double() for value in energy.parameters().values())
    law = torch.softmax(((wide @ weights) * h).sum(1) + wide @ b + h @ c, 0).numpy()
    energy.visible_bias[4] += shift
    source = generator(2)
    chains = Chains(rows(units, 10_000, 5))
    update = update_of(energy, (10, 10_000), form)
    chains.hidden = energy.draw_hidden(chains.x, source)
    offsets = offsets_of(energy)
    update(rows(units, 10, 6), chains, 60, offsets, (0.0, 0.0), source)
    found = torch.cat([chains.x, chains.hidden], 1).long().numpy()
    counts = np.bincount(np.ravel_multi_index(found.T, sizes), minlength=len(law))
    return chi_square_p_value(counts, law)


@pytest.mark.parametrize("form", KINDS)
def test_chains_beside_a_label_do_not_drift(form):
    assert equilibrium(form, 0.0) > ALPHA
    assert equilibrium(form, 1.0) < ALPHA  # a planted fault


def test_labels_take_the_compiled_update_and_other_orders_do_not():
    assert starts_of(Bernoulli(4)).tolist() == [4]
    assert starts_of(Mixed([Bernoulli(4), Categorical([3, 2])])).tolist() == [4, 7, 9]
    assert starts_of(Mixed([Categorical([3]), Bernoulli(4)])) is None
    assert starts_of(Categorical([3, 2])).tolist() == [0, 3, 5]
    energy = machine(LAYOUTS["label"])
    chains = Chains(rows(energy.units, 4, 0))
    batch = rows(energy.units, 3, 1)
    updates = Updates(energy.weights, energy.visible_bias, energy.hidden_bias, energy.units)
    assert updates.persistent(batch, chains) is not None
    wide = energy.to(torch.float64)
    updates = Updates(wide.weights, wide.visible_bias, wide.hidden_bias, wide.units)
    chains = Chains(chains.x.double())
    assert updates.persistent(batch.double(), chains) is None


@pytest.mark.parametrize("form", KINDS)
@pytest.mark.parametrize("state", [5.0, -1.0, float("nan")])
def test_a_label_that_is_none_is_refused_before_memory_is_touched(form, state):
    units = LAYOUTS["label"]
    energy = machine(units)
    positive = rows(units, 9, 1)
    positive[4, -1] = state
    update = update_of(energy, (9, 9), form)
    chains = Chains(rows(units, 9, 2), torch.zeros((9, 21)))
    offsets = offsets_of(energy)
    with pytest.raises(ValueError, match="a label's state"):
        update(positive, chains, 1, offsets, (0.1, 0.0), generator(0))


def test_an_energy_is_pickled_without_buffers_and_goes_on_alike():
    energy = machine(LAYOUTS["label"])
    chains = Chains(rows(energy.units, 4, 0))
    batch = rows(energy.units, 3, 1)
    step(energy, batch, chains, 0.1, generator(0))
    copy = pickle.loads(pickle.dumps(energy))
    twin = Chains(chains.x.clone(), chains.hidden.clone())
    step(energy, batch, chains, 0.1, generator(1))
    step(copy, batch, twin, 0.1, generator(1))
    assert torch.equal(copy.weights, energy.weights)
    assert torch.equal(twin.x, chains.x)


_STEPS = """
import numpy as np, torch, hashlib
from harmonium.contract.energy import Chains
from harmonium.learning.ascent import Gaussian, Plain
from harmonium.learning.learners.persistent import Persistent
from harmonium.models.rbm.energy import RBMEnergy
rng = np.random.default_rng(0)
W, b, c = (torch.tensor(rng.normal(0, .1, s), dtype=torch.float32) for s in ((64, 16), 64, 16))
energy = RBMEnergy(W, b, c, b.clone())
x = torch.tensor(rng.integers(0, 2, (100, 64)), dtype=torch.float32)
chains = Chains(x.clone())
source = np.random.Generator(np.random.SFC64(1))
step = energy.fused(Persistent(chains), Gaussian({"weights": 0.001}), Plain())
for _ in range(20):
    step(x, 0.05, source)
print(hashlib.sha256(W.numpy().tobytes()).hexdigest())
"""


@pytest.mark.slow
def test_code_just_compiled_and_code_kept_give_the_same_bits(tmp_path, monkeypatch):
    """The first process compiles, the second reads what the first kept."""
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    found = [
        subprocess.run(
            [sys.executable, "-c", _STEPS], capture_output=True, text=True, check=True
        ).stdout
        for _ in range(2)
    ]
    assert found[0] == found[1]
