"""The server's routes."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

import harmonium
from harmonium.apps.pages.page import render
from harmonium.apps.serve import messages
from harmonium.apps.serve.described import question_described, with_examples
from harmonium.apps.serve.desk import Desk
from harmonium.apps.serve.figures import Figures
from harmonium.apps.serve.forms import FORMS
from harmonium.apps.serve.guard import check_host, check_token
from harmonium.apps.serve.messages import JSON, Limits, Refusal, Reply
from harmonium.apps.serve.process import Opening
from harmonium.apps.serve.shelf import Shelf
from harmonium.compute.threads import cores

__all__ = ["Settings", "build_app"]

#: Routes without secrets: a browser cannot send a token with the first, nor a prober with either.
_OPEN = ("/", "/health")


@dataclass(frozen=True)
class Settings:
    """How models are served.

    Attributes
    ----------
    n_clerks, n_threads : processes that answer, and threads of each.
    token : what requests must carry; None: nothing.
    hosts : names that requests may ask for; None: any.
    """

    limits: Limits = field(default_factory=Limits)
    n_clerks: int = 2
    n_threads: int = 1
    token: str | None = None
    hosts: frozenset[str] | None = None

    @classmethod
    def of(
        cls,
        limits: Limits,
        n_clerks: int | None,
        token: str | None,
        hosts: frozenset[str] | None,
    ) -> Settings:
        """Settings for this machine: a process a core unless told, at least two; cores that are
        left over are threads of theirs."""
        n = n_clerks or max(2, cores())
        return cls(limits, n, max(1, cores() // n), token, hosts)


def build_app(shelf: Shelf, settings: Settings) -> FastAPI:
    """The application; its processes begin with its lifespan, and end with it."""
    limits, figures = settings.limits, Figures()
    opening = Opening(
        shelf.packed, limits, settings.n_threads, shelf.modules, tuple(_first_questions(shelf))
    )

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.desk = desk = Desk(opening, settings.n_clerks, figures.together.observe)
        await desk.open()
        figures.follow("waiting", "Requests that wait", lambda: desk.n_waiting)
        figures.follow("processes", "Processes that answer", lambda: desk.n_alive)
        figures.follow("process_starts", "Processes begun so far", lambda: desk.n_starts)
        yield
        await desk.close()

    app = FastAPI(
        title="harmonium",
        version=harmonium.__version__,
        summary="Questions to joint distributions.",
        lifespan=lifespan,
        docs_url=None,  # they would be fetched from outside
        redoc_url=None,
    )
    app.add_middleware(_Guard, settings=settings)
    _tell_errors(app)
    _add_state(app, figures)
    _add_models(app, shelf)
    _add_questions(app, shelf, limits, figures)
    described = with_examples(app.openapi(), shelf)
    app.openapi = lambda: described  # type: ignore[method-assign]
    return app


def _first_questions(shelf: Shelf) -> Iterator[messages.Request]:
    """One of each model, that a process puts to itself: compiled loops are loaded by it."""
    for name, bodies in shelf.examples.items():
        if bodies.get("score", {}).get("data"):
            yield messages.Request(name, "score", json.dumps(bodies["score"]).encode())


def _response(reply: Reply) -> Response:
    headers = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
    if reply.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if reply.status == 503:
        headers["Retry-After"] = "1"
    return Response(reply.body, reply.status, headers, reply.media)


class _Guard:
    """Turns away before anything is read; what it lets through it leaves as it is."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app, self._settings = app, settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            try:
                check_host(self._settings.hosts, headers)
                if scope["path"] not in _OPEN:
                    check_token(self._settings.token, headers)
            except Refusal as refusal:
                await _response(refusal.reply)(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _tell_errors(app: FastAPI) -> None:
    """All errors in one form, those of the framework's own included."""

    @app.exception_handler(Refusal)
    async def refused(_: Request, refusal: Refusal) -> Response:
        return _response(refusal.reply)

    @app.exception_handler(404)
    @app.exception_handler(405)
    @app.exception_handler(HTTPException)
    async def not_there(request: Request, error: HTTPException) -> Response:
        where = f"{request.method} {request.url.path[:200]}"
        said = {404: f"there is nothing at {where}", 405: f"{where} is not answered"}
        return _response(Reply.error(error.status_code, said.get(error.status_code, error.detail)))

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> Response:
        return _response(Reply.error(422, str(error.errors()[0].get("msg"))))


def _add_state(app: FastAPI, figures: Figures) -> None:
    @app.get("/", include_in_schema=False)
    async def page() -> Response:
        """A page to try each question."""
        rules = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
        rules += "img-src data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'"
        html = render("serve", version=harmonium.__version__)
        return Response(html, media_type="text/html", headers={"Content-Security-Policy": rules})

    @app.get("/health", tags=["server"])
    async def health() -> Response:
        """Whether questions are answered: a 503 where no process is there to."""
        n_alive = app.state.desk.n_alive
        status = 200 if n_alive else 503
        told = Reply.json({"status": "ok" if n_alive else "down", "processes": n_alive})
        return _response(Reply(status, told.body))

    @app.get("/metrics", tags=["server"])
    async def metrics() -> Response:
        """Figures for Prometheus."""
        return Response(figures.written(), media_type="text/plain; version=0.0.4")


def _add_models(app: FastAPI, shelf: Shelf) -> None:
    @app.get("/models", tags=["models"])
    async def models() -> Response:
        """The models that are served, what each answers, and a body for each question."""
        told = [one | {"examples": shelf.examples[name]} for name, one in shelf.about.items()]
        return _response(Reply.json({"models": told}))

    @app.get("/models/{name}/info", tags=["models"])
    async def info(name: str) -> Response:
        """What a model is, and how it was learned."""
        return _response(Reply.json(shelf.about[_known(name, shelf)]))


def _known(name: str, shelf: Shelf) -> str:
    if name not in shelf.about:
        raise Refusal(404, f"there is no model {name[:60]!r}; there are {', '.join(shelf.about)}")
    return name


def _add_questions(app: FastAPI, shelf: Shelf, limits: Limits, figures: Figures) -> None:
    def asking(question: str) -> Callable[[str, Request], Awaitable[Response]]:
        async def ask(name: str, request: Request) -> Response:
            _known(name, shelf)
            began = time.perf_counter()
            try:
                asked = await _read(name, question, request, limits)
                began = time.perf_counter()
                reply = await _answer(app.state.desk, asked, request)
            except Refusal as refusal:
                reply = refusal.reply
            figures.count(name, question, reply.status, time.perf_counter() - began)
            return _response(reply)

        return ask

    for question in FORMS:
        app.post(
            f"/models/{{name}}/{question}",
            tags=["questions"],
            name=question,
            **question_described(question),
        )(asking(question))


async def _read(name: str, question: str, request: Request, limits: Limits) -> messages.Request:
    """The request whole, as far as its size and kind allow."""
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    known = (JSON, messages.ARROW, messages.PARQUET)
    if media not in known:
        raise Refusal(415, f"content-type: wanted one of {', '.join(known)}, got {media[:60]!r}")
    length = request.headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > limits.body:
        raise _too_large(limits)
    body = bytearray()
    try:
        async with asyncio.timeout(limits.seconds):
            async for chunk in request.stream():
                body += chunk
                if len(body) > limits.body:
                    raise _too_large(limits)
    except TimeoutError:
        raise Refusal(408, f"the body did not come within {limits.seconds:g} s") from None
    return messages.Request(
        name,
        question,
        bytes(body),
        media,
        request.headers.get("accept", "*/*"),
        tuple(request.query_params.multi_items()),
    )


def _too_large(limits: Limits) -> Refusal:
    return Refusal(413, f"the body is too large; this server takes {limits.body} bytes")


async def _answer(desk: Desk, asked: messages.Request, request: Request) -> Reply:
    """The reply, for as long as somebody waits for it."""
    answer = asyncio.create_task(desk.ask(asked))
    gone = asyncio.create_task(_disconnected(request))
    try:
        await asyncio.wait({answer, gone}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        gone.cancel()
        if not answer.done():
            answer.cancel()
    if not answer.done():
        raise Refusal(499, "the client went away")
    return answer.result()


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
