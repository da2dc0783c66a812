"""Pictures: rows as tiles, hidden units' weights, saved whole or not at all."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from harmonium.contract.storage import write_atomically

__all__ = ["picture_shape", "save_picture", "tile", "weights_picture"]

_GAP = 1
_SMALLEST_SIDE = 320


def picture_shape(n_features: int, shape: tuple[int, int] | None = None) -> tuple[int, int]:
    """Height and width of a row seen as a picture: `shape`, or a square where that fits."""
    if shape is None:
        side = round(n_features**0.5)
        shape = (side, side)
    if shape[0] * shape[1] != n_features:
        raise ValueError(
            f"shape: rows of {n_features} values are no {shape[0]}x{shape[1]} picture; "
            "give the height and width whose product they are"
        )
    return shape


def _grid(cells: NDArray[np.uint8], columns: int | None) -> Image.Image:
    """Cells ``(n, height, width, 3)`` side by side with a gap, enlarged until easy to see."""
    n, height, width, _ = cells.shape
    columns = columns or int(np.ceil(np.sqrt(n)))
    lines = -(-n // columns)
    sheet = np.full(
        (lines * (height + _GAP) + _GAP, columns * (width + _GAP) + _GAP, 3), 120, np.uint8
    )
    for i, cell in enumerate(cells):
        top = _GAP + (i // columns) * (height + _GAP)
        left = _GAP + (i % columns) * (width + _GAP)
        sheet[top : top + height, left : left + width] = cell
    image = Image.fromarray(sheet)
    factor = max(1, -(-_SMALLEST_SIDE // min(image.size)))
    return image.resize((image.width * factor, image.height * factor), Image.Resampling.NEAREST)


def tile(
    rows: Any, shape: tuple[int, int] | None = None, *, columns: int | None = None, top: float = 1.0
) -> Image.Image:
    """Rows of values in [0, top] as grey pictures in a grid; NaN is shown in orange."""
    values = np.asarray(rows, dtype=np.float64)
    height, width = picture_shape(values.shape[1], shape)
    blank = np.isnan(values)
    grey = np.clip(np.nan_to_num(values) / top * 255, 0, 255).astype(np.uint8)
    cells = np.repeat(grey[..., None], 3, axis=-1)
    cells[blank] = (240, 150, 40)
    return _grid(cells.reshape(-1, height, width, 3), columns)


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
    return _grid(cells.reshape(-1, height, width, 3), columns)


def save_picture(image: Image.Image, path: str | PathLike[str]) -> None:
    """Write a PNG, atomically."""

    def write(stream: IO[bytes]) -> None:
        image.save(stream, format="PNG")

    write_atomically(Path(path), write)
