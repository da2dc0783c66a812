"""The kinds of data that models take: each reads DATA, checks the place of answers, writes them.

A model's row in :mod:`harmonium.contract.registry` names its kind; :func:`kind_of` makes it to
the model's measure. Commands and servers put every question through it and so know no model.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from harmonium.contract.registry import Entry, entry_of
from harmonium.contract.storage import models_inside
from harmonium.data.arrow import without_index
from harmonium.data.files import beside, read_named_rows, read_rows, write_rows
from harmonium.data.frame_files import (
    FRAME_ENDINGS,
    as_arrow,
    has_names,
    read_frame,
    write_frame,
)
from harmonium.data.kind import Kind, check_key, one_column
from harmonium.data.plain import as_values, columns_of, numbers, values_of
from harmonium.data.schema import Schema
from harmonium.data.sequences.formats import is_sequence_file
from harmonium.data.sequences.kind import Sequences
from harmonium.data.shards import Shards, looks_like_shards
from harmonium.data.text_kind import Texts

__all__ = [
    "KINDS",
    "Frames",
    "Images",
    "Kind",
    "Rows",
    "Sequences",
    "Texts",
    "kind_of",
    "kind_to_learn",
]

#: Types of Arrow's that are numbers, or stand for 0 and 1, or for what is missing.
_NUMBERS = frozenset(
    [f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)]
    + ["halffloat", "float", "double", "bool", "null"]
)


def _is_pictures(path: str) -> bool:
    from harmonium.data.images import IMAGE_ENDINGS

    return Path(path).is_dir() or Path(path).suffix.lower() in IMAGE_ENDINGS


@dataclass(frozen=True)
class Rows(Kind):
    """Tables of numbers, a row a sample.

    `names` are the model's columns, if it gives them: a file with a line of them may have them in
    any order, and answers get that line (but for names that are all numbers, which would read as a
    row). `read_evidence` reads what is known of a network (``.evid``), a row with blanks.
    """

    what: ClassVar[str] = "rows"
    endings: ClassVar[tuple[str, ...]] = (".npy", ".npz", ".csv", ".parquet", ".png")

    names: tuple[str, ...] = ()
    read_evidence: Callable[[str], Mapping[Any, int]] | None = None

    @classmethod
    def of(cls, model: Any) -> Self:
        return cls(
            tuple(map(str, getattr(model, "variables_", ()))),
            getattr(model, "read_uai_evidence", None),
        )

    def read(self, path: str, key: str | None = None) -> Any:
        """Rows as :func:`read_named_rows`; pictures in black and white, a row each; evidence."""
        check_key(path, key)
        if looks_like_shards(path) or _is_pictures(path):
            return Shards(path) if looks_like_shards(path) else self._pictures(path)
        if self.read_evidence is not None and Path(path).suffix.lower() == ".evid":
            if not Path(path).is_file():
                raise FileNotFoundError(f"DATA: no file at {path!r}")
            known = {str(name): state for name, state in self.read_evidence(path).items()}
            return np.array([[known.get(name, np.nan) for name in self.names]], dtype=float)
        rows, names = read_named_rows(path, key)
        if names and names != [*self.names] and sorted(names) == sorted(self.names):
            return rows[:, [names.index(name) for name in self.names]]
        return rows

    stream = read  # a .npy file is mapped

    @staticmethod
    def _pictures(path: str) -> NDArray[np.int64]:
        from harmonium.data.images import read_images

        images = read_images(path, 2)
        if isinstance(images, list):
            raise ValueError(f"DATA: the pictures of {path!r} differ in size; rows want one size")
        return np.asarray(images.reshape(len(images), -1))

    def write(self, path: str, answers: Any, shape: tuple[int, int] | None = None) -> None:
        if (ending := Path(path).suffix.lower()) == ".png":
            from harmonium.data.sheets import save_picture, tile

            save_picture(tile(answers, shape), path)
        elif ending == ".parquet":
            write_frame(path, self.give_table(answers))
        else:
            named = not all(name.strip("+-").isdecimal() for name in self.names)
            write_rows(path, np.asarray(answers), self.names if named else ())

    def take(self, values: Any) -> Any:
        """``[[0, 1, None], ...]``."""
        return numbers(values, 2)

    def give(self, answers: Any) -> list[Any]:
        return values_of(answers)

    def take_table(self, table: Any) -> Any:
        """A column a variable: by their names where the model has the same, else in order."""
        names = table.column_names
        if names != [*self.names] and sorted(names) == sorted(self.names):
            table = table.select(list(self.names))
        for field in table.schema:
            if str(field.type) not in _NUMBERS:
                raise ValueError(f"data: column {field.name!r} is {field.type}; wanted numbers")
        return np.asarray(beside(table), dtype=np.float64)

    def give_table(self, answers: Any) -> Any:
        import pyarrow as pa

        rows = np.atleast_2d(np.asarray(answers))
        fits = len(self.names) == rows.shape[1]
        names = self.names if fits else [f"x{j}" for j in range(rows.shape[1])]
        return pa.table(dict(zip(names, rows.T, strict=True)))


@dataclass(frozen=True)
class Frames(Kind):
    """Tables whose columns have names and kinds of their own, in and out as Arrow tables.

    `schema` is the model's; None where it is still to be learned.
    """

    what: ClassVar[str] = "rows"
    endings: ClassVar[tuple[str, ...]] = (*FRAME_ENDINGS, "-")

    schema: Schema | None = None

    @classmethod
    def of(cls, model: Any) -> Self:
        return cls(getattr(model, "schema_", None))

    def read(self, path: str, key: str | None = None) -> Any:
        """A table as :func:`read_frame`; columns of texts in the schema are read as texts."""
        check_key(path, key)
        ending = Path(path).suffix.lower()
        if looks_like_shards(path):
            return Shards(path)
        if self.schema is not None and ending in (".npy", ".npz"):
            return self._named(np.asarray(read_rows(path, key)), path)
        if ending not in FRAME_ENDINGS and path != "-":
            raise ValueError(f"DATA: tables come from {', '.join(FRAME_ENDINGS)}, got {path!r}")
        known, texts = ((), ()) if self.schema is None else (self.schema.names, self.schema.texts)
        if (path == "-" or Path(path).is_file()) and not has_names(path, known):
            raise ValueError(f"DATA: the first line of {path!r} must name the columns")
        return read_frame(path, texts, known)

    stream = read

    def _named(self, rows: NDArray[Any], path: str) -> dict[str, Any]:
        """Rows without names as columns in the schema's order."""
        assert self.schema is not None
        names = self.schema.all_names
        if rows.ndim != 2 or rows.shape[1] != len(names):
            raise ValueError(
                f"DATA: {path!r} has shape {rows.shape}; wanted {len(names)} columns: "
                f"{', '.join(names)}"
            )
        return {name: rows[:, j] for j, name in enumerate(names)}

    def write(self, path: str, answers: Any, shape: tuple[int, int] | None = None) -> None:
        write_frame(path, as_arrow(answers))

    def take(self, values: Any) -> Any:
        """``[{"age": 40, "job": None}, ...]``; dates as ``2026-01-31``."""
        assert self.schema is not None
        return columns_of(values, self.schema.columns, [one.name for one in self.schema.left_out])

    def give(self, answers: Any) -> list[Any]:
        return [
            {name: as_values(cell) for name, cell in row.items()}
            for row in as_arrow(answers).to_pylist()
        ]

    def take_table(self, table: Any) -> Any:
        return without_index(table)

    def give_table(self, answers: Any) -> Any:
        return as_arrow(answers)


@dataclass(frozen=True)
class Images(Kind):
    """Pictures of whole gray levels ``0 .. n_levels - 1``."""

    what: ClassVar[str] = "images"
    endings: ClassVar[tuple[str, ...]] = (".npy", ".npz", ".png", "")

    n_levels: int = 256

    @classmethod
    def of(cls, model: Any) -> Self:
        return cls(model.n_levels)

    def read(self, path: str, key: str | None = None) -> Any:
        """A folder, a picture, or an array ``(n, height, width)``, brought to `n_levels`."""
        from harmonium.data.images import quantise, read_images

        check_key(path, key)
        if _is_pictures(path):
            return read_images(path, self.n_levels)
        images = np.asarray(read_named_rows(path, key)[0])
        if images.dtype.kind in "ui" and images.size and images.max() >= self.n_levels:
            return quantise(images, self.n_levels)
        return images

    stream = read

    def with_holes(self, images: Any, mask: str) -> NDArray[np.float64]:
        """`images` with NaN where the pictures at `mask` are white."""
        from harmonium.data.images import read_images

        holes = np.asarray(read_images(mask, 2)).astype(bool)
        values = np.asarray(images, dtype=np.float64).copy()
        if holes.shape[1:] != values.shape[1:] or len(holes) not in (1, len(values)):
            raise ValueError(f"--mask: pictures of {holes.shape}, the images are {values.shape}")
        values[np.broadcast_to(holes, values.shape)] = np.nan
        return values

    def write(self, path: str, answers: Any, shape: tuple[int, int] | None = None) -> None:
        ending = Path(path).suffix.lower()
        if ending in (".npy", ".npz"):
            write_rows(path, np.asarray(answers))
        elif ending == ".png" and len(answers) > 1:
            from harmonium.data.sheets import save_picture, tile

            images = np.asarray(answers, dtype=np.float64)
            flat = images.reshape(len(images), -1)
            save_picture(tile(flat, images.shape[1:], top=self.n_levels - 1), path)
        else:
            from harmonium.data.images import write_images

            write_images(path, answers, self.n_levels)

    def take(self, values: Any) -> Any:
        """``[[[0, 1], [None, 0]], ...]``: of each image its rows of levels."""
        images = numbers(values, 3)
        return images if np.isnan(images).any() else images.astype(np.int64)

    def give(self, answers: Any) -> list[Any]:
        return values_of(answers)

    def take_table(self, table: Any) -> Any:
        return self.take(one_column(table, "image"))

    def give_table(self, answers: Any) -> Any:
        import pyarrow as pa

        return pa.table({"image": [one.tolist() for one in np.asarray(answers)]})


#: By the name that a model's row in the registry gives.
KINDS: dict[str, type[Kind]] = {"rows": Rows, "images": Images, "texts": Texts}


def kind_of(model: Any) -> Kind:
    """The kind of data of a fitted model, or of the models inside a question over models."""
    inside = models_inside(model)
    speaker = inside[0] if inside else model
    entry = entry_of(speaker)
    if getattr(getattr(speaker, "schema_", None), "family", None) is not None:
        return Sequences.of(speaker)
    if entry.data is None:
        raise TypeError(f"{type(model).__name__} is not fitted and says nothing of its data")
    # Of an array, whose columns may have kinds too, a model learns no names.
    named = hasattr(speaker, "schema_") and hasattr(speaker, "feature_names_in_")
    return Frames.of(speaker) if entry.frames and named else KINDS[entry.data].of(speaker)


def kind_to_learn(entry: Entry, estimator: Any, path: str) -> Kind:
    """The kind that DATA at `path` are to a model that is yet to be fitted."""
    if entry.frames and is_sequence_file(path):
        return Sequences()
    if entry.frames and (has_names(path) or (looks_like_shards(path) and Shards(path).names)):
        return Frames()
    assert entry.data is not None
    return KINDS[entry.data].of(estimator)
