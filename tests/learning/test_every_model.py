"""What every energy model's fit has, because the one loop has it."""

from __future__ import annotations

import copy
import time
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.ndimage import uniform_filter
from sklearn.exceptions import ConvergenceWarning
from tests.support.network_oracle import random_factors

import harmonium as hm
from harmonium.contract.stopping import StopReason
from harmonium.contract.storage import ModelFileError
from harmonium.learning.checkpoint import Checkpoint
from harmonium.learning.record import FitResult, Record
from harmonium.learning.rows import Batches

Model = Any
ROWS = (np.random.default_rng(0).random((120, 9)) < [0.2, 0.5, 0.8] * 3).astype(np.uint8)
ROWS[:, 3:6] = ROWS[:, 6:9] = ROWS[:, :3]
IMAGES = np.stack(
    [uniform_filter(n, 3) > 0 for n in np.random.default_rng(1).normal(size=(60, 5, 5))]
).astype(np.int64)
STATES = hm.MarkovNetwork(random_factors("loop", 4)).sample(150, random_state=0)


def rbm(**parameters: Any) -> Model:
    return hm.RBM(**{"n_components": 16, "n_updates": 320, "random_state": 0, **parameters})


def grid(**parameters: Any) -> Model:
    given = {"n_levels": 2, "n_updates": 320, "n_chains": 20, "random_state": 0}
    return hm.GridMRF(**{**given, **parameters})


def network(**parameters: Any) -> Model:
    given = {"learner": "pcd", "max_iter": 4, "random_state": 0}
    return hm.MarkovNetwork(random_factors("loop", 5), **{**given, **parameters})


def boltzmann(**parameters: Any) -> Model:
    given = {"n_updates": 320, "n_chains": 50, "random_state": 0}
    if parameters.get("learner") not in ("pcd", "exact"):
        given["weight_decay"] = 0.01  # those two choose it, in many fits: by updates, and by climbs
    return hm.BoltzmannMachine(**{**given, **parameters})


#: Every model with every learner that it has.
CASES: dict[str, tuple[Callable[..., Model], dict[str, Any], np.ndarray]] = {
    **{f"rbm-{name}": (rbm, {"learner": name}, ROWS) for name in ("pcd", "cd", "pt", "exact")},
    "rbm-plain": (rbm, {"centered": False}, ROWS),
    **{f"grid-{name}": (grid, {"learner": name}, IMAGES) for name in ("pcd", "pseudo", "exact")},
    "grid-places": (grid, {"places": True}, IMAGES),
    **{
        f"boltzmann-{name}": (boltzmann, {"learner": name}, ROWS)
        for name in ("pcd", "pt", "exact", "pseudo")
    },
    "boltzmann-graph": (boltzmann, {"graph": [(0, 1), (1, 2), (0, 3)]}, ROWS),
    **{f"network-{name}": (network, {"learner": name}, STATES) for name in ("pcd", "exact")},
}
each = pytest.mark.parametrize("case", CASES)
#: Those with a training loop of updates, which a signal or a limit can meet at any of them.
CLIMBS = {"grid-pseudo", "grid-exact", "network-exact", "boltzmann-exact", "boltzmann-pseudo"}
LOOPS = [name for name in CASES if name not in CLIMBS]


def fitted(case: str, **parameters: Any) -> Model:
    make, given, data = CASES[case]
    return make(**{**given, **parameters}).fit(data)


@cache
def whole(case: str, validation_fraction: float | None = None) -> Model:
    """A fit from start to end, for tests that only look at it."""
    held_out = {} if validation_fraction is None else {"validation_fraction": validation_fraction}
    return fitted(case, **held_out)


def arrays(model: Model) -> dict[str, np.ndarray]:
    return model.to_state()[0]


def assert_same(one: Model, other: Model) -> None:
    for name, array in arrays(one).items():
        np.testing.assert_array_equal(array, arrays(other)[name], err_msg=name)
    history, again = one.history_, other.history_
    assert history.keys() == again.keys()
    for name in history.keys() - {"seconds"}:
        np.testing.assert_array_equal(history[name], again[name], err_msg=name)


@each
@pytest.mark.parametrize("validation_fraction", [0.0, 0.2])
def test_a_cut_off_fit_ends_in_the_bits_of_one_that_was_not(
    case: str, validation_fraction: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uncut = whole(case, validation_fraction)
    write = Checkpoint.write
    for cut_at in (1, 3):
        path, written = tmp_path / f"{cut_at}.checkpoint", []

        def cut(self: Checkpoint, *args: Any, at: int = cut_at, seen: list[int] = written) -> None:
            write(self, *args)
            seen.append(1)
            if len(seen) == at:
                raise SystemExit  # the machine goes down

        with monkeypatch.context() as patched:
            patched.setattr(Checkpoint, "write", cut)
            with pytest.raises(SystemExit):
                fitted(case, checkpoint=path, validation_fraction=validation_fraction)
        resumed = fitted(case, checkpoint=path, validation_fraction=validation_fraction)
        assert_same(uncut, resumed)
        assert resumed.n_updates_ == uncut.n_updates_
        assert resumed.stop_reason_ == uncut.stop_reason_
    make, given, data = CASES[case]
    other = data.copy()
    other[1, 0] = other[0, 0]
    other[1:, ...] = other[1:, ...][::-1]
    with pytest.raises(ModelFileError, match="other settings or data"):
        make(**given, checkpoint=path, validation_fraction=validation_fraction).fit(other)


@each
def test_without_a_seed_a_fit_goes_on_with_what_it_held_out(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a resumed fit finds held out is what the one that was cut off had held out."""
    settings = {"random_state": None, "validation_fraction": 0.25, "checkpoint": tmp_path / "c"}
    write, firsts = Checkpoint.write, []

    def cut(self: Checkpoint, *args: Any) -> None:
        write(self, *args)
        firsts.append(copy.deepcopy(args[1]["record"].history))
        raise SystemExit

    with monkeypatch.context() as patched:
        patched.setattr(Checkpoint, "write", cut)
        with pytest.raises(SystemExit):
            fitted(case, **settings)
    model = fitted(case, **settings)
    if case != "grid-pseudo" and case.startswith("grid"):
        return  # its first file is of the first stage, whose history is not kept
    for name, values in firsts[0].items():
        assert model.history_[name][: len(values)] == values


@each
def test_held_out_rows_are_watched(case: str) -> None:
    history = whole(case, 0.2).history_
    assert len(history["validation"]) == len(history["update"]) >= 2
    assert np.isfinite(history["validation"]).all()
    assert history["validation"][-1] < 0.0
    assert "validation" not in whole(case, 0.0).history_


@pytest.mark.parametrize("case", ["rbm-exact", "grid-exact", "network-exact"])
def test_the_held_out_figure_is_that_of_the_rows_held_out(case: str) -> None:
    """Against the model's own exact scores: of the ten tenths of rows one has this mean."""
    longer = {"n_updates": 4000} if case == "rbm-exact" else {}
    model = fitted(case, validation_fraction=0.5, **longer)
    *_, data = CASES[case]
    best = max(model.history_["validation"])
    position = model.history_["validation"].index(best)
    scores = model.score_samples(data)
    both = 0.5 * (best + model.history_["train"][position])
    assert scores.mean() == pytest.approx(both, abs=1e-3)


@pytest.mark.parametrize("case", LOOPS)
def test_interrupting_keeps_the_best_so_far(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    following, calls = Batches.next_index, []

    def interrupt(self: Batches) -> Any:
        calls.append(1)
        if len(calls) == 150:
            raise KeyboardInterrupt
        return following(self)

    monkeypatch.setattr(Batches, "next_index", interrupt)
    with pytest.warns(ConvergenceWarning, match="interrupted"):
        model = fitted(case)
    assert model.n_updates_ == 149
    assert model.stop_reason_ == "interrupted"
    assert np.isfinite(model.score(CASES[case][2]))


@each
def test_a_time_limit_ends_a_fit(case: str) -> None:
    many = {"max_iter": 10**6, "tol": 1e-300} if case.startswith("network") else {}
    if not many:
        many = {"n_updates": 10**7}
    started = time.perf_counter()
    model = fitted(case, time_limit=0.3, **many)
    assert time.perf_counter() - started < 20.0
    if case in LOOPS:
        assert model.stop_reason_ in {"time_limit", "overfitting"}
        assert model.n_updates_ > 0
    assert np.isfinite(model.score(CASES[case][2]))


@each
def test_partial_fit_goes_on_and_adds_up(case: str) -> None:
    make, given, data = CASES[case]
    model = make(**given)
    before = None
    for _ in range(3):
        assert model.partial_fit(data) is model
        now = arrays(model)
        assert before is None or any(not np.array_equal(now[k], before[k]) for k in now)
        before = {name: array.copy() for name, array in now.items()}
    assert model.stop_reason_ == "partial_fit"
    assert model.n_updates_ >= 3
    assert np.isfinite(model.score(data))
    twin = copy.deepcopy(model)
    assert_same(model.partial_fit(data), twin.partial_fit(data))
    model.fit(data)
    assert_same(model, whole(case))


@pytest.mark.parametrize("case", ["grid-pcd", "grid-exact", "grid-pseudo", "network-pcd"])
def test_passes_come_to_where_fit_ends(case: str) -> None:
    """Many passes at a small constant rate, judged by the model's own exact score."""
    make, given, data = CASES[case]
    small = {"learning_rate": 0.05} if case.startswith("grid") else {}
    model = make(**{**given, **small})
    for _ in range(60):
        model.partial_fit(data)
    alone = {"grid": hm.GridMRF(n_levels=2, potential="independent", random_state=0)}
    best = whole(case).score(data)
    worst = (
        alone["grid"].fit(data).score(data)
        if case.startswith("grid")
        else make(**given).score(data)
    )
    assert model.score(data) > best - 0.25 * (best - worst)


@each
def test_devices_are_checked_by_name(case: str) -> None:
    make, given, data = CASES[case]
    with pytest.raises(ValueError, match="device must be"):
        make(**given, device="nowhere").fit(data)
    if not torch.cuda.is_available():
        with pytest.raises(ValueError, match="no CUDA device"):
            make(**given, device="cuda").fit(data)
    assert_same(fitted(case, device="cpu"), whole(case))


@each
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("validation_fraction", 1.0),
        ("validation_fraction", "most"),
        ("time_limit", 0.0),
        ("checkpoint", "/no/such/folder/file"),
        ("checkpoint", 3),
        ("random_state", -1),
    ],
)
def test_settings_of_the_loop_are_checked_by_name(case: str, name: str, value: Any) -> None:
    make, given, data = CASES[case]
    with pytest.raises((ValueError, TypeError), match=name):
        make(**{**given, name: value}).fit(data)


@each
def test_progress_is_shown_where_asked_for(case: str, capsys: pytest.CaptureFixture[str]) -> None:
    fitted(case)
    quiet = capsys.readouterr()
    assert not quiet.out + quiet.err
    fitted(case, verbose=1)
    assert "fit" in capsys.readouterr().err


@each
def test_a_warning_points_to_the_line_that_called_fit(
    case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(self: Record, update: int, *rest: Any) -> FitResult:
        return FitResult(self.best.parameters, update, StopReason.INTERRUPTED, self.history)

    monkeypatch.setattr(Record, "result", stop)
    make, given, data = CASES[case]
    if case.startswith("boltzmann"):  # else runs that choose it are interrupted, which ends a fit
        given = {**given, "weight_decay": 0.01}
    with pytest.warns(ConvergenceWarning, match="interrupted") as said:
        make(**given).fit(data)
    assert {warning.filename for warning in said if "interrupted" in str(warning.message)} == {
        __file__
    }


def test_over_learning_is_not_told_as_diverging() -> None:
    """Every pair has a table, and there are few rows: those held out soon lie below the start,
    those learned from do not."""
    source = np.random.default_rng(0)
    pairs = [hm.Factor([str(i), str(j)], np.ones((4, 4))) for i in range(8) for j in range(i)]
    model = hm.MarkovNetwork(pairs, validation_fraction=0.3, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        model.fit(source.integers(0, 4, (40, 8)))
    assert model.stop_reason_ == "overfitting"
    assert min(model.history_["validation"]) < -8 * np.log(4) - 1.0
    assert model.score(source.integers(0, 4, (200, 8))) > -8 * np.log(4) - 1.0
