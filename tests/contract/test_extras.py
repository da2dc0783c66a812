"""What is installed on demand is asked for by name, before anything is made."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
from tests.support.cli import run

import harmonium as hm
from harmonium.contract import extras


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch):
    """Makes modules look as if they were not installed."""

    def hide(*names: str) -> None:
        there = importlib.util.find_spec
        monkeypatch.setattr(extras, "find_spec", lambda one: None if one in names else there(one))

    return hide


def test_the_tour_asks_before_it_makes_a_folder(tmp_path: Path, without) -> None:
    without("rapidfuzz", "arviz")
    done = run("tour", "-o", tmp_path / "tour")
    assert done.returncode == 2
    assert "the tour wants RapidFuzz, ArviZ: pip install 'harmonium[tour]'" in done.stderr
    assert not (tmp_path / "tour").exists()


def test_a_report_asks_before_it_samples(tmp_path: Path, without, monkeypatch) -> None:
    model = hm.RBM.from_parameters(np.zeros((4, 2)), np.zeros(4), np.zeros(2))
    model.save(tmp_path / "m.safetensors")
    monkeypatch.setattr(hm.RBM, "sample", None)
    without("jinja2")
    done = run("report", tmp_path / "m.safetensors", "-o", tmp_path / "r.html")
    assert done.returncode == 2
    assert "a report wants Jinja2: pip install 'harmonium[report]'" in done.stderr
    assert not (tmp_path / "r.html").exists()


def test_pictures_ask_before_they_are_worked_out(tmp_path: Path, without, monkeypatch) -> None:
    network = hm.MarkovNetwork([hm.Factor(["a", "b"], [[1, 2], [2, 1]])])
    model = hm.RBM.from_parameters(np.zeros((4, 2)), np.zeros(4), np.zeros(2))
    model.save(tmp_path / "m.safetensors")
    without("matplotlib")
    wanted = r"wants matplotlib: pip install 'harmonium\[plot\]'"
    monkeypatch.delitem(sys.modules, "harmonium.display", raising=False)
    with pytest.raises(ImportError, match=wanted):
        importlib.import_module("harmonium.display")
    with pytest.raises(ImportError, match=wanted):
        network.plot()
    monkeypatch.setattr(hm.RBM, "log_partition", None)
    done = run("info", tmp_path / "m.safetensors", "--weights", tmp_path / "w.png")
    assert (done.returncode, "--weights wants matplotlib" in done.stderr) == (2, True)
    done = run("mutations", "none.safetensors", "ACD", "-o", tmp_path / "x.png")
    assert (done.returncode, "a picture wants matplotlib" in done.stderr) == (2, True)


def test_a_folder_for_pictures_or_pages_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("")
    done = run("tour", "-o", tmp_path / "x")
    assert "is a file; wanted a folder" in done.stderr


def test_an_expectation_names_its_extra_before_it_draws(monkeypatch) -> None:
    import builtins

    there = builtins.__import__

    def importing(name: str, *args: object, **kwargs: object) -> object:
        if name == "arviz":
            raise ImportError(name)
        return there(name, *args, **kwargs)

    model = hm.RBM.from_parameters(np.zeros((4, 2)), np.zeros(4), np.zeros(2))
    monkeypatch.setattr(builtins, "__import__", importing)
    with pytest.raises(ImportError, match=r"harmonium\[diagnostics\]"):
        hm.expectation(model, lambda v: v.sum(1), method="gibbs")
