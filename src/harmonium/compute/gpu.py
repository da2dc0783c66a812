"""Kernels of a GPU, in Triton; :mod:`.gpu_plain` says what each computes, in plain torch.

Only what is read and written once, element by element, is here: products are the library's own.
Triton is imported with this module, which is imported where a kernel runs; torch is not, since no
kernel needs it to be compiled.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import triton
import triton.language as tl

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["ascend", "ascend_biases", "draw", "draw_groups"]

#: Rows and columns that one program takes.
_ROWS, _COLUMNS = 8, 128


@triton.jit
def _words(stream, site, counter):  # type: ignore[no-untyped-def]
    """Four words of each counter, uint32."""
    seed, step = tl.load(stream), tl.load(stream + 1)
    nothing = counter * 0
    return tl.philox(
        seed,
        counter,
        (nothing + site).to(tl.uint32),  # a site of 1 is a constant, which has no type
        nothing + step.to(tl.uint32),
        nothing + (step >> 32).to(tl.uint32),
    )


@triton.jit
def _draw(  # type: ignore[no-untyped-def]
    inputs,
    bias,
    stream,
    states,
    means,
    n,
    count,
    width,
    site,
    factor,
    BIASED: tl.constexpr,
    DRAWN: tl.constexpr,
    MEANT: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    row = (tl.program_id(0) * ROWS + tl.arange(0, ROWS))[:, None]
    column = (tl.program_id(1) * COLUMNS + tl.arange(0, COLUMNS))[None, :]
    own = 0.0
    if BIASED:
        own = tl.load(bias + column, mask=column < width, other=0.0)
    words = _words(stream, site, (row.to(tl.int64) * width + column).to(tl.uint32))
    for lane in tl.static_range(4):
        own_row = row + lane * count
        inside = (row < count) & (own_row < n) & (column < width)
        here = own_row.to(tl.int64) * width + column
        logits = tl.load(inputs + here, mask=inside, other=0.0).to(tl.float32) + own
        share = 1.0 / (1.0 + tl.exp(-logits))
        if DRAWN:
            below = words[lane].to(tl.int64) < (share * 4294967296.0).to(tl.int64)
            drawn = below.to(tl.float32).to(states.dtype.element_ty)
            tl.store(states + here, drawn, mask=inside)
        if MEANT:
            tl.store(means + here, (factor * share).to(means.dtype.element_ty), mask=inside)


@triton.jit
def _draw_groups(  # type: ignore[no-untyped-def]
    inputs,
    starts,
    stream,
    states,
    n,
    width,
    n_groups,
    site,
    ROWS: tl.constexpr,
    SIZE: tl.constexpr,
):
    group = tl.program_id(0) % n_groups
    row = tl.program_id(0) // n_groups * ROWS + tl.arange(0, ROWS)
    first = tl.load(starts + group)
    state = tl.arange(0, SIZE)[None, :]
    inside = (row[:, None] < n) & (state < tl.load(starts + group + 1) - first)
    place = row[:, None].to(tl.int64) * width + first + state
    logits = tl.load(inputs + place, mask=inside, other=float("-inf")).to(tl.float64)
    weights = tl.exp(logits - tl.max(logits, axis=1)[:, None])
    here = row.to(tl.int64) * n_groups + group
    one, other, _, _ = _words(stream, site, here.to(tl.uint32))
    bits = (one.to(tl.int64) << 21) | (other >> 11).to(tl.int64)
    level = bits.to(tl.float64) * 1.1102230246251565e-16 * tl.sum(weights, axis=1)
    passed = (tl.cumsum(weights, axis=1) <= level[:, None]) & inside
    # Rounding may leave a level at the very end: the last state that is possible.
    last = tl.max(tl.where(weights > 0.0, state, 0), axis=1)
    found = tl.minimum(tl.sum(passed.to(tl.int32), axis=1), last)
    tl.store(states + here, found.to(tl.float32), mask=row < n)


@triton.jit
def _ascend(  # type: ignore[no-untyped-def]
    weights,
    gradient,
    visible_mean,
    visible_change,
    hidden_mean,
    hidden_change,
    rates,
    n,
    width,
    share,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    row = (tl.program_id(0) * ROWS + tl.arange(0, ROWS))[:, None]
    column = (tl.program_id(1) * COLUMNS + tl.arange(0, COLUMNS))[None, :]
    of_row, of_column = row < n, column < width
    here, inside = row.to(tl.int64) * width + column, of_row & of_column
    direction = share * tl.load(gradient + here, mask=inside, other=0.0)
    direction -= tl.load(visible_mean + row, mask=of_row, other=0.0) * tl.load(
        hidden_change + column, mask=of_column, other=0.0
    )
    direction -= tl.load(visible_change + row, mask=of_row, other=0.0) * tl.load(
        hidden_mean + column, mask=of_column, other=0.0
    )
    kept = tl.load(rates + 1) * tl.load(weights + here, mask=inside, other=0.0)
    tl.store(weights + here, kept + tl.load(rates) * direction, mask=inside)


@triton.jit
def _ascend_biases(  # type: ignore[no-untyped-def]
    visible_bias,
    hidden_bias,
    visible_mean,
    hidden_mean,
    visible_means,
    hidden_means,
    seen,
    felt,
    visible_change,
    hidden_change,
    share,
    rates,
    n_visible,
    n_hidden,
    VISIBLE: tl.constexpr,
    HIDDEN: tl.constexpr,
):
    """By one program, so that nothing need be put together from several."""
    v, h, rate = tl.arange(0, VISIBLE), tl.arange(0, HIDDEN), tl.load(rates)
    of_v, of_h = v < n_visible, h < n_hidden
    visible = tl.load(visible_mean + v, mask=of_v, other=0.0)
    hidden = tl.load(hidden_mean + h, mask=of_h, other=0.0)
    drift = tl.load(visible_means + v, mask=of_v, other=0.0)
    drift -= tl.load(visible_means + n_visible + v, mask=of_v, other=0.0)
    change = tl.load(hidden_means + h, mask=of_h, other=0.0)
    change += tl.load(hidden_means + n_hidden + h, mask=of_h, other=0.0)
    tl.store(visible_change + v, drift, mask=of_v)
    tl.store(hidden_change + h, change, mask=of_h)
    moved = drift * (1.0 + tl.sum(hidden * hidden, axis=0))
    moved += visible * tl.sum(change * hidden, axis=0)
    moved -= share * tl.load(seen + v, mask=of_v, other=0.0)
    old = tl.load(visible_bias + v, mask=of_v, other=0.0)
    tl.store(visible_bias + v, old + rate * moved, mask=of_v)
    moved = change * (1.0 + tl.sum(visible * visible, axis=0))
    moved += hidden * tl.sum(drift * visible, axis=0)
    moved -= share * tl.load(felt + h, mask=of_h, other=0.0)
    old = tl.load(hidden_bias + h, mask=of_h, other=0.0)
    tl.store(hidden_bias + h, old + rate * moved, mask=of_h)


def _grid(n: int, width: int) -> tuple[int, int]:
    return triton.cdiv(n, _ROWS), triton.cdiv(width, _COLUMNS)


_TILE: dict[str, Any] = {"ROWS": _ROWS, "COLUMNS": _COLUMNS}


def draw(
    inputs: Tensor,
    bias: Tensor | None,
    stream: Tensor,
    site: int,
    states: Tensor | None,
    means: Tensor | None = None,
    factor: float = 1.0,
) -> None:
    """See :func:`.gpu_plain.draw`; all tensors are contiguous."""
    from harmonium.compute.philox import quarter

    n, width = inputs.shape
    if not n * width:
        return
    count = quarter(n, width)
    given = (bias, states, means)
    kinds = {
        name: one is not None for name, one in zip(("BIASED", "DRAWN", "MEANT"), given, strict=True)
    }
    own, *filled = (inputs if one is None else one for one in given)
    _draw[_grid(count, width)](
        inputs, own, stream, *filled, n, count, width, site, factor, **kinds, **_TILE
    )


def draw_groups(
    inputs: Tensor, starts: Tensor, largest: int, stream: Tensor, site: int, states: Tensor
) -> None:
    """Fills ``states (n, n_groups)`` with a state of each softmax group, as
    :func:`.plain.draw_groups` draws it by :func:`.philox.levels`.

    Groups are columns ``starts[g]`` to ``starts[g + 1]`` of ``inputs (n, starts[-1])``, at most
    `largest` each. All tensors are on the device and contiguous, of float32 but for the starts.
    """
    from harmonium.compute.philox import checked

    (n, width), n_groups = inputs.shape, states.shape[1]
    if not checked(n, n_groups):
        return
    size = triton.next_power_of_2(largest)
    rows = max(1, _ROWS * _COLUMNS // size)
    _draw_groups[(triton.cdiv(n, rows) * n_groups,)](
        inputs, starts, stream, states, n, width, n_groups, site, ROWS=rows, SIZE=size
    )


def ascend(
    weights: Tensor,
    gradient: Tensor,
    share: float,
    visible: tuple[Tensor, Tensor],
    hidden: tuple[Tensor, Tensor],
    rates: Tensor,
) -> None:
    """See :func:`.gpu_plain.ascend`; all tensors are contiguous, and of float32."""
    shape = weights.shape
    _ascend[_grid(*shape)](weights, gradient, *visible, *hidden, rates, *shape, share, **_TILE)


def ascend_biases(
    biases: tuple[Tensor, Tensor],
    offsets: tuple[Tensor, Tensor],
    means: tuple[Tensor, Tensor],
    products: tuple[Tensor, Tensor],
    changes: tuple[Tensor, Tensor],
    share: float,
    rates: Tensor,
) -> None:
    """See :func:`.gpu_plain.ascend_biases`; all tensors are contiguous, and of float32."""
    sizes = (len(biases[0]), len(biases[1]))
    wide = dict(zip(("VISIBLE", "HIDDEN"), map(triton.next_power_of_2, sizes), strict=True))
    _ascend_biases[(1,)](
        *biases, *offsets, *means, *products, *changes, share, rates, *sizes, **wide, num_warps=16
    )
