"""The command line run in this process: loading the libraries anew takes longer than the work."""

from __future__ import annotations

import io
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass

from harmonium.apps.cli.main import main

__all__ = ["Done", "run"]


@dataclass(frozen=True)
class Done:
    """What a command left: its exit status, and what it said on either stream."""

    returncode: int
    stdout: str
    stderr: str


def run(*words: object, stdin: str = "") -> Done:
    """``harmonium WORDS`` with `stdin` to read."""
    said, told = io.StringIO(), io.StringIO()
    before, sys.stdin = sys.stdin, io.TextIOWrapper(io.BytesIO(stdin.encode()))
    try:
        with redirect_stdout(said), redirect_stderr(told):
            main([str(word) for word in words])
    except SystemExit as done:
        return Done(int(done.code or 0), said.getvalue(), told.getvalue())
    finally:
        sys.stdin = before
    raise AssertionError("main returned without an exit status")
