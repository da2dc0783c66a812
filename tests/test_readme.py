"""The README's first example prints what it says; its Python and its commands run as written."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import pyplot as plt
from PIL import Image
from scipy.ndimage import gaussian_filter
from sklearn.datasets import load_digits
from tests.docs.test_snippets import shortened
from typer.testing import CliRunner

import harmonium as hm
from harmonium.apps.cli.main import app

README = Path(__file__).parents[1] / "README.md"


@pytest.mark.filterwarnings("ignore")
def test_the_examples_run_and_print_what_the_readme_says(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = README.read_text(encoding="utf-8")
    code = re.search(r"```python\n(.*?)```", text, re.S)
    shown = re.search(r"It prints\n\n```\n(.*?)```", text, re.S)
    assert code is not None
    assert shown is not None
    names: dict[str, Any] = {}
    exec(compile(code[1], str(README), "exec"), names)
    printed = capsys.readouterr().out.splitlines()
    log_z, score = shown[1].splitlines()
    form = r"([-\d.]+) \+- ([\d.]+) \(ais, ok\)"
    found, wanted = re.fullmatch(form, printed[0]), re.fullmatch(form, log_z)
    assert found is not None
    assert wanted is not None
    # Another machine rounds its products otherwise, and chains part from there on.
    assert float(found[1]) == pytest.approx(float(wanted[1]), abs=3.0)
    assert float(printed[1]) == pytest.approx(float(score), abs=0.3)
    # The later ones go on where the first ended; what they print is not told, so their fits are
    # short.
    monkeypatch.chdir(tmp_path)
    mpl.use("Agg")
    _write_data()
    later = re.findall(r"```python\n(.*?)```", text, re.S)[1:]
    assert len(later) >= 4
    for block in later:
        exec(compile(shortened(block), str(README), "exec"), names)
    plt.close("all")


@pytest.mark.filterwarnings("ignore::harmonium.models.ngram.smoothing.DiscountWarning")
def test_the_commands_run_as_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = README.read_text(encoding="utf-8")
    lines = re.search(r"## On the command line\n\n```\n(.*?)```", text, re.S)
    assert lines is not None
    monkeypatch.chdir(tmp_path)
    _write_data()
    for line in filter(None, lines[1].splitlines()):
        # In this process: loading the libraries anew for each line takes longer than the work.
        said, _, command = line.rpartition(" | ")
        words = re.sub(r"^echo ", "", said).strip('"')
        name, *arguments = shlex.split(command)
        assert name == "harmonium"
        if arguments[0] == "fit" and not {"ngram", "network"} & set(arguments):
            arguments += ["--set", "n_updates=200"]
        done = CliRunner().invoke(app, arguments, input=f"{words}\n")
        assert done.exit_code == 0, f"{line}\n{done.output}\n{done.exception!r}"
        if "-o" in arguments:
            assert Path(arguments[arguments.index("-o") + 1]).stat().st_size > 0


def _write_data() -> None:
    """The files that the commands name."""
    source = np.random.default_rng(0)
    digits = (load_digits().data > 7).astype(np.uint8)[:300]
    np.save("rows.npy", digits)
    np.save("scenes.npy", digits)
    np.save("letters.npy", np.random.default_rng(1).integers(0, 21, (60, 5)))
    pair = hm.MarkovNetwork([hm.Factor(["0", "1"], [[3, 1], [1, 2]])])
    pair.to_uai("net.uai")
    np.savetxt("states.csv", pair.sample(50, random_state=0), fmt="%d", delimiter=",")
    flags = source.integers(0, 2, (300, 2))
    np.savetxt("scenes.csv", flags, fmt="%d", delimiter=",", header="cloudy,beach", comments="")
    reviews = ["the movie was a delight", "the movie was a waste of time", "a joy to watch"] * 5
    Path("reviews.txt").write_text("\n".join(reviews), encoding="utf-8")
    Path("labels.txt").write_text("\n".join(["good", "bad", "good"] * 5), encoding="utf-8")
    Path("new.txt").write_text("the movie was a joy\n", encoding="utf-8")
    letters = np.array(list("-ACDEF"))[source.integers(0, 6, (40, 9))]
    records = "".join(f">{i}\n{''.join(row)}\n" for i, row in enumerate(letters))
    Path("family.fasta").write_text(records, encoding="utf-8")
    Path("wild.fasta").write_text(">w\nACDEFACDE\n", encoding="utf-8")
    Path("photographs").mkdir()
    for i in range(2):
        picture = gaussian_filter(source.normal(128, 400, (24, 24)), 2).clip(0, 255)
        Image.fromarray(picture.astype(np.uint8)).save(f"photographs/{i}.png")
    Image.fromarray(source.integers(0, 256, (20, 20), dtype=np.uint8)).save("noisy.png")
