"""Model files that are mapped: nothing is copied, nothing worked out, and answers are the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save
from tests.data.make_kenlm import TEXTS

import harmonium as hm
from harmonium.contract.mapped import is_mapped
from harmonium.contract.storage import read_arrays, write_arrays
from harmonium.models.ngram import trie, vocabulary

pytestmark = pytest.mark.filterwarnings("ignore::harmonium.models.ngram.smoothing.DiscountWarning")


@pytest.fixture(scope="module")
def model() -> hm.NGram:
    return hm.NGram(3).fit(TEXTS)


@pytest.fixture(scope="module")
def path(model: hm.NGram, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("mapped") / "m.safetensors"
    model.indexed().save(place)
    return place


def arrays_of(model: hm.NGram) -> dict[str, np.ndarray]:
    """All that a question walks along."""
    learned = model._learned
    words = {name: getattr(learned.vocabulary._table, name) for name in ("blob", "offsets")}
    of_trie = {name: one for name, one in vars(learned.trie).items() if type(one) is np.ndarray}
    hashes, slots = learned.vocabulary.index
    return words | of_trie | {"hashes": hashes, "slots": slots}


def asked(model: hm.NGram) -> list[Any]:
    return [
        model.score_samples([*TEXTS, "words nobody knows"]).tolist(),
        model.sample(5, random_state=0),
        model.blanks(f"{TEXTS[0].split()[0]} ___", 3),
        model.vocabulary_,
    ]


def test_arrays_stay_in_the_file(model: hm.NGram, path: Path, monkeypatch: Any) -> None:
    """Twice, and none of what a question wants is worked out anew."""
    for place in (trie.kernels, vocabulary.kernels):
        for name in ("build_table", "build_slots", "hash_words"):
            monkeypatch.setattr(place, name, None, raising=False)
    first, second = hm.load(path, mapped=True), hm.load(path, hm.NGram, mapped=True)
    for one in (first, second):
        arrays = arrays_of(one)
        assert {"word", "log_prob", "first_child", "link", "table", "slots"} <= set(arrays)
        assert all(is_mapped(array) for array in arrays.values())
        assert asked(one) == asked(model)
    for name, array in arrays_of(first).items():
        assert not np.shares_memory(array, arrays_of(second)[name])
    # Written to, the arrays of one process are its own.
    first._learned.trie.log_prob[:] = 0.0
    monkeypatch.undo()
    assert asked(hm.load(path)) == asked(second) == asked(model)


def test_without_mapping_the_index_is_worked_out_anew(model: hm.NGram, path: Path) -> None:
    """So that one which is made up cannot lead out of the arrays."""
    arrays, facts = read_arrays(path, "model")
    for name in ("table", "link", "first_child", "slots", "hashes"):
        arrays[name] = np.full_like(arrays[name], 10**6)
    forged = path.with_name("forged.safetensors")
    write_arrays(forged, "model", arrays, facts)
    back = hm.load(forged)
    assert asked(back) == asked(model)
    assert not any(is_mapped(array) for array in arrays_of(back).values())
    back.save(forged)  # it is still one with an index
    assert asked(hm.load(forged, mapped=True)) == asked(model)


def test_files_without_an_index_are_mapped_too(model: hm.NGram, tmp_path: Path) -> None:
    few = model.prune(1e-3)
    for one in (model, few, few.indexed(), model.quantise(8), hm.NGram(1).fit(TEXTS).indexed()):
        one.save(tmp_path / "m.safetensors")
        back = hm.load(tmp_path / "m.safetensors", mapped=True)
        assert asked(back) == asked(one)
        assert asked(back.indexed()) == asked(one)
    assert "table" not in model.indexed().prune(1e-3).to_state()[0]


def test_other_models_are_mapped_where_they_take_arrays_as_they_are(tmp_path: Path) -> None:
    rbm = hm.RBM.from_parameters(np.eye(4, 2), np.zeros(4), np.zeros(2))
    rbm.save(tmp_path / "m.safetensors")
    mapped = hm.load(tmp_path / "m.safetensors", hm.RBM, mapped=True)
    assert is_mapped(mapped.components_)
    np.testing.assert_array_equal(mapped.transform(np.eye(4)), rbm.transform(np.eye(4)))
    mapped.components_ *= 2.0  # of this process alone
    again = hm.load(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(again.components_, rbm.components_)


def _without(name: str) -> Callable[[dict[str, Any]], None]:
    return lambda arrays: arrays.pop(name)


def _shorter(name: str) -> Callable[[dict[str, Any]], None]:
    return lambda arrays: arrays.__setitem__(name, arrays[name][:-1].copy())


@pytest.mark.parametrize("change", [_without, _shorter])
@pytest.mark.parametrize("name", ["word", "link", "table", "slots", "first_child", "hashes"])
def test_an_index_of_other_n_grams_is_refused(
    path: Path, name: str, change: Callable[[str], Callable[[dict[str, Any]], None]]
) -> None:
    arrays, facts = read_arrays(path, "model")
    change(name)(arrays)
    broken = path.with_name("broken.safetensors")
    write_arrays(broken, "model", arrays, facts)
    with pytest.raises(hm.ModelFileError):
        hm.load(broken, mapped=True)


def test_what_is_no_model_is_refused_as_ever(path: Path, tmp_path: Path) -> None:
    whole, place = path.read_bytes(), tmp_path / "m.safetensors"
    for broken in (b"", whole[:7], whole[:-9], whole[:200], save({"a": np.zeros(3)})):
        place.write_bytes(broken)
        with pytest.raises(hm.ModelFileError):
            hm.load(place, mapped=True)
    with pytest.raises(FileNotFoundError):
        hm.load(tmp_path / "none", mapped=True)
    with pytest.raises(TypeError, match="mapped must be True or False"):
        hm.load(path, mapped="yes")  # type: ignore[call-overload]
    with pytest.raises(hm.ModelFileError, match="wanted a RBM"):
        hm.load(path, hm.RBM, mapped=True)
