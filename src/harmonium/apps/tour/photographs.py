"""The photographs of the tour, which ship with scikit-image, in 256 levels of grey."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["load", "psnr", "silhouette", "texture"]


def load() -> tuple[list[NDArray[np.int64]], NDArray[np.int64]]:
    """Photographs to learn from, and one of a cameraman, 128x128, that is not among them.

    Raises ``ImportError`` with the extra's name where scikit-image is missing.
    """
    try:
        from skimage import data
    except ImportError:
        raise ImportError(
            "the tour's photographs come with scikit-image, which is not installed: "
            "pip install 'harmonium[tour]'"
        ) from None
    others = [_grey(data.astronaut()), _grey(data.coffee()), _grey(data.chelsea())]
    return others, _grey(data.camera())[64:192, 160:288]


def texture() -> NDArray[np.int64]:
    """A photograph of gravel, 256x256, in 8 levels that are met equally often."""
    from skimage import data

    gravel = data.gravel().reshape(256, 2, 256, 2).mean((1, 3))
    return np.digitize(gravel, np.quantile(gravel, np.arange(1, 8) / 8)).astype(np.int64)


def _grey(picture: NDArray[Any]) -> NDArray[np.int64]:
    """Luminance (ITU-R 601) in whole levels."""
    if picture.ndim == 3:
        picture = picture[..., :3] @ np.array([0.299, 0.587, 0.114])
    return np.round(picture).astype(np.int64)


def psnr(found: NDArray[Any], truth: NDArray[Any]) -> float:
    """Peak signal to noise ratio in decibels, of 256 levels."""
    error = np.mean((np.asarray(found, dtype=np.float64) - truth) ** 2)
    return float(10 * np.log10(255**2 / error))


def silhouette(side: int) -> NDArray[np.uint8]:
    """A photograph of a flower, `side` x `side`, 1 where it is bright; it ships with
    scikit-learn."""
    from PIL import Image
    from sklearn.datasets import load_sample_image

    grey = Image.fromarray(load_sample_image("flower.jpg")).convert("L")
    small = np.asarray(grey.crop((100, 0, 527, 427)).resize((side, side), Image.Resampling.BOX))
    return (small > small.mean()).astype(np.uint8)
