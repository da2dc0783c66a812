"""Tables that meet in a bucket, in two halves: taking the variable out is a matrix product then.

Of a bucket over a variable x and others, one half of the tables has the others `a` and `s`, the
other half `b` and `s`. For each state of `s` the sum over x of half(x, a) half(x, b) is a product
of two matrices, and so is each half's belief on the way down: the product of all tables is never
made, entry by entry or at all (contraction of tensors by pairs; Markov, Shi 2008).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, reduce
from itertools import product
from typing import TypeVar

import numpy as np
from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

from harmonium.compute.threads import in_order
from harmonium.models.network.exact.domains import LOG, MAX, Array, Domain, finite
from harmonium.models.network.exact.maxima import best_sums
from harmonium.models.network.exact.plan import BLOCK

__all__ = ["Halves"]

#: A bucket of fewer entries, and matrices of fewer products, are not worth the trouble.
_WORTH, _WORTH_EACH = 2**15, 2**11
#: Halves must be smaller than the whole by this, or it is made entry by entry.
_SMALLER = 0.6
#: Entries of a block's halves, and of what comes of them.
_HALF, _OUT = BLOCK, 2 * BLOCK
#: Logarithms further apart within a half's column are not multiplied as plain numbers.
_FAR = 300.0

#: Fewer blocks than this are not worth a second thread.
_MANY_BLOCKS = 4

_Made = TypeVar("_Made")
_Block = tuple[slice, ...]
_ALL = slice(None)


@dataclass(frozen=True)
class _Half:
    """Tables with the axes x, those of both halves, this half's own; and how long those are."""

    views: list[Array]
    axes: tuple[int, ...]

    def values(self, block: _Block, lengths: Sequence[int], combine: np.ufunc) -> Array:
        """The product of the tables in a block, an axis for each of `axes`."""
        cuts = []
        for view in self.views:
            index = tuple(
                block[axis] if size > 1 else _ALL
                for axis, size in zip(self.axes, view.shape, strict=True)
            )
            cuts.append(view[index])
        shape = [lengths[axis] for axis in self.axes]
        groups = _alike([[cut.shape[i] > 1 for cut in cuts] for i in range(len(shape))])
        parts = [cut.reshape([math.prod(cut.shape[i] for i in g) for g in groups]) for cut in cuts]
        parts.sort(key=lambda part: part.size)
        whole = reduce(combine, parts)
        full = [math.prod(shape[i] for i in group) for group in groups]
        return np.broadcast_to(whole, full).reshape(shape)


class Halves:
    """Tables with the same axes, axis 0 that of the variable to be taken out; see :meth:`of`."""

    def __init__(
        self, views: Sequence[Array], left: Sequence[int], right: Sequence[int], domain: Domain
    ) -> None:
        self.domain = domain
        #: Length of each axis of the product.
        self.lengths = tuple(map(max, *(view.shape for view in views)))
        a, b = (_own(views, members) for members in (left, right))
        if self._size(a - b) > self._size(b - a):  # the long rows last
            a, b, left, right = b, a, right, left
        both, rest = a & b, set(range(1, len(self.lengths))) - a - b
        # Axes that all tables have with length 1 go anywhere.
        self._groups = (sorted(both | rest), sorted(a - b), sorted(b - a))
        both_axes = self._groups[0]
        self._left = _half(views, left, (0, *both_axes, *self._groups[1]))
        self._right = _half(views, right, (0, *both_axes, *self._groups[2]))
        self._order = (*both_axes, *self._groups[1], *self._groups[2])

    @classmethod
    def of(cls, views: Sequence[Array], domain: Domain) -> Halves | None:
        """The tables in two halves of few entries, or None where that saves nothing."""
        if len(views) < 2:
            return None
        lengths = tuple(map(max, *(view.shape for view in views)))
        entries = math.prod(lengths)
        if entries < _WORTH:
            return None
        order = sorted(range(len(views)), key=lambda i: -views[i].size)
        sides: list[list[int]] = [[order[0]], []]
        axes = [_own(views, order[:1]), set[int]()]
        for i in order[1:]:
            own = _own(views, [i])
            grown = [axes[0] | own, axes[1] | own]
            more = [
                math.prod(lengths[v] for v in new) - math.prod(lengths[v] for v in old)
                for new, old in zip(grown, axes, strict=True)
            ]
            side = 0 if own <= axes[0] or more[0] < more[1] else 1
            sides[side].append(i)
            axes[side] = grown[side]
        if not sides[1]:
            return None
        found = cls(views, sides[0], sides[1], domain)
        k, (s, a, b) = lengths[0], found._shape(lengths)
        if k * a * b < _WORTH_EACH or k * s * (a + b) > _SMALLER * entries:
            return None
        return found

    def _size(self, axes: set[int]) -> int:
        return math.prod(self.lengths[axis] for axis in axes)

    def _shape(self, lengths: Sequence[int]) -> list[int]:
        """Entries of the axes of both halves, and of each half's own."""
        return [math.prod(lengths[axis] for axis in group) for group in self._groups]

    def _blocks(self) -> list[_Block]:
        """Cuts through the axes, such that halves and what comes of them are small."""
        steps = list(self.lengths)

        def too_much(side: int) -> float:
            k, sizes = self.lengths[0], self._shape(steps)
            s, a, b = sizes
            own = (max(a, b) if side == 0 else sizes[side]) * k * s / _HALF
            return max(own, s * a * b / _OUT)

        for side in (0, 2, 1):  # the longer half before the shorter
            for axis in self._groups[side]:
                if too_much(side) > 1.0:
                    steps[axis] = max(1, int(steps[axis] / math.ceil(too_much(side))))
        cuts = [
            [slice(start, start + step) for start in range(0, length, step)]
            for step, length in zip(steps, self.lengths, strict=True)
        ]
        return list(product(*cuts))

    def _made(self, block: _Block) -> tuple[Array, Array, Array | None] | None:
        """The halves ``(k, s, a)``, ``(k, s, b)`` of a block, and for logarithms the peaks that
        were taken off, ``(s, a, b)``; None where plain numbers would lose something."""
        lengths = [len(range(*cut.indices(n))) for cut, n in zip(block, self.lengths, strict=True)]
        s, a, b = self._shape(lengths)
        combine = self.domain.combine
        left = self._left.values(block, lengths, combine).reshape(-1, s, a)
        right = self._right.values(block, lengths, combine).reshape(-1, s, b)
        if self.domain is not LOG:
            return left, right, None
        found = [_plain(half) for half in (left, right)]
        if found[0] is None or found[1] is None:
            return None
        (left, of_left), (right, of_right) = found[0], found[1]
        return left, right, of_left[:, :, None] + of_right[:, None, :]

    def taken_out(self) -> Array | None:
        """The message, an axis for each but the first; None where it must be made otherwise."""
        found = np.empty(self.lengths[1:])
        arranged = found.transpose([axis - 1 for axis in self._order])

        def work(block: _Block) -> bool:
            made = self._made(block)
            if made is None:
                return False
            left, right, peaks = made
            if self.domain is MAX:
                out = best_sums(left, right)
            else:
                out = np.matmul(left.transpose(1, 2, 0), right.transpose(1, 0, 2))
            if peaks is not None:
                with np.errstate(divide="ignore"):
                    out = np.log(out, out=out)
                out += peaks
            place = arranged[tuple(block[axis] for axis in self._order)]
            place[...] = out.reshape(place.shape)
            return True

        if not all(_spread(work, self._blocks())):
            return None
        return found

    def beliefs(
        self, message: Array, log_scale: float, above: Array, marks: Sequence[Sequence[bool]]
    ) -> list[Array] | None:
        """P of each set of axes that `marks` names, summed over the rest, all axes there.

        `message` and its `log_scale` are what came of :meth:`taken_out`, `above` is P of its
        axes, broadcast. None where an answer must be found otherwise.
        """
        if any(map(lambda n, own: n > own, above.shape, self.lengths[1:])):
            return None
        wanted = [{axis for axis, marked in enumerate(mark) if marked} for mark in marks]
        halves = (self._left, self._right)
        homes: list[list[int]] = [[], []]
        for number, axes in enumerate(wanted):
            fit = [side for side in (0, 1) if axes <= set(halves[side].axes)]
            if not fit:
                return None
            homes[fit[0]].append(number)
        above = np.broadcast_to(above, message.shape)

        def work(block: _Block) -> list[tuple[int, Array]] | None:
            made = self._made(block)
            if made is None:
                return None
            left, right, peaks = made
            inside = tuple(block[axis] for axis in self._order)
            shape = (left.shape[1], left.shape[2], right.shape[2])
            below, over = (
                table.transpose([axis - 1 for axis in self._order])[inside].reshape(shape)
                for table in (message, above)
            )
            odds = _odds(over, below, log_scale, peaks)
            parts = []
            for side, (half, other, turn) in enumerate(
                ((left, right, (0, 1, 2)), (right, left, (0, 2, 1)))
            ):
                if homes[side]:
                    rest = np.matmul(odds.transpose(turn), other.transpose(1, 2, 0))
                    belief = half * rest.transpose(2, 0, 1)
                    for number in homes[side]:
                        parts.append((number, self._summed(side, belief, block, wanted[number])))
            return parts

        return self._added(wanted, work)

    def _added(
        self,
        wanted: Sequence[set[int]],
        work: Callable[[_Block], list[tuple[int, Array]] | None],
    ) -> list[Array] | None:
        """The parts that `work` makes of each block, added where they belong."""
        totals = [
            np.zeros([n if axis in axes else 1 for axis, n in enumerate(self.lengths)])
            for axes in wanted
        ]
        blocks = self._blocks()
        for block, parts in zip(blocks, _spread(work, blocks), strict=True):
            if parts is None:
                return None
            for number, part in parts:
                index = tuple(
                    cut if axis in wanted[number] else _ALL for axis, cut in enumerate(block)
                )
                totals[number][index] += part
        return totals

    def _summed(self, side: int, belief: Array, block: _Block, wanted: set[int]) -> Array:
        """A half's belief ``(k, s, own)`` summed over all but the axes `wanted`, all axes there."""
        axes = (self._left, self._right)[side].axes
        lengths = {axis: len(range(*block[axis].indices(self.lengths[axis]))) for axis in axes}
        groups = _alike([[axis in wanted] for axis in axes])
        merged = belief.reshape([math.prod(lengths[axes[i]] for i in g) for g in groups])
        out = tuple(i for i, group in enumerate(groups) if axes[group[0]] not in wanted)
        total = merged.sum(axis=out)
        kept = [axis for axis in axes if axis in wanted]
        total = total.reshape([lengths[axis] for axis in kept]).transpose(np.argsort(kept))
        return total.reshape(
            [lengths[axis] if axis in wanted else 1 for axis in range(len(self.lengths))]
        )


def _spread(work: Callable[[_Block], _Made], blocks: Sequence[_Block]) -> Iterator[_Made]:
    """What `work` makes of each block, in their order, on all cores where there are many."""
    if len(blocks) < _MANY_BLOCKS:
        yield from map(work, blocks)
        return
    with _threads_of_products().limit(limits=1, user_api="blas"):  # else they fight for the cores
        yield from in_order(work, blocks)


@cache
def _threads_of_products() -> ThreadpoolController:
    return ThreadpoolController()


def _own(views: Sequence[Array], members: Sequence[int]) -> set[int]:
    """The axes, but for the first, that the `members` of the tables have."""
    return {axis for i in members for axis, n in enumerate(views[i].shape) if n > 1 and axis > 0}


def _half(views: Sequence[Array], members: Sequence[int], axes: tuple[int, ...]) -> _Half:
    rest = [axis for axis in range(views[0].ndim) if axis not in axes]
    first = (_ALL,) * len(axes) + (0,) * len(rest)
    return _Half([views[i].transpose((*axes, *rest))[first] for i in members], axes)


def _alike(patterns: Sequence[Sequence[bool]]) -> list[list[int]]:
    """Neighbours of the same pattern together; the first by itself."""
    groups: list[list[int]] = []
    for i, pattern in enumerate(patterns):
        if i > 1 and pattern == patterns[i - 1]:
            groups[-1].append(i)
        else:
            groups.append([i])
    return groups


def _plain(half: Array) -> tuple[Array, Array] | None:
    """exp of logarithms ``(k, s, own)`` less their peaks ``(s, own)``; None where they are too far
    apart for plain numbers."""
    peaks = finite(half.max(axis=0))
    less = half - peaks
    if bool(((less < -_FAR) & (less > -np.inf)).any()):
        return None
    return np.exp(less, out=less), peaks


def _odds(above: Array, message: Array, log_scale: float, peaks: Array | None) -> Array:
    """P of the message's axes over the message, in the units of the halves; 0 where both are."""
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        if peaks is None:
            return np.where(message > 0.0, above * np.exp(-log_scale) / message, 0.0)
        inverse = np.exp(peaks - log_scale - message)
        return np.where(message > -np.inf, above * inverse, 0.0)
