"""Updates on a device: their step, their law, and that nothing in them waits for the device.

By the plain twin, on the CPU, or with ``TRITON_INTERPRET=0`` on the GPU that is there; and on
torch's "meta" device, which has shapes and no numbers: what asks for a number of it fails.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from tests.support.accelerator import AT, source
from tests.support.rbm_oracle import RBMOracle, random_rbm
from tests.support.statistics import assert_drawn_from

import harmonium as hm
from harmonium.compute import on_device
from harmonium.contract.energy import Chains
from harmonium.learning.ascent import Ascent, Gaussian
from harmonium.learning.learners.contrastive import Contrastive
from harmonium.learning.learners.persistent import Persistent
from harmonium.learning.plan import Plan, asked
from harmonium.learning.sources import Memory
from harmonium.models.rbm import start
from harmonium.models.rbm.centring import Centred
from harmonium.models.rbm.energy import RBMEnergy
from harmonium.models.rbm.kernels import device
from harmonium.models.rbm.kernels.device import PRECISIONS, DeviceUpdate, product
from harmonium.models.rbm.plan import RBMParameters
from harmonium.models.rbm.start import Start, fit_energy
from harmonium.sampling.annealing import anneal_step
from harmonium.sampling.gibbs import mean_marginals, run_chains
from harmonium.units.bernoulli import Bernoulli

N_VISIBLE, N_HIDDEN = 5, 4
PARAMETERS = random_rbm(N_VISIBLE, N_HIDDEN, 1.0, 0)


def machine(device: torch.device | str = AT) -> RBMEnergy:
    parts = [torch.tensor(part, dtype=torch.float32, device=device) for part in PARAMETERS]
    return RBMEnergy(*parts, parts[1].clone())


def rows(n: int) -> torch.Tensor:
    return (torch.rand(n, N_VISIBLE, generator=source(7), device=AT) < 0.4).float()


def learning(
    energy: RBMEnergy, n_chains: int, n_gibbs: int = 1, kind: type = Persistent
) -> tuple[Persistent | Contrastive, Centred, Callable]:
    plan = Plan(10, 20, 0.1, n_chains=n_chains, n_gibbs=n_gibbs)
    learner = kind.start(energy, plan, source())
    metric = Centred(energy.base_mean, N_HIDDEN)
    return learner, metric, Ascent(energy, Gaussian({"weights": 0.5}), metric).fused(learner)


@pytest.mark.parametrize(("n", "n_chains", "n_gibbs"), [(20, 20, 1), (20, 30, 2), (1, 1, 1)])
@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_a_step_is_the_centred_gradient_of_rows_and_chains(n, n_chains, n_gibbs, precision):
    energy, old = machine(), machine()
    energy.updates.precision = precision
    learner, metric, step = learning(energy, n_chains, n_gibbs)
    metric.hidden_mean.copy_(torch.tensor([0.2, 0.9, 0.5, 0.4], device=AT))
    before = metric.hidden_mean.clone()
    step(rows(n), 0.1, source(1))
    assert isinstance(energy.updates.on_device(rows(n), learner.chains, source()), DeviceUpdate)
    data = old.moments(rows(n), torch.full((n,), 1 / n, device=AT))
    x = learner.chains.x.float()
    model = old.moments(x, torch.full((n_chains,), 1 / n_chains, device=AT))
    centred = Centred(energy.base_mean, N_HIDDEN)
    centred.hidden_mean.copy_(before)
    direction = centred.direction({name: data[name] - model[name] for name in data})
    old.weights.mul_(1 / (1 + 0.1 * 0.5))
    near = {torch.float32: 1e-6, torch.bfloat16: 1e-3}[precision]
    for name, value in old.parameters().items():
        wanted = value + 0.1 * direction[name]
        assert torch.allclose(energy.parameters()[name], wanted, atol=near), name
    followed = before.lerp(data["hidden_bias"], 0.01)
    assert torch.allclose(metric.hidden_mean, followed, atol=near)


@pytest.mark.parametrize(("precision", "n_gibbs"), [(torch.float32, 1), (torch.bfloat16, 3)])
def test_chains_come_to_the_law_of_the_model(precision, n_gibbs):
    energy = machine()
    energy.updates.precision = precision
    learner, _, step = learning(energy, 10_000, n_gibbs)
    for _ in range(45 // n_gibbs):
        step(rows(2), 0.0, source(3))
    W, b, c = PARAMETERS
    oracle = RBMOracle(torch.tensor(W).float().to(precision).double().numpy(), b, c)
    drawn = oracle.index(learner.chains.x.double().cpu().numpy())
    assert_drawn_from(drawn, oracle.p_v)
    h = learner.chains.hidden.double().cpu().numpy() @ (2 ** np.arange(N_HIDDEN)[::-1])
    assert_drawn_from(h.astype(int), oracle.p_h)


def test_products_of_bfloat16_are_summed_in_float32():
    ones = torch.ones(1, 1000, dtype=torch.bfloat16, device=AT)
    assert product(ones, ones.T).item() == 1000.0  # between 996 and 1,004 there is none of these
    assert product(ones, ones.T).dtype == torch.float32


def test_work_that_is_run_again_draws_anew_into_the_same_tensors():
    energy = machine()
    learner, _, step = learning(energy, 30)
    seen = []
    for _ in range(3):
        step(rows(20), 0.0, source(1))
        chains = learner.chains
        seen.append((chains.x.clone(), chains.x.data_ptr(), chains.hidden.data_ptr()))
    (first, *places), (second, *other), _ = seen
    assert places == other
    assert not torch.equal(first, second)


def test_no_two_draws_of_an_update_share_their_bits(monkeypatch):
    drawn, draw = [], on_device.draw

    def noting(inputs, bias, stream, site, states, *rest) -> None:
        drawn.extend([] if states is None else [(int(stream[1]), site)])
        draw(inputs, bias, stream, site, states, *rest)

    monkeypatch.setattr(on_device, "draw", noting)
    _, _, step = learning(machine(), 30, 3)
    for _ in range(2):
        step(rows(20), 0.1, source(1))
    assert len(drawn) == len(set(drawn)) == 2 * 6


def test_chains_that_come_from_elsewhere_are_gone_on_with():
    energy = machine()
    learner, _, step = learning(energy, 30)
    step(rows(20), 0.1, source(1))
    kept, updates = learner.state().copy(), energy.updates.state().copy()
    weights = energy.weights.clone()
    step(rows(20), 0.1, source(1))
    wanted = (learner.chains.x.clone(), energy.weights.clone())
    other = machine()
    again, _, step = learning(other, 30)
    other.set_parameters({**energy.parameters(), "weights": weights})
    again.restore(kept)
    other.updates.restore(updates)
    step(rows(20), 0.1, source(99))
    assert torch.equal(again.chains.x, wanted[0])
    assert not torch.equal(kept.tensors["chains"], wanted[0])


def test_states_of_16_bits_are_kept_in_a_type_that_files_know():
    energy = machine()
    energy.updates.precision = torch.bfloat16
    learner, _, step = learning(energy, 30)
    step(rows(20), 0.1, source(1))
    assert learner.chains.x.dtype == learner.chains.hidden.dtype == torch.bfloat16
    kept = learner.state().tensors
    assert {kept[name].dtype for name in ("chains", "hidden")} == {torch.float32}


def test_contrastive_divergence_begins_at_the_rows():
    energy = machine()
    _, _, step = learning(energy, 30, kind=Contrastive)
    before = energy.weights.clone()
    for _ in range(2):
        step(rows(20), 0.1, source(1))
    assert not torch.equal(energy.weights, before)


# -- nothing waits for the device -------------------------------------------------------------


@pytest.mark.parametrize("kind", [Persistent, Contrastive])
@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_updates_wait_for_nothing(kind, precision):
    energy = machine("meta")
    energy.updates.precision = precision
    _, _, step = learning(energy, 30, 2, kind)
    table = Memory(rows(20).cpu().numpy(), torch.device("meta"))
    average = energy.weights.clone()
    for _ in range(2):
        step(table.read(np.arange(20)).rows, 0.1, source(1))
        average.lerp_(energy.weights, 0.1)
    chains = Chains(torch.empty(30 if kind is Persistent else 20, N_VISIBLE))
    update = energy.updates.on_device(rows(20), chains, source())
    assert update is not None
    assert update.weights.is_meta


def test_chains_and_annealing_wait_for_nothing():
    energy = machine("meta")
    chains = run_chains(energy, Chains(energy.base_sample(10, source())), 3, source())
    chains, change = anneal_step(energy, chains, 0.1, 0.2, source())
    assert mean_marginals(energy, chains, 2, source())[0].shape == (10, N_VISIBLE)
    assert (chains.x.shape, change.shape) == ((10, N_VISIBLE), (10,))


@pytest.mark.parametrize(
    "waiting",
    [lambda x: x.sum().item(), lambda x: bool(x[0] > 0), lambda x: x.cpu(), lambda x: x[x > 0]],
)
def test_what_waits_is_caught(waiting):
    with pytest.raises((RuntimeError, NotImplementedError)):
        waiting(torch.empty(3, device="meta"))


# -- the parameter ----------------------------------------------------------------------------


def test_precision_is_told_to_updates_and_changes_nothing_on_the_cpu(monkeypatch):
    table = rows(60).cpu().numpy().astype(np.uint8)
    fits = {}
    for precision in ("float32", "bfloat16"):
        model = hm.RBM(2, precision=precision, n_updates=20, device="cpu", random_state=0)
        fits[precision] = model.fit(table).components_
        running = model.partial_fit(table)._running
        assert running.energy.updates.precision == PRECISIONS[precision]
        wanted, begun = asked(RBMParameters, vars(model)), Start(torch.device("cpu"), Bernoulli(5))
        assert fit_energy(wanted, table, None, begun)[1].updates.precision == PRECISIONS[precision]
    assert np.array_equal(fits["float32"], fits["bfloat16"])
    with pytest.raises(ValueError, match=r"precision must be one of 'float32', 'bfloat16', got"):
        hm.RBM(2, precision="float16").fit(table)
    monkeypatch.setattr(device, "_HAS_WIDE_SUMS", False)
    hm.RBM(2, n_updates=1).fit(table)
    with pytest.raises(ValueError, match=r"precision='bfloat16' wants torch 2.8 or later"):
        hm.RBM(2, precision="bfloat16").fit(table)


# -- a whole fit ------------------------------------------------------------------------------


def test_a_fit_that_breaks_off_goes_on_bit_for_bit(tmp_path, monkeypatch):
    """With a generator of torch's a fit takes a device's way on the CPU too."""
    monkeypatch.setattr(start, "generator_for", lambda device, own: source(int(own.integers(99))))
    counted = []
    update = DeviceUpdate.__call__
    monkeypatch.setattr(
        DeviceUpdate, "__call__", lambda self, *a: counted.append(1) or update(self, *a)
    )
    table = rows(200).cpu().numpy().astype(np.uint8)
    table[:, 1] = table[:, 0]

    def breaking(look) -> None:
        if 200 < look.update:
            raise TimeoutError

    def model(name: str) -> hm.RBM:
        settings = {"precision": "bfloat16", "checkpoint": tmp_path / name, "learning_rate": 0.5}
        return hm.RBM(2, n_updates=300, random_state=0, **settings)

    whole = model("whole").fit(table)
    assert len(counted) == 300
    with pytest.raises(TimeoutError):
        model("broken").fit_observed(table, observers=[breaking])
    again = model("broken").fit(table)
    assert 0 < len(counted) - 300 < 500
    assert np.array_equal(whole.components_, again.components_)
    assert np.ptp(whole.components_) > 0.05
