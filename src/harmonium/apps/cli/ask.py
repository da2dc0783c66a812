"""Questions to a fitted model, a command each."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harmonium.apps.answering import how_to_correct
from harmonium.apps.cli import options

__all__ = ["complete", "correct", "decode", "encode", "score"]


def score(
    model: options.Fitted,
    data: options.Data,
    out: Annotated[
        str | None, typer.Option("-o", "--out", help="log P of each row: .npy, .npz or .csv")
    ] = None,
    key: options.Key = None,
    unknown: options.Unknown = None,
) -> None:
    """Mean log-likelihood, in nats: of rows with the error of log Z, of texts with perplexity."""
    import numpy as np

    from harmonium.contract.storage import check_place
    from harmonium.data.files import write_rows
    from harmonium.data.kinds import kind_of

    if out is not None:
        if Path(out).suffix.lower() not in (".npy", ".npz", ".csv"):
            raise ValueError(f"--out must end in .npy, .npz or .csv, got {out!r}")
        check_place(out, "--out")
    fitted = options.load_model(model, unknown)
    kind = kind_of(fitted)
    rows = kind.read(data, key)
    scores = fitted.score_samples(rows)
    if not len(scores):
        raise ValueError(f"DATA: {data!r} holds nothing to score")
    print(f"mean log-likelihood {np.mean(scores):.4f} nats over {len(scores)} {kind.what}")
    if hasattr(fitted, "perplexity"):
        print(f"perplexity {fitted.perplexity(rows):.4f} a word")
        print(f"words not known {fitted.unknown_share(rows):.2%}, scored as <unk>")
    if hasattr(fitted, "log_partition"):
        log_z = fitted.log_partition()
        print(f"log Z {log_z.value:.4f} ± {log_z.std_error:.4f} ({log_z.method}, {log_z.status})")
    if out is not None:
        write_rows(out, scores[:, None])


def complete(
    model: options.Fitted,
    data: Annotated[
        str | None,
        typer.Argument(help="as for score; texts: not needed with --contains and its like"),
    ] = None,
    out: options.Out = None,
    how: Annotated[str, typer.Option(help="mode, mean or sample")] = "mode",
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
    from harmonium.data.kinds import Images, kind_of

    fitted = options.load_model(model, unknown)
    kind = kind_of(fitted)
    place = kind.check_out(out)
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
    rows = None if data is None else kind.read(data, key)
    if mask is not None:
        if not isinstance(kind, Images):
            raise ValueError(f"--mask does not apply to {kind.what}; blanks stand in the data")
        rows = kind.with_holes(rows, mask)
    kind.write(place, fitted.complete(rows, how=how, **asked), row_shape)


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

    fitted = options.load_model(model, unknown)
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
    from harmonium.data.kinds import Rows, kind_of

    place = Rows().check_out(out)
    fitted = options.load_model(model, unknown)
    transform = options.hidden(fitted, model, "transform")
    Rows().write(place, transform(kind_of(fitted).read(data, key)))


def decode(
    model: options.Fitted,
    data: options.Data,
    out: options.Out = None,
    key: options.Key = None,
    shape: options.Shape = None,
) -> None:
    """E[v given h] of each row of hidden states or probabilities."""
    from harmonium.data.kinds import Rows, kind_of

    fitted = options.load_model(model)
    transform = options.hidden(fitted, model, "inverse_transform")
    kind = kind_of(fitted)
    place = kind.check_out(out)
    row_shape = options.row_shape(shape, kind.what, place)
    kind.write(place, transform(Rows().read(data, key)), row_shape)
