"""Noise channels: how a clean x becomes the noisy one that ``correct`` is given.

A channel states a likelihood P(noisy given clean); models combine it with their P(x).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr

from harmonium.contract.checks import check_number
from harmonium.contract.edits import words_within

__all__ = [
    "BitFlip",
    "Cells",
    "CleanWords",
    "Edits",
    "Gaussian",
    "Likelihood",
    "NoiseChannel",
    "Replace",
    "Typos",
    "check_channel",
    "log_kept_and_changed",
    "not_for_texts",
]

Array = NDArray[np.float64]

_MOST_EDITS = 2
# One edit of one place: 26 letters put in or put instead, one left out, one swapped.
_KINDS_OF_EDIT = 26 + 25 + 1 + 1


class Likelihood(NamedTuple):
    """log P(value read given x_i = k) = ``table[rows[n, i], k] + slopes[n, i] * k``.

    ``rows (n, V)`` int32, ``table (R, K)`` float64 with -inf for what cannot be, ``slopes``
    ``(n, V)`` float64 or None. The last row of the table is of zeros: nothing was read.
    """

    rows: NDArray[np.int32]
    table: Array
    slopes: Array | None


class CleanWords(NamedTuple):
    """The words that may lie behind a noisy one.

    ``log_likelihood`` is log P(noisy word given ``known[numbers[i]]``), float64 ``(n,)``, beside
    ``numbers`` int64 ``(n,)``; ``unknown`` is that of its being right, a word that is not known.
    """

    numbers: NDArray[np.int64]
    log_likelihood: Array
    unknown: float


class NoiseChannel(ABC):
    """A memoryless channel from clean to noisy values."""

    @abstractmethod
    def likelihood(self, values: Array, sizes: Sequence[int]) -> Likelihood:
        """What noisy `values` ``(n, V)``, NaN where nothing was read, say of variables with
        states 0..size-1 each; ``ValueError`` where the channel has no such values."""

    @abstractmethod
    def clean_words(
        self, noisy: Sequence[str], known: Sequence[str]
    ) -> Callable[[str], CleanWords]:
        """What each of the `noisy` words says of the `known` word behind it; ``ValueError`` where
        the channel does not act on words."""


@dataclass(frozen=True)
class BitFlip(NoiseChannel):
    """Each binary value is flipped with probability `p`, independently; ``0 <= p <= 1``."""

    p: float

    def __post_init__(self) -> None:
        check_number("p", self.p, 0.0, 1.0)

    def likelihood(self, values: Array, sizes: Sequence[int]) -> Likelihood:
        if any(size != 2 for size in sizes):
            raise ValueError(f"noise: BitFlip wants two states, this model has {max(sizes)}")
        kept, changed = _log(1.0 - self.p), _log(self.p)
        return _read_states(values, sizes, lambda size: _same_or_not(size, kept, changed))

    def clean_words(
        self, noisy: Sequence[str], known: Sequence[str]
    ) -> Callable[[str], CleanWords]:
        raise not_for_texts(self)


@dataclass(frozen=True)
class Gaussian(NoiseChannel):
    """Normal noise of standard deviation `sigma` > 0, in the units of the data, is added.

    Readings that are all whole states count as rounded and clipped ones: y stands for
    [y - 1/2, y + 1/2], the two end states for all that lies beyond as well. Others enter by
    the density at their own value.
    """

    sigma: float

    def __post_init__(self) -> None:
        check_number("sigma", self.sigma, 0.0, low_open=True)

    def likelihood(self, values: Array, sizes: Sequence[int]) -> Likelihood:
        blank = np.isnan(values)
        known = np.where(blank, 0.0, values)
        if ((known >= 0) & (known < np.asarray(sizes)) & (known == np.floor(known))).all():
            return _read_states(values, sizes, lambda size: _rounded(self.sigma, size))
        variance = self.sigma**2
        table = np.zeros((2, max(sizes)))
        table[0] = -0.5 * np.arange(max(sizes)) ** 2 / variance
        return Likelihood(blank.astype(np.int32), table, known / variance)

    def clean_words(
        self, noisy: Sequence[str], known: Sequence[str]
    ) -> Callable[[str], CleanWords]:
        raise not_for_texts(self)


@dataclass(frozen=True)
class Replace(NoiseChannel):
    """Each value is replaced, with probability `p`, by one drawn uniformly from all values."""

    p: float

    def __post_init__(self) -> None:
        check_number("p", self.p, 0.0, 1.0)

    def likelihood(self, values: Array, sizes: Sequence[int]) -> Likelihood:
        return _read_states(
            values, sizes, lambda size: _same_or_not(size, *log_kept_and_changed(self.p, size))
        )

    def clean_words(
        self, noisy: Sequence[str], known: Sequence[str]
    ) -> Callable[[str], CleanWords]:
        if not known:
            raise ValueError("noise: Replace wants a model that knows words")
        number = {word: i for i, word in enumerate(known)}
        every, none = np.arange(len(known)), np.arange(0)
        kept, changed = log_kept_and_changed(self.p, len(known))

        def behind(word: str) -> CleanWords:
            if word not in number:  # no replacement looks like this
                return CleanWords(none, np.zeros(0), 0.0)
            weight = np.full(len(known), changed)
            weight[number[word]] = kept
            return CleanWords(every, weight, -np.inf)

        return behind


@dataclass(frozen=True)
class Cells(NoiseChannel):
    """Each cell of a table is replaced, with probability `p`, by a draw from its own column.

    ``rates`` are the columns' shares of states, one array each, which the model that is asked
    knows; 0 <= p <= 1.
    """

    p: float
    rates: tuple[Array, ...] | None = None

    def __post_init__(self) -> None:
        check_number("p", self.p, 0.0, 1.0)

    def of(self, rates: Sequence[Array]) -> Cells:
        """The channel for columns with these shares of states, `rates`."""
        return Cells(self.p, tuple(rates))

    def likelihood(self, values: Array, sizes: Sequence[int]) -> Likelihood:
        if self.rates is None:
            raise ValueError(
                "noise: Cells is for models of frames, which know their columns' rates"
            )
        with np.errstate(divide="ignore"):
            tables = [
                np.log((1 - self.p) * np.eye(len(rate)) + self.p * rate[:, None])
                for rate in self.rates
            ]
        return _read_by(tables, np.arange(len(tables)), values)

    def clean_words(
        self, noisy: Sequence[str], known: Sequence[str]
    ) -> Callable[[str], CleanWords]:
        raise not_for_texts(self)


@dataclass(frozen=True)
class Typos(NoiseChannel):
    """Each character is mistyped with probability `p`: one edit (insert, delete, change, swap)."""

    p: float

    def __post_init__(self) -> None:
        check_number("p", self.p, 0.0, 1.0)

    def likelihood(self, values: Array, sizes: Sequence[int]) -> Likelihood:
        raise ValueError(f"noise: {self!r} is for texts; variables with states have no characters")

    def clean_words(
        self, noisy: Sequence[str], known: Sequence[str]
    ) -> Callable[[str], CleanWords]:
        """P(noisy | word) = (p / 53)^d (1 - p)^(n - d) for d edits, two at most, of a word of n
        characters."""
        near = words_within(_MOST_EDITS, noisy, known)
        lengths, met = np.array([len(word) for word in known]), frozenset(known)
        log_edit, log_right = _log(self.p / _KINDS_OF_EDIT), _log(1.0 - self.p)

        def behind(word: str) -> CleanWords:
            index, edits = near[word]
            right = np.maximum(lengths[index].astype(np.float64) - edits, 0.0)
            with np.errstate(invalid="ignore"):
                weight = np.where(edits > 0, edits * log_edit, 0.0) + np.where(
                    right > 0, right * log_right, 0.0
                )
            # It may be right all the same, a word that was not met: one of as many as were met,
            # for want of a better figure.
            new = len(word) * log_right - float(np.log(max(len(known), 1)))
            return CleanWords(index, weight, -np.inf if word in met else new)

        return behind


@dataclass(frozen=True)
class Edits(NoiseChannel):
    """Words of a text are put in, left out and replaced.

    Before each word, and before the end, words are put in: each with probability `insert` one
    more, drawn evenly from all words. Each word is left out with probability `delete`; else
    replaced, with probability `substitute`, by one drawn evenly. `insert` and `delete` are below 1.

    Name the edits that are expected and no others: those that nobody made are found all the same,
    at the cost of right words.
    """

    substitute: float = 0.0
    insert: float = 0.0
    delete: float = 0.0

    def __post_init__(self) -> None:
        check_number("substitute", self.substitute, 0.0, 1.0)
        check_number("insert", self.insert, 0.0, 1.0, high_open=True)
        check_number("delete", self.delete, 0.0, 1.0, high_open=True)

    def likelihood(self, values: Array, sizes: Sequence[int]) -> Likelihood:
        raise ValueError(f"noise: {self!r} is for texts; rows have as many values as they had")

    def clean_words(
        self, noisy: Sequence[str], known: Sequence[str]
    ) -> Callable[[str], CleanWords]:
        raise ValueError(f"noise: {self!r} reads whole texts, not one word for one")


def check_channel(noise: Any, wanted: Sequence[type[NoiseChannel]]) -> NoiseChannel:
    """`noise` if it is one of the `wanted` channels."""
    if not isinstance(noise, tuple(wanted)):
        names = " or ".join(f"hm.noise.{kind.__name__}" for kind in wanted)
        raise ValueError(f"noise must be {names}, got {noise!r}")
    return cast(NoiseChannel, noise)


def not_for_texts(noise: Any) -> ValueError:
    """What to raise for a `noise` that does not act on words."""
    return ValueError(
        f"noise must be hm.noise.Edits, hm.noise.Replace or hm.noise.Typos for texts, got {noise!r}"
    )


def log_kept_and_changed(p: float, n_states: int) -> tuple[float, float]:
    """Replacing with probability `p` by one of `n_states`: log P(read the value that it was),
    and log P(read a certain other one)."""
    return _log(1.0 - p + p / n_states), _log(p / n_states)


def _log(p: float) -> float:
    return float(np.log(p)) if p > 0 else -np.inf


def _same_or_not(size: int, kept: float, changed: float) -> Array:
    return np.where(np.eye(size, dtype=bool), kept, changed)


def _read_states(
    values: Array, sizes: Sequence[int], table_of: Callable[[int], Array]
) -> Likelihood:
    """Readings that are states, of variables that differ by their number of states alone."""
    distinct, which = np.unique(np.asarray(sizes), return_inverse=True)
    return _read_by([table_of(size) for size in distinct.tolist()], which, values)


def _read_by(tables: Sequence[Array], which: NDArray[np.intp], values: Array) -> Likelihood:
    """Readings that are states: square tables ``[read, clean]``, one below another, and each
    reading a row of that which is its variable's."""
    sizes = [len(own) for own in tables]
    starts = np.concatenate([[0], np.cumsum(sizes)])
    stacked = np.full((int(starts[-1]) + 1, max(sizes)), -np.inf)
    for own, start, size in zip(tables, starts[:-1], sizes, strict=True):
        stacked[start : start + size, :size] = own
    stacked[-1] = 0.0
    blank = np.isnan(values)
    rows = np.where(blank, len(stacked) - 1, np.where(blank, 0.0, values) + starts[which])
    return Likelihood(rows.astype(np.int32), stacked, None)


def _rounded(sigma: float, n_states: int) -> Array:
    """log P(rounded and clipped reading = y given state k), ``[y, k]``."""
    levels = np.arange(n_states, dtype=np.float64)
    lower = (levels[:, None] - 0.5 - levels) / sigma
    upper = (levels[:, None] + 0.5 - levels) / sigma
    lower[0], upper[-1] = -np.inf, np.inf
    # Of an interval above the mean, mirror it: tails below keep their digits.
    above = lower > 0
    low, high = np.where(above, -upper, lower), np.where(above, -lower, upper)
    tail, far = log_ndtr(high), log_ndtr(low)
    with np.errstate(invalid="ignore"):
        value = tail + np.log1p(-np.exp(np.minimum(far - tail, 0.0)))
    return np.maximum(np.where(np.isnan(value), -1e6, value), -1e6)
