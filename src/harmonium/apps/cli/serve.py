"""``harmonium serve``: models that answer over HTTP."""

from __future__ import annotations

from typing import Annotated

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
        int | None, typer.Option(help="that answer [a core each, at least 2]", min=1)
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
    from harmonium.compute.threads import cores

    loaded: dict[str, object] = {}
    for word in models:
        name, separator, path = word.partition("=")
        if not separator:
            path, name = word, name_of(word, tuple(loaded))
        if name in loaded or not name or "/" in name:
            raise ValueError(f"MODEL: {word!r} wants a name of its own, without a /")
        loaded[name] = options.load_model(path, unknown)
    only_here = host in LOOPBACK
    if not only_here and token is None:
        typer.echo(f"harmonium: note: whoever reaches {host} may ask; see --token", err=True)
    n_clerks = processes or max(2, cores())
    limits = Limits(
        body=int(max_body * 2**20),
        rows=max_rows,
        seconds=timeout,
        memory=int(max_memory * 2**30),
    )
    settings = Settings(
        limits, n_clerks, max(1, cores() // n_clerks), token, LOOPBACK if only_here else None
    )
    run(Shelf.of(loaded), settings, host, port)
