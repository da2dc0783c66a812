"""A text of which some words are in doubt, blanks or noisy ones: the best way to read it, draws."""

from __future__ import annotations

from typing import Any

import numpy as np

from harmonium.contract.checks import check_flag
from harmonium.contract.noise import CleanWords, Edits, NoiseChannel, not_for_texts
from harmonium.models.ngram.asking.chain import Chain
from harmonium.models.ngram.asking.edited import Edited
from harmonium.models.ngram.asking.lattice import Choice, Lattice
from harmonium.models.ngram.vocabulary import END, MARKERS, N_MARKERS, START, UNKNOWN

__all__ = ["Doubtful", "check_asked", "complete", "correct", "tokens_with_blanks", "with_blanks"]

_BLANK = "___"
#: What no one may write as a word of a text.
_NO_WORDS = (MARKERS[START], MARKERS[END])


class Doubtful:
    """A text, with a :class:`Choice` for each of its tokens; `end`: whether it ends there.

    `name` is what errors call it. Answers are strings where `text` is one, else token lists.
    """

    def __init__(
        self,
        chain: Chain,
        text: Any,
        tokens: list[Any],
        choices: list[Choice],
        *,
        end: bool,
        name: str,
    ) -> None:
        self._words, self._tokens = chain.vocabulary.words, tokens
        self._text = chain.tokenization.text if isinstance(text, str) else list
        places = [*choices, *[_certain(END)] * end]
        self._lattice = Lattice(chain.trie, places, chain.trie.start, name=name)

    def best(self) -> Any:
        """The text with its most probable words, all together."""
        return self._said(self._lattice.best())

    def draw(self, generator: np.random.Generator, n: int) -> list[Any]:
        """`n` draws of the text."""
        return [self._said(words) for words in self._lattice.draw(generator, n).tolist()]

    def answer(self, how: str, generator: np.random.Generator) -> Any:
        """The best text where `how` is ``"mode"``, else a draw."""
        return self.best() if how == "mode" else self.draw(generator, 1)[0]

    def ranked(self, n_best: int) -> list[list[tuple[str, float]]]:
        """For each blank its `n_best` words of P(word here given the rest) above zero."""
        ranked = []
        for token, chances in zip(self._tokens, self._lattice.posterior(), strict=False):
            if token is None:
                best = np.argsort(-chances, kind="stable")[:n_best]
                ranked.append([(self._words[i], float(chances[i])) for i in best if chances[i] > 0])
        return ranked

    def _said(self, numbers: list[int]) -> Any:
        """The text of these words; what is not known stays as it was."""
        return self._text(
            token if number == UNKNOWN else self._words[number]
            for token, number in zip(self._tokens, numbers, strict=False)
        )


def with_blanks(chain: Chain, text: Any, end: bool, name: str) -> Doubtful:
    """`text` with blanks (``None`` in a token list, ``___`` in a string), for any word to fill."""
    check_flag("end", end)
    tokens = tokens_with_blanks(chain, text, name)
    free = np.arange(N_MARKERS, len(chain.vocabulary))
    if not len(free) and None in tokens:
        raise ValueError(f"{name}: no word is known that could fill a blank")
    anything = Choice(free, np.zeros(len(free)))
    known = chain.vocabulary.numbers
    choices = [
        anything if token is None else _certain(known.get(token, UNKNOWN)) for token in tokens
    ]
    return Doubtful(chain, text, tokens, choices, end=end, name=name)


def complete(
    chain: Chain, X: Any, how: str, end: bool, generator: np.random.Generator
) -> list[Any]:
    """Each text of `X` with its blanks filled: the best way (``"mode"``) or a draw."""
    check_asked(X, how, end)
    return [
        with_blanks(chain, text, end, f"X: text {number}").answer(how, generator)
        for number, text in enumerate(X)
    ]


def correct(
    chain: Chain, X: Any, noise: Any, how: str, end: bool, generator: np.random.Generator
) -> list[Any]:
    """The text behind each of `X`, read through `noise`: the best (``"mode"``) or a draw."""
    check_asked(X, how, end)
    if not isinstance(noise, NoiseChannel):
        raise not_for_texts(noise)
    texts = list(X)
    read = [chain.tokenization.tokens(text) for text in texts]
    for number, words in enumerate(read):
        for word in words:
            if not isinstance(word, str) or word in _NO_WORDS:
                raise ValueError(f"X: text {number}: a token must be a word, got {word!r}")
    if isinstance(noise, Edits):
        pairs = zip(texts, read, strict=True)
        return [
            _reworded(
                chain,
                text,
                words,
                Edited(chain.trie, chain.numbers(words), noise, end=end, best=how == "mode").text(
                    generator
                ),
                f"X: text {number}",
            )
            for number, (text, words) in enumerate(pairs)
        ]
    distinct = list(dict.fromkeys(word for words in read for word in words))
    behind = noise.clean_words(distinct, chain.vocabulary.words[N_MARKERS:])
    corrected = []
    for number, (text, words) in enumerate(zip(texts, read, strict=True)):
        choices = [_choice(behind(word)) for word in words]
        name = f"X: text {number}"
        doubtful = Doubtful(chain, text, words, choices, end=end, name=name)
        corrected.append(doubtful.answer(how, generator))
    return corrected


def _reworded(
    chain: Chain, text: Any, words: list[str], numbers: list[int] | None, name: str
) -> Any:
    """The text of these words; those that are not known are the noisy text's, in their order."""
    if numbers is None:
        raise ValueError(f"{name}: no text is possible behind it, P is zero")
    vocabulary = chain.vocabulary
    left = iter([word for word in words if vocabulary.numbers.get(word, UNKNOWN) == UNKNOWN])
    said = [next(left) if n == UNKNOWN else vocabulary.words[n] for n in numbers]
    return chain.tokenization.text(said) if isinstance(text, str) else said


def check_asked(X: Any, how: str, end: bool) -> None:
    """What every question about given texts wants."""
    if how not in ("mode", "sample"):
        raise ValueError(f"how must be 'mode' or 'sample' for texts, got {how!r}")
    if isinstance(X, str):
        raise ValueError("X must be an iterable of texts, got one string; wrap it in a list")
    check_flag("end", end)


def _choice(clean: CleanWords) -> Choice:
    words, weight = clean.numbers + N_MARKERS, clean.log_likelihood
    if clean.unknown > -np.inf:
        words, weight = np.append(words, UNKNOWN), np.append(weight, clean.unknown)
    possible = weight > -np.inf
    return Choice(words[possible], weight[possible])


def tokens_with_blanks(chain: Chain, text: Any, name: str) -> list[str | None]:
    """The tokens of a text, None for a blank; `name` is what errors call it."""
    tokens: list[Any] = []
    if isinstance(text, str):
        for piece, part in enumerate(text.split(_BLANK)):
            tokens += ([None] if piece else []) + chain.tokenization.tokens(part)
    else:
        tokens += [None if token == _BLANK else token for token in chain.tokenization.tokens(text)]
    for token in tokens:
        if token is not None and (not isinstance(token, str) or token in _NO_WORDS):
            raise ValueError(f"{name}: a token must be a word or None, got {token!r}")
    return tokens


def _certain(number: int) -> Choice:
    return Choice(np.array([number]), np.zeros(1))
