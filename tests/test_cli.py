"""The command line as a user types it."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import harmonium as hm


def run(*words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "harmonium", *map(str, words)], capture_output=True, text=True
    )


@pytest.fixture(scope="module")
def folder(digits, tmp_path_factory):
    """Digits in files, and a model fitted by the command line."""
    place = tmp_path_factory.mktemp("cli")
    np.save(place / "rows.npy", digits[0][:400])
    holes = digits[0][:4].astype(float)
    holes[:, 40:] = np.nan
    np.savetxt(place / "holes.csv", holes, delimiter=",")
    done = run(
        "fit",
        place / "rows.npy",
        "-o",
        place / "model.safetensors",
        "--set",
        "n_components=16",
        "--set",
        "n_updates=200",
        "--seed",
        0,
        "--quiet",
    )
    assert done.returncode == 0, done.stderr
    assert "200 updates, done" in done.stdout
    return place


def test_each_question_is_a_command(folder):
    model, rows = folder / "model.safetensors", folder / "rows.npy"
    done = run("score", model, rows)
    assert done.returncode == 0
    expected = hm.load(model).score(np.load(rows))
    assert f"mean log-likelihood {expected:.4f} nats over 400 rows" in done.stdout
    assert run("sample", model, "-n", 9, "-o", folder / "new.png", "--seed", 1).returncode == 0
    assert min(Image.open(folder / "new.png").size) >= 320
    filled = folder / "filled.csv"
    assert run("complete", model, folder / "holes.csv", "-o", filled).returncode == 0
    whole = np.genfromtxt(filled, delimiter=",")
    assert whole.shape == (4, 64)
    np.testing.assert_array_equal(whole[:, :40], np.load(rows)[:4, :40])
    clean = folder / "clean.npy"
    done = run("correct", model, rows, "--noise", "bitflip:0.1", "-o", clean, "--seed", 0)
    assert done.returncode == 0
    assert set(np.unique(np.load(clean))) <= {0.0, 1.0}
    codes = folder / "codes.npy"
    assert run("encode", model, rows, "-o", codes).returncode == 0
    assert np.load(codes).shape == (400, 16)
    assert run("decode", model, codes, "-o", folder / "back.npz").returncode == 0
    assert np.load(folder / "back.npz")["rows"].shape == (400, 64)
    done = run("info", model, "--weights", folder / "units.png")
    assert "visible units" in done.stdout
    assert (folder / "units.png").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["score", "model.safetensors", "none.npy"], "DATA: no file at"),
        (["score", "rows.npy", "rows.npy"], "not a readable harmonium file"),
        (["sample", "model.safetensors", "-o", "x.doc"], "--out must end in"),
        (["sample", "model.safetensors", "-o", "x.png", "--shape", "5x5"], "no 5x5 picture"),
        (["fit", "rows.npy", "-o", "x", "--set", "speed=3"], "--set wants name=value"),
        (["fit", "rows.npy", "-o", "x", "--set", "n_components=0"], "n_components must be"),
        (["fit", "rows.npy", "-o", "no/such/x"], "the folder"),
        (["fit", "rows.npy", "-o", "x", "--model", "oracle"], "--model must be"),
        (["correct", "model.safetensors", "rows.npy", "-o", "x.npy", "--noise", "fog"], "--noise"),
        (["complete", "model.safetensors", "holes.csv", "-o", "x.npy", "--how", "x"], "how must"),
    ],
)
def test_wrong_input_is_one_line_and_exit_two(folder, words, message, monkeypatch):
    monkeypatch.chdir(folder)
    before = sorted(folder.iterdir())
    done = run(*words)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert sorted(folder.iterdir()) == before
