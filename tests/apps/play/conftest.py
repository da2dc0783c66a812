"""The page that all tests of it open, written once."""

from __future__ import annotations

from pathlib import Path

import pytest

from harmonium.apps.play import write_play


@pytest.fixture(scope="session")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("play") / "play.html"
    write_play(path)
    return path
