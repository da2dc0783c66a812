"""Fixtures that several test files share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

# Kernels of a GPU run on the CPU, as Triton's interpreter reads them: said before it is imported.
os.environ.setdefault("TRITON_INTERPRET", "1")

#: Files that take longest. They begin, so that no process is left with one while others wait.
LONG = [
    "apps/tour/test_tour.py",
    "learning/test_every_model.py",
    "apps/report/test_report.py",
    "learning/test_ranks.py",
    "models/ngram/test_ngram_files.py",
    "test_readme.py",
    "docs/test_snippets.py",
    "models/test_larger_than_memory.py",
    "apps/play/test_numbers.py",
    "apps/play/test_play.py",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    place = {here / name: i for i, name in enumerate(LONG)}
    items.sort(key=lambda item: place.get(item.path, len(LONG)))


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
