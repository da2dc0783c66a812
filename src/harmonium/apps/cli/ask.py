"""Questions to a fitted model, a command each."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from harmonium.apps.cli import options

__all__ = ["classify", "complete", "correct", "decode", "encode", "sample", "score"]


def score(
    model: options.Fitted,
    data: options.Data,
    out: Annotated[
        str | None, typer.Option("-o", "--out", help="log P of each row: .npy, .npz or .csv")
    ] = None,
    key: options.Key = None,
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
    fitted = options.load_model(model)
    kind = kind_of(fitted)
    rows = kind.read(data, key)
    scores = fitted.score_samples(rows)
    if not len(scores):
        raise ValueError(f"DATA: {data!r} holds nothing to score")
    print(f"mean log-likelihood {np.mean(scores):.4f} nats over {len(scores)} {kind.what}")
    if hasattr(fitted, "perplexity"):
        print(f"perplexity {fitted.perplexity(rows):.4f} a word")
    if hasattr(fitted, "log_partition"):
        log_z = fitted.log_partition()
        print(f"log Z {log_z.value:.4f} ± {log_z.std_error:.4f} ({log_z.method}, {log_z.status})")
    if out is not None:
        write_rows(out, scores[:, None])


def classify(
    model: options.Fitted,
    data: options.Data,
    out: Annotated[
        str | None,
        typer.Option("-o", "--out", help="label and P(label | row) of each row: .csv"),
    ] = None,
    labels: Annotated[str | None, typer.Option(help="true labels, to state the accuracy")] = None,
    labels_key: options.LabelsKey = None,
    key: options.Key = None,
) -> None:
    """Which class does each row, text or image belong to? Or: which attributes has it?

    The model was fitted with --labels or --attributes.
    """
    import numpy as np

    from harmonium.data.files import read_labels, write_table
    from harmonium.data.kinds import kind_of

    if out is not None:
        options.check_csv(out)
    if labels_key is not None and labels is None:
        raise ValueError("--labels-key wants --labels")
    fitted = options.load_model(model)
    names, classes = _attributes(fitted, model)
    if not len(classes) and labels is not None:
        raise ValueError("--labels: the model knows yes/no attributes, not one label")
    rows = kind_of(fitted).read(data, key)
    truth = None if labels is None else read_labels(labels, labels_key)
    if truth is not None and len(truth) != len(rows):
        raise ValueError(f"--labels: {len(truth)} labels for {len(rows)} rows")
    chances = fitted.attribute_proba(rows) if names else fitted.predict_proba(rows)
    if not len(classes):
        write_table(out or "-", [f"P({name})" for name in names], _rounded(chances))
        return
    said = np.asarray(classes)[np.argmax(chances, axis=1)]
    if truth is not None:
        right = said.astype(str) == truth.astype(str)
        error = float(np.std(right) / np.sqrt(len(right)))
        print(f"accuracy {np.mean(right):.4f} ± {error:.4f} over {len(right)}")
    if out is not None or truth is None:
        lines = [[label, *row] for label, row in zip(said, _rounded(chances), strict=True)]
        write_table(out or "-", ["label", *(f"P({label})" for label in classes)], lines)


def _attributes(fitted: Any, path: str) -> tuple[list[str], Any]:
    """Names of attributes, and the values of a label, as the model was fitted with them."""
    names = list(getattr(fitted, "attributes_", []))
    classes = fitted.attribute_classes_ if names else getattr(fitted, "classes_", [])
    if not names and not len(classes):
        raise ValueError(
            f"MODEL: {path!r} was fitted without --labels or --attributes and knows no classes"
        )
    return names, classes


def _rounded(chances: Any) -> list[list[str]]:
    return [[f"{p:.6g}" for p in row] for row in chances]


def sample(
    model: options.Fitted,
    out: options.Out = None,
    n: Annotated[int, typer.Option("-n", help="how many")] = 10,
    seed: options.Seed = None,
    shape: options.Shape = None,
    greedy: Annotated[bool, typer.Option("--greedy", help="texts: the likeliest word")] = False,
    temperature: Annotated[float | None, typer.Option(help="texts: above 1 evens the odds")] = None,
    top_k: Annotated[int | None, typer.Option(help="texts: among so many words")] = None,
    top_p: Annotated[float | None, typer.Option(help="texts: among the fewest that reach")] = None,
    max_length: Annotated[int | None, typer.Option(help="texts: words at most [100]")] = None,
    beginning: Annotated[str | None, typer.Option(help="texts: how each begins")] = None,
    given: Annotated[
        list[str] | None, typer.Option(help="an attribute: name=1, name=0 or label=value")
    ] = None,
    evidence: options.Evidence = None,
) -> None:
    """Draw new rows, texts or images."""
    from harmonium.data.kinds import Images, kind_of

    fitted = options.load_model(model)
    kind = kind_of(fitted)
    place = kind.check_out(out)
    draws_shape = isinstance(kind, Images)
    asked = options.applying(
        fitted,
        "sample",
        random_state=seed,
        shape=options.read_shape(shape) if draws_shape else None,
        greedy=greedy,
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
        max_length=max_length,
        beginning=beginning,
        attributes=given or None,
        evidence=evidence or None,
    )
    if "attributes" in asked:
        asked["attributes"] = _wanted(fitted, asked["attributes"])
    if "evidence" in asked:
        asked["evidence"] = options.read_evidence(fitted, evidence)
    row_shape = None if draws_shape else options.row_shape(shape, kind.what, place)
    kind.write(place, fitted.sample(n, **asked), row_shape)


def _wanted(fitted: Any, given: list[str]) -> dict[str, Any]:
    """The attributes asked for with --given."""
    if not getattr(fitted, "attributes_", []):
        raise ValueError("--given: the model was fitted without --attributes and has none")
    # A label's value is matched as written: 3 in a file of numbers and 3 in a file of words.
    classes = {str(value): value for value in fitted.attribute_classes_}
    wanted: dict[str, Any] = {}
    for item in given:
        name, separator, text = item.partition("=")
        if not separator:
            raise ValueError(f"--given wants name=value, got {item!r}")
        wanted[name] = classes.get(text, options.read_value(text))
    return wanted


def complete(
    model: options.Fitted,
    data: options.Data,
    out: options.Out = None,
    how: Annotated[str, typer.Option(help="mode, mean or sample")] = "mode",
    mask: Annotated[
        str | None, typer.Option(help="images: a picture, white where to fill, or a folder")
    ] = None,
    key: options.Key = None,
    seed: options.Seed = None,
    shape: options.Shape = None,
) -> None:
    """Fill the blanks: NaN or empty cells of rows, ___ in texts, the mask of images."""
    from harmonium.data.kinds import Images, kind_of

    fitted = options.load_model(model)
    kind = kind_of(fitted)
    place = kind.check_out(out)
    row_shape = options.row_shape(shape, kind.what, place)
    asked = options.applying(fitted, "complete", random_state=seed)
    rows = kind.read(data, key)
    if mask is not None:
        if not isinstance(kind, Images):
            raise ValueError(f"--mask does not apply to {kind.what}; blanks stand in the data")
        rows = kind.with_holes(rows, mask)
    kind.write(place, fitted.complete(rows, how=how, **asked), row_shape)


def correct(
    model: options.Fitted,
    data: options.Data,
    noise: Annotated[
        str, typer.Option(help="the channel: bitflip:P, replace:P, typos:P or gaussian:SIGMA")
    ],
    out: options.Out = None,
    how: options.How = None,
    key: options.Key = None,
    seed: options.Seed = None,
    shape: options.Shape = None,
) -> None:
    """The clean row, text or image behind each noisy one."""
    from harmonium.data.kinds import Images, kind_of

    fitted = options.load_model(model)
    kind = kind_of(fitted)
    place = kind.check_out(out)
    row_shape = options.row_shape(shape, kind.what, place)
    channel = options.read_channel(noise)
    asked = options.applying(fitted, "correct", random_state=seed)
    rows = kind.read(data, key)
    how = how or ("mean" if isinstance(kind, Images) else "mode")
    kind.write(place, fitted.correct(rows, noise=channel, how=how, **asked), row_shape)


def encode(
    model: options.Fitted, data: options.Data, out: options.Out = None, key: options.Key = None
) -> None:
    """P(h = 1 given v) of each row."""
    from harmonium.data.kinds import Rows, kind_of

    place = Rows().check_out(out)
    fitted = options.load_model(model)
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
    from harmonium.data.kinds import Rows

    place = Rows().check_out(out)
    row_shape = options.row_shape(shape, "rows", place)
    fitted = options.load_model(model)
    transform = options.hidden(fitted, model, "inverse_transform")
    Rows().write(place, transform(Rows().read(data, key)), row_shape)
