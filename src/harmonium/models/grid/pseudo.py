"""Maximum pseudo-likelihood of a grid model.

The pseudo-likelihood, the product of every pixel's probability given all others (Besag 1975),
is concave in the parameters and needs no log Z; it brings the model close enough for
persistent chains started at the data to do the rest.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize
from torch import Tensor

from harmonium.compute.draws import uses_fast_path
from harmonium.contract.energy import Parameters
from harmonium.models.grid.energy import GridEnergy, level_hats
from harmonium.models.grid.kernels import choose as grid_run
from harmonium.models.grid.kernels import plain as grid_plain

__all__ = ["fit_pseudo_likelihood", "pseudo_moments"]

#: Called with steps done, and the mean log pseudo-likelihood a pixel.
Progress: TypeAlias = Callable[[int, float], None]

#: Strength of the pull of neighbouring knots, of levels and of places towards each other and
#: zero, in units of one observation: what was never seen gets a finite potential.
_PULL = 1.0


def pseudo_moments(energy: GridEnergy, x: Tensor, weights: Tensor) -> tuple[float, Parameters]:
    """Weighted log pseudo-likelihood, and its gradient by every parameter, in float64."""
    if uses_fast_path(energy.level):
        return _fast_pseudo_moments(energy, x, weights)
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


def _fast_pseudo_moments(
    energy: GridEnergy, x: Tensor, weights: Tensor
) -> tuple[float, Parameters]:
    value, counts, levels = grid_run.conditional_sums(
        x, energy.shape, energy.cliques, energy.tables(), energy.field(x, 1.0, None), weights
    )
    expected: Parameters = {"level": torch.from_numpy(levels).sum(0)}
    if len(energy.knots):
        expected["knots"] = energy.onto_knots(torch.from_numpy(counts))
    if energy.place is not None:
        expected["place"] = torch.from_numpy(levels) @ level_hats(energy.n_states).T
    data = _met(energy, x, weights)
    return value, {name: data[name] - expected[name] for name in data}


def _met(energy: GridEnergy, x: Tensor, weights: Tensor) -> Parameters:
    """The data's moments, each clique counted once for each of its pixels."""
    seen = energy.to(torch.float64).moments(x, weights)
    if "knots" in seen:
        sizes = [np.count_nonzero(kernel) for kernel in energy.cliques.filters]
        seen["knots"] *= torch.from_numpy(np.repeat(sizes, energy.cliques.n_knots))
    return seen


class _Pull:
    """Minus half the squared differences of neighbouring knots and levels, and squared places."""

    def __init__(self, energy: GridEnergy) -> None:
        owner = np.repeat(np.arange(len(energy.cliques.n_knots)), energy.cliques.n_knots)
        self.together = torch.from_numpy(np.diff(owner) == 0).double()

    def __call__(self, parameters: Parameters) -> tuple[float, Parameters]:
        value, gradient = 0.0, {}
        for name, tensor in parameters.items():
            if name == "place":
                value -= 0.5 * _PULL * float((tensor**2).sum())
                gradient[name] = -_PULL * tensor
                continue
            steps = tensor.diff()
            if name == "knots":
                steps = steps * self.together
            value -= 0.5 * _PULL * float((steps**2).sum())
            slope = torch.zeros_like(tensor)
            slope[1:] -= _PULL * steps
            slope[:-1] += _PULL * steps
            gradient[name] = slope
        return value, gradient


def fit_pseudo_likelihood(
    energy: GridEnergy,
    x: Tensor,
    weights: Tensor,
    n_iterations: int,
    progress: Progress | None = None,
) -> float:
    """Move the energy's parameters to the maximum of the penalised pseudo-likelihood.

    Quasi-Newton steps (L-BFGS) on parameters scaled by the square root of their counts.
    Returns the mean log pseudo-likelihood of a pixel, in nats.
    """
    counts = _met(energy, x, weights)
    scales = {name: 1.0 / torch.sqrt(value + _PULL) for name, value in counts.items()}
    pull = _Pull(energy)
    n_pixels = float(weights.sum()) * energy.n_variables
    names = list(counts)
    done = 0

    def place(vector: NDArray[np.float64]) -> Parameters:
        parameters, start = {}, 0
        for name in names:
            live = energy.parameters()[name]
            part = torch.from_numpy(vector[start : start + live.numel()].reshape(live.shape))
            parameters[name] = part * scales[name]
            live.copy_(parameters[name])
            start += live.numel()
        return parameters

    def minus(vector: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        nonlocal done
        parameters = place(vector)
        value, gradient = pseudo_moments(energy, x, weights)
        extra, slope = pull(parameters)
        flat = torch.cat([((gradient[k] + slope[k]) * scales[k]).reshape(-1) for k in names])
        done += 1
        if progress is not None:
            progress(done, value / n_pixels)
        return -(value + extra) / n_pixels, -flat.numpy() / n_pixels

    start = np.concatenate(
        [(energy.parameters()[k].double() / scales[k]).reshape(-1).numpy() for k in names]
    )
    options = {"maxiter": n_iterations, "maxfun": n_iterations + 10, "ftol": 1e-7, "gtol": 1e-9}
    found = minimize(minus, start, jac=True, method="L-BFGS-B", options=options)
    place(found.x)
    return float(-found.fun)
