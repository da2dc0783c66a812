"""How much memory a process may take: the machine's, a control group's, the shell's."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from harmonium.compute import memory


@pytest.mark.parametrize(
    ("groups", "files", "wanted"),
    [
        ("0::/a/b\n", {"a/memory.max": "3000000\n", "a/b/memory.max": "max\n"}, 3_000_000),
        ("4:memory:/a\n0::/\n", {"memory/a/memory.limit_in_bytes": "2000000"}, 2_000_000),
        # As a container sees it, whose own folder is the root.
        ("4:memory:/host/name\n", {"memory/memory.limit_in_bytes": "1000000"}, 1_000_000),
        ("0::/a\n", {"a/memory.max": "9" * 18}, None),
        ("nonsense\n", {}, None),
    ],
)
def test_the_least_limit_counts(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    groups: str,
    files: dict[str, str],
    wanted: int | None,
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "cgroup").write_text(groups)
    monkeypatch.setattr(memory, "_GROUPS", tmp_path)
    monkeypatch.setattr(memory, "_OWN", tmp_path / "cgroup")
    of_shell = [resource.getrlimit(kind)[0] for kind in (resource.RLIMIT_AS, resource.RLIMIT_DATA)]
    without = min([memory.machine_memory(), *(one for one in of_shell if one > 0)])
    assert memory.memory_allowed() == (wanted or without)
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (500_000, -1))
    assert memory.memory_allowed() == 500_000
