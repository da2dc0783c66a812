"""The n-gram chain: P(text) as a product of P(word given the words before it), by counting."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from os import PathLike
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import NotFittedError

from harmonium.contract.checks import check_choice, check_flag, check_integer, check_number
from harmonium.data.texts import Tokenization
from harmonium.models.ngram.asking.chain import Chain
from harmonium.models.ngram.counting import learning
from harmonium.models.ngram.counting.engines import ENGINES
from harmonium.models.ngram.derived import mixture, pruning, quantising
from harmonium.models.ngram.facts import counted_facts
from harmonium.models.ngram.files import arpa, state, tables
from harmonium.models.ngram.learned import Learned
from harmonium.models.ngram.questions import Questions
from harmonium.models.ngram.smoothing import METHODS
from harmonium.models.ngram.vocabulary import Vocabulary

__all__ = ["NGram"]


class NGram(Questions):
    """A chain over words: P(w1..wn) is a product of P(w_i given the `order` - 1 words before).

    Start and end of a text are part of the model: P(text) includes ``</s>``, first words are given
    ``<s>``. Texts are strings, lists of tokens, or a :class:`harmonium.TextFile` of any size, for
    which its path may stand.

    Parameters
    ----------
    order : int in [1, 6], default=3
        Words in the longest n-grams.
    smoothing : {"kneser-ney", "witten-bell", "add-k", "mle"}
        Interpolated modified Kneser-Ney (Chen, Goodman 1998; with KenLM's numbers, Heafield 2013),
        Witten-Bell's method C, Lidstone's add-k, or count(context, word) / count(context).
    tokenizer : {"whitespace", "words", "characters", "cues"} or callable
        ``"whitespace"`` splits at ASCII white space; ``"words"`` finds Unicode words and marks;
        ``"cues"`` is for classifiers (order 1): words, pairs of words and beginnings of words, each
        once; a callable gives a string's tokens. Lists stay as they are.
    lowercase : bool
        Fold case before splitting (named tokenizers).
    k : float > 0
        What ``"add-k"`` adds to every count.
    min_count : int >= 1. Words that occur less often become ``<unk>``.
    vocabulary : sequence of str, optional
        The words to know in place of `min_count`; all others become ``<unk>``.
    engine : {"auto", "memory", "duckdb", "spark"}
        What groups the n-grams: numpy in memory; DuckDB, which spills to disk; or Spark, both
        through Ibis (``harmonium[cluster]``). ``"auto"``: memory to about 1e8 words, then DuckDB.
    verbose : {0, 1}
        1 shows a progress bar while counting.

    Attributes
    ----------
    vocabulary_ : list of str
        The markers ``<unk>``, ``<s>``, ``</s>``, then all words, the most frequent first.
    n_ngrams_ : list of int
        Distinct n-grams of each length from 1.
    discounts_ : list of list of float
        Kneser-Ney discounts for n-grams seen 1, 2, 3 or more times, for each length.
    n_texts_, n_words_ : int
        What was counted, without the markers of start and end.
    training_perplexity_ : float
        Of the texts that were counted: what more data, not this figure, should bring down.
    weights_ : list of float
        Of the models that :meth:`interpolate` mixed; empty for others.
    changed_ : dict of str to float
        What :meth:`prune` and :meth:`quantise` changed; empty for others.

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
        smoothing: Literal["kneser-ney", "witten-bell", "add-k", "mle"] = "kneser-ney",
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

    def check_parameters(self) -> None:
        self._recipe()

    def _recipe(self) -> learning.Recipe:
        """The parameters, checked."""
        tokenization = Tokenization(self.tokenizer, check_flag("lowercase", self.lowercase))
        tokenization.check()
        return learning.Recipe(
            check_integer("order", self.order, 1, 6),
            check_choice("smoothing", self.smoothing, METHODS),
            check_number("k", self.k, 0.0, low_open=True),
            check_integer("min_count", self.min_count, 1),
            check_choice("engine", self.engine, ENGINES),
            tokenization,
            None if self.vocabulary is None else Vocabulary.given(self.vocabulary),
        )

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Count the texts of `X`.

        Parameters
        ----------
        X : iterable of str or of lists of str, TextFile, or the path of what that reads
            Read once; a generator will do. A path is that of a file, a folder or a glob of shards.
        y : ignored
        sample_weight : array of whole numbers, optional
            How often each text counts.

        Warns
        -----
        DiscountWarning
            A text too small for Kneser-Ney's discounts: 0.5, 1, 1.5 are taken instead.
        """
        recipe = self._recipe()
        return self._keep(learning.learn(X, sample_weight, recipe, shown=bool(self.verbose)))

    def _keep(self, learned: Learned) -> Self:
        self._learned = learned
        self.n_ngrams_ = np.diff(learned.trie.level_starts)[1:].tolist()
        self.discounts_ = learned.discounts
        self.n_texts_, self.n_words_ = learned.n_texts, learned.n_words
        self.training_perplexity_ = learned.training_perplexity
        self.weights_, self.changed_ = learned.weights, learned.changed
        return self

    def shared_parameters(self, X: Any) -> dict[str, Any]:
        """Parameters that chains of several classes must share: the vocabulary of all texts."""
        if self.vocabulary is not None:
            return {}
        recipe = self._recipe()
        return {"vocabulary": learning.words_of(X, recipe.tokenization, recipe.min_count)}

    def alternatives(self) -> list[dict[str, Any]]:
        """Other parameters, which may tell classes apart better; what was set by hand stays."""
        return learning.telling_apart(self.get_params(), type(self)().get_params())

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_learned")

    def _known(self) -> Learned:
        if not hasattr(self, "_learned"):
            raise NotFittedError("this NGram is not fitted yet; call fit first")
        return self._learned

    def _chain(self) -> Chain:
        """What questions are put to."""
        learned = self._known()
        tokenization = Tokenization(self.tokenizer, self.lowercase)
        return Chain(learned.trie, learned.vocabulary, tokenization, learned.lists)

    @property
    def vocabulary_(self) -> list[str]:
        """All words by number."""
        return self._known().vocabulary.words

    @classmethod
    def from_tables(cls, tables_: Mapping[Any, Mapping[str, float]]) -> Self:
        """The chain of tables as a person writes them: `tables_` is ``{context: {word: p}}``.

        Contexts are tuples of words or strings split at spaces; ``()`` or ``""`` is the start of
        a text. The longest context that has a table is the one that counts. Figures stay as
        given: what a column lacks to one is shared evenly by the words of all tables (``<unk>``
        and ``</s>`` among them) that it does not list, while :meth:`sample` draws from the listed
        ones alone, with a warning, and ends a text where no table goes on. ``</s>`` may be
        listed. A column that sums to more than one is an error.
        """
        trie, vocabulary = tables.read_tables(tables_)
        return cls(order=trie.order, smoothing="mle")._keep(Learned(trie, vocabulary))

    @classmethod
    def from_arpa(cls, path: str | PathLike[str]) -> Self:
        """The chain in an ARPA file, plain or gzip (``.gz``).

        Raises ``ValueError`` that names the line where the file is cut short or wrong.
        """
        trie, vocabulary = arpa.read_arpa(path)
        return cls(order=trie.order)._keep(Learned(trie, vocabulary))

    @classmethod
    def interpolate(
        cls, models: Sequence[NGram], weights: Any = "auto", texts: Any = None
    ) -> NGram:
        """One chain whose P(word given context) is a weighted mean of those of `models`.

        The result holds the n-grams of all models, with the mean of their probabilities: exact
        for every word that some model lists after the context. Words that none lists there
        share what is left as after the shorter context (SRILM's static interpolation, Stolcke
        2002), where the mean itself would pass on each model's share as that model does; tables
        cannot hold that. Every context sums to one. A word that a model does not know has an
        even share of its P(``<unk>``), beside the words that no model knows.

        Parameters
        ----------
        models : sequence of fitted NGram
            With one `tokenizer` and `lowercase`, of any orders and vocabularies. They back off
            (not add-k, not tables).
        weights : "auto" or sequence of float
            ``"auto"``: those under which the words of `texts`, and their ends, are most probable,
            by EM with the exact mean (Jelinek and Mercer 1980). Numbers are at least 0, sum 1.
        texts : iterable of str or of lists of str, or TextFile, optional
            Held-out texts for ``"auto"``, which no model has counted; read once.

        Returns
        -------
        NGram
            With `weights_`. About a visit an n-gram of the result for each model.

        Examples
        --------
        >>> import harmonium as hm
        >>> one, two = (hm.NGram(1).fit([text]) for text in ("a a b", "b b a"))
        >>> hm.NGram.interpolate([one, two], [0.5, 0.5]).weights_
        [0.5, 0.5]
        """
        chains = mixture.checked(
            [model._chain() if isinstance(model, NGram) else model for model in models]
        )
        trie, vocabulary, found = mixture.interpolate(chains, weights, texts)
        first = models[0]
        mixed = cls(trie.order, tokenizer=first.tokenizer, lowercase=first.lowercase)
        return mixed._keep(Learned(trie, vocabulary, chains[0].lists, weights=found))

    def prune(self, threshold: float | None = None, *, min_count: int | None = None) -> NGram:
        """This chain without the n-grams that hardly change it, or hardly ever came; a new one.

        What is left keeps its probabilities, and back-off weights are worked out anew, so that
        every context sums to one. N-grams that longer ones begin or end with stay.

        Parameters
        ----------
        threshold : float >= 0, optional
            N-grams go whose loss alone would cost less than so many nats of relative entropy a
            word, the logarithm of the factor by which perplexity grows (Stolcke 1998). How often
            the model's own texts use each is worked out exactly, at some hundreds of visits an
            n-gram.
        min_count : int in [2, 255], optional
            N-grams go that were counted less often; for models that were fitted, or loaded from
            files of such.

        Returns
        -------
        NGram
            With `changed_`: n-grams before and after, and ``"relative entropy, nats a word"``,
            D(this chain || the pruned one), exact.
        """
        learned = pruning.pruned(self._known(), threshold, min_count)
        return self._derived(learned)

    def quantise(self, bits: int = 8) -> NGram:
        """This chain with rounded probabilities, for a small file; a new one.

        What each n-gram has of its context's mass, and what the context passes on, become codes
        of `bits` bits, laid out for each length of n-grams. Back-off weights follow from them,
        so that every context sums to one. :meth:`save` writes the codes, at about 6 bytes an
        n-gram in place of 25 to 30; once loaded the chain takes what others do. Single words are
        not rounded, what has probability zero keeps it, and counts for `min_count` are dropped.

        Parameters
        ----------
        bits : int in [2, 16]
            Files have a byte a code up to 8, two beyond.

        Returns
        -------
        NGram
            With `changed_`: the largest and the mean change of log P of the n-grams, the largest
            of back-off weights, and D(this chain || the rounded one) in nats a word, exact.
        """
        return self._derived(quantising.quantised(self._known(), bits))

    def indexed(self) -> NGram:
        """This chain, whose file is to be mapped; a new one.

        :meth:`save` writes what walks along the n-grams need as well, at 60 to 90 bytes an n-gram
        in place of 25 to 30. ``harmonium.load(path, mapped=True)`` is immediate then, whatever the
        size, and processes that do so share the memory. Rounded probabilities are kept whole.
        """
        return self._derived(replace(self._known(), indexed=True, codes=None))

    def _derived(self, learned: Learned) -> NGram:
        """A chain with the same parameters, of other n-grams."""
        return type(self)(**self.get_params(deep=False))._keep(learned)

    def to_arpa(self, path: str | PathLike[str]) -> None:
        """Write the chain as an ARPA file (gzip where `path` ends in ``.gz``), atomically."""
        arpa.write_arpa(self._known().trie, self._known().vocabulary, path)

    # Files

    def to_state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        arrays, facts = state.to_arrays(self._known())
        left_out = ["vocabulary"] + ["tokenizer"] * callable(self.tokenizer)
        return arrays, facts | {"parameters_left_out": left_out}

    def from_state(self, arrays: dict[str, NDArray[Any]], facts: dict[str, Any]) -> None:
        self._keep(state.from_arrays(arrays, facts))

    def facts(self) -> dict[str, Any]:
        self._known()
        return counted_facts(vars(self))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        return tags
