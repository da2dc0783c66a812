"""Questions to a fitted model, a command each."""

from __future__ import annotations

from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from harmonium.apps.answering import how_to_correct, likelihood_of
from harmonium.apps.cli import options
from harmonium.apps.cli.ranks import here, shared_log_z, shared_rows, writing

__all__ = ["complete", "correct", "decode", "encode", "score"]


def score(
    model: options.Fitted,
    data: options.Data,
    out: Annotated[
        str | None,
        typer.Option("-o", "--out", help="log P of each row: .npy, .npz, .csv or .parquet"),
    ] = None,
    errors: Annotated[
        bool, typer.Option("--errors", help="with the standard error of the mean over rows")
    ] = False,
    as_json: options.Json = False,
    key: options.Key = None,
    unknown: options.Unknown = None,
) -> None:
    """Mean log-likelihood, in nats: of rows with the error of log Z, of texts with perplexity."""
    from harmonium.apps.cli import blocks
    from harmonium.contract.storage import check_place
    from harmonium.data.kinds import kind_of

    if out is not None:
        if Path(out).suffix.lower() not in (".npy", ".npz", ".csv", ".parquet"):
            raise ValueError(f"--out must end in .npy, .npz, .csv or .parquet, got {out!r}")
        check_place(out, "--out")
    ranks = here()
    fitted = options.load_answering(model, "score_samples", unknown)
    kind = kind_of(fitted)
    rows = shared_rows(kind, data, key, ranks)
    with nullcontext() if unknown or ranks.rank else options.keeping_log_z(model, fitted):
        shared_log_z(fitted, ranks)
        found = blocks.score(likelihood_of(fitted), rows, out, ranks)
        log_z = fitted.log_partition() if hasattr(fitted, "log_partition") else None
    if not found.n:
        raise ValueError(f"DATA: {data!r} holds nothing to score")
    mean, error = found.mean, found.std_error
    of_words: dict[str, float] = {}
    if hasattr(fitted, "perplexity"):
        of_words["perplexity"] = fitted.perplexity(rows)
        of_words["unknown_share"] = fitted.unknown_share(rows)
    if as_json:
        told = {"mean_log_likelihood": mean, "std_error": error, kind.what: found.n, **of_words}
        options.print_json(told if log_z is None else told | {"log_partition": vars(log_z)})
        return
    beside = f" ± {error:.4f}" if errors else ""
    print(f"mean log-likelihood {mean:.4f}{beside} nats over {found.n} {kind.what}")
    if of_words:
        print(f"perplexity {of_words['perplexity']:.4f} a word")
        print(f"words not known {of_words['unknown_share']:.2%}, scored as <unk>")
    if log_z is not None:
        print(f"log Z {log_z.value:.4f} ± {log_z.std_error:.4f} ({log_z.method}, {log_z.status})")


_Blanks = Annotated[
    str | None,
    typer.Argument(
        metavar="DATA", help="as for score; texts: not needed with --contains and its like"
    ),
]


def complete(
    model: options.Fitted,
    data: _Blanks = None,
    out: options.Out = None,
    how: Annotated[str | None, typer.Option(help="mode (unless told), mean or sample")] = None,
    ranked: Annotated[
        int | None,
        typer.Option(help="texts: the so many likeliest words of each ___, with P: a .csv", min=1),
    ] = None,
    mask: Annotated[
        str | None, typer.Option(help="images: a picture, white where to fill, or a folder")
    ] = None,
    key: options.Key = None,
    seed: options.Seed = None,
    contains: options.Contains = None,
    begins_with: options.BeginsWith = None,
    ends_with: options.EndsWith = None,
    length: options.Length = None,
    shape: options.Shape = None,
    unknown: options.Unknown = None,
) -> None:
    """Fill the blanks: NaN or empty cells of rows, ___ in texts, the mask of images."""
    from harmonium.apps.cli import blocks
    from harmonium.data.kinds import Images, kind_of
    from harmonium.data.shards import Shards

    fitted = options.load_answering(model, "complete", unknown)
    kind = kind_of(fitted)
    if ranked is not None:
        told = (how, mask, seed, contains, begins_with, ends_with, length)
        if data is None or any(one is not None for one in told):
            raise ValueError("--ranked goes with DATA, --key and --out alone")
        _ranked(fitted, kind, data, key, ranked, out)
        return
    place, ranks = kind.check_out(out), writing(out)
    row_shape = options.row_shape(shape, kind.what, place)
    wanted = options.applying(
        fitted,
        "complete",
        contains=contains or None,
        begins_with=begins_with,
        ends_with=ends_with,
        length=options.read_length(length),
    )
    asked = wanted | options.applying(fitted, "complete", random_state=seed)
    if data is None and not wanted:
        raise ValueError("DATA is missing: what should be completed?")
    rows = None if data is None else shared_rows(kind, data, key, ranks)
    if mask is not None:
        if not isinstance(kind, Images):
            raise ValueError(f"--mask does not apply to {kind.what}; blanks stand in the data")
        rows = kind.with_holes(rows, mask)
    fill = partial(fitted.complete, how=how or "mode", **asked)
    if isinstance(rows, Shards) and Path(place).suffix.lower() == ".parquet":
        blocks.complete(fill, rows, kind, place, ranks, seed)
    else:
        kind.write(place, fill(rows), row_shape)


def _ranked(
    fitted: Any, kind: Any, data: str, key: str | None, n_best: int, out: str | None
) -> None:
    """The likeliest words of each blank of each text, and P(word | the rest)."""
    from harmonium.data.files import write_table

    if not hasattr(fitted, "blanks"):
        raise ValueError(f"--ranked does not apply to complete with a {type(fitted).__name__}")
    if out is not None:
        options.check_csv(out)
    lines = [
        [number, place, word, p]
        for number, text in enumerate(kind.read(data, key), start=1)
        for place, words in enumerate(fitted.blanks(text, n_best), start=1)
        for word, p in words
    ]
    write_table(out or "-", ["text", "blank", "word", "P"], lines)


def correct(
    model: options.Fitted,
    data: options.Data,
    noise: Annotated[
        str,
        typer.Option(
            help="the channel: bitflip:P, replace:P, cells:P, typos:P, gaussian:SIGMA or "
            "edits:SUBSTITUTE,INSERT,DELETE"
        ),
    ],
    out: options.Out = None,
    how: options.How = None,
    key: options.Key = None,
    seed: options.Seed = None,
    shape: options.Shape = None,
    unknown: options.Unknown = None,
) -> None:
    """The clean row, text or image behind each noisy one."""
    from harmonium.data.kinds import kind_of

    fitted = options.load_answering(model, "correct", unknown)
    kind = kind_of(fitted)
    place = kind.check_out(out)
    row_shape = options.row_shape(shape, kind.what, place)
    channel = options.read_channel(noise)
    asked = options.applying(fitted, "correct", random_state=seed)
    rows = kind.read(data, key)
    how = how_to_correct(how, kind.what)
    kind.write(place, fitted.correct(rows, noise=channel, how=how, **asked), row_shape)


def encode(
    model: options.Fitted,
    data: options.Data,
    out: options.Out = None,
    key: options.Key = None,
    unknown: options.Unknown = None,
) -> None:
    """P(h = 1 given v) of each row."""
    from harmonium.apps.cli import blocks
    from harmonium.data.kinds import Rows, kind_of

    place, ranks = Rows().check_out(out), writing(out)
    as_table = Path(place).suffix.lower() == ".parquet"
    fitted = options.load_answering(model, "inverse_transform", unknown)
    transform = options.hidden(fitted, model, "transform")
    rows = shared_rows(kind_of(fitted), data, key, ranks)
    if as_table:
        told = getattr(fitted, "get_feature_names_out", None)
        names = [] if told is None else list(map(str, told()))
        blocks.encode(transform, rows, names, place, ranks)
    else:
        Rows().write(place, transform(rows))


def decode(
    model: options.Fitted,
    data: options.Data,
    out: options.Out = None,
    key: options.Key = None,
    shape: options.Shape = None,
) -> None:
    """The expected row E(v | h) of each row of hidden states or probabilities."""
    from harmonium.data.kinds import Rows, kind_of

    fitted = options.load_answering(model, "inverse_transform")
    transform = options.hidden(fitted, model, "inverse_transform")
    kind = kind_of(fitted)
    place = kind.check_out(out)
    row_shape = options.row_shape(shape, kind.what, place)
    kind.write(place, transform(Rows().read(data, key)), row_shape)
