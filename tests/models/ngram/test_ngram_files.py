"""Texts, files and engines of the n-gram chain: what goes in, what comes out, what is refused."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from tests.data.make_kenlm import FILE as KENLM
from tests.data.make_kenlm import JUDGED, TEXTS

import harmonium as hm
from harmonium.models.ngram.files import arpa
from harmonium.models.ngram.smoothing import DiscountWarning

pytestmark = pytest.mark.filterwarnings("ignore::harmonium.models.ngram.smoothing.DiscountWarning")


@pytest.fixture(scope="module")
def model() -> hm.NGram:
    return hm.NGram(3).fit(TEXTS)


@pytest.mark.parametrize("name", ["m.arpa", "m.arpa.gz"])
def test_arpa_round_trip(model: hm.NGram, tmp_path: Path, name: str) -> None:
    model.to_arpa(tmp_path / name)
    back = hm.NGram.from_arpa(tmp_path / name)
    texts = [*TEXTS, "a zz b", ""]
    np.testing.assert_allclose(back.score_samples(texts), model.score_samples(texts), rtol=1e-6)


def test_kenlm_reads_the_same_numbers(model: hm.NGram, tmp_path: Path) -> None:
    """KenLM's own figures for an ARPA file of ours, kept with their making in tests/data."""
    known = json.loads(KENLM.read_text(encoding="utf-8"))
    model.to_arpa(tmp_path / "m.arpa")
    assert (tmp_path / "m.arpa").read_text(encoding="utf-8") == known["arpa"]
    for text, (whole, begun) in zip(JUDGED, known["log10"], strict=True):
        ours = model.score_samples([text])[0] / np.log(10)
        assert whole == pytest.approx(ours, abs=1e-4)
        without = model.score_samples([text], end=False)[0] / np.log(10)
        assert begun == pytest.approx(without, abs=1e-4)


def test_pruned_arpa_backs_off(tmp_path: Path) -> None:
    """A trigram whose bigrams were pruned: values by the format's own rule."""
    lines = r"""\data\
ngram 1=5
ngram 2=1
ngram 3=1

\1-grams:
-1.0 <unk>
-99 <s> -0.3
-0.7 </s>
-0.4 a -0.2
-0.5 b -0.1

\2-grams:
-0.25 <s> a -0.05

\3-grams:
-0.125 a b a

\end\
"""
    (tmp_path / "p.arpa").write_text(lines)
    model = hm.NGram.from_arpa(tmp_path / "p.arpa")
    log10 = lambda word, context: model.log_prob(word, context) / np.log(10)  # noqa: E731
    assert log10("a", "<s>") == pytest.approx(-0.25)
    assert log10("b", "<s> a") == pytest.approx(-0.05 - 0.2 - 0.5)
    assert log10("b", "a") == pytest.approx(-0.2 - 0.5)
    assert log10("a", "a b") == pytest.approx(-0.125)
    assert log10("a", "b b") == pytest.approx(-0.1 - 0.4)
    assert log10("</s>", "b a") == pytest.approx(-0.2 - 0.7)


GOOD = "\\data\\\nngram 1=3\n\n\\1-grams:\n-1 <unk>\n-99 <s>\n-0.05 </s>\n\n\\end\\\n"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (GOOD[:-8], "line 7"),
        (GOOD.replace("ngram 1=3", "ngram 1=4"), "line 8"),
        (GOOD.replace("ngram 1=3", f"ngram 1={10**12}"), "line 2.*more n-grams than the file can"),
        (GOOD.replace("ngram 1=3", f"ngram 1={'9' * 5000}"), "line 2: wanted 'ngram 1="),
        (GOOD.replace("ngram 1=3", "ngram 1=2"), "line 7"),
        (GOOD.replace("-0.05", "half"), "line 7"),
        (GOOD.replace("-0.05", "0.5"), "line 7"),
        (GOOD.replace("\\1-grams", "\\2-grams"), "line 4"),
        (GOOD.replace("-0.05 </s>", "-0.05 </s> b c"), "line 7"),
        ("hello\n", "line 1"),
        ("", "line 0"),
    ],
)
def test_broken_arpa_names_the_line(tmp_path: Path, text: str, line: str) -> None:
    (tmp_path / "b.arpa").write_text(text)
    with pytest.raises(ValueError, match=line):
        hm.NGram.from_arpa(tmp_path / "b.arpa")


def test_arpa_cut_short_in_gzip(model: hm.NGram, tmp_path: Path) -> None:
    model.to_arpa(tmp_path / "m.arpa.gz")
    data = (tmp_path / "m.arpa.gz").read_bytes()
    (tmp_path / "m.arpa.gz").write_bytes(data[: len(data) // 2])
    with pytest.raises(ValueError, match=r"line \d+.*cut short"):
        hm.NGram.from_arpa(tmp_path / "m.arpa.gz")


def test_a_packed_arpa_takes_memory_for_what_it_holds_not_for_what_it_promises(
    tmp_path: Path,
) -> None:
    path = tmp_path / "p.arpa.gz"
    padding = "x" * 4_000_000 + "\n"  # a line of comment, packed to next to nothing
    path.write_bytes(gzip.compress((padding + GOOD.replace("1=3", "1=900000")).encode()))
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="fewer 1-grams than the 900000"):
            hm.NGram.from_arpa(path)
        assert tracemalloc.get_traced_memory()[1] < 15e6  # promised: 18 MB beside that line
    finally:
        tracemalloc.stop()


def test_memory_grows_with_the_lines_of_an_arpa_file(
    model: hm.NGram, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model.to_arpa(tmp_path / "m.arpa")
    monkeypatch.setattr(arpa, "_CHUNK", 1)
    back = hm.NGram.from_arpa(tmp_path / "m.arpa")
    np.testing.assert_allclose(back.score_samples(TEXTS), model.score_samples(TEXTS), rtol=1e-6)


def test_a_line_without_end_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small ``.gz`` can unpack to one line that fills memory."""
    path = tmp_path / "endless.arpa.gz"
    path.write_bytes(gzip.compress(b"x" * 3_000_000))
    monkeypatch.setattr(arpa, "_LONGEST_LINE", 1_000_000)
    with pytest.raises(ValueError, match="line 1: a line of more than 1,000,000 bytes"):
        hm.NGram.from_arpa(path)
    monkeypatch.setattr("harmonium.data.text_files._BLOCK_BYTES", 2**16)
    monkeypatch.setattr("harmonium.data.text_files._LONGEST_LINE", 2**20)
    path = path.rename(tmp_path / "endless.txt.gz")
    with pytest.raises(ValueError, match=r"line 1: a text of more than 1,048,576 bytes"):
        hm.NGram(2).fit(hm.TextFile(path))


def test_add_k_has_no_arpa_form(tmp_path: Path) -> None:
    model = hm.NGram(2, smoothing="add-k").fit(TEXTS)
    with pytest.raises(ValueError, match="add-k"):
        model.to_arpa(tmp_path / "m.arpa")
    assert not list(tmp_path.iterdir())


def test_save_and_load(model: hm.NGram, tmp_path: Path) -> None:
    model.save(tmp_path / "m.safetensors")
    back = hm.load(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(back.score_samples(TEXTS), model.score_samples(TEXTS))
    assert back.sample(5, random_state=0) == model.sample(5, random_state=0)
    assert back.discounts_ == model.discounts_
    assert back.vocabulary_ == model.vocabulary_
    (tmp_path / "x.safetensors").write_bytes((tmp_path / "m.safetensors").read_bytes()[:-9])
    with pytest.raises(hm.ModelFileError):
        hm.load(tmp_path / "x.safetensors")


@pytest.mark.parametrize("engine", ["memory", "duckdb", "spark"])
def test_engines_count_the_same_out_of_shards(model: hm.NGram, engine: str, tmp_path: Path) -> None:
    """Every kind of shard in one folder, and what else a folder may hold."""
    parts = [TEXTS[:3], TEXTS[3:6], TEXTS[6:9], TEXTS[9:]]
    (tmp_path / "0.txt").write_text("\n".join(parts[0]))  # no line break at the end
    (tmp_path / "1.txt.gz").write_bytes(gzip.compress("\n".join([*parts[1], ""]).encode()))
    with pa.output_stream(tmp_path / "2.txt.zst", compression="zstd") as stream:
        stream.write("\n".join(parts[2]).encode())
    table = pa.table({"number": range(len(parts[3])), "text": parts[3]})
    pq.write_table(table, tmp_path / "3.parquet", row_group_size=2)
    (tmp_path / "4.txt").write_text("")
    for name in ("_SUCCESS", ".0.txt.crc", "_old.txt", "notes.md"):
        (tmp_path / name).write_text("words of another kind")
    other = hm.NGram(3, engine=engine).fit(tmp_path)
    assert other.n_ngrams_ == model.n_ngrams_
    np.testing.assert_array_equal(other.score_samples(TEXTS), model.score_samples(TEXTS))
    for name, array in model.to_state()[0].items():  # all that a model's file holds
        np.testing.assert_array_equal(other.to_state()[0][name], array)


def test_long_texts_move_to_the_disk(model: hm.NGram, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harmonium.models.ngram.counting.engines._IN_MEMORY", 100)
    monkeypatch.setattr("harmonium.data.texts._BLOCK_TEXTS", 7)
    moved = hm.NGram(3).fit(TEXTS)
    assert moved.n_ngrams_ == model.n_ngrams_
    np.testing.assert_allclose(moved.score_samples(TEXTS), model.score_samples(TEXTS), rtol=1e-12)


def test_every_way_in_gives_the_same_model(model: hm.NGram, tmp_path: Path) -> None:
    plain, packed = tmp_path / "t.txt", tmp_path / "t.txt.gz"
    plain.write_bytes(b"\xef\xbb\xbf" + "\r\n".join(TEXTS).encode())
    packed.write_bytes(gzip.compress("\n".join(TEXTS).encode()))
    ways = [
        iter(TEXTS),
        [text.split() for text in TEXTS],
        hm.TextFile(plain),
        hm.TextFile(packed),
        np.array(TEXTS),
    ]
    wanted = model.score_samples(TEXTS)
    for way in ways:
        np.testing.assert_array_equal(hm.NGram(3).fit(way).score_samples(TEXTS), wanted)
    np.testing.assert_array_equal(model.score_samples(hm.TextFile(plain)), wanted)


def test_blocks_are_only_a_detail(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text("\n".join(TEXTS))
    whole = hm.NGram(3).fit(TEXTS)
    monkeypatch.setattr("harmonium.data.text_files._BLOCK_BYTES", 7)
    monkeypatch.setattr("harmonium.data.texts._BLOCK_TEXTS", 3)
    for texts in (TEXTS, hm.TextFile(tmp_path / "t.txt")):
        np.testing.assert_allclose(
            hm.NGram(3).fit(texts).score_samples(TEXTS), whole.score_samples(TEXTS), rtol=1e-12
        )


def test_tokenizers() -> None:
    words = hm.NGram(2, tokenizer="words", lowercase=True).fit(["Don't STOP, naïve café!"])
    assert set(words.vocabulary_[3:]) == {"don't", "stop", ",", "naïve", "café", "!"}
    assert words.complete(["don't ___, naïve café!"]) == ["don't stop, naïve café!"]
    names = hm.NGram(4, tokenizer="characters").fit(["anna", "hanna", "johanna", "ann"])
    drawn = names.sample(5, random_state=0)
    assert all(isinstance(name, str) and " " not in name for name in drawn)
    commas = hm.NGram(2, tokenizer=lambda s: s.split(",")).fit(["a,b", "b,c d"])
    assert set(commas.vocabulary_[3:]) == {"a", "b", "c d"}
    # Spaces of Unicode are part of words, as in KenLM.
    assert hm.NGram(1).fit(["a\u00a0b c"]).vocabulary_[3:] == ["a\u00a0b", "c"]


def test_unknown_words_and_cut_off() -> None:
    model = hm.NGram(2, min_count=2).fit(["a a b", "a c"])
    assert model.vocabulary_ == ["<unk>", "<s>", "</s>", "a"]
    assert np.isfinite(model.score_samples(["q r s"])).all()
    fixed = hm.NGram(2, vocabulary=["a", "z"]).fit(["a a b"])
    assert fixed.vocabulary_[3:] == ["a", "z"]
    assert fixed.prob("z", "a") > 0


def test_typing_errors_are_repaired() -> None:
    texts = ["the movie was amazing", "the movie was dull", "a dull story", "an amazing story"] * 5
    model = hm.NGram(3).fit(texts)
    noisy = ["the moive was amzing", "a dul story", "the movie was amazing"]
    wanted = ["the movie was amazing", "a dull story", "the movie was amazing"]
    assert model.correct(noisy, noise=hm.noise.Typos(0.05)) == wanted
    assert model.correct(noisy, noise=hm.noise.Typos(0.0)) == noisy
    # As the marker of unknown words, which is itself none of the words.
    assert model.correct(["a <unk> story"], noise=hm.noise.Typos(0.05)) == ["a <unk> story"]
    with pytest.raises(ValueError, match="BitFlip"):
        model.correct(noisy, noise=hm.noise.BitFlip(0.1))


def test_weights_repeat_texts() -> None:
    weighted = hm.NGram(2, smoothing="mle").fit(["a b", "a c", "d"], sample_weight=[3, 1, 0])
    assert weighted.prob("b", "a") == 0.75
    assert "d" not in weighted.vocabulary_
    for wrong in ([1, 2], [1, 2, 3, 4], [0.5, 1, 1], [-1, 1, 1]):
        with pytest.raises(ValueError, match="sample_weight"):
            hm.NGram(2).fit(["a b", "a c", "d"], sample_weight=wrong)


@pytest.mark.parametrize(
    ("X", "message"),
    [
        ([], "no texts"),
        (["", "  "], "no words"),
        ("one string", "got one string"),
        (["a\0b"], "NUL"),
        (["a", 3], "text 1|a text must be"),
        ([["a", ""]], "text 0.*not empty"),
        (["a <s> b"], "<s> or </s>"),
        ([["a", None]], "token must be a string"),
        (["\ud800"], "not valid Unicode"),
        (7, "iterable of texts"),
    ],
)
def test_bad_texts_are_refused(X: object, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        hm.NGram(2).fit(X)


@pytest.mark.parametrize(
    "parameters",
    [
        {"order": 0},
        {"order": 7},
        {"smoothing": "good-turing"},
        {"k": 0.0},
        {"min_count": 0},
        {"engine": "abacus"},
        {"tokenizer": "letters"},
        {"tokenizer": str.split, "lowercase": True},
        {"vocabulary": ["a", "a"]},
        {"vocabulary": "abc"},
    ],
)
def test_bad_parameters_are_refused(parameters: dict[str, object]) -> None:
    named = next(iter(parameters)) + "|lowercase"
    with pytest.raises(ValueError, match=named):
        hm.NGram(**parameters).fit(TEXTS)
    with pytest.raises(ValueError, match=named):
        hm.NGram(**parameters).check_parameters()


@pytest.mark.parametrize("end", [2, 0.5, "yes"])
def test_the_end_is_there_or_not(model: hm.NGram, end: object) -> None:
    """A number that counts as true would be so many ends."""
    for ask in (model.score_samples, model.perplexity, model.complete):
        with pytest.raises(TypeError, match="end must be True or False"):
            ask(["a b"], end=end)
    with pytest.raises(TypeError, match="end must be True or False"):
        model.blanks("a ___", end=end)
    with pytest.raises(TypeError, match="end must be True or False"):
        model.correct(["a b"], noise=hm.noise.Replace(0.1), end=end)


def test_order_above_what_the_text_has() -> None:
    with pytest.raises(ValueError, match=r"order=5.*have 3 words"):
        hm.NGram(5).fit(["a", "b"])


def test_bad_bytes_name_the_line(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_bytes(b"good\nbad \xff here\n")
    with pytest.raises(ValueError, match="line 2: not UTF-8"):
        hm.NGram(1).fit(hm.TextFile(tmp_path / "t.txt"))
    assert "bad" in hm.NGram(1).fit(hm.TextFile(tmp_path / "t.txt", errors="ignore")).vocabulary_
    (tmp_path / "n.txt").write_bytes(b"good\nstill good\na\0b\n")
    with pytest.raises(ValueError, match="line 3 holds a NUL"):
        hm.NGram(1).fit(hm.TextFile(tmp_path / "n.txt"))


def test_a_line_of_a_million_words(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text("a b c d " * 250_000)
    model = hm.NGram(3, smoothing="mle").fit(hm.TextFile(tmp_path / "t.txt"))
    assert model.n_words_ == 1_000_000
    assert model.prob("d", "b c") == 1.0


def test_small_texts_warn_and_fall_back() -> None:
    with pytest.warns(DiscountWarning, match=r"0\.5, 1\.0, 1\.5"):
        model = hm.NGram(2).fit(["a b"])
    assert model.discounts_ == [[0.5, 1.0, 1.5]] * 2


def test_estimator_manners() -> None:
    model = hm.NGram(2, smoothing="add-k", k=0.5)
    assert clone(model).get_params() == model.get_params()
    with pytest.raises(NotFittedError):
        model.score_samples(["a"])
    with pytest.raises(ValueError, match="how"):
        model.fit(["a b"]).complete(["a ___"], how="mean")
    assert model.perplexity(["a b"]) == pytest.approx(np.exp(-model.score(["a b"]) / 3))


@pytest.mark.parametrize("smoothing", ["kneser-ney", "witten-bell", "add-k", "mle"])
@pytest.mark.parametrize("order", [1, 2, 4])
def test_perplexity_of_what_was_counted(order: int, smoothing: str) -> None:
    model = hm.NGram(order, smoothing=smoothing).fit(TEXTS)
    assert model.training_perplexity_ == pytest.approx(model.perplexity(TEXTS), rel=1e-12)
