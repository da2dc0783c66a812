"""Measures of hm.NGram: ``python -m benchmarks.words speed TEXT | KIND REVIEWS``.

`speed`: counting and scoring TEXT (a text a line) at order 3, in turn with KenLM's ``lmplz`` (path
in LMPLZ) and, where installed, its Python calls; each in a process of its own. REVIEWS is a folder
with pos.txt and neg.txt, of which a fifth is held out. `repair`: the share of injected errors
repaired and of right words spoilt, beside the most frequent candidate without context. `edits`:
words left out, put in and replaced, and how many edits are left after correcting with
hm.noise.Edits as they were made, and as if all three were. `tell`: telling the two apart, 5-fold,
beside naive Bayes over words and pairs. `sizes`: bytes an n-gram of files, pruned and rounded, and
what that costs on the held-out fifth; KenLM's trie from the layout of its records. `mix`: models
of either half of the reviews and of both, mixed by weights found on a thousand held-out reviews.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
import warnings
from itertools import pairwise
from pathlib import Path

import numpy as np

import harmonium as hm

ROUNDS = 3


def _own(text: str) -> None:
    """Count, then score from strings; seconds of each and peak memory on one line."""
    hm.NGram(1).fit(["so that loading the compiled loops is not counted"] * 3)
    started = time.perf_counter()
    model = hm.NGram(3).fit(hm.TextFile(text))
    counted = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    lines = list(hm.TextFile(text))
    model.score_samples(lines[:1000])
    started = time.perf_counter()
    model.score_samples(lines)
    print(counted, time.perf_counter() - started, model.n_words_, peak)


def _kenlm(text: str, arpa: str) -> None:
    import kenlm

    model = kenlm.Model(arpa)
    lines = list(hm.TextFile(text))
    started = time.perf_counter()
    for line in lines:
        model.score(line)
    print(time.perf_counter() - started)


def _timed(*command: str) -> list[float]:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.words", *command],
        check=True,
        capture_output=True,
        text=True,
    )
    return [float(x) for x in done.stdout.split()]


def speed(text: str) -> None:
    """Ratios in one run: medians of rounds in turn."""
    lmplz = os.environ.get("LMPLZ")
    ours, peer = [], []
    arpa = "/tmp/benchmark.arpa"
    for _ in range(ROUNDS):
        ours.append(_timed("own", text))
        if lmplz:
            started = time.perf_counter()
            with open(text, "rb") as source, open(arpa, "wb") as target:
                subprocess.run(
                    [lmplz, "-o", "3", "-S", "4G", "--discount_fallback"],
                    stdin=source,
                    stdout=target,
                    stderr=subprocess.DEVNULL,
                    check=True,
                )
            peer.append(time.perf_counter() - started)
    count, score, n_words, peak = np.median(ours, axis=0)
    print(f"{Path(text).stat().st_size / 1e6:.0f} MB, {n_words / 1e6:.1f} M words, order 3")
    print(f"counted in {count:.2f} s, peak {peak:.2f} GiB")
    print(f"scored from strings at {n_words / score / 1e6:.1f} M words/s")
    if peer:
        print(f"lmplz {np.median(peer):.2f} s, ours {count / np.median(peer):.2f} x of it")
        try:
            theirs = _timed("kenlm", text, arpa)[0]
        except subprocess.CalledProcessError:
            return
        print(f"KenLM's Python calls {n_words / theirs / 1e6:.1f} M words/s")


def _reviews(folder: str) -> tuple[list[str], np.ndarray]:
    texts, labels = [], []
    for name in ("pos", "neg"):
        lines = [line.strip() for line in hm.TextFile(Path(folder) / f"{name}.txt")]
        texts += lines
        labels += [name] * len(lines)
    return texts, np.array(labels)


def _mistype(word: str, letters: str, source: np.random.Generator) -> str:
    """One edit of a word: put in, leave out, change or swap."""
    place, kind = int(source.integers(len(word))), int(source.integers(4))
    letter = letters[source.integers(len(letters))]
    if kind == 0:
        return word[:place] + letter + word[place:]
    if kind == 1 and len(word) > 1:
        return word[:place] + word[place + 1 :]
    if kind == 2 and place + 1 < len(word):
        return word[:place] + word[place + 1] + word[place] + word[place + 2 :]
    return word[:place] + letter + word[place + 1 :]


def repair(folder: str, *kinds: str, share: float = 0.05) -> None:
    """Errors repaired and right words spoilt, on a fifth that was held out."""
    texts, _ = _reviews(folder)
    source = np.random.default_rng(0)
    order = source.permutation(len(texts))
    n_held = len(texts) // 5
    held = [texts[i].split() for i in order[:n_held]]
    train = [texts[i] for i in order[n_held:]]
    chain, words = hm.NGram(3).fit(train), hm.NGram(1).fit(train)
    known = chain.vocabulary_[3:]
    letters = "abcdefghijklmnopqrstuvwxyz"
    for kind in kinds or ("typos", "replace"):
        noisy = []
        for text in held:
            errors = source.random(len(text)) < share
            noisy.append(
                [
                    word
                    if not wrong
                    else known[source.integers(len(known))]
                    if kind == "replace"
                    else _mistype(word, letters, source)
                    for word, wrong in zip(text, errors, strict=True)
                ]
            )
        # A typing error in 5% of words of five letters is one in 1% of characters.
        noise = hm.noise.Replace(share) if kind == "replace" else hm.noise.Typos(share / 5)
        for name, model in (("chain", chain), ("no context", words)):
            started = time.perf_counter()
            clean = model.correct(noisy, noise=noise)
            seconds = time.perf_counter() - started
            changed = repaired = right = spoilt = 0
            for truth, given, found in zip(held, noisy, clean, strict=True):
                for a, b, c in zip(truth, given, found, strict=True):
                    if a != b:
                        changed += 1
                        repaired += c == a
                    else:
                        right += 1
                        spoilt += c != a
            print(
                f"{kind}, {name}: repaired {repaired / changed:.3f} of {changed} errors, spoilt "
                f"{spoilt / right:.4f} of {right} right words, {seconds:.0f} s",
                flush=True,
            )


def edits(folder: str, n_texts: str = "200", share: float = 0.05) -> None:
    """Edits of words that lie between held-out texts and their noisy copies, before and after."""
    from rapidfuzz.distance import Levenshtein

    texts, _ = _reviews(folder)
    source = np.random.default_rng(0)
    order = source.permutation(len(texts))
    n_held = len(texts) // 5
    held = [texts[i].split() for i in order[: int(n_texts)]]
    chain = hm.NGram(3).fit([texts[i] for i in order[n_held:]])
    known = chain.vocabulary_[3:]
    channels = {
        "left out": hm.noise.Edits(delete=share),
        "put in": hm.noise.Edits(insert=share),
        "replaced": hm.noise.Edits(share),
        "all three": hm.noise.Edits(share, share, share),
    }
    for kind, own in channels.items():
        noisy = []
        for text in held:
            read = []
            for word in text:
                other = known[source.integers(len(known))]
                if kind in ("put in", "all three") and source.random() < share:
                    read.append(other)
                if kind in ("left out", "all three") and source.random() < share:
                    continue
                wrong = kind in ("replaced", "all three") and source.random() < share
                read.append(other if wrong else word)
            noisy.append(read)
        before = sum(map(Levenshtein.distance, held, noisy))
        for noise in dict.fromkeys((own, channels["all three"])):
            started = time.process_time()
            clean = chain.correct(noisy, noise=noise)
            seconds = time.process_time() - started
            after = sum(map(Levenshtein.distance, held, clean))
            print(
                f"{kind}, {noise}: {before} edits before, {after} after, "
                f"{1e3 * seconds / len(held):.0f} ms a text (of a core)",
                flush=True,
            )


def tell(folder: str) -> None:
    """Accuracy over five folds."""
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.model_selection import StratifiedKFold, cross_val_score
    from sklearn.naive_bayes import MultinomialNB
    from sklearn.pipeline import make_pipeline

    texts, labels = _reviews(folder)
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    pairs = CountVectorizer(ngram_range=(1, 2), token_pattern=r"\S+")
    for name, model in {
        "NGram(1, tokenizer='cues') a class": hm.BayesClassifier(
            hm.NGram(1, tokenizer="cues"), tune="off"
        ),
        "NGram(3) a class": hm.BayesClassifier(hm.NGram(3), tune="off"),
        "NGram(3), tuned on held-out rows": hm.BayesClassifier(hm.NGram(3)),
        "naive Bayes, words and pairs": make_pipeline(pairs, MultinomialNB()),
    }.items():
        found = cross_val_score(model, texts, labels, cv=folds)
        print(f"{name}: {found.mean():.4f} (folds {', '.join(f'{x:.3f}' for x in found)})")


def _held_out(folder: str) -> tuple[list[str], list[str]]:
    texts, _ = _reviews(folder)
    order = np.random.default_rng(0).permutation(len(texts))
    cut = len(texts) // 5
    return [texts[i] for i in order[cut:]], [texts[i] for i in order[:cut]]


def _of_kenlm(sizes: list[int], rounded: bool) -> float:
    """Bytes an n-gram of KenLM's trie (lm/trie.hh): words and pointers in as few bits as do, a
    probability of 31 bits or 8, a back-off of 32 or 8; 24 bytes a single word and its hash."""
    word, value, weight = sizes[0].bit_length(), 8 if rounded else 31, 8 if rounded else 32
    bits = sizes[-1] * (word + value)
    for size, after in pairwise(sizes[1:]):
        bits += size * (word + value + weight + after.bit_length())
    return (bits / 8 + 24 * sizes[0]) / sum(sizes)


def sizes(folder: str, order: str = "3") -> None:
    """A line a model: n-grams, bytes of each, perplexity, what was lost, seconds."""
    train, held_out = _held_out(folder)
    path = Path("/tmp/benchmark.safetensors")

    def tell(name: str, model: hm.NGram, started: float) -> None:
        seconds = time.perf_counter() - started
        model.save(path)
        n = sum(model.n_ngrams_)
        exact, rounded = (_of_kenlm(model.n_ngrams_, few) for few in (False, True))
        print(
            f"{name}: {n} n-grams, {path.stat().st_size / n:.2f} bytes each (KenLM's trie "
            f"{exact:.2f}, 8 bits {rounded:.2f}"
            f"), perplexity {model.perplexity(held_out):.1f}, {seconds:.1f} s"
        )
        for what, value in model.changed_.items():
            print(f"    {what}: {value:.3g}")

    started = time.perf_counter()
    model = hm.NGram(int(order)).fit(train)
    tell("as counted", model, started)
    for bits in (16, 8, 4):
        started = time.perf_counter()
        tell(f"{bits} bits", model.quantise(bits), started)
    for threshold in (1e-8, 1e-7, 1e-6):
        started = time.perf_counter()
        tell(f"pruned at {threshold:g}", model.prune(threshold), started)
    started = time.perf_counter()
    tell("counted twice", model.prune(min_count=2), started)
    started = time.perf_counter()
    tell("pruned at 1e-7, 8 bits", model.prune(1e-7).quantise(), started)


def mix(folder: str) -> None:
    """Perplexity on held-out reviews that did not choose the weights; one vocabulary for all."""
    train, held_out = _held_out(folder)
    words = hm.NGram(1).fit(train).vocabulary_[3:]
    half, judges = len(train) // 2, held_out[1000:]
    models = {
        "one half": hm.NGram(3, vocabulary=words).fit(train[:half]),
        "the other": hm.NGram(3, vocabulary=words).fit(train[half:]),
        "all": hm.NGram(3, vocabulary=words).fit(train),
    }
    mixed = hm.NGram.interpolate([models["one half"], models["the other"]], "auto", held_out[:1000])
    for name, model in {**models, f"mixed, weights {mixed.weights_}": mixed}.items():
        print(f"{name}: {sum(model.n_ngrams_)} n-grams, perplexity {model.perplexity(judges):.1f}")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    commands = {"speed": speed, "repair": repair, "edits": edits, "tell": tell, "sizes": sizes}
    commands |= {"mix": mix, "own": _own, "kenlm": _kenlm}
    commands[sys.argv[1]](*sys.argv[2:])
