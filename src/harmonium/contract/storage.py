"""Models and checkpoints as one safetensors file each: named arrays, JSON facts in the header.

Nothing is pickled, so loading never runs code from the file. A SHA-256 over facts and arrays
is kept in the header, so that a flipped byte is noticed rather than believed.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import stat
import tempfile
from collections.abc import Callable
from contextlib import suppress
from os import PathLike
from pathlib import Path
from typing import IO, Any, TypeVar, overload

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from harmonium.contract.checks import check_flag
from harmonium.contract.mapped import is_mapped, map_arrays
from harmonium.contract.parameters import decoded, encoded, named
from harmonium.contract.registry import by_name

__all__ = [
    "ModelFileError",
    "check_place",
    "load",
    "models_inside",
    "read_arrays",
    "save_model",
    "write_arrays",
    "write_atomically",
    "write_bytes",
]

Kind = TypeVar("Kind")

#: Parameters about a machine rather than a model: a file that names them is not followed.
_MACHINE = frozenset({"checkpoint", "device"})


class ModelFileError(ValueError):
    """A file that is not a readable harmonium model: truncated, altered, foreign or newer."""


def _is_device(path: str | PathLike[str]) -> bool:
    """Whether there is something at `path` that is neither a file nor a folder: a device
    (``/dev/null``), a pipe. A file put in its place would take it from everyone."""
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):  # nothing there, or no name for a file
        return False
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


def check_place(path: str | PathLike[str], name: str = "path") -> None:
    """Whether a file can be written at `path`: tried now, so that no work is lost later.

    Raises ``FileNotFoundError`` where its folder does not exist, ``IsADirectoryError`` where it
    is a folder, ``PermissionError`` or another ``OSError`` where nothing can be written.
    """
    if _is_device(path):
        if not os.access(path, os.W_OK):
            raise PermissionError(f"{name}: nothing can be written to the device {str(path)!r}")
        return
    target = Path(path).resolve() if Path(path).is_symlink() else Path(path)
    if not target.parent.is_dir():
        raise FileNotFoundError(f"{name}: the folder {str(target.parent)!r} does not exist")
    if target.is_dir():
        raise IsADirectoryError(f"{name}: {str(path)!r} is a folder; wanted a file")
    try:
        with suppress(FileNotFoundError):
            target.stat()  # a name that is too long shows here
        with tempfile.TemporaryFile(dir=target.parent):  # trying is the one proof
            pass
    except OSError as error:
        raise type(error)(f"{name}: nothing can be written at {str(path)!r}: {error}") from error


def write_atomically(path: str | PathLike[str], write: Callable[[IO[bytes]], None]) -> None:
    """Let `write` fill a temporary file beside `path`, then rename it over `path`.

    Readers see the old file or the new one, never half of one; on any error the old one stays.
    A device or a pipe is written to, once `write` is done, and stays what it is.
    """
    if _is_device(path):
        whole = io.BytesIO()
        write(whole)
        with Path(path).open("wb") as device:
            device.write(whole.getbuffer())
        return
    target = Path(path)
    if target.is_symlink():  # the link stays, what it points to is written
        target = target.resolve()
    if not target.parent.is_dir():
        raise FileNotFoundError(f"path: the folder {str(target.parent)!r} does not exist")
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            write(stream)
            stream.flush()
            os.fsync(stream.fileno())
        # mkstemp makes private files; give the result what a plain open() would have given.
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)
        os.replace(temporary, target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def write_bytes(path: str | PathLike[str], payload: bytes) -> None:
    """Write `payload` as :func:`write_atomically` does."""

    def write(stream: IO[bytes]) -> None:
        stream.write(payload)

    write_atomically(path, write)


def digest(arrays: dict[str, NDArray[Any]], facts: str) -> str:
    digest = hashlib.sha256(facts.encode())
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"\0{name}\0{array.dtype.str}\0{array.shape}\0".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def write_arrays(
    path: str | PathLike[str], kind: str, arrays: dict[str, NDArray[Any]], facts: dict[str, Any]
) -> None:
    """Write named arrays and JSON facts as one file of the given `kind`, atomically."""
    text = json.dumps(facts, sort_keys=True, allow_nan=True)
    contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    header = {
        "format": "harmonium",
        "format_version": "1",
        "kind": kind,
        "facts": text,
        "sha256": digest(contiguous, text),
    }
    write_bytes(path, save(contiguous, metadata=header))


def read_arrays(
    path: str | PathLike[str], kind: str, *, mapped: bool = False
) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """The arrays and facts of a file that :func:`write_arrays` wrote; checks every byte, but for
    arrays that are `mapped`, which stay in the file.

    Raises :class:`ModelFileError` for anything else, ``FileNotFoundError`` where nothing is.
    """
    name = os.fspath(path)
    if not Path(path).is_file():
        raise FileNotFoundError(f"path: no file at {name!r}")
    try:
        with safe_open(name, framework="numpy") as stream:
            header = dict(stream.metadata() or {})
            keys = () if mapped else tuple(stream.keys())
            arrays = {key: stream.get_tensor(key) for key in keys}
        if mapped:
            arrays = map_arrays(name)
    except (SafetensorError, OSError, ValueError, TypeError, KeyError, OverflowError) as error:
        raise ModelFileError(f"{name} is not a readable harmonium file: {error}") from error
    if header.get("format") != "harmonium":
        raise ModelFileError(f"{name} is a safetensors file, but not one that harmonium wrote")
    if header.get("format_version") != "1":
        raise ModelFileError(
            f"{name} has format version {header.get('format_version')!r}; this harmonium reads '1'"
        )
    if header.get("kind") != kind:
        raise ModelFileError(f"{name} holds a {header.get('kind')!r}, wanted a {kind!r}")
    facts_text = header.get("facts", "")
    if not mapped and digest(arrays, facts_text) != header.get("sha256"):
        raise ModelFileError(f"{name} was altered after it was written: its checksum differs")
    # What follows is reached only by a file forged with a right digest, or mapped.
    try:
        facts = json.loads(facts_text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise ModelFileError(f"{name}: its facts cannot be read as JSON: {error}") from error
    if not isinstance(facts, dict):
        raise ModelFileError(f"{name}: its facts must be named, got {type(facts).__name__}")
    return arrays, facts


def _check_numbers(arrays: dict[str, NDArray[Any]], cls: Any) -> None:
    """Raise ``ValueError`` where an array holds what no fitted model of this class has."""
    for key, array in arrays.items():
        if array.dtype.kind != "f" or is_mapped(array) or np.isfinite(array).all():
            continue
        if np.isnan(array).any() and np.nan not in cls.may_hold:
            raise ValueError(f"{key} holds NaN; wanted numbers")
        if (array == np.inf).any() or (-np.inf not in cls.may_hold and (array == -np.inf).any()):
            raise ValueError(f"{key} holds an infinite number; wanted finite ones")


def models_inside(model: Any) -> list[Any]:
    """The fitted models that a question over models (a classifier) holds; of a model, none."""
    held = list(getattr(model, "estimators_", ())) or [getattr(model, "estimator_", None)]
    return [one for one in held if one is not None]


def _pack(model: Any) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """A fitted model as arrays and facts; the models inside it (a classifier's) likewise.

    Constructor parameters that are code (a callable tokenizer) cannot be kept: a model whose
    `to_state` leaves them out of ``facts["parameters"]`` says so itself.
    """
    name = type(model).__name__
    if by_name(name) is None:
        raise TypeError(f"model: {name} is not a kind of model that harmonium files hold")
    arrays, facts = model.to_state()
    try:
        _check_numbers(arrays, type(model))
    except ValueError as error:
        raise ValueError(f"this {name} is not kept in a file: {error}") from error
    inside = models_inside(model)
    left_out = facts.get("parameters_left_out", ["estimator"] if inside else ())
    parameters = {
        key: encoded(key, value)
        for key, value in model.get_params(deep=False).items()
        if key not in left_out
    }
    packed = dict(arrays)
    held = []
    for number, one in enumerate(inside):
        own, about = _pack(one)
        packed.update({f"{number}/{key}": array for key, array in own.items()})
        held.append(about)
    about = {
        "model": name,
        "state_version": model.state_version,
        "parameters": parameters,
        "state": facts,
        "models": held,
    }
    return packed, about


def _unpack(arrays: dict[str, NDArray[Any]], facts: dict[str, Any], path: str) -> Any:
    """The inverse of :func:`_pack`."""
    name = facts.get("model")
    entry = by_name(name) if isinstance(name, str) else None
    if entry is None:  # the only classes a file can name are those of the registry
        raise ModelFileError(f"{path} holds a model of unknown kind {name!r}")
    cls = entry.load()
    if facts.get("state_version") != cls.state_version:
        raise ModelFileError(
            f"{path} holds version {facts.get('state_version')!r} of {name}; "
            f"this harmonium reads version {cls.state_version}"
        )
    try:
        given = named(facts["parameters"], "parameters")
        parameters = {key: decoded(item) for key, item in given.items() if key not in _MACHINE}
        held = [
            _unpack(_below(arrays, f"{number}/"), about, path)
            for number, about in enumerate(facts.get("models", ()))
        ]
        if held:
            model = cls(held[0], **parameters)
            model.estimators_ = held
        else:
            model = cls.unfitted(parameters)
        own = {k: v for k, v in arrays.items() if "/" not in k}
        _check_numbers(own, cls)
        model.from_state(own, named(facts["state"], "state"))
        model.check_parameters()
    except (
        LookupError,
        TypeError,
        ValueError,
        AttributeError,
        ArithmeticError,
        RecursionError,
        MemoryError,
    ) as error:
        if isinstance(error, ModelFileError):
            raise
        raise ModelFileError(f"{path} does not hold a whole {name}: {error}") from error
    return model


def _below(arrays: dict[str, NDArray[Any]], prefix: str) -> dict[str, NDArray[Any]]:
    return {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}


def save_model(model: Any, path: str | PathLike[str]) -> None:
    """Write a fitted model; see :meth:`JointDistribution.save`."""
    write_arrays(path, "model", *_pack(model))


@overload
def load(path: str | PathLike[str], *, mapped: bool = False) -> Any: ...
@overload
def load(path: str | PathLike[str], kind: type[Kind], *, mapped: bool = False) -> Kind: ...
def load(path: str | PathLike[str], kind: Any = None, *, mapped: bool = False) -> Any:
    """The model that ``model.save(path)`` wrote, ready to answer questions.

    Parameters
    ----------
    path : the file.
    kind : the class that it must be of, such as ``hm.RBM``, which type checkers then know of.
    mapped : leave arrays in the file, from where they are read when they are looked at, and shared
        by all processes that do so. Of an :meth:`NGram.indexed` that takes no time, whatever its
        size. Neither the checksum nor the numbers are checked, so this is for files that are
        known to be whole, and that nobody writes over in place (``save`` puts a new file there).

    Raises
    ------
    ModelFileError
        The file is truncated, altered, foreign, from a newer version, or of another kind.
    FileNotFoundError
        There is no such file.
    """
    arrays, facts = read_arrays(path, "model", mapped=check_flag("mapped", mapped))
    model = _unpack(arrays, facts, os.fspath(path))
    if kind is not None and not isinstance(model, kind):
        raise ModelFileError(f"{path} holds a {type(model).__name__}, wanted a {kind.__name__}")
    return model
