"""Fitting an RBM as a user does: learning, resuming, interrupting, files, and bad input."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pytest
import torch
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.estimator_checks import parametrize_with_checks
from tests.support.rbm_oracle import RBMOracle, random_rbm

import harmonium as hm
from harmonium.learning import fit as learning
from harmonium.learning import sharded, watch
from harmonium.learning.ascent import Ascent, Moments
from harmonium.learning.rows import Batches


def bars_and_stripes(side: int) -> np.ndarray:
    """All pictures of only full rows, or only full columns, `side` x `side`."""
    bits = np.array([[(i >> j) & 1 for j in range(side)] for i in range(2**side)])
    rows = np.repeat(bits[:, :, None], side, 2).reshape(-1, side * side)
    columns = np.repeat(bits[:, None, :], side, 1).reshape(-1, side * side)
    return np.concatenate([rows, columns])


@pytest.mark.parametrize("learner", ["exact", "pcd", "cd", "pt"])
def test_every_learner_approaches_the_optimum_of_a_small_problem(learner):
    """3x3 bars and stripes: 16 rows, two doubled; no model can beat their own entropy."""
    X = bars_and_stripes(3)
    optimum = -2.599
    model = hm.RBM(
        12 if learner == "exact" else 16,
        learner=learner,
        n_updates={"exact": 1500, "pcd": 6000, "cd": 3000, "pt": 2000}[learner],
        learning_rate=0.2 if learner != "exact" else 1.0,
        weight_decay=0.0,
        validation_fraction=0.0,
        n_gibbs=5 if learner == "cd" else 1,
        random_state=0,
    ).fit(X)
    reached = model.score(X)
    assert reached <= optimum + 1e-3
    assert reached > optimum - {"exact": 0.15, "pcd": 0.3, "cd": 0.9, "pt": 0.4}[learner]


def test_exact_learning_recovers_a_known_distribution():
    parameters = random_rbm(5, 2, 1.0, seed=1)
    oracle = RBMOracle(*parameters)
    model = hm.RBM(
        2,
        learner="exact",
        n_updates=3000,
        batch_size=len(oracle.V),
        learning_rate=0.5,
        weight_decay=0.0,
        validation_fraction=0.0,
        random_state=0,
    ).fit(oracle.V, sample_weight=oracle.p_v)
    divergence = np.sum(oracle.p_v * (np.log(oracle.p_v) - model.score_samples(oracle.V)))
    assert 0 <= divergence < 0.02


def test_unequal_batch_and_chains_do_not_bias_the_update():
    """A mean step from equilibrium is zero for us, and is not for scikit-learn's scaling.

    scikit-learn's BernoulliRBM subtracts the sum over its chains from the sum over a batch, so
    a short last batch pulls the parameters towards the negative phase.
    """
    parameters = random_rbm(4, 3, 1.0, seed=0)
    oracle = RBMOracle(*parameters)
    rng = np.random.default_rng(0)
    n_batch, n_chains, n_trials = 3, 10, 4000

    def draw(n):
        return oracle.V[rng.choice(len(oracle.V), n, p=oracle.p_v)]

    from harmonium.models.rbm.energy import RBMEnergy

    steps, theirs = [], []
    tensors = [torch.tensor(p) for p in parameters]
    for _ in range(n_trials):
        energy = RBMEnergy(*(t.clone() for t in tensors), base_bias=tensors[1].clone())
        positive, negative = torch.tensor(draw(n_batch)), torch.tensor(draw(n_chains))
        share = torch.full((n_chains,), 1 / n_chains, dtype=torch.float64)
        before = energy.visible_bias.clone()
        evenly = torch.full((n_batch,), 1 / n_batch, dtype=torch.float64)
        moments = Moments(energy.moments(positive, evenly), energy.moments(negative, share))
        Ascent(energy).step(moments, 1.0)
        steps.append((energy.visible_bias - before).numpy())
        theirs.append((positive.sum(0) - negative.sum(0)).numpy() / n_batch)
    ours_z = np.mean(steps, 0) / (np.std(steps, 0) / np.sqrt(n_trials))
    theirs_z = np.mean(theirs, 0) / (np.std(theirs, 0) / np.sqrt(n_trials))
    assert np.abs(ours_z).max() < 4.5
    assert np.abs(theirs_z).max() > 20


def quick(**parameters) -> hm.RBM:
    return hm.RBM(**{"n_components": 16, "n_updates": 300, "random_state": 0, **parameters})


def test_fit_learns_structure_and_watches_held_out_rows(digits):
    X, _ = digits
    model = quick(n_components=32, n_updates=10_000).fit(X[:1500])
    independent = X[:1500].mean(0) * 0.998 + 0.001
    baseline = (X[1500:] * np.log(independent) + (1 - X[1500:]) * np.log(1 - independent)).sum(1)
    assert model.score(X[1500:]) > baseline.mean() + 5
    assert set(model.history_) >= {"update", "validation", "train", "log_partition", "std_error"}
    assert model.components_.shape == (32, 64)
    assert model.intercept_hidden_.shape == (32,)
    assert model.intercept_visible_.shape == (64,)
    # What was watched along the fit agrees with the figure worked out afterwards.
    at_best = int(np.argmax(model.history_["validation"]))
    spread = 5 * (model.history_["std_error"][at_best] + model.log_partition_.std_error)
    assert model.history_["log_partition"][at_best] == pytest.approx(
        model.log_partition_.value, abs=spread + 0.05
    )


def test_same_seed_same_bits(digits):
    X, _ = digits
    first, second = quick().fit(X), quick().fit(X)
    np.testing.assert_array_equal(first.components_, second.components_)
    np.testing.assert_array_equal(first.sample(3, random_state=1), second.sample(3, random_state=1))
    assert not np.array_equal(first.components_, quick(random_state=1).fit(X).components_)


def test_watching_does_not_change_what_is_learned(digits, monkeypatch):
    """The chains after a fit whose watch draws more, or fewer, numbers are the same bits."""
    X, _ = digits
    ends = []

    class Kept(learning.Trainer):
        def run(self, observers=()):
            result = super().run(observers)
            ends.append((self.learner.state().tensors, self.ascent.state().tensors))
            return result

    monkeypatch.setattr(learning, "Trainer", Kept)
    quick(n_updates=450).fit(X)  # several looks, and updates after them
    monkeypatch.setattr(watch, "N_PARTICLES", 20)
    monkeypatch.setattr(watch, "_BRIDGE_STEPS", 3)
    quick(n_updates=450).fit(X)
    for ours, others in zip(*ends, strict=True):
        for name, tensor in ours.items():
            np.testing.assert_array_equal(tensor, others[name], err_msg=name)


@pytest.mark.parametrize(("n_rows", "n_held"), [(9, 0), (300, 30), (50_000, 2_000)])
def test_rows_held_out(n_rows, n_held, monkeypatch):
    """Those that are watched are not learned from: a tenth, at most 2,000."""
    learned = []

    class Seen(Batches):
        def __init__(self, rows, chosen, *rest, **named):
            learned.append(len(chosen))
            super().__init__(rows, chosen, *rest, **named)

    monkeypatch.setattr(sharded, "Batches", Seen)
    X = np.random.default_rng(0).integers(0, 2, (n_rows, 3))
    quick(n_components=2, n_updates=1).fit(X)
    assert learned == [n_rows - n_held]


@pytest.mark.parametrize("learner", ["pcd", "pt"])
@pytest.mark.parametrize("validation_fraction", [0.0, 0.1])
def test_a_checkpoint_resumes_bit_for_bit(
    digits, tmp_path, monkeypatch, learner, validation_fraction
):
    X, _ = digits
    settings = {
        "n_updates": 700,
        "learner": learner,
        "n_chains": 20,
        "validation_fraction": validation_fraction,
    }
    whole = quick(**settings).fit(X)
    path = tmp_path / "run.checkpoint"
    cut = learning.Trainer.state
    seen = []

    def interrupt(self):
        seen.append(self.update)
        if len(seen) == 4:
            raise SystemExit  # the machine goes down before the fourth write
        return cut(self)

    with monkeypatch.context() as patched:
        patched.setattr(learning.Trainer, "state", interrupt)
        with pytest.raises(SystemExit):
            quick(**settings, checkpoint=path).fit(X)
    resumed = quick(**settings, checkpoint=path).fit(X)
    np.testing.assert_array_equal(resumed.components_, whole.components_)
    np.testing.assert_array_equal(resumed.intercept_visible_, whole.intercept_visible_)
    assert resumed.history_["update"] == whole.history_["update"]
    np.testing.assert_array_equal(
        resumed.history_.get("validation", []), whole.history_.get("validation", [])
    )
    with pytest.raises(hm.ModelFileError, match="other settings"):
        quick(**{**settings, "n_gibbs": 2}, checkpoint=path).fit(X)


def test_interrupting_keeps_the_best_so_far(digits, monkeypatch):
    X, _ = digits
    following, calls = Batches.next_index, []

    def interrupt(self):
        calls.append(1)
        if len(calls) == 150:
            raise KeyboardInterrupt
        return following(self)

    monkeypatch.setattr(Batches, "next_index", interrupt)
    with pytest.warns(ConvergenceWarning, match="interrupted"):
        model = quick().fit(X)
    assert model.n_updates_ == 149
    assert model.stop_reason_ == "interrupted"
    assert np.isfinite(model.score(X))


def test_a_diverging_fit_keeps_the_last_good_state(digits):
    X, _ = digits
    with pytest.warns(ConvergenceWarning, match="lower learning_rate"):
        model = quick(learning_rate=1e38, n_updates=2000).fit(X)
    assert model.stop_reason_ in {"diverged", "lost"}
    assert np.isfinite(model.components_).all()


def test_the_time_limit_ends_the_fit(digits):
    X, _ = digits
    model = quick(n_updates=10**7, time_limit=0.5).fit(X)
    assert model.stop_reason_ == "time_limit"
    assert model.history_["seconds"][-1] < 5


def test_memmap_sparse_frames_and_tensors_give_what_arrays_give(digits, tmp_path):
    import pandas as pd

    X, _ = digits
    X = X[:300]
    expected = quick(n_updates=50).fit(X).components_
    np.save(tmp_path / "x.npy", X)
    on_disk = np.load(tmp_path / "x.npy", mmap_mode="r")
    for other in (
        X.astype(bool),
        X.astype(np.float64),
        sparse.csr_matrix(X),
        torch.from_numpy(X),
        pd.DataFrame(X),  # numbered columns are an array's
    ):
        np.testing.assert_array_equal(quick(n_updates=50).fit(other).components_, expected)
    assert quick(n_updates=50).fit(on_disk).components_.shape == expected.shape


def test_partial_fit_learns_in_passes(digits):
    X, _ = digits
    model = quick(learning_rate=0.2)
    for _ in range(40):
        model.partial_fit(X)
    independent = hm.RBM(1, n_updates=1, random_state=0).fit(X).score(X)
    assert model.score(X) > independent + 2


def test_save_and_load_keep_everything(digits, tmp_path):
    X, _ = digits
    model = quick().fit(X)
    model.log_partition()
    path = tmp_path / "model.safetensors"
    model.save(path)
    other = hm.load(path)
    np.testing.assert_array_equal(other.score_samples(X[:9]), model.score_samples(X[:9]))
    np.testing.assert_array_equal(other.sample(4, random_state=0), model.sample(4, random_state=0))
    assert other.get_params() == model.get_params()
    assert other.history_ == model.history_
    assert list(tmp_path.iterdir()) == [path]


def test_damaged_and_foreign_files_are_refused(digits, tmp_path):
    from safetensors.numpy import save_file

    X, _ = digits
    path = tmp_path / "model.safetensors"
    quick(n_updates=5).fit(X[:50]).save(path)
    whole = path.read_bytes()
    damaged = tmp_path / "damaged.safetensors"
    rng = np.random.default_rng(0)
    cases = [whole[:n] for n in (0, 1, 7, 8, 100, len(whole) // 2, len(whole) - 1)]
    for place in [*rng.integers(0, len(whole), 40), len(whole) - 1, 9]:
        altered = bytearray(whole)
        altered[place] ^= 1 << int(rng.integers(0, 8))
        cases.append(bytes(altered))
    cases += [b"\x80\x04\x95" + b"." * 50, b"not a model", whole + b"more"]
    for content in cases:
        damaged.write_bytes(content)
        with pytest.raises(hm.ModelFileError):
            hm.load(damaged)
    save_file({"a": np.zeros(3)}, damaged)
    with pytest.raises(hm.ModelFileError, match="not one that harmonium wrote"):
        hm.load(damaged)
    with pytest.raises(FileNotFoundError):
        hm.load(tmp_path / "missing.safetensors")


def test_a_failed_save_leaves_the_old_file(digits, tmp_path, monkeypatch):
    import os

    X, _ = digits
    path = tmp_path / "model.safetensors"
    model = quick(n_updates=5).fit(X[:50])
    model.save(path)
    before = path.read_bytes()
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        model.save(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


GOOD = np.array([[0, 1, 1], [1, 0, 0], [1, 1, 0]])


@pytest.mark.parametrize(
    ("parameters", "X", "message"),
    [
        ({}, [[0, 1], [2, 0]], r"X\[1, 0\] is 2"),
        ({}, [[0, 0.5], [1, 0]], r"X\[0, 1\] is 0.5; wanted 0 or 1"),
        ({}, [[0, -1], [1, 0]], r"X\[0, 1\] is -1"),
        ({}, [[0, np.nan], [1, np.nan]], "every value of column 1 is missing"),
        ({}, np.zeros((0, 3)), "0 sample"),
        ({}, [0, 1, 1], "Expected 2D array"),
        ({"n_components": 0}, GOOD, "n_components must be an integer of at least 1, got 0"),
        ({"n_components": 2.5}, GOOD, "n_components must be an integer"),
        ({"learner": "magic"}, GOOD, "learner must be one of 'exact', 'cd', 'pcd', 'pt'"),
        ({"learning_rate": -1.0}, GOOD, "learning_rate must be a number"),
        ({"temperature": 0.0}, GOOD, "temperature must be a number"),
        ({"validation_fraction": 1.0}, GOOD, "validation_fraction must be"),
        ({"visible": "normal"}, GOOD, "visible must be one of 'auto', 'bernoulli'"),
        ({"device": "abacus"}, GOOD, "device must be"),
        ({"random_state": -1}, GOOD, "random_state must not be negative"),
        ({"batch_size": 0}, GOOD, "batch_size must be an integer"),
        ({"checkpoint": "/no/such/folder/x"}, GOOD, "checkpoint: the folder"),
    ],
)
def test_bad_input_is_named_before_any_work(parameters, X, message):
    with pytest.raises((ValueError, TypeError), match=message):
        hm.RBM(**{"n_components": 2, "n_updates": 1, **parameters}).fit(X)


def test_bad_questions_are_named():
    model = hm.RBM.from_parameters(np.ones((3, 2)), np.zeros(3), np.zeros(2))
    for call, message in (
        (lambda: model.score_samples(np.zeros((2, 4))), "3 features"),
        (lambda: model.score_samples([[0, 1, 0.5]]), "wanted 0 or 1"),
        (lambda: model.complete([[0, 1, 7]]), r"X\[0, 2\] is 7"),
        (lambda: model.complete([[0, 1, 1]], how="best"), "how must be one of"),
        (lambda: model.sample(0), "n_samples must be an integer of at least 1"),
        (lambda: model.sample(1, condition=[0, 1]), "condition must be one row of 3 values"),
        (lambda: model.sample(1, condition=[0, 1, 3]), r"condition\[0, 2\] is 3"),
        (lambda: model.correct([[0, 1, 1]], noise=hm.noise.Gaussian(1.0)), "noise must be"),
        (lambda: model.inverse_transform([[0, 2]]), r"numbers in \[0, 1\]"),
        (lambda: model.inverse_transform([[0, 1, 1]]), "2 columns"),
        (lambda: model.energy([[0, 1, 1]], [[0, 1], [1, 1]]), "as many rows"),
        (lambda: model.log_partition("guess"), "method must be one of"),
        (lambda: hm.RBM.from_parameters(np.ones(3), [0], [0]), "W must be a finite array"),
        (lambda: hm.RBM.from_parameters(np.ones((3, 2)), [0], [0, 0]), "lengths of W's sides"),
        (lambda: hm.noise.BitFlip(1.5), "p must be a number"),
    ):
        with pytest.raises(ValueError, match=message):
            call()


def test_constant_columns_are_learned_as_constant():
    X = np.zeros((200, 6), np.uint8)
    X[:, 3] = 1
    X[::2, 4] = 1
    model = hm.RBM(4, n_updates=500, random_state=0).fit(X)
    drawn = model.sample(200, random_state=0)
    assert drawn[:, :3].mean() < 0.05
    assert drawn[:, 3].mean() > 0.95


class OnBits(hm.RBM):
    """The RBM with a threshold before it: scikit-learn's checks bring real numbers."""

    def __init__(self, n_components=4, *, n_updates=20, random_state=0):
        super().__init__(n_components, n_updates=n_updates, random_state=random_state)

    def _check(self, X, *, blanks=False):
        return super()._check(_bits(X), blanks=blanks)

    def fit(self, X, y=None, sample_weight=None):
        return super().fit(_bits(X), None, sample_weight)

    def partial_fit(self, X, y=None, sample_weight=None):
        return super().partial_fit(_bits(X), None, sample_weight)


def _bits(X):
    """Positive or not, where X is a table of numbers and holes; anything else is left to fail."""
    if sparse.issparse(X):
        X = X.tocsr()
        return (X > 0).astype(float) if X.dtype.kind in "buif" else X
    if hasattr(X, "columns"):
        return (X > 0).astype(float)
    values = np.asarray(X)
    if values.dtype == object and all(isinstance(item, float) for item in values.reshape(-1)):
        values = values.astype(float)
    if values.dtype.kind not in "buif" or values.ndim != 2 or np.isinf(values).any():
        return X
    return np.where(np.isnan(values), np.nan, values > 0)


EXPECTED_FAILURES = {
    "check_sample_weight_equivalence_on_dense_data": "a stochastic fit: weights act as copies only "
    "in expectation",
    "check_sample_weight_equivalence_on_sparse_data": "a stochastic fit, likewise",
}


#: Beside these, of real numbers, whose columns are looked at one by one.
EXPECTED_OF_NUMBERS = {
    "check_fit_score_takes_y": "calls partial_fit, which learns from states: a column's kind is "
    "told from all of its values",
    "check_n_features_in_after_fitting": "calls partial_fit, likewise",
    "check_fit2d_1sample": "the column that wants two different values is named instead",
    "check_dtype_object": "the column that mixes numbers and dicts is named instead",
}


def expected_failures(estimator):
    of_bits = isinstance(estimator, OnBits)
    return EXPECTED_FAILURES if of_bits else EXPECTED_FAILURES | EXPECTED_OF_NUMBERS


@parametrize_with_checks(
    [OnBits(), hm.RBM(2, n_updates=5, visible="gaussian", random_state=0)],
    expected_failed_checks=expected_failures,
)
def test_scikit_learn_checks(estimator, check):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check(estimator)


def test_facts_in_a_file_are_plain_json(digits, tmp_path):
    from safetensors import safe_open

    X, _ = digits
    path = tmp_path / "model.safetensors"
    quick(n_updates=5).fit(X[:50]).save(path)
    with safe_open(path, framework="numpy") as stream:
        facts = json.loads(stream.metadata()["facts"])
    assert facts["model"] == "RBM"
    assert facts["parameters"]["n_components"] == 16
