"""Rows to learn from: the same numbers wherever they lie, batches that count each row right."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import sparse

from harmonium.learning.rows import Batches, RowSource, Split, n_rows_of
from harmonium.learning.sources import Mapped, Memory, Sparse, row_source

CPU = torch.device("cpu")
TABLE = (np.random.default_rng(0).random((50, 7)) < 0.3).astype(np.uint8)


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.SFC64(seed))


def batches(n: int, size: int, weights: np.ndarray | None = None, **ranks: int) -> Batches:
    rows = Memory(np.arange(n, dtype=np.int32)[:, None], CPU, weights)
    return Batches(rows, rows.usable(), size, generator(), rows.usable_weights(), **ranks)


def stored(kind: str, table: np.ndarray, path: Path) -> RowSource:
    if kind == "sparse":
        return row_source(sparse.csr_matrix(table), CPU)
    if kind == "mapped":
        np.save(path, table)
        return row_source(np.load(path, mmap_mode="r"), CPU)
    return row_source(table, CPU)


@pytest.mark.parametrize(("kind", "home"), [("dense", Memory), ("mapped", Mapped)])
def test_rows_are_read_alike(kind: str, home: type, tmp_path: Path) -> None:
    source = stored(kind, TABLE, tmp_path / "rows.npy")
    assert isinstance(source, home)
    index = np.array([3, 10, 49])
    np.testing.assert_array_equal(source.read(index).x.numpy(), TABLE[index])
    other = stored("sparse", TABLE, tmp_path / "rows.npy")
    assert isinstance(other, Sparse)
    np.testing.assert_array_equal(other.read(index).x.numpy(), TABLE[index])


@pytest.mark.parametrize("kind", ["dense", "sparse", "mapped"])
def test_every_entry_changes_the_digest(kind: str, tmp_path: Path) -> None:
    def digest(table: np.ndarray, name: str) -> str:
        told = hashlib.sha256()
        stored(kind, table, tmp_path / name).digest(told)
        return told.hexdigest()

    plain = digest(TABLE, "a.npy")
    assert digest(TABLE, "b.npy") == plain
    seen = {plain}
    for row in (0, 20, 49):
        other = TABLE.copy()
        other[row, 3] = 1 - other[row, 3]
        seen.add(digest(other, f"{row}.npy"))
    assert len(seen) == 4


def test_states_beyond_a_byte_are_kept() -> None:
    wide = np.array([[300], [2]])
    assert Memory(wide, CPU).read(np.array([0])).x.item() == 300


def test_weights_count_as_copies() -> None:
    """A round of batches visits rows in proportion to their weights, never those of weight 0."""
    weights = np.array([0.0, 1.0, 2.0, 0.5])
    stream = batches(4, 3, weights)
    drawn = np.concatenate([stream.next_index() for _ in range(7000)])
    share = np.bincount(drawn, minlength=4) / len(drawn)
    np.testing.assert_allclose(share, weights / weights.sum(), atol=0.01)
    assert share[0] == 0


def test_no_batch_is_short_and_each_round_visits_every_row() -> None:
    stream = batches(10, 4)
    drawn = np.concatenate([stream.next_index() for _ in range(5)])
    assert sorted(drawn[:10]) == list(range(10)) == sorted(drawn[10:])


def test_ranks_share_out_every_batch() -> None:
    whole, first, second = batches(12, 4), *(batches(12, 4, rank=r, world=2) for r in (0, 1))
    for _ in range(7):
        both = np.concatenate([first.next_index(), second.next_index()])
        assert sorted(both) == sorted(whole.next_index())
    whole, *three = batches(12, 4), *(batches(12, 4, rank=r, world=3) for r in range(3))
    parts = [each.next_index() for each in three]
    assert [len(part) for part in parts] == [2, 1, 1]
    assert sorted(np.concatenate(parts)) == sorted(whole.next_index())
    with pytest.raises(ValueError, match="at least 5, one a rank, got 4"):
        batches(12, 4, rank=0, world=5)


def test_batches_go_on_where_they_stood() -> None:
    whole, again = batches(10, 4), batches(10, 4)
    for _ in range(3):
        whole.next_index()
    again.restore(whole.state().copy())
    for _ in range(9):
        np.testing.assert_array_equal(whole.next_index(), again.next_index())


def test_a_split_holds_out_rows_that_count_and_keeps_the_rest() -> None:
    split = Split.drawn(Memory(TABLE, CPU), 5, generator())
    assert len(split.held) == 5
    assert sorted([*split.kept, *split.held]) == list(range(50))
    weights = np.repeat([0.0, 1.0], 25)
    split = Split.drawn(Memory(TABLE, CPU, weights), 5, generator())
    assert split.held_weights is not None
    assert split.held_weights.sum() == 5
    assert min(split.kept.min(), split.held.min()) >= 25


@pytest.mark.parametrize("n", [10, 400])
def test_weights_that_are_no_counts_leave_rows_whole(n: int) -> None:
    """What is held out has not been learned: of weights as sequences have them no row is in both
    parts; of a row that weighs as much as all others together, each has some."""
    weights = 1.0 / generator().integers(1, 50, n)
    weights[0] = 0.3
    rows = Memory(np.zeros((n, 2), dtype=np.uint8), CPU, weights)
    split = Split.drawn(rows, max(1, n_rows_of(rows) // 5), generator())
    assert split.held_weights is not None
    assert split.kept_weights is not None
    if n > 10:
        assert not set(split.kept) & set(split.held)
        assert 0.1 < split.held_weights.sum() / weights.sum() < 0.3
    weights[0] = weights[1:].sum()
    rows = Memory(np.zeros((n, 2), dtype=np.uint8), CPU, weights)
    heavy = Split.drawn(rows, max(1, n_rows_of(rows) // 2), generator())
    assert {0} <= set(heavy.kept) & set(heavy.held)


@pytest.mark.parametrize("scale", [1.0, 0.01, 1e300])
def test_a_row_that_counts_often_is_parted_as_its_copies_would_be(scale: float) -> None:
    """One row has nearly all of the weight: it is learned from, and watched, in nine to one."""
    weights = scale * np.array([3.0, 990.0, 4.0, 3.0])
    rows = Memory(TABLE[:4], CPU, weights)
    split = Split.drawn(rows, n_rows_of(rows) // 10, generator())
    assert split.kept_weights is not None
    assert 1 in split.kept
    if scale == 1.0:
        assert n_rows_of(rows) == 1000
        assert split.held_weights is not None
        assert 1 in split.held
        assert split.held_weights.sum() == 100
        both = np.zeros(4)
        both[split.kept] += split.kept_weights
        both[split.held] += split.held_weights
        np.testing.assert_allclose(both, weights)
    else:  # no counts: about as many rows as weigh as much
        assert n_rows_of(rows) == 1


@pytest.mark.parametrize("kind", [np.int32, np.int64])
def test_sparse_rows_of_ones_stay_sparse(kind):
    """Empty rows, rows asked for twice, no rows at all; what is not all ones is dense."""
    dense = (generator().random((30, 7)) < 0.2).astype(np.uint8)
    dense[4] = 0
    table = sparse.csr_array(dense)
    table.indices, table.indptr = table.indices.astype(kind), table.indptr.astype(kind)
    for index in ([4], [29, 0, 4, 4, 7], []):
        batch = row_source(table, CPU).read(np.array(index, dtype=np.int64))
        assert batch.rows.is_sparse
        np.testing.assert_array_equal(batch.x, dense[index])
        assert not batch.rows.is_sparse
    table.data[3] = 2
    batch = row_source(table, CPU).read(np.arange(30))
    assert not batch.rows.is_sparse
    np.testing.assert_array_equal(batch.x, table.toarray())
