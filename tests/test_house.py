"""The house: sizes of files, classes and functions, pages without placeholders, classes final.

What still exceeds is listed by name, so that the lists can only shrink.
"""

from __future__ import annotations

import ast
import keyword
import re
import tokenize
from collections.abc import Iterable, Iterator, Sequence
from io import StringIO
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "harmonium"

#: Above 350 lines, to be parted.
LONG_FILES = {
    "learning/trainer.py",
    "models/ngram/kernels/chain.py",
    "models/ngram/model.py",
    "models/rbm/energy.py",
    "models/rbm/model.py",
    "models/rbm/start.py",
}
LONG_CLASSES = {"NGram", "RBM", "RBMEnergy"}
#: Above 60 lines: compiled loops, and questions with long docstrings.
LONG_FUNCTIONS = {
    "__call__",
    "_exact",
    "best_step",
    "log_partition",
    "roll",
    "sample",
    "small_update",
}
#: Functions with six lines that stand twice, whatever their names: compiled loops.
TWICE = {
    "compute/cpu.py:anneal_hidden",
    "compute/cpu.py:bernoulli",
    "compute/cpu.py:hidden_rows",
    "compute/cpu.py:ascend",
    "models/ngram/kernels/chain.py:best_step",
}
#: Private names that another module takes.
REACHED = {
    "learning/trainer.py:_numbered",
    "learning/trainer.py:_plain",
    "models/grid/kernels/cpu.py:_exp",
    "models/rbm/model.py:_keep_log_partition",
    "questions/trajectory_tempering.py:_on_look",
    "sampling/particles.py:_one_uniform",
}


def _modules() -> Iterator[tuple[str, str]]:
    for path in sorted(SOURCE.rglob("*.py")):
        yield path.relative_to(SOURCE).as_posix(), path.read_text(encoding="utf-8")


def test_no_new_file_is_long() -> None:
    long = {name for name, text in _modules() if text.count("\n") > 350}
    assert long - LONG_FILES == set()
    assert LONG_FILES - long == set(), "shorter now: take them off the list"


def test_no_new_class_is_long() -> None:
    long = {
        node.name
        for _, text in _modules()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.ClassDef) and (node.end_lineno or 0) - node.lineno + 1 > 350
    }
    assert long - LONG_CLASSES == set()
    assert LONG_CLASSES - long == set(), "shorter now: take them off the list"


def test_no_new_function_is_long() -> None:
    long = {
        node.name
        for _, text in _modules()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef) and (node.end_lineno or 0) - node.lineno + 1 > 60
    }
    assert long - LONG_FUNCTIONS == set()
    assert LONG_FUNCTIONS - long == set(), "shorter now: take them off the list"


class Line(NamedTuple):
    """A line of code in a function: which, and its words."""

    function: str
    words: tuple[tokenize.TokenInfo, ...]


_SILENT = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT}


def _said(node: ast.FunctionDef) -> set[int]:
    """Lines of a function's own body: not its docstring, nor functions inside."""
    body = node.body
    first = body[0]
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
        body = body[1:]
    lines = {n for part in body for n in range(part.lineno, (part.end_lineno or 0) + 1)}
    for inner in ast.walk(node):
        if isinstance(inner, ast.FunctionDef) and inner is not node:
            lines -= set(range(inner.lineno, (inner.end_lineno or 0) + 1))
    return lines


def _lines(name: str, text: str) -> Iterator[list[Line]]:
    """The lines of each function that say something."""
    words: dict[int, list[tokenize.TokenInfo]] = {}
    for token in tokenize.generate_tokens(StringIO(text).readline):
        if token.type not in _SILENT:
            words.setdefault(token.start[0], []).append(token)
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            said = [words[n] for n in sorted(_said(node)) if n in words]
            yield [Line(f"{name}:{node.name}", tuple(line)) for line in said if _tells(line)]


def _tells(line: list[tokenize.TokenInfo]) -> bool:
    """Not a bracket, nor a name alone in a list."""
    named = [word.string for word in line if word.type != tokenize.OP]
    return len(named) > 1 or any(map(keyword.iskeyword, named))


def _renamed(lines: Sequence[Line]) -> str:
    """The words of some lines with names by number, so that other names make no other code.

    Attributes (after a point) and keywords keep theirs.
    """
    numbers: dict[str, int] = {}
    said: list[str] = []
    for line in lines:
        for word in line.words:
            named = word.type == tokenize.NAME and not keyword.iskeyword(word.string)
            if named and said[-1:] != ["."]:
                said.append(f"${numbers.setdefault(word.string, len(numbers))}")
            else:
                said.append(word.string)
        said.append("\n")
    return " ".join(said)


def _twice(modules: Iterable[tuple[str, str]]) -> set[str]:
    """Functions that hold six lines which stand elsewhere too."""
    places: dict[str, list[str]] = {}
    for name, text in modules:
        for lines in _lines(name, text):
            for start in range(len(lines) - 5):
                six = _renamed(lines[start : start + 6])
                places.setdefault(six, []).append(lines[start].function)
    return {place for found in places.values() if len(found) > 1 for place in found}


def test_no_six_lines_stand_twice() -> None:
    twice = _twice(_modules())
    assert twice - TWICE == set()
    assert TWICE - twice == set(), "mended: take them off the list"


def test_six_lines_are_found_under_other_names() -> None:
    lines = ["a = f(b)", "c = a + 1", "for i in c:", "    a += i", "print(a)", "d = a"]
    one = "def one(b):\n" + "".join(f"    {line}\n" for line in lines)
    two = one.replace("one(", "two(").replace("a", "whole").replace("c =", "rest = ")
    two = two.replace("in c", "in rest").replace("    d", "    # why\n\n    d")
    assert _twice([("m.py", one), ("n.py", two)]) == {"m.py:one", "n.py:two"}
    assert _twice([("m.py", one), ("n.py", two.replace("+ 1", "+ 2"))]) == set()
    assert _twice([("m.py", one), ("n.py", two.replace("d = whole", "d = b"))]) == set()


def _reached(text: str) -> Iterator[str]:
    """Private names that a module takes from another one of ours."""
    tree = ast.parse(text)
    made = {
        node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            made.add(node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and _own(node):
            made.add(node.attr)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("harmonium"):
            yield from (alias.name for alias in node.names if _private(alias.name))
        elif isinstance(node, ast.Attribute) and _private(node.attr) and node.attr not in made:
            yield from () if _own(node) else (node.attr,)


def _own(attribute: ast.Attribute) -> bool:
    """Of the object or class itself, which may use what it inherits."""
    return isinstance(attribute.value, ast.Name) and attribute.value.id in ("self", "cls")


def _private(name: str) -> bool:
    return name.startswith("_") and not name.endswith("_") and not name.startswith("__")


def test_private_names_stay_in_their_module() -> None:
    found = {f"{name}:{private}" for name, text in _modules() for private in _reached(text)}
    assert found - REACHED == set()
    assert REACHED - found == set(), "mended: take them off the list"


def test_private_names_are_found() -> None:
    text = "from harmonium.a import _b\nx._c()\nself._d\nself._e = 1\ny._e\nz.__f__\nz._g = 1\n"
    assert sorted(_reached(text)) == ["_b", "_c", "_g"]


def test_no_page_holds_a_placeholder() -> None:
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
    held = [
        f"{page.name}:{number}"
        for page in pages
        for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), start=1)
        if re.fullmatch(r"(?:[-*] )?(?:\w+: )?[A-Z]{4,}\s*", line)
    ]
    assert held == []
