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
spread = frame.std().to_numpy()
errors = {}
for name, imputer in imputers.items():
    filled = np.asarray(imputer.fit_transform(holes), dtype=float)
    errors[name] = np.sqrt(np.mean((((filled - frame.to_numpy()) / spread)[hidden]) ** 2))
figure, axes = plt.subplots(figsize=(6, 2.6), layout="constrained")
bars = axes.barh(list(errors), list(errors.values()))
axes.bar_label(bars, fmt="%.3f", padding=3)
axes.invert_yaxis()
_ = axes.set(xlabel="root mean squared error, in standard deviations", xlim=(0, 1.25))
