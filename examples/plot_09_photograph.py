"""
A noisy photograph
==================

A grid of pixels, a factor for each pair of neighbours, learned from other photographs. Given the
noise's strength, ``correct`` answers with the mean of P(clean given noisy).
"""

import numpy as np
from skimage.data import camera
from sklearn.datasets import load_sample_images

import harmonium as hm

others = [
    picture.mean(axis=2)[::3, ::3].round().astype(int) for picture in load_sample_images().images
]
photo = camera()[40:232:2, 150:342:2].astype(int)
noisy = np.clip(np.round(photo + np.random.default_rng(0).normal(0, 25, photo.shape)), 0, 255)
model = hm.GridMRF(n_patches=20, n_updates=40, n_patch_kinds=8, random_state=0)
model.fit(others)

# %%
# What was learned: small differences are favoured, large ones are not ruled out, so that edges
# survive.
_ = hm.display.PotentialsDisplay.from_estimator(model)


# %%
def decibels(picture):
    """Peak signal to noise ratio against the photograph."""
    return 10 * np.log10(255**2 / np.mean((picture - photo) ** 2))


noise = hm.noise.Gaussian(25)
clean = model.correct(noisy[None], noise=noise, how="mean", random_state=0)[0]
shown = hm.display.SamplesDisplay(rows=np.stack([photo, noisy, clean]), columns=3, top=255)
title = f"truth; noisy, {decibels(noisy):.1f} dB; cleaned, {decibels(clean):.1f} dB"
_ = shown.plot().ax_.set_title(title)
