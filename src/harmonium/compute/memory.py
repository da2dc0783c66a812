"""How much memory there is, and how much of it this process may take."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

__all__ = ["machine_memory", "memory_allowed"]

#: The control groups, and which of them are this process's.
_GROUPS, _OWN = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")


def memory_allowed() -> int:
    """Bytes: the machine's, or fewer where a control group (a container, a service) or a limit of
    the shell's (``ulimit -v``, ``ulimit -d``) says so."""
    limits = [machine_memory()]
    if sys.platform != "win32":
        import resource

        for kind in (resource.RLIMIT_AS, resource.RLIMIT_DATA):
            limits.append(resource.getrlimit(kind)[0])
    limits += _of_groups()
    return min(one for one in limits if one > 0)


def machine_memory() -> int:
    """Bytes that the machine has; 8 GiB where it does not tell."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 8 * 2**30


def _of_groups() -> list[int]:
    """The limits of the control groups that this process is in, and of those above them."""
    found = []
    with suppress(OSError, ValueError):
        for line in _OWN.read_text().splitlines():
            _, kinds, path = line.split(":", 2)
            if kinds not in ("", "memory"):
                continue
            root = _GROUPS / kinds
            name = "memory.limit_in_bytes" if kinds else "memory.max"
            place = root / path.lstrip("/")
            for folder in (place, *place.parents):
                if not folder.is_relative_to(root):
                    break
                with suppress(OSError, ValueError):
                    found.append(int((folder / name).read_text()))
    return found
