"""What a step of the tour is: lines of code that are run as they are shown, and their page."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from typing import Any

from harmonium.apps.pages.blocks import Block, Code, Picture

__all__ = ["Page", "Snippet", "Workshop"]


@dataclass(frozen=True)
class Snippet:
    """Python source: `setup` (imports and data), and the lines of harmonium that matter.

    ``$name`` stands for a number that depends on how long the tour may take.
    """

    setup: str
    lines: str

    def filled(self, **numbers: Any) -> Snippet:
        return Snippet(
            Template(self.setup).substitute(numbers).strip("\n"),
            Template(self.lines).substitute(numbers).strip("\n"),
        )

    def block(self) -> Code:
        return Code(self.setup, self.lines)

    def measuring(self) -> Code:
        """The block of lines that measure what the page's first ones found, and their rivals."""
        return Code(self.setup, self.lines, "The lines behind the figures and the comparisons")


@dataclass(frozen=True)
class Page:
    """A step's page: `lead` says what is shown, `finding` in a line what came out.

    `summary` are the plain lines that are printed; `picture` stands for the page on the index.
    """

    title: str
    lead: str
    finding: str
    blocks: Sequence[Block]
    summary: Sequence[str]
    picture: Picture


@dataclass
class Workshop:
    """Where the tour works: its folder, its haste, and the code it has run, page by page."""

    folder: Path
    quick: bool = False
    ran: list[list[Snippet]] = field(default_factory=list)

    def run(
        self, snippet: Snippet, onwards: dict[str, Any] | None = None, **numbers: Any
    ) -> tuple[Snippet, dict[str, Any]]:
        """Run a snippet in the tour's folder; what was run, and the names it made.

        It begins a page, or goes `onwards` from the names that the page's first one has made.
        """
        filled = snippet.filled(**numbers)
        names: dict[str, Any] = {} if onwards is None else onwards
        source = f"{filled.setup}\n{filled.lines}\n"
        with contextlib.chdir(self.folder), warnings.catch_warnings():
            # The pages say in words what warnings would say.
            warnings.simplefilter("ignore")
            exec(compile(source, "<tour>", "exec"), names)
        if onwards is None:
            self.ran.append([])
        self.ran[-1].append(filled)
        return filled, names
