"""The public names: each there is, editors see the same, and importing them costs nothing."""

from __future__ import annotations

import subprocess
import sys

import harmonium as hm


def test_every_public_name_resolves_and_is_listed() -> None:
    assert len(hm.__all__) <= 30
    assert set(hm.__all__) == {*hm._HOME, *hm._MODULES, "__version__"}
    for name in hm.__all__:
        value = getattr(hm, name)
        if name in hm._HOME:
            assert value.__name__ == name


def test_import_loads_no_library() -> None:
    told = "import sys, harmonium; print({'torch', 'numpy', 'sklearn'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
