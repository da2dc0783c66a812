"""
Holes in a table, filled
========================

A third of the cells of a table are hidden. What is put back is compared with the truth, beside
scikit-learn's imputers, in units of each column's spread.
"""

import numpy as np
from matplotlib import pyplot as plt
from sklearn.datasets import load_wine
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer
from sklearn.metrics import PredictionErrorDisplay

import harmonium as hm

frame = load_wine(as_frame=True).data
hidden = np.random.default_rng(0).random(frame.shape) < 1 / 3
holes = frame.mask(hidden)
imputers = {
    "mean": SimpleImputer(),
    "nearest neighbours": KNNImputer(),
    "iterative": IterativeImputer(random_state=0),
    "harmonium": hm.Imputer(hm.RBM(48, n_updates=3000, random_state=0), random_state=0),
}

# %%
spread, truth = frame.std().to_numpy(), (frame / frame.std()).to_numpy()[hidden]
found = {
    name: (np.asarray(imputer.fit_transform(holes), dtype=float) / spread)[hidden]
    for name, imputer in imputers.items()
}
for name, filled in found.items():
    error = np.sqrt(np.mean((filled - truth) ** 2))
    print(f"{name:>18}: root mean squared error {error:.3f} standard deviations")

# %%
# Cells as they were and as they were filled, in standard deviations: on the line all is right.
figure, axes = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
for ax, name in zip(axes, ("iterative", "harmonium"), strict=True):
    asked = {"kind": "actual_vs_predicted", "scatter_kwargs": {"s": 6}, "ax": ax}
    PredictionErrorDisplay.from_predictions(truth, found[name], subsample=None, **asked)
    ax.set(title=name, xlabel="filled", ylabel="hidden", xticks=(0, 5, 10, 15))
    ax.set_yticks((0, 5, 10, 15))
