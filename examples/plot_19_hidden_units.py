"""
From one digit to another
=========================

Between two pictures lie no pictures, but between their hidden states there are others. Decoding
the way shows what the hidden units hold for near.
"""

import numpy as np
from sklearn.datasets import load_digits

import harmonium as hm
from harmonium.latents import neighbour_table

data = load_digits()
digits, labels = (data.data > 7).astype("uint8"), data.target
model = hm.RBM(64, n_updates=3000, random_state=0).fit(digits[:1200])
rows, known = digits[1200:], labels[1200:]

# %%
# Five ways, twelve steps each; first and last are what the ends themselves decode to.
lines = []
for start, end in ((2, 5), (8, 11), (20, 31), (40, 52), (7, 61)):
    ends = model.transform(rows[[start, end]])
    lines.append(model.inverse_transform(np.linspace(ends[0], ends[1], 12)))
hm.display.SamplesDisplay(rows=np.concatenate(lines), columns=12).plot()

# %%
# What single units tell about the label, which no unit has seen: of ln 10 = 2.30 nats.
_ = hm.display.UnitsDisplay.from_estimator(model, rows, known)

# %%
# Is near in latent space near in meaning?
for space in neighbour_table(model, rows, known, fitted_on=digits[:1200]):
    print(f"{space.name}: {space.same_label:.1%} of the ten nearest share the label")
