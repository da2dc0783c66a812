"""What each question takes beside its data, and how OpenAPI describes it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["FORMS", "Form"]

Seed = Annotated[
    int | None,
    Field(ge=0, lt=2**63, description="the same seed, the same answer; such are answered alone"),
]
Words = Annotated[list[str] | None, Field(description="texts: words or phrases that each holds")]
How = Literal["mode", "mean", "sample"]
Length = Annotated[
    str | None, Field(description="texts: how many words, 5..12, 5.. or 7", max_length=40)
]


class Form(BaseModel):
    """The options of a question; none but these are taken, and each in its own type."""

    model_config = ConfigDict(extra="forbid", strict=True)


class WithData(Form):
    data: Annotated[
        list[Any] | None,
        Field(
            description="rows of numbers, null where missing; rows {column: value} of tables with "
            "names; texts, ___ where a word is missing; images, lists of rows; aligned sequences"
        ),
    ] = None


class Score(WithData):
    resolution: Annotated[
        dict[str, float] | None, Field(description="tables: columns whose mass of a cell counts")
    ] = None
    perplexity: Annotated[bool, Field(description="texts: perplexity, share of unknown words")] = (
        False
    )


class Classify(WithData):
    column: Annotated[
        str | None, Field(description="tables: the column of labels to tell from the others")
    ] = None


class Sample(Form):
    n: Annotated[int, Field(ge=1, description="how many")] = 10
    seed: Seed = None
    condition: Annotated[
        list[Any] | dict[str, Any] | str | None,
        Field(
            description="what is known: a row or an image, null where free; a text with ___; of "
            'tables {"job": ["clerk", "cook"], "age": {"low": 30, "high": 40}}; of sequences '
            '{"3": "A"}'
        ),
    ] = None
    attributes: Annotated[
        dict[str, Any] | None, Field(description='{"cloudy": 1}, {"label": value}')
    ] = None
    evidence: Annotated[
        dict[str, int] | None, Field(description="networks: states that are known")
    ] = None
    shape: Annotated[
        list[int] | None, Field(min_length=2, max_length=2, description="images: height, width")
    ] = None
    greedy: Annotated[bool, Field(description="texts: the likeliest word")] = False
    temperature: Annotated[float | None, Field(description="texts: above 1 evens the odds")] = None
    top_k: Annotated[int | None, Field(description="texts: among so many words")] = None
    top_p: Annotated[float | None, Field(description="texts: among the fewest that reach")] = None
    max_length: Annotated[int | None, Field(description="texts: words at most [100]")] = None
    beginning: Annotated[str | None, Field(description="texts: how each begins")] = None
    contains: Words = None
    begins_with: str | None = None
    ends_with: str | None = None
    length: Length = None


class Complete(WithData):
    how: How = "mode"
    seed: Seed = None
    contains: Words = None
    begins_with: str | None = None
    ends_with: str | None = None
    length: Length = None


class Correct(WithData):
    noise: Annotated[
        str,
        Field(
            description="the channel: bitflip:P, replace:P, cells:P, typos:P, gaussian:SIGMA or "
            "edits:SUBSTITUTE,INSERT,DELETE",
            max_length=100,
        ),
    ]
    how: Annotated[How | None, Field(description="images: mean unless told; else mode")] = None
    seed: Seed = None


class Encode(WithData):
    pass


class Decode(WithData):
    pass


class Odd(WithData):
    n: Annotated[int | None, Field(ge=1, description="how many, the oddest first; all")] = None


class Marginals(Form):
    evidence: Annotated[dict[str, int], Field(description="states that are known")] = {}
    variables: Annotated[
        list[str] | None, Field(min_length=1, description="their joint marginal; each one's own")
    ] = None
    method: Annotated[
        Literal["auto", "exact", "gibbs", "loopy"] | None, Field(description="of each one's own")
    ] = None
    seed: Seed = None


class Contacts(Form):
    n: Annotated[int, Field(ge=1, description="pairs, the likeliest first")] = 100
    separation: Annotated[
        int, Field(ge=1, description="pairs nearer than this along the sequence are left out")
    ] = 5
    numbering: Annotated[
        Literal["columns", "file", "residues"],
        Field(description="what i and j count: columns from 0, the file's, the reference's own"),
    ] = "columns"
    seed: Seed = None


#: By the name of the question, which is the last part of its route.
FORMS: dict[str, type[Form]] = {
    "score": Score,
    "classify": Classify,
    "sample": Sample,
    "complete": Complete,
    "correct": Correct,
    "encode": Encode,
    "decode": Decode,
    "odd": Odd,
    "marginals": Marginals,
    "contacts": Contacts,
}
