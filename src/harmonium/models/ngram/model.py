"""The n-gram chain: P(text) as a product of P(word given the words before it), by counting."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from os import PathLike
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from harmonium.compute.random import random_generator
from harmonium.contract.checks import (
    check_arrays,
    check_choice,
    check_flag,
    check_integer,
    check_number,
)
from harmonium.contract.joint import JointDistribution
from harmonium.data.texts import Block, TextFile, blocks, tokenizer_for, tokens_of
from harmonium.models.ngram import smoothing
from harmonium.models.ngram.asking import channels, dice
from harmonium.models.ngram.asking.lattice import Choice, Lattice
from harmonium.models.ngram.counting import counting
from harmonium.models.ngram.counting.engines import ENGINES, Workspace
from harmonium.models.ngram.facts import counted_facts
from harmonium.models.ngram.files import arpa, tables
from harmonium.models.ngram.progress import CountProgress
from harmonium.models.ngram.threads import in_order
from harmonium.models.ngram.trie import Trie
from harmonium.models.ngram.vocabulary import END, MARKERS, N_MARKERS, START, UNKNOWN, Vocabulary

__all__ = ["NGram", "TextFile"]

_BLANK = "___"
_TIGHT = re.compile(r" ([.,;:!?%)\]}…])")


#: What a logarithm of a probability may lie above zero by rounding.
_ROUNDING = 1e-6
#: Types and axes of the arrays in a file.
_STORED: dict[str, tuple[str, tuple[int | None, ...]]] = {
    "blob": ("uint8", (None,)),
    "offsets": ("int64", (None,)),
    "word": ("int32", (None,)),
    "parent": ("int32", (None,)),
    "level_starts": ("int64", (None,)),
    "log_prob": ("float64", (None,)),
    "log_backoff": ("float64", (None,)),
    "floor": ("float64", (None,)),
}


class NGram(JointDistribution):
    """A chain over words: P(w1..wn) is a product of P(w_i given the `order` - 1 words before).

    Start and end of a text are part of the model: P(text) includes ``</s>``, and the first words
    are given ``<s>``. Texts are strings or lists of tokens; :class:`harmonium.TextFile` reads a
    file of any size, a text a line.

    Parameters
    ----------
    order : int in [1, 6], default=3
        Words in the longest n-grams.
    smoothing : {"kneser-ney", "witten-bell", "add-k", "mle"}
        Interpolated modified Kneser-Ney (Chen and Goodman 1998; the numbers are those of KenLM's
        ``lmplz``, Heafield et al. 2013), Witten-Bell's method C, Lidstone's add-k, or plain
        count(context, word) / count(context).
    tokenizer : {"whitespace", "words", "characters", "cues"} or callable
        ``"whitespace"`` splits at ASCII white space; ``"words"`` finds Unicode words and
        punctuation marks; ``"cues"`` is for classifiers (order 1): words, pairs of words and
        beginnings of words, each once; a callable takes a string and returns its tokens. Token
        lists are taken as they are.
    lowercase : bool
        Fold case before splitting (named tokenizers).
    k : float > 0
        What ``"add-k"`` adds to every count.
    min_count : int >= 1
        Words that occur less often become ``<unk>``.
    vocabulary : sequence of str, optional
        The words to know; all others become ``<unk>``, and `min_count` is not used.
    engine : {"auto", "memory", "duckdb", "spark"}
        What groups the n-grams: numpy in memory; DuckDB, which spills to disk; or Spark, both
        through Ibis (``pip install 'harmonium[cluster]'``). ``"auto"`` counts in memory up to
        about 1e8 words and with DuckDB beyond; then nothing that grows with the text, only what
        grows with the n-grams, is held in memory.
    verbose : {0, 1}
        Whether to show a progress bar while counting.

    Attributes
    ----------
    vocabulary_ : list of str
        All words, the markers ``<unk>``, ``<s>``, ``</s>`` first, then the most frequent first.
    n_ngrams_ : list of int
        Distinct n-grams of each length from 1.
    discounts_ : list of list of float
        Kneser-Ney discounts for n-grams seen 1, 2, 3 or more times, for each length.
    n_texts_, n_words_ : int
        What was counted (words without the markers of start and end).
    training_perplexity_ : float
        Of the texts that were counted: what more data, not this figure, should bring down.

    Notes
    -----
    Counting costs one sort of 64-bit keys an order. Memory: about 20 bytes an n-gram, 16 a
    word of text while counting. Texts are never held as strings.

    Examples
    --------
    >>> import harmonium as hm
    >>> model = hm.NGram(2, smoothing="mle").fit(["waste of time", "waste of money"])
    >>> model.prob("time", "waste of")
    0.5
    """

    may_hold = frozenset({-np.inf, np.nan})

    def __init__(
        self,
        order: int = 3,
        *,
        smoothing: str = "kneser-ney",
        tokenizer: str | Callable[[str], Sequence[str]] = "whitespace",
        lowercase: bool = False,
        k: float = 1.0,
        min_count: int = 1,
        vocabulary: Sequence[str] | None = None,
        engine: str = "auto",
        verbose: int = 0,
    ) -> None:
        self.order = order
        self.smoothing = smoothing
        self.tokenizer = tokenizer
        self.lowercase = lowercase
        self.k = k
        self.min_count = min_count
        self.vocabulary = vocabulary
        self.engine = engine
        self.verbose = verbose

    # Learning

    def check_parameters(self) -> None:
        check_integer("order", self.order, 1, 6)
        check_choice("smoothing", self.smoothing, smoothing.METHODS)
        check_number("k", self.k, 0.0, low_open=True)
        check_integer("min_count", self.min_count, 1)
        check_choice("engine", self.engine, ENGINES)
        check_flag("lowercase", self.lowercase)

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Count the texts of `X`.

        Parameters
        ----------
        X : iterable of str or of lists of str, or TextFile
            Read once; a generator will do.
        y : ignored
        sample_weight : array of whole numbers, optional
            How often each text counts.

        Warns
        -----
        DiscountWarning
            A text too small for Kneser-Ney's discounts: 0.5, 1, 1.5 are taken instead.
        """
        self.check_parameters()
        order, min_count = int(self.order), int(self.min_count)
        method, k = self.smoothing, float(self.k)
        known = self._given_vocabulary()
        texts, lists = _kind(X)
        if sample_weight is not None:
            texts = _repeated(texts, sample_weight)
        with (
            CountProgress(order, X, shown=bool(self.verbose)) as progress,
            Workspace(self.engine) as work,
        ):
            parts, vocabulary = counting.read_words(
                blocks(texts, self.tokenizer, self.lowercase),
                work,
                known,
                progress.read,
            )
            if not any(bool((part > END).any() or (part == UNKNOWN).any()) for part in parts):
                raise ValueError("X: no words to count; wanted at least one text with a word")
            if known is None:
                parts, vocabulary = counting.trim(parts, work, vocabulary, min_count)
            counts = counting.count_levels(parts, len(vocabulary), order, work, progress.counted)
        facts = smoothing.smooth(counts, method, k)
        self._take(counts.trie, vocabulary, lists)
        self.training_perplexity_: float | None = float(
            np.exp(-smoothing.log_prob_of_counts(counts) / counts.n_tokens)
        )
        self.discounts_: list[list[float]] = facts.get("discounts", [])
        self.n_texts_ = counts.n_texts
        self.n_words_ = counts.n_tokens - counts.n_texts
        return self

    def _given_vocabulary(self) -> Vocabulary | None:
        if self.vocabulary is None:
            return None
        if isinstance(self.vocabulary, str | bytes):
            raise ValueError(f"vocabulary must be a list of words, got {self.vocabulary!r}")
        words = [word for word in self.vocabulary if word not in MARKERS]
        if not all(isinstance(word, str) and word for word in words):
            raise ValueError("vocabulary: every word must be a string that is not empty")
        if len(set(words)) < len(words):
            raise ValueError("vocabulary: a word is listed twice")
        return Vocabulary.of(words)

    def _take(self, trie: Trie, vocabulary: Vocabulary, lists: bool) -> None:
        self._trie, self._vocabulary, self._lists = trie, vocabulary, lists
        self.n_ngrams_ = np.diff(trie.level_starts)[1:].tolist()
        self.discounts_ = []
        self.n_texts_ = self.n_words_ = 0
        self.training_perplexity_ = None

    def shared_parameters(self, X: Any) -> dict[str, Any]:
        """Parameters that chains of several classes must share: the vocabulary of all texts."""
        if self.vocabulary is not None:
            return {}
        with Workspace("memory") as work:
            parts, vocabulary = counting.read_words(blocks(X, self.tokenizer, self.lowercase), work)
            _, vocabulary = counting.trim(parts, work, vocabulary, self.min_count)
        return {"vocabulary": vocabulary.words[N_MARKERS:]}

    @property
    def vocabulary_(self) -> list[str]:
        """All words by number."""
        self._check_fitted()
        return self._vocabulary.words

    def _check_fitted(self) -> None:
        if not hasattr(self, "_trie"):
            from sklearn.exceptions import NotFittedError

            raise NotFittedError("this NGram is not fitted yet; call fit first")

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_trie")

    @classmethod
    def from_tables(cls, tables_: Mapping[Any, Mapping[str, float]]) -> Self:
        """The chain of tables as a person writes them: ``{context: {word: p}}``.

        Contexts are tuples of words or strings split at spaces; ``()`` or ``""`` is the start of
        a text. The longest context that has a table is the one that counts. Figures stay as
        given: what a column lacks to one is shared evenly by the words of all tables (``<unk>``
        and ``</s>`` among them) that it does not list, while :meth:`sample` draws from the listed
        ones alone, with a warning, and ends a text where no table goes on. ``</s>`` may be
        listed. A column that sums to more than one is an error.
        """
        trie, vocabulary = tables.read_tables(tables_)
        model = cls(order=trie.order, smoothing="mle")
        model._take(trie, vocabulary, lists=False)
        return model

    @classmethod
    def from_arpa(cls, path: str | PathLike[str]) -> Self:
        """The chain in an ARPA file, plain or gzip (``.gz``).

        Raises ``ValueError`` that names the line where the file is cut short or wrong.
        """
        trie, vocabulary = arpa.read_arpa(path)
        model = cls(order=trie.order)
        model._take(trie, vocabulary, lists=False)
        return model

    def to_arpa(self, path: str | PathLike[str]) -> None:
        """Write the chain as an ARPA file (gzip where `path` ends in ``.gz``), atomically."""
        self._check_fitted()
        arpa.write_arpa(self._trie, self._vocabulary, path)

    # How likely?

    def score_samples(self, X: Any, end: bool = True) -> NDArray[np.float64]:
        """log P(text) in nats for each text; without P(``</s>``) where `end` is False.

        Unknown words are scored as ``<unk>``. Under ``smoothing="mle"`` what was not seen has
        probability zero: -inf.
        """
        self._check_fitted()
        check_flag("end", end)
        return np.concatenate([np.zeros(0), *(scores for scores, _ in self._scored(X, end))])

    def _scored(self, X: Any, end: bool) -> Iterator[tuple[NDArray[np.float64], int]]:
        """For each block of texts their log P, and how many words that is about."""
        self._trie.walk()  # what the threads share is made before they start

        def scored(block: Block) -> tuple[NDArray[np.float64], int]:
            ids = self._vocabulary.encode(block)
            starts = np.append(np.flatnonzero(ids == START), len(ids))
            n_words = len(ids) - (1 if end else 2) * (len(starts) - 1)
            return self._trie.score(ids, starts, end), n_words

        return in_order(scored, blocks(X, self.tokenizer, self.lowercase))

    def perplexity(self, X: Any, end: bool = True) -> float:
        """exp of the mean negative log P a word, the ends of texts counted where `end`."""
        self._check_fitted()
        total, n_words = 0.0, 0
        for scores, n in self._scored(X, end):
            total += float(scores.sum())
            n_words += n
        if not n_words:
            raise ValueError("X: no words to score")
        return float(np.exp(-total / n_words))

    def prob(self, word: str, context: str | Sequence[str] = ()) -> float:
        """P(word given context); ``()`` is the start of a text.

        `context` is a string or a sequence of words, of which the last `order` - 1 count;
        ``"</s>"`` is a word, and ``"<s>"`` may begin the context.
        """
        return float(np.exp(self.log_prob(word, context)))

    def log_prob(self, word: str, context: str | Sequence[str] = ()) -> float:
        """log P(word given context) in nats; see :meth:`prob`."""
        self._check_fitted()
        state, said = self._state(context)
        number = self._vocabulary.numbers.get(word, UNKNOWN)
        if state < self._short(said):
            return self._trie.unknown_context
        values, _ = self._trie.step(np.array([state]), np.array([number]))
        return float(values[0])

    def next_words(self, context: str | Sequence[str] = (), n: int = 10) -> list[tuple[str, float]]:
        """The `n` most probable words after `context`, with their probabilities."""
        self._check_fitted()
        state, said = self._state(context)
        values, _ = self._trie.transitions(state)
        if state < self._short(said):
            values = np.full_like(values, self._trie.unknown_context)
        best = np.argsort(-values, kind="stable")[: check_integer("n", n, 1)]
        return [(self.vocabulary_[i], float(np.exp(values[i]))) for i in best]

    def _short(self, said: int) -> int:
        from harmonium.models.ngram.asking.dense import short_contexts

        return int(short_contexts(self._trie, said).stop)

    def _state(self, context: str | Sequence[str]) -> tuple[int, int]:
        """The state after `context`, and how many words of it count (``<s>`` included)."""
        words = tokens_of(context, self._split()) if isinstance(context, str) else list(context)
        begins = not words
        if words and words[0] == "<s>":
            begins, words = True, words[1:]
        if "<s>" in words:
            raise ValueError(f"context: <s> can only come first, got {context!r}")
        numbers = self._numbers(words)
        state = 2 if begins and self._trie.n_contexts > 2 else 0
        for number in numbers:
            _, following = self._trie.step(np.array([state]), np.array([number]))
            state = int(following[0])
        return state, len(words) + begins

    def _numbers(self, words: Iterable[str]) -> list[int]:
        numbers = self._vocabulary.numbers
        return [numbers.get(word, UNKNOWN) for word in words]

    def _split(self) -> Callable[[str], Sequence[str]]:
        return tokenizer_for(self.tokenizer, self.lowercase)

    # Make a new one

    def sample(
        self,
        n_samples: int = 1,
        *,
        condition: Any = None,
        greedy: bool = False,
        max_length: int = 100,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        beginning: str | Sequence[str] | None = None,
        random_state: Any = None,
    ) -> list[Any]:
        """New texts, word by word, until the end or `max_length` words.

        Parameters
        ----------
        n_samples : int
        condition : text with blanks, optional
            ``None`` in a token list, ``___`` in a string: draws from P(blanks given the rest).
        greedy : bool
            Always the most probable word: the same text again and again.
        max_length : int
            Words at most, those of `beginning` not counted.
        temperature : float > 0
            Above 1 evens the odds, below 1 sharpens them.
        top_k, top_p : int, float in (0, 1], optional
            Draw among the `top_k` most probable words, or the fewest that reach `top_p`.
        beginning : str or list of str, optional
            What each text begins with.
        random_state : int, Generator or None

        Returns
        -------
        list of str (or of token lists, where the model learned from token lists)
            ``<unk>`` is not drawn: these are draws from P given that every word is known.
        """
        self._check_fitted()
        n = check_integer("n_samples", n_samples, 0)
        generator = random_generator(random_state)
        if condition is not None:
            return self._draw(condition, n, generator)
        max_length = check_integer("max_length", max_length, 1)
        odds = dice.Odds(
            check_flag("greedy", greedy),
            check_number("temperature", temperature, 0.0, low_open=True),
            None if top_k is None else check_integer("top_k", top_k, 1),
            None if top_p is None else check_number("top_p", top_p, 0.0, 1.0, low_open=True),
        )
        begun = [] if beginning is None else tokens_of(beginning, self._split())
        state, said = self._state(("<s>", *begun))
        starts = np.full(n, state, dtype=np.int64)
        listed = self._hand_written()
        if odds.changed():
            out, lengths = dice.roll_with_odds(
                self._trie, starts, said, max_length, generator, odds
            )
        else:
            out, lengths = dice.roll(self._trie, starts, said, max_length, generator, listed)
        if (lengths < 0).any():
            import warnings

            warnings.warn(
                f"{np.count_nonzero(lengths < 0)} texts end where no table goes on",
                stacklevel=2,
            )
            lengths = np.where(lengths < 0, -lengths - 1, lengths)
        words = self.vocabulary_
        return [
            self._joined([*begun, *(words[i] for i in row[:length])], self._lists)
            for row, length in zip(out.tolist(), lengths.tolist(), strict=True)
        ]

    def _hand_written(self) -> bool:
        """Whether P was written as tables: draws are then from the listed words alone."""
        return bool(np.isnan(self._trie.unknown_context) and ~np.isnan(self._trie.floor).all())

    def _joined(self, tokens: list[str], lists: bool) -> Any:
        if lists:
            return tokens
        if self.tokenizer == "characters":
            return "".join(tokens)
        text = " ".join(tokens)
        return _TIGHT.sub(r"\1", text) if self.tokenizer == "words" else text

    # Fill in what is missing

    def _check_asked(self, X: Any, how: str) -> None:
        """What every question about given texts wants."""
        self._check_fitted()
        if how not in ("mode", "sample"):
            raise ValueError(f"how must be 'mode' or 'sample' for texts, got {how!r}")
        if isinstance(X, str):
            raise ValueError("X must be an iterable of texts, got one string; wrap it in a list")

    def complete(
        self, X: Any, *, how: str = "mode", end: bool = True, random_state: Any = None
    ) -> list[Any]:
        """Each text with its blanks filled: ``None`` in a token list, ``___`` in a string.

        ``how="mode"`` is the most probable filling of all blanks together, by dynamic
        programming over the whole chain (Viterbi): exact, whatever the vocabulary, at about one
        visit an n-gram for each blank beside another. ``"sample"`` draws from the posterior;
        ``"mean"`` has no meaning for words. Markers and ``<unk>`` never fill a blank. `end` False
        leaves open whether the text ends there.
        """
        self._check_asked(X, how)
        generator = random_generator(random_state)
        filled = []
        for number, text in enumerate(X):
            tokens, lattice = self._lattice(text, end, f"X: text {number}")
            said = lattice.best() if how == "mode" else lattice.draw(generator, 1)[0].tolist()
            filled.append(self._filled(text, tokens, said))
        return filled

    def _draw(self, condition: Any, n: int, generator: np.random.Generator) -> list[Any]:
        tokens, lattice = self._lattice(condition, True, "condition")
        return [
            self._filled(condition, tokens, said) for said in lattice.draw(generator, n).tolist()
        ]

    def blanks(
        self, text: Any, n_best: int = 10, *, end: bool = True
    ) -> list[list[tuple[str, float]]]:
        """For each blank of one text the `n_best` words with P(word here given the rest).

        Exact posteriors, by sums forward and backward along the chain (Baum 1972).
        """
        self._check_fitted()
        tokens, lattice = self._lattice(text, end, "text")
        n_best = check_integer("n_best", n_best, 1)
        ranked = []
        posterior = lattice.posterior()
        for token, chances in zip(tokens, posterior, strict=False):
            if token is None:
                best = np.argsort(-chances, kind="stable")[:n_best]
                ranked.append(
                    [(self.vocabulary_[i], float(chances[i])) for i in best if chances[i] > 0]
                )
        return ranked

    def _tokens_with_blanks(self, text: Any) -> list[str | None]:
        if isinstance(text, str):
            tokens: list[str | None] = []
            for piece, part in enumerate(text.split(_BLANK)):
                tokens += ([None] if piece else []) + tokens_of(part, self._split())
            return tokens
        return [None if token == _BLANK else token for token in tokens_of(text, self._split())]

    def _lattice(self, text: Any, end: bool, name: str) -> tuple[list[str | None], Lattice]:
        tokens = self._tokens_with_blanks(text)
        for token in tokens:
            if token is not None and (not isinstance(token, str) or token in ("<s>", "</s>")):
                raise ValueError(f"{name}: a token must be a word or None, got {token!r}")
        free = np.arange(N_MARKERS, len(self._vocabulary))
        if not len(free) and None in tokens:
            raise ValueError(f"{name}: no word is known that could fill a blank")
        anything = Choice(free, np.zeros(len(free)))
        numbers = self._vocabulary.numbers
        choices = [
            anything if token is None else _certain(numbers.get(token, UNKNOWN)) for token in tokens
        ]
        return tokens, self._over([*choices, *[_certain(END)] * end], name)

    def _over(self, choices: list[Choice], name: str) -> Lattice:
        start = 2 if self._trie.n_contexts > 2 else 0
        return Lattice(self._trie, choices, start, name=name)

    def _filled(self, text: Any, tokens: list[str | None], said: list[int]) -> Any:
        words = self.vocabulary_
        whole = [
            words[number] if token is None else token
            for token, number in zip(tokens, said, strict=False)
        ]
        return self._joined(whole, not isinstance(text, str))

    # Clean up what is noisy

    def correct(
        self, X: Any, *, noise: Any, how: str = "mode", end: bool = True, random_state: Any = None
    ) -> list[Any]:
        """The clean text behind each noisy one: argmax or a draw of P(text given noisy text).

        `noise` is ``hm.noise.Replace(p)``, each word replaced with probability p by one drawn
        evenly from the vocabulary, or ``hm.noise.Typos(p)``, each character mistyped with
        probability p (candidates: words within two edits, by RapidFuzz). Decoded by Viterbi with
        the chain as prior; ``how="mean"`` has no meaning for words. A word that the model does
        not know stays as it is unless a known one is more probable.
        """
        self._check_asked(X, how)
        generator = random_generator(random_state)
        texts = list(X)
        split = self._split()
        tokens = [tokens_of(text, split) for text in texts]
        choose = channels.choices(noise, self._vocabulary, tokens)
        corrected = []
        for number, (text, words) in enumerate(zip(texts, tokens, strict=True)):
            choices = [choose(word) for word in words]
            lattice = self._over([*choices, *[_certain(END)] * end], f"X: text {number}")
            said = lattice.best() if how == "mode" else lattice.draw(generator, 1)[0].tolist()
            clean = [
                word if i == UNKNOWN else self.vocabulary_[i]
                for word, i in zip(words, said, strict=False)
            ]
            corrected.append(self._joined(clean, not isinstance(text, str)))
        return corrected

    # Files

    def to_state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        self._check_fitted()
        trie = self._trie
        arrays: dict[str, NDArray[Any]] = {
            "blob": self._vocabulary.blob,
            "offsets": self._vocabulary.offsets,
            "word": trie.word,
            "parent": trie.parent,
            "level_starts": trie.level_starts,
            "log_prob": trie.log_prob,
            "log_backoff": trie.log_backoff,
            "floor": trie.floor,
        }
        left_out = ["vocabulary"] + ["tokenizer"] * callable(self.tokenizer)
        facts = {
            "unknown_context": trie.unknown_context,
            "lists": self._lists,
            "discounts": self.discounts_,
            "n_texts": self.n_texts_,
            "n_words": self.n_words_,
            "training_perplexity": self.training_perplexity_,
            "parameters_left_out": left_out,
        }
        return arrays, facts

    def from_state(self, arrays: dict[str, NDArray[Any]], facts: dict[str, Any]) -> None:
        check_arrays(arrays, _STORED)
        starts, offsets = arrays["level_starts"], arrays["offsets"]
        word, parent = arrays["word"], arrays["parent"]
        n = len(word)
        fits = (
            len(starts) >= 3
            and starts[-1] == n == len(parent) == len(arrays["log_prob"])
            and starts[0] == 0
            and _rises(starts)
            and len(offsets) > END + 1
            and offsets[0] == 0
            and _rises(offsets)
            and offsets[-1] <= len(arrays["blob"])
            and starts[2] == len(offsets)
            and len(arrays["log_backoff"]) == len(arrays["floor"]) == starts[-2]
            and (parent[1:] >= 0).all()
            and _rises(parent[1:])
            and parent[-1] < starts[-2]
            and (word >= 0).all()
            and (word < starts[2] - 1).all()
            and (arrays["log_prob"] <= _ROUNDING).all()
            and not np.isnan(arrays["log_backoff"]).any()
        )
        if not fits:
            raise ValueError("the n-grams do not form a chain")
        trie = Trie(
            word,
            parent,
            starts,
            arrays["log_prob"],
            arrays["log_backoff"],
            arrays["floor"],
            float(facts["unknown_context"]),
        )
        self._take(trie, Vocabulary(arrays["blob"], arrays["offsets"]), bool(facts["lists"]))
        self.discounts_ = facts["discounts"]
        self.n_texts_, self.n_words_ = int(facts["n_texts"]), int(facts["n_words"])
        self.training_perplexity_ = facts["training_perplexity"]

    def facts(self) -> dict[str, Any]:
        """What was counted, for people; of a chain that was given, its sizes alone."""
        check_is_fitted(self)
        return counted_facts(vars(self))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        return tags


def _rises(numbers: NDArray[Any]) -> bool:
    """Whether no number is below the one before it; compared, since a difference may overflow."""
    return bool((numbers[1:] >= numbers[:-1]).all())


def _certain(number: int) -> Choice:
    return Choice(np.array([number]), np.zeros(1))


def _kind(X: Any) -> tuple[Any, bool]:
    """The texts, unread, and whether they are token lists."""
    if isinstance(X, TextFile | str | bytes) or not isinstance(X, Iterable):
        return X, False
    texts = iter(X)
    first = next(texts, None)
    if first is None:
        raise ValueError("X: no texts to count")

    def whole() -> Iterable[Any]:
        yield first
        yield from texts

    return whole(), not isinstance(first, str)


def _repeated(texts: Iterable[Any], sample_weight: Any) -> Iterable[Any]:
    weights = np.asarray(sample_weight, dtype=np.float64)
    if weights.ndim != 1 or (weights < 0).any() or (weights != np.floor(weights)).any():
        raise ValueError("sample_weight must be whole numbers of at least 0, one a text")
    taken = 0
    for text in texts:
        if taken >= len(weights):
            raise ValueError(f"sample_weight has {len(weights)} numbers, X has more texts")
        for _ in range(int(weights[taken])):
            yield text
        taken += 1
    if taken < len(weights):
        raise ValueError(f"sample_weight has {len(weights)} numbers, X has {taken} texts")
