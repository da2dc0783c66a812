"""Learning from rows out of core: shuffled by piece, and then within a window.

A round goes through the pieces (row groups) in a fresh order; of that stream so many rows as fit
a window are in memory at a time, and batches are drawn from the window without replacement, until
it is used up. Every row comes once a round. Rows of one batch are from the pieces of one window:
where rows of a piece are alike (a table that was sorted) batches vary more than those of a whole
shuffle, the less the more pieces a window has.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from harmonium.compute.random import generator_state, restore_generator, systematic_resampling
from harmonium.compute.ranks import Ranks
from harmonium.data.states import States
from harmonium.data.tables import Table
from harmonium.learning.checkpoint import State
from harmonium.learning.rows import Batch, Batches, RowSource, Split
from harmonium.learning.sources import row_source

__all__ = [
    "AllBut",
    "Sharded",
    "Windows",
    "all_of",
    "batches_of",
    "blocks_of",
    "in_random_order",
    "source_of",
    "split_of",
]

#: Bytes of states in a window, and the fewest rows there are in one.
WINDOW_BYTES, _FEWEST = 2**26, 1000
#: Rows in memory that are looked at together.
_ROWS_AT_ONCE = 2**13


class Sharded(RowSource):
    """Rows of shards; those asked for by number are read wherever they lie. Their weights, and
    labels beside them, are in memory."""

    def __init__(
        self, table: States, device: torch.device, weights: NDArray[np.float64] | None = None
    ) -> None:
        self.n_rows, self.weights = len(table), weights
        self.table, self.device = table, device
        if table.blank is not None:
            self.holes = torch.from_numpy(table.holes).to(device)

    def read(self, index: NDArray[np.int64]) -> Batch:
        return self.batch(self.table[index], index)

    def batch(self, states: NDArray[Any], index: NDArray[np.int64]) -> Batch:
        """Rows of the table, whose numbers are `index`, as a batch."""
        known, observed = self.table.known(states)
        batch = Batch(torch.from_numpy(known.astype(np.float32)).to(self.device))
        if observed is not None:
            batch.observed, batch.index = torch.from_numpy(observed).to(self.device), index
        return batch

    def digest(self, into: Any) -> None:
        """By what is stored, and in which pieces: these are what is shuffled."""
        self.table.digest(into)
        if self.weights is not None:
            into.update(np.ascontiguousarray(self.weights))

    @property
    def window_rows(self) -> int:
        """Rows of a window."""
        row = self.table.shape[1] * self.table.dtype.itemsize
        return max(_FEWEST, WINDOW_BYTES // max(row, 1))


class AllBut:
    """The numbers 0 .. n - 1, but for those `without`, which rise; as an array, but not kept."""

    def __init__(self, n: int, without: NDArray[np.int64]) -> None:
        self._n, self.without = n, without
        self._gaps = without - np.arange(len(without))

    def __len__(self) -> int:
        return self._n - len(self.without)

    def __getitem__(self, chosen: slice | NDArray[np.int64]) -> NDArray[np.int64]:
        if isinstance(chosen, slice):
            chosen = np.arange(*chosen.indices(len(self)))
        return np.asarray(chosen + np.searchsorted(self._gaps, chosen, side="right"))


class Windows:
    """An endless stream of equally sized batches of the rows that are not held out, as
    :class:`~harmonium.learning.rows.Batches`; see above for their order.

    With ``weights (n_rows,)`` of the rows to learn from, 0 for others, a row comes a number of
    times a round whose expectation is proportional to its own (systematic resampling of each
    window, whose number of rows is rounded at random).
    """

    def __init__(
        self,
        rows: Sharded,
        without: NDArray[np.int64],
        batch_size: int,
        generator: np.random.Generator,
        weights: NDArray[np.float64] | None = None,
        *,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        if batch_size < world:
            raise ValueError(f"batch_size must be at least {world}, one a rank, got {batch_size}")
        self.rows, self.without, self.batch_size = rows, without, batch_size
        self.generator, self.rank, self.world = generator, rank, world
        self.weights = weights
        if weights is not None:  # rows of a round for each unit of weight
            self._copies = max(np.count_nonzero(weights), batch_size) / weights.sum()
        self._round()

    def _round(self) -> None:
        self.order = self.generator.permutation(self.rows.table.shards.n_pieces)
        self._open(0)

    def _open(self, taken: int) -> None:
        """Stand in the round's stream behind the first rows, of which so many were `taken`."""
        self._stream = self._blocks(taken)
        self._left: tuple[int, NDArray[Any]] | None = None
        self.taken = self.until = taken  # before the window, and behind it
        self._window = np.empty((0, self.rows.table.shape[1]), self.rows.table.dtype)
        self._numbers = self._places = np.arange(0)
        self._before = generator_state(self.generator)
        self.position = 0

    def _blocks(self, taken: int) -> Iterator[tuple[int, NDArray[Any]]]:
        shards = self.rows.table.shards
        for k in self.order:
            n = shards.piece_rows(int(k))
            if taken < n:
                yield from self.rows.table.piece(int(k), taken)
            taken = max(taken - n, 0)

    def _slide(self) -> None:
        """To the next window that has rows; to the next round where there is none."""
        while self.position == len(self._places):
            if self.until == self.rows.n_rows:
                self._round()
            self.taken, self._before = self.until, generator_state(self.generator)
            self._fill()
            self._places = self._drawn()
            self.position = 0

    def _drawn(self) -> NDArray[np.int64]:
        """Places in the window, in the order in which they come."""
        if self.weights is None or not len(self._window):
            return self.generator.permutation(len(self._window))
        own = self.weights[self._numbers]
        n = int(self._copies * own.sum() + self.generator.random())
        if not n:
            return np.arange(0)
        return self.generator.permutation(systematic_resampling(own, n, self.generator))

    def _fill(self) -> None:
        """Read the next window, but for rows held out."""
        wanted = min(self.rows.window_rows, self.rows.n_rows - self.until)
        self._window = np.empty((0, 0))  # let go before there is another
        window = np.empty((wanted, self.rows.table.shape[1]), self.rows.table.dtype)
        numbers, n = np.empty(wanted, np.int64), 0
        while wanted:
            start, block = next(self._stream) if self._left is None else self._left
            part, rest = block[:wanted], block[wanted:]
            self._left = (start + len(part), rest) if len(rest) else None
            kept = self._kept(start, len(part))
            window[n : n + len(kept)] = part[kept]
            numbers[n : n + len(kept)] = start + kept
            n += len(kept)
            wanted -= len(part)
            self.until += len(part)
        self._window, self._numbers = window[:n], numbers[:n]

    def _kept(self, start: int, n: int) -> NDArray[np.int64]:
        """Which of the `n` rows from `start` on are learned from."""
        if self.weights is not None:
            return np.flatnonzero(self.weights[start : start + n])
        low, high = np.searchsorted(self.without, [start, start + n])
        return np.delete(np.arange(n), self.without[low:high] - start)

    def __next__(self) -> Batch:
        parts, missing = [], self.batch_size
        while missing:
            self._slide()
            places = self._places[self.position : self.position + missing]
            parts.append((self._window[places], self._numbers[places]))
            self.position += len(places)
            missing -= len(places)
        x, numbers = (np.concatenate(one) for one in zip(*parts, strict=True))
        own = slice(self.rank, None, self.world)
        return self.rows.batch(x[own], numbers[own])

    def state(self) -> State:
        facts = {"taken": self.taken, "position": self.position, "before": self._before}
        return State({"order": torch.from_numpy(self.order)}, facts)

    def restore(self, state: State) -> None:
        self.order = state.tensors["order"].cpu().numpy()
        restore_generator(self.generator, state.facts["before"])
        self._open(state.facts["taken"])
        if state.facts["position"]:
            self._slide()
        self.position = state.facts["position"]


def source_of(
    table: Table | States,
    device: torch.device,
    weights: NDArray[np.float64] | None = None,
    observed: NDArray[np.bool_] | None = None,
) -> RowSource:
    """:func:`~harmonium.learning.sources.row_source`, of rows out of core too."""
    if isinstance(table, States):
        return Sharded(table, device, weights)
    return row_source(table, device, weights, observed)


def split_of(rows: RowSource, n_held: int, generator: np.random.Generator) -> Split:
    """:meth:`Split.drawn`; of rows out of core, unless they are weighed, without a list of all that
    are learned from."""
    if not isinstance(rows, Sharded) or rows.weights is not None:
        return Split.drawn(rows, n_held, generator)
    held = np.sort(generator.choice(rows.n_rows, n_held, replace=False))
    return Split(_as_array(AllBut(rows.n_rows, held)), held)


def all_of(rows: RowSource) -> Split:
    """All rows that count to learn from."""
    if not isinstance(rows, Sharded) or rows.weights is not None:
        return Split(rows.usable(), np.arange(0), rows.usable_weights())
    return Split(_as_array(AllBut(rows.n_rows, np.arange(0))), np.arange(0))


def _as_array(numbers: AllBut) -> Any:
    """To type checkers what it stands for."""
    return numbers


def batches_of(
    rows: RowSource, split: Split, batch_size: int, generator: np.random.Generator, ranks: Ranks
) -> Batches | Windows:
    """Batches of the rows of `split` to learn from, of several `ranks` this one's share."""
    own: dict[str, Any] = {"rank": ranks.rank, "world": ranks.world}
    if isinstance(rows, Sharded) and split.kept_weights is None:
        return Windows(rows, split.held, batch_size, generator, **own)
    if isinstance(rows, Sharded):
        weights = np.zeros(rows.n_rows)
        weights[split.kept] = split.kept_weights
        return Windows(rows, split.held, batch_size, generator, weights, **own)
    return Batches(rows, split.kept, batch_size, generator, split.kept_weights, **own)


def blocks_of(
    rows: RowSource, index: NDArray[np.int64], weights: NDArray[np.float64] | None
) -> Iterator[Batch]:
    """The rows with these numbers, which rise, in order and a block at a time, each with what it
    counts for: of rows out of core in one pass."""
    if isinstance(rows, Sharded):
        yield from _passed(rows, index, weights)
        return
    for begin in range(0, len(index), _ROWS_AT_ONCE):
        part = slice(begin, begin + _ROWS_AT_ONCE)
        yield rows.pick(index[part], None if weights is None else weights[part])


def _passed(
    rows: Sharded, index: NDArray[np.int64] | AllBut, weights: NDArray[np.float64] | None
) -> Iterator[Batch]:
    for k in range(rows.table.shards.n_pieces):
        for start, states in rows.table.piece(k):
            ends = np.array([start, start + len(states)])
            if isinstance(index, AllBut):
                low, high = ends - np.searchsorted(index.without, ends)
            else:
                low, high = np.searchsorted(index, ends)
            if low < high:
                own = index[slice(low, high)]
                batch = rows.batch(states[own - start], own)
                if weights is not None:
                    batch.weight = torch.from_numpy(weights[low:high]).to(batch.rows.device)
                yield batch


def in_random_order(
    kept: NDArray[np.int64] | AllBut, n: int, generator: np.random.Generator
) -> NDArray[np.int64]:
    """`n` of the rows to learn from."""
    if isinstance(kept, AllBut):
        return kept[generator.choice(len(kept), n, replace=False)]
    return generator.permutation(kept)[:n]
