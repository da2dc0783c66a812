"""The command line for programs and for those who try it: JSON, versions, kinds, exit statuses."""

from __future__ import annotations

import inspect
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from tests.support.cli import run

import harmonium as hm
from harmonium.apps.cli.main import app
from harmonium.contract.registry import MODELS
from harmonium.learning.trainer import Trainer

QUICK = ("--set", "n_components=3", "--set", "n_updates=30", "--seed", 0, "--quiet")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("programs")
    rows = (np.random.default_rng(0).random((60, 5)) < 0.4).astype(np.uint8)
    np.save(place / "rows.npy", rows)
    (place / "labels.txt").write_text("".join(f"{'yes' if row[0] else 'no'}\n" for row in rows))
    done = run("fit", place / "rows.npy", "-o", place / "m.safetensors", *QUICK)
    assert done.returncode == 0, done.stderr
    texts = ["the film was good", "the film was bad", "the play was good"] * 4
    (place / "texts.txt").write_text("\n".join(texts))
    done = run("fit", place / "texts.txt", "--model", "ngram", "-o", place / "w.safetensors")
    assert done.returncode == 0, done.stderr
    return place


def _asked(*words: object) -> dict[str, Any]:
    done = run(*words)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert isinstance(answer, dict)
    return answer


def test_the_version():
    assert run("--version").stdout == f"harmonium {hm.__version__}\n"


def test_kinds_of_models_and_what_they_take():
    told = _asked("models", "--json")
    for entry in MODELS:
        if entry.command is None:
            continue
        known = inspect.signature(entry.load()).parameters
        assert set(entry.settings) == set(known) - {"factors"}
        assert told[entry.command]["set"] == list(entry.settings)
        assert f"--set {', '.join(entry.settings)}" in run("models").stdout
        one = run("models", entry.command).stdout
        for name in entry.settings:
            assert f"--set {name}={known[name].default}\n" in one
            assert re.search(rf"^[\w, ]*\b{name}\b[\w, ]* : ", one, re.M), name
        assert name in _help("fit")
    assert "MODEL must be one of 'rbm'" in run("models", "oracle").stderr


def _help(name: str) -> str:
    """All words of a command's help, before they are laid out."""
    command = typer.main.get_command(app).commands[name]  # type: ignore[attr-defined]
    told = [getattr(one, "help", None) or "" for one in command.params]
    return "\n".join([command.help or "", *told])


def test_help_has_no_brackets_that_would_be_taken_for_marks():
    names = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    assert len(names) > 14
    for name in names:
        assert not re.search(r"\[[a-z#/@]", _help(name)), name


def test_score_as_json(folder):
    told = _asked("score", folder / "m.safetensors", folder / "rows.npy", "--json")
    model, rows = hm.load(folder / "m.safetensors"), np.load(folder / "rows.npy")
    scores = model.score_samples(rows)
    assert told["mean_log_likelihood"] == pytest.approx(scores.mean(), abs=1e-12)
    assert told["std_error"] == pytest.approx(scores.std(ddof=1) / 60**0.5, abs=1e-12)
    assert told["rows"] == 60
    assert told["log_partition"]["status"] == "ok"
    assert told["log_partition"]["effective_chains"] is None  # infinite
    done = run("score", folder / "m.safetensors", folder / "rows.npy", "--errors")
    assert f"{scores.mean():.4f} ± {told['std_error']:.4f} nats over 60 rows" in done.stdout
    told = _asked("score", folder / "w.safetensors", folder / "texts.txt", "--json")
    assert told["perplexity"] > 1
    assert told["texts"] == 12
    (folder / "one.txt").write_text("the film was good\n")
    told = _asked("score", folder / "w.safetensors", folder / "one.txt", "--json")
    assert told["std_error"] is None


def test_classes_as_json(folder):
    model = folder / "c.safetensors"
    words = ("--labels", folder / "labels.txt")
    done = run("fit", folder / "rows.npy", "-o", model, *words, *QUICK)
    assert done.returncode == 0, done.stderr
    told = _asked("classify", model, folder / "rows.npy", *words, "--json")
    loaded = hm.load(model)
    np.testing.assert_allclose(told["proba"], loaded.predict_proba(np.load(folder / "rows.npy")))
    assert told["classes"] == ["no", "yes"]
    assert set(told["accuracy"]) == {"value", "std_error", "rows"}
    assert "accuracy" not in _asked("classify", model, folder / "rows.npy", "--json")


def test_info_as_json(folder):
    told = _asked("info", folder / "m.safetensors", "--json")
    assert told["model"] == "RBM"
    assert told["facts"]["updates"] == 30
    assert told["parameters"]["n_components"] == 3
    (folder / "t.csv").write_text("a,b\n1,x\n0,y\n1,x\n0,x\n")
    run("fit", folder / "t.csv", "-o", folder / "t.safetensors", *QUICK)
    told = _asked("info", folder / "t.safetensors", "--json")
    assert told["columns"][1] == {"name": "b", "kind": "bernoulli", "told": "x, y"}


def test_blanks_are_ranked(folder):
    (folder / "blank.txt").write_text("the ___ was ___\n")
    done = run("complete", folder / "w.safetensors", folder / "blank.txt", "--ranked", 2)
    assert done.returncode == 0, done.stderr
    head, *lines = [line.split(",") for line in done.stdout.splitlines()]
    assert head == ["text", "blank", "word", "P"]
    wanted = hm.load(folder / "w.safetensors").blanks("the ___ was ___", 2)
    found = [(line[2], float(line[3])) for line in lines]
    for (word, p), (known, q) in zip(found, [*wanted[0], *wanted[1]], strict=True):
        assert word == known
        assert p == pytest.approx(q, rel=1e-5)
    done = run("complete", folder / "m.safetensors", folder / "rows.npy", "--ranked", 2)
    assert "--ranked does not apply to complete with a RBM" in done.stderr
    words = ("--ranked", 2, "--how", "mode")
    done = run("complete", folder / "w.safetensors", folder / "blank.txt", *words)
    assert "--ranked goes with" in done.stderr


@pytest.mark.parametrize("labels", [False, True])
def test_an_interrupted_fit_keeps_the_model_and_says_so(folder, monkeypatch, labels):
    looks = []

    def interrupted(trainer: Trainer, *_: object) -> None:
        looks.append(trainer.update)
        raise KeyboardInterrupt

    monkeypatch.setattr(Trainer, "_look", interrupted)
    out = folder / "cut.safetensors"
    words = ("--labels", folder / "labels.txt") if labels else ()
    done = run("fit", folder / "rows.npy", "-o", out, *words, *QUICK, "--set", "n_updates=2000")
    assert looks
    assert done.returncode == 130
    assert "the fit was interrupted" in done.stderr
    assert np.isfinite(hm.load(out).score_samples(np.load(folder / "rows.npy"))).all()
    out.unlink()


def test_log_z_is_kept_once_it_is_known(folder, monkeypatch):
    model = hm.RBM.from_parameters(np.zeros((5, 2)), np.zeros(5), np.zeros(2))
    path = folder / "kept.safetensors"
    for words in (["score", path, folder / "rows.npy"], ["info", path]):
        model.save(path)
        path.chmod(0o600)
        assert hm.load(path).known_log_partition is None
        assert run(*words).returncode == 0
        assert hm.load(path).known_log_partition.value == pytest.approx(7 * np.log(2))
        assert path.stat().st_mode & 0o777 == 0o600
        before = path.stat().st_mtime_ns
        assert run(*words).returncode == 0
        assert path.stat().st_mtime_ns == before


def test_help_and_chains_of_words_do_without_torch(folder):
    told = (
        "import sys\n"
        "from harmonium.apps.cli.main import main\n"
        "for words in (['--help'], ['fit', '--help'], ['models'], "
        f"['score', {str(folder / 'w.safetensors')!r}, {str(folder / 'texts.txt')!r}]):\n"
        "    try:\n        main(words)\n"
        "    except SystemExit as done:\n        assert not done.code\n"
        "assert 'torch' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("over", [hm.NoveltyDetector, hm.Imputer])
def test_what_holds_one_model_answers_by_it(folder, over):
    rows = np.load(folder / "rows.npy")
    fitted = over(hm.RBM(3, n_updates=20, random_state=0)).fit(rows)
    model, out = folder / "over.safetensors", folder / "out.npy"
    fitted.save(model)
    inside = fitted.estimator_
    assert _asked("score", model, folder / "rows.npy", "--json")[
        "mean_log_likelihood"
    ] == pytest.approx(inside.score(rows))
    assert type(hm.load(model)) is over  # log Z is kept where the whole is, or not at all
    assert run("odd", model, folder / "rows.npy", "-n", 1).returncode == 0
    assert run("sample", model, "-n", 3, "--seed", 1, "-o", out).returncode == 0
    np.testing.assert_array_equal(np.load(out), inside.sample(3, random_state=1))
    noise = ("--noise", "bitflip:0.1", "--seed", 1)
    assert run("correct", model, folder / "rows.npy", *noise, "-o", out).returncode == 0
    assert run("complete", model, folder / "rows.npy", "-o", out).returncode == 0
    np.testing.assert_array_equal(np.load(out), rows)
    assert run("encode", model, folder / "rows.npy", "-o", out).returncode == 0
    np.testing.assert_array_equal(np.load(out), inside.transform(rows))
    assert run("decode", model, out, "-o", folder / "back.npy").returncode == 0
    assert over.__name__ in run("info", model).stdout
