"""Rows of every kind as arrays, and what is refused before any work."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from scipy import sparse

import harmonium as hm
from harmonium.data.tables import as_array, check_states, has_holes, one_row

ROWS = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 1.0]])


@pytest.mark.parametrize(
    "given",
    [
        torch.tensor(ROWS, requires_grad=True),
        pd.DataFrame(ROWS, columns=["a", "b", "c"]),
        pl.DataFrame(ROWS, schema=["a", "b", "c"]),
        ROWS,
    ],
    ids=["tensor", "pandas", "polars", "array"],
)
def test_tables_of_every_kind_are_arrays(given: object) -> None:
    np.testing.assert_array_equal(as_array(given), ROWS)
    assert isinstance(as_array(given), np.ndarray)


@pytest.mark.parametrize("given", [["a text"], "a text", sparse.csr_matrix(ROWS), {"a": 1}, None])
def test_what_is_no_table_stays_what_it_is(given: object) -> None:
    assert as_array(given) is given


def test_a_condition_may_be_a_tensor() -> None:
    model = hm.RBM.from_parameters(np.zeros((3, 2)), np.zeros(3), np.zeros(2))
    np.testing.assert_array_equal(one_row(model, torch.tensor([0.0, 1.0, torch.nan]))[:2], [0, 1])


def test_a_sparse_cell_that_is_given_twice_holds_the_sum() -> None:
    twice = sparse.csr_matrix(([1, 1, 1], [2, 0, 0], [0, 1, 3]), shape=(2, 3), dtype=np.uint8)
    with pytest.raises(ValueError, match=r"is 2; wanted 0 or 1"):
        hm.RBM(2, n_updates=1).fit(twice)
    assert twice.nnz == 3  # the caller's rows are as they were
    halves = sparse.csr_matrix(([1.0, 0.5, 0.5], [2, 0, 0], [0, 1, 3]), shape=(2, 3))
    held = check_states(hm.RBM(2), halves, reset=True)
    np.testing.assert_array_equal(held.toarray(), [[0, 0, 1], [1, 0, 0]])


def test_every_library_s_word_for_missing_is_a_hole() -> None:
    assert not has_holes(ROWS)
    for nothing in (None, float("nan"), np.float32("nan"), pd.NA, pd.NaT):
        assert has_holes(np.array([[0, nothing, 1]], dtype=object))
    model = hm.RBM.from_parameters(np.ones((3, 2)), np.zeros(3), np.zeros(2))
    numbered = pd.DataFrame(
        {j: pd.array([0, None][: 1 + j % 2] * 2, dtype="Int64")[:2] for j in range(3)}
    )
    plain = numbered.astype(float).to_numpy()
    np.testing.assert_array_equal(model.score_samples(numbered), model.score_samples(plain))
