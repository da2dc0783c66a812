"""``torchrun -m harmonium``: a command by several processes, of which one speaks and writes."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harmonium.contract.registry import Entry

if TYPE_CHECKING:  # numpy is loaded where there is something to do
    from harmonium.compute.ranks import Ranks

__all__ = ["here", "on_ranks", "share_command", "shared_log_z", "shared_rows", "writing"]

#: What several processes do together; all else would be done several times, into the same files.
_SHARED = ("fit", "score", "sample", "complete", "encode")


def _several() -> bool:
    return "RANK" in os.environ and os.environ.get("WORLD_SIZE", "1") != "1"


def share_command(context: Any) -> None:
    """Join the job of ``torchrun``, where there is one, for as long as the command of `context`
    lasts; refuse commands that several processes do not share."""
    command = context.invoked_subcommand
    if not _several() or command is None:
        return
    if command not in _SHARED:
        raise ValueError(f"torchrun is for {', '.join(_SHARED)}; {command} runs in one process")
    if command != "fit":  # which joins when it knows what is fitted
        context.with_resource(_job())


@contextmanager
def _job() -> Iterator[bool]:
    """Whether this process is the first; the others say nothing but what is wrong."""
    from harmonium.compute.ranks import joined_job

    with joined_job() as ranks:
        if not ranks.rank:
            yield True
            return
        with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):
            warnings.simplefilter("ignore")
            yield False


@contextmanager
def on_ranks(entry: Entry) -> Iterator[bool]:
    """The fit of a model of this kind, in the job of ``torchrun`` where there is one; gives
    whether this process writes files."""
    if not _several():
        yield True
        return
    if entry.data == "texts":
        raise ValueError(
            f"--model {entry.command} counts, so torchrun has nothing to share out: run it in one "
            "process, or count on a cluster (engine=)"
        )
    with _job() as writes:
        yield writes


def here() -> Ranks:
    """The processes of the job, or this one alone."""
    from harmonium.compute.ranks import Ranks

    return Ranks.here() if _several() else Ranks()


def shared_rows(kind: Any, data: str, key: str | None, ranks: Ranks) -> Any:
    """DATA as `kind` reads it; of several ranks out of core, as only such rows are shared out."""
    if ranks.world == 1:
        return kind.read(data, key)
    from harmonium.data.pieces import ENDINGS
    from harmonium.data.shards import Shards, looks_like_shards

    if Path(data).suffix.lower() in ENDINGS or looks_like_shards(data):
        return Shards(data)
    raise ValueError(
        f"DATA: torchrun shares out rows in {', '.join(ENDINGS)}, a glob or a folder of them, got "
        f"{data!r}"
    )


def writing(out: str | None) -> Ranks:
    """:func:`here`; ``ValueError`` where several cannot write their parts of what is to be at
    `out`."""
    ranks = here()
    if ranks.world > 1 and Path(out or "").suffix.lower() != ".parquet":
        raise ValueError(f"--out must end in .parquet for torchrun, got {out!r}")
    return ranks


def shared_log_z(fitted: Any, ranks: Ranks) -> None:
    """Have log Z known to all ranks, each of which leads a share of its chains."""
    from harmonium.compute.ranks import answering

    if ranks.world > 1 and hasattr(fitted, "log_partition"):
        with answering():
            fitted.log_partition()
