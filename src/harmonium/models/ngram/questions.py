"""What can be asked of a chain over words, however its n-grams came about."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harmonium.compute.random import random_generator
from harmonium.contract.checks import check_flag, check_integer
from harmonium.contract.joint import JointDistribution
from harmonium.contract.words import How
from harmonium.models.ngram.asking import constrained, dice, doubtful, scoring
from harmonium.models.ngram.asking.chain import Chain

__all__ = ["Questions"]


class Questions(JointDistribution):
    """The questions to a chain of words; how it is learned and kept is its child's."""

    @abstractmethod
    def _chain(self) -> Chain:
        """What questions are put to."""

    def score_samples(self, X: Any, end: bool = True) -> NDArray[np.float64]:
        """log P(text) in nats for each text; without P(``</s>``) where `end` is False.

        Unknown words are scored as ``<unk>``. Under ``smoothing="mle"`` what was not seen has
        probability zero: -inf.
        """
        return scoring.score(self._chain(), X, check_flag("end", end))

    def perplexity(self, X: Any, end: bool = True) -> float:
        """exp of the mean negative log P a word, the ends of texts counted where `end`.

        Words that are not known are scored as ``<unk>``, which may have much probability: figures
        compare only beside their share, :meth:`unknown_share`.
        """
        return scoring.perplexity(self._chain(), X, check_flag("end", end)).value

    def unknown_share(self, X: Any) -> float:
        """The share of the words of `X` that are not known, in [0, 1]; ends are no words."""
        return scoring.perplexity(self._chain(), X, False).unknown_share

    def prob(self, word: str, context: str | Sequence[str] = ()) -> float:
        """P(word given context); ``()`` is the start of a text.

        `context` is a string or a sequence of words, of which the last `order` - 1 count;
        ``"</s>"`` is a word, and ``"<s>"`` may begin the context.
        """
        return float(np.exp(self.log_prob(word, context)))

    def log_prob(self, word: str, context: str | Sequence[str] = ()) -> float:
        """log P(word given context) in nats; see :meth:`prob`."""
        return self._chain().log_prob(word, context)

    def next_words(self, context: str | Sequence[str] = (), n: int = 10) -> list[tuple[str, float]]:
        """The `n` most probable words after `context`, with their probabilities."""
        return self._chain().next_words(context, check_integer("n", n, 1))

    def sample(
        self,
        n_samples: int = 1,
        *,
        condition: Any = None,
        greedy: bool = False,
        max_length: int | None = None,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        beginning: str | Sequence[str] | None = None,
        contains: Sequence[Any] | None = None,
        begins_with: str | Sequence[str] | None = None,
        ends_with: str | Sequence[str] | None = None,
        length: tuple[int, int | None] | None = None,
        random_state: Any = None,
    ) -> list[Any]:
        """New texts, word by word, until the end or `max_length` words: strings, or token lists
        where the model learned from such. ``<unk>`` is drawn again.

        Parameters
        ----------
        condition : text with blanks, optional
            ``None`` in a token list, ``___`` in a string: draws from P(blanks given the rest).
        greedy : bool
            Always the most probable word: the same text again and again.
        max_length : int, default=100
            Words at most, those of `beginning` not counted.
        temperature : float > 0
            Above 1 evens the odds, below 1 sharpens them.
        top_k, top_p : int, float in (0, 1], optional
            Draw among the `top_k` most probable words, or the fewest that reach `top_p`.
        beginning : str or list of str, optional
            What each text begins with.
        contains, begins_with, ends_with, length : optional
            Independent draws of whole texts from P given that they meet this (as in
            :meth:`log_proba_of`) and every word is known; nothing is drawn and thrown away.
        """
        chain = self._chain()
        n = check_integer("n_samples", n_samples, 0)
        generator = random_generator(random_state)
        wanted = constrained.read(chain, contains, begins_with, ends_with, length)
        odds = dice.Odds(greedy, temperature, top_k, top_p)
        if wanted is not None:
            others = {"condition": condition, "max_length": max_length, "beginning": beginning}
            constrained.check_alone(odds.changed(), others)
            return constrained.drawn(chain, wanted, generator, n)
        if condition is not None:
            return doubtful.with_blanks(chain, condition, True, "condition").draw(generator, n)
        return dice.write(
            chain,
            n,
            beginning=[] if beginning is None else chain.tokenization.tokens(beginning),
            max_length=100 if max_length is None else check_integer("max_length", max_length, 1),
            odds=odds,
            generator=generator,
            as_text=chain.said,
        )

    def log_proba_of(
        self,
        *,
        contains: Sequence[Any] | None = None,
        begins_with: str | Sequence[str] | None = None,
        ends_with: str | Sequence[str] | None = None,
        length: tuple[int, int | None] | None = None,
        unknown: bool = False,
    ) -> float:
        """log P(a text meets all of this) in nats; -inf where none can.

        The sum of P over all texts of known words that do, so that log P of a draw of
        :meth:`sample` is ``score_samples([text])[0] - log_proba_of(...)``. Sums run over the chain
        multiplied with an automaton of the phrases, at a visit an n-gram for each word of `length`
        and each set of phrases (2^k for k phrases, at most 10); without a bound on `length`, some
        tens of visits in place of its words: the sum has no end then, and is added up until
        bounds from both sides on what is left are within 1e-11 of every figure, for each phrase.

        Parameters
        ----------
        contains : list of words or phrases (strings or token lists), optional
            What each text holds, in any order; phrases may overlap, and one that is listed twice
            is asked for once.
        begins_with, ends_with : str or list of str, optional
            The first words, the last words.
        length : (low, high), optional
            The fewest and the most words of a text; high None for any number.
        unknown : bool
            Whether texts with words that are not known (``<unk>``) count as well.

        Raises
        ------
        ValueError
            A phrase with a word that is not known; a `length` without room for the phrases.
        """
        chain = self._chain()
        check_flag("unknown", unknown)
        wanted = constrained.Constraints.read(chain, contains, begins_with, ends_with, length)
        return constrained.anew(chain, wanted, unknown=unknown).log_prob()

    # Fill in what is missing, clean up what is noisy

    def complete(
        self,
        X: Any = None,
        *,
        how: How = "mode",
        end: bool = True,
        contains: Sequence[Any] | None = None,
        begins_with: str | Sequence[str] | None = None,
        ends_with: str | Sequence[str] | None = None,
        length: tuple[int, int | None] | None = None,
        random_state: Any = None,
    ) -> list[Any]:
        """Each text with its blanks filled: ``None`` in a token list, ``___`` in a string.

        ``how="mode"`` is the most probable filling of all blanks together, by dynamic
        programming over the whole chain (Viterbi): exact, whatever the vocabulary, at about one
        visit an n-gram for each blank beside another. ``"sample"`` draws from the posterior;
        ``"mean"`` has no meaning for words. Markers and ``<unk>`` never fill a blank. `end` False
        leaves open whether the text ends there.

        With `contains`, `begins_with`, `ends_with`, `length` (see :meth:`sample`) the filled texts
        meet these; without `X` the answer is one text, the most probable of all that do (or a
        draw). Raises ``ValueError`` for constraints that no text, or no filling, meets.
        """
        chain, generator = self._chain(), random_generator(random_state)
        wanted = constrained.read(chain, contains, begins_with, ends_with, length)
        if wanted is None:
            if X is None:
                raise ValueError(f"X is missing: wanted texts with blanks, or {constrained.NAMES}")
            return doubtful.complete(chain, X, how, end, generator)
        doubtful.check_asked([] if X is None else X, how, end)
        if X is not None:
            return constrained.filled(chain, wanted, X, how, end, generator)
        if how == "mode":
            return [constrained.most_probable(chain, wanted)]
        return constrained.drawn(chain, wanted, generator, 1)

    def blanks(
        self, text: Any, n_best: int = 10, *, end: bool = True
    ) -> list[list[tuple[str, float]]]:
        """For each blank of one text the `n_best` words with P(word here given the rest).

        Exact posteriors, by sums forward and backward along the chain (Baum 1972).
        """
        chain, n_best = self._chain(), check_integer("n_best", n_best, 1)
        return doubtful.with_blanks(chain, text, end, "text").ranked(n_best)

    def correct(
        self, X: Any, *, noise: Any, how: How = "mode", end: bool = True, random_state: Any = None
    ) -> list[Any]:
        """The clean text behind each noisy one: argmax or a draw of P(text given noisy text).

        `noise` is ``hm.noise.Replace(p)``, each word replaced with probability p by one drawn
        evenly from the vocabulary, or ``hm.noise.Typos(p)``, each character mistyped with
        probability p (candidates: words within two edits, by RapidFuzz), or
        ``hm.noise.Edits(substitute, insert, delete)``, words put in and left out as well, at some
        visits an n-gram for each word. Decoded by Viterbi with
        the chain as prior; ``how="mean"`` has no meaning for words. A word that the model does
        not know stays as it is unless a known one is more probable.
        """
        return doubtful.correct(self._chain(), X, noise, how, end, random_generator(random_state))
