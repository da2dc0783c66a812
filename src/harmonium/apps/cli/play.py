"""The page to play on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["play"]


def play(
    out: Annotated[str, typer.Option("-o", "--out", help="the .html file")] = "play.html",
) -> None:
    """One self-contained HTML page on which joint distributions are played with."""
    from harmonium.contract.storage import check_place

    if Path(out).suffix.lower() not in (".html", ".htm"):
        raise ValueError(f"--out must end in .html, got {out!r}")
    check_place(out, "--out")
    from harmonium.apps.play import write_play

    write_play(out)
    print(out)
