"""``torchrun -m harmonium``: one fit by several processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tests.support import cli

import harmonium as hm


@pytest.fixture
def several(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if torchrun had started this process."""
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")


def test_two_ranks_fit_one_file_and_one_of_them_speaks(tmp_path: Path) -> None:
    rows = (np.random.default_rng(0).random((80, 5)) < 0.3).astype(np.uint8)
    np.save(tmp_path / "rows.npy", rows)
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2"]
    fit = "fit rows.npy -o model --set n_components=3 --set n_updates=60 --seed 0 --quiet"
    done = subprocess.run(
        [*torchrun, "-m", "harmonium", *fit.split()],
        cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("hidden units: 3") == 1
    model = hm.load(tmp_path / "model")
    assert model.n_updates_ == 60
    assert np.isfinite(model.score(rows))


@pytest.mark.usefixtures("several")
def test_what_would_be_done_twice_is_refused(tmp_path: Path) -> None:
    done = cli.run("score", "model", "rows.npy")
    assert done.returncode == 2
    assert "torchrun is for `harmonium fit`; score runs in one process" in done.stderr
    (tmp_path / "lines.txt").write_text("a b\n")
    done = cli.run("fit", tmp_path / "lines.txt", "--model", "ngram", "-o", tmp_path / "m")
    assert done.returncode == 2
    assert "--model ngram counts, so torchrun has nothing to share out" in done.stderr
    assert not (tmp_path / "m").exists()
