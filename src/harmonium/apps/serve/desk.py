"""Who answers what, and when: requests wait here for a process that answers.

Requests of the same question and model that wait at the same time go to one process together.
No question of one model holds all processes, so that slow ones do not block others.
"""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeAlias

from harmonium.apps.serve.messages import Limits, Refusal, Reply, Request
from harmonium.apps.serve.process import Clerk, Died, Opening, TookTooLong
from harmonium.apps.serve.questions import QUESTIONS

__all__ = ["Desk"]

Lane: TypeAlias = "tuple[str, str]"

#: Bodies up to so many bytes may share an answer, and at most so many of them.
_SMALL, _MOST = 2**16, 64
#: Questions some of which may be answered together.
_SHARED = frozenset(name for name, one in QUESTIONS.items() if one.together is not None)


@dataclass(eq=False)
class _Ticket:
    """A request that waits, and whoever waits for its reply."""

    request: Request
    reply: asyncio.Future[Reply]
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    alone: bool = False

    @property
    def lane(self) -> Lane:
        return self.request.model, self.request.question

    @property
    def shares(self) -> bool:
        small = len(self.request.body) <= _SMALL
        return small and not self.alone and self.request.question in _SHARED


class Desk:
    """The queue and the processes that answer.

    `watch` is told how many requests were answered at once, for the figures of a server.
    """

    def __init__(
        self, opening: Opening, n_clerks: int, watch: Callable[[int], None] = lambda n: None
    ) -> None:
        self._clerks = [Clerk(opening) for _ in range(n_clerks)]
        self._limits: Limits = opening.limits
        self._waiting: list[_Ticket] = []
        self._busy: Counter[Lane] = Counter()
        self._changed = asyncio.Condition()
        self._loops: list[asyncio.Task[None]] = []
        self._threads = ThreadPoolExecutor(n_clerks, "clerk")
        self._watch = watch

    async def open(self) -> None:
        """Begin all processes; raises :class:`Died` where one cannot."""
        loop = asyncio.get_running_loop()
        await asyncio.gather(
            *(loop.run_in_executor(self._threads, clerk.start) for clerk in self._clerks)
        )
        self._loops = [asyncio.create_task(self._run(clerk)) for clerk in self._clerks]

    async def close(self) -> None:
        """End all processes; whoever still waits is told so."""
        for one in self._loops:
            one.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)
        for ticket in self._waiting:
            _settle(ticket, Reply.error(503, "the server is closing"))
        for clerk in self._clerks:
            await asyncio.to_thread(clerk.close)
        self._threads.shutdown(wait=False)

    @property
    def n_waiting(self) -> int:
        return len(self._waiting)

    @property
    def n_alive(self) -> int:
        return sum(clerk.alive for clerk in self._clerks)

    @property
    def n_starts(self) -> int:
        """Processes begun so far; more than there are where some were ended."""
        return sum(clerk.n_starts for clerk in self._clerks)

    async def ask(self, request: Request) -> Reply:
        """The reply to a request: a 503 where too many wait or it waits too long."""
        if len(self._waiting) >= self._limits.waiting:
            raise Refusal(503, f"{len(self._waiting)} requests wait already; ask again later")
        ticket = _Ticket(request, asyncio.get_running_loop().create_future())
        async with self._changed:
            self._waiting.append(ticket)
            self._changed.notify_all()
        try:
            async with asyncio.timeout(self._limits.seconds):
                await ticket.begun.wait()
        except TimeoutError:
            ticket.reply.cancel()
            raise Refusal(
                503, f"nobody was free within {self._limits.seconds:g} s; ask again later"
            ) from None
        except asyncio.CancelledError:
            ticket.reply.cancel()
            raise
        finally:
            if ticket in self._waiting:
                self._waiting.remove(ticket)
        return await ticket.reply

    # -- a loop a process ----------------------------------------------------------------------

    async def _run(self, clerk: Clerk) -> None:
        loop = asyncio.get_running_loop()
        while True:
            if not clerk.alive:
                await self._begin(clerk)
            tickets = await self._next()
            lane = tickets[0].lane
            self._watch(len(tickets))
            try:
                replies = await loop.run_in_executor(
                    self._threads,
                    clerk.ask,
                    [one.request for one in tickets],
                    self._limits.seconds,
                    lambda tickets=tickets: any(not one.reply.done() for one in tickets),
                )
                for ticket, reply in zip(tickets, replies, strict=True):
                    _settle(ticket, reply)
            except (TookTooLong, Died) as error:
                await self._again(tickets, error)
            except Exception as error:  # a loop goes on, whatever happened
                for ticket in tickets:
                    _settle(ticket, Reply.error(500, f"no answer: {type(error).__name__}"))
            finally:
                async with self._changed:
                    self._busy[lane] -= 1
                    self._changed.notify_all()

    async def _begin(self, clerk: Clerk) -> None:
        """Begin a process anew, however often it takes: the others answer meanwhile."""
        while True:
            try:
                await asyncio.get_running_loop().run_in_executor(self._threads, clerk.start)
                return
            except (Died, OSError) as error:
                print(f"harmonium: {error}", file=sys.stderr)
                await asyncio.sleep(1.0)

    async def _again(self, tickets: Sequence[_Ticket], error: Exception) -> None:
        """One that ended its process is told so; of several each is asked once more, alone."""
        if len(tickets) > 1:
            for ticket in tickets:
                ticket.alone = True
            self._waiting[:0] = [one for one in tickets if not one.reply.done()]
            return
        seconds = self._limits.seconds
        late = isinstance(error, TookTooLong)
        reply = (
            Reply.error(504, f"no answer within {seconds:g} s; ask for less at a time")
            if late
            else Reply.error(500, "the process that worked out the answer ended")
        )
        _settle(tickets[0], reply)

    async def _next(self) -> list[_Ticket]:
        """The next requests for one process: the one that has waited longest, of those whose
        question does not hold all other processes, and with it what can share its answer."""
        async with self._changed:
            while True:
                self._waiting = [one for one in self._waiting if not one.reply.done()]
                first = next((one for one in self._waiting if self._may_begin(one.lane)), None)
                if first is not None:
                    break
                await self._changed.wait()
            chosen = [first]
            if first.shares:
                like = [one for one in self._waiting if one.shares and one.lane == first.lane]
                chosen = like[:_MOST]
            for one in chosen:
                self._waiting.remove(one)
                one.begun.set()
            self._busy[first.lane] += 1
            return chosen

    def _may_begin(self, lane: Lane) -> bool:
        return self._busy[lane] < max(len(self._clerks) - 1, 1)


def _settle(ticket: _Ticket, reply: Reply) -> None:
    if not ticket.reply.done():
        ticket.reply.set_result(reply)
