"""Patches of pictures as a mixture of Gaussians: learned by EM, and clean pictures by it.

Every 8x8 patch, less its own mean, is one of some kinds, each a Gaussian of mean zero. With all
overlapping patches as cliques, P(x) is proportional to the product over patches of
mixture(patch) ** (1 / 64), so that every pixel counts once (expected patch log likelihood:
Zoran, Weiss 2011, eqs. 2-7).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harmonium.contract.checks import check_arrays

__all__ = ["SIDE", "PatchMixture", "learn_mixture"]

#: Side of a patch, and its pixels.
SIDE = 8
_SIZE = SIDE * SIDE
#: Patches learned from, how many of them a step sees, and steps.
_N_LEARNED, _N_A_STEP, _N_STEPS = 100_000, 20_000, 30
#: Variance in squared levels of 256 that every kind is expected to have in each direction, as so
#: many patches would tell it; and that of rounding, which each has at least.
_EXPECTED, _N_EXPECTED, _ROUNDING = 1.0, 20.0, 1.0 / 12.0
#: Steps that only settle kinds; from then on a step moves them half of the way.
_N_BOLD = 3
#: Directions of less variance than this share of the noise's are all noise.
_LEAST_SHARE = 0.04
#: Patches cleaned at once.
_AT_ONCE = 4096
#: How many times as exact as the readings the pull to the patches' means is, stage after stage.
_STAGES = (1.0, 3.0, 8.0)


@dataclass(frozen=True)
class PatchMixture:
    """``shares (K,)`` and ``covariances (K, 64, 64)``, float64, of patches less their mean, in
    levels."""

    shares: Tensor
    covariances: Tensor

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> PatchMixture:
        """From ``patch_shares`` and ``patch_covariances`` of a file, checked."""
        check_arrays(
            arrays,
            {
                "patch_shares": ("float64", (None,)),
                "patch_covariances": ("float64", (len(arrays["patch_shares"]), _SIZE, _SIZE)),
            },
        )
        shares, covariances = arrays["patch_shares"], arrays["patch_covariances"]
        turned = covariances.transpose(0, 2, 1)
        if not (np.isfinite(covariances).all() and np.array_equal(covariances, turned)):
            raise ValueError("patch_covariances must be finite and symmetric")
        if not ((shares > 0).all() and np.isclose(shares.sum(), 1.0)):
            raise ValueError("patch_shares must be positive and sum to one")
        return cls(torch.from_numpy(shares.copy()), torch.from_numpy(covariances.copy()))

    def means(self, picture: Tensor, variance: float) -> Tensor:
        """The mean of each pixel of ``picture (H, W)``, seen with noise of this variance: of
        P(patch given what is seen of it), averaged over the patches that hold the pixel.

        A patch's own mean stays as it is seen. Costs two products of all patches with all kinds'
        directions that stand out of the noise.
        """
        base, gains, owners, fixed = self._filters(variance)
        height, width = picture.shape
        patches = picture.unfold(0, SIDE, 1).unfold(1, SIDE, 1).reshape(-1, _SIZE)
        cleaned = torch.empty_like(patches)
        for start in range(0, len(patches), _AT_ONCE):
            part = patches[start : start + _AT_ONCE]
            level = part.mean(1, keepdim=True)
            along = (part - level) @ base
            fit = torch.zeros((len(part), len(fixed)), dtype=part.dtype)
            fit.index_add_(1, owners, along.square() * (gains / (2 * variance)))
            kinds = torch.softmax(fit + fixed, 1)
            cleaned[start : start + _AT_ONCE] = level + (along * kinds[:, owners] * gains) @ base.T
        folded = torch.nn.functional.fold(
            torch.stack([cleaned, torch.ones_like(cleaned)]).transpose(1, 2),
            (height, width),
            SIDE,
        )
        return folded[0, 0] / folded[1, 0]

    def clean(self, seen: Tensor, variance: float, top: float | None) -> Tensor:
        """The picture behind ``seen (H, W)``, readings with Gaussian noise of this variance.

        Half-quadratic splitting (Zoran, Weiss 2011, eqs. 4-7): in turn the means of all patches,
        and the picture between them and the readings, the former counting ever more. `top`: the
        largest level, where readings are known to have been clipped to it and to 0; what lies
        behind those is then expected anew at each stage. None where they are as they came.
        """
        readings = picture = seen
        for stage in _STAGES:
            found = self.means(picture, variance / stage)
            if top is not None:
                readings = _unclipped(seen, found, variance, top)
            picture = (readings + stage * found) / (1.0 + stage)
        return found

    def _filters(self, variance: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """What patches are compared with, float32: directions ``(64, R)`` of all kinds, the share
        that each keeps of what is seen along it, its kind, and each kind's log share less half its
        log determinant."""
        spread, axes = torch.linalg.eigh(self.covariances)
        spread = spread.clamp_min(0.0)
        fixed = self.shares.log() - 0.5 * torch.log1p(spread / variance).sum(1)
        owners, places = torch.nonzero(spread > _LEAST_SHARE * variance, as_tuple=True)
        kept = spread[owners, places]
        base = axes.transpose(1, 2)[owners, places].T.contiguous()
        return base.float(), (kept / (kept + variance)).float(), owners, fixed.float()


def _unclipped(seen: Tensor, expected: Tensor, variance: float, top: float) -> Tensor:
    """Readings before they were clipped to [0, top], as expected from what they are readings of."""
    sigma = variance**0.5
    below, above = (0.5 - expected) / sigma, (expected - top + 0.5) / sigma
    low = expected - sigma * _hazard(below)
    high = expected + sigma * _hazard(above)
    return torch.where(seen <= 0, low, torch.where(seen >= top, high, seen))


def _hazard(z: Tensor) -> Tensor:
    """The normal density at z over the normal probability of what lies below."""
    return torch.exp(-0.5 * z.square() - 0.5 * np.log(2 * np.pi) - torch.special.log_ndtr(z))


def learn_mixture(
    images: list[NDArray[np.float64]],
    weights: NDArray[np.float64] | None,
    n_kinds: int,
    n_levels: int,
    generator: np.random.Generator,
    seconds: float | None = None,
) -> PatchMixture:
    """The mixture of `n_kinds` by EM on random parts of 100,000 patches, turned and mirrored, half
    of them from the images at half their size: what is seen hardly depends on how far it is.

    ``weights``: what each image counts, None for evenly. At least three steps, then until
    `seconds` are over.
    """
    end = None if seconds is None else monotonic() + seconds
    both = [*images, *(_halved(image) for image in images)]
    chances = None if weights is None else np.tile(weights / (2.0 * weights.sum()), 2)
    x = torch.from_numpy(_drawn(both, chances, generator))
    every = torch.eye(_SIZE, dtype=torch.float64)
    expected = _EXPECTED * (n_levels / 256) ** 2 * every
    shares = torch.full((n_kinds,), 1.0 / n_kinds, dtype=torch.float64)
    covariances = _first(x[torch.from_numpy(generator.choice(len(x), n_kinds))].double())
    for step in range(_N_STEPS):
        if end is not None and step >= _N_BOLD and monotonic() > end:
            break
        part = x[torch.from_numpy(generator.choice(len(x), _N_A_STEP))]
        kinds = _kinds(part, shares, covariances)
        counts = kinds.sum(0).double()
        share = 1.0 if step < _N_BOLD else 0.5
        for k in range(n_kinds):
            scatter = ((part * kinds[:, k : k + 1]).T @ part).double()
            found = (scatter + _N_EXPECTED * expected) / (counts[k] + _N_EXPECTED)
            covariances[k].lerp_(found + _ROUNDING * every, share)
        shares.lerp_((counts + 1.0) / (counts + 1.0).sum(), share)
    return PatchMixture(shares, 0.5 * (covariances + covariances.transpose(1, 2)))


def _drawn(
    images: list[NDArray[np.float64]],
    chances: NDArray[np.float64] | None,
    generator: np.random.Generator,
) -> NDArray[np.float32]:
    """Patches less their mean ``(n, 64)``, of places drawn evenly within images."""
    source = generator.choice(len(images), _N_LEARNED, p=chances)
    where, turns = generator.random((2, _N_LEARNED)), generator.integers(0, 8, _N_LEARNED)
    found = np.empty((_N_LEARNED, SIDE, SIDE), np.float32)
    start = 0
    for index, image in enumerate(images):
        own = np.flatnonzero(source == index)
        y, x = (
            (share * (side - SIDE + 1)).astype(np.int64)
            for share, side in zip(where[:, own], image.shape, strict=True)
        )
        windows = np.lib.stride_tricks.sliding_window_view(image, (SIDE, SIDE))
        taken = windows[y, x]
        for turn in range(8):
            chosen = np.rot90(taken[turns[own] == turn], turn % 4, axes=(1, 2))
            chosen = chosen.transpose(0, 2, 1) if turn >= 4 else chosen
            found[start : start + len(chosen)] = chosen
            start += len(chosen)
    rows = found.reshape(_N_LEARNED, _SIZE)
    return rows - rows.mean(1, keepdims=True)


def _halved(image: NDArray[np.float64]) -> NDArray[np.float64]:
    """Means of 2x2 pixels; the image itself where that would leave less than a patch."""
    height, width = (side // 2 for side in image.shape)
    if min(height, width) < SIDE:
        return image
    blocks = image[: 2 * height, : 2 * width].reshape(height, 2, width, 2)
    return np.asarray(blocks.mean((1, 3)))


def _first(seeds: Tensor) -> Tensor:
    """A kind for each of some patches: half of its energy along the patch, half everywhere."""
    energy = seeds.square().mean(1) + 2.0 * _EXPECTED
    along = seeds.unsqueeze(2) * seeds.unsqueeze(1)
    return 0.5 * along + 0.5 * energy[:, None, None] * torch.eye(_SIZE, dtype=torch.float64)


def _kinds(x: Tensor, shares: Tensor, covariances: Tensor) -> Tensor:
    """P(kind given the patch), float32 ``(n, K)``."""
    root = torch.linalg.cholesky(covariances)
    halves = root.diagonal(dim1=1, dim2=2).log().sum(1)
    whiten = torch.linalg.inv(root).float()
    fit = torch.stack([(x @ own.T).square().sum(1) for own in whiten], 1)
    return torch.softmax((shares.log() - halves).float() - 0.5 * fit, 1)
