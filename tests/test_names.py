"""The public names: each there is, editors see the same, and importing them costs nothing."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import harmonium as hm
from harmonium.contract.registry import MODELS


def test_every_public_name_resolves() -> None:
    assert len(hm.__all__) <= 30
    for name in hm.__all__:
        value = getattr(hm, name)
        if name != "__version__" and not isinstance(value, ModuleType):
            assert value.__name__ == name
    assert {entry.name for entry in MODELS} < set(hm.__all__)


def test_editors_see_the_same_names() -> None:
    """The imports under TYPE_CHECKING are read by tools that do not run the table."""
    tree = ast.parse(Path(hm.__file__).read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    seen = {
        alias.asname
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert seen == set(hm.__all__) - {"__version__"}


def test_import_loads_no_library() -> None:
    told = "import sys, harmonium; print({'torch', 'numpy', 'sklearn'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
