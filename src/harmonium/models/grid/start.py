"""Where the fit of a grid model starts: images, a first energy, and every number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harmonium.compute.random import random_generator
from harmonium.data.patches import random_patches
from harmonium.data.shards import check_in_memory
from harmonium.learning.plan import Plan, Wanted, n_held_of
from harmonium.models.grid.cliques import Cliques
from harmonium.models.grid.energy import GridEnergy, level_hats
from harmonium.models.grid.inside import inside_shares, n_coarse_of
from harmonium.models.grid.patch_mixture import SIDE, PatchMixture, learn_mixture
from harmonium.models.grid.readings import check_images

__all__ = [
    "GridParameters",
    "Images",
    "base_table",
    "check_shares",
    "gather_images",
    "initial_energy",
    "inside_of",
    "mixture_of_patches",
    "plan_for",
    "rate_of",
    "shared_levels",
    "split_colours",
]

#: Images larger than this are learned from patches of `_PATCH` unless the user says otherwise.
_LARGE, _PATCH = 64, 32
#: Steps of the likelihood: the chains have to unlearn a good deal of the start.
_N_UPDATES = 600
_RATE, _PLACES_RATE = 0.3, 1.0
#: Pixels of all chains together, and of a batch.
_PIXELS_A_STEP = 2**16
#: Images that tell well enough which parameters are best, and images that are shown beside.
_MOST_HELD, _N_SHOWN = 500, 200
#: Coarse levels of models that tell classes apart, which have more levels than this.
_N_COARSE, _ALL_APART = 12, 16
#: Kinds of small patches of photographs, which have more levels than this.
_N_PATCH_KINDS, _FEW_LEVELS = 100, 64


@dataclass(frozen=True)
class GridParameters(Wanted):
    """What the fit of a grid reads of the model's parameters, checked; named as they are."""

    n_levels: int
    n_coarse: int | str | None
    neighbours: int
    potential: str
    places: bool
    learner: str
    n_updates: int | str
    n_chains: int | str
    learning_rate: float | str
    n_gibbs: int
    patch_size: int | str | None
    n_patches: int
    n_patch_kinds: int | str
    level_shares: Any


@dataclass
class Images:
    """Images of one shape, ``pixels (n, H, W)``; `source`: the row each patch was taken from."""

    pixels: NDArray[np.float64]
    source: NDArray[np.int64] | None = None


def pictures_of(X: Any, n_levels: int) -> list[NDArray[np.float64]]:
    """`X` as checked pictures ``(H, W)``, a list of which may have different sizes."""
    shapes = [np.shape(image) for image in X] if isinstance(X, list | tuple) else []
    if len(set(shapes)) < 2:
        return list(check_images(X, n_levels))
    for i, shape in enumerate(shapes):
        if len(shape) != 2:
            raise ValueError(
                f"X[{i}] has shape {shape}; wanted (height, width) of every picture of a list of "
                "different sizes"
            )
    found = []
    for i, image in enumerate(X):
        whole = check_images(np.asarray(image)[None], n_levels, name=f"X[{i}:{i + 1}]")
        found.append(whole[0])
    return found


def split_colours(
    X: Any, weights: NDArray[np.float64] | None
) -> tuple[Any, NDArray[np.float64] | None]:
    """Pictures with colours, in a stack or in a list of all of them, as their channels, each of
    which counts as much as the others; others as they are."""
    check_in_memory(X, "images")
    shapes = [np.shape(image) for image in X]
    coloured = [len(shape) == 3 and shape[2] == 3 for shape in shapes]
    if not any(coloured):
        return X, weights
    if not all(coloured):
        i = coloured.index(not coloured[0])
        raise ValueError(
            f"X: all pictures must be (height, width), or all (height, width, 3); X[0] has shape "
            f"{shapes[0]}, X[{i}] {shapes[i]}"
        )
    if weights is not None:
        weights = np.repeat(weights, 3)
    channels: list[Any] = [np.asarray(image)[..., c] for image in X for c in range(3)]
    return channels if len(set(shapes)) > 1 else np.stack(channels), weights


def patch_size_of(wanted: GridParameters, images: list[NDArray[np.float64]]) -> int | None:
    """Side of the patches that are learned from; None for whole images."""
    if wanted.patch_size != "auto":
        return None if wanted.patch_size is None else int(wanted.patch_size)
    return _PATCH if _are_large(images) else None


def _are_large(images: list[NDArray[np.float64]]) -> bool:
    """Whether the images are large, or differ in size: photographs rather than signs."""
    uneven = len({image.shape for image in images}) > 1
    return uneven or max(images[0].shape) > _LARGE


def mixture_of_patches(
    wanted: GridParameters,
    X: Any,
    weights: NDArray[np.float64] | None,
    seconds: float | None,
) -> PatchMixture | None:
    """The mixture of small patches that is `wanted` beside the cliques, if any."""
    n_kinds = wanted.n_patch_kinds
    if n_kinds == 0:
        return None
    images = pictures_of(X, wanted.n_levels)
    if n_kinds == "auto":
        photographs = (
            wanted.n_levels > _FEW_LEVELS
            and not wanted.places
            and wanted.potential != "independent"
            and _are_large(images)
        )
        n_kinds = _N_PATCH_KINDS if photographs else 0
    large = [min(image.shape) >= SIDE for image in images]
    if n_kinds == 0 or (wanted.n_patch_kinds == "auto" and not all(large)):
        return None
    if not all(large):
        raise ValueError(
            f"X[{large.index(False)}] has shape {images[large.index(False)].shape}; with "
            f"n_patch_kinds={n_kinds} pictures must be at least {SIDE}x{SIDE}"
        )
    generator = random_generator(wanted.random_state)
    return learn_mixture(images, weights, int(n_kinds), wanted.n_levels, generator, seconds)


def check_shares(name: str, value: Any) -> Any:
    """A range: None, or numbers above 0."""
    if value is None:
        return None
    try:
        found = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        found = np.zeros(1)
    if found.ndim != 1 or not (np.isfinite(found) & (found > 0)).all():
        raise ValueError(f"{name} must be None or numbers above 0, one a level, got {value!r}")
    return value


def shared_levels(wanted: GridParameters, X: Any) -> dict[str, Any]:
    """Constructor parameters for models of several classes: coarse levels whose insides are the
    same in all, and so tell nothing of the class."""
    n_coarse = wanted.n_coarse
    if n_coarse == "auto" and wanted.places and wanted.n_levels > _ALL_APART:
        n_coarse = None if wanted.potential == "independent" else _N_COARSE
    if n_coarse_of(n_coarse, wanted.n_levels) == wanted.n_levels:
        return {}
    shares = _level_weights(wanted, *split_colours(X, None))
    return {"n_coarse": n_coarse, "level_shares": shares.tolist()}


def inside_of(
    wanted: GridParameters, X: Any, weights: NDArray[np.float64] | None
) -> NDArray[np.float64] | None:
    """log P(level given its coarse level); None where no level is coarse."""
    n_coarse = n_coarse_of(wanted.n_coarse, wanted.n_levels)
    if n_coarse == wanted.n_levels:
        return None
    return inside_shares(_level_weights(wanted, X, weights), n_coarse)


def _level_weights(
    wanted: GridParameters, X: Any, weights: NDArray[np.float64] | None
) -> NDArray[np.float64]:
    """What each level counts, float64 ``(n_levels,)``, above 0: as given, or in the images `X`
    with half a pixel added."""
    n_levels = wanted.n_levels
    if wanted.level_shares is not None:
        found = np.asarray(wanted.level_shares, dtype=np.float64)
        if found.shape != (n_levels,):
            raise ValueError(
                f"level_shares must have n_levels={n_levels} numbers, got shape {found.shape}"
            )
        return found
    images = pictures_of(X, n_levels)
    own = np.ones(len(images)) if weights is None else weights
    counts = np.full(n_levels, 0.5)
    for image, weight in zip(images, own, strict=True):
        counts += weight * np.bincount(image.astype(np.int64).reshape(-1), minlength=n_levels)
    return counts


def gather_images(wanted: GridParameters, X: Any, generator: np.random.Generator) -> Images:
    """The images, or patches of them, that are `wanted` to learn from; checked."""
    images = pictures_of(X, wanted.n_levels)
    size = patch_size_of(wanted, images)
    if wanted.places or size is None:
        if len({image.shape for image in images}) > 1:
            wish = "places=True" if wanted.places else "patch_size=None"
            raise ValueError(f"X: with {wish} all images must have one shape")
        return Images(np.stack(images))
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


def rate_of(learning_rate: float | str, *, places: bool) -> float:
    """Newton's steps a step: as wanted, else more for places, whose potentials move slowly."""
    if not isinstance(learning_rate, str):
        return learning_rate
    return _PLACES_RATE if places else _RATE


def plan_for(wanted: GridParameters, n_images: int, n_pixels: int) -> Plan:
    """Every number of the second stage that the user left to us."""
    fitting = max(1, _PIXELS_A_STEP // n_pixels)
    n_held = n_held_of(wanted.validation_fraction, n_images, _MOST_HELD)
    return Plan(
        n_updates=_N_UPDATES if wanted.n_updates == "auto" else int(wanted.n_updates),
        batch_size=min(n_images - n_held, fitting),
        rate=rate_of(wanted.learning_rate, places=wanted.places),
        n_chains=min(fitting, 256) if wanted.n_chains == "auto" else int(wanted.n_chains),
        n_gibbs=wanted.n_gibbs,
        n_held=n_held,
        n_shown=_N_SHOWN,
        time_limit=wanted.time_limit,
    )
