"""HTML pages out of blocks: sentences, formulas, code, tables and pictures, one template each.

Pages are whole in themselves: styles and pictures lie inside the file, formulas are MathML,
which browsers set without help, and nothing is fetched when one is opened.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeAlias

from harmonium.contract.storage import write_atomically

if TYPE_CHECKING:
    from jinja2 import Environment
    from sklearn.base import BaseEstimator

__all__ = [
    "Block",
    "Code",
    "Formula",
    "Picture",
    "Section",
    "Table",
    "Text",
    "Warning",
    "parameters_table",
    "render",
    "write_page",
]


@dataclass(frozen=True)
class Text:
    """A paragraph of plain words."""

    words: str
    kind: str = "text"


@dataclass(frozen=True)
class Warning:
    """A plain sentence that the reader must not miss."""

    words: str
    kind: str = "warning"


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


def parameters_table(model: BaseEstimator) -> Table:
    """What the model was constructed with, folded away."""
    given = model.get_params(deep=False)
    rows = [
        (name, str(value))
        for name, value in given.items()
        if name not in ("verbose", "checkpoint", "device", "factors", "vocabulary")
    ]
    return Table(("", ""), rows, folded="All parameters")


@dataclass(frozen=True)
class Picture:
    """Markup of an image (inline SVG, or an ``<img>`` with a ``data:`` address), with a caption."""

    markup: str
    caption: str = ""
    kind: str = "picture"


Block: TypeAlias = Text | Warning | Formula | Code | Table | Picture


@dataclass(frozen=True)
class Section:
    """A heading and what stands under it."""

    title: str
    blocks: Sequence[Block]


def _environment() -> Environment:
    try:
        from jinja2 import Environment, FileSystemLoader, StrictUndefined
    except ImportError:
        raise ImportError(
            "pages are made with Jinja2, which is not installed: pip install 'harmonium[report]'"
        ) from None
    return Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render(template: str, **values: Any) -> str:
    """The text of ``templates/<template>.html.j2`` filled with `values`.

    Raises ``ImportError`` with the extra's name where Jinja2 is missing.
    """
    return _environment().get_template(f"{template}.html.j2").render(**values)


def write_page(path: str | PathLike[str], html: str) -> None:
    """Write a page as UTF-8, whole or not at all."""

    def write(stream: IO[bytes]) -> None:
        stream.write(html.encode("utf-8"))

    write_atomically(path, write)
