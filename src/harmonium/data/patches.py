"""Square patches of pictures: as many of each, from random places, turned and mirrored."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["random_patches"]


def random_patches(
    images: list[NDArray[np.float64]], side: int, n: int, generator: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """`n` patches ``(n, side, side)``, as many of each image, and the image each is from.

    Every patch is turned by a multiple of 90 degrees and mirrored at random, so that all
    directions are learned from all images. `side` is at most the smallest side of an image.
    """
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
    return np.stack(found), source
