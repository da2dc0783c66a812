"""
Digits that nobody wrote
========================

An RBM learns what pixels of handwritten digits go together, without labels. Then it is asked how
likely unseen digits are, and to draw new ones.
"""

from matplotlib import pyplot as plt
from sklearn.datasets import load_digits

import harmonium as hm

digits = (load_digits().data > 7).astype("uint8")
train, test = digits[:1500], digits[1500:]
model = hm.RBM(64, n_updates=3000, random_state=0).fit(train)

# %%
# A tenth of the rows was held out, so the fit knows when to stop. Both curves are normalised
# log-likelihoods, estimated while the model learned.
hm.display.LearningCurveDisplay.from_estimator(model)

# %%
# log Z comes with its error and with a status: may it be believed?
print("log Z:", model.log_partition())
print(f"an unseen digit: {model.score(test):.2f} nats")

# %%
# New digits, drawn from P(x), and what the hidden units listen to: red where a unit is for ink,
# blue where it is against it.
figure, axes = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
hm.display.SamplesDisplay.from_estimator(model, 60, columns=10, random_state=0, ax=axes[0])
hm.display.WeightsDisplay.from_estimator(model, n_units=60, columns=10, ax=axes[1])
axes[0].set_title("sixty draws")
_ = axes[1].set_title("weights of hidden units")
