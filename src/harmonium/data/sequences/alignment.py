"""Sequences of one length, a state a column."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from os import PathLike
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from harmonium.compute import identity
from harmonium.compute.random import random_generator
from harmonium.contract.checks import check_choice, check_number
from harmonium.contract.storage import write_bytes
from harmonium.contract.warning import warn_caller
from harmonium.data.sequences.account import Account, many
from harmonium.data.sequences.alphabet import BLANK, Alphabet
from harmonium.data.sequences.family import Family
from harmonium.data.sequences.formats import Record, read_records
from harmonium.data.sequences.reading import Codes, Source, read_states

__all__ = ["Alignment"]

_FORMATS = ("auto", "fasta", "a2m", "a3m", "stockholm")
#: Letters on a line of FASTA.
_WIDTH = 80


class Alignment:
    """Aligned sequences of proteins, RNA, DNA or letters of any alphabet; models take it as X.

    Make one by :meth:`read` or :meth:`from_sequences`, which turn letters into `codes`.
    ``alignment[i]`` is a sequence, ``alignment[mask or slice or numbers]`` an alignment of some;
    ``print`` says what was read and what happened to it.

    Attributes
    ----------
    names : of the sequences, as they stand in the file.
    family : what the columns are: the alphabet, their numbers in the file, a reference's residues.
    account : what was read, left out and replaced.
    """

    def __init__(
        self, codes: Codes, names: Sequence[str], family: Family, account: Account | None = None
    ) -> None:
        if codes.shape != (len(names), family.n_columns):
            raise ValueError(
                f"codes have shape {codes.shape}; wanted {(len(names), family.n_columns)}"
            )
        self.codes = codes
        self.names = list(names)
        self.family = family
        self.account = Account("sequences", len(names)) if account is None else account
        self._weights: dict[float, NDArray[np.float64]] = {}

    # -- in and out ----------------------------------------------------------------------------

    @classmethod
    def read(
        cls,
        path: str | PathLike[str],
        alphabet: str | Alphabet = "protein",
        *,
        format: str = "auto",
        max_gaps: float | None = None,
        reference: str | int | None = None,
        blank: str = "?",
    ) -> Alignment:
        """The alignment of a FASTA, a2m, a3m or Stockholm file, plain or gzip.

        Parameters
        ----------
        alphabet : ``"protein"``, ``"rna"``, ``"dna"``, or the letters, one a state, in order.
        format : ``"auto"``: a2m and a3m by the file's ending, Stockholm by its first line, else
            FASTA. Of a2m and a3m, lower case and ``.`` are insertions and dropped. Of the others
            columns of nothing but these are, where upper case and dashes stand beside; of FASTA
            with records of unequal lengths they are dropped letter by letter.
        max_gaps : columns with a larger share of gaps are dropped; None keeps all.
        reference : the sequence, by name or number, whose residues number the columns
            (``family.residues``); None is the first.
        blank : the sign of an unknown position: the model sums it out, or fills it.

        Letters outside the alphabet are read as gaps (as unknown, where the alphabet has no
        gap), records without a sequence are skipped; ``account`` counts and names them. Raises
        ``ValueError`` with file, line and name for sequences of unequal lengths and for signs
        that are no letters, ``FileNotFoundError`` for no file.
        """
        check_choice("format", format, _FORMATS)
        if not isinstance(blank, str) or len(blank) != 1 or ord(blank) > 255:
            raise ValueError(f"blank must be one sign, got {blank!r}")
        ending = str(path).lower().removesuffix(".gz")
        by_letter = format in ("a2m", "a3m") or (
            format == "auto" and ending.endswith((".a2m", ".a3m"))
        )
        inserted = "letters" if by_letter else "columns"
        source = Source(str(path), Alphabet.of(alphabet), inserted, blank, reference)
        found = cls(*read_states(read_records(path), source))
        found._doubt()
        return found if max_gaps is None else found.without_gaps(max_gaps)

    @classmethod
    def from_sequences(
        cls,
        sequences: Iterable[str],
        names: Sequence[str] | None = None,
        alphabet: str | Alphabet = "protein",
        *,
        blank: str = "?",
    ) -> Alignment:
        """The alignment of strings of one length.

        `sequences` are the strings, `names` one for each (None numbers them). `blank` is the sign
        of unknown positions; both cases and all signs of a gap are read as the alphabet says.
        """
        if isinstance(sequences, str):
            raise ValueError("sequences must be a list of strings, got one string")
        strings = list(sequences)
        for i, one in enumerate(strings):
            if not isinstance(one, str):
                raise TypeError(f"sequences[{i}] must be a string, got {type(one).__name__}")
            if not all(ord(sign) < 256 for sign in one):
                raise ValueError(f"sequences[{i}] holds what is no letter of a sequence: {one!r}")
        named = [str(i) for i in range(len(strings))] if names is None else list(map(str, names))
        if len(named) != len(strings):
            raise ValueError(f"names: {len(named)} for {len(strings)} sequences")
        records = [
            Record(name, one.encode("latin-1"), i + 1)
            for i, (name, one) in enumerate(zip(named, strings, strict=True))
        ]
        return cls(*read_states(records, Source("sequences", Alphabet.of(alphabet), "none", blank)))

    def to_fasta(self, path: str | PathLike[str]) -> None:
        """Write the sequences as FASTA, atomically; unknown positions are ``?``."""
        write_bytes(str(path), self.fasta().encode("utf-8"))

    def fasta(self) -> str:
        """The text of :meth:`to_fasta`."""
        parts = []
        for name, one in zip(self.names, self.sequences, strict=True):
            lines = (one[k : k + _WIDTH] for k in range(0, len(one), _WIDTH))
            parts.append(f">{name}\n" + "".join(f"{line}\n" for line in lines))
        return "".join(parts)

    def _doubt(self) -> None:
        """Warn where proteins look like nucleic acids: A, C and G are letters of both."""
        if self.family.alphabet.name == "protein":
            letters = {self.alphabet[state] for state in np.unique(self.codes) if state >= 0}
            if not (letters | set(self.account.outside)) - set("-ACGTUN"):
                warn_caller(
                    f"{self.account.source} holds no letters but those of nucleic acids, read as "
                    "proteins; wanted alphabet='rna' or 'dna'?",
                    UserWarning,
                )

    # -- what it holds ------------------------------------------------------------------------

    @property
    def sequences(self) -> list[str]:
        """Strings of the alphabet's letters, ``?`` where unknown."""
        return self.family.alphabet.write(self.codes)

    @property
    def states(self) -> NDArray[np.int64]:
        """The place in the alphabet of each letter, ``(n, L)``; -1 where unknown."""
        return self.codes.astype(np.int64)

    def to_numpy(self) -> NDArray[np.float64]:
        """:attr:`states` as rows of numbers, NaN where unknown."""
        return np.where(self.codes == BLANK, np.nan, self.codes.astype(np.float64))

    @property
    def alphabet(self) -> str:
        """The letters, in the order of the states."""
        return self.family.alphabet.letters

    @property
    def shape(self) -> tuple[int, int]:
        """Sequences and columns."""
        return self.codes.shape  # type: ignore[return-value]

    @property
    def has_blanks(self) -> bool:
        """Whether some position is unknown."""
        return bool((self.codes == BLANK).any())

    def __len__(self) -> int:
        return len(self.codes)

    def __iter__(self) -> Iterator[str]:
        return iter(self.sequences)

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: Any) -> Alignment: ...

    def __getitem__(self, index: Any) -> str | Alignment:
        if isinstance(index, int | np.integer):
            return self.family.alphabet.write(self.codes[np.array([index])])[0]
        chosen = np.arange(len(self))[index]
        if chosen.ndim != 1:
            raise IndexError(f"an alignment is indexed by sequences alone, got {index!r}")
        names = [self.names[i] for i in chosen]
        return Alignment(self.codes[chosen], names, self.family, self.account)

    def columns(self, places: Any) -> Alignment:
        """The alignment of some of the columns, whose `places` are numbers or a mask; their numbers
        in the file and the reference's residues stay theirs."""
        chosen = np.arange(self.shape[1])[places]
        if chosen.ndim != 1 or not len(chosen):
            raise ValueError(f"columns must be some of 0 to {self.shape[1] - 1}, got {places!r}")
        family = self.family.chosen(chosen.tolist())
        return Alignment(self.codes[:, chosen], self.names, family, self.account)

    def without_gaps(self, max_gaps: float) -> Alignment:
        """Without the columns of which a share above `max_gaps`, in [0, 1], is gaps or unknown.

        Raises ``ValueError`` where none is left.
        """
        check_number("max_gaps", max_gaps, 0.0, 1.0)
        gap = self.family.alphabet.gap
        gone = self.codes == BLANK
        if gap is not None:
            gone |= self.codes == gap
        keep = gone.mean(0) <= max_gaps
        if not keep.any():
            least = float(gone.mean(0).min())
            raise ValueError(
                f"max_gaps={max_gaps}: every column has more gaps, at least {least:.3g}"
            )
        found = self.columns(keep)
        dropped = tuple(self.family.columns[j] for j in np.flatnonzero(~keep))
        found.account = replace(
            self.account, dropped_columns=self.account.dropped_columns + dropped, max_gaps=max_gaps
        )
        return found

    # -- who is like whom ----------------------------------------------------------------------

    def weights(self, threshold: float = 0.8) -> NDArray[np.float64]:
        """One over the number of sequences, itself counted, that are identical in a share of at
        least `threshold`, in (0, 1], of the columns: ``(n,)``.

        Gaps and unknown positions count as letters of their own. Costs n^2 comparisons of L
        letters at 64 a word and 5 words each (proteins), on all cores: 0.1 s for 10,000
        sequences of 100 columns.
        """
        threshold = check_number("threshold", threshold, 0.0, 1.0, low_open=True)
        if threshold not in self._weights:
            most = _most_differences(self.shape[1], threshold)
            self._weights[threshold] = 1.0 / identity.neighbour_counts(self.codes, most)
        return self._weights[threshold].copy()

    def clusters(self, threshold: float = 0.8) -> NDArray[np.int64]:
        """The cluster of each sequence ``(n,)``, from 0: no two sequences that are identical in
        a share of at least `threshold` of the columns are in two of them (single linkage)."""
        threshold = check_number("threshold", threshold, 0.0, 1.0, low_open=True)
        return identity.components(self.codes, _most_differences(self.shape[1], threshold))

    def split(
        self,
        test_size: float = 0.2,
        clusters: float | None = 0.8,
        random_state: Any = None,
    ) -> tuple[Alignment, Alignment]:
        """Two alignments, to learn from and to judge by.

        Parameters
        ----------
        test_size : share of the sequences, in (0, 1), to judge by.
        clusters : no sequence of one is identical to one of the other in so large a share of the
            columns; None splits without regard to it.
        random_state : int, Generator or None.

        Whole clusters go to the test, in a random order, as long as they fit. Raises
        ``ValueError`` where none does, warns where they make less than half of what was asked.
        """
        share = check_number("test_size", test_size, 0.0, 1.0, low_open=True, high_open=True)
        n = len(self)
        wanted = round(share * n)
        if not 0 < wanted < n:
            raise ValueError(f"test_size={test_size} of {n} sequences leaves one side empty")
        label = np.arange(n) if clusters is None else self.clusters(clusters)
        sizes = np.bincount(label)
        taken, n_taken = np.zeros(len(sizes), dtype=bool), 0
        for one in random_generator(random_state).permutation(len(sizes)):
            if n_taken + sizes[one] <= wanted:
                taken[one], n_taken = True, n_taken + int(sizes[one])
        if not n_taken:
            raise ValueError(
                f"clusters={clusters}: the smallest cluster has {sizes.min()} of {n} sequences, "
                f"more than the test's {wanted}; wanted a larger share of identity"
            )
        if n_taken < wanted / 2:
            warn_caller(
                f"the test has {n_taken} sequences, not {wanted}: the largest cluster holds "
                f"{sizes.max()} of {n}",
                RuntimeWarning,
            )
        test = taken[label]
        return self[~test], self[test]

    # -- words --------------------------------------------------------------------------------

    def __repr__(self) -> str:
        return f"<Alignment of {len(self)} sequences, {self.shape[1]} columns, {self._what()}>"

    def __str__(self) -> str:
        n, n_columns = self.shape
        lines = [f"{many(n, 'sequence')} of {many(n_columns, 'column')}: {self._what()}"]
        if n != self.account.n_records:
            read = self.account.n_records
            lines[0] += f" ({read:,} records in {self.account.source})"
        account = str(self.account)
        lines += account.splitlines()
        blanks = int((self.codes == BLANK).sum())
        if blanks:
            lines.append(f"{many(blanks, 'position')} unknown")
        constant = int((self.codes == self.codes[:1]).all(0).sum())
        if constant and n > 1:
            lines.append(f"{many(constant, 'column')} the same in every sequence")
        residues = [number for number in self.family.residues if number]
        if residues:
            lines.append(
                f"numbered by {self.family.reference!r}, residues {residues[0]} to {residues[-1]}"
            )
        return "\n".join(lines)

    def _what(self) -> str:
        return f"{self.family.alphabet} ({self.family.alphabet.n_states} states)"


def _most_differences(n_columns: int, threshold: float) -> int:
    """The most columns in which two sequences may differ."""
    same = np.arange(n_columns + 1) / n_columns >= threshold
    return n_columns - int(np.argmax(same))
