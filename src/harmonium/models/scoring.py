"""How likely rows of a frame are: states and what is inside them, with holes summed out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harmonium.compute.random import generator_for
from harmonium.contract.checks import check_number
from harmonium.contract.energy import Energy, Evidence
from harmonium.contract.evidence import TableReadings
from harmonium.contract.warning import warn_caller
from harmonium.data.tables import has_holes
from harmonium.models.blocks import by_rows
from harmonium.models.codec import Codec
from harmonium.models.frames import FrameCodec, Layout
from harmonium.models.open_states import Open, summed_rows
from harmonium.models.sequences import SequenceCodec
from harmonium.sampling.seen import BaseGiven, log_weight_seen

__all__ = ["FrameRows", "check_resolution", "log_weights_of", "log_weights_of_frame"]

Array = NDArray[np.float64]

#: Standard errors of rows, in nats, that are told.
_ROUGH = 0.3


def check_resolution(resolution: Any, layout: Layout) -> dict[str, float]:
    """Widths of cells by column; ``ValueError`` for a column that is no number, or no width."""
    if resolution is None:
        return {}
    if not isinstance(resolution, Mapping):
        raise ValueError(f"resolution must be a dict {{column: width}}, got {resolution!r}")
    numbers = {column.name for column in layout.columns if column.is_number}
    left_out = {one.name for one in layout.schema.left_out}
    for name, width in resolution.items():
        if name in left_out:
            raise ValueError(f"resolution: {layout.schema.refusal(name)}")
        if name not in numbers:
            raise ValueError(
                f"resolution: {name!r} is no column of numbers; wanted some of {sorted(numbers)}"
            )
        check_number(f"resolution[{name!r}]", width, 0.0, low_open=True)
    return {name: float(width) for name, width in resolution.items()}


def log_weights_of(
    codec: Codec,
    build: Callable[[], Energy],
    log_weights: Callable[[bool], Callable[[Tensor], Tensor]],
    X: Any,
    resolution: Any,
    generator: np.random.Generator,
) -> Array:
    """log of the unnormalised P of what is known of each row of `X`, float64 ``(n,)``; NaN where
    nothing is, whose log P is 0 whatever log Z is.

    `build` makes the model's energy, `log_weights` what weighs whole rows (True: those that a
    user sees, all else summed out).
    """
    if isinstance(codec, FrameCodec):
        widths = check_resolution(resolution, codec.layout)
        rows = FrameRows.read(codec.layout, X)
        found, error = log_weights_of_frame(rows, build(), widths, generator)
        _tell(error)
        return np.where(np.isnan(rows.states).all(1), np.nan, found)
    if resolution is not None:
        raise ValueError("resolution is for models of frames, got states without numbers")
    if isinstance(codec, SequenceCodec):
        X = codec.read(X)  # strings too, of which holes are told by their states
    if has_holes(X) and isinstance(energy := build(), BaseGiven):
        seen = np.array(codec.read(X, blanks=True), dtype=np.float64)
        n_beside = len(energy.sizes) - seen.shape[1]
        wide = np.pad(seen, ((0, 0), (0, n_beside)), constant_values=np.nan)
        x = torch.from_numpy(wide).to(energy.device)
        evidence, source = Evidence(torch.isnan(x)), generator_for(energy.device, generator)
        weights, error = (
            own.cpu().numpy() for own in log_weight_seen(energy, x.nan_to_num(), evidence, source)
        )
        _tell(error)
        return np.where(np.isnan(seen).all(1), np.nan, weights)
    weigh = log_weights(True)
    return by_rows(codec.read(X), lambda rows: weigh(rows).cpu(), of_sparse=codec.of_sparse)


def _tell(error: Array) -> None:
    """Warn of rows whose figures are rough."""
    rough = error > _ROUGH
    if rough.any():
        warn_caller(
            f"log P of {int(rough.sum())} of {len(error)} rows is an estimate whose standard error "
            f"is above {_ROUGH} nats, {error.max():.2f} at most: too much of them is missing to "
            "be summed",
            RuntimeWarning,
        )


@dataclass(frozen=True)
class FrameRows:
    """Rows of a frame, read: values by column, and states ``(n, n_variables)``, NaN in holes."""

    layout: Layout
    values: dict[str, NDArray[Any]]
    states: Array

    @classmethod
    def read(cls, layout: Layout, X: Any) -> Self:
        """The rows of a frame, or of an array that stands for one."""
        values = layout.values(X)
        return cls(layout, values, layout.arranged(layout.schema.states_of(values)))


def log_weights_of_frame(
    rows: FrameRows,
    energy: Energy,
    resolution: Mapping[str, float],
    generator: np.random.Generator,
    hidden: NDArray[np.bool_] | None = None,
) -> tuple[Array, Array]:
    """log of the unnormalised P of what is known of each row, and its standard error, ``(n,)``.

    Of a column with a `resolution` the mass of [x - width/2, x + width/2] counts, of other
    numbers the density per unit of the column, which is beside the states' weight. The last
    variables of the energy, which no frame knows, are summed out, as holes are: exactly where
    :func:`~harmonium.models.open_states.summed_rows` can, by draws where only the bins of cells
    are open, else by annealing.
    """
    layout, states, values = rows.layout, rows.states, rows.values
    veiled = np.zeros(states.shape, dtype=bool) if hidden is None else hidden[:, layout.order]
    n = len(states)
    extra = np.zeros(n)
    options: list[Array] = []  # log weight of each state that a variable may be in: (n, size)
    for j, (column, size) in enumerate(zip(layout.columns, layout.sizes, strict=True)):
        weights = np.where(np.arange(size) == states[:, j, None], 0.0, -np.inf)
        real = ~np.isnan(states[:, j]) & (states[:, j] < column.n_states)
        weights[np.isnan(states[:, j])] = 0.0
        real &= ~veiled[:, j]
        weights[veiled[:, j], : column.n_states] = 0.0
        weights[veiled[:, j], column.n_states :] = -np.inf
        if column.name in resolution:
            own = column.cell_weights(values[column.name], resolution[column.name])
            weights[real, : column.n_states] = own[real]
        else:
            inside = column.log_density(values[column.name], np.where(real, states[:, j], np.nan))
            extra += np.where(real, inside, 0.0)
        options.append(weights)
    for size in energy.sizes[len(options) :]:
        options.append(np.zeros((n, size)))
    opened = Open.of(options)
    open_wide = np.isnan(states).any(1) | veiled.any(1) | (len(energy.sizes) > states.shape[1])
    found, error, left = summed_rows(energy, opened, ~open_wide, generator)
    if len(left):
        found[left], error[left] = _annealed(energy, opened, left, generator)
    return found + extra, error


def _annealed(
    energy: Energy,
    opened: Open,
    rows: NDArray[np.int64],
    generator: np.random.Generator,
) -> tuple[Array, Array]:
    most = max(energy.sizes)
    n_variables = len(opened.options)
    table = np.full((len(rows) * n_variables, most), -np.inf)
    for j, own in enumerate(opened.options):
        table[j::n_variables, : own.shape[1]] = own[rows]
    numbers = np.arange(len(rows) * n_variables).reshape(len(rows), n_variables)
    known = TableReadings(torch.from_numpy(numbers), torch.from_numpy(table).to(energy.dtype))
    evidence = Evidence(torch.from_numpy(opened.counts[rows] > 1), known)
    x = torch.from_numpy(opened.first[rows]).to(energy.dtype)
    source = generator_for(energy.device, generator)
    value, error = log_weight_seen(energy, x, evidence, source)
    return value.cpu().numpy(), error.cpu().numpy()
