"""What a report says of an n-gram chain: sizes, discounts, perplexity, samples, completions."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from harmonium.apps.pages.blocks import Block, Caution, Section, Table, Text
from harmonium.apps.pages.figures import drawing, svg_picture
from harmonium.apps.report.description import Description, fact_tables
from harmonium.data.texts import tokenizer_for, tokens_of
from harmonium.display.scores import ScoresDisplay
from harmonium.models.ngram.vocabulary import MARKERS, N_MARKERS, UNKNOWN

if TYPE_CHECKING:
    from harmonium.models.ngram.model import NGram

__all__ = ["describe"]

_N_SAMPLES = 12
_MAX_WORDS = 30
_N_WORDS = 15
_N_COMPLETIONS = 5
#: Texts that are scored and completed; a report is to be read, not waited for.
_N_TEXTS = 20_000


#: Facts that stand in a table of their own.
_IN_A_TABLE = ("n-grams of 1, 2, ... words", "discounts of 1, 2, ... words")


def describe(model: NGram, data: Any, seed: int) -> Description:
    """A chain of words; `data` are texts."""
    texts = None if data is None else list(islice(iter(data), _N_TEXTS))
    words = model.facts()["words known"]
    lead = (
        f"A chain over words: each of {words:,} words given the {model.order - 1} before it, "
        f"smoothed by {model.smoothing}."
    )
    sections = [Section("The model", _facts(model))]
    cautions: list[Caution] = []
    if texts:
        blocks, cautions = _likelihood(model, texts)
        sections.append(Section("How likely", blocks))
    sections.append(Section("Samples", _samples(model, seed)))
    sections.append(Section("Words", _words(model)))
    if texts:
        sections += _completions(model, texts, seed)
    return Description(lead, cautions, sections)


def _facts(model: NGram) -> list[Block]:
    discounts = model.discounts_
    headings = ["n-grams of", "distinct"]
    if discounts:
        headings += ["discount once", "twice", "3 or more"]
    lines = []
    for index, distinct in enumerate(model.n_ngrams_):
        line = [f"{index + 1} word{'s' if index else ''}", f"{distinct:,}"]
        if discounts:
            known = discounts[index] if index < len(discounts) else []
            line += [f"{d:.3f}" for d in known] + [""] * (3 - len(known))
        lines.append(line)
    counted = Table(headings, lines, caption="What was counted, markers included.")
    return [*fact_tables(model, leave_out=_IN_A_TABLE), counted]


def _likelihood(model: NGram, texts: list[Any]) -> tuple[list[Block], list[Caution]]:
    scores = np.asarray(model.score_samples(texts))
    rows = [
        ("texts scored", f"{len(texts):,}"),
        ("perplexity a word, ends counted", f"{model.perplexity(texts):,.1f}"),
        ("mean log-likelihood of a text (nats)", f"{scores.mean():,.2f}"),
    ]
    blocks: list[Block] = [Table(("", ""), rows)]
    cautions = []
    impossible = int(np.isneginf(scores).sum())
    if impossible:
        cautions.append(
            Caution(
                f"{impossible:,} of {len(scores):,} texts have probability zero: they hold what "
                "was never counted, and this model is not smoothed. smoothing='kneser-ney' "
                "gives every text a probability."
            )
        )
    finite = scores[np.isfinite(scores)]
    if len(finite) > 1:
        with drawing(2.1) as figure:
            ScoresDisplay(scores={"": finite}).plot(figure.subplots()).ax_.set_ylabel("texts")
            blocks.append(svg_picture(figure, "Histogram of the log-likelihoods of the texts"))
    return blocks, cautions


def _samples(model: NGram, seed: int) -> list[Block]:
    drawn = model.sample(_N_SAMPLES, max_length=_MAX_WORDS, random_state=seed)
    greedy = model.sample(1, greedy=True, max_length=_MAX_WORDS)
    rows = [("greedy", _text(greedy[0]))]
    rows += [(f"dice {i + 1}", _text(text)) for i, text in enumerate(drawn)]
    return [
        Table(
            ("", "text"),
            rows,
            caption=f"At most {_MAX_WORDS} words. Greedy: always the most probable word.",
            numeric=False,
        )
    ]


def _text(text: Any) -> str:
    return (text if isinstance(text, str) else " ".join(text)) or "(nothing)"


def _words(model: NGram) -> list[Block]:
    """The most frequent words, and what follows each."""
    rows = []
    for word in model.vocabulary_[N_MARKERS : N_MARKERS + _N_WORDS]:
        after = model.next_words([word], n=4)
        rows.append((word, ", ".join(f"{w} ({p:.1%})" for w, p in after if w != MARKERS[UNKNOWN])))
    return [
        Table(
            ("word", "what follows it"),
            rows,
            caption="The most frequent words, most frequent first. </s> is the end of a text.",
            numeric=False,
        )
    ]


def _completions(model: NGram, texts: list[Any], seed: int) -> list[Section]:
    """Some texts with a word in the middle taken out, and the words that fit best."""
    generator = np.random.default_rng(seed)
    split = tokenizer_for(model.tokenizer, model.lowercase)
    rows = []
    for index in generator.permutation(len(texts)):
        tokens = tokens_of(texts[index], split)
        if not 3 <= len(tokens) <= _MAX_WORDS:
            continue
        place = len(tokens) // 2
        asked: list[Any] = [*tokens[:place], None, *tokens[place + 1 :]]
        try:
            best = model.blanks(asked, n_best=3)[0]
        except ValueError:  # the rest of the text has probability zero
            continue
        shown = " ".join("___" if token is None else token for token in asked)
        rows.append((shown, ", ".join(f"{w} ({p:.1%})" for w, p in best), tokens[place]))
        if len(rows) == _N_COMPLETIONS:
            break
    if not rows:
        return []
    table = Table(("text", "what fits", "what was there"), rows, numeric=False)
    blocks: list[Block] = [
        Text("A word taken out of each text, and the words with the largest P(word | the rest)."),
        table,
    ]
    return [Section("Completions", blocks)]
