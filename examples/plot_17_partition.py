"""
log Z, estimated and exact
==========================

Annealed importance sampling walks from a model whose log Z is known to the one that is asked
about. Here the truth is known, too: with more temperatures the estimate nears it, and the error
that it states of itself covers what is left.
"""

from sklearn.datasets import load_digits

import harmonium as hm

digits = (load_digits().data > 7).astype("uint8")
model = hm.RBM(14, n_updates=1500, random_state=0).fit(digits[:1500])
truth = model.log_partition(method="exact").value
print("exact:", model.log_partition(method="exact"))

# %%
display = hm.display.PartitionDisplay.from_estimator(model, truth=truth, random_state=0)
for n, z in zip(display.n_temperatures, display.estimates, strict=True):
    print(f"{n:>5} temperatures: {z}, {z.effective_chains:.0f} of {z.n_chains} chains count")
