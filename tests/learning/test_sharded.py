"""Learning from rows out of core: each row once a round, taken up where it stood."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from harmonium.compute.ranks import Ranks
from harmonium.data.shards import Shards
from harmonium.data.states import States
from harmonium.learning.rows import Batches, Split
from harmonium.learning.sharded import (
    AllBut,
    Sharded,
    Windows,
    all_of,
    batches_of,
    in_random_order,
    source_of,
    split_of,
)
from harmonium.learning.sources import row_source

CPU = torch.device("cpu")
N = 137


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.SFC64(seed))


@pytest.fixture
def rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sharded:
    """Rows that are their own numbers, in pieces of 10, 20 of them a window."""
    monkeypatch.setattr("harmonium.data.pieces._ARRAY_PIECE", 40)
    monkeypatch.setattr("harmonium.data.shards._BLOCK_CELLS", 7)
    monkeypatch.setattr("harmonium.learning.sharded.WINDOW_BYTES", 20 * 4)
    monkeypatch.setattr("harmonium.learning.sharded._FEWEST", 1)
    np.save(tmp_path / "rows.npy", np.arange(N, dtype=np.int32)[:, None])
    found = source_of(States(Shards(tmp_path), lambda block, start: block, 1, 1000), CPU)
    assert isinstance(found, Sharded)
    assert found.table.shards.n_pieces == 14
    return found


def drawn(batches: Batches | Windows, n: int) -> np.ndarray:
    return np.concatenate([next(batches).x.numpy().ravel() for _ in range(n)]).astype(int)


def test_each_row_comes_once_a_round_and_those_held_out_never(rows):
    held = np.sort(generator(1).choice(N, 17, replace=False))
    windows = Windows(rows, held, 8, generator())
    found = drawn(windows, 45).reshape(3, 120)  # 120 rows are left: batches span windows
    for one in found:
        assert sorted(one) == np.setdiff1d(np.arange(N), held).tolist()
    assert not (found[0] == found[1]).all()


def test_a_window_is_mixed(rows):
    found = drawn(Windows(rows, np.arange(0), 20, generator()), 6)
    order = Windows(rows, np.arange(0), 20, generator()).order
    window = np.concatenate([np.arange(10 * k, min(10 * k + 10, N)) for k in order[:2]])
    assert sorted(found[:20]) == sorted(window[:20])
    assert (np.diff(found[:20]) != 1).any()


@pytest.mark.parametrize("weights", [None, np.arange(N) % 3 / 2.0, (np.arange(N) == 70) * 1.0])
@pytest.mark.parametrize("n", [0, 1, 4, 14, 15, 16, 31])
def test_batches_go_on_bit_for_bit(rows, n, weights):
    """At the start, within a window, at its end, at the round's, in the next round."""
    held = np.array([3, 50, 51])
    one = Windows(rows, held, 9, generator(), weights)
    drawn(one, n) if n else None
    state = one.state()
    after = drawn(one, 40)
    other = Windows(rows, held, 9, generator(5), weights)
    drawn(other, 3)
    other.restore(state)
    np.testing.assert_array_equal(drawn(other, 40), after)


def test_rows_come_as_often_as_they_weigh(rows):
    """Within one of its share in each window; over 50 rounds the mean is that share: at a risk
    below 1e-5 (a window's size is rounded, at most half a row of standard deviation)."""
    weights = np.random.default_rng(3).random(N) * (np.arange(N) % 4 > 0)
    n = np.count_nonzero(weights)
    windows = Windows(rows, np.arange(0), 10, generator(), weights)
    counts = np.bincount(drawn(windows, 5 * n), minlength=N)
    wanted = 50 * n * weights / weights.sum()
    assert counts[weights == 0].sum() == 0
    assert counts.sum() == 50 * n
    spread = np.sqrt(50 * 0.25 * 2)  # of a row: its copies, and those of its window
    assert (np.abs(counts - wanted) < 5.6 * spread).all()
    assert np.corrcoef(counts, wanted)[0, 1] > 0.99


def test_unknown_cells_are_told_apart_with_the_numbers_of_their_rows(rows):
    table = States(rows.table.shards, lambda block, start: block, 1, 1000, np.array([0]))
    beside = np.arange(N)[:, None] % 5
    table = table.with_beside(beside, beside != 2, 5)
    assert table.holes.tolist() == [0, 1]
    source = source_of(table, CPU)
    assert source.holes.tolist() == [0, 1]
    for batch in (next(Windows(source, np.arange(0), 30, generator())), source.read(np.arange(40))):
        numbers, label = batch.x.numpy().T
        np.testing.assert_array_equal(numbers, batch.index)
        np.testing.assert_array_equal(
            batch.observed.numpy(), np.stack([numbers >= 0, numbers % 5 != 2], 1)
        )
        np.testing.assert_array_equal(label, np.where(numbers % 5 == 2, 0, numbers % 5))


def test_ranks_share_out_each_batch(rows):
    whole = Windows(rows, np.arange(0), 10, generator())
    parts = [Windows(rows, np.arange(0), 10, generator(), rank=r, world=2) for r in range(2)]
    for _ in range(30):
        own = np.concatenate([next(part).x.numpy() for part in parts])
        assert sorted(own.ravel()) == sorted(next(whole).x.numpy().ravel())
    with pytest.raises(ValueError, match="at least"):
        Windows(rows, np.arange(0), 2, generator(), rank=0, world=3)


def test_a_window_of_rows_held_out_alone_is_passed_over(rows):
    held = np.arange(130)
    assert set(drawn(Windows(rows, held, 5, generator()), 20)) == set(range(130, N))


def test_all_but_some_numbers():
    without = np.array([0, 3, 4, 9])
    numbers = AllBut(10, without)
    assert len(numbers) == 6
    np.testing.assert_array_equal(numbers[:], [1, 2, 5, 6, 7, 8])
    np.testing.assert_array_equal(numbers[2:4], [5, 6])
    np.testing.assert_array_equal(numbers[np.array([5, 0])], [8, 1])
    found = in_random_order(numbers, 6, generator())
    assert sorted(found) == [1, 2, 5, 6, 7, 8]


def test_a_split_needs_no_list_of_all_rows(rows):
    split = split_of(rows, 12, generator())
    assert isinstance(split.kept, AllBut)
    assert sorted([*split.kept[:], *split.held]) == list(range(N))
    assert isinstance(batches_of(rows, split, 5, generator(), Ranks()), Windows)
    assert len(all_of(rows).kept) == N


def test_rows_in_memory_are_learned_from_as_they_were():
    rows = row_source(np.eye(5, dtype=np.uint8), CPU, np.array([1.0, 0, 2, 1, 1]))
    one, other = all_of(rows), split_of(rows, 2, generator())
    np.testing.assert_array_equal(one.kept, [0, 2, 3, 4])
    np.testing.assert_array_equal(one.kept_weights, [1, 2, 1, 1])
    wanted = Split.drawn(rows, 2, generator())
    np.testing.assert_array_equal(other.kept, wanted.kept)
    assert isinstance(batches_of(rows, other, 2, generator(), Ranks()), Batches)
    index = in_random_order(np.arange(9), 4, generator())
    np.testing.assert_array_equal(index, generator().permutation(np.arange(9))[:4])
