"""
A three, please
===============

``fit(X, y)`` learns P(x, y): pictures and labels in one distribution. So it draws x given a label,
and tells the label of an x.
"""

import numpy as np
from sklearn.datasets import load_digits

import harmonium as hm

data = load_digits()
digits, labels = (data.data > 7).astype("uint8"), data.target
model = hm.RBM(96, n_updates=4000, random_state=0).fit(digits[:1500], labels[:1500])
(name,) = model.attributes_

# %%
# Twelve draws of x given each label, a line a label.
lines = [
    model.sample(12, attributes={name: value}, random_state=int(value))
    for value in model.attribute_classes_
]
hm.display.SamplesDisplay(rows=np.concatenate(lines), columns=12).plot()

# %%
# And the other way round: P(label given x).
told = np.argmax(model.attribute_proba(digits[1500:]), axis=1)
right = np.asarray(model.attribute_classes_)[told] == labels[1500:]
print(f"labels of unseen digits told right: {right.mean():.1%}")
