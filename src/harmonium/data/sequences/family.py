"""What the columns of an alignment are: all that a model keeps of one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

from harmonium.data.sequences.alphabet import Alphabet

__all__ = ["Family"]


@dataclass(frozen=True)
class Family:
    """The alphabet, and where each column comes from.

    Attributes
    ----------
    alphabet : its letters are the states.
    columns : of each column its number, from 0, among the ``n_read`` aligned columns that were
        read; choosing columns keeps it.
    n_read : aligned columns before any was dropped.
    reference : the name of the sequence that residues are numbered by.
    residues : of each column the number of the reference's residue, as its own database has it
        (a name that ends in ``/39-91`` begins at 39, others at 1; insertions and dropped columns
        count); 0 where the reference has a gap. Empty without a reference.
    """

    alphabet: Alphabet
    columns: tuple[int, ...]
    n_read: int
    reference: str = ""
    residues: tuple[int, ...] = ()

    @property
    def n_columns(self) -> int:
        return len(self.columns)

    @property
    def sizes(self) -> tuple[int, ...]:
        """States of each column."""
        return (self.alphabet.n_states,) * self.n_columns

    def chosen(self, places: Sequence[int]) -> Self:
        """Of these of the columns, in this order."""
        return replace(
            self,
            columns=tuple(self.columns[j] for j in places),
            residues=tuple(self.residues[j] for j in places) if self.residues else (),
        )

    def __str__(self) -> str:
        more = "" if self.n_read == self.n_columns else f" of {self.n_read:,}"
        named = f"{self.alphabet.name}: " if self.alphabet.name else ""
        return f"{self.n_columns:,}{more} aligned columns, {named}{self.alphabet.letters}"

    def facts(self) -> dict[str, Any]:
        """What :meth:`from_facts` makes it of again."""
        return {
            "letters": self.alphabet.letters,
            "alphabet": self.alphabet.name,
            "columns": list(self.columns),
            "n_read": self.n_read,
            "reference": self.reference,
            "residues": list(self.residues),
        }

    @classmethod
    def from_facts(cls, facts: Any) -> Self:
        """The inverse of :meth:`facts`; ``ValueError`` for what is none."""
        try:
            alphabet = Alphabet.of(facts["letters"])
            columns = tuple(map(int, facts["columns"]))
            residues = tuple(map(int, facts["residues"]))
            n_read, reference = int(facts["n_read"]), str(facts["reference"])
            name = str(facts["alphabet"])
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"family: wanted an alphabet and columns: {error}") from None
        if not columns or (residues and len(residues) != len(columns)):
            raise ValueError(f"family: {len(residues)} residues for {len(columns)} columns")
        return cls(Alphabet(alphabet.letters, name), columns, n_read, reference, residues)
