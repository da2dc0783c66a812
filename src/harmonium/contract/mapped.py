"""Arrays that stay in their file: mapped, not read, and shared by all processes that map it."""

from __future__ import annotations

import json
import mmap
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["is_mapped", "map_arrays"]

#: Types by the names that safetensors has for them, of which none is other than little-endian.
_TYPES = {"F64": "f8", "F32": "f4", "F16": "f2", "BOOL": "?"} | {
    f"{sign.upper()}{8 * size}": f"{sign}{size}" for sign in "iu" for size in (1, 2, 4, 8)
}


def map_arrays(path: str) -> dict[str, NDArray[Any]]:
    """The arrays of a safetensors file, by name: read from it where they are looked at.

    Writing to one changes it for this process alone. Costs a look at the header. Raises
    ``ValueError`` or ``LookupError`` for what is no such file.
    """
    if sys.byteorder != "little":
        raise ValueError("files are mapped on little-endian machines only")
    with Path(path).open("rb") as stream:
        first = 8 + int.from_bytes(stream.read(8), "little")
        header = json.loads(stream.read(first - 8))
        # Copy on write: what walks along the arrays is compiled for ones that can be written to.
        whole = np.frombuffer(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_COPY), np.uint8)
    found = {}
    for name, about in header.items():
        if name == "__metadata__":
            continue
        low, high = about["data_offsets"]
        array = whole[first + low : first + high].view(_TYPES[about["dtype"]])
        array = array.reshape(about["shape"])
        found[name] = array if array.flags.aligned else array.copy()
    return found


def is_mapped(array: NDArray[Any]) -> bool:
    """Whether the numbers of an array stay in a file."""
    base: Any = array
    while isinstance(base, np.ndarray):
        base = base.base
    return isinstance(base.obj if isinstance(base, memoryview) else base, mmap.mmap)
