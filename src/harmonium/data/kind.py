"""What a kind of data is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from os import PathLike
from pathlib import Path
from typing import Any, ClassVar, Self

from harmonium.contract.storage import check_place

__all__ = ["Kind", "check_folder", "check_key", "one_column"]


class Kind(ABC):
    """Data of one kind, in and out of files."""

    #: What the data are, in the plural: "3 rows", "3 texts".
    what: ClassVar[str]
    #: Endings of files that answers can be written to; "" is a folder, "-" the standard output.
    endings: ClassVar[tuple[str, ...]]

    @classmethod
    @abstractmethod
    def of(cls, model: Any) -> Self:
        """The kind with what it must know of a fitted model."""

    @abstractmethod
    def read(self, path: str, key: str | None = None) -> Any:
        """DATA as the model takes it, to be gone through more than once.

        `key` names an array of an ``.npz``. Raises ``ValueError`` or ``FileNotFoundError``
        with the path and what is wrong there.
        """

    @abstractmethod
    def stream(self, path: str, key: str | None = None) -> Any:
        """DATA as :meth:`read` gives it, to be gone through once, and where it may be long never
        whole in memory."""

    def check_out(self, path: str | None) -> str:
        """The place that answers go to, found good before any work; ``ValueError`` if not."""
        if path is None:
            if "-" not in self.endings:
                raise ValueError(f"--out is missing: where should the {self.what} go?")
            return "-"
        if path == "-" and "-" in self.endings:
            return path
        ending = Path(path).suffix.lower()
        if ending not in self.endings:
            known = ", ".join(one for one in self.endings if one.startswith("."))
            folder = " or be a folder" if "" in self.endings else ""
            raise ValueError(f"--out must end in {known}{folder} for {self.what}, got {path!r}")
        if ending:
            check_place(path, "--out")
        else:
            check_folder(path, "--out")
        return path

    @abstractmethod
    def write(self, path: str, answers: Any, shape: tuple[int, int] | None = None) -> None:
        """Write answers to a place that :meth:`check_out` found good.

        `shape` is the (height, width) of a row seen as a picture.
        """

    @abstractmethod
    def take(self, values: Any) -> Any:
        """Data in plain values, as JSON has them, as the model takes them.

        Raises ``ValueError`` with the place of what is no such thing.
        """

    @abstractmethod
    def give(self, answers: Any) -> list[Any]:
        """Answers in plain values: what :meth:`take` takes again."""

    @abstractmethod
    def take_table(self, table: Any) -> Any:
        """Data in an Arrow table, as the model takes them; ``ValueError`` as for :meth:`take`."""

    @abstractmethod
    def give_table(self, answers: Any) -> Any:
        """Answers as an Arrow table, which :meth:`take_table` takes again."""


def one_column(table: Any, name: str) -> list[Any]:
    """The values of a table's only column, which may have any name."""
    if table.num_columns != 1:
        raise ValueError(f"data: wanted a table of one column, {name!r}, got {table.num_columns}")
    values: list[Any] = table.column(0).to_pylist()
    return values


def check_folder(path: str | PathLike[str], name: str = "path") -> None:
    """Whether files can be written in the folder `path`, which may be yet to be made."""
    if Path(path).exists() and not Path(path).is_dir():
        raise NotADirectoryError(f"{name}: {str(path)!r} is a file; wanted a folder")
    check_place(Path(path) / "0" if Path(path).is_dir() else path, name)


def check_key(path: str, key: str | None) -> None:
    """``ValueError`` where a key was given to a file that has none."""
    if key is not None and not path.lower().endswith(".npz"):
        raise ValueError(f"--key chooses an array of an .npz; {path!r} is none")
