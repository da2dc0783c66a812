"""What counting texts, or reading a file, leaves behind: a chain of words and facts about it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from harmonium.models.ngram.codes import Codes
from harmonium.models.ngram.trie import Trie
from harmonium.models.ngram.vocabulary import Vocabulary

__all__ = ["Learned"]


@dataclass(frozen=True)
class Learned:
    """N-grams and words, and what was counted: nothing, where a file or a person gave them."""

    trie: Trie
    vocabulary: Vocabulary
    #: Whether the texts were token lists, so that new ones are too.
    lists: bool = False
    n_texts: int = 0
    n_words: int = 0
    #: Kneser-Ney's, for each length of n-grams.
    discounts: list[list[float]] = field(default_factory=list)
    #: Of the texts that were counted.
    training_perplexity: float | None = None
    #: How often each n-gram was counted, 255 standing for more, where it was.
    count: NDArray[np.uint8] | None = None
    #: Of the chains that were mixed.
    weights: list[float] = field(default_factory=list)
    #: What pruning or rounding changed, by names for people.
    changed: dict[str, float] = field(default_factory=dict)
    #: What its probabilities are rounded to, where they are.
    codes: Codes | None = None
    #: Whether its file holds what walks along the n-grams need, too.
    indexed: bool = False

    def changed_to(
        self,
        trie: Trie,
        changed: dict[str, float],
        *,
        count: NDArray[np.uint8] | None = None,
        codes: Codes | None = None,
    ) -> Self:
        """The same with another `trie`: what was measured on this one's, and its file's index, are
        no longer."""
        return replace(
            self,
            trie=trie,
            changed=changed,
            count=count,
            codes=codes,
            training_perplexity=None,
            indexed=False,
        )
