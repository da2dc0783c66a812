"""The command line on texts and images, as a user types it."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.support.cli import run

import harmonium as hm
from harmonium.data.kinds import Images

TEXTS = ["the movie was good", "the movie was bad", "the plot was good", "a good movie"] * 6


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("texts")
    (place / "t.txt").write_text("\n".join(TEXTS) + "\n")
    (place / "t.txt.gz").write_bytes(gzip.compress((place / "t.txt").read_bytes()))
    done = run("fit", place / "t.txt", "--model", "ngram", "-o", place / "m", "--quiet")
    assert done.returncode == 0, done.stderr
    assert "texts counted: 24\nwords counted: 90\n" in done.stdout
    return place


def test_texts_in_every_question(texts: Path) -> None:
    model = hm.load(texts / "m")
    for source in (texts / "t.txt", texts / "t.txt.gz", "-"):
        done = run("score", texts / "m", source, stdin="\n".join(TEXTS))
        assert f"mean log-likelihood {model.score(TEXTS):.4f} nats over 24 texts" in done.stdout
        assert f"perplexity {model.perplexity(TEXTS):.4f}" in done.stdout
    done = run("sample", texts / "m", "-n", 3, "--seed", 1)
    assert done.stdout.splitlines() == model.sample(3, random_state=1)
    done = run("sample", texts / "m", "-n", 2, "--greedy", "--beginning", "a")
    assert done.stdout.splitlines() == model.sample(2, greedy=True, beginning="a")
    done = run("complete", texts / "m", "-", stdin="the ___ was ___\n")
    assert done.stdout.splitlines() == model.complete(["the ___ was ___"])
    done = run("correct", texts / "m", "-", "--noise", "replace:0.2", stdin="the movie a good\n")
    wanted = model.correct(["the movie a good"], noise=hm.noise.Replace(0.2))
    assert done.stdout.splitlines() == wanted
    done = run("correct", texts / "m", "-", "--noise", "typos:0.1", stdin="teh movei was good\n")
    assert done.stdout.splitlines() == ["the movie was good"]
    edits = ("--noise", "edits:0.01,0.05,0.05")
    done = run("correct", texts / "m", "-", *edits, stdin="the movie movie good\n")
    noise = hm.noise.Edits(0.01, 0.05, 0.05)
    assert done.stdout.splitlines() == model.correct(["the movie movie good"], noise=noise)
    done = run("info", texts / "m")
    assert "discounts" in done.stdout
    assert f"{model.training_perplexity_:.3f}" in done.stdout


def test_texts_that_must_hold_something(texts: Path) -> None:
    model = hm.load(texts / "m")
    wanted = ("--contains", "good", "--contains", "the plot", "--length", "3..6")
    asked = {"contains": ["good", "the plot"], "length": (3, 6)}
    done = run("sample", texts / "m", "-n", 4, "--seed", 1, *wanted)
    assert done.stdout.splitlines() == model.sample(4, **asked, random_state=1), done.stderr
    done = run("complete", texts / "m", *wanted, "--begins-with", "a", "--ends-with", "good")
    (best,) = model.complete(**asked, begins_with="a", ends_with="good")
    assert done.stdout == f"{best}\n", done.stderr
    done = run("complete", texts / "m", "-", "--contains", "plot", stdin="the ___ was ___\n")
    assert done.stdout.splitlines() == model.complete(["the ___ was ___"], contains=["plot"])
    for length, pair in (("5..", (5, None)), ("4", (4, 4))):
        done = run("complete", texts / "m", "--length", length)
        assert done.stdout.splitlines() == model.complete(length=pair)
    done = run("score", texts / "m", "-", stdin="the movie zz good\na good movie zz\n")
    assert "words not known 25.00%, scored as <unk>" in done.stdout


def test_texts_are_classified(texts: Path) -> None:
    labels = ["pos" if "good" in text else "neg" for text in TEXTS]
    (texts / "labels.txt").write_text("\n".join(labels))
    done = run(
        *("fit", texts / "t.txt", "--model", "ngram", "--labels", texts / "labels.txt"),
        *("--set", "order=1", "-o", texts / "c", "--quiet"),
    )
    assert "2 classes of 24 rows" in done.stdout, done.stderr
    done = run("classify", texts / "c", texts / "t.txt", "--labels", texts / "labels.txt")
    assert "accuracy 1.0000" in done.stdout
    done = run("classify", texts / "c", "-", stdin="a bad bad plot\ngood\n")
    lines = done.stdout.splitlines()
    assert lines[0] == "label,P(neg),P(pos)"
    assert [line.split(",")[0] for line in lines[1:]] == ["neg", "pos"]
    assert run("classify", texts / "m", texts / "t.txt").returncode == 2


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stripes with noise, as pictures in a folder, and a model of 4 levels."""
    place = tmp_path_factory.mktemp("images")
    (place / "in").mkdir()
    rng = np.random.default_rng(0)
    for i in range(12):
        row = (np.arange(12) // 3 % 2) * 200 + 20
        picture = np.tile(row, (12, 1)) + rng.integers(-15, 15, (12, 12))
        Image.fromarray(picture.astype(np.uint8)).save(place / "in" / f"{i}.png")
    done = run(
        *("fit", place / "in", "--model", "grid", "--levels", 4, "-o", place / "m"),
        *("--set", "n_updates=30", "--seed", 0, "--quiet"),
    )
    assert done.returncode == 0, done.stderr
    return place


def test_images_in_every_question(images: Path) -> None:
    model = hm.load(images / "m")
    assert model.n_levels == 4
    done = run("sample", images / "m", "-n", 2, "-o", images / "new", "--seed", 0)
    assert done.returncode == 0, done.stderr
    assert sorted(f.name for f in (images / "new").iterdir()) == ["0000.png", "0001.png"]
    mask = np.zeros((12, 12), np.uint8)
    mask[4:8, 4:8] = 255
    Image.fromarray(mask).save(images / "mask.png")
    done = run(
        *("complete", images / "m", images / "in", "--mask", images / "mask.png"),
        *("-o", images / "filled.npy", "--seed", 0),
    )
    assert done.returncode == 0, done.stderr
    filled, given = np.load(images / "filled.npy"), Images(4).read(str(images / "in"))
    assert filled.shape == given.shape
    np.testing.assert_array_equal(filled[:, mask == 0], given[:, mask == 0])
    done = run(
        *("correct", images / "m", images / "in" / "0.png", "--noise", "gaussian:1"),
        *("-o", images / "clean.png", "--seed", 0),
    )
    assert done.returncode == 0, done.stderr
    assert Image.open(images / "clean.png").size == (12, 12)
    done = run("score", images / "m", images / "in")
    assert "over 12 images" in done.stdout, done.stderr
    assert "log Z" in done.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["score", "m", "rows.npy"], "texts come from"),
        (["sample", "m", "-o", "x.npy"], "must end in .txt"),
        (["encode", "m", "t.txt", "-o", "x.npy"], "no hidden units"),
        (["complete", "m", "empty.txt", "--how", "mean"], "how must"),
        (["score", "m", "bad.txt"], "line 2: not UTF-8"),
        (["fit", "empty.txt", "--model", "ngram", "-o", "x"], "no texts|no words"),
        (["correct", "m", "t.txt", "--noise", "bitflip:0.1"], "Replace or hm.noise.Typos"),
        (["correct", "m", "t.txt", "--noise", "edits:0.1"], "SUBSTITUTE,INSERT,DELETE"),
        (["correct", "m", "t.txt", "--noise", "edits:0.1,2,0"], "insert must be"),
        (["correct", "m", "t.txt", "--noise", "typos:0.1,0.1"], "and a number"),
        (["sample", "m", "--length", "5-12"], "--length must be LOW..HIGH"),
        (["sample", "m", "--contains", "zz"], "'zz' is no word that this model knows"),
        (["complete", "m"], "DATA is missing"),
        (["report", "m", "-o", "x.pdf"], "must end in .html"),
    ],
)
def test_wrong_input_is_one_line(
    texts: Path, words: list[str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(texts)
    (texts / "empty.txt").write_text("")
    (texts / "bad.txt").write_bytes(b"fine\n\xff\n")
    before = sorted(texts.iterdir())
    done = run(*words)
    assert done.returncode == 2, done.stdout
    assert any(part in done.stderr for part in message.split("|")), done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert sorted(texts.iterdir()) == before


def test_chains_are_pruned_and_mixed(texts: Path, tmp_path: Path) -> None:
    small, one = tmp_path / "small", tmp_path / "one.arpa"
    done = run("prune", texts / "m", "-o", small, "--threshold", 0.01, "--bits", 8)
    assert done.returncode == 0, done.stderr
    assert "n-grams before pruning: " in done.stdout
    assert "relative entropy, nats a word, of rounding: " in done.stdout
    done = run("prune", texts / "m", "-o", one, "--min-count", 7, "--json")
    assert json.loads(done.stdout)["n-grams"] < json.loads(done.stdout)["n-grams before pruning"]
    held_out = texts / "t.txt"
    done = run("mix", small, texts / "m", "-o", tmp_path / "both", "--texts", held_out)
    assert done.stdout.count("weight of ") == 2, done.stderr
    assert run("score", tmp_path / "both", held_out).returncode == 0
    done = run("mix", small, one, "-o", tmp_path / "both", "--weights", "0.25,0.75", "--json")
    assert list(json.loads(done.stdout).values()) == [0.25, 0.75]
    for words, said in [
        (("prune", texts / "m", "-o", small), "wanted one of --threshold"),
        (("prune", texts / "m", "-o", small, "--bits", 40), "bits must be"),
        (("mix", small, one, "-o", small), "either --texts or --weights"),
        (("mix", small, one, "-o", small, "--weights", "half"), "--weights must be numbers"),
    ]:
        done = run(*words)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)
        assert said in done.stderr
