"""Chains made of chains, against sums over all next words and all texts of small vocabularies."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import numpy as np
import pytest
from tests.models.ngram.test_ngram_exact import random_texts

import harmonium as hm

pytestmark = pytest.mark.filterwarnings("ignore::harmonium.models.ngram.smoothing.DiscountWarning")

SMOOTHINGS = ["kneser-ney", "witten-bell", "mle"]


def contexts(words: list[str], longest: int) -> list[tuple[str, ...]]:
    """All of up to so many words, at the start of a text and within."""
    inside = [c for n in range(1, longest + 1) for c in itertools.product(words, repeat=n)]
    return [("<s>",), *inside, *(("<s>", *c) for c in inside)]


def following(model: hm.NGram, context: tuple[str, ...]) -> dict[str, float]:
    return dict(model.next_words(context, len(model.vocabulary_)))


def assert_normalised(model: hm.NGram, longest: int = 3) -> None:
    for context in contexts([*model.vocabulary_[3:], "never seen"], longest):
        chances = following(model, context)
        assert sum(chances.values()) == pytest.approx(1.0, abs=1e-11), context
        assert chances["<s>"] == 0.0
        word = max(chances, key=chances.__getitem__)
        assert model.prob(word, context) == pytest.approx(chances[word], rel=1e-11)


def texts_of_two() -> list[list[list[str]]]:
    """Different texts and words: the second have no ``a``, the first no ``f``."""
    other = [[w for w in t if w != "a"] + ["f"] for t in random_texts(2, 40)]
    return [random_texts(1), other]


def two(smoothing: str = "kneser-ney", orders: tuple[int, int] = (3, 2)) -> list[hm.NGram]:
    return [
        hm.NGram(order, smoothing=smoothing).fit(texts)
        for order, texts in zip(orders, texts_of_two(), strict=True)
    ]


def grams(texts: list[list[str]], n: int) -> set[tuple[str, ...]]:
    return {gram for t in texts for gram in zip(*(t[i:] for i in range(n)), strict=False)}


@pytest.mark.parametrize("smoothing", SMOOTHINGS)
@pytest.mark.parametrize("orders", [(1, 1), (3, 2), (2, 4)])
def test_a_mixture_is_the_mean_where_words_are_listed(
    smoothing: str, orders: tuple[int, int]
) -> None:
    models, weights = two(smoothing, orders), [0.3, 0.7]
    mixed = hm.NGram.interpolate(models, weights)
    assert_normalised(mixed, 2)
    assert mixed.weights_ == weights
    words = set(mixed.vocabulary_)
    assert words == set(models[0].vocabulary_) | set(models[1].vocabulary_)
    listed = {
        gram
        for order, texts in zip(orders, texts_of_two(), strict=True)
        for n in range(2, order + 1)
        for gram in grams(texts, n)
    }
    for gram in listed:
        wanted = 0.0
        for model, weight in zip(models, weights, strict=True):
            # Words that a model does not know share its P(<unk>) evenly with <unk>.
            unknown = gram[-1] not in model.vocabulary_
            n_sharing = 1 + len(words) - len(model.vocabulary_) if unknown else 1
            wanted += weight * model.prob(gram[-1], gram[:-1]) / n_sharing
        assert mixed.prob(gram[-1], gram[:-1]) == pytest.approx(wanted, rel=1e-9)


def test_a_mixture_of_one_model_with_itself_is_that_model() -> None:
    model = hm.NGram(3).fit(random_texts(1))
    mixed = hm.NGram.interpolate([model, model], [0.25, 0.75])
    texts = [*random_texts(5), ["zz", "a"]]
    np.testing.assert_allclose(mixed.score_samples(texts), model.score_samples(texts), rtol=1e-9)


def test_weights_by_em_are_the_most_probable() -> None:
    models = two()
    held_out = [*random_texts(1, 5), *random_texts(7, 12)]
    found = np.array(hm.NGram.interpolate(models, "auto", held_out).weights_)
    lacking = len(set(models[0].vocabulary_) | set(models[1].vocabulary_))
    rows = []
    for text in held_out:
        for i, word in enumerate([*text, "</s>"]):
            rows.append([])
            for model in models:
                p = model.prob(word, ("<s>", *text[:i]))
                share = 1 if word in model.vocabulary_ else 1 + lacking - len(model.vocabulary_)
                rows[-1].append(p / share)
    prob = np.array(rows)
    grid = np.linspace(0.0, 1.0, 2001)[1:-1]
    values = [np.log(prob @ [w, 1 - w]).sum() for w in grid]
    assert found[0] == pytest.approx(grid[int(np.argmax(values))], abs=1e-3)
    assert np.log(prob @ found).sum() >= max(values) - 1e-9
    # Far from the held-out texts: no weight.
    alien = hm.NGram(1).fit([["x", "y", "z"]] * 50)
    assert hm.NGram.interpolate([models[0], alien], "auto", random_texts(1)).weights_[1] < 1e-3


def test_a_mixture_answers_and_is_kept(tmp_path: Path) -> None:
    mixed = hm.NGram.interpolate(two(), texts=random_texts(3))
    assert len(mixed.sample(3, random_state=0)) == 3
    assert None not in mixed.complete([["a", None, "b"]])[0]
    mixed.save(tmp_path / "m")
    back = hm.load(tmp_path / "m", hm.NGram)
    assert back.weights_ == mixed.weights_ == back.facts()["weights of the models mixed"]
    mixed.to_arpa(tmp_path / "m.arpa")
    for other in (back, hm.NGram.from_arpa(tmp_path / "m.arpa")):
        np.testing.assert_allclose(
            other.score_samples(random_texts(4)), mixed.score_samples(random_texts(4)), rtol=1e-6
        )


def test_wrong_mixtures_are_refused() -> None:
    one, _ = two()
    for models, weights, texts, said in [
        ([], [1.0], None, "models: wanted at least one"),
        ([one, 3], [0.5, 0.5], None, r"models\[1\] must be a fitted NGram"),
        ([one, one], [0.5, 0.6], None, "weights must be"),
        ([one, one], [1.5, -0.5], None, "weights must be"),
        ([one, one], [1.0], None, "weights must be"),
        ([one, one], "even", None, "weights must be"),
        ([one, one], [np.nan, 1.0], None, "weights must be"),
        ([one, one], "auto", None, "texts: .* wants held-out texts"),
        ([one, one], "auto", [], "texts: no texts"),
        ([one, one], [0.5, 0.5], ["a"], "texts: are for"),
        ([one, hm.NGram(2, lowercase=True).fit(["a b"])], [0.5, 0.5], None, "another tokenizer"),
        ([one, hm.NGram(2, smoothing="add-k").fit(["a b"])], [0.5, 0.5], None, "backs off"),
    ]:
        with pytest.raises((ValueError, TypeError), match=said):
            hm.NGram.interpolate(models, weights, texts)


def brute_relative_entropy(model: hm.NGram, other: hm.NGram) -> float:
    """Nats a word: over all texts, up to the length at which they are nearly all of P."""
    words = ["never seen", *model.vocabulary_[3:]]
    entropy = n_words = met = 0.0
    for n in range(11):
        texts = [list(t) for t in itertools.product(words, repeat=n)]
        ours, theirs = model.score_samples(texts), other.score_samples(texts)
        p = np.exp(ours)
        entropy += float(p[p > 0] @ (ours[p > 0] - theirs[p > 0]))
        met, n_words = met + p.sum(), n_words + (n + 1) * p.sum()
        if met > 1 - 1e-7:
            break
    assert met > 1 - 1e-6
    return entropy / n_words


def short() -> list[list[str]]:
    rng = np.random.default_rng(0)
    return [list(rng.choice(["a", "b"], size=n)) for n in rng.integers(0, 3, size=1000)]


@pytest.mark.parametrize("smoothing", SMOOTHINGS)
@pytest.mark.parametrize("threshold", [0.0, 1e-3, 3e-2, 1e9])
def test_relative_entropy_of_pruning_against_all_texts(smoothing: str, threshold: float) -> None:
    model = hm.NGram(3, smoothing=smoothing).fit(short())
    pruned = model.prune(threshold)
    assert_normalised(pruned)
    told = pruned.changed_["relative entropy, nats a word"]
    assert told == pytest.approx(brute_relative_entropy(model, pruned), abs=2e-6)
    if threshold == 0.0:
        assert pruned.n_ngrams_ == model.n_ngrams_
        assert told == pytest.approx(0.0, abs=1e-12)
    if threshold == 1e9:
        assert sum(pruned.n_ngrams_[1:]) == 0


def test_each_n_grams_cost_is_the_relative_entropy_without_it() -> None:
    """Exact for the longest n-grams, whose contexts are met by no longer ones."""
    from harmonium.models.ngram.derived import pruning
    from harmonium.models.ngram.derived.usage import usage

    model = hm.NGram(3, smoothing="witten-bell").fit(short())
    trie = model._known().trie
    cost = pruning.costs(trie, usage(trie))
    words, grams = model.vocabulary_, trie.grams(3)
    for place, node in enumerate(range(*trie.level(3).indices(len(trie.word)))):
        gram = [words[i] for i in grams[place]]
        if "<unk>" in gram:
            continue
        kept = np.ones(len(trie.word), dtype=bool)
        kept[node] = False
        fewer, _ = pruning.without(trie, kept)
        other = hm.NGram(3)._keep(type(model._known())(fewer, model._known().vocabulary))
        assert cost[node] == pytest.approx(brute_relative_entropy(model, other), abs=2e-6)
        assert cost[node] >= -1e-15


def test_pruning_by_count(tmp_path: Path) -> None:
    texts = random_texts(1, 60)
    model = hm.NGram(3).fit(texts)
    model.save(tmp_path / "m")
    counted: dict[tuple[str, ...], int] = {}
    for text in texts:
        marked = ["<s>", *text, "</s>"]
        for n in (2, 3):
            for gram in zip(*(marked[i:] for i in range(n)), strict=False):
                counted[gram] = counted.get(gram, 0) + 1
    for whole in (model, hm.load(tmp_path / "m", hm.NGram)):
        pruned = whole.prune(min_count=3)
        assert_normalised(pruned)
        wanted = [sum(c >= 3 for g, c in counted.items() if len(g) == n) for n in (2, 3)]
        assert pruned.n_ngrams_ == [len(model.vocabulary_), *wanted]
        assert pruned.training_perplexity_ is None  # what was measured was another chain's
        gram = max((g for g in counted if len(g) == 3), key=counted.__getitem__)
        assert pruned.prob(gram[-1], gram[:-1]) == model.prob(gram[-1], gram[:-1])
        again = pruned.prune(min_count=3)
        assert again.n_ngrams_ == pruned.n_ngrams_
    assert model.changed_ == {}  # itself unchanged
    assert math.isfinite(pruned.facts()["relative entropy, nats a word"])


def test_a_pruned_chain_that_never_ends(tmp_path: Path) -> None:
    path = tmp_path / "m.arpa"
    path.write_text(
        "\\data\\\nngram 1=4\nngram 2=1\n\n\\1-grams:\n-99 <unk>\n0 <s> 0\n-99 </s>\n0 a -99\n\n"
        "\\2-grams:\n0 a a\n\n\\end\\\n"
    )
    assert_normalised(hm.NGram.from_arpa(path).prune(0.1), 2)


def test_chains_without_longer_n_grams(tmp_path: Path) -> None:
    """A file may promise a length and hold none of it; a chain may have single words alone."""
    path = tmp_path / "m.arpa"
    path.write_text(
        "\\data\\\nngram 1=4\nngram 2=1\nngram 3=0\n\n\\1-grams:\n-1 <unk>\n0 <s> 0\n"
        "-1 </s>\n-0.1 a 0\n\n\\2-grams:\n-0.2 <s> a 0\n\n\\3-grams:\n\n\\end\\\n"
    )
    for model in (hm.NGram.from_arpa(path), hm.NGram(1).fit([["a", "a", "b"]])):
        assert_normalised(model.prune(0.0), 1)
        assert_normalised(model.quantise(), 1)
        mixed = hm.NGram.interpolate([model, model], [0.5, 0.5])
        assert_normalised(mixed, 1)
        assert sum(model.prune(1e9).n_ngrams_) == model.n_ngrams_[0]


def test_wrong_pruning_is_refused() -> None:
    model = hm.NGram(3).fit(random_texts(1))
    mixed = hm.NGram.interpolate([model], [1.0])
    for asked, arguments, said in [
        (model, {}, "threshold: wanted"),
        (model, {"threshold": -1.0}, "threshold must be"),
        (model, {"threshold": float("nan")}, "threshold must be"),
        (model, {"min_count": 1}, "min_count must be"),
        (model, {"min_count": 300}, "min_count must be"),
        (mixed, {"min_count": 2}, "min_count: this model holds no counts"),
        (hm.NGram(2, smoothing="add-k").fit(["a b"]), {"threshold": 0.1}, "prune: wanted a model"),
    ]:
        with pytest.raises(ValueError, match=said):
            asked.prune(**arguments)


@pytest.mark.parametrize("smoothing", SMOOTHINGS)
@pytest.mark.parametrize("bits", [2, 8, 16])
def test_rounded_chains_are_normalised_and_tell_what_changed(
    smoothing: str, bits: int, tmp_path: Path
) -> None:
    model = hm.NGram(3, smoothing=smoothing).fit(random_texts(1, 200, 9))
    rounded = model.quantise(bits)
    assert_normalised(rounded, 2)
    trie, now = model._known().trie, rounded._known().trie
    longer = slice(trie.level_starts[2], None)
    moved = np.abs(trie.log_prob[longer] - now.log_prob[longer])
    told = rounded.changed_
    assert rounded.training_perplexity_ is None
    assert told["largest change of log P of an n-gram, nats"] == pytest.approx(moved.max())
    assert told["mean change of log P of an n-gram, nats"] == pytest.approx(moved.mean())
    assert told["mean change of log P of an n-gram, nats"] < {2: 2.0, 8: 0.02, 16: 1e-4}[bits]
    for text in random_texts(2):  # what is impossible stays so, and nothing else becomes it
        one, other = model.score_samples([text])[0], rounded.score_samples([text])[0]
        assert math.isinf(one) == math.isinf(other)
    rounded.save(tmp_path / "m")
    back = hm.load(tmp_path / "m", hm.NGram)
    texts = random_texts(3)
    np.testing.assert_allclose(back.score_samples(texts), rounded.score_samples(texts), rtol=1e-12)
    assert back.changed_ == told
    back.save(tmp_path / "again")
    again = hm.load(tmp_path / "again", hm.NGram)
    np.testing.assert_array_equal(again.score_samples(texts), back.score_samples(texts))


def test_relative_entropy_of_rounding_against_all_texts() -> None:
    model = hm.NGram(3).fit(short())
    rounded = model.quantise(2)
    told = rounded.changed_["relative entropy, nats a word"]
    assert told == pytest.approx(brute_relative_entropy(model, rounded), abs=2e-6)
    fine = model.quantise(16).changed_["relative entropy, nats a word"]
    assert fine == pytest.approx(0.0, abs=1e-12)  # so few numbers have a code each


def test_rounded_files_are_small_and_pruning_goes_on(tmp_path: Path) -> None:
    model = hm.NGram(3).fit(random_texts(1, 3000, 26))
    n = sum(model.n_ngrams_)
    model.quantise().save(tmp_path / "m")
    assert (tmp_path / "m").stat().st_size < 5 * n + 20_000
    pruned = hm.load(tmp_path / "m", hm.NGram).prune(1e-5)
    assert sum(pruned.n_ngrams_) < n
    assert sum(following(pruned, ("a", "b")).values()) == pytest.approx(1.0, abs=1e-11)
    pruned.quantise().save(tmp_path / "m")
    assert hm.load(tmp_path / "m", hm.NGram).n_ngrams_ == pruned.n_ngrams_
    one = hm.NGram(1).fit(["a a b"])
    np.testing.assert_allclose(one.quantise().score_samples(["a b"]), one.score_samples(["a b"]))


def test_wrong_bits_and_files_are_refused(tmp_path: Path) -> None:
    from harmonium.contract.storage import read_arrays, write_arrays

    model = hm.NGram(3).fit(random_texts(1))
    for bits in (1, 17, 8.0):
        with pytest.raises((ValueError, TypeError), match="bits must be"):
            model.quantise(bits)
    model.quantise().save(tmp_path / "m")
    arrays, facts = read_arrays(tmp_path / "m", "model")
    faults = {
        "word": arrays["word"] + np.uint8(200),
        "children": arrays["children"][::-1],
        "share": arrays["share"][:-1],
        "odds": arrays["odds"].astype(np.float64),
        "shares": arrays["shares"][:, :3],
        "oddses": np.full_like(arrays["oddses"], np.nan),
        "level_starts": arrays["level_starts"][::-1],
        "single": arrays["single"][:-1],
    }
    for name, value in faults.items():
        write_arrays(tmp_path / "bad", "model", arrays | {name: value}, facts)
        with pytest.raises(hm.ModelFileError):
            hm.load(tmp_path / "bad")
