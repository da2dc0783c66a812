"""
Stripes torn out of a picture
=============================

The same model of neighbouring pixels fills holes: the mean of P(missing given the rest), and, as
it is a distribution, draws that differ as much as the model is unsure.
"""

import numpy as np
from matplotlib import pyplot as plt
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
figure, axes = plt.subplots(1, 4, figsize=(11, 3.2), layout="constrained")
for ax, picture, name in zip(
    axes, (photo, torn, mean, drawn), ("truth", "torn", "mean", "a draw"), strict=True
):
    ax.imshow(picture, cmap="gray", vmin=0, vmax=levels - 1)
    ax.set_title(name)
    ax.axis("off")
hole = np.isnan(torn)
error = np.sqrt(np.mean((mean - photo)[hole] ** 2))
usual = np.sqrt(np.mean((photo[~hole].mean() - photo[hole]) ** 2))
print(f"root mean squared error in levels: {error:.2f} (the mean of the rest: {usual:.2f})")
