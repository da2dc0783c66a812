"""Bodies of requests and replies: JSON, Arrow's stream, Parquet.

A JSON body holds the data and the options of a question; a table is the data alone, its options
stand in the query. Whatever cannot be read is a :class:`Refusal` that says where.
"""

from __future__ import annotations

import io
import json
from typing import Any

from pydantic import ValidationError
from pydantic_core import from_json

from harmonium.apps.serve.forms import FORMS, Form, WithData
from harmonium.apps.serve.messages import ARROW, JSON, PARQUET, Limits, Refusal, Reply, Request
from harmonium.apps.serve.questions import Answer
from harmonium.data.arrow import parquet_table
from harmonium.data.files import UNREADABLE
from harmonium.data.kind import Kind

__all__ = ["read", "reply_with", "wanted_media"]

_KNOWN = (JSON, ARROW, PARQUET)


def wanted_media(request: Request) -> str:
    """The form of the reply: of those that `accept` names the first that is known, else that of
    the body. Raises a 406 where none is."""
    named = [one.partition(";")[0].strip().lower() for one in request.accept.split(",")]
    for one in named:
        if one in _KNOWN:
            return one
        if one in ("*/*", "application/*", ""):
            return request.media
    raise Refusal(406, f"accept: wanted one of {', '.join(_KNOWN)}, got {request.accept!r}")


def read(request: Request, kind: Kind, limits: Limits) -> tuple[Form, Any]:
    """The form that a request fills in, and its data (None where there are none)."""
    if request.media == JSON:
        said = _object(request.body) if request.body.strip() else {}
        if request.options:
            raise Refusal(422, "options of a question in JSON stand in its body, not in the query")
        form = _filled(request.question, said)
        data = form.data if isinstance(form, WithData) else None
        if data is None:
            _check_needed(request, form)
            return form, None
        _check_rows(len(data), limits)
        return form, kind.take(data)
    form = _filled(request.question, _query(request))
    if not isinstance(form, WithData):
        raise Refusal(415, f"{request.question} takes its options as {JSON}")
    table = _table(request, limits)
    _check_rows(table.num_rows, limits)
    return form, kind.take_table(table)


def _object(body: bytes) -> dict[str, Any]:
    try:
        said = from_json(body, allow_inf_nan=False)
    except (ValueError, RecursionError) as error:
        raise Refusal(400, f"the body is not JSON: {error}") from None
    if not isinstance(said, dict):
        raise Refusal(400, f"the body must be a JSON object, got a {type(said).__name__}")
    return said


def _query(request: Request) -> dict[str, Any]:
    """Options of a query: JSON where they read as such, else texts."""
    known, said = FORMS[request.question].model_fields, {}
    for name, text in request.options:
        if name == "data" or name not in known:
            raise Refusal(422, f"{request.question} has no option {name!r} in a query")
        if name in said:
            raise Refusal(422, f"{name} is given twice")
        if known[name].annotation in (str, str | None):
            said[name] = text
            continue
        try:
            said[name] = from_json(text, allow_inf_nan=False)
        except (ValueError, RecursionError):
            said[name] = text
    return said


def _filled(question: str, said: dict[str, Any]) -> Form:
    try:
        return FORMS[question].model_validate(said)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        place = ".".join(map(str, first["loc"])) or "the body"
        if first["type"] == "extra_forbidden":
            raise Refusal(422, f"{question} has no option {place!r}") from None
        raise Refusal(422, f"{place}: {first['msg']}, got {str(first['input'])[:60]!r}") from None


def _check_needed(request: Request, form: Form) -> None:
    """A 422 where a question wants data and has none."""
    named = any(getattr(form, name, None) for name in _CONSTRAINTS)
    if isinstance(form, WithData) and not (request.question == "complete" and named):
        raise Refusal(422, f"data is missing: what should {request.question} be asked of?")


#: With one of these ``complete`` makes a text from nothing.
_CONSTRAINTS = ("contains", "begins_with", "ends_with", "length")


def _table(request: Request, limits: Limits) -> Any:
    """The Arrow table of a body, every offset in it looked at."""
    try:
        import pyarrow as pa
    except ImportError:
        raise Refusal(
            415, "tables want pyarrow, which the server has not: pip install 'harmonium[tables]'"
        ) from None
    try:
        if request.media == PARQUET:
            table = parquet_table(io.BytesIO(request.body), len(request.body))
        else:
            table = _stream(request.body, limits)
        table.validate(full=True)
    except (pa.ArrowException, *UNREADABLE) as error:
        if isinstance(error, MemoryError):
            raise
        what = "Parquet" if request.media == PARQUET else "an Arrow stream"
        why = " ".join((str(error) or type(error).__name__).split())[:200]
        raise Refusal(400, f"the body is not {what}: {why}") from None
    return table


def _stream(body: bytes, limits: Limits) -> Any:
    import pyarrow as pa

    n_rows, batches = 0, []
    with pa.ipc.open_stream(body) as reader:
        for batch in reader:
            n_rows += batch.num_rows
            _check_rows(n_rows, limits)
            batches.append(batch)
        return pa.Table.from_batches(batches, reader.schema)


def _check_rows(n_rows: int, limits: Limits) -> None:
    if n_rows > limits.rows:
        raise Refusal(413, f"{n_rows} rows; this server takes {limits.rows} at a time")


def reply_with(answer: Answer, notes: list[str], media: str) -> Reply:
    """An answer in the form that was wanted; notes are a list in JSON, metadata of a table."""
    if media == JSON:
        return Reply.json(answer.plain() | {"notes": notes})
    import pyarrow as pa

    table = answer.table().replace_schema_metadata({"notes": json.dumps(notes)})
    stream = io.BytesIO()
    if media == PARQUET:
        from pyarrow import parquet

        parquet.write_table(table, stream)
    else:
        with pa.ipc.new_stream(stream, table.schema) as writer:
            writer.write_table(table)
    return Reply(200, stream.getvalue(), media)
