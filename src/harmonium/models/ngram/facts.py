"""What a chain of words says of itself, for people."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from harmonium.models.ngram.vocabulary import N_MARKERS

__all__ = ["counted_facts"]


def counted_facts(learned: Mapping[str, Any]) -> dict[str, Any]:
    """What was counted, out of the attributes of a fitted chain; of one that was given as tables
    or in a file of the field, its sizes alone."""
    facts: dict[str, Any] = {"words known": learned["n_ngrams_"][0] - N_MARKERS}
    if learned["n_texts_"]:
        facts |= {"texts counted": learned["n_texts_"], "words counted": learned["n_words_"]}
    facts["n-grams of 1, 2, ... words"] = learned["n_ngrams_"]
    if learned["discounts_"]:
        facts["discounts of 1, 2, ... words"] = learned["discounts_"]
    perplexity = learned["training_perplexity_"]
    if perplexity is not None and math.isfinite(perplexity):
        facts["perplexity of what was counted"] = perplexity
    if learned["weights_"]:
        facts["weights of the models mixed"] = learned["weights_"]
    return facts | learned["changed_"]
