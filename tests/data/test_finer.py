"""Bins of numbers that the other columns tell closely are narrower."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import harmonium as hm
from harmonium.data.columns.bins import cut, halved


def related(n: int, noise: float, seed: int = 0) -> pd.DataFrame:
    """A skew number, one that follows it, and one of its own."""
    generator = np.random.default_rng(seed)
    x = generator.lognormal(size=n)
    return pd.DataFrame(
        {
            "x": x,
            "y": 2 * x + noise * generator.normal(size=n),
            "apart": generator.normal(size=n),
            "label": generator.choice(["a", "b", "c"], size=n),
        }
    )


def test_numbers_told_by_others_have_narrow_bins():
    frame = related(2000, 0.1)
    schema = hm.Schema.infer(frame)
    for name in ("x", "y"):
        column, values = schema[name], frame[name].to_numpy()
        assert column.n_states > 24
        states = column.states(values)
        assert np.bincount(states.astype(int)).min() >= 10
        spans = [np.ptp(values[states == k]) for k in range(column.n_states)]
        crowded = np.bincount(states.astype(int)) >= 20
        assert max(np.array(spans)[crowded]) < 0.5 * values.std()
    assert schema["apart"].n_states == 24


@pytest.mark.parametrize("noise", [3.0, 30.0])
def test_numbers_told_badly_keep_their_bins(noise):
    schema = hm.Schema.infer(related(2000, noise))
    assert [schema[name].n_states for name in ("x", "y", "apart")] == [24, 24, 24]


def test_few_rows_tell_nothing_of_each_other():
    generator = np.random.default_rng(0)
    x = generator.normal(size=(60, 1)) @ generator.normal(size=(1, 40))
    schema = hm.Schema.infer(pd.DataFrame(x, columns=[f"c{j}" for j in range(40)]))
    assert {schema[name].n_states for name in schema.names} == {6}


def test_a_correction_is_refined_like_what_was_inferred():
    frame = related(2000, 0.1)
    for name in ("apart", "y"):  # without y nothing tells x any more
        schema = hm.Schema.infer(frame)
        schema[name] = "identifier"
        again = hm.Schema.infer(frame, {name: "identifier"})
        assert str(schema) == str(again)


def test_copies_constants_holes_and_huge_numbers():
    generator = np.random.default_rng(1)
    x = generator.normal(size=500)
    holed = np.where(generator.random(500) < 0.5, np.nan, x)
    frame = pd.DataFrame(
        {"x": x, "copy": x, "holed": holed, "huge": 1e140 * x, "empty": np.nan, "same": 1.5}
    )
    schema = hm.Schema.infer(frame)
    assert schema["x"].n_states > 24
    assert schema["huge"].n_states == schema["x"].n_states
    assert schema["holed"].n_states == 24  # of 250 values no piece could have ten rows


@pytest.mark.parametrize(("noise", "told"), [(0.1, True), (3.0, False)])
def test_missing_cells_hide_no_dependence_and_make_none(noise, told):
    frame = related(2000, noise)
    hidden = np.random.default_rng(3).random(frame.shape) < 0.4
    schema = hm.Schema.infer(frame.mask(hidden))
    assert (schema["x"].n_states > 24) == (schema["y"].n_states > 24) == told
    assert schema["apart"].n_states == 24


def test_few_rows_with_many_holes_tell_nothing_of_each_other():
    generator = np.random.default_rng(4)
    x = generator.normal(size=(180, 50))
    x[generator.random(x.shape) < 0.4] = np.nan
    plain = hm.Schema.infer(pd.DataFrame({"0": x[:, 0], "1": x[:, 1]}))
    schema = hm.Schema.infer(pd.DataFrame(x, columns=[str(j) for j in range(50)]))
    assert schema["0"].n_states == plain["0"].n_states


def test_pieces_hold_ten_rows_and_values_stay_whole():
    generator = np.random.default_rng(2)
    values = np.round(generator.standard_cauchy(4000), 1)
    edges = cut(values)
    finer = halved(edges, values, 0.0)
    assert set(edges) <= set(finer)
    assert (np.diff(finer) > 0).all()
    assert len(finer) + 1 <= 48
    assert not np.isin(finer, values).any()
    before = np.bincount(np.searchsorted(edges, values))
    after = np.bincount(np.searchsorted(finer, values))
    assert after.min() >= min(10, before.min())
    np.testing.assert_array_equal(halved(edges, values, np.inf), edges)
