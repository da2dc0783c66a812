"""PyArrow, which is there where it was asked for."""

from __future__ import annotations

from importlib import import_module
from typing import Any

__all__ = ["arrow"]


def arrow(module: str = "pyarrow") -> Any:
    """PyArrow, or a `module` of it; ``ImportError`` that says what to install."""
    try:
        return import_module(module)
    except ImportError:
        raise ImportError(
            ".parquet, .arrow, .feather and .zst are read with pyarrow, which is not installed: "
            "pip install 'harmonium[tables]'"
        ) from None
