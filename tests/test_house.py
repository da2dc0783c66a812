"""The house: sizes of files, classes and functions, pages without placeholders, classes final.

What still exceeds is listed by name, so that the lists can only shrink.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.support.source import reached, twice

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "harmonium"

#: Above 350 lines, to be parted.
LONG_FILES: set[str] = set()
LONG_CLASSES: set[str] = set()
#: Above 60 lines.
LONG_FUNCTIONS: set[str] = set()
#: Functions with six lines that stand twice, whatever their names.
TWICE: set[str] = set()
#: Private names that another module takes.
REACHED: set[str] = set()


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


def test_no_six_lines_stand_twice() -> None:
    found = twice(_modules())
    assert found - TWICE == set()
    assert TWICE - found == set(), "mended: take them off the list"


def test_six_lines_are_found_under_other_names() -> None:
    lines = ["a = f(b)", "c = a + 1", "for i in c:", "    a += i", "print(a)", "d = a"]
    one = "def one(b):\n" + "".join(f"    {line}\n" for line in lines)
    two = one.replace("one(", "two(").replace("a", "whole").replace("c =", "rest = ")
    two = two.replace("in c", "in rest").replace("    d", "    # why\n\n    d")
    assert twice([("m.py", one), ("n.py", two)]) == {"m.py:one", "n.py:two"}
    assert twice([("m.py", one), ("n.py", two.replace("+ 1", "+ 2"))]) == set()
    assert twice([("m.py", one), ("n.py", two.replace("d = whole", "d = b"))]) == set()


def test_private_names_stay_in_their_module() -> None:
    found = {f"{name}:{private}" for name, text in _modules() for private in reached(text)}
    assert found - REACHED == set()
    assert REACHED - found == set(), "mended: take them off the list"


def test_private_names_are_found() -> None:
    text = "from harmonium.a import _b\nx._c()\nself._d\nself._e = 1\ny._e\nz.__f__\nz._g = 1\n"
    assert reached(text) == {"_b", "_c", "_g"}


def test_no_page_holds_a_placeholder() -> None:
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
    held = [
        f"{page.name}:{number}"
        for page in pages
        for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), start=1)
        if re.fullmatch(r"(?:[-*] )?(?:\w+: )?[A-Z]{4,}\s*", line)
    ]
    assert held == []
