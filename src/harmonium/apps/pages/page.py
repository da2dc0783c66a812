"""HTML pages out of blocks, one template each.

Pages are whole in themselves: styles and pictures lie inside the file, formulas are MathML,
which browsers set without help, and nothing is fetched when one is opened.
"""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harmonium.contract.extras import check_extra
from harmonium.contract.storage import write_bytes

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["TEMPLATES", "WANTS", "render", "write_page"]

#: What fills templates.
TEMPLATES = {"Jinja2": "jinja2"}
#: What pages with figures and code are made with, to be asked for before any work.
WANTS = TEMPLATES | {"matplotlib": "matplotlib", "Pygments": "pygments"}


def _environment(*folders: Path) -> Environment:
    check_extra("a page", "report", TEMPLATES)
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader([Path(__file__).parent / "templates", *folders]),
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


def render(template: str, /, *folders: Path, **values: Any) -> str:
    """The text of ``templates/<template>.html.j2``, or of such a file in one of the `folders`,
    filled with `values`.

    Raises ``ImportError`` with the extra's name where Jinja2 is missing.
    """
    return _environment(*folders).get_template(f"{template}.html.j2").render(**values)


def write_page(path: str | PathLike[str], html: str) -> None:
    """Write a page as UTF-8, whole or not at all."""
    write_bytes(path, html.encode("utf-8"))
