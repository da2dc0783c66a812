"""The pseudo-likelihood of a grid model, and its gradient.

The product of every pixel's probability given all others (Besag 1975) is concave in the
parameters and needs no log Z; it brings the model close enough for persistent chains started
at the data to do the rest.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from harmonium.compute.draws import uses_fast_path
from harmonium.contract.energy import Energy, Parameters
from harmonium.learning.ascent import Moments
from harmonium.models.grid.energy import GridEnergy, level_hats
from harmonium.models.grid.kernels import choose as grid_run
from harmonium.models.grid.kernels import plain as grid_plain

__all__ = ["met", "pseudo_moments"]


def pseudo_moments(energy: Energy, x: Tensor, weights: Tensor) -> tuple[float, Moments]:
    """Weighted log pseudo-likelihood of images; the moments that they show, counted once for each
    of a clique's pixels, and those that the conditionals expect. All in float64."""
    assert isinstance(energy, GridEnergy)
    data = met(energy, x, weights)
    if uses_fast_path(energy.level):
        value, expected = _expected(energy, x, weights)
        return value, Moments(data, expected)
    value, gradient = _differentiated(energy, x, weights)
    return value, Moments(data, {name: data[name] - gradient[name] for name in data})


def met(energy: GridEnergy, x: Tensor, weights: Tensor) -> Parameters:
    """The data's moments, each clique counted once for each of its pixels."""
    seen = energy.to(torch.float64).moments(x, weights)
    if "knots" in seen:
        sizes = [np.count_nonzero(kernel) for kernel in energy.cliques.filters]
        seen["knots"] *= torch.from_numpy(np.repeat(sizes, energy.cliques.n_knots)).to(x.device)
    return seen


def _expected(energy: GridEnergy, x: Tensor, weights: Tensor) -> tuple[float, Parameters]:
    value, counts, levels = grid_run.conditional_sums(
        x, energy.shape, energy.cliques, energy.tables(), energy.field(x, 1.0, None), weights
    )
    expected: Parameters = {"level": torch.from_numpy(levels).sum(0)}
    if len(energy.knots):
        expected["knots"] = energy.onto_knots(torch.from_numpy(counts))
    if energy.place is not None:
        expected["place"] = torch.from_numpy(levels) @ level_hats(energy.n_states).T
    return value, expected


def _differentiated(energy: GridEnergy, x: Tensor, weights: Tensor) -> tuple[float, Parameters]:
    wide = energy.to(torch.float64)
    for parameter in wide.parameters().values():
        parameter.requires_grad_(True)
    with torch.enable_grad():
        rows, columns = wide.shape
        images = x.long().reshape(-1, rows, columns)
        logits = grid_plain.conditional_logits(
            images,
            wide.cliques,
            wide.tables(),
            wide.field(x.double(), 1.0, None),
            torch.arange(rows, device=x.device).repeat_interleave(columns),
            torch.arange(columns, device=x.device).repeat(rows),
        )
        log_p = torch.log_softmax(logits, 2).gather(2, x.long().unsqueeze(2)).squeeze(2)
        value = (weights.double().unsqueeze(1) * log_p).sum()
        names = list(wide.parameters())
        gradient = torch.autograd.grad(value, list(wide.parameters().values()))
    return float(value.detach()), dict(zip(names, gradient, strict=True))
