"""Texts as a kind of data: a text a line, or a column of tables."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

from harmonium.data.files import write_texts
from harmonium.data.kind import Kind, one_column
from harmonium.data.plain import texts
from harmonium.data.text_files import TEXT_ENDINGS, TextFile

__all__ = ["Texts"]


@dataclass(frozen=True)
class Texts(Kind):
    """Texts, one a line."""

    what: ClassVar[str] = "texts"
    endings: ClassVar[tuple[str, ...]] = (".txt", "-")

    @classmethod
    def of(cls, model: Any) -> Self:
        return cls()

    def read(self, path: str, key: str | None = None) -> Sequence[str]:
        """What :class:`TextFile` takes, or ``-``, the standard input, in memory; `key` names the
        column of texts of a table."""
        return list(self.stream(path, key))

    def stream(self, path: str, key: str | None = None) -> TextFile:
        """The same, read once from beginning to end and never whole in memory."""
        many = path == "-" or os.path.isdir(path) or glob.has_magic(path)
        if not many and Path(path).suffix.lower() not in TEXT_ENDINGS:
            raise ValueError(
                "DATA: texts come from .txt, .txt.gz, .txt.zst, a column of .parquet or .arrow, "
                f"a folder or a glob of these, or -, got {path!r}"
            )
        try:
            found = TextFile(path, column=key)
            found.shards()  # what is wrong with a table is said before any is read
        except FileNotFoundError as error:
            raise FileNotFoundError(str(error).replace("path:", "DATA:", 1)) from None
        except ValueError as error:
            raise ValueError(str(error).replace("column", "--key", 1)) from None
        return found

    def write(self, path: str, answers: Any, shape: tuple[int, int] | None = None) -> None:
        write_texts(path, answers)

    def take(self, values: Any) -> Any:
        return texts(values)

    def give(self, answers: Any) -> list[Any]:
        # Of a model that learned from lists of tokens a text is one.
        return [one if isinstance(one, str) else list(one) for one in answers]

    def take_table(self, table: Any) -> Any:
        return texts(one_column(table, "text"))

    def give_table(self, answers: Any) -> Any:
        import pyarrow as pa

        return pa.table({"text": self.give(answers)})
