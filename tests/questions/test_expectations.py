"""Expectations: exact ones against enumeration, sampled ones against exact ones."""

from __future__ import annotations

import builtins
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import chi2

import harmonium as hm
from harmonium.questions.expectation import Population, expectation
from harmonium.sampling.diagnosis import stationary_draws


def random_rbm(seed: int = 0, n_visible: int = 8, n_hidden: int = 4, scale: float = 0.8) -> hm.RBM:
    generator = np.random.default_rng(seed)
    return hm.RBM.from_parameters(
        scale * generator.normal(size=(n_visible, n_hidden)),
        generator.normal(size=n_visible),
        generator.normal(size=n_hidden),
    )


def two_modes(n: int = 16, strength: float = 2.5) -> hm.RBM:
    """Nearly all on (seven parts of ten) or nearly all off; Gibbs sampling never crosses."""
    bias = np.full(n, -strength) + np.log(7 / 3) / n
    return hm.RBM.from_parameters(np.full((n, 2), strength), bias, np.full(2, -n / 2 * strength))


def by_hand(model: hm.RBM, f: Any) -> Any:
    """Sum over visible and hidden states of exp(-E), with nothing clever."""
    W, b, c = model.components_.T, model.intercept_visible_, model.intercept_hidden_
    v = np.array(list(product([0, 1], repeat=len(b))), dtype=float)
    h = np.array(list(product([0, 1], repeat=len(c))), dtype=float)
    weight = np.exp((v @ b)[:, None] + v @ W @ h.T + h @ c).sum(axis=1)
    return weight @ f(v) / weight.sum()


def ink(x: np.ndarray) -> np.ndarray:
    return x.sum(axis=1)


def several(x: np.ndarray) -> np.ndarray:
    return np.stack([x[:, 0], x[:, 1] * x[:, 2], x.sum(1) ** 2], axis=1)


# -- exact --------------------------------------------------------------------------------------


@pytest.mark.parametrize("f", [ink, several])
def test_exact_is_the_sum_over_states(f: Any) -> None:
    model = random_rbm()
    found = hm.expectation(model, f, method="exact")
    np.testing.assert_allclose(found.value, by_hand(model, f), rtol=1e-12)
    assert isinstance(found.value, float) == (f is ink)
    assert np.all(np.asarray(found.std_error) == 0.0)
    assert found.effective_samples == np.inf
    assert (found.method, found.status) == ("exact", "ok")
    np.testing.assert_array_equal(hm.expectation(model, f).value, found.value)


def test_exact_of_a_network_with_variables_of_several_sizes() -> None:
    generator = np.random.default_rng(1)
    pair, triple = generator.random((2, 3)), generator.random((3, 4, 2))
    network = hm.MarkovNetwork([hm.Factor(["a", "b"], pair), hm.Factor(["b", "c", "a"], triple)])
    total = weight = 0.0
    for a, b, c in product(range(2), range(3), range(4)):
        p = pair[a, b] * triple[b, c, a]
        total, weight = total + p * (a + 10 * b + 100 * c), weight + p
    columns = network.variables_
    digit = {"a": 1, "b": 10, "c": 100}

    def f(x: np.ndarray) -> np.ndarray:
        return x @ np.array([digit[name] for name in columns], dtype=float)

    exact = hm.expectation(network, f, method="exact")
    np.testing.assert_allclose(exact.value, total / weight, rtol=1e-12)
    for method in ("uniform", "importance", "gibbs"):
        found = hm.expectation(network, f, method=method, n_samples=4000, random_state=0)
        assert found.status == "ok"
        assert abs(found.value - exact.value) < 5 * found.std_error


def test_exact_of_a_small_grid_takes_images() -> None:
    images = np.random.default_rng(0).integers(0, 2, (30, 2, 3))
    grid = hm.GridMRF(n_levels=2, random_state=0).fit(images)

    def f(x: np.ndarray) -> np.ndarray:
        assert x.shape[1:] == (2, 3)
        return (x[:, 0, 0] == x[:, 1, 2]).astype(float)

    states = np.array(list(product([0, 1], repeat=6))).reshape(-1, 2, 3)
    p = np.exp(grid.score_samples(states))
    np.testing.assert_allclose(p.sum(), 1.0)
    found = hm.expectation(grid, f, method="exact")
    np.testing.assert_allclose(found.value, p @ f(states), rtol=1e-6)


def test_too_many_states_are_refused() -> None:
    with pytest.raises(ValueError, match=r"about 10\^9 states"):
        hm.expectation(random_rbm(n_visible=30), ink, method="exact")
    assert hm.expectation(random_rbm(n_visible=30), ink, n_samples=400).method == "gibbs"


# -- sampled ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "n_runs"),
    [
        *product(["uniform", "importance", "gibbs"], [30]),
        ("tempered", 12),  # each takes a third of a second
        pytest.param("tempered", 30, marks=pytest.mark.slow),
    ],
)
def test_error_bars_hold_the_truth(method: str, n_runs: int) -> None:
    """Over repetitions, (estimate - truth) / error has a spread of about one."""
    model = random_rbm()
    truth = np.asarray(by_hand(model, several))
    z = []
    for seed in range(n_runs):
        found = hm.expectation(model, several, method=method, n_samples=800, random_state=seed)
        assert found.status == "ok"
        assert found.value.shape == found.std_error.shape == (3,)
        assert found.n_samples >= 800
        z.append((found.value - truth) / found.std_error)
    z = np.array(z)
    # Of standard normal numbers: mean squares and means but for one case in 100,000.
    assert ((z**2).mean(axis=0) < chi2.isf(1e-5, n_runs) / n_runs).all()
    assert ((z**2).mean(axis=0) > chi2.isf(1 - 1e-5, n_runs) / n_runs).all()
    assert (np.abs(z.mean(axis=0)) < 4.4 / np.sqrt(n_runs)).all()


@pytest.mark.slow
def test_gibbs_error_bars_are_not_a_tenth_short() -> None:
    """Sixteen parts of a model that know nothing of each other, each slow to change its mind, are
    sixteen independent figures a run; the same with bars a tenth shorter must be rejected."""
    n_parts, n_runs = 16, 100
    part = hm.RBM.from_parameters(np.full((4, 1), 2.0), np.full(4, -1.0), np.full(1, -4.0))
    truth = hm.expectation(part, ink, method="exact").value
    model = hm.RBM.from_parameters(
        np.kron(np.eye(n_parts), np.full((4, 1), 2.0)),
        np.full(4 * n_parts, -1.0),
        np.full(n_parts, -4.0),
    )

    def parts(x: np.ndarray) -> np.ndarray:
        return x.reshape(len(x), n_parts, 4).sum(axis=2)

    z, n_asked = [], 0
    while len(z) < n_runs and n_asked < 2 * n_runs:
        found = hm.expectation(model, parts, method="gibbs", n_samples=2000, random_state=n_asked)
        n_asked += 1
        if found.status == "ok":
            z.append((found.value - truth) / found.std_error)
    assert n_asked < 1.2 * n_runs
    square, n = np.square(z), n_runs * n_parts
    print(f"{n_asked} runs; root mean square {square.mean() ** 0.5:.3f}")
    assert chi2.sf(square.sum(), n) > 1e-5
    assert chi2.sf(square.sum() / 0.9**2, n) < 1e-5


def test_chains_that_never_meet_get_no_error_bar() -> None:
    model = two_modes()
    with pytest.warns(RuntimeWarning, match="chains_disagree"):
        found = hm.expectation(model, ink, method="gibbs", n_samples=2000, random_state=0)
    assert found.status == "chains_disagree"
    assert np.isnan(found.std_error)
    assert found.r_hat > 1.1
    # Each chain stays where it began: they count as little more than themselves.
    assert found.effective_samples < 128


def test_tempering_crosses_where_gibbs_does_not() -> None:
    model = two_modes(8, 1.5)
    truth = hm.expectation(model, ink, method="exact").value
    with pytest.warns(RuntimeWarning, match="chains_disagree"):
        hm.expectation(model, ink, method="gibbs", n_samples=2000, random_state=0)
    found = hm.expectation(model, ink, method="tempered", n_samples=2000, random_state=0)
    assert found.status == "ok"
    assert found.r_hat < 1.1
    assert abs(found.value - truth) < 5 * found.std_error


def test_uniform_draws_that_mean_nothing_say_so() -> None:
    model = two_modes()
    with pytest.warns(RuntimeWarning, match="few_effective_samples"):
        found = hm.expectation(model, ink, method="uniform", n_samples=200, random_state=0)
    assert np.isnan(found.std_error)
    assert 1.0 <= found.effective_samples < 10


def test_a_question_that_no_draw_answers() -> None:
    """An event that never happened among the draws has no error bar of zero."""
    found = hm.expectation(
        random_rbm(), lambda x: x[:, 0] > 1, method="gibbs", n_samples=400, random_state=0
    )
    assert found.value == 0.0
    assert found.status == "constant"
    assert np.isnan(found.std_error)


def test_same_seed_same_estimate() -> None:
    model = random_rbm()
    for method in ("gibbs", "tempered", "uniform", "importance"):
        first, second, other = (
            hm.expectation(model, ink, method=method, n_samples=400, random_state=seed)
            for seed in (1, 1, 2)
        )
        assert first == second
        assert first.value != other.value


def test_importance_sampling_from_the_model_itself_is_plain_averaging() -> None:
    """Without weights the base is the model: every draw counts fully."""
    bias = np.array([0.3, -1.0, 2.0])
    model = hm.RBM.from_parameters(np.zeros((3, 2)), bias, np.zeros(2))
    model._base_bias = bias
    found = hm.expectation(model, ink, method="importance", n_samples=2000, random_state=0)
    np.testing.assert_allclose(found.effective_samples, 2000)
    truth = (1 / (1 + np.exp(-bias))).sum()
    assert abs(found.value - truth) < 5 * found.std_error


class Falling:
    """A stand-in for chains: independent noise about a mean that falls like exp(-t / tau)."""

    exchange = None

    def __init__(self, tau: float, seed: int) -> None:
        self.tau, self.t, self.generator = tau, 0, np.random.default_rng(seed)
        self.energy = self

    def step(self) -> torch.Tensor:
        self.t += 1
        noise = self.generator.normal(size=(16, 1))
        return torch.from_numpy(noise + 5 * np.exp(-self.t / self.tau))

    def settle(self) -> None: ...

    def log_weight(self, x: torch.Tensor) -> torch.Tensor:
        return x[:, 0]


@pytest.mark.parametrize("tau", [1e-9, 30.0, 100.0])
def test_burn_in_ends_when_the_drift_does(tau: float) -> None:
    errors, lengths = [], []
    for seed in range(20):
        draws, n_burn_in, settled = stationary_draws(Falling(tau, seed), torch.Tensor.numpy, 400)
        assert settled
        errors.append(draws.mean())
        lengths.append(n_burn_in)
    if tau < 1:  # nothing to wait for: a false alarm is rare
        assert np.mean(np.array(lengths) == 32) > 0.7
    else:  # until the drift is below a third of what it began with, at the very least
        assert min(lengths) > tau
    # What is left of the drift is no more than the noise of 16 x 400 draws.
    assert np.sqrt(np.mean(np.square(errors))) < 2 / np.sqrt(16 * 400)


def test_chains_that_never_settle_say_so() -> None:
    class Running(Falling):
        def step(self) -> torch.Tensor:
            self.t += 1
            return torch.from_numpy(self.t + self.generator.normal(size=(16, 1)))

    assert not stationary_draws(Running(1.0, 0), torch.Tensor.numpy, 100)[2]


# -- finite populations -------------------------------------------------------------------------


def test_average_weight_of_a_city() -> None:
    generator = np.random.default_rng(0)
    kilograms = generator.normal(70, 12, 5000)
    city = Population(kilograms)
    exact = hm.expectation(city, lambda w: w)
    np.testing.assert_allclose(exact.value, kilograms.mean())
    for method in ("uniform", "sample"):
        found = hm.expectation(city, lambda w: w, method=method, n_samples=500, random_state=1)
        assert abs(found.value - exact.value) < 5 * found.std_error
        np.testing.assert_allclose(found.effective_samples, 500)
        np.testing.assert_allclose(found.std_error, kilograms.std() / np.sqrt(500), rtol=0.2)


def test_members_that_are_not_equally_likely() -> None:
    generator = np.random.default_rng(0)
    people = generator.normal(size=(400, 2))
    weights = generator.random(400) ** 3
    city = Population(people, weights)
    truth = weights @ people / weights.sum()
    np.testing.assert_allclose(hm.expectation(city, lambda x: x).value, truth)
    for method in ("uniform", "sample"):
        found = hm.expectation(city, lambda x: x, method=method, n_samples=4000, random_state=1)
        assert (np.abs(found.value - truth) < 5 * found.std_error).all()
    # Kong's figure for uniform draws: n over the mean squared relative weight.
    uniform = hm.expectation(city, lambda x: x, method="uniform", n_samples=4000, random_state=1)
    wanted = 4000 * weights.mean() ** 2 / (weights**2).mean()
    np.testing.assert_allclose(uniform.effective_samples, wanted, rtol=0.1)


# -- bad input ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "message"),
    [
        (lambda x: 1.0, "f must give shape"),
        (lambda x: x[:1, 0], "f must give shape"),
        (lambda x: x[:, None, :, None], "f must give shape"),
        (lambda x: np.full(len(x), np.nan), "finite"),
        (lambda x: ["a"] * len(x), "f must map rows to numbers"),
    ],
)
def test_bad_functions(f: Any, message: str) -> None:
    for model in (random_rbm(), Population(np.zeros((10, 3)))):
        with pytest.raises(ValueError, match=message):
            expectation(model, f)


def test_bad_arguments() -> None:
    model = random_rbm()
    with pytest.raises(TypeError, match="f must be a function"):
        hm.expectation(model, 3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="method"):
        hm.expectation(model, ink, method="guess")
    with pytest.raises(ValueError, match="n_samples"):
        hm.expectation(model, ink, n_samples=1)
    with pytest.raises(ValueError, match="n_chains"):
        hm.expectation(model, ink, n_chains=1)
    with pytest.raises(TypeError, match="model must be"):
        hm.expectation(hm.NGram(), ink)
    with pytest.raises(ValueError, match="'exact', 'uniform' or 'sample'"):
        hm.expectation(Population([1, 2, 3]), lambda x: x, method="gibbs")
    with pytest.raises(ValueError, match="weights must be 3"):
        Population([1, 2, 3], [1.0, 2.0])
    with pytest.raises(ValueError, match="not all 0"):
        Population([1, 2, 3], [0.0, 0.0, 0.0])


def test_without_arviz_the_extra_is_named(monkeypatch: Any) -> None:
    plain = builtins.__import__

    def without(name: str, *details: Any, **more: Any) -> Any:
        if name.startswith("arviz"):
            raise ImportError(name)
        return plain(name, *details, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=r"harmonium\[diagnostics\]"):
        hm.expectation(random_rbm(), ink, method="gibbs", n_samples=100)
    assert hm.expectation(random_rbm(), ink, method="exact").status == "ok"
