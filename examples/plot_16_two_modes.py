"""
Chains that cannot cross
========================

Sixteen pixels, nearly all on or nearly all off. Plain Gibbs chains seldom cross, and
R-hat says so; tempered chains do. An expectation whose chains disagree has no error bar.
"""

import warnings

import numpy as np
from matplotlib import pyplot as plt

import harmonium as hm

model = hm.RBM.from_parameters(np.full((16, 2), 1.5), np.full(16, -1.45), np.full(2, -12.0))


def on(rows):
    """How many pixels are on."""
    return rows.sum(axis=1)


figure, axes = plt.subplots(2, 1, figsize=(8, 5.5), layout="constrained")
asked = {"n_chains": 6, "n_sweeps": 300, "name": "pixels on", "random_state": 0}
for ax, method in zip(axes, ("gibbs", "tempered"), strict=True):
    hm.display.ChainsDisplay.from_estimator(model, on, method=method, **asked, ax=ax)
    ax.set_title(f"{method}: {ax.get_title()}", fontsize="medium")

# %%
warnings.simplefilter("ignore", RuntimeWarning)  # the status says the same
for method in ("exact", "gibbs", "tempered"):
    found = hm.expectation(model, on, method=method, n_samples=10_000, random_state=0)
    print(f"{method:>9}: {found.value:6.3f} +- {found.std_error:.3f} ({found.status})")
