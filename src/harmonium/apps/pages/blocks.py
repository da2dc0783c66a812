"""What pages are made of: sentences, formulas, code, tables and pictures under headings.

Each block is a value that says what is shown; how it looks is the templates' part, which know
a block by its `kind`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

__all__ = ["Block", "Caution", "Code", "Formula", "Picture", "Section", "Table", "Text"]


@dataclass(frozen=True)
class Text:
    """A paragraph of plain words."""

    words: str
    kind: str = "text"


@dataclass(frozen=True)
class Caution:
    """A plain sentence that the reader must not miss."""

    words: str
    kind: str = "caution"


@dataclass(frozen=True)
class Formula:
    """A displayed formula: `mathml` markup, and its meaning in words below it."""

    mathml: str
    words: str = ""
    kind: str = "formula"


@dataclass(frozen=True)
class Code:
    """Python as it was run: `setup` (imports, data) and the lines that matter."""

    setup: str
    lines: str
    kind: str = "code"


@dataclass(frozen=True)
class Table:
    """Rows under headings; cells are text.

    `numeric`: all but the first column are figures. `folded`: shown only when its name is opened.
    """

    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str = ""
    numeric: bool = True
    folded: str = ""
    kind: str = "table"


@dataclass(frozen=True)
class Picture:
    """Markup of an image (inline SVG, or an ``<img>`` with a ``data:`` address), with a caption."""

    markup: str
    caption: str = ""
    kind: str = "picture"


Block: TypeAlias = Text | Caution | Formula | Code | Table | Picture


@dataclass(frozen=True)
class Section:
    """A heading and what stands under it."""

    title: str
    blocks: Sequence[Block]
