"""Bars: what a count shows on a terminal, and that nothing is shown elsewhere."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

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


def test_a_notebook_without_widgets_is_not_asked_to_install_some(monkeypatch, recwarn) -> None:
    """rich in a notebook warns where ipywidgets is missing; here the last line is enough."""
    from rich import console

    monkeypatch.setattr(console, "_is_jupyter", lambda: True)
    monkeypatch.setattr(progress, "find_spec", lambda name: None)
    assert not progress._console().is_jupyter
    with progress.stage_bar(1, "log Z", 10) as show:
        assert show is not None
        show(10, float("nan"))
    assert not recwarn.list
    monkeypatch.setattr(progress, "find_spec", lambda name: object())
    assert progress._console().is_jupyter
