"""What was measured on this machine, kept in a small file so that later processes repeat it.

Forms of an update differ in the last digits, and what a clock says is never twice the same:
measured anew by each process, a seed would not give the same bits twice. So a choice is made
once on a machine and kept, in ``forms.json`` of the folder that the environment's
``HARMONIUM_CACHE`` names, else of ``harmonium`` in the user's cache. Without a file to write, it
holds for the process. Removing the file has all measured again.
"""

from __future__ import annotations

import json
import os
import tempfile
from contextlib import suppress
from pathlib import Path

__all__ = ["Remembered", "folder"]


def folder() -> Path | None:
    """Where the file is to be; None where there is no home."""
    if own := os.environ.get("HARMONIUM_CACHE"):
        return Path(own)
    if shared := os.environ.get("XDG_CACHE_HOME"):
        return Path(shared) / "harmonium"
    try:
        return Path.home() / ".cache" / "harmonium"
    except RuntimeError:
        return None


class Remembered:
    """Words by key: in this process, and in the file where that can be read and written."""

    def __init__(self) -> None:
        self._words: dict[tuple[Path | None, str], str] = {}

    def get(self, key: str) -> str | None:
        """The word kept for `key`, or None. What this process knows goes before the file."""
        where = folder()
        if (where, key) not in self._words:
            found = _read(where).get(key)
            if found is None:
                return None
            self._words[where, key] = found
        return self._words[where, key]

    def keep(self, key: str, word: str) -> None:
        """Keep a word, in the file too where that can be done; never fails."""
        where = folder()
        self._words[where, key] = word
        if where is None:
            return
        with suppress(OSError):
            where.mkdir(parents=True, exist_ok=True)
            _write(where, {**_read(where), key: word})


def _read(where: Path | None) -> dict[str, str]:
    """The file's words; none of a file that is not there or is damaged."""
    if where is None:
        return {}
    try:
        found = json.loads((where / "forms.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {key: word for key, word in found.items() if isinstance(word, str)}


def _write(where: Path, words: dict[str, str]) -> None:
    """Whole or not at all, since other processes may read meanwhile."""
    handle, name = tempfile.mkstemp(dir=where, prefix="forms-", suffix=".json")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(words, file, indent=0, sort_keys=True)
        os.replace(name, where / "forms.json")
    except OSError:
        with suppress(OSError):
            os.unlink(name)
        raise
