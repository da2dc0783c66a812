"""The server started and ended."""

from __future__ import annotations

import asyncio
import signal
import socket
from typing import Any

from harmonium.apps.serve.app import Settings, build_app
from harmonium.apps.serve.shelf import Shelf

__all__ = ["serve"]


def serve(shelf: Shelf, settings: Settings, host: str, port: int) -> None:
    """Serve until SIGTERM or Ctrl-C, then finish what is under way.

    `port` 0 is any free one. Says where on the standard output once questions are answered.
    Raises ``OSError`` where the port is taken.
    """
    import uvicorn

    app = build_app(shelf, settings)
    bound = _bound(host, port)
    config = uvicorn.Config(
        app,
        log_level="warning",
        timeout_graceful_shutdown=int(2 * settings.limits.seconds) + 1,
        server_header=False,
        lifespan="on",
        h11_max_incomplete_event_size=2**16,
    )
    server = uvicorn.Server(config)
    # uvicorn raises again what it was ended by; an end that was asked for is none in error.
    before: dict[int, Any] = {
        one: signal.signal(one, lambda *_: None) for one in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        asyncio.run(_served(server, bound))
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
        bound.close()
    if not server.started:
        raise OSError("the server could not start; see above")


async def _served(server: Any, bound: socket.socket) -> None:
    serving = asyncio.create_task(server.serve([bound]))
    while not server.started and not serving.done():
        await asyncio.sleep(0.05)
    if server.started:
        host, port = bound.getsockname()[:2]
        where = f"[{host}]" if ":" in host else host
        print(f"http://{where}:{port}", flush=True)
    await serving


def _bound(host: str, port: int) -> socket.socket:
    """A socket at the address, found free before any work."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)[0]
        bound = socket.socket(*found[:3])  # all three: only what is known as TCP is sent at once
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(found[4])
    except (OSError, UnicodeError) as error:
        raise OSError(f"--host, --port: {host}:{port} cannot be had: {error}") from None
    return bound
