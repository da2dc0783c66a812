"""The vocabulary grows by the room it has: texts of many new words, under a memory limit."""

from __future__ import annotations

import subprocess
import sys

import pytest

#: Address space of the fits below, in bytes; what Python and numba take themselves is most of it.
_LIMIT = 3 * 2**30


@pytest.mark.parametrize(
    ("known", "new"), [(0, 509), (0, 510), (0, 513), (2_000, 4_000), (20_000, 50_000), (0, 300_000)]
)
def test_a_text_of_many_new_words_fits(known: int, new: int) -> None:
    code = f"""
import resource, warnings
resource.setrlimit(resource.RLIMIT_AS, ({_LIMIT}, {_LIMIT}))
warnings.simplefilter("ignore")
import harmonium as hm
texts = [f"k{{i}} k{{i}}" for i in range({known})] + [" ".join(f"w{{i}}" for i in range({new}))]
model = hm.NGram(1).fit(texts)
assert len(model.vocabulary_) == {known + new} + 3, len(model.vocabulary_)
assert model.n_words_ == {2 * known + new}
words = set(model.vocabulary_)
assert all(f"w{{i}}" in words for i in range({new}))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
