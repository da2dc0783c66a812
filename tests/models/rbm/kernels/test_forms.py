"""The form of an update: measured once a machine, kept, told, and gone on with."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import harmonium as hm
from harmonium.compute import draws
from harmonium.compute.processor import processor
from harmonium.contract.energy import Chains
from harmonium.models.rbm.kernels import measure
from harmonium.models.rbm.kernels.choose import Updates
from harmonium.models.rbm.kernels.forms import KINDS, Form, kinds_for, threads_for
from harmonium.models.rbm.kernels.measure import bucket, choose_form, fastest
from harmonium.models.rbm.kernels.remembered import Remembered, folder
from harmonium.units.bernoulli import Bernoulli

pytestmark = pytest.mark.skipif(
    not draws.uses_fast_path(torch.empty(0)), reason="the compiled twins are switched off"
)


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    """An empty cache, and a process that knows nothing."""
    monkeypatch.setenv("HARMONIUM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(measure, "_remembered", Remembered())
    return tmp_path / "cache"


def chosen(n_threads: int = 1, shape: tuple[int, int] = (100, 40), share: float = 0.2) -> Form:
    source = np.random.default_rng(0)
    weights = torch.from_numpy(source.normal(0, 0.1, shape).astype(np.float32))
    rows = torch.from_numpy((source.random((50, shape[0])) < share).astype(np.float32))
    parameters = (weights, torch.zeros(shape[0]), torch.zeros(shape[1]))
    return choose_form(parameters, rows, np.array([shape[0]]), 50, share, n_threads)


def claim(monkeypatch, winner: str) -> list[list[str]]:
    """Have measuring say that the form `winner` is fastest; returns what it was asked."""
    asked: list[list[str]] = []

    def found(trials, clock):
        asked.append([str(form) for form in trials])
        times = {form: 1.0 if str(form) == winner else 2.0 for form in trials}
        return min(times, key=times.__getitem__), times

    monkeypatch.setattr(measure, "fastest", found)
    return asked


@pytest.mark.parametrize("winner", ["loops 1", "sums 1", "products 1"])
def test_the_fastest_is_chosen_told_and_kept(cache, monkeypatch, caplog, winner):
    asked = claim(monkeypatch, winner)
    with caplog.at_level(logging.DEBUG, "harmonium"):
        assert str(chosen()) == winner
    assert asked == [["loops 1", "sums 1", "products 1"]]
    (record,) = caplog.records
    assert winner in record.message
    assert processor() in record.message
    assert list(json.loads((cache / "forms.json").read_text()).values()) == [winner]
    claim(monkeypatch, "none of them")
    assert str(chosen()) == winner  # of this process
    monkeypatch.setattr(measure, "_remembered", Remembered())
    assert str(chosen()) == winner  # of another one


def test_threads_are_measured_after_the_kind_and_do_not_change_it(cache, monkeypatch):
    large = (1000, 400)
    asked = claim(monkeypatch, "sums 2")
    assert str(chosen(2, large)) == "sums 2"
    assert asked == [["sums 1", "products 1"], ["sums 1", "sums 2"]]
    claim(monkeypatch, "products 1")
    assert str(chosen(1, large)) == "sums 1"


@pytest.mark.parametrize("text", ["", "{", "[]", "[[" * 9999, '{"a": 1}', "\xff\x00"])
def test_a_damaged_file_is_ignored_and_written_anew(cache, monkeypatch, text):
    claim(monkeypatch, "sums 1")
    cache.mkdir()
    (cache / "forms.json").write_text(text, encoding="latin-1")
    assert str(chosen()) == "sums 1"
    assert "sums 1" in json.loads((cache / "forms.json").read_text()).values()
    assert [file.name for file in cache.iterdir()] == ["forms.json"]


def test_words_that_are_no_form_are_measured_again(cache, monkeypatch):
    claim(monkeypatch, "products 1")
    chosen()
    kept = json.loads((cache / "forms.json").read_text())
    for wrong in ("loops 2", "", "sums", "sums 3"):
        (cache / "forms.json").write_text(json.dumps(dict.fromkeys(kept, wrong)))
        monkeypatch.setattr(measure, "_remembered", Remembered())
        assert str(chosen()) == "products 1"
        assert json.loads((cache / "forms.json").read_text()) == kept


def test_without_a_file_the_choice_holds_for_the_process(cache, monkeypatch):
    cache.write_text("a file where the folder is to be")
    claim(monkeypatch, "sums 1")
    assert str(chosen()) == "sums 1"
    claim(monkeypatch, "products 1")
    assert str(chosen()) == "sums 1"


def test_where_the_file_is(monkeypatch, tmp_path):
    monkeypatch.delenv("HARMONIUM_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert folder() == tmp_path / "harmonium"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert folder() == tmp_path / ".cache" / "harmonium"


def test_fastest_takes_the_least_time_and_of_equals_the_simplest():
    """Times by a clock of our own; each trial is disturbed in all rounds but one."""
    now, calls = 0.0, 0

    def taking(seconds):
        def trial():
            nonlocal now, calls
            calls += 1
            now += seconds if calls % 4 else 9.0

        return trial

    def found(*seconds):
        forms = [Form(kind, 1) for kind in KINDS]
        best, times = fastest(dict(zip(forms, map(taking, seconds), strict=True)), lambda: now)
        assert list(times.values()) == pytest.approx(seconds)
        return best.kind

    assert found(4.0, 1.0, 3.0) == "sums"
    assert found(4.0, 3.0, 1.0) == "products"
    assert found(1.0, 0.99, 2.0) == "loops"


def test_what_is_worth_measuring():
    assert kinds_for(2**15) == ("loops",)
    assert kinds_for(2**18) == KINDS
    assert kinds_for(2**25) == ("sums", "products")
    assert threads_for("sums", 2**25, 8) == (1, 2)
    assert threads_for("sums", 2**25, 1) == (1,)
    assert threads_for("sums", 2**18, 8) == (1,)
    assert threads_for("loops", 2**25, 8) == (1,)


def test_sizes_and_shares_alike_share_a_choice():
    assert bucket((100, 100, 784, 500), 0.13) == bucket((99, 100, 780, 512), 0.14)
    assert bucket((100, 100, 784, 500), 0.13) != bucket((100, 100, 784, 250), 0.13)
    assert bucket((100, 100, 784, 500), 0.13) != bucket((100, 100, 784, 500), 0.4)


def test_measuring_changes_nothing_of_what_is_learned_from(cache):
    torch.manual_seed(0)
    before = torch.get_rng_state()
    parameters = (torch.ones((100, 40)), torch.ones(100), torch.ones(40))
    rows = torch.ones((50, 100))
    choose_form(parameters, rows, np.array([100]), 30, 1.0, 1)
    for part in (*parameters, rows):
        assert bool((part == 1.0).all())
    assert torch.equal(torch.get_rng_state(), before)


def test_a_form_goes_on_after_a_break(cache, monkeypatch):
    claim(monkeypatch, "sums 1")
    parameters = (torch.zeros((100, 40)), torch.zeros(100), torch.zeros(40))
    updates = Updates(*parameters, Bernoulli(100))
    rows = torch.zeros((50, 100))
    chains = Chains(rows.clone())
    assert updates.persistent(rows, chains).form == Form("sums", 1)
    other = Updates(*parameters, Bernoulli(100))
    monkeypatch.setattr(measure, "_remembered", Remembered())
    monkeypatch.setenv("HARMONIUM_CACHE", str(cache / "other"))
    claim(monkeypatch, "products 1")
    other.restore(updates.state())
    assert other.persistent(rows, chains).form == Form("sums", 1)


def test_a_fit_from_a_checkpoint_is_the_same_bits_whatever_is_measured_then(
    cache, monkeypatch, tmp_path
):
    X = (np.random.default_rng(0).random((400, 60)) < 0.3).astype(np.uint8)
    model = hm.RBM(30, n_updates=600, validation_fraction=0, random_state=0)
    claim(monkeypatch, "products 1")
    whole = model.fit(X).components_
    path = tmp_path / "half.safetensors"
    fit_until(model.set_params(checkpoint=path), X, 300)
    monkeypatch.setattr(measure, "_remembered", Remembered())
    monkeypatch.setenv("HARMONIUM_CACHE", str(cache / "other"))
    asked = claim(monkeypatch, "sums 1")
    np.testing.assert_array_equal(model.fit(X).components_, whole)
    assert asked == []


def fit_until(model: hm.RBM, X: np.ndarray, update: int) -> None:
    """Break the fit off at the first look past `update`."""

    def stop(look):
        if look.update >= update:
            raise RuntimeError("broken off")

    with pytest.raises(RuntimeError, match="broken off"):
        model.fit_observed(X, observers=[stop])


_BITS = """
import hashlib, numpy as np, harmonium as hm
X = (np.random.default_rng(0).random((300, 120)) < 0.3).astype(np.uint8)
model = hm.RBM(60, n_updates=50, validation_fraction=0, random_state=0).fit(X)
print(hashlib.sha256(model.components_.tobytes()).hexdigest())
"""


@pytest.mark.slow
def test_a_seed_gives_the_same_bits_in_every_process(cache):
    found = {
        subprocess.run(
            [sys.executable, "-c", _BITS], capture_output=True, text=True, check=True
        ).stdout
        for _ in range(3)
    }
    assert len(found) == 1
