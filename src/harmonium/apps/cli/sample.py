"""``harmonium sample``: new rows, texts or images."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from harmonium.apps.answering import drawn
from harmonium.apps.cli import options
from harmonium.apps.cli.blocks import seeded, together
from harmonium.apps.cli.columns import read_given, split_given
from harmonium.apps.cli.ranks import here

__all__ = ["sample"]

Given = Annotated[
    list[str] | None,
    typer.Option(
        help="an attribute: name=1, name=0 or label=value; tables: job=clerk,cook or "
        "age=30..40, what a column is to be"
    ),
]


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
    max_length: Annotated[
        int | None, typer.Option(help="texts: words at most (default: 100)")
    ] = None,
    beginning: Annotated[str | None, typer.Option(help="texts: how each begins")] = None,
    contains: options.Contains = None,
    begins_with: options.BeginsWith = None,
    ends_with: options.EndsWith = None,
    length: options.Length = None,
    given: Given = None,
    evidence: options.Evidence = None,
) -> None:
    """Draw new rows, texts, images or sequences (with their energies)."""
    from harmonium.data.kinds import Images, kind_of

    fitted = options.load_answering(model, "sample")
    kind = kind_of(fitted)
    place = kind.check_out(out)
    own, given = split_given(given or [], kind)
    label, given = _label(fitted, given)
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
        contains=contains or None,
        begins_with=begins_with,
        ends_with=ends_with,
        length=options.read_length(length),
        label=label,
        attributes=given or None,
        condition=read_given(own, kind) if own else None,
        evidence=evidence or None,
    )
    if "attributes" in asked:
        asked["attributes"] = _wanted(fitted, asked["attributes"])
    if "evidence" in asked:
        asked["evidence"] = options.read_evidence(fitted, evidence)
    row_shape = None if draws_shape else options.row_shape(shape, kind.what, place)
    made, first = _shared(fitted, kind.what, n, asked)
    if first:
        kind.write(place, made, row_shape)


def _shared(fitted: Any, what: str, n: int, asked: dict[str, Any]) -> tuple[Any, bool]:
    """What is drawn, of several ranks a share by each; and whether this is the first of them."""
    ranks = here()
    if ranks.world > 1:
        n = ranks.share(n, "-n")
        if "random_state" in asked:
            asked["random_state"] = seeded(asked["random_state"], ranks)
    return together(ranks.each(drawn(fitted, what, n, asked))), not ranks.rank


def _label(fitted: Any, given: list[str]) -> tuple[Any, list[str]]:
    """The class asked for of a model fitted with --labels, and the other --given words."""
    named = [word.partition("=")[2] for word in given if word.startswith("label=")]
    if not hasattr(fitted, "classes_") or not named:
        return None, given
    # A label's value is matched as written: 3 in a file of numbers and 3 in a file of words.
    classes = {str(value): value for value in fitted.classes_}
    if len(named) > 1 or named[0] not in classes:
        known = ", ".join(classes)
        raise ValueError(f"--given: label must be one of {known}, got {' and '.join(named)!r}")
    return classes[named[0]], [word for word in given if not word.startswith("label=")]


def _wanted(fitted: Any, given: list[str]) -> dict[str, Any]:
    """The attributes asked for with --given."""
    if not getattr(fitted, "attributes_", []):
        raise ValueError(
            f"--given: {given[0]!r} is no column of the model's, which was fitted without "
            "--attributes and has none"
        )
    # A label's value is matched as written: 3 in a file of numbers and 3 in a file of words.
    classes = {str(value): value for value in fitted.attribute_classes_}
    wanted: dict[str, Any] = {}
    for item in given:
        name, separator, text = item.partition("=")
        if not separator:
            raise ValueError(f"--given wants name=value, got {item!r}")
        wanted[name] = classes.get(text, options.read_value(text))
    return wanted
