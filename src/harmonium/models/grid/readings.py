"""Images in and out: checked, as rows of states, and back."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from harmonium.contract.noise import BitFlip, Gaussian, NoiseChannel, Replace, check_channel
from harmonium.data.tables import as_array
from harmonium.models.codec import Codec

__all__ = ["ImageCodec", "check_images", "stack_of"]


class ImageCodec(Codec):
    """Images ``(n, height, width)`` of whole levels, flattened row by row.

    Only images of this `shape` ``(height, width)`` pass.
    """

    beside = ()

    def __init__(self, shape: tuple[int, int], n_levels: int) -> None:
        self.shape, self.n_levels = shape, n_levels
        self.sizes = (n_levels,) * (shape[0] * shape[1])

    def read(self, X: Any, *, blanks: bool = False) -> NDArray[np.float64]:
        images = check_images(X, self.n_levels, blanks=blanks)
        if images.shape[1:] != self.shape:
            raise ValueError(
                f"X must be images of shape {self.shape}, as fitted, got {images.shape[1:]}"
            )
        return images.reshape(len(images), -1)

    def read_noisy(self, X: Any, noise: Any) -> tuple[NDArray[np.float64], NoiseChannel]:
        channel = check_channel(noise, (Gaussian, Replace, BitFlip))
        if not isinstance(channel, Gaussian):
            return self.read(X, blanks=True), channel
        readings = stack_of(X, "X").astype(np.float64)
        if np.isinf(readings).any():
            n, y, x = np.argwhere(np.isinf(readings))[0].tolist()
            raise ValueError(
                f"X[{n}, {y}, {x}] is {readings[n, y, x]}; wanted a finite number or NaN"
            )
        return readings.reshape(len(readings), -1), channel

    def read_condition(self, condition: Any) -> NDArray[np.float64]:
        if condition is None:
            return np.full(len(self.sizes), np.nan)
        one = np.asarray(condition)[None]
        return check_images(one, self.n_levels, blanks=True, name="condition").reshape(-1)

    def say(self, variable: int, state: float) -> str:
        return f"pixel {divmod(variable, self.shape[1])}: {state:g}"

    def begin(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """A blank pixel starts with its nearest known pixel's level."""
        found = values.copy()
        for row, blank in zip(found, np.isnan(values), strict=True):
            if blank.any() and not blank.all():
                nearest = distance_transform_edt(
                    blank.reshape(self.shape), return_distances=False, return_indices=True
                )
                row[:] = row.reshape(self.shape)[tuple(nearest)].reshape(-1)
        return found

    def write(self, states: NDArray[np.float64], *, mean: bool = False) -> NDArray[Any]:
        images = states.reshape(-1, *self.shape)
        return images if mean else images.astype(np.int64)


def stack_of(X: Any, name: str) -> NDArray[Any]:
    """`X` as an array ``(n, H, W)`` of numbers; NaN where a masked array is masked."""
    X = as_array(X)
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
    images = stack_of(X, name)
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
