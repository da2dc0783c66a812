"""Pictures in and out: files and folders of them as arrays of levels, and back as PNG."""

from __future__ import annotations

import warnings
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from harmonium.contract.checks import check_integer
from harmonium.contract.storage import write_atomically
from harmonium.data.files import UNREADABLE

__all__ = ["IMAGE_ENDINGS", "MAX_PIXELS", "quantise", "read_images", "spread", "write_images"]

IMAGE_ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp")
#: What such files hold, whatever their name says. Pillow knows others, some of which it hands to
#: programs such as Ghostscript.
_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP")
#: Pixels of one picture that are unpacked without being asked for: as levels, half a GiB.
MAX_PIXELS = 2**26


def quantise(pixels: NDArray[Any], n_levels: int) -> NDArray[np.int64]:
    """Gray values 0..255 as levels 0..n_levels-1, in steps of equal width."""
    return pixels.astype(np.int64) * n_levels // 256


def spread(levels: NDArray[Any], n_levels: int) -> NDArray[np.uint8]:
    """Levels (or their means) as gray values: 0 is black and n_levels - 1 white.

    :func:`quantise` undoes it: a whole level's gray value lies within its own step.
    """
    values = np.asarray(levels, dtype=np.float64)
    lowest = np.ceil(np.floor(values) * 256 / n_levels)
    highest = np.ceil((np.ceil(values) + 1) * 256 / n_levels) - 1
    gray = np.round(values * 255 / (n_levels - 1))
    return np.clip(np.clip(gray, lowest, highest), 0, 255).astype(np.uint8)


def read_images(
    path: str | PathLike[str], n_levels: int = 256, *, max_pixels: int = MAX_PIXELS
) -> Any:
    """A picture, or all pictures of a folder in the order of their names, in gray.

    Returns int64 ``(n, height, width)`` in [0, n_levels), or a list of ``(height, width)``
    where sizes differ. Colours become luminance (ITU-R 601). Raises ``ValueError`` with the
    name of what is no picture, or of one with more than `max_pixels` (a small file can unpack
    to any number of them; nothing but its header is read), ``FileNotFoundError`` where nothing
    is.
    """
    check_integer("n_levels", n_levels, 2, 256)
    check_integer("max_pixels", max_pixels, 1)
    source = Path(path)
    if source.is_dir():
        files = sorted(f for f in source.iterdir() if f.suffix.lower() in IMAGE_ENDINGS)
        if not files:
            raise ValueError(
                f"path: the folder {str(source)!r} holds no pictures ({', '.join(IMAGE_ENDINGS)})"
            )
    elif source.is_file():
        files = [source]
    else:
        raise FileNotFoundError(f"path: no picture or folder at {str(source)!r}")
    images = [quantise(_gray(file, max_pixels), n_levels) for file in files]
    return np.stack(images) if len({image.shape for image in images}) == 1 else images


def _gray(file: Path, max_pixels: int) -> NDArray[np.uint8]:
    try:
        with _opened(file) as picture:
            if picture.width * picture.height > max_pixels:
                raise ValueError(
                    f"it has {picture.width} x {picture.height} pixels, more than "
                    f"max_pixels={max_pixels:,}"
                )
            if picture.mode.startswith(("I", "F")):  # 16 bits and more: keep the upper eight
                deep = np.asarray(picture, dtype=np.float64)
                return np.clip(deep / 257.0, 0, 255).round().astype(np.uint8)
            return np.asarray(picture.convert("L"))
    except (*UNREADABLE, Image.DecompressionBombError) as error:
        raise ValueError(f"{str(file)!r} is not a readable picture: {error}") from error


def _opened(file: Path) -> Image.Image:
    """The picture with nothing but its header read; how large it may be is ours to say.

    Pillow refuses what has more than twice its own limit, ``PIL.Image.MAX_IMAGE_PIXELS``.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        return Image.open(file, formats=_FORMATS)


def write_images(path: str | PathLike[str], images: Any, n_levels: int = 256) -> list[Path]:
    """Write each image ``(n, height, width)`` of levels as a gray PNG; returns the files.

    One image and a path that ends in ``.png``: that file. Else `path` is a folder, made if
    its parent exists, that gets 0000.png, 0001.png, ...
    """
    check_integer("n_levels", n_levels, 2, 256)
    pictures = [spread(np.asarray(image), n_levels) for image in images]
    for picture in pictures:
        if picture.ndim != 2:
            raise ValueError(f"images must be (n, height, width), got one of {picture.ndim} axes")
    target = Path(path)
    if target.suffix.lower() == ".png":
        if len(pictures) != 1:
            raise ValueError(f"path: {len(pictures)} images want a folder, got {str(target)!r}")
        files = [target]
    else:
        target.mkdir(exist_ok=True)
        digits = max(4, len(str(len(pictures) - 1)))
        files = [target / f"{index:0{digits}d}.png" for index in range(len(pictures))]
    for file, picture in zip(files, pictures, strict=True):
        write_atomically(file, partial(Image.fromarray(picture).save, format="PNG"))
    return files
