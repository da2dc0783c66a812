"""Packages that are installed on demand: asked for before any work."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec

__all__ = ["check_extra", "check_plot"]


def check_extra(what: str, extra: str, packages: Mapping[str, str]) -> None:
    """Raise ``ImportError`` unless the modules of `packages`, ``{name: module}``, are there.

    `what` needs them, and the extra `extra` of harmonium installs them. Nothing is imported.
    """
    lacking = [name for name, module in packages.items() if find_spec(module) is None]
    if lacking:
        raise ImportError(f"{what} wants {', '.join(lacking)}: pip install 'harmonium[{extra}]'")


def check_plot(what: str) -> None:
    """Raise ``ImportError`` with the extra's name where matplotlib, to draw `what`, is missing."""
    check_extra(what, "plot", {"matplotlib": "matplotlib"})
