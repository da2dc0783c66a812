"""Aligned sequences as a kind of data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

from harmonium.data.files import write_texts
from harmonium.data.kind import Kind, check_key, one_column
from harmonium.data.plain import texts
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

    def take(self, values: Any) -> Alignment:
        """Texts of one length, ``?`` where nothing is known; or ``{"name":, "sequence":}``."""
        if not isinstance(values, list):
            return Alignment.from_sequences(texts(values), None, self.alphabet)
        named = [one for one in values if isinstance(one, dict)]
        if not named:
            return Alignment.from_sequences(texts(values), None, self.alphabet)
        for place, one in enumerate(values):
            if not isinstance(one, dict) or set(one) != {"name", "sequence"}:
                raise ValueError(f"data[{place}]: wanted a name and a sequence, as in the others")
        names = texts([one["name"] for one in named])
        return Alignment.from_sequences(
            texts([one["sequence"] for one in named]), names, self.alphabet
        )

    def give(self, answers: Any) -> list[Any]:
        pairs = zip(answers.names, answers.sequences, strict=True)
        return [{"name": name, "sequence": sequence} for name, sequence in pairs]

    def take_table(self, table: Any) -> Alignment:
        """Columns ``name`` and ``sequence``, or one column of sequences."""
        if table.num_columns == 1:
            return self.take(one_column(table, "sequence"))
        return self.take(table.to_pylist())

    def give_table(self, answers: Any) -> Any:
        import pyarrow as pa

        return pa.table({"name": answers.names, "sequence": list(answers.sequences)})
