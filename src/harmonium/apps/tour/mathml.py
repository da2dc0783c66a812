"""Formulas as MathML, which browsers set by themselves: small functions that nest."""

from __future__ import annotations

import re
from html import escape

__all__ = ["display", "frac", "row", "sub", "subsup", "sup", "total", "words"]

_GAP = '<mspace width="0.2em"></mspace>'
_TOKEN = re.compile(r"[A-Za-zα-ωΑ-Ω]+|\d+(?:\.\d+)?|\S")


def row(*parts: str) -> str:
    """Plain text set as identifiers, numbers and operators; markup is kept as it is."""
    return "<mrow>" + "".join(map(_set, parts)) + "</mrow>"


def _set(part: str) -> str:
    if part.startswith("<"):
        return part
    return "".join(map(_token, _TOKEN.findall(part)))


def _token(token: str) -> str:
    if token[0].isdigit():
        return f"<mn>{token}</mn>"
    if token.isalpha():
        return f"<mi>{token}</mi>"
    return f"<mo>{escape(token)}</mo>"


def words(text: str) -> str:
    """Words of a language inside a formula."""
    return f"<mtext>{escape(text)}</mtext>"


def frac(above: str, below: str) -> str:
    return f"<mfrac>{row(above)}{row(below)}</mfrac>"


def sub(base: str, index: str) -> str:
    return f"<msub>{row(base)}{row(index)}</msub>"


def sup(base: str, power: str) -> str:
    return f"<msup>{row(base)}{row(power)}</msup>"


def subsup(base: str, index: str, power: str) -> str:
    return f"<msubsup>{row(base)}{row(index)}{row(power)}</msubsup>"


def total(sign: str, below: str) -> str:
    """A large operator such as a sum, with what it runs over below it."""
    operator = f'<mo largeop="true" movablelimits="false">{sign}</mo>'
    return f"<munder>{operator}{row(below)}</munder>{_GAP}"


def display(*parts: str) -> str:
    """A whole formula on a line of its own."""
    return f'<math display="block">{row(*parts)}</math>'
