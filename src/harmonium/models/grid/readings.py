"""Images in and out: checked, as rows of states, and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_matrix, diags
from scipy.sparse.linalg import spsolve

from harmonium.contract.noise import BitFlip, Gaussian, NoiseChannel, Replace, check_channel
from harmonium.data.tables import as_array
from harmonium.models.codec import Codec

__all__ = ["ImageCodec", "channels_of", "check_images", "has_colours", "stack_of"]

_N_CHANNELS = 3


class ImageCodec(Codec):
    """Images ``(n, height, width)`` of whole levels, flattened row by row.

    Only images of this `shape` ``(height, width)`` pass. With `colours`, ``(n, height, width, 3)``,
    each channel a row of its own.
    """

    beside = ()

    def __init__(self, shape: tuple[int, int], n_levels: int, *, colours: bool = False) -> None:
        self.shape, self.n_levels, self.colours = shape, n_levels, colours
        self.sizes = (n_levels,) * (shape[0] * shape[1])

    def read(self, X: Any, *, blanks: bool = False) -> NDArray[np.float64]:
        X = channels_of(X) if self.colours else X
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
        X = channels_of(X) if self.colours else X
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
        """A blank pixel starts with the level of a membrane stretched over the known ones, so that
        holes larger than chains can cross have no seam where sides meet."""
        found = values.copy()
        for row, blank in zip(found, np.isnan(values), strict=True):
            if blank.any() and not blank.all():
                row[blank] = np.round(_membrane(row.reshape(self.shape)))
        return found

    def write(self, states: NDArray[np.float64], *, mean: bool = False) -> NDArray[Any]:
        images = states.reshape(-1, *self.shape)
        answer: NDArray[Any] = images if mean else images.astype(np.int64)
        if self.colours:
            answer = answer.reshape(-1, _N_CHANNELS, *self.shape).transpose(0, 2, 3, 1)
        return answer


def has_colours(X: Any) -> bool:
    """Whether `X` are pictures ``(n, height, width, 3)``."""
    shape = np.shape(X) if not isinstance(X, list | tuple) else _shape_of_all(X)
    return len(shape) == 4 and shape[3] == _N_CHANNELS


def channels_of(X: Any) -> NDArray[Any]:
    """Pictures ``(n, height, width, 3)`` as ``(3 n, height, width)``, a picture's own together."""
    X = as_array(X)
    stack = X if isinstance(X, np.ma.MaskedArray) else np.asarray(X)
    moved: NDArray[Any] = stack.transpose(0, 3, 1, 2).reshape(-1, *stack.shape[1:3])
    return moved


def _shape_of_all(images: Sequence[Any]) -> tuple[int, ...]:
    """Of a list of images of one shape, that of their stack; () of others."""
    shapes = {np.shape(image) for image in images}
    return (len(images), *shapes.pop()) if len(shapes) == 1 else ()


def _membrane(picture: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where ``picture (H, W)`` is NaN, row by row, what makes each such pixel the mean of its
    neighbours (the discrete Laplace equation)."""
    blank = np.isnan(picture)
    number = np.full(picture.shape, -1)
    number[blank] = np.arange(blank.sum())
    degrees, force = np.zeros((2, int(blank.sum())))
    pairs = []
    for one, two in ((np.s_[:, :-1], np.s_[:, 1:]), (np.s_[:-1], np.s_[1:])):
        for here, there in ((one, two), (two, one)):
            own, other, level = number[here], number[there], picture[there]
            inside = own >= 0
            np.add.at(degrees, own[inside], 1.0)
            known = inside & (other < 0)
            np.add.at(force, own[known], level[known])
            both = inside & (other >= 0)
            pairs.append(np.stack([own[both], other[both]]))
    rows, columns = np.concatenate(pairs, axis=1)
    joined = csc_matrix((np.ones(len(rows)), (rows, columns)), shape=(len(degrees),) * 2)
    return np.asarray(spsolve(csc_matrix(diags(degrees)) - joined, force))


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
        if images.ndim == 4 and images.shape[3] == _N_CHANNELS:
            hint = "; of colours ask one channel at a time, X[..., 0]"
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
        known = values[~np.isnan(values)]
        if images.dtype.kind == "f" and ((known >= 0) & (known <= 1)).all():
            extra += f"; of pixels between 0 and 1 pass np.round({n_levels - 1} * X)"
        raise ValueError(
            f"{name}[{n}, {y}, {x}] is {images[n, y, x]}; wanted an integer in "
            f"[0, {n_levels - 1}]{extra}"
        )
    return values
