"""What a chain of words loads: no torch, which takes seconds and hundreds of megabytes,
and no matplotlib."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_USE = """
import sys
import harmonium as hm
model = hm.NGram(2, smoothing="witten-bell").fit(["a b c", "a c", "b a"])
model.score_samples(["a b"]), model.sample(3, random_state=0)
model.complete(["a ___"]), model.correct(["a b"], noise=hm.noise.Replace(0.1))
model.save(sys.argv[1])
hm.load(sys.argv[1]).sample(1, random_state=0)
print({"torch", "matplotlib"} & {*sys.modules})
"""


def test_a_chain_of_words_works_without_torch(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _USE, str(tmp_path / "m.safetensors")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.strip() == "set()"


def test_the_command_line_helps_without_torch() -> None:
    told = "import sys; sys.modules['torch'] = None; from harmonium.apps.cli.main import app; app()"
    command = [sys.executable, "-c", told, "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
