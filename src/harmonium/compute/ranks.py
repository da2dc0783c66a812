"""Processes that learn together, as ``torchrun`` starts them: what one tells the others.

Carried by ``torch.distributed``: nothing between processes is home-made. One process alone is the
only rank of one, for which nothing here costs anything.
"""

from __future__ import annotations

import os
import re
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from harmonium.compute.random import generator_state, restore_generator

if TYPE_CHECKING:  # torch is loaded where ranks meet
    from torch import Tensor

    from harmonium.contract.energy import Generator

__all__ = ["LostRankError", "Ranks", "answering", "asked_for", "joined_job"]

T = TypeVar("T")

#: Whether the ranks answer together: see :func:`answering`.
_ANSWERING: ContextVar[bool] = ContextVar("answering", default=False)

#: A rank that waits for another one's work, an annealed estimate say, waits this long.
_PATIENCE = timedelta(days=1)


class LostRankError(ConnectionError):
    """Another rank has gone, or the network between them."""


class Ranks:
    """This process, number `rank` of `world` that run the same program on the same rows.

    All methods but :meth:`own` and :meth:`now` are collective: every rank calls them in the same
    order, or all wait. Each raises :class:`LostRankError` where another rank is gone.
    """

    def __init__(self, rank: int = 0, world: int = 1) -> None:
        self.rank, self.world = rank, world
        self._told, self._since = 0.0, time.perf_counter()
        self._interrupted = False

    @classmethod
    def here(cls) -> Ranks:
        """Those of the process group that this process is in; without one, it alone."""
        import torch.distributed as dist

        if not dist.is_available() or not dist.is_initialized():
            return cls()
        return cls(dist.get_rank(), dist.get_world_size())

    @classmethod
    def sharing(cls) -> Ranks:
        """Those that answer together (:func:`answering`); outside of that this process alone."""
        return cls.here() if _ANSWERING.get() else cls()

    def share(self, n: int, name: str = "n") -> int:
        """This rank's share of `n` things, which differ by one at most. ``ValueError``, with the
        `name` of their number, where there are fewer than ranks."""
        if n < self.world:
            raise ValueError(f"{name} must be at least {self.world}, one a rank, got {n}")
        return n // self.world + (self.rank < n % self.world)

    def first(self, work: Callable[[], T]) -> T:
        """What `work` gives rank 0, which alone does it; what it raises there, all raise."""
        if self.world == 1:
            return work()
        found: list[Any] = [None, None]
        if self.rank == 0:
            try:
                found = [work(), None]
            except BaseException as error:
                self._send([None, error])
                raise
        found = self._send(found)
        if found[1] is not None:
            raise found[1]
        return found[0]

    def _send(self, values: list[Any]) -> list[Any]:
        import torch.distributed as dist

        with self._in_step():
            dist.broadcast_object_list(values, src=0)
        return values

    def same(self, value: T) -> T:
        """Rank 0's value."""
        return self.first(lambda: value)

    def each(self, value: T) -> list[T]:
        """Every rank's value, in their order."""
        if self.world == 1:
            return [value]
        import torch.distributed as dist

        found: list[Any] = [None] * self.world
        with self._in_step():
            dist.all_gather_object(found, value)
        return found

    def copy(self, tensors: Iterable[Tensor]) -> None:
        """Make these tensors those of rank 0, in place."""
        if self.world == 1:
            return
        import torch.distributed as dist

        with self._in_step():
            for tensor in tensors:
                whole = tensor.contiguous()
                dist.broadcast(whole, src=0)
                if whole is not tensor:
                    tensor.copy_(whole)

    def total(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        """The sums over ranks, in one flat buffer; beside them goes rank 0's clock, and word of a
        Ctrl-C, which ends all ranks at the same place (``KeyboardInterrupt``)."""
        if self.world == 1:
            return list(tensors)
        import torch
        import torch.distributed as dist

        passed = time.perf_counter() - self._since if self.rank == 0 else 0.0
        beside = torch.tensor([passed, float(self._interrupted)]).to(tensors[0])
        flat = torch.cat([*(tensor.reshape(-1) for tensor in tensors), beside])
        with self._in_step():
            dist.all_reduce(flat)
        *sums, beside = torch.split(flat, [*(tensor.numel() for tensor in tensors), 2])
        passed, interrupted = beside.tolist()
        self._told += passed
        if self.rank == 0:
            self._since += passed
        if interrupted:
            self._interrupted = False
            raise KeyboardInterrupt
        return [one.reshape(like.shape) for one, like in zip(sums, tensors, strict=True)]

    def now(self) -> float:
        """Seconds since some moment: of several ranks by rank 0's clock at the last
        :meth:`total`, so that all of them end a fit, or slow it down, at the same update."""
        return time.perf_counter() if self.world == 1 else self._told

    @contextmanager
    def heeding(self) -> Iterator[None]:
        """While this lasts, Ctrl-C in one rank is kept for the next :meth:`total`; a second one is
        not."""
        if self.world == 1 or threading.current_thread() is not threading.main_thread():
            yield
            return
        before = signal.signal(signal.SIGINT, self._keep_interrupt)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    def _keep_interrupt(self, *_: Any) -> None:
        if self._interrupted:
            raise KeyboardInterrupt
        self._interrupted = True

    @contextmanager
    def _in_step(self) -> Iterator[None]:
        try:
            yield
        except RuntimeError as error:
            # Of gloo's and NCCL's words the first sentence, without the place in their sources.
            why = re.sub(r"^\[.*?\]:? ", "", str(error).strip()).split(". ")[0]
            raise LostRankError(
                f"rank {self.rank} of {self.world}: another rank is gone, so the job ends "
                f"({why}); begun again with a checkpoint it goes on from its last look"
            ) from error

    # -- random numbers of each rank's own ------------------------------------------------

    def own(self, generator: Generator) -> Generator:
        """A generator of this rank's own, apart from those of the others, from one that all have
        in common; for one rank that one itself."""
        if self.world == 1:
            return generator
        if isinstance(generator, np.random.Generator):
            seed = [int(generator.integers(0, 2**63)), self.rank]
            return np.random.Generator(np.random.SFC64(seed))
        import torch

        drawn = torch.randint(2**62, (1,), generator=generator, device=generator.device)
        found = torch.Generator(device=generator.device)
        seeds = np.random.SeedSequence([int(drawn.item()), self.rank]).generate_state(1, np.uint64)
        return found.manual_seed(int(seeds[0]) >> 1)

    def states_of(self, generator: Generator) -> Any:
        """The positions of all ranks' own generators as JSON-able facts."""
        if self.world == 1:
            return generator_state(generator)
        return {"ranks": self.each(generator_state(generator))}

    def restore(self, generator: Generator, facts: Any) -> Generator:
        """This rank's own generator from :meth:`states_of` as many ranks, or other: ranks that
        were not there have new ones. `generator` says of which kind."""
        several = isinstance(facts, dict) and "ranks" in facts
        states = facts["ranks"] if several else [facts]
        restore_generator(generator, states[self.rank if self.rank < len(states) else 0])
        return self.own(generator) if self.rank >= len(states) else generator


@contextmanager
def answering() -> Iterator[Ranks]:
    """While this lasts, the ranks of the process group that this process is in answer together:
    chains of annealed estimates are shared out and their weights gathered. All ranks must ask the
    same questions in the same order, or all wait."""
    token = _ANSWERING.set(True)
    try:
        yield Ranks.here()
    finally:
        _ANSWERING.reset(token)


# -- a job of the command line -----------------------------------------------------------------


def asked_for() -> int:
    """How many ranks ``torchrun`` says that there are; 1 without it."""
    try:
        return int(os.environ["WORLD_SIZE"]) if "RANK" in os.environ else 1
    except (KeyError, ValueError):
        return 1


@contextmanager
def joined_job() -> Iterator[Ranks]:
    """In the process group that ``torchrun`` has named, while this lasts; alone without it.

    On the GPU of this rank's number where there are any (NCCL), else on the CPU (gloo). In a group
    that is there already it joins no other.
    """
    if asked_for() == 1:
        yield Ranks()
        return
    import torch
    import torch.distributed as dist

    if dist.is_initialized():
        yield Ranks.here()
        return
    cuda = torch.cuda.is_available()
    if cuda:
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", 0)))
    dist.init_process_group("cpu:gloo,cuda:nccl" if cuda else "gloo", timeout=_PATIENCE)
    try:
        yield Ranks.here()
    finally:
        dist.destroy_process_group()
