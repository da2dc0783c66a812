"""Step 1: a critic's words; counts, a score, greed against dice, repair, completion."""

from __future__ import annotations

from math import prod
from typing import Any

from harmonium.apps.pages.blocks import Formula, Picture, Table, Text
from harmonium.apps.pages.figures import drawing, svg_picture
from harmonium.apps.tour.mathml import display
from harmonium.apps.tour.step import Page, Snippet, Workshop
from harmonium.display.blanks import BlanksDisplay

__all__ = ["MEASURED", "SNIPPET", "page"]

SNIPPET = Snippet(
    """
import numpy as np
import harmonium as hm
from harmonium.apps.tour.critic import MORE, OPENING, REVIEWS
praise = "more realistic than real life"
opening = hm.NGram.from_tables(OPENING)     # tables as a person writes them
ways = {"smoothing": "witten-bell", "tokenizer": "words", "lowercase": True}
""",
    """
score = np.exp(hm.NGram.from_tables(MORE).score_samples([praise], end=False))[0]
greedy, dice = opening.sample(4, greedy=True), opening.sample(8, random_state=2)
critic = hm.NGram(3, **ways).fit(REVIEWS)   # counts of words in threes
repaired = critic.correct(["waste of tine and money"], noise=hm.noise.Typos(0.05))
ranked = critic.blanks("director's first ___ masterpiece", n_best=3)[0]
""",
)

MEASURED = Snippet(
    "",
    """
said = praise.split()
factors = [MORE[" ".join(said[max(0, i - 2) : i])][word] for i, word in enumerate(said)]
faces = opening.next_words("the movie", n=6)              # of the die, the widest first
counted = critic.next_words("waste of", n=2)[0][1]
unseen = critic.prob("masterpiece", "waste of")
""",
)

_CHAIN = Formula(
    display(
        "P(w_1…w_n)=∏_i P(w_i|w_{i−2},w_{i−1}),",
        r"P(c|a,b)=\frac{count(a,b,c)}{count(a,b)}",
    ),
    "The chain, and how counting gives its factors before they are smoothed.",
)
_GREED_AND_DICE = Text(
    "Greed and dice. Always taking the most probable word says the same thing again and again; a "
    "die with a face for each word, as wide as its probability, says something new. A draw ends "
    "where the critic's tables do not go on."
)
_TORN, _BLANK = "waste of tine and money", "director's first ___ masterpiece"


def page(workshop: Workshop) -> Page:
    snippet, made = workshop.run(SNIPPET)
    measured, made = workshop.run(MEASURED, onwards=made)
    said, factors = made["said"], made["factors"]
    counted, unseen = made["counted"], made["unseen"]
    picture = _ranked(made["faces"], made["ranked"])
    n_words = made["critic"].facts()["words known"]
    return Page(
        title="A critic's words",
        lead="How likely is a text? A chain takes it word by word, each given the two before "
        "it, and multiplies. One joint distribution then scores a text, writes new ones, "
        "repairs and completes them.",
        finding=f"“{made['praise']}” has probability {made['score']:.7g}.",
        blocks=[
            _CHAIN,
            snippet.block(),
            _scored(said, factors),
            _GREED_AND_DICE,
            picture,
            _thrown(made["greedy"], made["dice"]),
            Text(
                f"Counting his {len(made['REVIEWS'])} reviews in threes gives a critic of "
                f"{n_words} words. After “waste of” he has only ever said “time”: smoothing "
                f"leaves that {counted:.3f}, and keeps {unseen:.4f} for a word like "
                "“masterpiece”."
            ),
            _answered(made["repaired"][0], made["ranked"]),
            measured.measuring(),
        ],
        summary=[
            f"The critic's {len(made['REVIEWS'])} reviews and his own tables; every answer "
            "comes from P(text).",
            *(f"  {name:<10}{line}" for name, line in _lines(made, factors, counted, unseen)),
        ],
        picture=picture,
    )


def _lines(
    made: dict[str, Any], factors: list[float], counted: float, unseen: float
) -> list[tuple[str, str]]:
    """What is printed: the name of each question, and what came out."""
    product = " × ".join(f"{factor:g}" for factor in factors)
    word, sure = made["ranked"][0]
    dice = ", ".join(f"“{text}”" for text in made["dice"])
    return [
        (
            "scored",
            f"P(“{made['praise']}”) = {product} = {prod(factors):.7g}; "
            f"harmonium: {made['score']:.7g}",
        ),
        ("greed", f"always the most probable word: “{made['greedy'][0]}” every time"),
        ("dice", f"a die with a face for each word: {dice}"),
        ("counted", f"P(time | waste of) = {counted:.3f}; a word never seen there: {unseen:.4f}"),
        ("repaired", f"“{_TORN}” → “{made['repaired'][0]}”"),
        ("completed", f"“{_BLANK}” → {word} ({sure:.1%})"),
    ]


def _scored(said: list[str], factors: list[float]) -> Table:
    rows = [
        (word, " ".join(said[max(0, i - 2) : i]) or "(start)", f"{factor:g}")
        for i, (word, factor) in enumerate(zip(said, factors, strict=True))
    ]
    caption = f"A score: the product of these is {prod(factors):.7g}."
    return Table(("the word", "after", "probability"), rows, caption=caption, numeric=False)


def _thrown(greedy: list[str], dice: list[str]) -> Table:
    rows = [(str(i + 1), greedy[i] if i < len(greedy) else "", text) for i, text in enumerate(dice)]
    return Table(("throw", "with greed", "with dice"), rows, numeric=False)


def _answered(repaired: str, ranked: list[tuple[str, float]]) -> Table:
    fitting = ", ".join(f"{word} ({p:.1%})" for word, p in ranked)
    rows = [(_TORN, f"repaired: {repaired}"), (_BLANK, fitting)]
    return Table(("question", "answer"), rows, numeric=False)


def _ranked(faces: list[tuple[str, float]], ranked: list[tuple[str, float]]) -> Picture:
    """The faces of a die, and the words that fill a blank."""
    with drawing(2.2) as figure:
        panels = zip(figure.subplots(1, 2), ("the movie …", _BLANK), (faces, ranked), strict=True)
        for axes, text, words in panels:
            BlanksDisplay(text=text, ranked=[words]).plot(axes)
            axes.set_title(text, fontsize="small")
        return svg_picture(
            figure,
            "Bars for the words after “the movie”, and for those that fill a blank",
            "Left, the die that is thrown after “the movie”: a face for each word, as wide as its "
            "probability. Right, what fills a blank, given the words on both sides.",
        )
