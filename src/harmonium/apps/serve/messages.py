"""What goes between the server and the processes that answer."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

__all__ = ["ARROW", "JSON", "PARQUET", "Limits", "Refusal", "Reply", "Request"]

JSON = "application/json"
ARROW = "application/vnd.apache.arrow.stream"
PARQUET = "application/vnd.apache.parquet"


@dataclass(frozen=True)
class Limits:
    """What a server takes on.

    Attributes
    ----------
    body : bytes of a body.
    rows : rows of a question, or of an answer.
    seconds : of an answer; and of waiting before it is begun.
    waiting : questions that may wait at once.
    memory : bytes that a process may take beyond what its models take; None for no limit.
    """

    body: int = 16 * 2**20
    rows: int = 10_000
    seconds: float = 30.0
    waiting: int = 1000
    memory: int | None = 4 * 2**30


@dataclass(frozen=True)
class Request:
    """A question as it came: nothing in it has been read yet."""

    model: str
    question: str
    body: bytes
    media: str = JSON
    accept: str = "*/*"
    options: tuple[tuple[str, str], ...] = ()  #: of the query


@dataclass(frozen=True)
class Reply:
    """What is sent back."""

    status: int
    body: bytes
    media: str = JSON

    @classmethod
    def error(cls, status: int, message: str) -> Reply:
        """One line about what was wrong."""
        return cls(status, json.dumps({"error": " ".join(message.split())}).encode())

    @classmethod
    def json(cls, value: Any) -> Reply:
        return cls(200, json.dumps(value, allow_nan=False, ensure_ascii=False).encode())


class Refusal(Exception):
    """A question that is not answered: its HTTP status, and why."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status

    @property
    def reply(self) -> Reply:
        return Reply.error(self.status, str(self))
