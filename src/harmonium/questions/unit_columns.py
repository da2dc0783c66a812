"""Which columns of a table a hidden unit speaks of, and what it says of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from harmonium.models.frames import Layout

__all__ = ["UnitColumn", "unit_columns"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class UnitColumn:
    """What a hidden unit that is on does to a column by itself.

    ``nats`` is the Kullback-Leibler divergence of the column's distribution with the unit on from
    its own rates. ``before`` and ``after`` are either, ``(n_states,)``; of a column of numbers
    ``means`` are the two means, None of labels. ``labels`` are the states; None stands for a
    missing cell where that is a state.
    """

    unit: int
    column: str
    nats: float
    labels: tuple[Any, ...]
    before: Array
    after: Array
    means: tuple[float, float] | None


def unit_columns(model: Any) -> list[list[UnitColumn]]:
    """For each hidden unit of an RBM of a table, the columns, that it changes most first.

    A unit that is on multiplies the odds of a column's states by exp(w / T); here those of the
    rates that the column had among the rows learned from, all other units being left aside: so
    it is what the unit's weights say, not what the model as a whole makes of them.
    """
    arrays, facts = model.to_state()
    if facts.get("table") is None:
        raise ValueError("model: wanted one that was fitted on a table, its columns having kinds")
    layout = Layout.from_facts(facts["table"])
    rates = _rates(layout, arrays["base_bias"])
    weights = np.asarray(arrays["components"], dtype=np.float64) / float(model.temperature)
    shifts = [own.numpy() for own in layout.units.by_state(torch.from_numpy(weights.T))]
    found = []
    for unit in range(len(weights)):
        said = [
            _said(unit, column, shift[:, unit], own)
            for column, shift, own in zip(layout.columns, shifts, rates, strict=True)
        ]
        found.append(sorted(said, key=lambda one: -one.nats))
    return found


def _rates(layout: Layout, base_bias: Any) -> list[Array]:
    units = layout.units
    bias = torch.from_numpy(np.asarray(base_bias, dtype=np.float64))[: units.n_statistics]
    each = units.probabilities(bias.unsqueeze(0), max(units.sizes))[0].numpy()
    return [own[:size] for own, size in zip(each, units.sizes, strict=True)]


def _said(unit: int, column: Any, shift: Array, rates: Array) -> UnitColumn:
    with np.errstate(divide="ignore"):
        log_after = np.log(rates) + shift
    log_after -= np.logaddexp.reduce(log_after)
    after = np.exp(log_after)
    seen = after > 0
    nats = float((after[seen] * (log_after[seen] - np.log(rates[seen]))).sum())
    n = column.n_states
    means = None
    labels: list[Any] = list(getattr(column, "categories", ()))
    if column.is_number:
        centres = column.centres()
        labels = centres.tolist()
        sums = [float(own[:n] @ centres / own[:n].sum()) for own in (rates, after)]
        means = (sums[0], sums[1])
    labels += [None] * (len(rates) - n)
    return UnitColumn(unit, column.name, max(nats, 0.0), tuple(labels), rates, after, means)
