"""
log Z, estimated and exact
==========================

Annealed importance sampling walks from a model whose log Z is known to the one that is asked
about. Here the truth is known, too: with more temperatures the estimate nears it, and the error
that it states of itself covers what is left.
"""

import numpy as np
from matplotlib import pyplot as plt
from sklearn.datasets import load_digits

import harmonium as hm

digits = (load_digits().data > 7).astype("uint8")
model = hm.RBM(14, n_updates=1500, random_state=0).fit(digits[:1500])
truth = model.log_partition(method="exact").value
print("exact:", model.log_partition(method="exact"))

# %%
sizes = (10, 30, 100, 300, 1000, 3000)
found = [
    model.log_partition(method="ais", n_temperatures=n, n_chains=100, random_state=0) for n in sizes
]
figure, axes = plt.subplots(figsize=(6, 3.4), layout="constrained")
values, errors = [z.value for z in found], [1.96 * z.std_error for z in found]
axes.errorbar(sizes, values, yerr=errors, fmt="o", capsize=3, label="AIS, 95% interval")
axes.axhline(truth, color="C1", label="exact")
axes.set(xscale="log", xlabel="temperatures", ylabel="log Z (nats)")
axes.legend()
for n, z in zip(sizes, found, strict=True):
    print(f"{n:>5} temperatures: {z}, {np.round(z.effective_chains)} chains count")
