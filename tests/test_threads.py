"""One thread or two: small work is the same bit for bit, large products are to rounding."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch

import harmonium as hm
from harmonium.compute import draws
from harmonium.models.rbm.energy import RBMEnergy
from harmonium.models.rbm.mixture import MixturePath

N_THREADS = (1, 2)


def rbm(n_hidden: int, learner: str, X: np.ndarray) -> np.ndarray:
    model = hm.RBM(n_hidden, learner=learner, n_updates=4, validation_fraction=0, random_state=0)
    return model.set_params(batch_size=min(500, len(X))).fit(X).components_


def grid(images: np.ndarray) -> np.ndarray:
    model = hm.GridMRF(n_levels=4, n_updates=2, random_state=0).fit(images)
    return np.concatenate([model.knots_, model.sample(20, random_state=0).ravel()])


def by_threads(monkeypatch: pytest.MonkeyPatch, work: object, *data: object) -> list[np.ndarray]:
    found = []
    for n in N_THREADS:
        torch.set_num_threads(n)
        monkeypatch.setattr(draws, "N_THREADS", n)
        found.append(work(*data))
    return found


@pytest.fixture(autouse=True)
def threads_as_before() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("learner", ["cd", "pcd", "pt"])
def test_small_machines_agree_bit_for_bit(learner, monkeypatch):
    X = (np.random.default_rng(0).random((300, 40)) < 0.3).astype(np.uint8)
    one, two = by_threads(monkeypatch, rbm, 16, learner, X)
    np.testing.assert_array_equal(one, two)


def test_grids_agree_bit_for_bit(monkeypatch):
    """Large enough to be shared out: a pixel's draw depends on its own random number alone."""
    images = np.random.default_rng(0).integers(0, 4, (12, 24, 24))
    one, two = by_threads(monkeypatch, grid, images)
    np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("n_threads", N_THREADS)
def test_as_many_threads_give_the_same_bits(n_threads, monkeypatch):
    """What is promised: fits, log Z, hidden probabilities, draws, with products large enough to be
    shared out."""
    torch.set_num_threads(n_threads)
    monkeypatch.setattr(draws, "N_THREADS", n_threads)
    X = (np.random.default_rng(0).random((500, 400)) < 0.3).astype(np.uint8)
    settings = {"n_updates": 4, "validation_fraction": 0, "random_state": 0, "batch_size": 500}

    def outputs() -> list[np.ndarray]:
        model = hm.RBM(300, **settings).fit(X)
        log_z = model.log_partition("ais", n_temperatures=20, random_state=0)
        asked = [model.transform(X), model.free_energy(X), model.sample(20, random_state=0)]
        return [model.components_, np.array([log_z.value, log_z.std_error]), *asked]

    for one, two in zip(outputs(), outputs(), strict=True):
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("learner", ["cd", "pcd"])
def test_large_products_agree_to_rounding(learner, monkeypatch):
    """A product shared out to two threads is summed in another order."""
    X = (np.random.default_rng(0).random((500, 400)) < 0.3).astype(np.uint8)
    one, two = by_threads(monkeypatch, rbm, 300, learner, X)
    np.testing.assert_allclose(one, two, atol=1e-5)


@pytest.mark.parametrize(("n_hidden", "small"), [(16, True), (400, False)])
def test_answers_of_small_machines_stay_on_one_thread(n_hidden, small, monkeypatch):
    """log Z, chains given what is seen, expectations; the threads there were are there again."""
    draw = np.random.default_rng(0)
    weights = draw.normal(0, 0.1, (40, n_hidden))
    model = hm.RBM.from_parameters(weights, np.zeros(40), np.zeros(n_hidden))
    seen: set[int] = set()
    sweep, step = RBMEnergy.sweep, MixturePath.step
    for cls, name, ask in ((RBMEnergy, "sweep", sweep), (MixturePath, "step", step)):

        def counted(*args: object, _ask: object = ask, **options: object) -> object:
            seen.add(torch.get_num_threads())
            return _ask(*args, **options)

        monkeypatch.setattr(cls, name, counted)
    torch.set_num_threads(2)
    holes = np.full((100, 40), np.nan)
    questions = [
        lambda: model.log_partition("ais", n_temperatures=3, random_state=0),
        lambda: model.sample(100, random_state=0),
        lambda: model.complete(holes, how="mean", random_state=0),
        lambda: hm.expectation(model, lambda v: v.sum(1), method="gibbs", n_samples=2000),
    ]
    for question in questions if small else questions[:1]:
        seen.clear()
        question()
        assert seen == ({1} if small else {2})
        assert torch.get_num_threads() == 2
