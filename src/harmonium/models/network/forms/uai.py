"""UAI files: the exchange format of the field's inference competitions.

A network file is the word MARKOV or BAYES, the number of variables, their numbers of states,
the number of tables, the scope of each (how many variables, then which), and each table (how
many entries, then those, the last variable running fastest). Tokens are split by any space. In a
BAYES file a table is P(last variable given the others), so both kinds are products of tables.
An evidence file counts what is known, then gives pairs of variable and state.
"""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from harmonium.contract.storage import write_bytes
from harmonium.models.network.factor import Factor
from harmonium.models.network.names import Name

if TYPE_CHECKING:
    from harmonium.models.network.structure import Structure

__all__ = ["read_evidence", "read_network", "write_evidence", "write_network"]


#: States that variables without a table may have together: nothing in the file bears them out.
_MOST_FREE = 2**20


class _Tokens:
    """The words of a file, each taken as what it must be."""

    def __init__(self, path: str | PathLike[str]) -> None:
        self.path = fspath(path)
        self.words = Path(path).read_text(encoding="utf-8").split()
        self.next = 0

    def word(self, what: str) -> str:
        if self.next >= len(self.words):
            raise ValueError(f"path: {self.path} ends where {what} should be")
        self.next += 1
        return self.words[self.next - 1]

    def integer(self, what: str, low: int, high: int | None = None) -> int:
        word = self.word(what)
        wanted = f"an integer from {low}" + ("" if high is None else f" to {high}")
        try:
            number = int(word)
        except ValueError:
            number = low - 1
        if number < low or (high is not None and number > high):
            raise ValueError(f"path: {self.path} has {word!r} for {what}; wanted {wanted}")
        return number

    def product(self, shape: list[int], what: str) -> int:
        """The entries of a table of this shape, known to be no more than there are words left."""
        left, n_entries = len(self.words) - self.next, 1
        for size in shape:
            n_entries *= size
            if n_entries > left:
                raise ValueError(
                    f"path: {self.path} ends within {what}, which has more than {left} entries"
                )
        return n_entries

    def numbers(self, n: int, what: str) -> list[float]:
        words = self.words[self.next : self.next + n]
        if len(words) < n:
            raise ValueError(f"path: {self.path} ends within {what}")
        self.next += n
        try:
            return [float(word) for word in words]
        except ValueError as error:
            raise ValueError(f"path: {self.path} in {what}: {error}") from None

    def end(self) -> None:
        if self.next < len(self.words):
            raise ValueError(f"path: {self.path} goes on after its end: {self.words[self.next]!r}")


def read_network(path: str | PathLike[str]) -> list[Factor]:
    """The factors of a UAI network file; variables are ``"0"``, ``"1"``, ... in its order."""
    tokens = _Tokens(path)
    kind = tokens.word("MARKOV or BAYES")
    if kind.upper() not in {"MARKOV", "BAYES"}:
        raise ValueError(f"path: {tokens.path} begins with {kind!r}; wanted MARKOV or BAYES")
    n = tokens.integer("the number of variables", 1)
    sizes = [tokens.integer(f"the number of states of variable {v}", 1) for v in range(n)]
    scopes = []
    for table in range(tokens.integer("the number of tables", 0)):
        arity = tokens.integer(f"the number of variables of table {table}", 0, n)
        scopes.append(
            [tokens.integer(f"a variable of table {table}", 0, n - 1) for _ in range(arity)]
        )
    tables = []
    for table, scope in enumerate(scopes):
        shape = [sizes[v] for v in scope]
        n_entries = tokens.product(shape, f"table {table}")
        tokens.integer(f"the number of entries of table {table}", n_entries, n_entries)
        values = np.reshape(tokens.numbers(n_entries, f"table {table}"), shape)
        tables.append(Factor([str(v) for v in scope], values))
    tokens.end()
    # Tables that were read vouch for the states of their variables; the rest is a mere word.
    free = sum(sizes[v] for v in set(range(n)).difference(*scopes))
    if free > _MOST_FREE:
        raise ValueError(
            f"path: {tokens.path} gives {free} states to variables that no table mentions; "
            f"at most {_MOST_FREE}"
        )
    # A table of ones a variable keeps the file's order, and variables that no table mentions.
    return [Factor([str(v)], np.ones(size)) for v, size in enumerate(sizes)] + tables


def write_network(path: str | PathLike[str], network: Structure) -> None:
    """Write as MARKOV; each table divided by its largest entry where that would overflow."""
    exact = network.exact
    lines = ["MARKOV", str(len(exact.sizes)), " ".join(map(str, exact.sizes))]
    lines.append(str(len(exact.scopes)))
    lines += [" ".join(map(str, (len(scope), *scope))) for scope in exact.scopes]
    for table in exact.log_tables:
        # Numbers a reader's doubles can hold; a constant factor changes no probability.
        shift = float(table.max()) if abs(float(table.max())) > 700.0 else 0.0
        values = np.exp(table - shift).reshape(-1)
        lines += ["", str(table.size), " ".join(repr(float(value)) for value in values)]
    _write(path, lines)


def read_evidence(path: str | PathLike[str], network: Structure) -> dict[Name, int]:
    """``{name: state}`` of an evidence file, its variables numbered as the columns."""
    tokens = _Tokens(path)
    sizes = network.exact.sizes
    evidence: dict[Name, int] = {}
    for _ in range(tokens.integer("the number of known variables", 0, len(sizes))):
        variable = tokens.integer("a variable", 0, len(sizes) - 1)
        state = tokens.integer(f"the state of variable {variable}", 0, sizes[variable] - 1)
        name = network.names[variable]
        if evidence.setdefault(name, state) != state:
            raise ValueError(f"path: {tokens.path} gives variable {variable} two states")
    tokens.end()
    return evidence


def write_evidence(
    path: str | PathLike[str], network: Structure, evidence: Mapping[Name, int]
) -> None:
    """Write ``{name: state}`` on one line: how many, then pairs of variable and state."""
    columns = network.columns(evidence, "evidence")
    pairs = (number for pair in columns.items() for number in pair)
    _write(path, [" ".join(map(str, (len(columns), *pairs)))])


def _write(path: str | PathLike[str], lines: list[str]) -> None:
    write_bytes(path, ("\n".join(lines) + "\n").encode())
