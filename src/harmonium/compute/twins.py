"""Whether the kernels' compiled twins are used, said without loading either."""

from __future__ import annotations

import os

__all__ = ["PLAIN_ONLY"]

#: Whether only the plain twins compute: HARMONIUM_PLAIN set to anything but 0.
PLAIN_ONLY = os.environ.get("HARMONIUM_PLAIN", "0") != "0"
