"""Named attributes beside the pixels: a label (one variable) or yes/no columns.

They are visible units of the same machine, P(x, y, h); questions about x alone sum them out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor

from harmonium.contract.energy import Evidence
from harmonium.data.missing import is_missing
from harmonium.data.states import States
from harmonium.data.tables import Table, as_array
from harmonium.models.rbm.energy import RBMEnergy
from harmonium.units.base import Units
from harmonium.units.bernoulli import Bernoulli
from harmonium.units.categorical import Categorical
from harmonium.units.mixed import Mixed
from harmonium.units.space import states_of

__all__ = ["MAX_SUMMED_ATTRIBUTES", "Attributes", "SummedOut", "joint_units"]

#: Yes/no attributes whose joint states are summed over; beyond, they are sampled.
MAX_SUMMED_ATTRIBUTES = 12
#: Elements of one block of rows x states x hidden units.
_BLOCK_ELEMENTS = 2**22


@dataclass(frozen=True)
class Attributes:
    """What `y` was: one label with `classes`, or the yes/no columns `names`."""

    names: tuple[str, ...]
    #: The label's values in the order of its units; empty for yes/no columns.
    classes: tuple[Any, ...] = ()

    def facts(self) -> dict[str, Any]:
        """What :meth:`from_facts` makes them of again."""
        return {"names": self.names, "classes": self.classes}

    @classmethod
    def from_facts(cls, facts: Any, n_units: int) -> Self | None:
        """The attributes in a model file, or None; ``ValueError`` unless they have `n_units`."""
        if facts is None:
            return None
        found = cls(tuple(facts["names"]), tuple(facts["classes"]))
        if found.units.n_statistics != n_units:
            raise ValueError(f"{n_units} units do not fit the attributes {facts['names']}")
        return found

    @property
    def summable(self) -> bool:
        """Whether questions about x alone can sum over all joint states."""
        return bool(self.classes) or len(self.names) <= MAX_SUMMED_ATTRIBUTES

    @cached_property
    def units(self) -> Units:
        """What the attributes are: one variable of several states, or several of two."""
        return Categorical([len(self.classes)]) if self.classes else Bernoulli(len(self.names))

    @classmethod
    def beside(
        cls, table: Table | States, y: Any, observed: NDArray[np.bool_] | None = None
    ) -> tuple[Self, Table | States, NDArray[np.bool_] | None]:
        """The attributes in `y`, the rows with their states as columns beside, and which cells of
        these are known, given those of the rows that are `observed`; None: all."""
        attributes, states, known = cls.read(y, table.shape[0])
        if isinstance(table, States):
            n_states = max(2, len(attributes.classes))
            return attributes, table.with_beside(states, known, n_states), None
        if sparse.issparse(table):
            if not known.all():
                raise ValueError("y: with missing values X must be a dense array, got sparse rows")
            return attributes, sparse.hstack([table, states], format="csr"), None
        kind = np.result_type(np.uint8, states) if table.dtype.kind in "bf" else table.dtype
        joint = np.hstack([np.asarray(table, dtype=kind), states])
        if known.all() and observed is None:
            return attributes, joint, None
        rows = np.ones(table.shape, dtype=bool) if observed is None else observed
        return attributes, joint, np.hstack([rows, known])

    @classmethod
    def read(cls, y: Any, n_rows: int) -> tuple[Self, NDArray[Any], NDArray[np.bool_]]:
        """The attributes in `y`, their states, integers ``(n_rows, n_variables)``, and which of
        them are known, of the same shape.

        `y` is a column of labels, or a table (frame, dict of columns or array) of 0 and 1;
        None, NaN and pandas' NA are missing, 0 among the states.
        """
        if isinstance(y, Mapping):
            names = tuple(str(name) for name in y)
            table = np.stack([_column(column) for column in y.values()], axis=1)
        else:
            columns = getattr(y, "columns", None)
            table = _column(y)
            width = table.shape[1] if table.ndim == 2 else 0
            names = tuple(map(str, columns if columns is not None else range(width)))
        if len(table) != n_rows:
            raise ValueError(f"y has {len(table)} rows, X has {n_rows}")
        if table.ndim == 2 and table.shape[1] == 1 and not isinstance(y, Mapping):
            table = table[:, 0]
        if table.ndim == 1:
            return cls._read_label(y, table)
        known = ~_missing(table)
        if table.ndim != 2 or not np.isin(table[known], (0, 1)).all():
            raise ValueError("y must be a column of labels or a table of 0 and 1")
        if len(set(names)) < len(names):
            raise ValueError(f"y: an attribute's name comes twice in {', '.join(names)}")
        if not known.any(0).all():
            empty = names[int(np.argmin(known.any(0)))]
            raise ValueError(f"y: every value of {empty!r} is missing; leave it out")
        states = np.zeros(table.shape, dtype=np.uint8)
        states[known] = table[known].astype(np.uint8)
        return cls(names), states, known

    @classmethod
    def _read_label(
        cls, y: Any, column: NDArray[Any]
    ) -> tuple[Self, NDArray[Any], NDArray[np.bool_]]:
        known = ~_missing(column)
        given = column[known]
        if not len(given):
            raise ValueError("y: every label is missing; leave y out")
        if given.dtype.kind == "f" and not (given == np.floor(given)).all():
            raise ValueError("y must be labels (integers, strings; None or NaN), got fractions")
        if given.dtype.kind == "O":
            kinds = {type(value) for value in given.tolist()}
            if len(kinds) > 1:
                names = ", ".join(sorted(kind.__name__ for kind in kinds))
                raise ValueError(f"y must be labels of one kind, got {names} together")
        classes, codes = np.unique(given, return_inverse=True)
        name = getattr(y, "name", None)
        kept = np.zeros((len(column), 1), dtype=np.min_scalar_type(len(classes)))
        kept[known, 0] = codes
        label = (str(name) if name is not None else "label",)
        return cls(label, tuple(classes.tolist())), kept, known.reshape(-1, 1)

    def row(self, wanted: Any) -> NDArray[np.float64]:
        """`wanted` as states, NaN where free: ``{name: value}``, or a label's bare value."""
        states = np.full(self.units.n_variables, np.nan)
        if not isinstance(wanted, Mapping):
            if not self.classes:
                raise ValueError(f"attributes must be a dict of name: 0 or 1, got {wanted!r}")
            wanted = {self.names[0]: wanted}
        for name, value in wanted.items():
            if name not in self.names:
                raise ValueError(
                    f"attributes: {name!r} is not among {', '.join(map(repr, self.names))}"
                )
            if self.classes:
                if value not in self.classes:
                    raise ValueError(
                        f"attributes: {name} must be one of {', '.join(map(str, self.classes))}, "
                        f"got {value!r}"
                    )
                states[0] = float(self.classes.index(value))
            elif value not in (0, 1):
                raise ValueError(f"attributes: {name} must be 0 or 1, got {value!r}")
            else:
                states[self.names.index(name)] = float(value)
        return states

    def states(self) -> Tensor:
        """The statistics of every joint state, float64 ``(n_states, n_statistics)``."""
        if not self.summable:
            raise ValueError(
                f"P(x) sums over attributes, of which there are {len(self.names)}; "
                f"wanted at most {MAX_SUMMED_ATTRIBUTES}"
            )
        return torch.cat([self.units.statistics(block) for block in states_of(self.units.sizes)])


def _column(values: Any) -> NDArray[Any]:
    """A column, or a table, as an array in which what is missing stays so: a list of words and
    NaN would become one of words."""
    if isinstance(values, list | tuple):
        as_given = np.array(values, dtype=object)
        if _missing(as_given).any():
            return as_given
    return np.asarray(as_array(values))


def _missing(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Which are None, NaN, NaT or pandas' NA, of any shape."""
    if values.dtype.kind in "fmM":
        return np.isnan(values) if values.dtype.kind == "f" else np.isnat(values)
    if values.dtype.kind != "O":
        return np.zeros(values.shape, dtype=bool)
    flat = [is_missing(value) for value in values.reshape(-1)]
    return np.array(flat, dtype=bool).reshape(values.shape)


def joint_units(own: Units, attributes: Attributes | None) -> Units:
    """The visible units of a machine: those of a row, then the attributes'."""
    if attributes is None:
        return own
    beside = attributes.units
    if isinstance(own, Bernoulli) and isinstance(beside, Bernoulli):
        return Bernoulli(own.n_variables + beside.n_variables)
    return Mixed([*(own.parts if isinstance(own, Mixed) else [own]), beside])


class SummedOut:
    """P(x) of a machine whose attributes, beside x, are summed over all their states.

    `states` ``(n_states, n_statistics)`` are the attributes' statistics; x are the first columns
    of the rows given, of the units `own`. Costs a sum over the states for each row.
    """

    def __init__(self, energy: RBMEnergy, own: Units, states: Tensor) -> None:
        self.energy, self.own = energy, own
        self.n_own, self.n_statistics = own.n_variables, own.n_statistics
        self.states = states.to(energy.device)

    def _parts(self, x: Tensor) -> tuple[Tensor, ...]:
        block = max(1, _BLOCK_ELEMENTS // (len(self.states) * self.energy.n_hidden))
        return torch.split(self.own.statistics(x[:, : self.n_own].double()), block)

    @property
    def bias(self) -> Tensor:
        """What each state weighs by itself, float64 ``(n_states,)``."""
        return self.states @ self.energy.visible_bias.double()[self.n_statistics :]

    def logits(self, x: Tensor) -> Tensor:
        """Of the hidden units, with each state beside rows of statistics of x: ``(n, n_states,
        n_hidden)``."""
        weights = self.energy.weights.double()
        own = self.energy.hidden_bias.double() + x @ weights[: self.n_statistics]
        return own.unsqueeze(1) + (self.states @ weights[self.n_statistics :]).unsqueeze(0)

    def _weights(self, x: Tensor, logits: Tensor) -> Tensor:
        own = x @ self.energy.visible_bias.double()[: self.n_statistics]
        return own.unsqueeze(1) + self.bias + self.energy.hidden.log_partition(logits)

    def joint_log_weights(self, x: Tensor) -> Tensor:
        """log of the unnormalised P(x, y), hidden units summed out, up to what x weighs without
        any weights: float64 ``(n, n_states)``."""
        return torch.cat([self._weights(part, self.logits(part)) for part in self._parts(x)])

    def log_weight(self, x: Tensor) -> Tensor:
        """log of the unnormalised P(x): float64 ``(n,)``."""
        own = self.own.log_weight(x[:, : self.n_own])
        return torch.logsumexp(self.joint_log_weights(x), 1) + own

    def mean_hidden(self, x: Tensor) -> Tensor:
        """E[h given x], the attributes summed out: float64 ``(n, n_hidden)``."""
        means = []
        for part in self._parts(x):
            logits = self.logits(part)
            posterior = torch.softmax(self._weights(part, logits), 1).unsqueeze(1)
            means.append(torch.bmm(posterior, self.energy.hidden.mean(logits)).squeeze(1))
        return torch.cat(means)

    def ascend(self, x: Tensor, evidence: Evidence | None = None) -> Tensor:
        """As :meth:`RBMEnergy.ascend`, with hidden units and attributes summed out."""
        hidden = self.mean_hidden(x).to(self.energy.dtype)
        best = self.energy.units.mode(self.energy.visible_logits(hidden, evidence=evidence))
        best[:, self.n_own :] = x[:, self.n_own :]
        if evidence is not None and evidence.free is not None:
            best = torch.where(evidence.free, best, x)
        return best
