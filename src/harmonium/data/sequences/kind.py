"""Aligned sequences as a kind of data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

from harmonium.data.files import write_texts
from harmonium.data.kind import Kind, check_key
from harmonium.data.sequences.alignment import Alignment
from harmonium.data.sequences.alphabet import Alphabet
from harmonium.data.sequences.formats import ENDINGS, is_sequence_file

__all__ = ["Sequences"]


@dataclass(frozen=True)
class Sequences(Kind):
    """Aligned sequences.

    `alphabet` is the model's, or what is to be learned; columns with a larger share of gaps
    than `max_gaps` are left out of what is.
    """

    what: ClassVar[str] = "sequences"
    endings: ClassVar[tuple[str, ...]] = (".fasta", ".fa", ".a2m", ".a3m", "-")

    alphabet: str | Alphabet = "protein"
    max_gaps: float | None = None

    @classmethod
    def of(cls, model: Any) -> Self:
        return cls(model.schema_.family.alphabet)

    def read(self, path: str, key: str | None = None) -> Alignment:
        """An alignment, as :meth:`Alignment.read` takes it; ``?`` is unknown."""
        check_key(path, key)
        if not is_sequence_file(path):
            known = ", ".join(ENDINGS)
            raise ValueError(f"DATA: sequences come from {known} (and .gz), got {path!r}")
        if not Path(path).is_file():
            raise FileNotFoundError(f"DATA: no file at {path!r}")
        return Alignment.read(path, self.alphabet, max_gaps=self.max_gaps)

    stream = read

    def write(self, path: str, answers: Any, shape: tuple[int, int] | None = None) -> None:
        if path == "-":
            write_texts(path, [answers.fasta().removesuffix("\n")])
        else:
            answers.to_fasta(path)
