"""One long text of new words: memory and time in proportion to the text, whatever came before."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import harmonium as hm

pytestmark = pytest.mark.filterwarnings("ignore::harmonium.models.ngram.smoothing.DiscountWarning")

#: The child may take so many MiB beyond what its libraries had mapped before the fit.
_CHILD = """
import resource, sys, warnings
import harmonium as hm
warnings.simplefilter("ignore")
hm.NGram(2).fit(["a b"])
with open("/proc/self/statm") as stream:
    mapped = int(stream.read().split()[0]) * resource.getpagesize()
limit = mapped + int(sys.argv[1]) * 2**20
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
order, sizes = int(sys.argv[2]), [int(n) for n in sys.argv[3:]]
text = lambda number, n: " ".join(f"w{number}_{i}" for i in range(n))
model = hm.NGram(order).fit(text(number, n) for number, n in enumerate(sizes))
assert len(model.vocabulary_) == 3 + sum(sizes), len(model.vocabulary_)
assert model.n_words_ == sum(sizes)
words = set(model.vocabulary_)
assert all(f"w{k}_{i}" in words for k, n in enumerate(sizes) for i in range(n))
"""


def fit_within(n_mib: int, order: int, *sizes: int) -> None:
    """Fit texts of so many distinct words each, in a process that may not take more."""
    command = [sys.executable, "-c", _CHILD, *map(str, (n_mib, order, *sizes))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.parametrize(
    "sizes", [(509,), (510,), (513,), (2_000, 4_000), (20_000, 50_000), (300_000,)]
)
def test_a_text_of_many_new_words(sizes: tuple[int, ...]) -> None:
    fit_within(256, 1, *sizes)


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_a_text_of_five_million_words() -> None:
    """All of them new: 48 MB of text, and some 200 bytes a word at most."""
    fit_within(1536, 1, 5_000_000)
    fit_within(1536, 2, 1_000_000)


def test_a_word_longer_than_all_words_before_it() -> None:
    long = "x" * 3_000_000
    model = hm.NGram(1).fit([f"a {long} b"])
    assert set(model.vocabulary_[3:]) == {"a", "b", long}
    assert model.prob(long, ("a",)) == pytest.approx(model.prob("a", ("a",)), rel=1e-12)


def test_words_keep_their_numbers_while_the_table_grows() -> None:
    """Cut anywhere, texts give the numbers of first appearance."""
    words = [f"{i * i % 7919}" for i in range(6_000)]
    wanted = list(dict.fromkeys(words))
    for cut in (1, 508, 509, 510, 2_000, 5_999):
        model = hm.NGram(1, smoothing="mle").fit([words[:cut], words[cut:]])
        counted = {w: round(model.prob(w, ("1",)) * (len(words) + 2)) for w in wanted}
        assert counted == {w: words.count(w) for w in wanted}


def test_numbers_out_of_core_leave_memory_and_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """DuckDB is told of the memory that there is, spills, and what was counted is taken away."""
    from harmonium.models.ngram.counting import engines

    monkeypatch.setattr(engines, "memory_allowed", lambda: 2**29)
    monkeypatch.setattr("harmonium.data.texts._BLOCK_TEXTS", 100)
    draw = np.random.default_rng(0)
    texts = [" ".join(map(str, row)) for row in draw.integers(0, 300, (1000, 20))]
    with engines.Workspace("duckdb") as work:
        folder = work._folder
        assert folder is not None
        limits = work._connection.raw_sql(
            "select current_setting('memory_limit'), current_setting('temp_directory')"
        ).fetchone()
        assert limits == ("128.0 MiB", str(folder))
        stored = work.store(np.arange(k, dtype=np.int32) for k in (3, 0, 5))
        assert [one.tolist() for one in stored] == [[0, 1, 2], [], [0, 1, 2, 3, 4]]
        assert not any(isinstance(one.base, np.memmap) for one in stored)
        met = sorted(one.name for one in folder.iterdir())
        stored.discard()
        assert len(stored) == 0 < len(met)
        assert not set(met) & {one.name for one in folder.iterdir()}
    assert not folder.exists()
    counted, other = (hm.NGram(3, engine=one).fit(texts) for one in ("memory", "duckdb"))
    for name, array in counted.to_state()[0].items():
        np.testing.assert_array_equal(other.to_state()[0][name], array)
