"""Questions as OpenAPI describes them, with bodies that can be sent as they stand."""

from __future__ import annotations

from typing import Any

from harmonium.apps.serve.forms import FORMS
from harmonium.apps.serve.messages import ARROW, JSON, PARQUET
from harmonium.apps.serve.shelf import Shelf

__all__ = ["question_described", "with_examples"]

_SUMMARIES = {
    "score": "log P of each row, in nats: how likely?",
    "classify": "Which class, attributes, or label of a column?",
    "sample": "New rows, texts, images or sequences.",
    "complete": "Blanks filled from P(blanks given the rest).",
    "correct": "The clean row behind each noisy one.",
    "encode": "P(h = 1 given v) of each row: what lies behind it?",
    "decode": "E[v given h] of each row of hidden states: what would that look like?",
    "odd": "Rows from the oddest on, and of tables which cells make them odd; row 1 is the first.",
    "marginals": "P(variable given evidence), by a network: each one's own, or a joint one.",
    "contacts": "Pairs of columns by how strongly they are coupled, the likeliest contacts first.",
}
_ANSWERS: dict[str, dict[str, Any]] = {
    "score": {
        "log_p": {"type": "array", "items": {"type": ["number", "string"]}},
        "mean": {"type": ["number", "string", "null"]},
        "log_z": {"type": "object"},
    },
    "classify": {
        "label": {"type": "array"},
        "classes": {"type": "array"},
        "attributes": {"type": "array"},
        "p": {"type": "array"},
    },
    "odd": {
        "row": {"type": "array", "items": {"type": "integer"}},
        "score": {"type": "array", "items": {"type": ["number", "string"]}},
        "log_p": {"type": "array", "items": {"type": ["number", "string"]}},
        "cells": {"type": "object"},
    },
    "marginals": {
        "marginals": {"type": "object"},
        "method": {"type": "string"},
        "status": {"type": "string"},
        "variables": {"type": "array"},
        "p": {"type": "array"},
    },
    "contacts": {name: {"type": "array"} for name in ("i", "j", "score")},
}
_ERRORS = {
    400: "the body cannot be read",
    401: "the token is missing or wrong",
    404: "there is no such model",
    406: "no such form of an answer",
    413: "too many bytes or rows, or too little memory for them",
    415: "no such form of a body",
    422: "an option or a row is wrong: the line says which and what was wanted",
    503: "too many requests wait",
    504: "the answer took too long",
}


def question_described(question: str) -> dict[str, Any]:
    """Arguments of a route: its summary, the form of its body and of its answers."""
    schema = FORMS[question].model_json_schema()
    content: dict[str, Any] = {JSON: {"schema": schema}}
    binary = {"schema": {"type": "string", "format": "binary"}}
    tables = {ARROW: binary, PARQUET: binary}
    if "data" in schema["properties"]:
        content |= tables
    answer = {
        "type": "object",
        "properties": {
            **_ANSWERS.get(question, {"data": {"type": "array"}}),
            "notes": {"type": "array", "items": {"type": "string"}},
        },
    }
    error = {"type": "object", "properties": {"error": {"type": "string"}}}
    responses: dict[int, Any] = {
        200: {"description": "the answer", "content": {JSON: {"schema": answer}, **tables}}
    }
    for status, words in _ERRORS.items():
        responses[status] = {"description": words, "content": {JSON: {"schema": error}}}
    return {
        "summary": _SUMMARIES[question],
        "responses": responses,
        "openapi_extra": {"requestBody": {"required": True, "content": content}},
    }


def with_examples(described: dict[str, Any], shelf: Shelf) -> dict[str, Any]:
    """The description of all routes with a body for each question and model.

    They are put in here since FastAPI itself leaves out null, which says that a cell is missing.
    """
    for question in FORMS:
        route = described["paths"][f"/models/{{name}}/{question}"]["post"]
        route["requestBody"]["content"][JSON]["examples"] = {
            name: {"summary": f"asked of {name}", "value": own[question]}
            for name, own in shelf.examples.items()
            if question in own
        }
    return described
