"""
Does it belong?
===============

A density says what does not belong without having seen any of it. The detector learns sixes and
is asked about unseen sixes, about other digits, and about noise.
"""

import numpy as np
from sklearn.datasets import load_digits

import harmonium as hm

data = load_digits()
digits, labels = (data.data > 7).astype("uint8"), data.target
sixes = digits[labels == 6]
detector = hm.NoveltyDetector(hm.RBM(16, n_updates=1500, random_state=0)).fit(sixes[:140])

# %%
# log P of each, and the threshold that one in twenty of what was learned falls below.
sets = {
    "unseen sixes": sixes[140:],
    "other digits": digits[labels != 6][:300],
    "coins": np.random.default_rng(0).integers(0, 2, (300, 64)),
}
_ = hm.display.ScoresDisplay.from_estimator(detector, sets, threshold=detector.offset_)

# %%
# +1 belongs, -1 does not.
for name, rows in sets.items():
    print(f"{name}: {(detector.predict(rows) == 1).mean():.0%} belong")
