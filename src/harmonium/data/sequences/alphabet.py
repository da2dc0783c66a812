"""Letters of sequences as states."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

__all__ = ["ALPHABETS", "BLANK", "GAPS", "OUTSIDE", "Alphabet"]

#: By name; the gap comes first, as in adabmDCA.
ALPHABETS = {
    "protein": "-ACDEFGHIKLMNPQRSTVWY",
    "rna": "-ACGU",
    "dna": "-ACGT",
}
#: What stands for a gap beside the alphabet's own.
GAPS = "-._~"
#: Codes beside the states: what is unknown, letters of no state, what no sequence holds.
BLANK, OUTSIDE, FORBIDDEN = -1, -2, -3
_MOST_LETTERS = 100
#: Letters read as another where an alphabet has that one alone.
_TWINS = {"T": "U", "U": "T"}


@dataclass(frozen=True)
class Alphabet:
    """``letters``, one a state, in the order of the states.

    Letters of one case are read in either. Where ``-`` is a letter, other signs of a gap
    (``.``, ``_``, ``~``) and letters outside are read as it; where it is none, as unknown. T and
    U are read as each other where the alphabet has one of the two, and the name of a nucleic
    acid.
    """

    letters: str
    name: str = ""

    @classmethod
    def of(cls, alphabet: str | Alphabet) -> Alphabet:
        """``"protein"``, ``"rna"``, ``"dna"``, or the letters themselves; ``ValueError`` else."""
        if isinstance(alphabet, Alphabet):
            return alphabet
        if not isinstance(alphabet, str):
            raise TypeError(f"alphabet must be a name or a string of letters, got {alphabet!r}")
        if alphabet in ALPHABETS:
            return cls(ALPHABETS[alphabet], alphabet)
        wanted = f"one of {', '.join(map(repr, ALPHABETS))}, or letters that differ"
        if not 2 <= len(alphabet) <= _MOST_LETTERS or len(set(alphabet)) < len(alphabet):
            raise ValueError(f"alphabet must be {wanted} (2 to {_MOST_LETTERS}), got {alphabet!r}")
        for letter in alphabet:
            if not letter.isprintable() or letter in " >?" or ord(letter) > 255:
                raise ValueError(
                    f"alphabet: a letter must be a printable sign of Latin-1 other than a space, "
                    f"'>' and '?', got {letter!r}"
                )
        return cls(alphabet)

    @property
    def n_states(self) -> int:
        return len(self.letters)

    @property
    def gap(self) -> int | None:
        """The state that is the gap; None where there is none."""
        found = self.letters.find("-")
        return None if found < 0 else found

    @property
    def nothing(self) -> int:
        """What letters outside are read as: the gap, or unknown."""
        return BLANK if self.gap is None else self.gap

    @cached_property
    def folds(self) -> bool:
        """Whether a letter means the same in either case."""
        return not any(letter.islower() for letter in self.letters)

    def table(self, blank: str = "?") -> NDArray[np.int8]:
        """The code of each byte of Latin-1, ``(256,)``: a state, or one of the codes beside."""
        table = np.full(256, FORBIDDEN, dtype=np.int8)
        for byte in range(256):
            sign = chr(byte)
            if sign.isalpha() or sign == "*":
                table[byte] = OUTSIDE
        for sign in GAPS:
            table[ord(sign)] = self.nothing
        for state, letter in enumerate(self.letters):
            table[ord(letter)] = state
            if self.folds and letter.isalpha() and ord(letter.lower()) < 256:
                table[ord(letter.lower())] = state
        if self.name in ("rna", "dna"):
            for letter, twin in _TWINS.items():
                if letter not in self.letters:
                    table[[ord(letter), ord(letter.lower())]] = self.letters.index(twin)
        table[ord(blank)] = BLANK
        return table

    def write(self, codes: NDArray[np.int8]) -> list[str]:
        """Strings of codes ``(n, L)``; what is unknown is ``?``."""
        signs = np.array([*self.letters, "?"])  # the last is that of BLANK, -1
        if not codes.shape[1]:
            return [""] * len(codes)
        whole = np.ascontiguousarray(signs[codes])
        found: list[str] = whole.view(f"<U{codes.shape[1]}").reshape(-1).tolist()
        return found

    def __str__(self) -> str:
        return self.name or self.letters
