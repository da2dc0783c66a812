"""``python -m benchmarks``: the speed of the RBM, the networks and the grids, in ratios."""

from __future__ import annotations

import subprocess
import sys

for module in ("benchmarks.rbm", "benchmarks.network", "benchmarks.grid sweeps"):
    print(f"-- {module}", flush=True)
    subprocess.run([sys.executable, "-m", *module.split()], check=True)
