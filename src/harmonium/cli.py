"""The command line: each command is one question put to a model file."""

from __future__ import annotations

import sys
import warnings
from typing import Annotated, Any

import typer

__all__ = ["app", "main"]

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Learn a joint probability distribution from data, then ask it anything.",
)

Data = Annotated[str, typer.Argument(help="rows: .npy, .npz, .csv or .parquet")]
Model = Annotated[str, typer.Argument(help="a model file")]
Out = Annotated[str, typer.Option("-o", "--out", help=".npy, .npz, .csv, or .png for pictures")]
Key = Annotated[str | None, typer.Option(help="which array of an .npz")]
Shape = Annotated[str | None, typer.Option(help="HxW of a row seen as a picture")]
Seed = Annotated[int | None, typer.Option(help="random seed")]
How = Annotated[str, typer.Option(help="mode, mean or sample")]

_ENDINGS = (".npy", ".npz", ".csv", ".png")


def main() -> None:
    """Run the command line; wrong input is one line on stderr and exit status 2."""
    warnings.showwarning = _show_warning
    try:
        app()
    except (ValueError, TypeError, OSError, ImportError) as error:
        print(f"harmonium: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(2)


def _show_warning(message: Any, *_: Any, **__: Any) -> None:
    print(f"harmonium: note: {message}", file=sys.stderr)


def _value(text: str) -> Any:
    """A parameter's value as written: None, True, False, a number, or the text itself."""
    named = {"None": None, "True": True, "False": False}
    if text in named:
        return named[text]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _shape(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    parts = text.lower().split("x")
    if len(parts) != 2 or not all(part.isdigit() and int(part) > 0 for part in parts):
        raise ValueError(f"--shape must be HEIGHTxWIDTH such as 28x28, got {text!r}")
    return int(parts[0]), int(parts[1])


def _check_out(path: str) -> None:
    from pathlib import Path

    if Path(path).suffix.lower() not in _ENDINGS:
        raise ValueError(f"--out must end in one of {', '.join(_ENDINGS)}, got {path!r}")
    if not Path(path).parent.is_dir():
        raise ValueError(f"--out: the folder {str(Path(path).parent)!r} does not exist")


def _write(path: str, rows: Any, shape: str | None) -> None:
    if path.lower().endswith(".png"):
        from harmonium.plots import save_picture, tile

        save_picture(tile(rows, _shape(shape)), path)
    else:
        from harmonium.data import write_rows

        write_rows(path, rows)


def _load(path: str) -> Any:
    from harmonium.storage import load

    return load(path)


def _rows(path: str, key: str | None) -> Any:
    from harmonium.data import read_rows

    return read_rows(path, key)


@app.command()
def fit(
    data: Data,
    out: Annotated[str, typer.Option("-o", "--out", help="the model file to write")],
    model: Annotated[str, typer.Option(help="kind of model: rbm")] = "rbm",
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="a constructor parameter: name=value")
    ] = None,
    key: Key = None,
    seed: Seed = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="no progress bar")] = False,
) -> None:
    """Learn a model from rows of 0 and 1."""
    from pathlib import Path

    from harmonium.rbm import RBM

    if model != "rbm":
        raise ValueError(f"--model must be 'rbm', got {model!r}")
    if not Path(out).parent.is_dir():
        raise ValueError(f"--out: the folder {str(Path(out).parent)!r} does not exist")
    known = RBM().get_params()
    parameters: dict[str, Any] = {"random_state": seed, "verbose": 0 if quiet else 1}
    for item in set_ or []:
        name, separator, text = item.partition("=")
        if not separator or name not in known:
            raise ValueError(
                f"--set wants name=value with a name among {', '.join(sorted(known))}, got {item!r}"
            )
        parameters[name] = _value(text)
    estimator = RBM(**parameters).fit(_rows(data, key))
    estimator.save(out)
    last = {name: values[-1] for name, values in estimator.history_.items()}
    if "validation" in last:
        best = max(estimator.history_["validation"])
        print(f"held-out log-likelihood {best:.3f} ± {last['std_error']:.3f} nats")
    print(f"{out}: {estimator.n_updates_} updates, {estimator.stop_reason_}")


@app.command()
def score(
    model: Model,
    data: Data,
    out: Annotated[str | None, typer.Option("-o", "--out", help="log P of each row")] = None,
    key: Key = None,
) -> None:
    """Mean log-likelihood of rows, in nats, with the error of log Z."""
    if out is not None:
        _check_out(out)
    fitted = _load(model)
    scores = fitted.score_samples(_rows(data, key))
    log_z = fitted.log_partition()
    print(f"mean log-likelihood {scores.mean():.4f} nats over {len(scores)} rows")
    print(f"log Z {log_z.value:.4f} ± {log_z.std_error:.4f} ({log_z.method}, {log_z.status})")
    if out is not None:
        _write(out, scores[:, None], None)


@app.command()
def sample(
    model: Model,
    out: Out,
    n: Annotated[int, typer.Option("-n", help="how many")] = 100,
    seed: Seed = None,
    shape: Shape = None,
) -> None:
    """Draw new rows."""
    _check_out(out)
    _write(out, _load(model).sample(n, random_state=seed), shape)


@app.command()
def complete(
    model: Model,
    data: Data,
    out: Out,
    how: How = "mode",
    key: Key = None,
    seed: Seed = None,
    shape: Shape = None,
) -> None:
    """Fill the blanks (NaN, or empty cells of a CSV file) of each row."""
    _check_out(out)
    _write(out, _load(model).complete(_rows(data, key), how=how, random_state=seed), shape)


def _channel(text: str) -> Any:
    from harmonium import noise

    kinds = {
        "bitflip": noise.BitFlip,
        "gaussian": noise.Gaussian,
        "replace": noise.Replace,
        "typos": noise.Typos,
    }
    name, _, amount = text.partition(":")
    if name not in kinds or not isinstance(_value(amount), int | float):
        raise ValueError(
            f"--noise must be one of {', '.join(kinds)}, ':' and a number, got {text!r}"
        )
    return kinds[name](_value(amount))


@app.command()
def correct(
    model: Model,
    data: Data,
    out: Out,
    noise: Annotated[str, typer.Option(help="the channel, such as bitflip:0.1")],
    how: How = "mode",
    key: Key = None,
    seed: Seed = None,
    shape: Shape = None,
) -> None:
    """The clean row behind each noisy one."""
    _check_out(out)
    channel = _channel(noise)
    rows = _rows(data, key)
    _write(out, _load(model).correct(rows, noise=channel, how=how, random_state=seed), shape)


@app.command()
def encode(model: Model, data: Data, out: Out, key: Key = None) -> None:
    """P(h = 1 given v) of each row."""
    _check_out(out)
    _write(out, _load(model).transform(_rows(data, key)), None)


@app.command()
def decode(model: Model, data: Data, out: Out, key: Key = None, shape: Shape = None) -> None:
    """E[v given h] of each row of hidden states or probabilities."""
    _check_out(out)
    _write(out, _load(model).inverse_transform(_rows(data, key)), shape)


@app.command()
def info(
    model: Model,
    weights: Annotated[str | None, typer.Option(help="hidden units' weights as a .png")] = None,
    shape: Shape = None,
) -> None:
    """What a model file holds."""
    from rich.console import Console
    from rich.table import Table

    fitted = _load(model)
    log_z = fitted.log_partition()
    table = Table(show_header=False)
    table.add_row("model", type(fitted).__name__)
    table.add_row("visible units", str(fitted.n_features_in_))
    table.add_row("hidden units", str(len(fitted.intercept_hidden_)))
    table.add_row("log Z", f"{log_z.value:.4f} ± {log_z.std_error:.4f} nats")
    table.add_row("log Z by", f"{log_z.method}, {log_z.status}")
    table.add_row("fit ended", f"{fitted.stop_reason_} after {fitted.n_updates_} updates")
    if fitted.history_.get("validation"):
        table.add_row("held-out", f"{max(fitted.history_['validation']):.3f} nats")
    for name, value in fitted.get_params().items():
        table.add_row(name, str(value))
    Console().print(table)
    if weights is not None:
        from harmonium.plots import save_picture, weights_picture

        save_picture(weights_picture(fitted.components_, _shape(shape)), weights)


@app.command()
def tour(
    out: Annotated[str, typer.Option("-o", "--out", help="a folder for the pictures")] = "tour",
    quick: Annotated[bool, typer.Option("--quick", help="train for a tenth of the time")] = False,
) -> None:
    """The main job on real data that ships with a dependency."""
    from harmonium.tour import run_tour

    run_tour(out, quick=quick)
