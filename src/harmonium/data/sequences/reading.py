"""Records as states: what is an insertion, what is no letter, where columns come from."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from harmonium.data.sequences.account import Account
from harmonium.data.sequences.alphabet import FORBIDDEN, GAPS, OUTSIDE, Alphabet
from harmonium.data.sequences.family import Family
from harmonium.data.sequences.formats import Record

__all__ = ["Source", "read_states"]

Codes: TypeAlias = NDArray[np.int8]
Bytes: TypeAlias = NDArray[np.uint8]

_LOWER = np.array([chr(byte).islower() for byte in range(256)])
_UPPER = np.array([chr(byte).isupper() for byte in range(256)])
_GAP = np.array([chr(byte) in GAPS for byte in range(256)])
_DOT, _DASH = ord("."), ord("-")
#: The residues that a name says it holds: ``BPT1_BOVIN/39-91``.
_RANGE = re.compile(r"/(\d+)-(\d+)$")


@dataclass(frozen=True)
class Source:
    """Where records come from, and how they are to be read.

    ``inserted``: ``"letters"`` drops lower case and ``.`` from each record by itself (a2m, a3m);
    ``"columns"`` drops columns of nothing else, and letters by themselves where records differ
    in length else; ``"none"``.
    """

    name: str
    alphabet: Alphabet
    inserted: str = "columns"
    blank: str = "?"
    reference: str | int | None = None

    def place(self, record: Record) -> str:
        """A record, as an error names it."""
        return f"{self.name}, line {record.line}: sequence {record.name!r}"


def read_states(
    records: Sequence[Record], source: Source
) -> tuple[Codes, list[str], Family, Account]:
    """Codes ``(n, L)``, names, what the columns are, and what happened.

    Raises ``ValueError`` with source, line and name for records of unequal lengths and signs
    that no sequence holds; for no sequences and for no columns.
    """
    kept = [one for one in records if one.letters]
    skipped = tuple(f"{one.name} (line {one.line})" for one in records if not one.letters)
    if not kept:
        raise ValueError(f"{source.name} holds no sequences; wanted at least one")
    table = source.alphabet.table(source.blank)
    _check_letters(kept, source, table)
    raw, places, columns, n_insertions = _aligned(kept, source)
    if not raw.shape[1]:
        raise ValueError(f"{source.name}: nothing but insertions; wanted aligned columns")
    codes = table[raw]
    outside: dict[str, int] = {}
    if (codes == OUTSIDE).any():
        counts = np.bincount(raw[codes == OUTSIDE], minlength=256)
        letters = Counter[str]()
        for byte in np.flatnonzero(counts):
            letters[chr(byte).upper()] += int(counts[byte])
        outside = dict(letters)
        codes[codes == OUTSIDE] = source.alphabet.nothing
    names = [one.name for one in kept]
    repeated = tuple(name for name, count in Counter(names).items() if count > 1)
    account = Account(
        source.name,
        len(records),
        skipped,
        n_insertions,
        columns,
        outside,
        "unknown" if source.alphabet.gap is None else "gap",
        repeated=repeated,
    )
    family = _family(kept, places, source, raw.shape[1])
    return codes, names, family, account


def _check_letters(records: Sequence[Record], source: Source, table: Codes) -> None:
    forbidden = bytes(np.flatnonzero(table == FORBIDDEN).astype(np.uint8))
    for one in records:
        left = one.letters.translate(None, forbidden)
        if len(left) < len(one.letters):
            sign = next(chr(byte) for byte in one.letters if table[byte] == FORBIDDEN)
            raise ValueError(
                f"{source.place(one)} holds {sign!r}, which is no letter of a sequence"
            )


def _matrix(letters: Sequence[bytes]) -> Bytes:
    return np.frombuffer(b"".join(letters), dtype=np.uint8).reshape(len(letters), -1)


def _aligned(
    records: Sequence[Record], source: Source
) -> tuple[Bytes, NDArray[np.bool_] | None, tuple[int, ...], int]:
    """Aligned letters ``(n, L)``; which columns of the records those are, None where records
    dropped letters by themselves; the columns of insertions; and how many letters were dropped."""
    letters = [one.letters for one in records]
    lengths = np.array([len(one) for one in letters])
    even = bool((lengths == lengths[0]).all())
    folds = source.alphabet.folds
    if source.inserted == "letters" or (source.inserted == "columns" and not even):
        drop = bytes(np.flatnonzero(_LOWER)) if folds else b""
        shorter = [one.translate(None, drop + b".") for one in letters]
        reached = np.array([len(one) for one in shorter])
        if (reached == reached[0]).all():
            n_dots = sum(one.count(b".") for one in letters)
            return _matrix(shorter), None, (), int((lengths - reached).sum()) - n_dots
        if source.inserted == "letters" or (reached < lengths).all():
            lengths = reached
        _refuse_lengths(records, lengths, source)
    if not even:
        _refuse_lengths(records, lengths, source)
    raw = _matrix(letters)
    keep = np.ones(raw.shape[1], dtype=bool)
    if source.inserted == "columns" and folds:
        keep = _matched(raw)
    dropped = raw[:, ~keep]
    return raw[:, keep], keep, tuple(np.flatnonzero(~keep).tolist()), int(_LOWER[dropped].sum())


def _matched(raw: Bytes) -> NDArray[np.bool_]:
    """Which columns are more than insertions. Lower case alone is but a way to write, as are
    dots for all gaps: insertions are told by upper case, or by dashes, that stand beside."""
    lower, dots = _LOWER[raw].any(0), (raw == _DOT).any(0)
    upper, dashes = _UPPER[raw].any(0), (raw == _DASH).any(0)
    if not upper.any() or not (lower.any() or (dots.any() and dashes.any())):
        return np.ones(raw.shape[1], dtype=bool)
    only = (_LOWER[raw] | (raw == _DOT)).all(0)
    return ~only


def _refuse_lengths(records: Sequence[Record], lengths: NDArray[np.int64], source: Source) -> None:
    first = int(np.flatnonzero(lengths != lengths[0])[0])
    raise ValueError(
        f"{source.place(records[first])} has {lengths[first]} columns, {records[0].name!r} has "
        f"{lengths[0]}; wanted an alignment, all of one length"
    )


def _family(
    records: Sequence[Record], places: NDArray[np.bool_] | None, source: Source, n: int
) -> Family:
    found = _reference(records, source)
    residues: tuple[int, ...] = ()
    if found is not None:
        own = np.frombuffer(found.letters, dtype=np.uint8)
        # Of a2m and a3m what is left of a record is its upper case and dashes.
        keep = ~_LOWER[own] & (own != _DOT) if places is None else places
        if places is None and not source.alphabet.folds:
            keep = own != _DOT
        is_residue = ~_GAP[own]
        number = np.cumsum(is_residue) - 1 + _first_residue(found.name, int(is_residue.sum()))
        residues = tuple(np.where(is_residue, number, 0)[keep].tolist())
    name = "" if found is None else found.name
    return Family(source.alphabet, tuple(range(n)), n, name, residues)


def _first_residue(name: str, n_residues: int) -> int:
    """What the reference's own database calls its first residue, where its name says so."""
    told = _RANGE.search(name.split()[0]) if name else None
    if told is None or int(told[2]) - int(told[1]) + 1 != n_residues:
        return 1
    return int(told[1])


def _reference(records: Sequence[Record], source: Source) -> Record | None:
    wanted = source.reference
    if wanted is None:
        return records[0]
    if isinstance(wanted, int) and not isinstance(wanted, bool):
        if not 0 <= wanted < len(records):
            raise ValueError(f"reference: no sequence {wanted}; wanted 0 to {len(records) - 1}")
        return records[wanted]
    found = [one for one in records if one.name == wanted]
    found = found or [one for one in records if one.name.split()[:1] == [wanted]]
    if len(found) != 1:
        many = "no sequence" if not found else f"{len(found)} sequences"
        raise ValueError(f"reference: {many} of {source.name} named {wanted!r}; wanted one")
    return found[0]
