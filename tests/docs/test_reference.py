"""The reference: every public name's docstring tells of each parameter and of the answer."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import harmonium as hm

DOCS = Path(__file__).parents[2] / "docs"
#: What arguments mean everywhere is told once, at the head of the reference.
SHARED = set(re.findall(r"`(\w+)`(?=[^\n]*\n: )", (DOCS / "api" / "index.md").read_text("utf-8")))
#: For those who write a model: promised by the contract, and told there.
PLUMBING = {
    "build_energy",
    "clean_words",
    "fit_observed",
    "from_facts",
    "from_state",
    "likelihood",
    "rows_of",
    "shared_parameters",
    "to_state",
    "unfitted",
}
#: Of scikit-learn's parents, in their own words.
_OURS = "harmonium"


def _public() -> Iterator[tuple[str, Any]]:
    for name in hm.__all__:
        value = getattr(hm, name)
        if isinstance(value, ModuleType):
            yield from ((f"{name}.{own}", getattr(value, own)) for own in value.__all__)
        elif not isinstance(value, str):
            yield name, value


def _methods(cls: type) -> Iterator[tuple[str, FunctionType | property]]:
    for name in dir(cls):
        static = inspect.getattr_static(cls, name)
        if isinstance(static, classmethod | staticmethod):
            static = static.__func__
        ours = getattr(
            static, "__module__", getattr(getattr(static, "fget", None), "__module__", "")
        )
        if name.startswith("_") or name in PLUMBING or not str(ours).startswith(_OURS):
            continue
        if isinstance(static, FunctionType | property):
            yield name, static


def untold(thing: Any, doc: str) -> list[str]:
    """Parameters that neither `doc` nor the head of the reference names."""
    try:
        parameters = inspect.signature(thing).parameters.values()
    except (TypeError, ValueError):
        return []
    several = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    names = [p.name for p in parameters if p.kind not in several and not p.name.startswith("_")]
    names = [name for name in names if name not in ("self", "cls")]
    return [name for name in names if name not in SHARED and not re.search(rf"\b{name}\b", doc)]


def test_shared_arguments_are_told() -> None:
    assert {"X", "y", "sample_weight", "random_state", "n_samples", "how", "path"} <= SHARED


def test_every_public_name_tells_of_its_parameters() -> None:
    found = []
    for name, thing in _public():
        doc = inspect.getdoc(thing) or ""
        assert doc, f"{name} has no docstring"
        found += [f"{name}: {lost}" for lost in untold(thing, doc)]
    assert found == []


def test_every_public_method_tells_of_its_parameters() -> None:
    found = []
    for name, cls in _public():
        if not isinstance(cls, type):
            continue
        own = inspect.getdoc(cls) or ""
        for method, thing in _methods(cls):
            if isinstance(thing, property):
                if not inspect.getdoc(thing) and not re.search(rf"\b{method}\b", own):
                    found.append(f"{name}.{method}")
                continue
            # The parent's docstring counts where the method says nothing itself.
            doc = inspect.getdoc(getattr(cls, method)) or ""
            found += [f"{name}.{method}"] if not doc else []
            found += [f"{name}.{method}: {lost}" for lost in untold(thing, doc + own)]
    assert found == []


def test_functions_and_displays_say_what_they_return() -> None:
    for name, thing in _public():
        if isinstance(thing, FunctionType):
            doc = inspect.getdoc(thing) or ""
            returned = inspect.signature(thing).return_annotation
            plain = re.search(
                r"\b(?:[Rr]eturns?|gives?|[Tt]he|[Aa] frame)\b", doc.split("Raises")[0]
            )
            assert returned in (None, "None") or plain, f"{name}: what does it return?"
        if name.startswith("display.") and hasattr(thing, "from_estimator"):
            doc = inspect.getdoc(thing.from_estimator) or ""
            for part in ("Parameters\n---", "Returns\n---"):
                assert part in doc, f"{name}.from_estimator has no section {part.split()[0]}"


def test_every_public_name_is_in_the_reference() -> None:
    pages = "".join(page.read_text("utf-8") for page in sorted((DOCS / "api").glob("*.md")))
    listed = set(re.findall(r"^   (\w[\w.]*)$", pages, re.M))
    wanted = {name.split(".")[-1] for name, thing in _public() if name != "display.Display"}
    assert wanted - {one.split(".")[-1] for one in listed} == set()
