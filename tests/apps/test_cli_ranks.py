"""``torchrun -m harmonium``: commands by several processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from pyarrow import parquet
from tests.support import cli

import harmonium as hm


@pytest.fixture
def several(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if torchrun had started this process."""
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")


#: Commands one after the other: processes are slow to begin.
_PROGRAM = """
import os
from harmonium.apps.cli.main import main
from harmonium.compute.ranks import joined_job
with joined_job():
    for line in open("commands.txt"):
        try:
            main(line.split())
        except SystemExit as end:
            # One write: what two processes print in parts to one pipe gets mixed.
            os.write(1, f"status {end.code}\\n".encode())
"""
_COMMANDS = """\
fit rows/*.npy -o model --set n_components=3 --set n_updates=60 --seed 0 --quiet
fit rows/*.npy -o pairs --model boltzmann --set n_updates=20 --set n_chains=20 --seed 0 --quiet
score model rows/*.npy -o scores.parquet --json
score model rows.npy -o scores.npy
encode model rows/*.npy -o hidden.parquet
complete model holes/*.npy -o filled.parquet --how sample --seed 3
sample model -n 25 -o drawn.npy --seed 3
score model rows.csv
"""


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    folder = tmp_path_factory.mktemp("job")
    rows = (np.random.default_rng(0).random((80, 25)) < 0.3).astype(np.uint8)
    np.save(folder / "rows.npy", rows)
    holes = rows.astype(np.float64)
    holes[::3, 1] = np.nan
    for name, table in (("rows", rows), ("holes", holes)):
        (folder / name).mkdir()
        for k, start in enumerate(range(0, 80, 30)):
            np.save(folder / name / f"{k}.npy", table[start : start + 30])
    (folder / "rows.csv").write_text("0,1\n")
    (folder / "commands.txt").write_text(_COMMANDS)
    (folder / "program.py").write_text(_PROGRAM)
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2"]
    done = subprocess.run(
        [*torchrun, "program.py"],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    return folder, done


def test_two_ranks_fit_one_file_and_one_of_them_speaks(job) -> None:
    folder, done = job
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("status 0") == 2 * 7, done.stderr
    assert done.stdout.count("hidden units: 3") == 1
    model = hm.load(folder / "model")
    assert model.n_updates_ == 60
    assert np.isfinite(model.score(np.load(folder / "rows.npy")))
    pairs = hm.load(folder / "pairs")
    assert pairs.n_updates_ == 20
    assert 0.0 < np.abs(pairs.couplings_).max() < 5.0


def test_two_ranks_answer_about_their_own_rows_into_one_file(job) -> None:
    """In order, and as one process does; log Z is exact."""
    folder, done = job
    model, rows = hm.load(folder / "model"), np.load(folder / "rows.npy")
    scores = model.score_samples(rows)
    found = parquet.read_table(folder / "scores.parquet")["log_likelihood"].to_numpy()
    np.testing.assert_allclose(found, scores, rtol=1e-12)
    np.testing.assert_array_equal(np.load(folder / "scores.npy")[:, 0], found)
    said = json.loads(next(line for line in done.stdout.splitlines() if line.startswith("{")))
    assert said["rows"] == 80
    assert said["mean_log_likelihood"] == pytest.approx(scores.mean(), rel=1e-12)
    assert said["std_error"] == pytest.approx(scores.std(ddof=1) / 80**0.5, rel=1e-9)
    hidden = parquet.read_table(folder / "hidden.parquet")
    assert hidden.column_names == list(model.get_feature_names_out())
    np.testing.assert_allclose(hidden["rbm1"].to_numpy(), model.transform(rows)[:, 1], rtol=1e-12)
    filled = parquet.read_table(folder / "filled.parquet")
    assert filled.num_rows == 80
    for j, column in enumerate(filled.columns):
        known = np.arange(80) % 3 > 0 if j == 1 else np.ones(80, dtype=bool)
        np.testing.assert_array_equal(column.to_numpy()[known], rows[known, j])
    assert not list(folder.glob("*.part"))


def test_two_ranks_draw_apart(job) -> None:
    folder, _ = job
    drawn = np.load(folder / "drawn.npy")
    assert drawn.shape == (25, 25)
    assert (drawn[:12] != drawn[13:]).any()


def test_what_cannot_be_shared_out_is_said(job) -> None:
    _, done = job
    assert "torchrun shares out rows in .parquet, .arrow, .feather, .npy" in done.stderr
    assert done.stdout.count("status 2") == 2


@pytest.mark.usefixtures("several")
def test_what_would_be_done_twice_is_refused(tmp_path: Path) -> None:
    done = cli.run("info", "model")
    assert done.returncode == 2
    assert (
        "torchrun is for fit, score, sample, complete, encode; info runs in one process"
        in done.stderr
    )
    (tmp_path / "lines.txt").write_text("a b\n")
    done = cli.run("fit", tmp_path / "lines.txt", "--model", "ngram", "-o", tmp_path / "m")
    assert done.returncode == 2
    assert "--model ngram counts, so torchrun has nothing to share out" in done.stderr
    assert not (tmp_path / "m").exists()
