"""What KenLM reads in an ARPA file of ours: makes ``kenlm.json`` beside this file.

    pip install kenlm==0.3.0        # built from source: wants cmake and a C++ compiler
    python -m tests.data.make_kenlm

The file holds the model as ARPA text and, for each text, log10 P by ``kenlm.Model.score`` with
and without the end of the text. The test of it needs no KenLM: it holds our figures against these
and today's ARPA text against the one that KenLM read.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from tests.models.ngram.test_ngram_exact import random_texts

import harmonium as hm

TEXTS = [" ".join(text) for text in random_texts(1, n=80)]
JUDGED = [*TEXTS, "a zz b", ""]
FILE = Path(__file__).with_name("kenlm.json")


def main() -> None:
    import kenlm

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "m.arpa"
        hm.NGram(3).fit(TEXTS).to_arpa(path)
        judge = kenlm.Model(str(path))
        facts = {
            "made_by": "kenlm 0.3.0, python -m tests.data.make_kenlm",
            "arpa": path.read_text(encoding="utf-8"),
            "log10": [[judge.score(text), judge.score(text, eos=False)] for text in JUDGED],
        }
    FILE.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
