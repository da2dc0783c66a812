"""A fit in a file: it asks each part of the loop for its state, and owns none of it."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from harmonium.compute.random import generator_state
from harmonium.compute.ranks import Ranks
from harmonium.contract.storage import ModelFileError, read_arrays, write_arrays
from harmonium.contract.warning import warn_caller
from harmonium.learning.plan import Streams

__all__ = ["Checkpoint", "Part", "State", "opened"]

#: Parameters that change nothing of what a fit learns.
_NO_MATTER = frozenset({"checkpoint", "verbose"})


@dataclass
class State:
    """All that a part needs to go on bit for bit: tensors by name, and JSON-able facts."""

    tensors: dict[str, Tensor] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)

    def copy(self) -> State:
        """The same values in tensors of their own."""
        return State({k: v.clone() for k, v in self.tensors.items()}, dict(self.facts))

    def group(self, name: str) -> dict[str, Tensor]:
        """The tensors whose names begin with ``name.``, without that."""
        prefix = f"{name}."
        return {k.removeprefix(prefix): v for k, v in self.tensors.items() if k.startswith(prefix)}


class Part(Protocol):
    """Something that can be taken up again where it stood."""

    def state(self) -> State: ...

    def restore(self, state: State) -> None: ...


class Hashed(Protocol):
    """Data that can be told from other data."""

    def digest(self, into: Any) -> None: ...


class Checkpoint:
    """The state of a fit's parts in the file at `path`, tied to its settings and its data.

    Reads the file at once, if there is one; raises :class:`ModelFileError` where it is no
    checkpoint.
    """

    def __init__(self, path: str | PathLike[str]) -> None:
        self.path = Path(os.fspath(path))
        self.fingerprint = ""
        self._saved: tuple[dict[str, Any], dict[str, Any]] | None = None
        self._seeds: list[int] = []
        self._warned = False
        if self.path.exists():
            self._saved = read_arrays(self.path, "checkpoint")

    def streams(self, random_state: Any) -> Streams:
        """The streams of the fit that is in the file, or fresh ones: without a fixed
        `random_state` too, a fit goes on with the rows it had held out."""
        if self._saved is None:
            return Streams.drawn(random_state)
        try:
            order, split, watching, noise = (int(seed) for seed in self._saved[1]["seeds"])
        except (KeyError, TypeError, ValueError):
            raise ModelFileError(
                f"checkpoint: {str(self.path)!r} was not written by this version; remove it, or "
                "name another file"
            ) from None
        return Streams.of((order, split, watching, noise))

    def tie(
        self, settings: Mapping[str, Any], data: Hashed, seeds: tuple[int, int, int, int]
    ) -> None:
        """Say whose fit this is: a file of another one is refused. All of the data counts."""
        self._seeds = list(seeds)
        told = {k: _told(v) for k, v in sorted(settings.items()) if k not in _NO_MATTER}
        digest = hashlib.sha256(repr(told).encode())
        data.digest(digest)
        self.fingerprint = digest.hexdigest()
        if self._saved is not None and self._saved[1].get("fingerprint") != self.fingerprint:
            raise ModelFileError(
                f"checkpoint: {str(self.path)!r} belongs to a fit with other settings or data; "
                "remove it, or name another file"
            )

    @property
    def stage(self) -> str:
        """The stage of the fit that is in the file; empty for none."""
        return "" if self._saved is None else str(self._saved[1]["stage"])

    def writer(self, stage: str, parts: Mapping[str, Part]) -> Callable[[object], None]:
        """An observer that writes the parts' states at each look."""
        return lambda _: self.write(stage, parts)

    def write(self, stage: str, parts: Mapping[str, Part]) -> None:
        """Put the parts' states into the file, whole or not at all; of several ranks the first one
        does, when all have told what is theirs.

        Where that cannot be done (a full disk, say) a ``RuntimeWarning`` says so once, an older
        file stays, and the fit goes on.
        """
        arrays, facts = {}, {}
        for name, part in parts.items():
            state = part.state()
            for key, tensor in state.tensors.items():
                arrays[f"{name}/{key}"] = tensor.detach().cpu().numpy().copy()
            facts[name] = state.facts
        if Ranks.here().rank:
            return
        about = {
            "fingerprint": self.fingerprint,
            "seeds": self._seeds,
            "stage": stage,
            "parts": facts,
        }
        try:
            write_arrays(self.path, "checkpoint", arrays, about)
        except OSError as error:
            if not self._warned:  # what was learned is worth more than the file
                warn_caller(
                    f"checkpoint: {str(self.path)!r} cannot be written ({error}); the fit goes on "
                    "without it",
                    RuntimeWarning,
                )
            self._warned = True

    def read(self, stage: str, parts: Mapping[str, Part], device: torch.device) -> bool:
        """Let each part take up its state, if the file is of this stage; whether it was.

        A part that the file knows nothing of stays as it is.
        """
        if self._saved is None or self.stage != stage:
            return False
        arrays, facts = self._saved
        for name, part in parts.items():
            if name not in facts["parts"]:
                continue
            prefix = f"{name}/"
            tensors = {
                key.removeprefix(prefix): torch.from_numpy(value.copy()).to(device)
                for key, value in arrays.items()
                if key.startswith(prefix)
            }
            part.restore(State(tensors, facts["parts"][name]))
        return True


def opened(
    path: str | PathLike[str] | None, random_state: Any
) -> tuple[Checkpoint | None, Streams]:
    """The checkpoint at `path` (None for none), and the streams that the fit is to use; of several
    ranks those of the first, which alone reads the file."""

    def read() -> tuple[Checkpoint | None, tuple[int, int, int, int]]:
        checkpoint = None if path is None else Checkpoint(path)
        drawn = Streams.drawn if checkpoint is None else checkpoint.streams
        return checkpoint, drawn(random_state).seeds

    checkpoint, seeds = Ranks.here().first(read)
    return checkpoint, Streams.of(seeds)


def _told(value: Any) -> str:
    """A setting in words that are the same in another process."""
    if isinstance(value, np.random.Generator):
        return json.dumps(generator_state(value))
    return str(value)
