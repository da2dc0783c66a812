"""Letters that differ: the compiled twins beside plain counting, to the number."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from harmonium.compute import identity


def letters(n: int, n_columns: int, n_states: int, seed: int) -> NDArray[np.int8]:
    """Sequences that descend from a few, so that some are alike; -1 is unknown."""
    source = np.random.default_rng(seed)
    codes = source.integers(-1, n_states, (5, n_columns))[source.integers(0, 5, n)]
    changed = source.random(codes.shape) < 0.2
    return np.where(changed, source.integers(-1, n_states, codes.shape), codes).astype(np.int8)


#: n, columns, states: words that are full and not, one plane and seven, more than a block.
SHAPES = [(1, 1, 2), (40, 63, 2), (40, 64, 21), (40, 65, 5), (1100, 130, 21), (50, 200, 100)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("share", [0.0, 0.2, 0.4, 1.0])
def test_counts_and_components(shape, share, monkeypatch):
    codes = letters(*shape, seed=0)
    most = int(share * shape[1])
    near = (codes[:, None] != codes[None]).sum(2) <= most if shape[0] < 100 else None
    counts, labels = identity.neighbour_counts(codes, most), identity.components(codes, most)
    if near is not None:
        np.testing.assert_array_equal(counts, near.sum(1))
        assert not near[labels[:, None] != labels[None]].any()
    monkeypatch.setattr(identity, "PLAIN_ONLY", True)
    np.testing.assert_array_equal(counts, identity.neighbour_counts(codes, most))
    np.testing.assert_array_equal(labels, identity.components(codes, most))


def test_components_hang_together():
    """A chain: neighbours alike, ends not; and one that stands alone."""
    codes = np.array([[0, 0, 0, 0], [0, 0, 0, 1], [0, 0, 1, 1], [2, 2, 2, 2]], dtype=np.int8)
    assert identity.components(codes, 1).tolist() == [0, 0, 0, 1]
    assert identity.neighbour_counts(codes, 1).tolist() == [2, 3, 2, 1]


@pytest.mark.parametrize("shape", SHAPES)
def test_nearest(shape, monkeypatch):
    codes, others = letters(*shape, seed=1), letters(max(2, shape[0] // 2), *shape[1:], seed=2)
    least, where = identity.nearest(codes, others)
    monkeypatch.setattr(identity, "PLAIN_ONLY", True)
    plain = identity.nearest(codes, others)
    np.testing.assert_array_equal(least, plain[0])
    np.testing.assert_array_equal(where, plain[1])
    np.testing.assert_array_equal(least, (codes != others[where]).sum(1))
