"""The command line: each command is one question put to a model file."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from harmonium.apps.cli import ask, chains, network, sequences, show
from harmonium.apps.cli.classify import classify
from harmonium.apps.cli.fit import fit
from harmonium.apps.cli.models import models
from harmonium.apps.cli.odd import odd
from harmonium.apps.cli.play import play
from harmonium.apps.cli.ranks import share_command
from harmonium.apps.cli.sample import sample
from harmonium.apps.cli.serve import serve

__all__ = ["app", "main"]

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Learn a joint probability distribution from data, then ask it anything.",
)


def _tell_version(asked: bool) -> None:
    if asked:
        from harmonium import __version__

        print(f"harmonium {__version__}")
        raise typer.Exit


@app.callback()
def _common(
    ctx: typer.Context,
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="the version of harmonium", callback=_tell_version, is_eager=True
        ),
    ] = False,
) -> None:
    """What stands before the commands; the text of the help is the app's own."""
    share_command(ctx)


for _command in (
    fit,
    models,
    ask.score,
    classify,
    odd,
    sample,
    ask.complete,
    ask.correct,
    ask.encode,
    ask.decode,
    network.marginal,
    network.most_likely,
    sequences.contacts,
    chains.prune,
    chains.mix,
    show.info,
    show.report,
    show.tour,
    serve,
    play,
):
    app.command()(_command)
# A sequence may begin with gaps, which are no options.
app.command(context_settings={"ignore_unknown_options": True})(sequences.mutations)

#: What typer raises for words it cannot read: click's class, or its own copy of it.
_Usage: type[Exception] = next(
    cls for cls in typer.BadParameter.__mro__ if cls.__name__ == "ClickException"
)
#: What wrong input raises; anything else is a fault of ours and keeps its traceback.
_WRONG_INPUT = (ValueError, TypeError, OSError, ImportError, FloatingPointError, MemoryError)


def main(words: Sequence[str] | None = None) -> None:
    """Run the command line; wrong input is one line on stderr and exit status 2."""
    # Threads that wait for each other sleep: where other work has the cores, one that spins
    # instead keeps from its core the thread that it waits for. Read when torch is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    with warnings.catch_warnings():
        warnings.showwarning = _show_warning
        sys.exit(_status(words))


def _status(words: Sequence[str] | None) -> int:
    try:
        status = app(args=words, standalone_mode=False)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader (`| head`) has what it wanted; nothing more can be said on this pipe.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except _Usage as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            error.show()  # type: ignore[attr-defined]
            return 2
        return _wrong(error.format_message())  # type: ignore[attr-defined]
    except (typer.Abort, KeyboardInterrupt):
        print("harmonium: interrupted", file=sys.stderr)
        return 130
    except MemoryError as error:
        return _wrong(f"not enough memory: {error}")
    except _WRONG_INPUT as error:
        return _wrong(str(error))
    except RuntimeError as error:
        if "allocate memory" not in str(error):  # torch's word for MemoryError
            raise
        return _wrong(f"not enough memory: {error}")
    return int(status or 0)


def _wrong(message: str) -> int:
    print(f"harmonium: {' '.join(message.split())}", file=sys.stderr)
    return 2


def _show_warning(message: Any, *_: Any, **__: Any) -> None:
    print(f"harmonium: note: {' '.join(str(message).split())}", file=sys.stderr)
