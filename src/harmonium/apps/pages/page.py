"""HTML pages out of blocks, one template each.

Pages are whole in themselves: styles and pictures lie inside the file, formulas are MathML,
which browsers set without help, and nothing is fetched when one is opened.
"""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harmonium.contract.storage import write_bytes

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["render", "write_page"]


def _environment() -> Environment:
    try:
        from jinja2 import Environment, FileSystemLoader, StrictUndefined
    except ImportError:
        raise ImportError(
            "pages are made with Jinja2, which is not installed: pip install 'harmonium[report]'"
        ) from None
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["python"] = _coloured
    return environment


def _coloured(source: str) -> Any:
    """Python as HTML, its words marked by what they are; the text stays as it is."""
    from markupsafe import Markup
    from pygments import highlight
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import PythonLexer

    lexer = PythonLexer(stripnl=False, ensurenl=False)
    return Markup(
        highlight(source, lexer, HtmlFormatter(nowrap=True, classprefix="py-")).rstrip("\n")
    )


def render(template: str, **values: Any) -> str:
    """The text of ``templates/<template>.html.j2`` filled with `values`.

    Raises ``ImportError`` with the extra's name where Jinja2 is missing.
    """
    return _environment().get_template(f"{template}.html.j2").render(**values)


def write_page(path: str | PathLike[str], html: str) -> None:
    """Write a page as UTF-8, whole or not at all."""
    write_bytes(path, html.encode("utf-8"))
