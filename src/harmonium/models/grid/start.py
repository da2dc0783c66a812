"""The fit of a grid model: which images, where from, then pseudo-likelihood, then likelihood."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harmonium.compute.progress import stage_bar
from harmonium.contract.energy import Chains
from harmonium.learning.trainer import (
    Batches,
    Exact,
    FitResult,
    NegativePhase,
    Persistent,
    Settings,
    Trainer,
)
from harmonium.models.grid.cliques import Cliques
from harmonium.models.grid.energy import GridEnergy, level_hats
from harmonium.models.grid.pseudo import fit_pseudo_likelihood
from harmonium.models.grid.readings import check_images

__all__ = [
    "GridFit",
    "GridParameters",
    "Images",
    "base_table",
    "gather_images",
    "initial_energy",
    "learn",
]

#: Images larger than this are learned from patches of `_PATCH` unless the user says otherwise.
_LARGE, _PATCH = 64, 32
_PSEUDO_STEPS = 40
#: Pixels times levels that the start of a longer fit is learned from, at most.
_PSEUDO_WORK = 2**26
#: Steps of the likelihood: the chains have to unlearn a good deal of the start.
_N_UPDATES = 600
#: Pixels of all chains together, and of a batch.
_PIXELS_A_STEP = 2**16


@dataclass(frozen=True)
class GridParameters:
    """What the fit of a grid reads of the model's parameters, checked; named as they are."""

    n_levels: int
    places: bool
    learner: str
    n_updates: int | str
    n_chains: int | str
    learning_rate: float
    n_gibbs: int
    patch_size: int | str | None
    n_patches: int
    verbose: int


@dataclass(frozen=True)
class GridFit:
    """A fitted energy, and what happened on the way to it."""

    energy: GridEnergy
    #: Mean log P(pixel given the others) after the first stage, in nats.
    pseudo_log_likelihood: float
    history: dict[str, list[float]]
    n_updates: int
    reason: str


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
    return _patches(images, side, wanted.n_patches, generator)


def _patches(
    images: list[NDArray[np.float64]], side: int, n: int, generator: np.random.Generator
) -> Images:
    """`n` square patches, as many of each image; turned and mirrored, so that all directions
    are learned from all images."""
    source = np.arange(n) % len(images)
    found = []
    for index in source:
        image = images[index]
        y = int(generator.integers(0, image.shape[0] - side + 1))
        x = int(generator.integers(0, image.shape[1] - side + 1))
        patch = image[y : y + side, x : x + side]
        turn = int(generator.integers(0, 8))
        patch = np.rot90(patch, turn % 4)
        found.append(patch.T if turn >= 4 else patch)
    return Images(np.stack(found), source)


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


def learn(
    wanted: GridParameters,
    images: NDArray[np.float64],
    weights: NDArray[np.float64] | None,
    cliques: Cliques,
    generator: np.random.Generator,
) -> GridFit:
    """Pseudo-likelihood first, then, unless that was all that was asked for, likelihood."""
    n, height, width = images.shape
    share = np.ones(n) if weights is None else weights * (n / weights.sum())
    rows = images.reshape(n, -1)
    base = base_table(rows.astype(np.int64), share, cliques.n_levels, wanted.places)
    energy = initial_energy(cliques, (height, width), base, wanted.places)
    x = torch.from_numpy(rows).float()
    goes_on = wanted.learner != "pseudo" and len(energy.knots) > 0
    start = np.arange(n)
    if goes_on:
        start = _some(share, _PSEUDO_WORK // (rows.shape[1] * cliques.n_levels), generator)
    with stage_bar(wanted.verbose, "pseudo-likelihood", _PSEUDO_STEPS) as show:
        pseudo = fit_pseudo_likelihood(
            energy, x[start], torch.from_numpy(share[start]), _PSEUDO_STEPS, show
        )
    if not goes_on:
        return GridFit(energy, pseudo, {}, 0, "pseudo")
    result = _ascend_likelihood(wanted, energy, x, weights, generator)
    return GridFit(energy, pseudo, result.history, result.n_updates, result.reason)


def _some(
    share: NDArray[np.float64], most: int, generator: np.random.Generator
) -> NDArray[np.int64]:
    """The rows with weight; a random part of them, if they are more than `most`."""
    rows = np.flatnonzero(share)
    most = max(1, most)
    return generator.choice(rows, most, replace=False) if len(rows) > most else rows


def _ascend_likelihood(
    wanted: GridParameters,
    energy: GridEnergy,
    x: torch.Tensor,
    weights: NDArray[np.float64] | None,
    generator: np.random.Generator,
) -> FitResult:
    """The shared training loop, from where the pseudo-likelihood left off."""
    fitting = max(1, _PIXELS_A_STEP // energy.n_variables)
    batch = min(len(x), fitting)
    n_chains = fitting if wanted.n_chains == "auto" else int(wanted.n_chains)
    if wanted.n_chains == "auto":
        n_chains = min(n_chains, 256)
    n_updates = _N_UPDATES if wanted.n_updates == "auto" else int(wanted.n_updates)
    batches = Batches(len(x), batch, generator, weights)
    negative: NegativePhase = Exact()
    if wanted.learner == "pcd":
        first = generator.choice(len(x), n_chains, replace=n_chains > len(x))
        negative = Persistent(Chains(x[torch.from_numpy(first)].clone()), wanted.n_gibbs)
    settings = Settings(n_updates, batch, wanted.learning_rate, 0.0)
    energy.observe(energy.moments(x, torch.full((len(x),), 1.0 / len(x))))
    with stage_bar(wanted.verbose, "likelihood", n_updates) as show, torch.no_grad():
        trainer = Trainer(
            energy,
            negative,
            batches,
            lambda index: x[torch.from_numpy(index)],
            settings,
            generator,
            progress=None if show is None else (lambda done, _: show(done, float("nan"))),
        )
        result = trainer.run()
    energy.set_parameters(result.parameters)
    return result
