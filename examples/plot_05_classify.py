"""
A classifier that knows what classes look like
==============================================

``hm.BayesClassifier`` fits one joint distribution for each class and turns them round by Bayes'
rule. It says what each class looks like, takes rows with holes as they are, and its
probabilities are those of a model, not of a margin.
"""

import numpy as np
from matplotlib import pyplot as plt
from sklearn.datasets import load_digits
from sklearn.metrics import ConfusionMatrixDisplay

import harmonium as hm

data = load_digits()
digits, labels = (data.data > 7).astype("uint8"), data.target
train, test = slice(0, 1300), slice(1300, None)
classifier = hm.BayesClassifier(hm.RBM(16, n_updates=800, random_state=0))
classifier.fit(digits[train], labels[train])

# %%
figure, axes = plt.subplots(figsize=(5, 5), layout="constrained")
told = classifier.predict(digits[test])
ConfusionMatrixDisplay.from_predictions(labels[test], told, ax=axes, colorbar=False, cmap="Blues")
print(f"unseen digits told right: {(told == labels[test]).mean():.1%}")

# %%
# The same classifier, asked about rows of which the lower half is missing.
half = np.where(np.arange(64) < 32, digits[test], np.nan)[:100]
right = classifier.predict(half) == labels[test][:100]
print(f"by their upper half alone: {right.mean():.0%}")
