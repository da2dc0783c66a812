"""Bars: what a count shows on a terminal, and that nothing is shown elsewhere."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest

import harmonium as hm
from harmonium.compute import progress

_FIT = """
import sys
import harmonium as hm
from harmonium.compute import progress
hm.NGram(2, smoothing="mle", verbose=int(sys.argv[2])).fit(hm.TextFile(sys.argv[1]))
"""


@pytest.mark.parametrize(("verbose", "terminal"), [(1, True), (1, False), (0, True)])
def test_counting_shows_bytes_and_n_grams(tmp_path: Path, verbose: int, terminal: bool) -> None:
    (tmp_path / "t.txt").write_text("a b c\n")
    # rich takes FORCE_COLOR for a terminal, and an empty one for none.
    environment = {**os.environ, "FORCE_COLOR": "1" if terminal else "", "COLUMNS": "100"}
    command = [sys.executable, "-c", _FIT, str(tmp_path / "t.txt"), str(verbose)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    shown = bool(verbose and terminal)
    assert ("2-grams of 2" in done.stderr) == shown
    assert (" MB" in done.stderr) == shown


def test_a_file_knows_how_much_there_is_to_read(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text("a b c\n")
    (tmp_path / "t.txt.gz").write_bytes(b"")
    assert hm.TextFile(tmp_path / "t.txt").n_bytes == 6
    assert hm.TextFile(tmp_path / "t.txt.gz").n_bytes is None
    assert hm.TextFile("-").n_bytes is None


@pytest.fixture
def notebook(monkeypatch):
    """What is shown in a notebook without ipywidgets: a list of what each cell shows, as it is
    changed."""
    shown: list[list[dict[str, str]]] = []

    class Handle:
        def __init__(self, first: dict[str, str]) -> None:
            self.seen = [first]
            shown.append(self.seen)

        def update(self, now: dict[str, str], *, raw: bool) -> None:
            self.seen.append(now)

    def display(first: dict[str, str], *, raw: bool, display_id: bool) -> Handle:
        assert raw
        assert display_id
        return Handle(first)

    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    monkeypatch.setitem(sys.modules, "IPython", types.ModuleType("IPython"))
    page = types.ModuleType("IPython.display")
    monkeypatch.setattr(page, "display", display, raising=False)
    monkeypatch.setitem(sys.modules, "IPython.display", page)
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    monkeypatch.setattr(progress, "_APART", 0.0)
    return shown


def test_in_a_notebook_a_bar_moves_where_it_stands(notebook, recwarn, capfd) -> None:
    rows = np.random.default_rng(0).integers(0, 2, (40, 4))
    hm.RBM(2, n_updates=40, verbose=1, random_state=0).fit(rows)
    hm.NGram(2, smoothing="mle", verbose=1).fit(["a b", "b a"])
    fit, count = notebook
    assert fit[0]["text/plain"].split()[-2:] == ["0%", "-:--:--"]
    assert "100%" in fit[-1]["text/plain"]
    assert "nats" in fit[-1]["text/plain"]
    assert fit[-1]["text/html"].startswith("<pre style=")
    assert "2-grams of 2" in count[-1]["text/plain"]
    assert not [one for one in recwarn.list if "ipywidgets" in str(one.message)]
    assert capfd.readouterr() == ("", "")


def test_a_fit_that_fails_in_a_notebook_leaves_its_bar(notebook) -> None:
    with contextlib.suppress(ZeroDivisionError), progress.stage_bar(1, "log Z", 10) as show:
        show(5, 1.25)
        raise ZeroDivisionError
    assert "50%" in notebook[0][-1]["text/plain"]
    assert "1.2500 nats a pixel" in notebook[0][-1]["text/plain"]
