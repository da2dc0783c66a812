"""What a network loads: no torch, which takes seconds and hundreds of megabytes, for anything that
is exact and is not rows."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_USE = """
import sys
import harmonium as hm
from pathlib import Path
here = Path(sys.argv[1])
network = hm.MarkovNetwork([hm.Factor(["rain", "wet"], [[8.0, 1.0], [1.0, 6.0]]),
                            hm.Factor(["wet", "slip"], [[9.0, 1.0], [2.0, 3.0]])])
network.log_partition(), network.log_prob({"rain": 1}), network.marginal("wet", {"slip": 1})
network.marginals({"slip": 1}), network.most_likely({"slip": 1}), network.log_evidence({"slip": 1})
network.loopy_marginals(), network.restricted({"slip": 1}).log_partition()
network.sample(3, {"slip": 1}, random_state=0), network.sample(2, condition=[1, None, None])
network.to_uai(here / "m.uai"), network.save(here / "m.safetensors")
hm.MarkovNetwork.read_uai(here / "m.uai").log_partition()
hm.load(here / "m.safetensors").facts(), repr(network), network._repr_html_()
print({"torch"} & {*sys.modules})
network.plot()
hm.display.NetworkDisplay.from_estimator(network)
print({"torch"} & {*sys.modules})
"""


def test_a_network_answers_without_torch(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _USE, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.split() == ["set()", "set()"]
