"""Two gloo processes, and four, learn as one does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.support.ranks import ANNEALED, PARTS, ROWS, arrays, estimates, job, long_fit, rbm

from harmonium.compute.ranks import Ranks

Found = list[dict[str, Any]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("job")


@pytest.fixture(scope="module")
def found(folder: Path) -> Found:
    return job(folder)


def assert_equal(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> None:
    assert one.keys() == other.keys()
    for name, array in one.items():
        np.testing.assert_array_equal(array, other[name], err_msg=name)


@pytest.mark.parametrize("n_updates", [1, 10])
def test_exact_steps_are_those_of_one_process_with_the_whole_batch(
    found: Found, n_updates: int
) -> None:
    alone = rbm(learner="exact", n_updates=n_updates, batch_size=30, validation_fraction=0.0)
    for name, array in arrays(alone.fit(ROWS)).items():
        if array.dtype.kind == "f":
            together = found[0]["exact"][n_updates][name]
            np.testing.assert_allclose(together, array, rtol=0, atol=1e-6, err_msg=name)


def test_ranks_end_with_the_same_model_of_every_kind(found: Found) -> None:
    first, second = (one["fits"] for one in found[:2])
    for name, (model, n_updates) in first.items():
        assert_equal(model, second[name][0])
        assert n_updates == second[name][1]
        for array in model.values():
            assert array.dtype.kind != "f" or np.isfinite(array).all(), name


def test_the_chains_of_ranks_are_as_good_as_as_many_of_one_process(found: Found) -> None:
    """Mean and variance of the estimated expectation, by means of 25 in a row, which forget each
    other; at a risk below 1e-5 in all (six weights, |z| < 5.2, and 60 means: a ratio of variances,
    pooled over weights, of 2 would be chains that two ranks move alike)."""
    exact = estimates(Ranks(), False)[0]
    whole, parts = estimates(Ranks(), True), found[0]["estimates"]
    np.testing.assert_array_equal(parts, found[1]["estimates"])
    means = parts.reshape(60, 25, -1).mean(1)
    errors = means.std(0, ddof=1) / np.sqrt(60)
    assert (np.abs(means.mean(0) - exact) < 5.2 * errors).all()
    ratio = parts.var(0).sum() / whole.var(0).sum()
    assert 0.75 < ratio < 1.33


def test_a_checkpoint_of_two_ranks_goes_on_with_two_bit_for_bit(found: Found) -> None:
    for one in found[:2]:
        assert_equal(one["whole"], one["resumed"])


def test_a_checkpoint_of_two_ranks_goes_on_with_one_and_with_four(
    found: Found, folder: Path
) -> None:
    begun, alone = long_fit(None), long_fit(folder / "one")
    assert alone.n_updates_ == begun.n_updates_
    assert alone.history_["update"] == begun.history_["update"]
    assert max(alone.history_["validation"]) == pytest.approx(
        max(begun.history_["validation"]), abs=0.2
    )
    for one in found[1:]:
        assert_equal(one["four"], found[0]["four"])
    for name, array in found[0]["four"].items():
        if array.dtype.kind == "f":
            np.testing.assert_allclose(array, arrays(begun)[name], atol=0.2)


def test_annealing_is_shared_out_and_all_have_the_estimate_of_all_chains(found: Found) -> None:
    one, other = (each["log Z"] for each in found[:2])
    assert one == other
    assert one.n_chains == 61
    exact = ANNEALED.log_partition("exact").value
    assert one.value == pytest.approx(exact, abs=4.5 * one.std_error)  # a risk of 1e-5
    assert one.std_error < 0.3


def test_log_z_of_its_own_accord_is_shared_out(found: Found) -> None:
    """Its base, its temperatures and its check from clusters: all ranks hold the same figure, that
    of three models apart."""
    one, other = (each["auto"] for each in found[:2])
    assert one == other
    assert (one.method, one.status, one.n_chains) == ("ais", "ok", 21)
    exact = sum(part.log_partition("exact").value for part in PARTS)
    assert one.value == pytest.approx(exact, abs=4.5 * one.std_error)  # a risk of 1e-5
    assert one.std_error < 0.1


def test_ctrl_c_in_one_rank_ends_all_at_the_same_update(found: Found) -> None:
    assert found[0]["interrupted"] == found[1]["interrupted"] == 29


def test_chains_with_weights_are_not_shared_out_and_that_is_told_once(found: Found) -> None:
    assert_equal(found[0]["stiff"], found[1]["stiff"])
    assert [one for one in found[0]["told"] if "rank 0 fits alone" in one]
    assert not [one for one in found[1]["told"] if "rank 0 fits alone" in one]


def test_what_cannot_be_shared_out_is_one_error_in_every_rank(found: Found) -> None:
    assert found[0]["errors"] == found[1]["errors"]
    few, chains, rows, file = found[0]["errors"]
    assert few == "ValueError: batch_size must be at least 2, one a rank, got 1"
    assert chains == "ValueError: n_chains must be at least 2, one a rank, got 1"
    assert "rank 1 was given others than rank 0" in rows
    assert file.startswith("ModelFileError")


def test_a_rank_that_dies_ends_the_others_with_a_clear_error(found: Found) -> None:
    said = found[0]["alone"]
    assert said.startswith("LostRankError: rank 0 of 2: another rank is gone")
    assert "checkpoint" in said
