"""Measures of hm.NGram: ``python -m benchmarks.words speed TEXT | KIND REVIEWS``.

`speed`: counting and scoring TEXT (a text a line) at order 3, in turn with KenLM's ``lmplz`` (path
in LMPLZ) and, where installed, its Python calls; each in a process of its own. REVIEWS is a folder
with pos.txt and neg.txt, of which a fifth is held out. `repair`: the share of injected errors
repaired and of right words spoilt, beside the most frequent candidate without context. `edits`:
words left out, put in and replaced, and how many edits are left after correcting with
hm.noise.Edits as they were made, and as if all three were. `tell`: telling the two apart, 5-fold,
beside naive Bayes over words and pairs.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
import warnings
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


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    {"speed": speed, "repair": repair, "edits": edits, "tell": tell, "own": _own, "kenlm": _kenlm}[
        sys.argv[1]
    ](*sys.argv[2:])
