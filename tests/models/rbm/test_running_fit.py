"""partial_fit from call to call, checkpoints that know all rows, weights of any size."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import sparse

import harmonium as hm
from harmonium.learning import checkpoint
from harmonium.learning.ascent import Gaussian

RNG = np.random.default_rng(0)
WIDE = (RNG.random((200, 8)) < 0.4).astype(np.uint8)
NARROW = (RNG.random((200, 5)) < 0.6).astype(np.uint8)


def test_another_width_after_fit_starts_anew() -> None:
    """In a process of its own: with the fault it corrupts memory and aborts."""
    code = """
import numpy as np, harmonium as hm
rng = np.random.default_rng(0)
for learner in ("pcd", "pt", "cd", "exact"):
    model = hm.RBM(6, learner=learner, n_updates=60, batch_size=20, random_state=0)
    for width in (8, 5, 40, 3):
        rows = (rng.random((200, width)) < 0.4).astype("u1")
        model.fit(rows)
        for _ in range(5):
            model.partial_fit(rows)
        assert model.components_.shape == (6, width)
        assert np.isfinite(model.components_).all()
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_fit_drops_the_chains_of_another_model() -> None:
    """partial_fit after fit is the same whatever was learned before that fit."""
    fresh = hm.RBM(6, n_updates=60, random_state=0).fit(NARROW)
    used = hm.RBM(6, n_updates=60, random_state=0).partial_fit(NARROW[::-1]).fit(NARROW)
    np.testing.assert_array_equal(fresh.components_, used.components_)
    fresh.partial_fit(NARROW)
    used.partial_fit(NARROW)
    np.testing.assert_array_equal(fresh.components_, used.components_)


def test_other_hidden_units_are_refused_by_name() -> None:
    model = hm.RBM(6, random_state=0).partial_fit(WIDE)
    with pytest.raises(ValueError, match="n_components is 4, the model has learned 6"):
        model.set_params(n_components=4).partial_fit(WIDE)


def test_chains_of_another_width_are_refused_before_the_compiled_loop() -> None:
    model = hm.RBM(6, random_state=0).partial_fit(WIDE)
    running = model._running
    assert running is not None
    step = running.energy.fused(running.learner, Gaussian(), running.metric)
    assert step is not None
    with pytest.raises(ValueError, match="do not fit weights"):
        step(torch.zeros((1, 5)), 0.1, running.source)


def test_replicas_follow_the_weights_of_every_call() -> None:
    """With the fault, replicas sample the first call's model for ever: the chains of a model
    that then learned all rows alike stay as they were."""
    model = hm.RBM(4, learner="pt", learning_rate=0.5, random_state=0)
    model.partial_fit(WIDE)
    on = np.ones((200, 8), dtype=np.uint8)
    for _ in range(30):
        model.partial_fit(on)
    running = model._running
    assert running is not None
    cold = running.learner.replicas.cold  # type: ignore[attr-defined]
    assert float(cold.mean()) > 0.9


def test_nothing_moves_when_a_pass_diverges() -> None:
    model = hm.RBM(4, learning_rate=0.05, random_state=0).partial_fit(WIDE)
    running = model._running
    assert running is not None
    weights = model.components_.copy()
    chains = {name: value.clone() for name, value in running.learner.state().tensors.items()}
    model.set_params(learning_rate=1e38)
    with np.errstate(all="ignore"), pytest.raises(FloatingPointError, match="unchanged"):
        model.partial_fit(WIDE)
    np.testing.assert_array_equal(model.components_, weights)
    for name, value in running.learner.state().tensors.items():
        np.testing.assert_array_equal(value, chains[name])
    model.set_params(learning_rate=0.05).partial_fit(WIDE)
    assert np.isfinite(model.components_).all()


@pytest.mark.parametrize("learner", ["pcd", "pt"])
def test_copies_go_on_alike(learner: str) -> None:
    model = hm.RBM(4, learner=learner, random_state=0).partial_fit(WIDE)
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        ours = copy.deepcopy(model).partial_fit(WIDE)
        np.testing.assert_array_equal(twin.partial_fit(WIDE).components_, ours.components_)


@pytest.mark.parametrize("kind", ["dense", "sparse", "mapped"])
def test_a_checkpoint_of_other_rows_is_refused(tmp_path: Path, kind: str) -> None:
    """Rows that a look at some of them would miss."""
    rows = (np.random.default_rng(1).random((5000, 6)) < 0.3).astype(np.uint8)
    other = rows.copy()
    other[1] = 1 - other[1]

    def table(rows: np.ndarray, name: str) -> object:
        if kind == "sparse":
            return sparse.csr_matrix(rows)
        if kind == "mapped":
            np.save(tmp_path / name, rows)
            return np.load(tmp_path / name, mmap_mode="r")
        return rows

    model = hm.RBM(3, n_updates=120, checkpoint=tmp_path / "c", random_state=0)
    model.fit(table(rows, "a.npy"))
    model.fit(table(rows, "b.npy"))  # the same rows: taken up
    with pytest.raises(hm.ModelFileError, match="other settings or data"):
        model.fit(table(other, "c.npy"))


def test_a_checkpoint_of_other_labels_is_refused(tmp_path: Path) -> None:
    """Labels that differ in which class they are, not in whether they are the first."""
    labels = np.arange(200) % 4
    other = np.array([0, 2, 1, 3])[labels]
    model = hm.RBM(3, n_updates=120, checkpoint=tmp_path / "c", random_state=0)
    model.fit(WIDE, labels)
    model.fit(WIDE, labels)  # the same: taken up
    with pytest.raises(hm.ModelFileError, match="other settings or data"):
        model.fit(WIDE, other)


def test_a_full_disk_does_not_end_a_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = hm.RBM(3, n_updates=300, random_state=0).fit(WIDE)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint, "write_arrays", full)
    model = hm.RBM(3, n_updates=300, checkpoint=tmp_path / "c", random_state=0)
    with pytest.warns(RuntimeWarning, match="cannot be written") as said:
        model.fit(WIDE)
    assert len([w for w in said if w.category is RuntimeWarning]) == 1
    np.testing.assert_array_equal(model.components_, wanted.components_)


@pytest.mark.parametrize("scale", [1e307, 1e-320])
def test_weights_of_any_size_are_shares(scale: float) -> None:
    weights = np.where(np.arange(200) < 100, 1.0, 0.0)
    plain = hm.RBM(3, n_updates=200, random_state=0).fit(WIDE, sample_weight=weights)
    scaled = hm.RBM(3, n_updates=200, random_state=0).fit(WIDE, sample_weight=weights * scale)
    np.testing.assert_array_equal(plain.components_, scaled.components_)
