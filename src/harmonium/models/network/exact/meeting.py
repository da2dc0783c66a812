"""Tables that meet in a bucket, multiplied block by block, so that their product is never held."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import reduce
from itertools import product
from typing import TypeAlias

import numpy as np

from harmonium.models.network.exact.domains import Array, Domain
from harmonium.models.network.exact.plan import BLOCK

__all__ = ["Block", "Meeting"]

#: A cut through every axis of the product.
Block: TypeAlias = tuple[slice, ...]

#: Tables whose product has no more entries than this are multiplied beforehand.
_SMALL = BLOCK // 4
#: Rows shorter than this cost more to begin than to multiply.
_SHORT = 64
_ALL = slice(None)


class Meeting:
    """Tables with the same axes, of length 1 where a table does not depend on a variable.

    Neighbouring axes that the same tables have are made one, so that products run over long
    rows; small tables are multiplied into one.

    Parameters
    ----------
    views : the tables, in the values of `domain`.
    beside : more tables of these axes, to be cut along with the product; axis 0 of length 1.
    marks : sets of axes to be told apart, a truth value an axis.
    """

    def __init__(
        self,
        views: Sequence[Array],
        domain: Domain,
        *,
        beside: Sequence[Array] = (),
        marks: Sequence[Sequence[bool]] = (),
    ) -> None:
        self.domain = domain
        n_axes = max((view.ndim for view in (*views, *beside)), default=0)
        #: Length of each axis of the product.
        self.lengths = tuple(
            max((view.shape[axis] for view in (*views, *beside)), default=1)
            for axis in range(n_axes)
        )
        groups = self._groups([*views, *beside], marks)
        #: Length of each axis of the product once neighbours are one.
        self.shape = tuple(math.prod(self.lengths[a] for a in group) for group in groups)
        #: For each of `marks` the axes of :attr:`shape` that are not marked.
        self.unmarked = [
            tuple(i for i, group in enumerate(groups) if not mark[group[0]]) for mark in marks
        ]
        self.tables = self._multiplied([_merged(view, groups) for view in views])
        self.beside = [_merged(view, groups) for view in beside]
        self._turn = self._turned()

    def _groups(self, tables: Sequence[Array], marks: Sequence[Sequence[bool]]) -> list[list[int]]:
        """Axes that are made one; the first, which is taken out, stays by itself."""
        groups: list[list[int]] = []
        before: object = None
        for axis in range(len(self.lengths)):
            pattern = (
                [table.shape[axis] > 1 for table in tables],
                [mark[axis] for mark in marks],
            )
            if axis > 1 and pattern == before:
                groups[-1].append(axis)
            else:
                groups.append([axis])
            before = pattern
        return groups

    def _multiplied(self, tables: list[Array]) -> list[Array]:
        """The tables, the small ones made one."""
        tables = sorted(tables, key=lambda table: table.size)
        while len(tables) > 1:
            entries = math.prod(map(max, tables[0].shape, tables[1].shape))
            if entries > _SMALL:
                break
            tables = [self.domain.combine(tables[0], tables[1]), *tables[2:]]
            tables.sort(key=lambda table: table.size)
        return tables

    def _turned(self) -> tuple[int, ...]:
        """The order of axes to multiply in: the longest last, where the last makes short rows."""
        axes = list(range(len(self.shape)))
        if len(axes) > 2 and self.shape[-1] < _SHORT:
            axes.append(axes.pop(max(axes[1:], key=lambda axis: self.shape[axis])))
        return tuple(axes)

    def blocks(self) -> list[Block]:
        """Cuts through the product that cover it, of few entries each; axis 0 stays whole."""
        inner, axis = math.prod(self.shape), 1
        while axis < len(self.shape) and inner // self.shape[axis] >= BLOCK:
            inner //= self.shape[axis]
            axis += 1
        if inner <= BLOCK or axis >= len(self.shape):
            runs: list[list[slice]] = []
            axis = min(axis, len(self.shape))
        else:
            size = self.shape[axis]
            step = max(1, BLOCK * size // inner)
            runs = [[slice(start, start + step) for start in range(0, size, step)]]
        lead = [[slice(i, i + 1) for i in range(size)] for size in self.shape[1:axis]]
        whole = [[_ALL]] * (len(self.shape) - axis - len(runs)) if self.shape else []
        first = [[_ALL]] if self.shape else []
        return list(product(*first, *lead, *runs, *whole))

    def cut(self, table: Array, block: Block) -> Array:
        """The part of a table of the product's axes that falls into `block`."""
        index = tuple(
            part if size > 1 else _ALL for part, size in zip(block, table.shape, strict=True)
        )
        return table[index]

    def product(self, block: Block) -> Array:
        """A fresh table: all that meets, in this block."""
        parts = [self.cut(table, block) for table in self.tables]
        if not parts:
            return np.asarray(self.domain.from_log(np.zeros((1,) * len(self.shape))))
        if len(parts) == 1:
            return parts[0].copy()
        turned = reduce(self.domain.combine, [part.transpose(self._turn) for part in parts])
        return np.asarray(turned.transpose(np.argsort(self._turn)))

    def whole(self, n_axes: int) -> Array:
        """The product itself, with `n_axes` axes."""
        table = self.product((_ALL,) * len(self.shape))
        return table.reshape(self.lengths or (1,) * n_axes)


def _merged(table: Array, groups: Sequence[Sequence[int]]) -> Array:
    return table.reshape([math.prod(table.shape[a] for a in group) for group in groups])
