"""The command line: each command is one question put to a model file."""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path
from typing import Annotated, Any

import typer

__all__ = ["app", "main"]

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Learn a joint probability distribution from data, then ask it anything.",
)

Data = Annotated[
    str,
    typer.Argument(
        help="rows: .npy, .npz, .csv, .parquet; texts: .txt, .txt.gz or - (a text a line); "
        "images: a folder, a picture, .npy or .npz"
    ),
]
Model = Annotated[str, typer.Argument(help="a model file")]
Out = Annotated[
    str | None,
    typer.Option(
        "-o",
        "--out",
        help="rows: .npy, .npz, .csv, or .png for pictures; images: .npy, .npz, .png or a folder; "
        "texts: .txt (printed without it)",
    ),
]
Key = Annotated[str | None, typer.Option(help="which array of an .npz")]
Shape = Annotated[str | None, typer.Option(help="HxW of a row seen as a picture")]
Seed = Annotated[int | None, typer.Option(help="random seed")]
How = Annotated[str, typer.Option(help="mode, mean or sample")]
Levels = Annotated[int | None, typer.Option(help="images: bring gray values to so many levels")]

_ROW_ENDINGS = (".npy", ".npz", ".csv", ".png")


def main() -> None:
    """Run the command line; wrong input is one line on stderr and exit status 2."""
    warnings.showwarning = _show_warning
    try:
        app()
    except (ValueError, TypeError, OSError, ImportError, FloatingPointError) as error:
        print(f"harmonium: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(2)
    except MemoryError as error:
        why = " ".join(str(error).split()) or "it does not fit"
        print(f"harmonium: not enough memory: {why}", file=sys.stderr)
        sys.exit(2)


def _show_warning(message: Any, *_: Any, **__: Any) -> None:
    print(f"harmonium: note: {' '.join(str(message).split())}", file=sys.stderr)


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


def _load(path: str) -> Any:
    from harmonium.contract.storage import load

    return load(path)


def _kind(model: Any) -> str:
    """rbm, ngram or grid: what the model, or those inside a classifier, take."""
    inside = getattr(model, "estimators_", None) or [getattr(model, "estimator_", model)]
    name = type(inside[0]).__name__
    return {"NGram": "ngram", "GridMRF": "grid"}.get(name, "rbm")


def _levels(model: Any, levels: int | None) -> int | None:
    inside = getattr(model, "estimators_", None) or [getattr(model, "estimator_", model)]
    return getattr(inside[0], "n_levels", levels)


def _check_folder(path: str) -> None:
    """Raise unless `path` can be written to: found before any work, not after it."""
    place = Path(path)
    if place.suffix and place.is_dir():
        raise ValueError(f"--out: {path!r} is a folder, wanted a file")
    if not place.parent.is_dir():
        raise ValueError(f"--out: the folder {str(place.parent)!r} does not exist")
    if not os.access(place.parent, os.W_OK | os.X_OK):
        raise ValueError(f"--out: the folder {str(place.parent)!r} cannot be written to")


def _check_out(kind: str, path: str | None) -> str:
    """The checked place to write to, before any work."""
    if kind == "ngram":
        path = path or "-"
        if path != "-" and Path(path).suffix.lower() != ".txt":
            raise ValueError(f"--out must end in .txt for texts, got {path!r}")
    elif path is None:
        raise ValueError("--out is missing: where should the result go?")
    elif kind == "rbm" and Path(path).suffix.lower() not in _ROW_ENDINGS:
        raise ValueError(f"--out must end in one of {', '.join(_ROW_ENDINGS)}, got {path!r}")
    elif kind == "grid" and Path(path).suffix.lower() not in (".npy", ".npz", ".png", ""):
        raise ValueError(f"--out must end in .npy, .npz, .png or be a folder, got {path!r}")
    if path != "-":
        _check_folder(path)
    return path


def _write(kind: str, path: str, rows: Any, shape: str | None = None, levels: Any = None) -> None:
    import numpy as np

    from harmonium.data.files import write_rows, write_texts

    ending = Path(path).suffix.lower()
    if kind == "ngram":
        write_texts(path, rows)
    elif kind == "grid" and ending in (".png", ""):
        from harmonium.apps.pages.pictures import save_picture, tile
        from harmonium.data.images import write_images

        if ending == ".png" and len(rows) > 1:
            images = np.asarray(rows, dtype=np.float64)
            flat = images.reshape(len(images), -1)
            save_picture(tile(flat, images.shape[1:], top=levels - 1), path)
        else:
            write_images(path, rows, levels)
    elif ending == ".png":
        from harmonium.apps.pages.pictures import save_picture, tile

        save_picture(tile(rows, _shape(shape)), path)
    else:
        write_rows(path, np.asarray(rows))


@app.command()
def fit(
    data: Data,
    out: Annotated[str, typer.Option("-o", "--out", help="the model file to write")],
    model: Annotated[str, typer.Option(help="kind of model: rbm, ngram or grid")] = "rbm",
    labels: Annotated[
        str | None, typer.Option(help="a label for each row: one model a class, for `classify`")
    ] = None,
    attributes: Annotated[
        str | None,
        typer.Option(
            help="rbm: learned beside the rows: a .csv of 0 and 1 with a line of names, or a "
            "label for each row"
        ),
    ] = None,
    labels_key: Annotated[
        str | None, typer.Option(help="which array of the labels' or attributes' .npz")
    ] = None,
    levels: Levels = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="a constructor parameter: name=value")
    ] = None,
    key: Key = None,
    seed: Seed = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="no progress bar")] = False,
) -> None:
    """Learn a model from rows of 0 and 1, texts or images."""
    import harmonium as hm
    from harmonium.data.files import read_attributes, read_data, read_labels

    kinds = {"rbm": "RBM", "ngram": "NGram", "grid": "GridMRF"}
    if model not in kinds:
        raise ValueError(f"--model must be 'rbm', 'ngram' or 'grid', got {model!r}")
    if attributes is not None and (model != "rbm" or labels is not None):
        raise ValueError("--attributes wants --model rbm, and no --labels")
    _check_folder(out)
    cls = getattr(hm, kinds[model])
    known = cls().get_params()
    parameters: dict[str, Any] = {"verbose": 0 if quiet else 1}
    if "random_state" in known:
        parameters["random_state"] = seed
    if model == "grid" and levels is not None:
        parameters["n_levels"] = levels
    for item in set_ or []:
        name, separator, text = item.partition("=")
        if not separator or name not in known:
            raise ValueError(
                f"--set wants name=value with a name among {', '.join(sorted(known))}, got {item!r}"
            )
        parameters[name] = _value(text)
    rows = read_data(model, data, key, parameters.get("n_levels"))
    estimator = cls(**parameters)
    if labels is not None:
        targets = read_labels(labels, labels_key)
        classifier = hm.BayesClassifier(estimator).fit(rows, targets)
        classifier.save(out)
        print(f"{out}: {len(classifier.classes_)} classes of {len(targets)} rows")
        return
    estimator.fit(rows, None if attributes is None else read_attributes(attributes, labels_key))
    estimator.save(out)
    _tell(estimator, out)


def _tell(model: Any, path: str) -> None:
    """How the fit went, in a line or two."""
    if _kind(model) == "ngram":
        sizes = ", ".join(f"{n:,} {k}-grams" for k, n in enumerate(model.n_ngrams_, start=1))
        print(f"{path}: {model.n_words_:,} words in {model.n_texts_:,} texts; {sizes}")
        return
    history = getattr(model, "history_", {})
    if history.get("validation"):
        best = max(history["validation"])
        error = history["std_error"][-1]
        print(f"held-out log-likelihood along the fit {best:.3f} ± {error:.3f} nats")
    if hasattr(model, "stop_reason_"):
        print(f"{path}: {model.n_updates_} updates, {model.stop_reason_}")
    else:
        print(f"{path}: written")


@app.command()
def score(
    model: Model,
    data: Data,
    out: Annotated[
        str | None, typer.Option("-o", "--out", help="log P of each row: .npy, .npz or .csv")
    ] = None,
    key: Key = None,
) -> None:
    """Mean log-likelihood, in nats: of rows with the error of log Z, of texts with perplexity."""
    import numpy as np

    from harmonium.data.files import read_data

    if out is not None:
        _check_out("rbm", out)
    fitted = _load(model)
    kind = _kind(fitted)
    rows = read_data(kind, data, key, _levels(fitted, None))
    if kind == "ngram":
        rows = list(rows)
    scores = fitted.score_samples(rows)
    if not len(scores):
        raise ValueError(f"DATA: {data!r} holds nothing to score")
    what = {"ngram": "texts", "grid": "images"}.get(kind, "rows")
    print(f"mean log-likelihood {np.mean(scores):.4f} nats over {len(scores)} {what}")
    if hasattr(fitted, "perplexity"):
        print(f"perplexity {fitted.perplexity(rows):.4f} a word")
    if hasattr(fitted, "log_partition"):
        log_z = fitted.log_partition()
        print(f"log Z {log_z.value:.4f} ± {log_z.std_error:.4f} ({log_z.method}, {log_z.status})")
    if out is not None:
        _write("rbm", out, scores[:, None])


@app.command()
def classify(
    model: Model,
    data: Data,
    out: Annotated[
        str | None,
        typer.Option("-o", "--out", help="label and P(label | row) of each row: .csv"),
    ] = None,
    labels: Annotated[str | None, typer.Option(help="true labels, to state the accuracy")] = None,
    labels_key: Annotated[str | None, typer.Option(help="which array of the labels' .npz")] = None,
    key: Key = None,
) -> None:
    """Which class does each row, text or image belong to? Or: which attributes has it?

    The model was fitted with --labels or --attributes.
    """
    import numpy as np

    from harmonium.data.files import read_data, read_labels, write_table

    if out is not None:
        if Path(out).suffix.lower() != ".csv":
            raise ValueError(f"--out must end in .csv, got {out!r}")
        _check_folder(out)
    fitted = _load(model)
    names = getattr(fitted, "attributes_", [])
    classes = fitted.attribute_classes_ if names else getattr(fitted, "classes_", [])
    if not names and not len(classes):
        raise ValueError(
            f"MODEL: {model!r} was fitted without --labels or --attributes and knows no classes"
        )
    if names and not classes and labels is not None:
        raise ValueError("--labels: the model knows yes/no attributes, not one label")
    rows = read_data(_kind(fitted), data, key, _levels(fitted, None))
    if _kind(fitted) == "ngram":
        rows = list(rows)
    truth = None if labels is None else read_labels(labels, labels_key)
    if truth is not None and len(truth) != len(rows):
        raise ValueError(f"--labels: {len(truth)} labels for {len(rows)} rows")
    chances = fitted.attribute_proba(rows) if names else fitted.predict_proba(rows)
    if not len(classes):
        write_table(out or "-", [f"P({name})" for name in names], chances.tolist())
        return
    said = np.asarray(classes)[np.argmax(chances, axis=1)]
    if truth is not None:
        right = said.astype(str) == truth.astype(str)
        error = float(np.std(right) / np.sqrt(len(right)))
        print(f"accuracy {np.mean(right):.4f} ± {error:.4f} over {len(right)}")
    if out is not None or truth is None:
        lines = [[label, *row] for label, row in zip(said.tolist(), chances.tolist(), strict=True)]
        write_table(out or "-", ["label", *(f"P({label})" for label in classes)], lines)


@app.command()
def sample(
    model: Model,
    out: Out = None,
    n: Annotated[int, typer.Option("-n", help="how many")] = 10,
    seed: Seed = None,
    shape: Shape = None,
    greedy: Annotated[bool, typer.Option("--greedy", help="texts: the likeliest word")] = False,
    temperature: Annotated[float, typer.Option(help="texts: above 1 evens the odds")] = 1.0,
    top_k: Annotated[int | None, typer.Option(help="texts: among so many words")] = None,
    top_p: Annotated[float | None, typer.Option(help="texts: among the fewest that reach")] = None,
    max_length: Annotated[int, typer.Option(help="texts: words at most")] = 100,
    beginning: Annotated[str | None, typer.Option(help="texts: how each begins")] = None,
    given: Annotated[
        list[str] | None, typer.Option(help="an attribute: name=1, name=0 or label=value")
    ] = None,
) -> None:
    """Draw new rows, texts or images."""
    fitted = _load(model)
    kind = _kind(fitted)
    place = _check_out(kind, out)
    extra: dict[str, Any] = {}
    if given:
        extra = {"attributes": _wanted(fitted, given)}
    elif kind == "ngram":
        extra = {
            "greedy": greedy,
            "temperature": temperature,
            "top_k": top_k,
            "top_p": top_p,
            "max_length": max_length,
            "beginning": beginning,
        }
    elif kind == "grid" and shape is not None:
        extra = {"shape": _shape(shape)}
    drawn = fitted.sample(n, random_state=seed, **extra)
    _write(kind, place, drawn, shape, _levels(fitted, None))


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
        wanted[name] = classes.get(text, _value(text))
    return wanted


def _holes(images: Any, mask: str) -> Any:
    """Images with NaN where the mask's pictures are white."""
    import numpy as np

    from harmonium.data.images import read_images

    holes = np.asarray(read_images(mask, 2)).astype(bool)
    values = np.asarray(images, dtype=np.float64).copy()
    if holes.shape[1:] != values.shape[1:] or len(holes) not in (1, len(values)):
        raise ValueError(f"--mask: pictures of {holes.shape}, the images are {values.shape}")
    values[np.broadcast_to(holes, values.shape)] = np.nan
    return values


@app.command()
def complete(
    model: Model,
    data: Data,
    out: Out = None,
    how: How = "mode",
    mask: Annotated[
        str | None, typer.Option(help="images: a picture, white where to fill, or a folder")
    ] = None,
    key: Key = None,
    seed: Seed = None,
    shape: Shape = None,
) -> None:
    """Fill the blanks: NaN or empty cells of rows, ___ in texts, the mask of images."""
    from harmonium.data.files import read_data

    fitted = _load(model)
    kind = _kind(fitted)
    place = _check_out(kind, out)
    rows = read_data(kind, data, key, _levels(fitted, None))
    if mask is not None:
        rows = _holes(rows, mask)
    done = fitted.complete(rows, how=how, random_state=seed)
    _write(kind, place, done, shape, _levels(fitted, None))


def _channel(text: str) -> Any:
    from harmonium.contract import noise

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
    noise: Annotated[
        str, typer.Option(help="the channel: bitflip:P, replace:P, typos:P or gaussian:SIGMA")
    ],
    out: Out = None,
    how: Annotated[str | None, typer.Option(help="mode, mean (images' default) or sample")] = None,
    key: Key = None,
    seed: Seed = None,
    shape: Shape = None,
) -> None:
    """The clean row, text or image behind each noisy one."""
    from harmonium.data.files import read_data

    fitted = _load(model)
    kind = _kind(fitted)
    place = _check_out(kind, out)
    channel = _channel(noise)
    rows = read_data(kind, data, key, _levels(fitted, None))
    how = how or ("mean" if kind == "grid" else "mode")
    done = fitted.correct(rows, noise=channel, how=how, random_state=seed)
    _write(kind, place, done, shape, _levels(fitted, None))


@app.command()
def encode(model: Model, data: Data, out: Out = None, key: Key = None) -> None:
    """P(h = 1 given v) of each row."""
    from harmonium.data.files import read_data

    place = _check_out("rbm", out)
    fitted = _load(model)
    _wants_hidden(fitted, model)
    _write("rbm", place, fitted.transform(read_data("rbm", data, key)))


@app.command()
def decode(model: Model, data: Data, out: Out = None, key: Key = None, shape: Shape = None) -> None:
    """E[v given h] of each row of hidden states or probabilities."""
    from harmonium.data.files import read_data

    place = _check_out("rbm", out)
    fitted = _load(model)
    _wants_hidden(fitted, model)
    _write("rbm", place, fitted.inverse_transform(read_data("rbm", data, key)), shape)


def _wants_hidden(fitted: Any, path: str) -> None:
    if not hasattr(fitted, "inverse_transform"):
        raise ValueError(f"MODEL: {path!r} is a {type(fitted).__name__} and has no hidden units")


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
    table = Table(show_header=False)
    table.add_row("model", type(fitted).__name__)
    for name, value in _facts(fitted):
        table.add_row(name, value)
    for name, value in fitted.get_params(deep=False).items():
        table.add_row(name, str(value))
    Console().print(table)
    if weights is not None:
        from harmonium.apps.pages.pictures import save_picture, weights_picture

        _wants_hidden(fitted, model)
        save_picture(weights_picture(fitted.components_, _shape(shape)), weights)


def _facts(fitted: Any) -> list[tuple[str, str]]:
    """What was learned, by name."""
    facts: list[tuple[str, str]] = []
    if hasattr(fitted, "classes_"):
        facts.append(("classes", ", ".join(map(str, fitted.classes_))))
    if hasattr(fitted, "n_ngrams_"):
        facts.append(("words known", f"{len(fitted.vocabulary_) - 3:,}"))
        facts.append(("texts, words counted", f"{fitted.n_texts_:,}, {fitted.n_words_:,}"))
        discounts = fitted.discounts_ or [[]] * len(fitted.n_ngrams_)
        for k, (n, found) in enumerate(zip(fitted.n_ngrams_, discounts, strict=True), start=1):
            shown = f"; discounts {', '.join(f'{d:.3f}' for d in found)}" if found else ""
            facts.append((f"{k}-grams", f"{n:,}{shown}"))
        if fitted.training_perplexity_ is not None:
            facts.append(("perplexity of what was counted", f"{fitted.training_perplexity_:.2f}"))
    if hasattr(fitted, "components_"):
        log_z = fitted.log_partition()
        facts += [
            ("visible units", str(fitted.n_features_in_)),
            ("hidden units", str(len(fitted.intercept_hidden_))),
            ("log Z", f"{log_z.value:.4f} ± {log_z.std_error:.4f} nats"),
            ("log Z by", f"{log_z.method}, {log_z.status}"),
        ]
    if hasattr(fitted, "stop_reason_"):
        facts.append(("fit ended", f"{fitted.stop_reason_} after {fitted.n_updates_} updates"))
    if getattr(fitted, "history_", {}).get("validation"):
        facts.append(("held-out, along the fit", f"{max(fitted.history_['validation']):.3f} nats"))
    return facts


@app.command()
def report(
    model: Model,
    data: Annotated[str | None, typer.Argument(help="data that the model has not seen")] = None,
    out: Annotated[str, typer.Option("-o", "--out", help="the .html file")] = "report.html",
    key: Key = None,
    shape: Shape = None,
    labels: Annotated[str | None, typer.Option(help="what hidden units tell about these")] = None,
    labels_key: Annotated[str | None, typer.Option(help="which array of the labels' .npz")] = None,
) -> None:
    """One self-contained HTML page about a model: curves, samples, likelihood, warnings."""
    from harmonium.apps.report.write import write_report
    from harmonium.data.files import read_data, read_labels

    if Path(out).suffix.lower() not in (".html", ".htm"):
        raise ValueError(f"--out must end in .html, got {out!r}")
    _check_folder(out)
    fitted = _load(model)
    rows = None
    if data is not None:
        rows = read_data(_kind(fitted), data, key, _levels(fitted, None))
        if _kind(fitted) == "ngram":
            rows = list(rows)
    known = None if labels is None else read_labels(labels, labels_key)
    write_report(fitted, out, rows, _shape(shape), labels=known)
    print(out)


@app.command()
def tour(
    out: Annotated[str, typer.Option("-o", "--out", help="a folder for the pages")] = "tour",
    quick: Annotated[bool, typer.Option("--quick", help="under half a minute")] = False,
) -> None:
    """From counting words to hidden units, on real data: a page for each step."""
    from harmonium.apps.tour import run_tour

    run_tour(out, quick=quick)
