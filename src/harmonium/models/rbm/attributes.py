"""Named attributes beside the pixels: a label (one softmax group) or yes/no columns.

They are visible units of the same machine, P(x, y, h); questions about x alone sum them out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import softplus

from harmonium.contract.energy import Evidence
from harmonium.models.rbm.energy import RBMEnergy

__all__ = [
    "MAX_SUMMED_ATTRIBUTES",
    "Attributes",
    "climb_summed",
    "log_weights",
    "mean_hidden",
    "pseudo_log_likelihood",
]

#: Yes/no attributes whose joint states are summed over; beyond, they are sampled.
MAX_SUMMED_ATTRIBUTES = 12
#: Elements of one block of rows x states x hidden units.
_BLOCK_ELEMENTS = 2**24
#: Steps of a climb; each raises some row, and few rows need more than a dozen.
_MAX_STEPS = 100


@dataclass(frozen=True)
class Attributes:
    """What `y` was: one label with `classes`, or the yes/no columns `names`."""

    names: tuple[str, ...]
    #: The label's values in the order of its units; empty for yes/no columns.
    classes: tuple[Any, ...] = ()

    @property
    def n_units(self) -> int:
        """Visible units that the attributes take."""
        return len(self.classes) or len(self.names)

    @property
    def can_be_summed(self) -> bool:
        """Whether :meth:`states` lists them all."""
        return bool(self.classes) or len(self.names) <= MAX_SUMMED_ATTRIBUTES

    @classmethod
    def read(cls, y: Any, n_rows: int) -> tuple[Self, NDArray[np.uint8]]:
        """The attributes in `y` and their units, uint8 ``(n_rows, n_units)``.

        `y` is a column of labels, or a table (frame, dict of columns or array) of 0 and 1.
        """
        if isinstance(y, Mapping):
            names = tuple(str(name) for name in y)
            table = np.stack([np.asarray(column) for column in y.values()], axis=1)
        else:
            columns = getattr(y, "columns", None)
            table = np.asarray(y.to_numpy() if hasattr(y, "to_numpy") else y)
            width = table.shape[1] if table.ndim == 2 else 0
            names = tuple(map(str, columns if columns is not None else range(width)))
        if len(table) != n_rows:
            raise ValueError(f"y has {len(table)} rows, X has {n_rows}")
        if table.ndim == 2 and table.shape[1] == 1 and not isinstance(y, Mapping):
            table = table[:, 0]
        if table.ndim == 1:
            return cls._read_label(y, table)
        if table.ndim != 2 or not np.isin(table, (0, 1)).all():
            raise ValueError("y must be a column of labels or a table of 0 and 1")
        if len(set(names)) < len(names):
            raise ValueError(f"y: an attribute's name comes twice in {', '.join(names)}")
        return cls(names), table.astype(np.uint8)

    @classmethod
    def _read_label(cls, y: Any, column: NDArray[Any]) -> tuple[Self, NDArray[np.uint8]]:
        if column.dtype.kind == "f" and not (column == np.floor(column)).all():
            raise ValueError("y must be labels (integers, strings), got fractions or NaN")
        classes, codes = np.unique(column, return_inverse=True)
        units = np.zeros((len(column), len(classes)), dtype=np.uint8)
        units[np.arange(len(column)), codes] = 1
        name = getattr(y, "name", None)
        return cls((str(name) if name is not None else "label",), tuple(classes.tolist())), units

    def row(self, wanted: Any) -> NDArray[np.float64]:
        """`wanted` as units, NaN where free: ``{name: value}``, or a label's bare value."""
        units = np.full(self.n_units, np.nan)
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
                units[:] = 0.0
                units[self.classes.index(value)] = 1.0
            elif value not in (0, 1):
                raise ValueError(f"attributes: {name} must be 0 or 1, got {value!r}")
            else:
                units[self.names.index(name)] = float(value)
        return units

    def states(self) -> Tensor:
        """Every joint state of the units, float64 ``(n_states, n_units)``."""
        if self.classes:
            return torch.eye(len(self.classes), dtype=torch.float64)
        if not self.can_be_summed:
            raise ValueError(
                f"P(x) sums over attributes, of which there are {len(self.names)}; "
                f"wanted at most {MAX_SUMMED_ATTRIBUTES}"
            )
        index = torch.arange(2 ** len(self.names)).unsqueeze(1)
        return ((index >> torch.arange(len(self.names))) & 1).double()


def _summed(energy: RBMEnergy, x: Tensor, states: Tensor) -> tuple[Tensor, Tensor]:
    """log weight of each row with each state ``(n, S)``, and the hidden logits ``(n, S, h)``."""
    n = x.shape[1]
    wide = x.double()
    pixels = wide @ energy.visible_bias[:n].double()
    logits = energy.hidden_bias.double() + wide @ energy.weights[:n].double()
    bias = states @ energy.visible_bias[n:].double()
    logits = logits.unsqueeze(1) + (states @ energy.weights[n:].double()).unsqueeze(0)
    return pixels.unsqueeze(1) + bias + softplus(logits).sum(2), logits


def log_weights(energy: RBMEnergy, x: Tensor, states: Tensor) -> Tensor:
    """log of the unnormalised P(x, y), hidden units summed out: float64 ``(n, n_states)``."""
    block = max(1, _BLOCK_ELEMENTS // (len(states) * energy.n_hidden))
    return torch.cat([_summed(energy, part, states)[0] for part in torch.split(x, block)])


def mean_hidden(energy: RBMEnergy, x: Tensor, states: Tensor) -> Tensor:
    """P(h = 1 given x), the attributes summed out: float64 ``(n, n_hidden)``."""
    block = max(1, _BLOCK_ELEMENTS // (len(states) * energy.n_hidden))
    means = []
    for part in torch.split(x, block):
        weights, logits = _summed(energy, part, states)
        posterior = torch.softmax(weights, 1).unsqueeze(1)
        means.append(torch.bmm(posterior, torch.sigmoid(logits)).squeeze(1))
    return torch.cat(means)


def climb_summed(energy: RBMEnergy, x: Tensor, evidence: Evidence, states: Tensor) -> Tensor:
    """Ascend P(x given evidence), the attributes summed out, from each row to a local mode.

    The minorise-maximise step of :meth:`RBMEnergy.ascend` with the attributes among what is
    latent: x maximises E[log P(x, y, h) given the old x], so P(x) never falls.
    """
    n = x.shape[1]
    alone = RBMEnergy(
        energy.weights[:n], energy.visible_bias[:n], energy.hidden_bias, energy.base_bias[:n]
    )
    for _ in range(_MAX_STEPS):
        hidden = mean_hidden(energy, x, states).to(energy.dtype)
        higher = (alone.visible_logits(hidden, evidence=evidence) > 0).to(x.dtype)
        if evidence.free is not None:
            higher = torch.where(evidence.free, higher, x)
        if torch.equal(higher, x):
            break
        x = higher
    return x


def pseudo_log_likelihood(energy: RBMEnergy, x: Tensor, states: Tensor | None) -> Tensor:
    """sum over i of log P(x_i given the other columns), float64 ``(n,)``; the attributes with
    joint `states`, where there are any, summed out.

    The hidden logits of each row are made once; turning x_i moves them by W_i.
    """
    if states is None:
        states = torch.zeros((1, energy.n_variables - x.shape[1]), dtype=torch.float64)
        states = states.to(energy.device)
    n = x.shape[1]
    block = max(1, _BLOCK_ELEMENTS // (len(states) * energy.n_hidden))
    totals = []
    for part in torch.split(x.double(), block):
        weights, logits = _summed(energy, part, states)
        # All of a row's log weight but the hidden units' share, which is made anew for each i.
        linear = weights - softplus(logits).sum(2)
        here = torch.logsumexp(weights, 1)
        total = torch.zeros_like(here)
        for i in range(n):
            change = 1.0 - 2.0 * part[:, i]
            moved = logits + change[:, None, None] * energy.weights[i].double()
            turned = linear + (change * energy.visible_bias[i].double()).unsqueeze(1)
            there = torch.logsumexp(turned + softplus(moved).sum(2), 1)
            total += torch.nn.functional.logsigmoid(here - there)
        totals.append(total)
    return torch.cat(totals)
