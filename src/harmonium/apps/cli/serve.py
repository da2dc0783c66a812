"""``harmonium serve``: models that answer over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Annotated, Any

import typer

from harmonium.apps.cli import options

__all__ = ["serve"]


def serve(
    models: Annotated[
        list[str],
        typer.Argument(metavar="MODEL...", help="model files; NAME=FILE gives one another name"),
    ],
    port: Annotated[int, typer.Option(help="0: any free one", min=0, max=65535)] = 8000,
    host: Annotated[
        str, typer.Option(help="whom to listen to; unless told, this machine alone")
    ] = "127.0.0.1",
    token: Annotated[
        str | None,
        typer.Option(
            help="what requests must carry as 'Authorization: Bearer TOKEN'",
            envvar="HARMONIUM_TOKEN",
            show_envvar=True,
        ),
    ] = None,
    processes: Annotated[
        int | None, typer.Option(help="that answer; unless told, a core each, at least 2", min=1)
    ] = None,
    max_body: Annotated[float, typer.Option(help="MiB of a request")] = 16.0,
    max_rows: Annotated[int, typer.Option(help="rows of a request or an answer", min=1)] = 10_000,
    max_memory: Annotated[
        float, typer.Option(help="GiB a process may take beyond its models (Linux)")
    ] = 4.0,
    timeout: Annotated[float, typer.Option(help="seconds of an answer")] = 30.0,
    unknown: options.Unknown = None,
) -> None:
    """Answer questions to models over HTTP, as JSON, Arrow or Parquet; a page to try them at /."""
    for name, value in (("max-body", max_body), ("max-memory", max_memory), ("timeout", timeout)):
        if not 0 < value < float("inf"):
            raise ValueError(f"--{name} must be a number above 0, got {value}")
    if token is not None and (not token.isascii() or not token.strip()):
        raise ValueError("--token must be signs of ASCII, at least one")
    try:
        from harmonium.apps.serve.app import Settings
        from harmonium.apps.serve.guard import LOOPBACK
        from harmonium.apps.serve.messages import Limits
        from harmonium.apps.serve.run import serve as run
        from harmonium.apps.serve.shelf import Shelf, name_of
    except ImportError as error:
        raise ImportError(
            f"harmonium serve wants {error.name}, which is not installed: "
            "pip install 'harmonium[serve]'"
        ) from None
    loaded = _loaded(models, unknown, name_of)
    limits = Limits(
        body=int(max_body * 2**20),
        rows=max_rows,
        seconds=timeout,
        memory=int(max_memory * 2**30),
    )
    hosts = LOOPBACK if host in LOOPBACK else None
    if hosts is None and token is None:
        typer.echo(f"harmonium: note: whoever reaches {host} may ask; see --token", err=True)
    run(Shelf.of(loaded), Settings.of(limits, processes, token, hosts), host, port)


def _loaded(
    words: list[str], unknown: str | None, name_of: Callable[[str, Collection[str]], str]
) -> dict[str, Any]:
    """Models by name: that of the file, or the one before an equals sign."""
    found: dict[str, Any] = {}
    for word in words:
        name, separator, path = word.partition("=")
        if not separator:
            path, name = word, name_of(word, found)
        if name in found or not name or "/" in name:
            raise ValueError(f"MODEL: {word!r} wants a name of its own, without a /")
        found[name] = options.load_model(path, unknown)
    return found
