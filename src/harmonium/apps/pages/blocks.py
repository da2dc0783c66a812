"""What pages are made of: sentences, formulas, code, tables and pictures under headings.

Each block is a value that says what is shown; how it looks is the templates' part, which know
a block by its `kind`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Block", "Caution", "Code", "Formula", "Picture", "Section", "Table", "Text", "Widget"]


class Block:
    """One thing shown on a page; all kinds are below."""

    @property
    def kind(self) -> str:
        """The name by which templates know it."""
        return type(self).__name__.lower()


@dataclass(frozen=True)
class Text(Block):
    """A paragraph of plain words."""

    words: str


@dataclass(frozen=True)
class Caution(Block):
    """A plain sentence that the reader must not miss."""

    words: str


@dataclass(frozen=True)
class Formula(Block):
    """A displayed formula: `mathml` markup, and its meaning in words below it."""

    mathml: str
    words: str = ""


@dataclass(frozen=True)
class Code(Block):
    """Python as it was run: `setup` (imports, data) and the lines that matter; `label` says of
    what."""

    setup: str
    lines: str
    label: str = "The lines that made this page"


@dataclass(frozen=True)
class Table(Block):
    """Rows under headings; cells are text.

    `numeric`: all but the first column are figures. `folded`: shown only when its name is opened.
    """

    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str = ""
    numeric: bool = True
    folded: str = ""


@dataclass(frozen=True)
class Picture(Block):
    """Markup of an image (inline SVG, or an ``<img>`` with a ``data:`` address), with a caption."""

    markup: str
    caption: str = ""


@dataclass(frozen=True)
class Widget(Block):
    """A part that answers in the browser: `markup` with its style, script and data inside."""

    markup: str


@dataclass(frozen=True)
class Section:
    """A heading and what stands under it."""

    title: str
    blocks: Sequence[Block]
