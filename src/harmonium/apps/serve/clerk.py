"""A process that answers: models in, requests in, replies out.

Nothing of a request is read outside it, so that whatever a body holds can end this process at
most, and one that takes too long can be ended from outside.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
import traceback
import warnings
from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from harmonium.apps.serve import bodies
from harmonium.apps.serve.forms import Contacts, Form, Marginals, Sample
from harmonium.apps.serve.messages import Limits, Refusal, Reply, Request
from harmonium.apps.serve.questions import QUESTIONS, answered_by, joint_size
from harmonium.apps.serve.together import joined, likeness, parted
from harmonium.data.kind import Kind
from harmonium.data.kinds import Rows, kind_of

__all__ = ["answer", "work"]

#: What a wrong question raises; anything else is a fault of ours.
_WRONG = (ValueError, TypeError, OSError, ImportError, ArithmeticError, LookupError, RecursionError)


@dataclass(frozen=True)
class _Asked:
    """A request that was read."""

    place: int  # among those that came with it
    request: Request
    model: Any
    kind: Kind
    form: Form
    data: Any
    media: str

    @property
    def likeness(self) -> Hashable | None:
        """Equal for those that may be answered together; None for one that is answered alone."""
        question = self.request.question
        together = QUESTIONS[question].together
        if together is None or not together(self.form):
            return None
        like = likeness(self.data, blanks=question == "complete")
        if like is None:
            return None
        options = self.form.model_dump_json(exclude={"data"})
        return self.request.model, question, options, like


def work(
    channel: Connection,
    packed: bytes,
    limits: Limits,
    n_threads: int,
    first: Sequence[Request] = (),
) -> None:
    """Answer what comes by the `channel` until it is closed.

    `packed` are pickled models by name: from the server itself, never from outside. `first` are
    questions that load what the models need; their answers are for nobody.
    """
    for one in (signal.SIGINT, signal.SIGTERM):
        signal.signal(one, signal.SIG_IGN)  # the server says when to end, by closing the channel
    _use_threads(n_threads)
    models: dict[str, Any] = pickle.loads(packed)
    _use_threads(n_threads)
    _limit_memory(limits.memory)
    answer(models, first, limits)
    channel.send("ready")
    while True:
        try:
            requests = channel.recv()
        except EOFError:
            return
        channel.send(answer(models, requests, limits))


def answer(models: Mapping[str, Any], requests: Sequence[Request], limits: Limits) -> list[Reply]:
    """A reply to each request; those that are alike are answered at once."""
    replies: dict[int, Reply] = {}
    groups: dict[Hashable, list[_Asked]] = defaultdict(list)
    for place, request in enumerate(requests):
        try:
            asked = _read(place, request, models, limits)
        except Exception as error:
            replies[place] = _refused(error)
            continue
        like = asked.likeness
        groups[place if like is None else like].append(asked)
    for group in groups.values():
        replies |= _together(group) if len(group) > 1 else {group[0].place: _alone(group[0])}
    return [replies[place] for place in range(len(requests))]


def _read(place: int, request: Request, models: Mapping[str, Any], limits: Limits) -> _Asked:
    model = models[request.model]
    if request.question not in answered_by(model):
        name = type(model).__name__
        raise Refusal(422, f"{request.model} is a {name} and does not answer {request.question!r}")
    media = bodies.wanted_media(request)
    kind = kind_of(model)
    form, data = bodies.read(request, Rows() if request.question == "decode" else kind, limits)
    if isinstance(form, Sample) and form.n > limits.rows:
        raise Refusal(413, f"n: {form.n} rows; this server draws {limits.rows} at a time")
    if isinstance(form, Contacts) and form.n > limits.rows:
        raise Refusal(413, f"n: {form.n} pairs; this server tells {limits.rows} at a time")
    if isinstance(form, Marginals) and form.variables is not None:
        n_states = joint_size(model, form.variables)
        if n_states > limits.rows:
            raise Refusal(
                413,
                f"variables: {n_states} joint states; this server tells {limits.rows} at a time",
            )
    return _Asked(place, request, model, kind, form, data, media)


def _alone(asked: _Asked) -> Reply:
    question = QUESTIONS[asked.request.question]
    try:
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            made = question.work(asked.model, asked.kind, asked.data, asked.form)
            found = question.tell(asked.model, asked.kind, asked.data, made, asked.form)
        return bodies.reply_with(found, _notes(told), asked.media)
    except Exception as error:
        return _refused(error)


def _together(group: Sequence[_Asked]) -> dict[int, Reply]:
    """One answer to all, parted; where there is something wrong with one, each alone."""
    first = group[0]
    question = QUESTIONS[first.request.question]
    whole, counts = joined([one.data for one in group])
    try:
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            made = question.work(first.model, first.kind, whole, first.form)
            parts = parted(made, counts)
            found = [
                question.tell(one.model, one.kind, one.data, part, one.form)
                for one, part in zip(group, parts, strict=True)
            ]
        if told:  # a note may be about one of them: each is to get its own
            return {one.place: _alone(one) for one in group}
        return {
            one.place: bodies.reply_with(own, [], one.media)
            for one, own in zip(group, found, strict=True)
        }
    except Exception:
        return {one.place: _alone(one) for one in group}


def _notes(told: Sequence[warnings.WarningMessage]) -> list[str]:
    words = [" ".join(str(one.message).split()) for one in told]
    return list(dict.fromkeys(words))


def _refused(error: Exception) -> Reply:
    """The reply to a question that raised an error."""
    if isinstance(error, Refusal):
        return error.reply
    if isinstance(error, MemoryError) or "allocate memory" in str(error):  # torch's word for it
        return Reply.error(413, "not enough memory for an answer; ask for less at a time")
    if isinstance(error, _WRONG):
        return Reply.error(422, str(error) or type(error).__name__)
    traceback.print_exception(error, file=sys.stderr)
    return Reply.error(500, "the answer could not be worked out, by a fault of the server's")


def _use_threads(n_threads: int) -> None:
    """So many threads for whatever loops use; several such processes share the cores."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(n_threads)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(n_threads)
    if "numba" in sys.modules:
        numba = sys.modules["numba"]
        numba.set_num_threads(min(n_threads, numba.config.NUMBA_NUM_THREADS))


def _limit_memory(n_bytes: int | None) -> None:
    """What the process may take beyond what it has; where the system knows no such limit, none."""
    try:
        import resource

        with open("/proc/self/statm") as stream:
            held = int(stream.read().split()[5]) * resource.getpagesize()
    except (ImportError, OSError):
        return
    if n_bytes is not None:
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        wanted = held + n_bytes
        resource.setrlimit(resource.RLIMIT_DATA, (wanted if hard < 0 else min(wanted, hard), hard))
