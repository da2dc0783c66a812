"""The forms that the compiled update has, and which of them are worth measuring for a size.

All forms draw from the same random bits and mean the same step; they differ in the order of
sums, and thus in the last digits.
"""

from __future__ import annotations

from typing import NamedTuple, Self

__all__ = ["KINDS", "Form", "kinds_for", "threads_for"]

#: ``loops``: all in one call. ``sums``: products with visible rows are sums over their ones.
#: ``products``: dense products throughout.
KINDS = ("loops", "sums", "products")

#: Multiplications of one product: with fewer, the calls alone take longer than the loops.
_TINY = 2**16
#: With more, loops that read the weights a row at a time are no match for any product.
_LARGE = 2**21
#: With fewer, all of an update takes about as long as two threads need to meet.
_SHARED_ABOVE = 2**19


class Form(NamedTuple):
    """One of :data:`KINDS`, on one thread or two."""

    kind: str
    n_threads: int

    def __str__(self) -> str:
        return f"{self.kind} {self.n_threads}"

    @classmethod
    def read(cls, word: object) -> Self | None:
        """The inverse of ``str``; None for what is no form."""
        for kind in KINDS:
            for n_threads in (1,) if kind == "loops" else (1, 2):
                form = cls(kind, n_threads)
                if word == str(form):
                    return form
        return None


def kinds_for(work: int) -> tuple[str, ...]:
    """Kinds that may be the fastest where one product is of `work` multiplications, simplest
    first."""
    if work < _TINY:
        return KINDS[:1]
    return KINDS if work < _LARGE else KINDS[1:]


def threads_for(kind: str, work: int, n_threads: int) -> tuple[int, ...]:
    """Numbers of threads that may be the fastest, where there are `n_threads`."""
    return (1, 2) if kind != "loops" and work > _SHARED_ABOVE and n_threads > 1 else (1,)
