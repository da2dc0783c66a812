"""``torchrun -m harmonium fit``: a fit by several processes, of which one speaks and writes."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout

from harmonium.contract.registry import Entry

__all__ = ["check_command", "on_ranks"]


def _several() -> bool:
    return "RANK" in os.environ and os.environ.get("WORLD_SIZE", "1") != "1"


def check_command(command: str | None) -> None:
    """Refuse what ``torchrun`` would only do several times, into the same files."""
    if _several() and command not in (None, "fit"):
        raise ValueError(f"torchrun is for `harmonium fit`; {command} runs in one process")


@contextmanager
def on_ranks(entry: Entry) -> Iterator[bool]:
    """The fit of a model of this kind, in the job of ``torchrun`` where there is one; gives
    whether this process writes files. The others say nothing but what is wrong."""
    if not _several():
        yield True
        return
    if entry.data == "texts":
        raise ValueError(
            f"--model {entry.command} counts, so torchrun has nothing to share out: run it in one "
            "process, or count on a cluster (engine=)"
        )
    from harmonium.compute.ranks import joined_job

    with joined_job() as ranks:
        if not ranks.rank:
            yield True
            return
        with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):
            warnings.simplefilter("ignore")
            yield False
