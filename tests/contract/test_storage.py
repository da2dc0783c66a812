"""Model files that are signed rightly and still hold what no model has; links; full disks."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save

import harmonium as hm
from harmonium.contract.storage import check_place, read_arrays, write_arrays

Arrays = dict[str, np.ndarray]
Facts = dict[str, Any]


@pytest.fixture(scope="module")
def rows() -> np.ndarray:
    return (np.random.default_rng(0).random((60, 5)) < 0.4).astype(np.uint8)


@pytest.fixture(scope="module")
def rbm(rows: np.ndarray) -> hm.RBM:
    model = hm.RBM(3, n_updates=20, random_state=0).fit(rows)
    model.log_partition()
    return model


def forge(model: Any, path: Path, change: Callable[[Arrays, Facts], None]) -> Path:
    """The model's file with `change` made and the checksum right again."""
    model.save(path)
    arrays, facts = read_arrays(path, "model")
    change(arrays, facts)
    write_arrays(path, "model", arrays, facts)
    return path


def _array(name: str, value: float) -> Callable[[Arrays, Facts], None]:
    def change(arrays: Arrays, facts: Facts) -> None:
        arrays[name] = arrays[name].copy()
        arrays[name].flat[0] = value

    return change


def _parameter(name: str, value: Any) -> Callable[[Arrays, Facts], None]:
    return lambda arrays, facts: facts["parameters"].__setitem__(name, value)


def _state(name: str, value: Any) -> Callable[[Arrays, Facts], None]:
    return lambda arrays, facts: facts["state"].__setitem__(name, value)


def _log_z(name: str, value: Any) -> Callable[[Arrays, Facts], None]:
    return lambda arrays, facts: facts["state"]["log_partition"].__setitem__(name, value)


FORGED = [
    (_array("components", np.nan), "components holds NaN"),
    (_array("components", np.inf), "components holds an infinite"),
    (_array("intercept_visible", -np.inf), "intercept_visible holds an infinite"),
    (_array("base_bias", np.nan), "base_bias holds NaN"),
    (_parameter("temperature", -1), "temperature"),
    (_parameter("n_components", "xx"), "n_components"),
    (_parameter("learner", "magic"), "learner"),
    (_parameter("no_such", 1), "no_such"),
    (_state("history", "x"), "history"),
    (_state("history", {"update": ["x"]}), "history: update"),
    (_state("n_updates", "many"), "n_updates"),
    (_state("log_partition", [1.0]), "log_partition"),
    (_log_z("value", "abc"), "value must be float"),
    (_log_z("value", float("nan")), "though its status is ok"),
    (lambda arrays, facts: facts.__setitem__("parameters", [1]), "parameters must be named"),
    (lambda arrays, facts: facts.__setitem__("state", None), "state must be named"),
    (lambda arrays, facts: facts.__setitem__("models", 3), "not a whole RBM|does not hold"),
]


@pytest.mark.parametrize(("change", "said"), FORGED)
def test_what_no_model_has_is_refused_by_name(
    rbm: hm.RBM, tmp_path: Path, change: Callable[[Arrays, Facts], None], said: str
) -> None:
    path = forge(rbm, tmp_path / "m.safetensors", change)
    with pytest.raises(hm.ModelFileError, match=said):
        hm.load(path)


@pytest.mark.parametrize("text", ["[1, 2]", "null", "3", '"x"', "[" * 5000 + "]" * 5000])
def test_facts_that_are_no_facts_are_refused(rbm: hm.RBM, tmp_path: Path, text: str) -> None:
    from harmonium.contract import storage

    path = tmp_path / "m.safetensors"
    rbm.save(path)
    with safe_open(str(path), framework="numpy") as stream:
        header = dict(stream.metadata())
        arrays = {key: stream.get_tensor(key) for key in stream.keys()}  # noqa: SIM118
    header["facts"], header["sha256"] = text, storage.digest(arrays, text)
    path.write_bytes(save(arrays, metadata=header))
    with pytest.raises(hm.ModelFileError, match="facts"):
        hm.load(path)


def test_a_fit_with_nan_is_not_kept(rbm: hm.RBM, tmp_path: Path) -> None:
    broken = hm.RBM.from_parameters(np.zeros((3, 2)), np.zeros(3), np.zeros(2))
    broken.components_[0, 0] = np.nan
    with pytest.raises(ValueError, match="components holds NaN"):
        broken.save(tmp_path / "m.safetensors")
    assert list(tmp_path.iterdir()) == []


def test_a_zero_of_a_network_is_kept(tmp_path: Path) -> None:
    network = hm.MarkovNetwork([hm.Factor(["a", "b"], [[1, 0], [2, 3]])])
    network.save(tmp_path / "m.safetensors")
    assert hm.load(tmp_path / "m.safetensors").prob({"a": 0, "b": 1}) == 0.0


def test_a_link_stays_and_its_target_is_written(rbm: hm.RBM, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    target, link = tmp_path / "there" / "m.safetensors", tmp_path / "m.safetensors"
    link.symlink_to(target)
    rbm.save(link)
    assert link.is_symlink()
    assert not target.is_symlink()
    np.testing.assert_array_equal(hm.load(target).components_, rbm.components_)


@pytest.fixture
def device(tmp_path: Path) -> Path:
    """A named pipe: no file and no folder, as ``/dev/null`` is none."""
    place = tmp_path / "pipe"
    os.mkfifo(place)
    return place


def test_a_device_is_written_to_and_stays_one(rbm: hm.RBM, device: Path, tmp_path: Path) -> None:
    got: list[bytes] = []
    reader = Thread(target=lambda: got.append(device.read_bytes()), daemon=True)
    reader.start()
    check_place(device)
    rbm.save(device)
    reader.join(10)
    assert stat.S_ISFIFO(os.stat(device).st_mode)
    assert os.listdir(tmp_path) == ["pipe"]
    (tmp_path / "m.safetensors").write_bytes(got[0])
    np.testing.assert_array_equal(hm.load(tmp_path / "m.safetensors").components_, rbm.components_)


def test_a_file_names_no_place_to_write_to(rbm: hm.RBM, tmp_path: Path) -> None:
    wish = tmp_path / "elsewhere.safetensors"
    path = forge(rbm, tmp_path / "m.safetensors", _parameter("checkpoint", str(wish)))
    loaded = hm.load(path)
    assert loaded.checkpoint is None
    loaded.set_params(n_updates=10).fit((np.eye(5)[[0, 1, 2, 3, 4] * 4]).astype("u1"))
    assert not wish.exists()


def test_a_full_disk_leaves_the_old_file(
    rbm: hm.RBM, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "m.safetensors"
    rbm.save(path)
    before = path.read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        rbm.save(path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["m.safetensors"]


def test_what_columns_were_told_to_be_is_kept(tmp_path: Path) -> None:
    visible = {"a": "categorical", "b": ["low", "high"]}
    frame = {"a": [0, 1, 2] * 10, "b": ["low", "high", "low"] * 10}
    model = hm.RBM(2, visible=visible, n_updates=2, random_state=0).fit(frame)
    model.save(tmp_path / "m.safetensors")
    assert hm.load(tmp_path / "m.safetensors").visible == visible
