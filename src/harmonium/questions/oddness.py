"""How odd rows of a table are: as a whole, column by column, and in how columns go together.

The density of a number depends on the scale it is told on: of a skew column it may be greatest
where rows are odd. How far out a number lies does not. So a row is seen in three ways, each a
logarithm of probabilities in nats:

- **row**: log P(x).
- **tails**: the sum over columns of log P(as far out as x_j, or farther): twice the smaller of both
  tails of a number, as ECOD takes them (Li and others 2022), and all labels at most as frequent.
- **together**: log P(x) less what the columns say each by itself, which is the log density of their
  copula and no unit enters, plus the tails.

Odd rows of one table are odd in one of these, and of another in another; so all three count, each
divided by how much it spreads over rows that belong.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from harmonium.contract.joint import JointDistribution
from harmonium.data.columns.binned import Binned
from harmonium.data.schema import Schema
from harmonium.data.shards import Shards
from harmonium.models.frames import framed
from harmonium.models.out_of_core import by_blocks
from harmonium.questions.tables_like import schema_of

__all__ = ["Views", "has_numbers", "label_rates", "rates_from", "views_of"]

Array = NDArray[np.float64]


def has_numbers(model: JointDistribution) -> bool:
    """Whether some column of the model's rows is a number, whose density has a unit."""
    schema = schema_of(model)
    return schema is not None and any(column.is_number for column in schema.columns)


def label_rates(schema: Schema, X: Any) -> dict[str, Array]:
    """Shares of the labels of each column of labels among rows, half a row more each."""
    labels = [column for column in schema.columns if not isinstance(column, Binned)]
    counts = {column.name: np.full(column.n_states, 0.5) for column in labels}
    for block in X.blocks() if isinstance(X, Shards) else [X]:
        values = schema.read_values(framed(block))
        for column in labels:
            states = column.states(values[column.name], "missing")
            known = states[~np.isnan(states)].astype(np.int64)
            counts[column.name] += np.bincount(known, minlength=column.n_states)
    return {name: own / own.sum() for name, own in counts.items()}


def rates_from(facts: Any, schema: Schema) -> dict[str, Array]:
    """:func:`label_rates` out of a file; ``ValueError`` for what are none of the schema's."""
    found = {}
    for column in schema.columns:
        if not isinstance(column, Binned):
            own = np.asarray(facts.get(column.name), dtype=np.float64)
            if own.shape != (column.n_states,) or not (own > 0).all():
                raise ValueError(f"rates: of column {column.name!r} wanted one a label")
            found[column.name] = own
    return found


@by_blocks()
def views_of(model: Any, X: Any, rates: Mapping[str, Array]) -> Array:
    """Row, tails and together, as the module says, ``(n, 3)`` in nats; -inf in the last two for
    rows that cannot be. Missing cells are in the first alone, as the model has them."""
    row = np.asarray(model.score_samples(X), dtype=np.float64)
    schema = model.schema_
    values = schema.read_values(framed(X))
    alone, tails = np.zeros(len(row)), np.zeros(len(row))
    for column in schema.columns:
        own = values[column.name]
        if isinstance(column, Binned):
            alone += column.log_alone(own)
            tails += column.log_tails(own)
        else:
            states = column.states(own, "missing")
            known, shares = ~np.isnan(states), rates[column.name]
            at = states[known].astype(np.int64)
            as_rare = shares <= shares[:, None] * (1 + 1e-9)
            alone[known] += np.log(shares)[at]
            tails[known] += np.log((shares * as_rare).sum(1))[at]
    with np.errstate(invalid="ignore"):
        found = np.stack([row, tails, row - alone + tails], axis=1)
    found[np.isneginf(row) | np.isnan(found).any(1), 1:] = -np.inf
    return found


@dataclass(frozen=True)
class Views:
    """The three views put together: ``weights (3,)`` and a `shift`, in nats."""

    weights: Array
    shift: float

    @classmethod
    def fitted(cls, views: Array) -> Self:
        """Weights under which each view spreads alike over rows that belong ``(n, 3)``, so that
        mean and spread are those of log P. A view that does not vary has none."""
        finite = views[np.isfinite(views).all(1)]
        if len(finite) < 2:
            return cls(np.array([1.0, 0.0, 0.0]), 0.0)
        mean, spread = finite.mean(0), finite.std(0)
        varies = spread > 1e-9 * np.maximum(np.abs(mean), 1.0)
        if not varies[0]:
            return cls(np.array([1.0, 0.0, 0.0]), 0.0)
        weights = np.where(varies, spread[0] / np.where(varies, spread, 1.0), 0.0) / varies.sum()
        return cls(weights, float(mean[0] - weights @ mean))

    def to_facts(self) -> list[float]:
        """What :meth:`from_facts` makes it of again."""
        return [*self.weights.tolist(), self.shift]

    @classmethod
    def from_facts(cls, facts: Any) -> Self:
        """The inverse of :meth:`to_facts`; ``ValueError`` for what is none."""
        numbers = np.asarray(facts, dtype=np.float64)
        if numbers.shape != (4,) or not np.isfinite(numbers).all() or (numbers[:3] < 0).any():
            raise ValueError(f"views: wanted three weights and a shift, got {facts!r}")
        return cls(numbers[:3], float(numbers[3]))

    def score(self, views: Array) -> Array:
        """One figure a row ``(n,)``; -inf for rows that cannot be."""
        possible = np.isfinite(views).all(1)
        found = np.full(len(views), -np.inf)
        found[possible] = views[possible] @ self.weights + self.shift
        return found
