"""Tables as text: what parts their cells, whether their first line names the columns."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

__all__ = [
    "MISSING",
    "TABLE_ENDINGS",
    "TRUTH",
    "Layout",
    "content_of",
    "is_text_table",
    "layout_of",
]

#: Endings of tables that are text; ``-``, the standard input, is one too.
TABLE_ENDINGS = (".csv", ".tsv")
#: What stands for a missing cell: the words that pandas and Arrow know.
MISSING = frozenset(
    {
        "",
        "#N/A",
        "#N/A N/A",
        "#NA",
        "-1.#IND",
        "-1.#QNAN",
        "-NaN",
        "-nan",
        "1.#IND",
        "1.#QNAN",
        "N/A",
        "NA",
        "NULL",
        "NaN",
        "None",
        "<NA>",
        "n/a",
        "nan",
        "null",
    }
)
#: Words for 1 and 0, in any case.
TRUTH = {"true": 1.0, "false": 0.0, "yes": 1.0, "no": 0.0}

#: What parts the cells of a line. A semicolon or tab that stands equally often in each line does;
#: commas may be decimal ones then.
_DELIMITERS = ("\t", ";", ",")
#: The beginning of a file, in bytes and in lines, that is looked at.
_LOOKED_AT, _N_LINES = 2**20, 200
#: So many columns named 0, 1, 2, ... are names by themselves; fewer may well be a row.
_SURELY_NAMES = 4


def is_text_table(path: str) -> bool:
    """Whether `path` means a table that is text: by its ending, or the standard input."""
    return path == "-" or Path(path).suffix.lower() in TABLE_ENDINGS


_read_before: tuple[object, bytes] | None = None


def content_of(path: str, most: int = -1) -> bytes:
    """What stands at `path`, at most so many bytes; ``-`` is the standard input, read once and
    then known."""
    global _read_before
    if path != "-":
        with Path(path).open("rb") as stream:
            return stream.read(most)
    if _read_before is None or _read_before[0] is not sys.stdin:
        _read_before = (sys.stdin, sys.stdin.buffer.read())
    return _read_before[1] if most < 0 else _read_before[1][:most]


@dataclass(frozen=True)
class Layout:
    """How a table is written.

    Attributes
    ----------
    delimiter : what parts cells; a blank for any white space, as ``numpy.savetxt`` writes.
    names : the cells of the first line where they name the columns; () where it is a row.
    note : what a reader should say of a first line that might be either; "" for nothing.
    """

    delimiter: str
    names: tuple[str, ...] = ()
    note: str = ""

    @property
    def has_index(self) -> bool:
        """Whether the first column alone has no name, as pandas writes its index."""
        return len(self.names) > 1 and not self.names[0] and all(self.names[1:])

    def cells(self, lines: io.StringIO) -> Iterator[list[str]]:
        """The cells of each line."""
        if self.delimiter == " ":
            return csv.reader((" ".join(line.split()) for line in lines), delimiter=" ")
        return csv.reader(lines, delimiter=self.delimiter, skipinitialspace=True)


def layout_of(path: str, known: Collection[str] = ()) -> Layout:
    """How the table at `path` is written, by its beginning.

    The first line names the columns where some cell is neither a number nor a word for yes, no or
    nothing; where the `known` names are among its cells; or where they count 0, 1, 2, ... and what
    stands below is unlike them, as pandas names the columns of an array.
    """
    head = content_of(path, _LOOKED_AT).decode("utf-8-sig", errors="replace")
    if len(head) >= _LOOKED_AT // 4 and "\n" in head:
        head = head[: head.rfind("\n") + 1]  # what is cut off may be quoted
    delimiter = "\t" if Path(path).suffix.lower() == ".tsv" else _delimiter(head)
    layout = Layout(delimiter)
    try:
        lines = [
            [c.strip() for c in one] for one in islice(layout.cells(io.StringIO(head)), _N_LINES)
        ]
    except csv.Error:
        return layout
    lines = [one for one in lines if one]
    if not lines:
        return layout
    return _told(layout, lines[0], lines[1:], known)


def _told(
    layout: Layout, first: list[str], rest: list[list[str]], known: Collection[str]
) -> Layout:
    """`layout` with the names that the first line gives, if any."""
    named = Layout(layout.delimiter, tuple(first))
    labels = first[1:] if first[:1] == [""] else first
    if known and {*known} <= {*first}:
        return named
    words = [cell for cell in first if _number(cell) is None and cell not in MISSING]
    if any(word.lower() not in TRUTH for word in words):
        return named
    if words:  # columns called yes and no hold other things
        below = {one.lower() for line in rest for one in line} - {one.lower() for one in MISSING}
        return layout if not below or below & set(TRUTH) else named
    if len(labels) < 2 or labels != [str(j) for j in range(len(labels))]:
        return layout
    shown = layout.delimiter.join(first[:4]) + ("..." if len(first) > 4 else "")
    if len(labels) >= _SURELY_NAMES or _unlike(labels, rest):
        return Layout(layout.delimiter, tuple(first), f"the first line, {shown}, names the columns")
    return Layout(layout.delimiter, (), f"the first line, {shown}, is read as a row")


def _unlike(labels: Sequence[str], rest: list[list[str]]) -> bool:
    """Whether the lines below go on otherwise: smaller numbers, or ones with fractions."""
    numbers = [
        n for line in rest for cell in line[-len(labels) :] if (n := _number(cell)) is not None
    ]
    if not numbers:
        return bool(rest)
    return max(numbers) < len(labels) - 1 or not any(n.is_integer() for n in numbers)


def _number(cell: str) -> float | None:
    try:
        return float(cell.replace(",", "."))
    except ValueError:
        return None


def _delimiter(head: str) -> str:
    lines = head.splitlines()[:_N_LINES]
    widths: dict[str, list[int]] = {}
    for one in _DELIMITERS:
        try:
            widths[one] = [len(cells) for cells in csv.reader(lines, delimiter=one) if cells]
        except csv.Error:
            widths[one] = []
        if widths[one] and min(widths[one]) == max(widths[one]) > 1:
            return one
    first = {one: width[0] for one, width in widths.items() if width}
    best = max(reversed(_DELIMITERS), key=lambda one: first.get(one, 0))
    cells = lines[0].split() if lines else []
    if (
        first.get(best, 0) < 2
        and len(cells) > 1
        and all(_number(cell) is not None for cell in cells)
    ):
        return " "
    return best
