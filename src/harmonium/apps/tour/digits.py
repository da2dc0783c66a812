"""The digits of the tour: 8x8 pictures of 0 and 1, most to learn from, the rest to ask about."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits

__all__ = ["load"]

_N_TRAIN = 1500


def load() -> tuple[Any, Any, NDArray[np.int64], NDArray[np.int64]]:
    """Rows of 64 bits to learn from and unseen ones, and the labels of both."""
    data = load_digits()
    bits = (data.data > 7).astype(np.uint8)
    return bits[:_N_TRAIN], bits[_N_TRAIN:], data.target[:_N_TRAIN], data.target[_N_TRAIN:]
