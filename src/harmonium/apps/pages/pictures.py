"""Pictures of what a model learned; sheets of rows come from :mod:`harmonium.data.sheets`."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image

from harmonium.data.sheets import picture_shape, sheet

__all__ = ["weights_picture"]


def weights_picture(
    weights: Any, shape: tuple[int, int] | None = None, *, columns: int | None = None
) -> Image.Image:
    """Each hidden unit's weights as a picture: red where it wants a one, blue where a zero."""
    values = np.asarray(weights, dtype=np.float64)
    height, width = picture_shape(values.shape[1], shape)
    scale = np.abs(values).max(axis=1, keepdims=True)
    level = values / np.where(scale > 0, scale, 1.0)
    fade = (255 * (1 - np.abs(level))).astype(np.uint8)
    full = np.full_like(fade, 255)
    cells = np.stack(
        [np.where(level >= 0, full, fade), fade, np.where(level >= 0, fade, full)], axis=-1
    )
    return sheet(cells.reshape(-1, height, width, 3), columns)
