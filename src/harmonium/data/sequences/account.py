"""What happened to an alignment while it was read."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["Account", "many"]

_N_NAMED = 5


@dataclass(frozen=True)
class Account:
    """Counts of what was read, left out and replaced; ``print`` says it in words.

    Attributes
    ----------
    source : the path, or what was given instead.
    n_records : records, empty ones too.
    skipped : names of records without a sequence, with the lines they stand at.
    n_insertions : letters dropped as insertions (lower case of a2m, a3m and their like).
    insertion_columns : columns of nothing but insertions, dropped; their numbers in the file.
    outside : how often each letter outside the alphabet stood there.
    outside_as : what those were read as: ``"gap"`` or ``"unknown"``.
    dropped_columns : aligned columns with too many gaps, dropped; their numbers from 0.
    max_gaps : the share of gaps above which they were.
    repeated : names that stand more than once.
    """

    source: str
    n_records: int
    skipped: tuple[str, ...] = ()
    n_insertions: int = 0
    insertion_columns: tuple[int, ...] = ()
    outside: dict[str, int] = field(default_factory=dict)
    outside_as: str = "gap"
    dropped_columns: tuple[int, ...] = ()
    max_gaps: float | None = None
    repeated: tuple[str, ...] = ()

    @property
    def n_outside(self) -> int:
        """Letters outside the alphabet."""
        return sum(self.outside.values())

    def __str__(self) -> str:
        said = []
        if self.skipped:
            said.append(f"{many(len(self.skipped), 'empty record')} skipped: {_some(self.skipped)}")
        if self.n_insertions or self.insertion_columns:
            line = f"{many(self.n_insertions, 'letter')} dropped as insertions"
            if self.insertion_columns:
                line += f", with {many(len(self.insertion_columns), 'column')} of nothing else"
            said.append(line)
        if self.outside:
            letters = sorted(self.outside.items(), key=lambda one: -one[1])
            named = ", ".join(f"{letter} {count:,}" for letter, count in letters)
            what = "a gap" if self.outside_as == "gap" else "unknown"
            said.append(
                f"{many(self.n_outside, 'letter')} outside the alphabet read as {what}: {named}"
            )
        if self.max_gaps is not None:
            dropped = len(self.dropped_columns)
            line = f"{many(dropped, 'column')} with more than {self.max_gaps:.0%} gaps dropped"
            said.append(f"{line}: {_some(self.dropped_columns)}" if dropped else line)
        if self.repeated:
            names = many(len(self.repeated), "name")
            said.append(f"{names} standing more than once: {_some(self.repeated)}")
        return "\n".join(said)


def many(count: int, what: str) -> str:
    """``1 column``, ``2 columns``."""
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def _some(names: tuple[object, ...]) -> str:
    more = f", ... ({len(names):,})" if len(names) > _N_NAMED else ""
    return ", ".join(map(str, names[:_N_NAMED])) + more
