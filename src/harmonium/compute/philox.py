"""Philox4x32-10 (Salmon, Moraes, Dror, Shaw 2011) in plain torch: random bits of a counter, for
what is drawn on a device.

A stream is a tensor on the device, int64 ``(2,)``: a seed and a step. A counter is its number, the
`site` of the draw among those of a step, and the step: so work that is replayed draws anew once the
step has moved on. Each counter gives four words of 32 bits.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

__all__ = ["checked", "levels", "philox", "quarter", "stream", "words"]

#: The constants that the authors give: of each round, and of the key.
_ROUNDS = (0xD2511F53, 0xCD9E8D57)
_KEYS = (0x9E3779B9, 0xBB67AE85)
_N_ROUNDS = 10
_WORD = 0xFFFFFFFF


def stream(generator: torch.Generator, device: torch.device) -> Tensor:
    """A fresh stream, made on the device."""
    found = torch.zeros(2, dtype=torch.int64, device=device)
    found[:1].random_(generator=generator)
    return found


def checked(n: int, width: int) -> int:
    """Counters of ``(n, width)``. Raises ``ValueError`` for more than there are."""
    if n * width > _WORD:
        raise ValueError(f"a draw by {n} x {width} counters is too large: at most {_WORD}")
    return n * width


def quarter(n: int, width: int) -> int:
    """Rows of a quarter of n rows, which have a counter an element."""
    found = -(-n // 4)
    checked(found, width)
    return found


def philox(counter: Sequence[Tensor], key: Sequence[Tensor]) -> list[Tensor]:
    """Four words of random bits of counters of four words under a key of two: int64 tensors, in
    [0, 2**32), that fit each other."""
    found, keys = list(counter), list(key)
    for _ in range(_N_ROUNDS):
        # Products of 32 bits by 32 fill int64, whose sign is but the highest of their bits.
        low, high = _ROUNDS[0] * found[0], _ROUNDS[1] * found[2]
        found = [
            ((high >> 32) & _WORD) ^ found[1] ^ keys[0],
            high & _WORD,
            ((low >> 32) & _WORD) ^ found[3] ^ keys[1],
            low & _WORD,
        ]
        keys = [(one + raised) & _WORD for one, raised in zip(keys, _KEYS, strict=True)]
    return found


def words(stream: Tensor, site: int, count: int) -> Tensor:
    """The four words of each of `count` counters, int64 ``(4, count)``, none negative."""
    (seed, step), first = stream, torch.arange(count, dtype=torch.int64, device=stream.device)
    steps = [part.expand(count) for part in _halves(step)]
    return torch.stack(philox([first, torch.full_like(first, site), *steps], _halves(seed)))


def _halves(number: Tensor) -> list[Tensor]:
    """The lower and the upper 32 bits."""
    return [number & _WORD, (number >> 32) & _WORD]


def levels(stream: Tensor, site: int, shape: tuple[int, int]) -> Tensor:
    """Uniform numbers in [0, 1), float64 of this shape: 53 bits of a counter each."""
    first, second, *_ = words(stream, site, checked(*shape))
    return (((first << 21) | (second >> 11)).double() * 2.0**-53).view(shape)
