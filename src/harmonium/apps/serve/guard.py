"""What is turned away before anything of it is read: strangers, and pages of other sites."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping

from harmonium.apps.serve.messages import Refusal

__all__ = ["LOOPBACK", "check_host", "check_token"]

#: Hosts that only this machine reaches.
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


def check_token(token: str | None, headers: Mapping[str, str]) -> None:
    """A 401 unless the request carries the token, which takes as long to find wrong as right."""
    if token is None:
        return
    kind, _, given = headers.get("authorization", "").partition(" ")
    right = secrets.compare_digest(given.strip().encode(), token.encode())
    if kind.lower() != "bearer" or not right:
        raise Refusal(401, "wanted the header 'Authorization: Bearer TOKEN' with the right token")


def check_host(hosts: Collection[str] | None, headers: Mapping[str, str]) -> None:
    """A 421 for a name that is none of this server's, None being any: a page that makes a browser
    take this machine for its own site is told nothing."""
    if hosts is None:
        return
    name = headers.get("host", "").strip().lower()
    bare = name.rpartition(":")[0] if name.rpartition(":")[2].isdecimal() else name
    if bare.strip("[]") not in hosts:
        raise Refusal(421, f"this server is reached as localhost, not as {name[:100]!r}")
