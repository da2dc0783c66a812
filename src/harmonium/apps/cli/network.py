"""Questions to a Markov network alone: marginals, and the most probable assignment."""

from __future__ import annotations

from itertools import product
from typing import Annotated, Any

import typer

from harmonium.apps.cli import options

__all__ = ["marginal", "most_likely"]

Table = Annotated[str | None, typer.Option("-o", "--out", help="a .csv (printed without it)")]


def marginal(
    model: options.Fitted,
    variables: Annotated[
        list[str] | None,
        typer.Argument(metavar="VARIABLE", help="their joint marginal; none: each one's own"),
    ] = None,
    evidence: options.Evidence = None,
    method: Annotated[
        str | None, typer.Option(help="of each variable: exact, gibbs or loopy")
    ] = None,
    out: Table = None,
    seed: options.Seed = None,
) -> None:
    """P(variables given what is known), by a network: a table of states."""
    from harmonium.data.files import write_table

    if out is not None:
        options.check_csv(out)
    fitted = options.load_model(model)
    ask = options.question(fitted, "marginals")
    known = options.read_evidence(fitted, evidence)
    if not variables:
        asked = options.applying(fitted, "marginals", method=method, random_state=seed)
        found = ask(known, **asked)
        lines = [
            [name, state, float(p)]
            for name, chances in found.items()
            for state, p in enumerate(chances)
        ]
        write_table(out or "-", ["variable", "state", "P"], lines)
        return
    options.applying(fitted, "marginal", method=method, random_state=seed)
    names = _variables(fitted, variables)
    table = fitted.marginal(names, known)
    states = product(*(range(size) for size in table.shape))
    write_table(out or "-", [*variables, "P"], [[*index, float(table[index])] for index in states])


def most_likely(
    model: options.Fitted,
    evidence: options.Evidence = None,
    method: Annotated[str | None, typer.Option(help="exact or gibbs")] = None,
    out: Annotated[
        str | None, typer.Option("-o", "--out", help="a .csv or .evid (printed without it)")
    ] = None,
    seed: options.Seed = None,
) -> None:
    """The most probable assignment of a network, given what is known."""
    from harmonium.data.files import write_table

    if out is not None:
        options.check_csv(out, ".evid")
    fitted = options.load_model(model)
    asked = options.applying(fitted, "most_likely", method=method, random_state=seed)
    found = fitted.most_likely(options.read_evidence(fitted, evidence), **asked)
    if out is not None and out.lower().endswith(".evid"):
        fitted.write_uai_evidence(out, found)
    else:
        write_table(out or "-", ["variable", "state"], found.items())


def _variables(fitted: Any, words: list[str]) -> list[Any]:
    known = {str(name): name for name in fitted.variables_}
    for word in words:
        if word not in known:
            raise ValueError(f"VARIABLES: {word!r} is no variable of the network")
    return [known[word] for word in words]
