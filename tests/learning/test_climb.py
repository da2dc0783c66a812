"""L-BFGS on what is known exactly: finds the optimum, resumes its path, ends with its reason."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from harmonium.contract.energy import Energy, Parameters
from harmonium.contract.stopping import StopReason
from harmonium.learning import climb as module
from harmonium.learning.ascent import Gaussian
from harmonium.learning.climb import Climb, ClimbPlan, ExactLikelihood, Objective
from harmonium.learning.record import Look, Record
from harmonium.models.network.energy import FactorEnergy
from harmonium.models.network.exact.engine import Engine

SIZES = (2, 3, 2)
SCOPES = [(0, 1), (1, 2), (0, 2)]


def energy(seed: int = 0) -> FactorEnergy:
    source = np.random.default_rng(seed)
    tables = [source.normal(size=tuple(SIZES[v] for v in scope)) for scope in SCOPES]
    return FactorEnergy(Engine(SIZES, SCOPES, tables), torch.float64)


def moments(seed: int = 1) -> Parameters:
    source = np.random.default_rng(seed)
    rows = np.stack([source.integers(0, size, 300) for size in SIZES], 1)
    rows[:200, 1] = rows[:200, 0]
    return energy().moments(
        torch.from_numpy(rows).double(), torch.full((300,), 1 / 300, dtype=torch.float64)
    )


def climb(n_iterations: int = 500, decay: float = 0.0, tol: float = 1e-8) -> Climb:
    start = energy()
    return Climb(
        start,
        ExactLikelihood(moments()),
        Gaussian({"tables": decay}),
        {"tables": torch.ones(len(start.tables))},
        ClimbPlan(n_iterations, tol),
        Record(start.parameters(), None),
    )


@pytest.mark.parametrize("decay", [0.0, 0.3])
def test_it_ends_where_another_optimiser_does(decay: float) -> None:
    ours = climb(decay=decay)
    result = ours.run()
    assert result.reason is StopReason.DONE
    assert ours.slack() <= 1e-8
    judge, data = energy(), moments()

    def minus(flat: np.ndarray) -> float:
        judge.tables.copy_(torch.from_numpy(flat))
        log_z = judge.exact_log_partition()
        assert log_z is not None
        return log_z - float(data["tables"].double() @ judge.tables) + 0.5 * decay * flat @ flat

    best = minimize(minus, np.zeros(len(judge.tables)), method="BFGS", options={"gtol": 1e-7})
    found = minus(result.parameters["tables"].numpy())
    assert found == pytest.approx(best.fun, abs=1e-9)
    assert result.history["train"][-1] > result.history["train"][0]


def test_turned_to_another_objective_it_keeps_what_it_learned() -> None:
    """Curvature of moments nearby: the optimum of the others, in fewer steps than from new."""
    first = climb(decay=0.01)
    first.run()
    near = {"tables": 0.9 * moments()["tables"] + 0.1 * moments(seed=2)["tables"]}
    other = Climb(
        first.energy,
        ExactLikelihood(near),
        Gaussian({"tables": 0.01}),
        {"tables": torch.ones(len(near["tables"]))},
        ClimbPlan(500, 1e-8),
        Record(first.energy.parameters(), None),
    )
    turned = first.turned_to(other.objective, other.plan, Record(first.energy.parameters(), None))
    steps = turned.run().n_updates
    assert turned.slack() <= 1e-8
    found = turned.value
    first.run()  # it stands where it stood
    assert other.run().n_updates > steps
    assert other.value == pytest.approx(found, abs=1e-9)


def test_a_scale_of_zero_holds_a_parameter_fast() -> None:
    start = energy()
    scale = torch.ones(len(start.tables))
    scale[4] = 0.0
    before = float(start.tables[4])
    plan, record = ClimbPlan(50, 1e-8), Record(start.parameters(), None)
    Climb(start, ExactLikelihood(moments()), Gaussian(), {"tables": scale}, plan, record).run()
    assert float(start.tables[4]) == before


def test_it_goes_on_bit_for_bit_from_every_iteration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MEMORY", 4)
    whole = climb()
    states = []

    def keep(_: Look) -> None:
        states.append((whole.state().copy(), whole.record.state().copy()))

    end = whole.run([keep])
    assert len(states) > 8  # more than the steps that are remembered
    for state, seen in (states[0], states[5], states[-3]):
        other = climb()
        other.restore(state)
        other.record.restore(seen)
        again = other.run()
        assert torch.equal(again.parameters["tables"], end.parameters["tables"])
        assert again.n_updates == end.n_updates
        assert again.history["train"][-3:] == end.history["train"][-3:]


def test_iterations_that_run_out_are_told_from_a_flat_end() -> None:
    assert climb(3).run().reason is StopReason.MAX_ITER
    assert climb(3).run().n_updates == 3
    assert climb(tol=10.0).run().n_updates == 0


class Cliff(Objective):
    """Higher and flatter, and then no number."""

    name = "train"

    def value_and_gradient(self, energy: Energy) -> tuple[float, Parameters]:
        tables = energy.parameters()["tables"].double()
        left = float(torch.exp(-tables.sum() / 40.0))
        value = 3.0 * (1.0 - left)
        slope = torch.full_like(tables, 3.0 * left / 40.0)
        return (value if value < 2.5 else math.nan), {"tables": slope}


def test_what_stops_being_finite_is_not_kept() -> None:
    start = energy()
    ones = {"tables": torch.ones(len(start.tables))}
    record = Record(start.parameters(), None)
    result = Climb(start, Cliff(), Gaussian(), ones, ClimbPlan(5000, 1e-8), record).run()
    assert result.reason in {StopReason.DIVERGED, StopReason.MAX_ITER}
    assert result.n_updates >= 1
    assert torch.isfinite(start.tables).all()
    assert all(math.isfinite(value) for value in result.history["train"])


def test_an_interrupted_climb_keeps_the_best_so_far() -> None:
    ours = climb()

    def interrupt(look: Look) -> None:
        if look.update == 4:
            raise KeyboardInterrupt

    result = ours.run([interrupt])
    assert result.reason is StopReason.INTERRUPTED
    assert result.n_updates == 4
    assert torch.equal(ours.energy.parameters()["tables"], result.parameters["tables"])
