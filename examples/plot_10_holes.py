"""
Stripes torn out of a picture
=============================

The same model of neighbouring pixels fills holes: the mean of P(missing given the rest), and, as
it is a distribution, draws that differ as much as the model is unsure.
"""

import numpy as np
from skimage.data import camera

import harmonium as hm

levels = 16
pictures = camera()[::4, ::4].astype(int) // (256 // levels)
photo, others = pictures[:64, 32:96], pictures[64:]
model = hm.GridMRF(n_levels=levels, n_patches=30, n_updates=60, random_state=0).fit(others[None])

torn = np.where(np.arange(64) % 16 < 3, np.nan, photo)
mean = model.complete(torn[None], how="mean", random_state=0)[0]
drawn = model.complete(torn[None], how="sample", random_state=0)[0]

# %%
rows = np.stack([photo, torn, mean, drawn])
shown = hm.display.SamplesDisplay(rows=rows, columns=4, top=levels - 1).plot()
shown.ax_.set_title("truth; torn; the mean; a draw")
hole = np.isnan(torn)
error = np.sqrt(np.mean((mean - photo)[hole] ** 2))
usual = np.sqrt(np.mean((photo[~hole].mean() - photo[hole]) ** 2))
print(f"root mean squared error in levels: {error:.2f} (the mean of the rest: {usual:.2f})")
