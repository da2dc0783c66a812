"""Fixtures that several test files share."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from sklearn.datasets import load_digits


@pytest.fixture(scope="session")
def digits() -> tuple[np.ndarray, np.ndarray]:
    """scikit-learn's 8x8 digits as bits, ``(1797, 64)`` uint8, and their labels."""
    data = load_digits()
    return (data.data > 7).astype(np.uint8), data.target


@pytest.fixture(autouse=True, scope="session")
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What a session measures of this machine stays in it, processes that it starts included."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HARMONIUM_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield
