"""Where the fit of a grid model starts: images, a first energy, and every number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harmonium.data.patches import random_patches
from harmonium.learning.plan import Plan, Wanted, n_held_of
from harmonium.models.grid.cliques import Cliques
from harmonium.models.grid.energy import GridEnergy, level_hats
from harmonium.models.grid.readings import check_images

__all__ = [
    "GridParameters",
    "Images",
    "base_table",
    "gather_images",
    "initial_energy",
    "plan_for",
]

#: Images larger than this are learned from patches of `_PATCH` unless the user says otherwise.
_LARGE, _PATCH = 64, 32
#: Steps of the likelihood: the chains have to unlearn a good deal of the start.
_N_UPDATES = 600
#: Pixels of all chains together, and of a batch.
_PIXELS_A_STEP = 2**16
#: Images that tell well enough which parameters are best, and images that are shown beside.
_MOST_HELD, _N_SHOWN = 500, 200


@dataclass(frozen=True)
class GridParameters(Wanted):
    """What the fit of a grid reads of the model's parameters, checked; named as they are."""

    n_levels: int
    neighbours: int
    potential: str
    places: bool
    learner: str
    n_updates: int | str
    n_chains: int | str
    learning_rate: float
    n_gibbs: int
    patch_size: int | str | None
    n_patches: int


@dataclass
class Images:
    """Images of one shape, ``pixels (n, H, W)``; `source`: the row each patch was taken from."""

    pixels: NDArray[np.float64]
    source: NDArray[np.int64] | None = None


def gather_images(wanted: GridParameters, X: Any, generator: np.random.Generator) -> Images:
    """The images, or patches of them, that are `wanted` to learn from; checked."""
    uneven = isinstance(X, list | tuple) and len({np.shape(image) for image in X}) > 1
    if not uneven:
        whole = check_images(X, wanted.n_levels)
        images = list(whole)
    else:
        images = [check_images(np.asarray(image)[None], wanted.n_levels)[0] for image in X]
    size = wanted.patch_size
    if size == "auto":
        size = _PATCH if uneven or max(images[0].shape) > _LARGE else None
    if wanted.places or size is None:
        if uneven:
            wish = "places=True" if wanted.places else "patch_size=None"
            raise ValueError(f"X: with {wish} all images must have one shape")
        return Images(whole)
    assert isinstance(size, int)
    side = min(size, *(min(image.shape) for image in images))
    return Images(*random_patches(images, side, wanted.n_patches, generator))


def base_table(
    x: NDArray[np.integer], weights: NDArray[np.float64], n_levels: int, places: bool
) -> Tensor:
    """log-probabilities of levels, float64 ``(1, L)``, or of each place ``(V, L)``.

    A place's histogram is shrunk towards the whole picture's by about as many counts as there
    are levels it can show, at most 16.
    """
    everywhere = np.bincount(x.reshape(-1), np.repeat(weights, x.shape[1]), n_levels) + 0.5
    everywhere = everywhere / everywhere.sum()
    if not places:
        return torch.from_numpy(np.log(everywhere))[None]
    where = x + n_levels * np.arange(x.shape[1])
    each = np.bincount(
        where.reshape(-1), np.repeat(weights, x.shape[1]), x.shape[1] * n_levels
    ).reshape(-1, n_levels)
    each = each + min(n_levels, 16) * everywhere
    return torch.from_numpy(np.log(each / each.sum(1, keepdims=True)))


def initial_energy(
    cliques: Cliques, shape: tuple[int, int], base: Tensor, places: bool
) -> GridEnergy:
    """A model with mildly attractive cliques: heavy tails, scale of a few levels."""
    knots = [
        -0.5 * np.log1p((cliques.knots(i) / (0.012 * cliques.n_levels * np.abs(f).sum() + 1)) ** 2)
        for i, f in enumerate(cliques.filters)
    ]
    n_places, n_hats = shape[0] * shape[1], len(level_hats(cliques.n_levels))
    return GridEnergy(
        cliques,
        shape,
        torch.from_numpy(np.concatenate([*knots, np.zeros(0)])).float(),
        torch.zeros(cliques.n_levels),
        torch.zeros((n_places, n_hats)) if places else None,
        base.float(),
    )


def plan_for(wanted: GridParameters, n_images: int, n_pixels: int) -> Plan:
    """Every number of the second stage that the user left to us."""
    fitting = max(1, _PIXELS_A_STEP // n_pixels)
    n_held = n_held_of(wanted.validation_fraction, n_images, _MOST_HELD)
    return Plan(
        n_updates=_N_UPDATES if wanted.n_updates == "auto" else int(wanted.n_updates),
        batch_size=min(n_images - n_held, fitting),
        rate=wanted.learning_rate,
        n_chains=min(fitting, 256) if wanted.n_chains == "auto" else int(wanted.n_chains),
        n_gibbs=wanted.n_gibbs,
        n_held=n_held,
        n_shown=_N_SHOWN,
        time_limit=wanted.time_limit,
    )
