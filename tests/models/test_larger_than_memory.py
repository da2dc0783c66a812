"""A table ten times the memory that it is allowed is learned, taken up after a kill, and scored."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tests.support import large

#: Rows and columns of one byte each: 192 MB.
N_FILES, N_ROWS, WIDTH = 4, 60_000, 800


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("large")
    draw = np.random.default_rng(0)
    for k in range(N_FILES):
        bits = np.frombuffer(draw.bytes(N_ROWS * WIDTH // 8), dtype=np.uint8)
        rows = np.unpackbits(bits).reshape(N_ROWS, WIDTH)
        rows[:, 1::2] &= rows[:, ::2]  # something to learn
        np.save(found / f"{k}.npy", rows)
    return found


def ended(folder: Path, checkpoint: Path, out: Path, killed_at: int) -> int:
    words = [sys.executable, large.__file__, folder, checkpoint, out, str(killed_at)]
    return subprocess.run(list(map(str, words)), timeout=300, check=False).returncode


def test_a_table_ten_times_its_memory_is_learned_and_scored(folder, tmp_path, monkeypatch):
    assert ended(folder, tmp_path / "whole", tmp_path / "whole.json", 0) == 0
    whole = json.loads((tmp_path / "whole.json").read_text())
    size = sum(one.stat().st_size for one in folder.iterdir())
    assert whole["rise"] < size / 10
    assert ended(folder, tmp_path / "killed", tmp_path / "no.json", 4) == -signal.SIGKILL
    assert (tmp_path / "killed").exists()
    # The end of the fit that was killed is the end of the one that was not, bit for bit.
    for name in ("harmonium.data.pieces._ARRAY_PIECE", "harmonium.data.shards._BLOCK_CELLS"):
        monkeypatch.setattr(name, 2**17)
    monkeypatch.setattr("harmonium.learning.sharded.WINDOW_BYTES", 2**20)
    model = large.fit(str(folder), str(tmp_path / "killed"))
    np.testing.assert_array_equal(model.components_, np.array(whole["W"], dtype=np.float32))
