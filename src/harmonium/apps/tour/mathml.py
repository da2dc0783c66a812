r"""Formulas as MathML, which browsers set by themselves, out of a line written as in TeX.

Of TeX there are braces, ``_``, ``^``, ``\frac`` and ``\text``; signs are written as they look
(``∑``, ``−``, ``σ``). Letters that stand together are one name, so ``v_i h_j`` needs its space.
"""

from __future__ import annotations

import re
from collections import deque
from html import escape

__all__ = ["display"]

_GAP = '<mspace width="0.2em"></mspace>'
_LARGE = ("∑", "∏")
_FENCES = ("(", ")", "[", "]", "|")
_TOKEN = re.compile(r"\\frac|\\text\{[^{}]*\}|[A-Za-zα-ωΑ-Ω]+|\d+(?:\.\d+)?|\S")

_Tokens = deque[str]


class _MisplacedError(Exception):
    """A token that nothing begins with."""


def display(*formulas: str) -> str:
    r"""Each formula on a line of its own: ``display(r"P(x)=\frac{1}{Z}∏_i ψ(x_i)")``.

    Raises ``ValueError`` where braces do not match, something is missing after ``_``, ``^`` or
    ``\frac``, or a command is none of those above.
    """
    return "".join(f'<math display="block">{_whole(formula)}</math>' for formula in formulas)


def _whole(formula: str) -> str:
    tokens = deque(_TOKEN.findall(formula))
    try:
        markup = _row(tokens)
    except IndexError:
        raise ValueError(f"formula: {formula!r} ends too early") from None
    except _MisplacedError as error:
        raise ValueError(
            f"formula: {formula!r} has {error} where a name or a sign is wanted"
        ) from None
    if tokens:
        raise ValueError(f"formula: {formula!r} closes a brace that it did not open")
    return markup


def _row(tokens: _Tokens) -> str:
    """All up to the brace that closes, or to the end."""
    parts = []
    while tokens and tokens[0] != "}":
        parts.append(_scripted(tokens))
    return f"<mrow>{''.join(parts)}</mrow>"


def _scripted(tokens: _Tokens) -> str:
    """An atom with what hangs below and above it."""
    large = tokens[0] in _LARGE
    base = _atom(tokens)
    hung: dict[str, str] = {}
    while tokens and tokens[0] in ("_", "^") and tokens[0] not in hung:
        mark = tokens.popleft()
        hung[mark] = _atom(tokens)
    below, above = hung.get("_"), hung.get("^")
    kind = {
        (False, False): "",
        (True, False): "munder" if large else "msub",
        (False, True): "mover" if large else "msup",
        (True, True): "munderover" if large else "msubsup",
    }[below is not None, above is not None]
    scripted = f"<{kind}>{base}{below or ''}{above or ''}</{kind}>" if kind else base
    return scripted + _GAP if large else scripted


def _atom(tokens: _Tokens) -> str:
    """A group in braces, a fraction, words, or a single name, number or sign."""
    token = tokens.popleft()
    if token == "{":
        group = _row(tokens)
        tokens.popleft()  # the closing brace; none left is an IndexError, told above
        return group
    if token == r"\frac":
        return f"<mfrac>{_atom(tokens)}{_atom(tokens)}</mfrac>"
    if token.startswith(r"\text"):
        words = token.partition("{")[2].removesuffix("}")
        return f"<mtext>{escape(words)}</mtext>"
    if token in ("}", "_", "^", "\\"):
        raise _MisplacedError(repr(token))
    if token[0].isdigit():
        return f"<mn>{token}</mn>"
    if token in _LARGE:
        return f'<mo largeop="true" movablelimits="false">{token}</mo>'
    if token in _FENCES:
        # All of a line is one row: left alone, fences grow as high as its tallest fraction.
        return f'<mo stretchy="false">{token}</mo>'
    return f"<mi>{token}</mi>" if token.isalpha() else f"<mo>{escape(token)}</mo>"
