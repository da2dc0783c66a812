"""
Half a digit, completed
=======================

Any part of a row may be missing, another one in each row. ``complete`` answers from
P(missing given seen): its mean, its most probable value, or a draw.
"""

import numpy as np
from sklearn.datasets import load_digits
from sklearn.neighbors import NearestNeighbors

import harmonium as hm

digits = (load_digits().data > 7).astype("uint8")
train, test = digits[:1500], digits[1500:]
model = hm.RBM(64, n_updates=3000, random_state=0).fit(train)

# %%
# First line: unseen digits. Second: their lower half taken away (orange). Third: the mean of
# P(missing given seen), grey where the model is not sure.
shown = hm.display.CompletionsDisplay.from_estimator(model, test, how="mean", random_state=0)

# %%
# How many of the missing bits are right, on all unseen digits? Beside it, the lower half of the
# training digit whose upper half is nearest.
blanked = np.where(np.arange(64) < 32, test, np.nan)
filled = model.complete(blanked, how="mean", random_state=0)[:, 32:] > 0.5
nearest = NearestNeighbors(n_neighbors=1).fit(train[:, :32]).kneighbors(test[:, :32])[1][:, 0]
print(f"harmonium:         {(filled == test[:, 32:]).mean():.1%}")
print(f"nearest neighbour: {(train[nearest, 32:] == test[:, 32:]).mean():.1%}")

# %%
# A draw from the posterior in place of its mean is one whole guess, without grey.
_ = hm.display.CompletionsDisplay.from_estimator(model, test, how="sample", random_state=1)
