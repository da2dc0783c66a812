"""``harmonium models``: what kinds of models there are, and what they take."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from harmonium.apps.cli import options
from harmonium.contract.registry import MODELS, by_command

__all__ = ["models"]


def models(
    model: Annotated[
        str | None, typer.Argument(metavar="MODEL", help="one of them, with all that it takes")
    ] = None,
    as_json: options.Json = False,
) -> None:
    """What kinds of models there are, and what --set takes of each."""
    entries = [entry for entry in MODELS if entry.command]
    if model is None:
        if as_json:
            options.print_json(
                {str(one.command): {"help": one.help, "set": list(one.settings)} for one in entries}
            )
            return
        for one in entries:
            print(f"{one.command:<10} {one.help}")
            print(f"{'':<10} --set {', '.join(one.settings)}")
        return
    entry = by_command(model, "MODEL")
    cls = entry.load()
    defaults = _defaults(cls, entry.settings)
    if as_json:
        options.print_json({"model": entry.name, "help": entry.help, "set": defaults})
        return
    print(f"{entry.command}: {entry.help} (harmonium.{entry.name})\n")
    for name, value in defaults.items():
        print(f"--set {name}={value}")
    print(f"\n{_section(cls)}")


def _defaults(cls: Any, names: tuple[str, ...]) -> dict[str, Any]:
    from inspect import signature

    known = signature(cls).parameters
    return {name: known[name].default for name in names}


def _section(cls: Any) -> str:
    """What the class says of its parameters."""
    from inspect import getdoc

    text = getdoc(cls) or ""
    _, _, rest = text.partition("Parameters\n----------\n")
    lines = rest.splitlines()
    ends = [k for k, line in enumerate(lines) if line and set(line) == {"-"}]
    return "\n".join(lines[: ends[0] - 1] if ends else lines).strip()
