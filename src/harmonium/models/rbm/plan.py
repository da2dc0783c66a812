"""Every number that the fit of an RBM is run with: its plan, its prior, its metric."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from harmonium.contract.energy import Metric
from harmonium.learning.ascent import Ascent, Gaussian, Plain, Prior
from harmonium.learning.plan import Plan, Wanted, n_held_of
from harmonium.models.rbm.centring import Centred, CentredPull
from harmonium.models.rbm.energy import RBMEnergy
from harmonium.models.rbm.standardised import Standardised
from harmonium.units.base import Units

__all__ = [
    "FEW_ROWS",
    "RBMParameters",
    "ascent_of",
    "is_grouped",
    "metric_for",
    "plan_for",
    "prior_for",
]

#: Precision of the Gaussian prior on W behind weight_decay="auto".
_PRIOR_PRECISION = 2.0
#: ... but never less decay than this: below, chains stop mixing on large tables.
_LEAST_DECAY = 4e-4
#: Precision of the prior on second differences along levels in order, behind smoothing="auto"
#: where held-out rows are not asked.
_SMOOTHING = 3.0
#: Fewer rows than this are learned at half the rate.
FEW_ROWS = 5000
#: Updates of a fit; of few rows of labels and bins, which are over-learned before.
_N_UPDATES, _FEW_UPDATES = 100_000, 40_000
#: Share of the rate that chains follow, for few rows.
_SLOWER = 0.4
#: Updates with holes, as a share: each costs twice, and few rows are then not learned slower, since
#: what is not known slows learning by itself.
_WITH_HOLES = 0.5
#: And how many errors of held-out scores are no over-learning: at that rate they stand still for
#: long, and rise when it falls.
_BEHIND_WITH_HOLES = 2.0
#: Fewer than this cannot tell a column that is always 0 from one that seldom is not.
_SO_FEW = 100
#: The fastest where chains follow only a part of the objective, or none of it.
_FASTEST = 2.0
#: Rows that tell well enough which parameters are best; more are better learned from.
_MOST_HELD = 2000


@dataclass(frozen=True)
class RBMParameters(Wanted):
    """What a fit reads of the model's parameters, checked; named as they are."""

    n_components: int
    hidden: str
    learner: str
    n_updates: int | str
    batch_size: int | str
    learning_rate: float | str
    n_chains: int | str
    n_gibbs: int
    centered: bool
    weight_decay: float | str
    smoothing: float | str
    discriminative: float
    temperature: float
    precision: str


def plan_for(
    wanted: RBMParameters, n_rows: int, followed: float | None = None, *, holes: bool = False
) -> Plan:
    """Every number the user left to us; docs/design_notes.md has the measurements behind them.
    `followed` is the rate that chains follow, where it was looked for; `holes`: of rows with
    unknown cells."""

    def chosen(name: str, automatic: Any) -> Any:
        value = getattr(wanted, name)
        return automatic if value == "auto" else value

    n_held = n_held_of(wanted.validation_fraction, n_rows, _MOST_HELD)
    n_kept = n_rows - n_held
    rate = 0.05 if n_kept < FEW_ROWS else 0.1
    n_updates = _N_UPDATES
    if followed is not None and n_kept < FEW_ROWS:  # known before noise has averaged out
        rate, n_updates = followed if holes else followed * _SLOWER, _FEW_UPDATES
    elif followed is not None:
        rate = followed
    if followed is not None and holes:
        n_updates = int(_WITH_HOLES * n_updates)
    # The chains' part of the objective goes on at this rate, the rest by what it weighs beside.
    rate /= max(1.0 - wanted.discriminative, rate / _FASTEST)
    return Plan(
        n_updates=int(chosen("n_updates", n_updates)),
        batch_size=min(int(chosen("batch_size", 100)), n_kept),
        rate=float(chosen("learning_rate", rate)),
        n_chains=int(chosen("n_chains", 100)),
        n_gibbs=wanted.n_gibbs,
        n_held=n_held,
        time_limit=wanted.time_limit,
        least_behind=_BEHIND_WITH_HOLES if followed is not None and holes else 0.0,
    )


def prior_for(wanted: RBMParameters, energy: RBMEnergy, n_rows: int) -> Gaussian:
    """On the weights: of fixed width for ``"auto"``, so weaker the more rows there are. Few rows
    also pull the biases to where independent columns have them, as strongly as one row."""
    if wanted.weight_decay != "auto":
        return Gaussian({"weights": float(wanted.weight_decay)})
    precisions: dict[str, float | Tensor] = {
        "weights": max(_PRIOR_PRECISION / n_rows, _LEAST_DECAY)
    }
    if n_rows < _SO_FEW:
        precisions["visible_bias"] = 1.0 / n_rows
    return Gaussian(precisions, {"visible_bias": energy.base_bias})


def is_grouped(units: Units) -> bool:
    """Whether most statistics are those of labels and bins."""
    n_plain = sum(size == 2 for size in units.sizes)
    return 2 * n_plain < units.n_statistics


def metric_for(wanted: RBMParameters, energy: RBMEnergy) -> Metric:
    if not energy.hidden.binary:
        return Standardised(energy.base_mean, energy.hidden, centred=wanted.centered)
    return Centred(energy.base_mean, energy.n_hidden) if wanted.centered else Plain()


def ascent_of(wanted: RBMParameters, energy: RBMEnergy, prior: Gaussian, n_rows: int) -> Ascent:
    """How an energy climbs on `n_rows` rows."""
    metric = metric_for(wanted, energy)
    if not is_grouped(energy.units):
        return Ascent(energy, prior, metric)
    return Ascent(energy, _along(wanted, energy, prior, metric, n_rows), metric)


def _along(
    wanted: RBMParameters, energy: RBMEnergy, prior: Gaussian, metric: Metric, n_rows: int
) -> Prior:
    """The prior whose pull on weights takes the biases along, for tables of labels and bins."""
    asked = wanted.smoothing
    smoothing = _SMOOTHING / n_rows if isinstance(asked, str) else float(asked)
    if isinstance(metric, Centred | Standardised):
        offsets = (metric.visible_mean, metric.hidden_mean)
    elif smoothing and energy.units.runs:
        offsets = (torch.zeros_like(energy.visible_bias), torch.zeros_like(energy.hidden_bias))
    else:
        return prior
    precisions = dict(prior.precisions)
    decay = float(precisions.pop("weights", 0.0))
    biases = Gaussian(precisions, prior.centres)
    return CentredPull(decay, offsets, biases, smoothing, energy.units.runs)
