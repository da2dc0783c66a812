"""Rows seen as pictures: many side by side on one sheet, saved whole or not at all."""

from __future__ import annotations

from functools import partial
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from harmonium.contract.storage import write_atomically

__all__ = ["picture_shape", "save_picture", "sheet", "tile"]

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


def sheet(cells: NDArray[np.uint8], columns: int | None) -> Image.Image:
    """Coloured cells ``(n, height, width, 3)`` side by side with a gap, enlarged to be seen."""
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
    return sheet(cells.reshape(-1, height, width, 3), columns)


def save_picture(image: Image.Image, path: str | PathLike[str]) -> None:
    """Write a PNG, atomically."""
    write_atomically(path, partial(image.save, format="PNG"))
