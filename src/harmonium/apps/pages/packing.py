"""Numbers as pages hold them: bytes in base64, which a browser makes numbers of again."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["eight_bits", "floats", "hexadecimal", "rounded"]


def rounded(array: NDArray[Any]) -> NDArray[np.float64]:
    """The array with its values rounded to 255 levels around zero."""
    scale = _scale(array)
    return np.rint(np.asarray(array, dtype=np.float64) / scale) * scale


def eight_bits(array: NDArray[Any]) -> dict[str, Any]:
    """An array that :func:`rounded` leaves as it is, a byte a number."""
    scale = _scale(array)
    return _packed(np.rint(array / scale).astype(np.int8)) | {"scale": scale}


def floats(array: NDArray[Any]) -> dict[str, Any]:
    """An array in single precision."""
    return _packed(array.astype("<f4"))


def hexadecimal(bits: NDArray[Any]) -> str:
    """Bits, four a digit."""
    return np.packbits(bits.ravel().astype(bool)).tobytes().hex()


def _packed(array: NDArray[Any]) -> dict[str, Any]:
    return {"bytes": b64encode(array.tobytes()).decode("ascii")}


def _scale(array: NDArray[Any]) -> float:
    """What a level stands for; a short number, which JSON gives again as it is."""
    largest = float(np.abs(array).max(initial=0.0)) or 1.0
    return float(f"{largest / 127:.6e}")
