"""Figures for pages: matplotlib as inline SVG in the page's own colours, pictures as PNG."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from typing import TYPE_CHECKING, Any

from PIL import Image

from harmonium.apps.pages.blocks import Picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["COLOURS", "INK", "LINE", "PAPER", "drawing", "png_picture", "svg_picture"]

# Colours no figure would use by accident: each becomes a colour of the page, so that a figure
# follows the reader's light or dark theme.
INK = "#010203"
LINE = "#040506"
PAPER = "#070809"
COLOURS = ("#0a0b01", "#0a0b02", "#0a0b03", "#0a0b04")
_PAGE_COLOUR = {
    INK: "currentColor",
    LINE: "var(--line)",
    PAPER: "var(--paper)",
    **{colour: f"var(--c{i + 1})" for i, colour in enumerate(COLOURS)},
}

_STYLE: dict[str, Any] = {
    "svg.fonttype": "none",  # text stays text: it takes the page's font and can be selected
    "font.size": 9,
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.linewidth": 0.6,
    "axes.axisbelow": True,
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "xtick.color": INK,
    "ytick.color": INK,
    "figure.facecolor": "none",
    "savefig.facecolor": "none",
    "legend.frameon": False,
    "lines.linewidth": 1.6,
    "figure.constrained_layout.use": True,
}

#: Width in inches; at a phone's 350 pixels its 9-point letters are still about 9 pixels high.
_WIDTH = 4.6


@contextmanager
def drawing(height: float) -> Iterator[Figure]:
    """A matplotlib figure in the pages' style, `height` in inches.

    Draw, and call :func:`svg_picture`, inside.
    """
    import matplotlib as mpl
    from cycler import cycler
    from matplotlib.figure import Figure

    style: Any = {**_STYLE, "axes.prop_cycle": cycler(color=list(COLOURS))}
    with mpl.rc_context(style):
        yield Figure(figsize=(_WIDTH, height))


def svg_picture(figure: Figure, alt: str, caption: str = "") -> Picture:
    """`figure` as inline SVG; `alt` says in words what is seen."""
    import matplotlib as mpl

    stream = io.StringIO()
    # Names inside an SVG are hashes with this salt; they must be unique within a page.
    with mpl.rc_context({"svg.hashsalt": f"{alt} {caption}"}):
        figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None})
    drawn = stream.getvalue()
    drawn = drawn[drawn.index("<svg") :]
    drawn = re.sub(r"<metadata>.*?</metadata>", "", drawn, flags=re.DOTALL)
    # Groups are named alike in every figure.
    drawn = re.sub(r'<g id="[^"]*"', "<g", drawn)
    # font-family is the page's; sizes stay.
    drawn = re.sub(r"font: ([\d.]+)px [^;\"]*", r"font-size: \1px", drawn)
    for colour, name in _PAGE_COLOUR.items():
        drawn = drawn.replace(colour, name)
    drawn = re.sub(
        r'<svg [^>]*viewBox="([^"]*)"[^>]*>',
        rf'<svg class="plot" viewBox="\1" role="img" aria-label="{escape(alt)}">',
        drawn,
        count=1,
    )
    return Picture(drawn, caption)


def png_picture(
    image: Image.Image, alt: str, caption: str = "", *, smooth: bool = False
) -> Picture:
    """A Pillow image inside the page; `smooth` for photographs, else pixels keep their edges."""
    stream = io.BytesIO()
    image.save(stream, format="PNG", optimize=True)
    data = base64.b64encode(stream.getvalue()).decode()
    kind = "smooth" if smooth else "pixels"
    markup = (
        f'<img class="{kind}" src="data:image/png;base64,{data}" alt="{escape(alt)}" '
        f'width="{image.width}" height="{image.height}">'
    )
    return Picture(markup, caption)
