"""``harmonium prune`` and ``harmonium mix``: chains of words out of chains of words."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from harmonium.apps.cli import options

__all__ = ["mix", "prune"]

_Out = Annotated[
    str, typer.Option("-o", "--out", help="the new model's file; .arpa and .arpa.gz too")
]


def prune(
    model: options.Fitted,
    out: _Out,
    threshold: Annotated[
        float | None,
        typer.Option(help="n-grams go that cost less than so many nats a word, such as 1e-7"),
    ] = None,
    min_count: Annotated[
        int | None, typer.Option(help="n-grams go that were counted less often")
    ] = None,
    bits: Annotated[
        int | None, typer.Option(help="round probabilities to so many bits (2 to 16)")
    ] = None,
    as_json: options.Json = False,
) -> None:
    """A smaller chain of words: fewer n-grams, rounded probabilities, or both."""
    from harmonium.contract.storage import check_place

    check_place(out, "--out")
    fitted = options.load_model(model)
    smaller = options.question(fitted, "prune")
    if threshold is None and min_count is None and bits is None:
        raise ValueError("wanted one of --threshold, --min-count, --bits")
    told: dict[str, Any] = {}
    if threshold is not None or min_count is not None:
        fitted = smaller(threshold, min_count=min_count)
        told |= fitted.changed_
    if bits is not None:
        fitted = fitted.quantise(bits)
        lost = "relative entropy, nats a word"
        told |= {
            f"{name}, of rounding" if name == lost and name in told else name: value
            for name, value in fitted.changed_.items()
        }
    _write(fitted, out)
    _tell(told, as_json)


def mix(
    models: Annotated[list[str], typer.Argument(metavar="MODEL...", help="chains' files")],
    out: _Out,
    texts: Annotated[
        str | None, typer.Option(help="held-out texts (.txt, .txt.gz) that choose the weights")
    ] = None,
    weights: Annotated[
        str | None, typer.Option(help="the models' weights instead, such as 0.3,0.7")
    ] = None,
    as_json: options.Json = False,
) -> None:
    """One chain of words whose probabilities are a weighted mean of several chains'."""
    from harmonium.contract.storage import check_place
    from harmonium.data.text_files import TextFile

    check_place(out, "--out")
    if (texts is None) == (weights is None):
        raise ValueError("wanted either --texts or --weights")
    fitted = [options.load_model(path) for path in models]
    interpolate = options.question(fitted[0], "interpolate")
    if texts is not None:
        mixed = interpolate(fitted, "auto", TextFile(texts))
    else:
        try:
            mixed = interpolate(fitted, [float(part) for part in str(weights).split(",")])
        except ValueError as error:
            if "could not convert" not in str(error):
                raise
            raise ValueError(
                f"--weights must be numbers such as 0.3,0.7, got {weights!r}"
            ) from None
    _write(mixed, out)
    _tell({f"weight of {path}": w for path, w in zip(models, mixed.weights_, strict=True)}, as_json)


def _write(fitted: Any, out: str) -> None:
    """In harmonium's own format, or in the field's where the path's ending says so."""
    form = options.form_of(out)
    if form is None:
        fitted.save(out)
    else:
        getattr(fitted, form[1].write)(out)


def _tell(facts: dict[str, Any], as_json: bool) -> None:
    if as_json:
        options.print_json(facts)
        return
    for name, value in facts.items():
        print(f"{name}: {value:.6g}" if isinstance(value, float) else f"{name}: {value}")
