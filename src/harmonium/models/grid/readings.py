"""Images in, and what a noise channel says about the clean ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import log_ndtr
from torch import Tensor

from harmonium.contract import noise as channels
from harmonium.contract.energy import Evidence

__all__ = ["Readings", "check_images", "check_readings", "read_channel"]


@dataclass(frozen=True)
class Readings(Evidence):
    """Noisy readings of pixels without a table for each: 256 levels of a large image are many.

    Pixel i of row n was read so that its log-likelihood is
    ``table[rows[n, i]] + slopes[n, i] * level``: ``rows (n, V)`` integers, ``table (R, L)``,
    ``slopes (n, V)`` or None for none.
    """

    rows: Tensor | None = None
    table: Tensor | None = None
    slopes: Tensor | None = None

    def select(self, index: Tensor) -> Readings:
        def part(tensor: Tensor | None) -> Tensor | None:
            return None if tensor is None else tensor[index]

        return Readings(part(self.free), None, part(self.rows), self.table, part(self.slopes))

    def tempered(self, beta: float) -> Readings:
        """The likelihood to the power `beta`."""

        def part(tensor: Tensor | None) -> Tensor | None:
            return None if tensor is None else beta * tensor

        return Readings(self.free, None, self.rows, part(self.table), part(self.slopes))

    def log_weight(self, x: Tensor) -> Tensor | float:
        if self.rows is None or self.table is None:
            return 0.0
        total = self.table[self.rows.long(), x.long()].double().sum(1)
        if self.slopes is not None:
            total += (self.slopes.double() * x.double()).sum(1)
        return total


def _stack(X: Any, name: str) -> NDArray[Any]:
    """`X` as an array ``(n, H, W)`` of numbers; NaN where a masked array is masked."""
    if hasattr(X, "detach") and hasattr(X, "cpu"):
        X = X.detach().cpu().numpy()
    if isinstance(X, np.ma.MaskedArray):
        X = np.where(np.ma.getmaskarray(X), np.nan, X.data)
    try:
        images = np.asarray(X)
    except ValueError:
        raise ValueError(f"{name} must be images (n, height, width) of one size") from None
    if images.dtype.kind not in "buif":
        raise ValueError(f"{name} must be images of numbers, got dtype {images.dtype}")
    if images.ndim != 3:
        hint = "; for one image, pass X[None]" if images.ndim == 2 else ""
        raise ValueError(
            f"{name} must be images (n, height, width), got shape {images.shape}{hint}"
        )
    if not images.size:
        raise ValueError(f"{name} must hold at least one pixel, got shape {images.shape}")
    return images


def check_images(
    X: Any, n_levels: int, *, blanks: bool = False, name: str = "X"
) -> NDArray[np.float64]:
    """`X` as float64 images ``(n, H, W)`` of whole levels; NaN (or -1) for a blank if allowed."""
    images = _stack(X, name)
    if blanks and images.dtype.kind in "if":
        images = np.where(images == -1, np.nan, images)
    values = images.astype(np.float64)
    good = (values >= 0) & (values < n_levels) & (values == np.floor(values))
    if blanks:
        good |= np.isnan(values)
    if not good.all():
        n, y, x = np.argwhere(~good)[0].tolist()
        extra = ", or NaN or -1 for a blank" if blanks else ""
        raise ValueError(
            f"{name}[{n}, {y}, {x}] is {images[n, y, x]}; wanted an integer in "
            f"[0, {n_levels - 1}]{extra}"
        )
    return values


def check_readings(X: Any, noise: Any, n_levels: int) -> NDArray[np.float64]:
    """Noisy images: whole levels, or under Gaussian noise any finite number; NaN: not read."""
    if not isinstance(noise, channels.Gaussian | channels.Replace | channels.BitFlip):
        raise ValueError(
            f"noise must be hm.noise.Gaussian, hm.noise.Replace or hm.noise.BitFlip, got {noise!r}"
        )
    if isinstance(noise, channels.BitFlip) and n_levels != 2:
        raise ValueError(f"noise: BitFlip wants two levels, this model has {n_levels}")
    if not isinstance(noise, channels.Gaussian):
        return check_images(X, n_levels, blanks=True)
    readings = _stack(X, "X").astype(np.float64)
    if np.isinf(readings).any():
        n, y, x = np.argwhere(np.isinf(readings))[0].tolist()
        raise ValueError(f"X[{n}, {y}, {x}] is {readings[n, y, x]}; wanted a finite number or NaN")
    return readings


def read_channel(noise: Any, readings: NDArray[np.float64], n_levels: int) -> Readings:
    """Evidence from checked readings ``(n, V)``, all pixels free.

    Gaussian readings that are all whole levels count as rounded and clipped ones: level y
    stands for [y - 1/2, y + 1/2], the two end levels for all that lies beyond as well. Other
    Gaussian readings enter by the density at their own value.
    """
    blank = np.isnan(readings)
    levels = np.arange(n_levels, dtype=np.float64)
    known = readings[~blank]
    whole = bool(((known >= 0) & (known < n_levels) & (known == np.floor(known))).all())
    rows, slopes = np.where(blank, n_levels, readings), None
    if not isinstance(noise, channels.Gaussian):
        table = channels.log_likelihood(noise, levels[:, None], n_levels)(slice(None))[:, 0]
    elif whole:
        table = _rounded(noise.sigma, n_levels)
    else:
        variance = noise.sigma**2
        table = (-0.5 * levels**2 / variance)[None]
        slopes = torch.from_numpy(np.where(blank, 0.0, readings / variance)).float()
        rows = blank.astype(np.float64)
    table = np.concatenate([table, np.zeros((1, n_levels))])
    return Readings(
        free=torch.ones(readings.shape, dtype=torch.bool),
        rows=torch.from_numpy(rows.astype(np.int32)),
        table=torch.from_numpy(table).float(),
        slopes=slopes,
    )


def _rounded(sigma: float, n_levels: int) -> NDArray[np.float64]:
    """log P(rounded and clipped reading = y given level k), ``[y, k]``."""
    levels = np.arange(n_levels, dtype=np.float64)
    lower = (levels[:, None] - 0.5 - levels) / sigma
    upper = (levels[:, None] + 0.5 - levels) / sigma
    lower[0], upper[-1] = -np.inf, np.inf
    # Of an interval above the mean, mirror it: tails below keep their digits.
    above = lower > 0
    low, high = np.where(above, -upper, lower), np.where(above, -lower, upper)
    tail, far = log_ndtr(high), log_ndtr(low)
    with np.errstate(invalid="ignore"):
        value = tail + np.log1p(-np.exp(np.minimum(far - tail, 0.0)))
    return np.maximum(np.where(np.isnan(value), -1e6, value), -1e6)
