"""A learned chain as named arrays and facts, for a model file, and back."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from harmonium.contract.checks import check_arrays
from harmonium.contract.mapped import is_mapped
from harmonium.contract.parameters import named
from harmonium.models.ngram.files.packed import packed, unpacked
from harmonium.models.ngram.learned import Learned
from harmonium.models.ngram.trie import Trie
from harmonium.models.ngram.vocabulary import END, Vocabulary

__all__ = ["from_arrays", "to_arrays"]

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
#: What is worked out of these, in the files of chains that are indexed: of the trie, of words.
_OF_TRIE: dict[str, tuple[str, tuple[int | None, ...]]] = {
    "first_child": ("int64", (None,)),
    "link": ("int32", (None,)),
    "table": ("uint64", (None, 2)),
}
_OF_WORDS: dict[str, tuple[str, tuple[int | None, ...]]] = {
    "hashes": ("uint64", (None,)),
    "slots": ("int32", (None,)),
}


def to_arrays(learned: Learned) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Arrays by name, and JSON-able facts."""
    trie, vocabulary = learned.trie, learned.vocabulary
    arrays: dict[str, NDArray[Any]] = {"blob": vocabulary.blob, "offsets": vocabulary.offsets}
    if learned.codes is not None:
        arrays |= packed(trie, learned.codes)
    else:
        arrays |= {name: getattr(trie, name) for name in _STORED if name not in arrays}
    if learned.count is not None:
        arrays["count"] = learned.count
    if learned.indexed:
        arrays |= {name: getattr(trie, name) for name in _OF_TRIE}
        arrays |= dict(zip(_OF_WORDS, vocabulary.index, strict=True))
    facts = {
        "unknown_context": trie.unknown_context,
        "lists": learned.lists,
        "discounts": learned.discounts,
        "n_texts": learned.n_texts,
        "n_words": learned.n_words,
        "training_perplexity": learned.training_perplexity,
        "weights": learned.weights,
        "changed": learned.changed,
        "indexed": learned.indexed,
    }
    return arrays, facts


def from_arrays(arrays: dict[str, NDArray[Any]], facts: dict[str, Any]) -> Learned:
    """The inverse of :func:`to_arrays`; raises ``ValueError`` where they are no chain.

    Of arrays that are mapped the numbers are not looked at, and an index is taken as it stands; of
    others it is worked out anew, so that none can lead out of the arrays.
    """
    codes = None
    if "share" in arrays:
        check_arrays(arrays, {"level_starts": _STORED["level_starts"]})
        whole, codes = unpacked(arrays)
        arrays = arrays | {name: value for name, value in vars(whole).items() if name in _STORED}
    check_arrays(arrays, _STORED)
    if "count" in arrays:  # of what was counted, not of what was read or mixed
        check_arrays(arrays, {"count": ("uint8", (len(arrays["word"]),))})
    mapped = all(is_mapped(arrays[name]) for name in _STORED)
    if not (_lengths_fit(arrays) and (mapped or _fit(arrays))):
        raise ValueError("the n-grams do not form a chain")
    trie = Trie(
        arrays["word"],
        arrays["parent"],
        arrays["level_starts"],
        arrays["log_prob"],
        arrays["log_backoff"],
        arrays["floor"],
        float(facts["unknown_context"]),
    )
    indexed = bool(facts.get("indexed", False))
    return Learned(
        trie,
        Vocabulary(arrays["blob"], arrays["offsets"], _index(arrays, trie, indexed and mapped)),
        bool(facts["lists"]),
        int(facts["n_texts"]),
        int(facts["n_words"]),
        facts["discounts"],
        facts["training_perplexity"],
        arrays.get("count"),
        list(facts.get("weights", ())),
        named(facts.get("changed", {}), "changed"),
        codes,
        indexed,
    )


def _index(arrays: dict[str, NDArray[Any]], trie: Trie, taken: bool) -> Any:
    """The index of the words, that of the n-grams being put where it is looked for; or None, where
    neither is taken from the file."""
    if not taken:
        return None
    check_arrays(arrays, _OF_TRIE | _OF_WORDS)
    n_slots = [len(arrays[name]) for name in ("table", "slots")]
    if not (
        len(arrays["first_child"]) == trie.n_contexts + 1
        and len(arrays["link"]) == len(trie.word)
        and len(arrays["hashes"]) == len(arrays["offsets"]) - 1
        and all(n > 0 and n & (n - 1) == 0 for n in n_slots)
        and n_slots[0] > len(trie.word) - trie.level_starts[2]
        and n_slots[1] >= len(arrays["offsets"])
    ):
        raise ValueError("the index is not that of the n-grams")
    for name in _OF_TRIE:
        setattr(trie, name, arrays[name])
    return arrays["hashes"], arrays["slots"]


def _lengths_fit(arrays: dict[str, NDArray[Any]]) -> bool:
    """Whether the arrays belong together by their lengths."""
    starts, offsets, word = arrays["level_starts"], arrays["offsets"], arrays["word"]
    return bool(
        len(starts) >= 3
        and starts[-1] == len(word) == len(arrays["parent"]) == len(arrays["log_prob"])
        and starts[0] == 0
        and _rises(starts)
        and len(offsets) > END + 1
        and offsets[0] == 0
        and offsets[-1] <= len(arrays["blob"])
        and starts[2] == len(offsets)
        and len(arrays["log_backoff"]) == len(arrays["floor"]) == starts[-2]
    )


def _fit(arrays: dict[str, NDArray[Any]]) -> bool:
    """Whether no walk along arrays of such lengths can leave them."""
    starts, word, parent = arrays["level_starts"], arrays["word"], arrays["parent"]
    return bool(
        _rises(arrays["offsets"])
        and (parent[1:] >= 0).all()
        and _rises(parent[1:])
        and parent[-1] < starts[-2]
        and (word >= 0).all()
        and (word < starts[2] - 1).all()
        and (arrays["log_prob"] <= _ROUNDING).all()
        and not np.isnan(arrays["log_backoff"]).any()
    )


def _rises(numbers: NDArray[Any]) -> bool:
    """Whether no number is below the one before it; compared, since a difference may overflow."""
    return bool((numbers[1:] >= numbers[:-1]).all())
