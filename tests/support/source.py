"""The source read as text: lines that stand twice, private names that another module takes."""

from __future__ import annotations

import ast
import keyword
import tokenize
from collections.abc import Iterable, Iterator, Sequence
from io import StringIO
from typing import TypeAlias

__all__ = ["reached", "twice"]

#: The words of a line, each with whether it is a name that could as well be another.
Line: TypeAlias = tuple[tuple[str, bool], ...]

_N_LINES = 6
_SILENT = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT}


def twice(modules: Iterable[tuple[str, str]]) -> set[str]:
    """Functions, as ``module:function``, that hold six lines which stand elsewhere too.

    `modules` are names and texts. Lines are the same where they differ in names, layout or
    comments alone; docstrings, heads of functions, brackets, lists of names and constructors'
    ``self.x = x`` do not count.
    """
    places: dict[str, list[str]] = {}
    for module, text in modules:
        for function, lines in _functions(text):
            for start in range(len(lines) - _N_LINES + 1):
                key = _renamed(lines[start : start + _N_LINES])
                places.setdefault(key, []).append(f"{module}:{function}")
    return {place for found in places.values() if len(found) > 1 for place in found}


def _functions(text: str) -> Iterator[tuple[str, list[Line]]]:
    """The name of each function, and those of its lines that say something."""
    tokens: dict[int, list[tokenize.TokenInfo]] = {}
    for token in tokenize.generate_tokens(StringIO(text).readline):
        if token.type not in _SILENT:
            tokens.setdefault(token.start[0], []).append(token)
    lines = {number: _line(line) for number, line in tokens.items() if _tells(line)}
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            yield node.name, [lines[number] for number in sorted(_body(node) & lines.keys())]


def _body(node: ast.FunctionDef) -> set[int]:
    """Numbers of a function's own lines: not its docstring's, nor those of functions inside."""
    first = node.body[0]
    told = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    numbers = {n for part in node.body[told:] if not _stores(part) for n in _numbers(part)}
    for inner in ast.walk(node):
        if isinstance(inner, ast.FunctionDef) and inner is not node:
            numbers -= set(_numbers(inner))
    return numbers


def _stores(node: ast.stmt) -> bool:
    """``self.name = name``: estimators' constructors do nothing else, each for itself."""
    return (
        isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.targets[0].attr == node.value.id
    )


def _numbers(node: ast.stmt) -> range:
    return range(node.lineno, (node.end_lineno or node.lineno) + 1)


def _tells(line: list[tokenize.TokenInfo]) -> bool:
    """Not a bracket, nor a name alone in a list."""
    words = [token.string for token in line if token.type != tokenize.OP]
    return len(words) > 1 or any(map(keyword.iskeyword, words))


def _line(line: list[tokenize.TokenInfo]) -> Line:
    words, before = [], ""
    for token in line:
        free = token.type == tokenize.NAME and before != "." and not keyword.iskeyword(token.string)
        words.append((token.string, free))
        before = token.string
    return tuple(words)


def _renamed(lines: Sequence[Line]) -> str:
    """The lines with a number for each name, by its first appearance."""
    numbers: dict[str, str] = {}
    return "\n".join(
        " ".join(
            numbers.setdefault(word, f"${len(numbers)}") if free else word for word, free in line
        )
        for line in lines
    )


def reached(text: str) -> set[str]:
    """Private names that a module takes from another one of ours."""
    tree = ast.parse(text)
    made, found = set(), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            made.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            made.add(node.id)
        elif isinstance(node, ast.Attribute) and _own(node):
            made.add(node.attr)  # or inherited, which is as good
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("harmonium"):
            found |= {alias.name for alias in node.names if _private(alias.name)}
    attributes = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    return found | {name for name in attributes - made if _private(name)}


def _own(attribute: ast.Attribute) -> bool:
    return isinstance(attribute.value, ast.Name) and attribute.value.id in ("self", "cls")


def _private(name: str) -> bool:
    """Python's own names (``__init__``, ``_value_`` of an Enum) are none."""
    return name.startswith("_") and not name.endswith("_") and not name.startswith("__")
