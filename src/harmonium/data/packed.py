"""A small file that would fill memory."""

from __future__ import annotations

__all__ = ["check_unpacked"]

#: An array above this many bytes that is packed more tightly than `_TIGHTEST` is not unpacked.
_LARGEST_UNPACKED = 2**30
_TIGHTEST = 200


def check_unpacked(what: str, n_bytes: int, n_packed: int) -> None:
    """Raise ``ValueError`` where a few packed bytes become so many that they may fill memory."""
    if n_bytes > max(_LARGEST_UNPACKED, _TIGHTEST * n_packed):
        raise ValueError(
            f"{what} unpacks to {n_bytes / 2**30:.1f} GiB, more than {_TIGHTEST} times its size "
            "in the file; keep it as .npy, which is mapped"
        )
