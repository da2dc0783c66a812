"""Every number that the fit of a Boltzmann machine is run with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from harmonium.compute.memory import machine_memory
from harmonium.learning.plan import Plan, Wanted, n_held_of

__all__ = ["BoltzmannParameters", "check_memory", "plan_for"]

#: Updates and chains of a fit; docs/design_notes.md has the measurements behind them.
_N_UPDATES, _N_CHAINS = 1000, 1000
#: The rate at the start, of steps that are over their curvature.
_RATE = 0.02
#: With hidden units, which are on a plateau at first: updates, and the rate times the number of
#: variables; the rate is at least the other, and at most so much.
_HIDDEN_UPDATES, _HIDDEN_RATE, _MOST_RATE = 2000, 1.0, 0.2
#: Rows that tell well enough which parameters are best; more are better learned from.
_MOST_HELD = 2000
#: Arrays as large as the couplings that a fit has at once, by learner.
_COPIES = {"pcd": 11, "pt": 11, "exact": 14, "pseudo": 5}


@dataclass(frozen=True)
class BoltzmannParameters(Wanted):
    """What a fit reads of the model's parameters, checked; named as they are."""

    learner: str
    graph: Any
    n_components: int
    n_updates: int | str
    batch_size: int | str
    learning_rate: float | str
    n_chains: int | str
    n_gibbs: int
    weight_decay: float | str
    temperature: float


def plan_for(wanted: BoltzmannParameters, n_rows: int, n_variables: int, counted: bool) -> Plan:
    """`counted` says that data are counted once, so that no batch is looked at."""

    def chosen(name: str, automatic: Any) -> Any:
        value = getattr(wanted, name)
        return automatic if value == "auto" else value

    hidden, n_updates, rate = wanted.n_components, _N_UPDATES, _RATE
    if hidden:
        n_updates = _HIDDEN_UPDATES
        rate = min(max(_HIDDEN_RATE / n_variables, _RATE), _MOST_RATE)
    n_held = n_held_of(wanted.validation_fraction, n_rows, _MOST_HELD)
    n_chains = int(chosen("n_chains", _N_CHAINS))
    # Of counted data a batch is but where lost chains begin again.
    batch = n_chains if counted else int(chosen("batch_size", _N_CHAINS))
    return Plan(
        n_updates=int(chosen("n_updates", n_updates)),
        batch_size=min(batch, n_rows - n_held),
        rate=float(chosen("learning_rate", rate)),
        n_chains=n_chains,
        n_gibbs=wanted.n_gibbs,
        n_held=n_held,
        time_limit=wanted.time_limit,
        n_looks=10,
        n_patient=_HIDDEN_UPDATES if hidden else 300,
    )


def check_memory(n_statistics: int, learner: str) -> None:
    """Refuse couplings that would not fit in memory, before any work."""
    wanted = 4 * n_statistics**2 * _COPIES[learner] / 2**30
    there = machine_memory() / 2**30
    if wanted > there:
        raise ValueError(
            f"couplings between {n_statistics:,} states of columns want {wanted:,.1f} GiB with "
            f"learner={learner!r}, this machine has {there:,.1f}; leave out columns, or states"
        )
