"""Step 1: a critic's words; counts, a score, greed against dice, repair, completion."""

from __future__ import annotations

from math import prod
from typing import Any

from harmonium.apps.pages.page import Formula, Table, Text
from harmonium.apps.tour import mathml as m
from harmonium.apps.tour.step import Page, Snippet, Workshop

__all__ = ["SNIPPET", "page"]

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


def page(workshop: Workshop) -> Page:
    snippet, made = workshop.run(SNIPPET)
    critic, score = made["critic"], made["score"]
    said = made["praise"].split()
    tables = made["MORE"]
    factors = [_listed(tables, said, place) for place in range(len(said))]
    product = " × ".join(f"{factor:g}" for factor in factors)
    by_hand = prod(factors)
    followers = critic.next_words("waste of", n=2)
    counted, unseen = followers[0][1], critic.prob("masterpiece", "waste of")
    word, sure = made["ranked"][0]
    greedy = f"“{made['greedy'][0]}” every time"
    dice = ", ".join(f"“{text}”" for text in made["dice"])
    rows = [
        ("scored", f"P(“{made['praise']}”) = {product} = {by_hand:.7g}; harmonium: {score:.7g}"),
        ("greed", f"always the most probable word: {greedy}"),
        ("dice", f"a die with a face for each word: {dice}"),
        ("counted", f"P(time | waste of) = {counted:.3f}; a word never seen there: {unseen:.4f}"),
        ("repaired", f"“waste of tine and money” → “{made['repaired'][0]}”"),
        ("completed", f"“director's first ___ masterpiece” → {word} ({sure:.1%})"),
    ]
    return Page(
        title="A critic's words",
        lead="How likely is a text? A chain takes it word by word, each given the two before "
        "it, and multiplies. One joint distribution then scores a text, writes new ones, "
        "repairs and completes them.",
        finding=f"“{made['praise']}” has probability {score:.7g}.",
        blocks=[
            Formula(
                m.display(
                    "P(",
                    m.sub("w", "1"),
                    "…",
                    m.sub("w", "n"),
                    ")=",
                    m.total("∏", "i"),
                    "P(",
                    m.sub("w", "i"),
                    "|",
                    m.sub("w", "i−2"),
                    ",",
                    m.sub("w", "i−1"),
                    "),",
                )
                + m.display("P(c|a,b)=", m.frac(m.row("count(a,b,c)"), m.row("count(a,b)"))),
                "The chain, and how counting gives its factors before they are smoothed.",
            ),
            snippet.block(),
            Table(
                ("the word", "after", "probability"),
                [
                    (w, " ".join(said[max(0, i - 2) : i]) or "(start)", f"{p:g}")
                    for i, (w, p) in enumerate(zip(said, factors, strict=True))
                ],
                caption=f"A score: the product of these is {by_hand:.7g}.",
                numeric=False,
            ),
            Text(
                "Greed and dice. Always taking the most probable word says the same thing again "
                "and again; a die with a face for each word, as wide as its probability, says "
                "something new. A draw ends where the critic's tables do not go on."
            ),
            Table(
                ("throw", "with greed", "with dice"),
                [
                    (str(i + 1), made["greedy"][i] if i < 4 else "", text)
                    for i, text in enumerate(made["dice"])
                ],
                numeric=False,
            ),
            Text(
                f"Counting his {len(made['REVIEWS'])} reviews in threes gives a critic of "
                f"{len(critic.vocabulary_) - 3} words. After “waste of” he has only ever said "
                f"“time”: smoothing leaves that {counted:.3f}, and keeps {unseen:.4f} for a word "
                "like “masterpiece”."
            ),
            Table(
                ("question", "answer"),
                [
                    ("waste of tine and money", f"repaired: {made['repaired'][0]}"),
                    (
                        "director's first ___ masterpiece",
                        ", ".join(f"{w} ({p:.1%})" for w, p in made["ranked"]),
                    ),
                ],
                numeric=False,
            ),
        ],
        summary=[
            f"The critic's {len(made['REVIEWS'])} reviews and his own tables; every answer "
            "comes from P(text).",
            *(f"  {name:<10}{line}" for name, line in rows),
        ],
    )


def _listed(tables: Any, said: list[str], place: int) -> float:
    """The figure written in the tables for a word after the (at most two) words before it."""
    return float(tables[" ".join(said[max(0, place - 2) : place])][said[place]])
