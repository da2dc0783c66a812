"""
New rows of a table
===================

A frame with numbers and labels is one joint distribution. Its draws are frames of the same
columns; here they stand beside the real rows, and a condition asks for some of a kind.
"""

from sklearn.datasets import load_wine

import harmonium as hm

data = load_wine(as_frame=True)
frame = data.frame[["alcohol", "malic_acid", "flavanoids", "color_intensity", "proline"]].copy()
frame["kind"] = data.target_names[data.frame["target"]]
model = hm.RBM(32, n_updates=2000, random_state=0).fit(frame)
print(model.schema_)

# %%
# Filled: real rows. Lines and marks: as many new ones.
_ = hm.display.ColumnsDisplay.from_estimator(model, frame, random_state=0)

# %%
# Wines of the second kind with much alcohol, which are rare.
print(model.sample(5, condition={"kind": "class_1", "alcohol": (13.0, 14.0)}, random_state=0))

# %%
# What belongs into a hole, with the kind known or not.
hole = frame.iloc[[0, 70]].copy()
hole["color_intensity"] = None
filled = model.complete(hole, how="mean", random_state=0)
print(filled[["kind", "color_intensity"]], frame.iloc[[0, 70]]["color_intensity"], sep="\n")
