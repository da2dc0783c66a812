"""The command line as a user types it."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from tests.support.cli import run

import harmonium as hm
from harmonium.data.files import read_rows


def test_the_command_is_there(tmp_path):
    """Once as a user's shell starts it: a new process, the entry point, the exit status."""
    done = subprocess.run(
        [sys.executable, "-m", "harmonium", "info", str(tmp_path / "none")],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stderr == f"harmonium: path: no file at '{tmp_path / 'none'}'\n"


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
    assert "updates: 200\nfit ended: done\n" in done.stdout
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
        (
            ["sample", "model.safetensors", "-o", "x.npy", "--temperature", "2"],
            "--temperature does",
        ),
        (["sample", "model.safetensors", "-o", "x.npy", "--evidence", "a=1"], "--evidence does"),
        (["sample", "model.safetensors", "-o", "x.npy", "--shape", "8x8"], "--shape is for rows"),
        (["complete", "model.safetensors", "holes.csv", "-o", "x.npy", "--mask", "m"], "--mask"),
        (["score", "model.safetensors", "rows.npy", "--key", "a"], "--key chooses"),
        (["fit", "rows.npy", "-o", "x", "--levels", "4"], "--levels does not apply"),
        (["fit", "rows.npy", "-o", "x", "--structure", "n.uai"], "--structure does not apply"),
        (["fit", "rows.npy", "-o", "x", "--model", "network"], "wants --structure"),
        (["fit", "rows.npy", "-o", "x.uai"], "a .uai file holds a MarkovNetwork"),
        (["marginal", "model.safetensors"], "does not answer 'marginals'"),
        (["score", "model.safetensors"], "Missing argument"),
        (["fly"], "No such command"),
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


def test_attributes(folder, digits):
    """Yes/no attributes and a label, learned beside the rows, asked for and told."""
    rows, labels = digits[0][:400], digits[1][:400]
    names = {"low": labels < 5, "odd": labels % 2 == 1}
    lines = [",".join(names), *(f"{a:d},{b:d}" for a, b in zip(*names.values(), strict=True))]
    (folder / "attributes.csv").write_text("\n".join(lines))
    (folder / "label.txt").write_text("\n".join(f"digit {label}" for label in labels))
    quick = ("--set", "n_components=16", "--set", "n_updates=300", "--seed", 0, "--quiet")
    model = folder / "attributes.safetensors"
    fitted = run(
        "fit", folder / "rows.npy", "-o", model, "--attributes", folder / "attributes.csv", *quick
    )
    assert fitted.returncode == 0, fitted.stderr
    loaded = hm.load(model)
    assert loaded.attributes_ == ["low", "odd"]
    told = run("classify", model, folder / "rows.npy").stdout.splitlines()
    assert told[0] == "P(low),P(odd)"
    said = np.array([line.split(",") for line in told[1:]], dtype=float)
    np.testing.assert_allclose(said, loaded.attribute_proba(rows), rtol=1e-5)
    given = ("--given", "low=1", "--given", "odd=0", "--seed", 3)
    assert run("sample", model, "-n", 4, "-o", folder / "drawn.npy", *given).returncode == 0
    np.testing.assert_array_equal(
        np.load(folder / "drawn.npy"),
        loaded.sample(4, attributes={"low": 1, "odd": 0}, random_state=3),
    )
    fitted = run(
        "fit", folder / "rows.npy", "-o", model, "--attributes", folder / "label.txt", *quick
    )
    assert fitted.returncode == 0, fitted.stderr
    told = run("classify", model, folder / "rows.npy", "--labels", folder / "label.txt").stdout
    loaded = hm.load(model)
    right = loaded.attribute_proba(rows).argmax(1) == labels
    assert f"accuracy {right.mean():.4f}" in told
    assert run("sample", model, "-o", folder / "d.npy", "--given", "label=digit 3").returncode == 0
    wrong = run("sample", model, "-o", folder / "d.npy", "--given", "label=cat")
    assert wrong.returncode == 2
    assert "label must be one of digit 0" in wrong.stderr


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("1\n0\n1\n", [[1], [0], [1]]),
        ("a,b\n1,0\n,1\n", [[1, 0], [np.nan, 1]]),
        ("1,0\n0,nan\n\n", [[1, 0], [0, np.nan]]),
        ("1,0\n", [[1, 0]]),
        ("1,0\n1,red\n", "line 2, column 2: wanted a number, yes or no, or nothing, got 'red'"),
        ("a,b\n1,red\n", r"line 2, column 2 \('b'\): wanted a number"),
        ("1,0\n1\n", "line 2 has 1 cells, those before 2"),
    ],
)
def test_csv_cells(tmp_path, text, wanted):
    path = tmp_path / "rows.csv"
    path.write_text(text)
    if isinstance(wanted, str):
        with pytest.raises(ValueError, match=wanted):
            read_rows(str(path))
    else:
        np.testing.assert_array_equal(read_rows(str(path)), np.array(wanted, dtype=float))
