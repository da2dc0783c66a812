"""What this machine's processor is called."""

from __future__ import annotations

import platform
from functools import cache
from pathlib import Path

__all__ = ["processor"]

#: What tells processors apart that go by one name, as those of virtual machines do.
_FIELDS = ("model name", "cpu family", "model", "stepping")


@cache
def processor() -> str:
    """Its name, and its family, model and stepping where the system tells them."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").split("\n\n")[0].splitlines()
    except (OSError, UnicodeDecodeError):
        lines = []
    told = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    found = [told[field] for field in _FIELDS if field in told]
    if not found:
        return platform.processor() or platform.machine()
    return " ".join([found[0], "/".join(found[1:])]).strip()
