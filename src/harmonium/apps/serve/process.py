"""A clerk's process from outside: started, asked, ended."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from harmonium.apps.serve.clerk import work
from harmonium.apps.serve.messages import Limits, Reply, Request

__all__ = ["Clerk", "Died", "Opening", "TookTooLong"]

#: Seconds between two looks at whether anybody still waits for an answer.
_LOOK = 0.25
#: An answer that nobody waits for any more may take so many seconds: to begin anew costs as much.
_SPARED = 2.0
#: Loading models and compiled loops may take so many seconds on a busy machine.
_START = 180.0


class TookTooLong(Exception):
    """No answer within the time for one, or nobody waits for it any more."""


class Died(Exception):
    """The process ended without an answer."""


@dataclass(frozen=True)
class Opening:
    """What a clerk needs to begin."""

    packed: bytes
    limits: Limits
    n_threads: int
    modules: tuple[str, ...] = ()  #: loaded once for all, before the processes part
    first: tuple[Request, ...] = ()  #: put to the models before it is ready


class Clerk:
    """A process and the way to it; begun anew after it was ended."""

    def __init__(self, opening: Opening) -> None:
        self._opening = opening
        self._process: Any = None
        self._channel: Connection | None = None
        self.n_starts = 0

    def start(self) -> None:
        """Begin, and wait until it is ready; raises :class:`Died` where it cannot."""
        opening = self._opening
        able = "forkserver" in multiprocessing.get_all_start_methods()
        context: Any = multiprocessing.get_context("forkserver" if able else "spawn")
        if able:
            context.set_forkserver_preload([work.__module__, *opening.modules])
        own, other = context.Pipe()
        arguments = (other, opening.packed, opening.limits, opening.n_threads, opening.first)
        process = context.Process(target=work, args=arguments, daemon=True)
        process.start()
        other.close()
        self._process, self._channel = process, own
        self.n_starts += 1
        try:
            if not own.poll(_START):
                raise EOFError
            own.recv()
        except (EOFError, OSError):
            self.end()
            raise Died("a process that answers could not be started; see the log") from None

    def ask(
        self, requests: Sequence[Request], seconds: float, wanted: Callable[[], bool]
    ) -> list[Reply]:
        """The replies; blocks until they are there. After an error the process is gone."""
        channel = self._channel
        assert channel is not None
        try:
            channel.send(list(requests))
            left = seconds
            while not channel.poll(min(_LOOK, max(left, 0.0))):
                left -= _LOOK
                given_up = seconds - left > _SPARED and not wanted()
                if left <= 0.0 or given_up:
                    self.end()
                    raise TookTooLong
            replies: list[Reply] = channel.recv()
        except (EOFError, OSError):
            self.end()
            raise Died from None
        return replies

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.is_alive()

    def close(self) -> None:
        """Let it end by itself; it has nothing to do."""
        if self._channel is not None:
            self._channel.close()
            self._process.join(5)
        self.end()

    def end(self) -> None:
        """End it now, whatever it does."""
        if self._channel is not None:
            self._channel.close()
        if self._process is not None:
            self._process.kill()
            self._process.join()
        self._process = self._channel = None
