"""
Flipped pixels, put right
=========================

``correct`` takes what is known of the noise: here, that each bit was flipped with probability
0.1. The answer is the clean x behind the noisy one, under P(clean given noisy).
"""

import numpy as np
from sklearn.datasets import load_digits

import harmonium as hm

digits = (load_digits().data > 7).astype("uint8")
train, test = digits[:1500], digits[1500:]
model = hm.RBM(64, n_updates=3000, random_state=0).fit(train)

noisy = test ^ (np.random.default_rng(0).random(test.shape) < 0.1)
clean = model.correct(noisy, noise=hm.noise.BitFlip(0.1), how="mean", random_state=0)

# %%
# Unseen digits, the same with noise, and what the model makes of that.
shown = slice(12)
hm.display.CompletionsDisplay.from_predictions(test[shown], noisy[shown], clean[shown])
print(f"bits right before: {(noisy == test).mean():.1%}")
print(f"bits right after:  {((clean > 0.5) == test).mean():.1%}")
