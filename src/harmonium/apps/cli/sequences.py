"""Questions to models of aligned sequences: contacts and mutations."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from harmonium.apps.cli import options
from harmonium.contract.extras import check_plot

__all__ = ["contacts", "mutations"]

Place = Annotated[
    str | None, typer.Option("-o", "--out", help="a .csv, or a .png (printed without it)")
]


def contacts(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL", help="a model file; or sequences (.fasta, .a2m, .a3m, .sto) to learn"
        ),
    ],
    data: Annotated[
        str | None,
        typer.Argument(
            metavar="DATA", help="rbm: sequences to average over; without, draws from the model"
        ),
    ] = None,
    out: Place = None,
    n: Annotated[
        int | None, typer.Option("-n", help="how many (all; of a .png a pair a column)", min=1)
    ] = None,
    separation: Annotated[
        int, typer.Option(help="pairs nearer than this along the sequence are left out", min=1)
    ] = 5,
    numbering: Annotated[
        str, typer.Option(help="columns (from 0), file (its columns), or residues of the reference")
    ] = "columns",
    alphabet: options.Letters = None,
    max_gaps: options.MaxGaps = None,
    seed: options.Seed = None,
) -> None:
    """Pairs of columns by how strongly they are coupled: the likeliest contacts first."""
    from harmonium.contract.checks import check_choice
    from harmonium.data.files import write_table
    from harmonium.data.kinds import kind_of
    from harmonium.questions.sequences.contacts import NUMBERINGS, numbered, scored_pairs

    picture = _check_place(out)
    check_choice("numbering", numbering, NUMBERINGS)
    fitted = _with_couplings(model, data, alphabet, max_gaps)
    rows = None if data is None else kind_of(fitted).read(data)
    found = scored_pairs(fitted, rows, gap="auto", correct=True, random_state=seed or 0)
    i, j, score = numbered(fitted, *found, numbering)
    far = abs(i - j) >= separation
    table = {"i": i[far], "j": j[far], "score": score[far]}
    if picture:
        from harmonium.sequences import contact_map

        _save(contact_map(table, n, separation=separation), str(out))
        return
    lines = zip(*(own[:n].tolist() for own in table.values()), strict=True)
    write_table(out or "-", table, lines)


def _with_couplings(
    path: str, data: str | None, alphabet: str | None, max_gaps: float | None
) -> Any:
    """The model in a file; of sequences, the one that is learned from them."""
    from harmonium.data.kinds import Sequences
    from harmonium.data.sequences.formats import is_sequence_file
    from harmonium.questions.sequences.pair_model import pair_model

    if not is_sequence_file(path):
        for name, given in (("alphabet", alphabet), ("max-gaps", max_gaps)):
            if given is not None:
                raise ValueError(f"--{name} wants sequences in place of MODEL, not {path!r}")
        return options.load_answering(path, "sample")
    if data is not None:
        raise ValueError(f"DATA is for a model file, and MODEL is sequences: {path!r}")
    family = Sequences(alphabet or "protein", max_gaps).read(path)
    print(family, file=sys.stderr)
    return pair_model(family)


def mutations(
    model: options.Fitted,
    sequence: Annotated[
        str,
        typer.Argument(
            metavar="SEQUENCE", help="a sequence in the model's columns, or a FASTA file of one"
        ),
    ],
    out: Place = None,
    gaps: Annotated[bool, typer.Option(help="whether gaps count as letters")] = True,
) -> None:
    """log P(mutant) - log P(sequence), in nats, of every single mutant: positions from 0."""
    import csv
    import io

    from harmonium.data.files import write_texts
    from harmonium.data.kinds import kind_of
    from harmonium.data.sequences.formats import is_sequence_file
    from harmonium.questions.sequences.mutations import mutation_scores

    picture = _check_place(out)
    fitted = options.load_model(model)
    one = kind_of(fitted).read(sequence) if is_sequence_file(sequence) else sequence
    found = mutation_scores(fitted, one, gaps=gaps)
    if picture:
        from harmonium.sequences import mutation_map

        _save(mutation_map(found), str(out))
        return
    stream = io.StringIO()  # letters as they are: a gap is no formula
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(found)
    for position, own, to, score in zip(*(one.tolist() for one in found.values()), strict=True):
        writer.writerow([position, own, to, f"{score:.6g}"])
    write_texts(out or "-", [stream.getvalue().removesuffix("\n")])


def _check_place(out: str | None) -> bool:
    """Whether the answer is a picture; ``ValueError`` for a place that is neither."""
    if out is None:
        return False
    options.check_csv(out, ".png")
    picture = Path(out).suffix.lower() == ".png"
    if picture:
        check_plot("a picture")
    return picture


def _save(figure: Any, path: str) -> None:
    from harmonium.contract.storage import write_atomically

    write_atomically(path, lambda stream: figure.savefig(stream, format="png", dpi=150))
    print(path)
